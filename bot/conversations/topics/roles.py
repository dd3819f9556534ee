"""Roles: a colleague is invited by a one-time code, or a role is taken away; never above one's own (A2)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.conversations import desk, flows
from bot.conversations.effects import Effect
from bot.conversations.form import REASON, Data, Form, Question
from bot.conversations.inbound import Turn
from bot.conversations.openings import number_of
from bot.conversations.parts import Item, Look, Tone
from bot.conversations.perform import Situation
from bot.conversations.reply import Reply, say
from bot.conversations.session import Session
from bot.conversations.topic import Topic
from bot.conversations.vocabulary import Audience, Intent
from bot.texts import text
from prepaid.domain.access import Role
from prepaid.domain.errors import Refused, not_found
from prepaid.domain.people import Person
from prepaid.usecases.find_sites import SiteLine
from prepaid.usecases.grant_role import revoke_role
from prepaid.usecases.invite_staff import invite_staff
from prepaid.usecases.list_staff import Holder, list_staff
from prepaid.usecases.name_people import As, Named, name_people


@dataclass(frozen=True, slots=True, kw_only=True)
class ListStaff(Effect):
    """Who holds which role, within reach."""

    page: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PickRole(Effect):
    """The roles of one person within reach, or one of them by its number in the list."""

    person_id: str
    number: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Roles:
    """Who holds what, and who they are."""

    holders: Sequence[Holder]
    names: Mapping[str, Named]


@dataclass(frozen=True, slots=True, kw_only=True)
class InviteStaff(Effect):
    """A one-time code that gives a role."""

    role: str
    scope: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeRole(Effect):
    """Takes a role away."""

    person_id: str
    role: str
    scope: str
    why: str
    who: str = ""
    place: str = ""


def _role(heard: str) -> str:
    plain = heard.strip().casefold()
    if plain not in set(Role):
        raise Refused("refused.role_unknown")
    return plain


def _invite_ready(turn: Turn, session: Session, data: Data) -> Reply:
    language = turn.actor.language
    role = text(language, f"role.{data['role']}")
    prompt = text(language, "invite.confirm", role=role, scope=data["scope"], words=data["why"])
    return flows.ask_confirm(turn, session, "invite", prompt, Look.PRIMARY, **data)


def _revoke_ready(turn: Turn, session: Session, data: Data) -> Reply:
    language = turn.actor.language
    role = text(language, f"role.{data['role']}")
    shown = {"who": data["who"], "role": role, "place": data["place"], "words": data["why"]}
    return flows.ask_confirm(turn, session, "revoke", text(language, "revoke.confirm", **shown), Look.DANGER, **data)


_ROLES = tuple((f"role.{role}", str(role)) for role in Role)
INVITE = Form(name="invite", questions=(Question(name="role", read=_role, picks=_ROLES), REASON), done=_invite_ready)
REVOKE = Form(name="revoke", questions=(REASON,), done=_revoke_ready)


def _of_site(turn: Turn, session: Session, site: SiteLine, rest: str) -> Reply:
    del rest
    return INVITE.ask(turn, session, {"scope": site.path, "name": site.name})


def _begin_revoke(turn: Turn, session: Session, argument: str) -> Reply:
    del turn
    if not argument:
        return Reply(session=session, effects=(ListStaff(),))
    person_id, _, number = argument.partition(":")
    return Reply(session=session, effects=(PickRole(person_id=person_id, number=number_of(number)),))


async def _roles(on: Situation) -> Roles:
    holders = await list_staff(on.business, on.actor)
    return Roles(holders=holders, names=await name_people(on.business, on.actor, (each.person_id for each in holders)))


async def _roles_of(on: Situation, effect: PickRole) -> Roles:
    """Raises `Refused` for whoever holds nothing within reach, as for somebody who is not there."""
    found = await _roles(on)
    theirs = tuple(each for each in found.holders if each.person_id == effect.person_id)
    if not theirs:
        raise not_found()
    return Roles(holders=theirs, names=found.names)


def _items(language: str, value: Roles) -> list[Item]:
    """By role and place; of the person only what tells two of them apart."""
    numbers: Counter[str] = Counter()
    items = []
    for holder in value.holders:
        numbers[holder.person_id] += 1
        items.append(
            Item(
                label=text(language, "role.group" if holder.is_group else f"role.{holder.grant.role}"),
                value=holder.place or holder.grant.scope,
                detail=_who(language, value.names.get(holder.person_id)),
                action=desk.action("revoke", holder.person_id, str(numbers[holder.person_id])),
            )
        )
    return items


def _who(language: str, named: Named | None) -> str:
    """What tells somebody from others who hold the same role."""
    if named is None:
        return ""
    return text(language, "who.you") if named.known_as is As.YOU else text(language, "who.mark", mark=named.mark)


def _picked(effect: PickRole, value: Roles, turn: Turn, session: Session) -> Reply:
    """One role is asked about at once; of several one is chosen."""
    language = turn.actor.language
    if not effect.number and len(value.holders) > 1:
        listing = desk.paged(language, "staff.title", _items(language, value), 1, note=text(language, "staff.note"))
        return Reply(session=session, parts=(listing,))
    holder = value.holders[min(max(1, effect.number), len(value.holders)) - 1]
    data: dict[str, str | int] = {
        "person_id": holder.person_id,
        "who": _who(language, value.names.get(holder.person_id)),
        "role": str(holder.grant.role),
        "scope": holder.grant.scope,
        "place": holder.place or holder.grant.scope,
    }
    return REVOKE.ask(turn, session, data)


def _listed(effect: ListStaff, value: Roles, turn: Turn, session: Session) -> Reply:
    language = turn.actor.language
    items = _items(language, value)
    note = text(language, "staff.note")
    listing = desk.paged(language, "staff.title", items, effect.page, "staff", note=note)
    return Reply(session=session, parts=(listing,))


def _invited(effect: InviteStaff, value: str, turn: Turn, session: Session) -> Reply:
    language = turn.actor.language
    role = text(language, f"role.{effect.role}")
    words = say(language, "invite.code", Tone.GOOD, role=role, scope=effect.scope, code=value)
    return Reply(session=session, parts=(words,))


def _revoked(effect: RevokeRole, value: Person, turn: Turn, session: Session) -> Reply:
    del value
    language = turn.actor.language
    role = text(language, f"role.{effect.role}")
    words = say(language, "revoke.done", Tone.GOOD, who=effect.who, role=role, place=effect.place)
    return Reply(session=session, parts=(words,))


TOPIC = Topic(
    intents=(
        Intent(
            name="staff",
            hints=(
                r"谁.{0,4}(?:权限|管理)|角色|管理员名单",
                r"\broles?\b|who (?:may|is allowed)",
            ),
            audience=Audience.STAFF,
            commands=("staff", "人员", "角色"),
            phrases=(r"(?:查看|看)?(?:管理)?人员(?:列表|名单)?", r"(?:show |list )?(?:the )?(?:staff|roles)"),
        ),
        Intent(
            name="invite",
            audience=Audience.STAFF,
            commands=("invite", "邀请"),
            phrases=(r"邀请(?:同事|管理员)", r"invite (?:a )?(?:colleague|staff)"),
        ),
        Intent(name="revoke", audience=Audience.STAFF, commands=("revoke", "收回角色"), in_help=False),
    ),
    openings={
        "staff": lambda _, session, page: Reply(session=session, effects=(ListStaff(page=desk.page_of(page)),)),
        "invite": desk.for_site("invite"),
        "revoke": _begin_revoke,
    },
    confirmed={
        "confirm.invite": lambda d: InviteStaff(role=str(d["role"]), scope=str(d["scope"]), why=str(d["why"])),
        "confirm.revoke": lambda d: RevokeRole(
            person_id=str(d["person_id"]),
            role=str(d["role"]),
            scope=str(d["scope"]),
            why=str(d["why"]),
            who=str(d["who"]),
            place=str(d["place"]),
        ),
    },
    steps={INVITE.step: INVITE.heard, REVOKE.step: REVOKE.heard},
    picked={INVITE.step: INVITE.picked, REVOKE.step: REVOKE.picked},
    after_site={"invite": _of_site},
    performers={
        ListStaff: lambda _, on: _roles(on),
        PickRole: lambda e, on: _roles_of(on, e),
        InviteStaff: lambda e, on: invite_staff(on.business, on.actor, Role(e.role), e.scope, why=e.why),
        RevokeRole: lambda e, on: revoke_role(on.business, on.actor, e.person_id, Role(e.role), e.scope, why=e.why),
    },
    presenters={ListStaff: _listed, PickRole: _picked, InviteStaff: _invited, RevokeRole: _revoked},
)
