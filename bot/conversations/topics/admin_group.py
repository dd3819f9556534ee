"""An admin group: a group chat of the staff, bound to a site by a code that is made in private and typed there (A5)."""

from __future__ import annotations

from dataclasses import dataclass

from bot.conversations import desk, flows
from bot.conversations.effects import Effect
from bot.conversations.inbound import Turn
from bot.conversations.parts import Look, Tone
from bot.conversations.reply import Reply, say
from bot.conversations.session import Session
from bot.conversations.topic import Topic
from bot.conversations.vocabulary import Audience, Intent
from bot.texts import text
from prepaid.domain.people import INVITATION_TTL_S
from prepaid.usecases.admin_groups import bind_group, issue_group_code, unbind_group
from prepaid.usecases.find_sites import SiteLine


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueGroupCode(Effect):
    """Makes the code that binds a group to a place."""

    scope: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BindGroup(Effect):
    """Binds this group to the place of a code."""

    channel: str
    group: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnbindGroup(Effect):
    """Lets this group go."""

    channel: str
    group: str


def begin_bind(turn: Turn, session: Session, code: str) -> Reply:
    """In a group: a code binds it, without one it is said where codes are made."""
    if not code:
        return Reply(session=session, parts=(say(turn.actor.language, "group.bind_how"),))
    effect = BindGroup(channel=turn.inbound.channel, group=turn.inbound.group, code=code)
    return Reply(session=session.settled(), effects=(effect,))


def begin_unbind(turn: Turn, session: Session) -> Reply:
    """In an admin group: asks before the group is let go."""
    data = {"channel": turn.inbound.channel, "group": turn.inbound.group}
    prompt = text(turn.actor.language, "group.unbind_confirm")
    return flows.ask_confirm(turn, session, "unbind_group", prompt, Look.DANGER, **data)


def _of_site(turn: Turn, session: Session, site: SiteLine, rest: str) -> Reply:
    del turn, rest
    return Reply(session=session, effects=(IssueGroupCode(scope=site.path),))


def _issued(effect: IssueGroupCode, value: str, turn: Turn, session: Session) -> Reply:
    told = say(turn.actor.language, "group.code", code=value, scope=effect.scope, ttl_s=INVITATION_TTL_S)
    return Reply(session=session, parts=(told,))


def _bound(effect: BindGroup, value: str, turn: Turn, session: Session) -> Reply:
    del effect
    return Reply(session=session, parts=(say(turn.actor.language, "group.bound", Tone.GOOD, scope=value),))


def _unbound(effect: UnbindGroup, value: None, turn: Turn, session: Session) -> Reply:
    del effect, value
    return Reply(session=session, parts=(say(turn.actor.language, "group.unbound", Tone.GOOD),))


TOPIC = Topic(
    intents=(
        Intent(
            name="group",
            audience=Audience.STAFF,
            commands=("group", "管理群", "绑定群"),
            phrases=(
                r"(?:绑定|添加|设置)管理群",
                r"(?:(?:bind|add|set ?up) )?(?:an? |the )?(?:admin|staff) group",
            ),
        ),
    ),
    openings={"group": desk.for_site("group")},
    confirmed={
        "confirm.unbind_group": lambda d: UnbindGroup(channel=str(d["channel"]), group=str(d["group"])),
    },
    after_site={"group": _of_site},
    performers={
        IssueGroupCode: lambda e, on: issue_group_code(on.business, on.actor, e.scope),
        BindGroup: lambda e, on: bind_group(on.business, on.actor, e.channel, e.group, e.code, chat=on.chat),
        UnbindGroup: lambda e, on: unbind_group(on.business, on.actor, e.channel, e.group),
    },
    presenters={IssueGroupCode: _issued, BindGroup: _bound, UnbindGroup: _unbound},
)
