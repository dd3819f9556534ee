"""The staff themselves, what they tell everybody, and what is sent to them by itself."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from miniprogram_api.models.common import Given, Shown
from miniprogram_api.models.desk import Why
from prepaid.domain.mail_outs import MailOut
from prepaid.usecases.broadcast import MOST_WORDS, Audience
from prepaid.usecases.list_staff import Holder

RoleName = Literal["owner", "manager", "operator", "finance", "viewer"]
Scope = Annotated[
    str, Field(min_length=1, max_length=300, description="The path of a subtree", examples=["acme/maple"])
]


class HolderOut(Shown):
    """One role of one person, or of a group that is bound to the place."""

    person_id: str
    role: str
    scope: str
    is_group: bool


class HoldersOut(Shown):
    """Roles on places within reach, by place."""

    staff: list[HolderOut]


class GroupOut(Shown):
    """A group chat of the staff. It is told what the staff of the place is told; `revokeRole` lets it go."""

    person_id: str = Field(description="The group among the holders of roles")
    role: RoleName
    scope: Scope


class GroupsOut(Shown):
    """Group chats that are bound to places within reach, by place."""

    groups: list[GroupOut]


class InviteWish(Given):
    """Which role on which subtree whoever uses the code gets, and why."""

    role: RoleName
    scope: Scope
    why: Why


class GroupWish(Given):
    """The place that a group is to be bound to."""

    scope: Scope


class RevokeWish(Given):
    """Which role of the person on which subtree ends, and why."""

    role: RoleName
    scope: Scope
    why: Why


class WordsWish(Given):
    """What everybody of a site, or of a part of it, is to be told."""

    part: str = Field(default="", max_length=100, description='A place inside the site; "": all of it', examples=["b1"])
    words: str = Field(min_length=1, max_length=MOST_WORDS, examples=["The lift is repaired on Monday."])


class BroadcastWish(Given):
    """The same, with a key: the same key tells nobody twice."""

    part: str = Field(default="", max_length=100, description='A place inside the site; "": all of it', examples=["b1"])
    words: str = Field(min_length=1, max_length=MOST_WORDS, examples=["The lift is repaired on Monday."])
    key: str = Field(min_length=1, max_length=64, pattern=r"^[0-9A-Za-z_-]+$", examples=["lift-1"])


class AudienceOut(Shown):
    """Who would be told; `silent` rooms have nobody who could be. `said` is the message, by language."""

    path: str
    people: int
    rooms: int
    silent: int
    said: dict[str, str]


class ToldOut(Shown):
    """Who is told, and how many of the messages are new."""

    audience: AudienceOut
    new: int


class MailOutWish(Given):
    """A report of a site, or the `bill` of an account; `share` is what is common, shared equally, by use or by area."""

    kind: Literal[
        "bill", "use", "finance", "rank", "losses", "odd", "empty", "sites", "share", "share_use", "share_area"
    ]
    subject: str = Field(
        min_length=1, max_length=64, description="The site's id, or the account's for a bill", examples=["maple"]
    )
    every: Literal["day", "month"] = "month"
    form: Literal["picture", "xlsx", "csv"] = "picture"


class MailOutOut(Shown):
    """One thing that is sent to the person's chat by itself."""

    mail_out_id: str
    kind: str
    subject: str
    label: str
    every: str
    form: str
    ordered_at: datetime


class MailOutsOut(Shown):
    """What the person has ordered, oldest first."""

    mail_outs: list[MailOutOut]


def holder_out(holder: Holder) -> HolderOut:
    """One role."""
    grant = holder.grant
    return HolderOut(person_id=holder.person_id, role=grant.role, scope=grant.scope, is_group=holder.is_group)


def group_out(holder: Holder) -> GroupOut:
    """One group."""
    return GroupOut(person_id=holder.person_id, role=holder.grant.role.value, scope=holder.grant.scope)


def audience_out(audience: Audience, said: dict[str, str]) -> AudienceOut:
    """Who would be told."""
    return AudienceOut(
        path=audience.path,
        people=len(audience.people),
        rooms=audience.rooms,
        silent=audience.silent,
        said=said,
    )


def mail_out_out(mail_out: MailOut) -> MailOutOut:
    """One order."""
    return MailOutOut(
        mail_out_id=mail_out.id,
        kind=mail_out.kind,
        subject=mail_out.subject,
        label=mail_out.label,
        every=mail_out.every,
        form=mail_out.form,
        ordered_at=mail_out.ordered_at,
    )
