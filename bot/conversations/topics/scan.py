"""Scan: staff ask which devices answer on a gateway's bus. It goes behind every other work there and only reads."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bot.conversations.effects import Effect
from bot.conversations.inbound import Turn
from bot.conversations.parts import Item, List, Part, Tone
from bot.conversations.reply import Reply, say
from bot.conversations.seen import failed_words
from bot.conversations.session import Flow, Session
from bot.conversations.topic import Topic
from bot.conversations.vocabulary import Ask, Audience, Intent
from bot.texts import text
from prepaid.domain.field_requests import SCAN_UNITS_MAX, Seen
from prepaid.usecases.ask_field import Scanned
from prepaid.usecases.field_of_account import scan_named

_NAMED = re.compile(r"(?P<gateway>\S{1,80})(?:\s+(?P<first>\d{1,3})\s*(?:[-~到]\s*(?P<last>\d{1,3}))?)?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan(Effect):
    """Looks who is there."""

    gateway: str
    first: int
    last: int


def _begin(turn: Turn, session: Session, argument: str) -> Reply:
    named = _NAMED.fullmatch(argument.strip())
    if named is None:
        return Reply(session=session.ask("scan.gateway", turn.at), parts=(say(turn.actor.language, "scan.which"),))
    first = int(named["first"] or 1)
    last = int(named["last"] or (named["first"] or SCAN_UNITS_MAX))
    return Reply(session=session.settled(), effects=(Scan(gateway=named["gateway"], first=first, last=last),))


def _heard(turn: Turn, session: Session, flow: Flow, words: str, ask: Ask | None) -> Reply | None:
    del flow
    return None if ask is not None else _begin(turn, session, words)


def _found(effect: Scan, value: Scanned, turn: Turn, session: Session) -> Reply:
    language = turn.actor.language
    where = {"gateway": effect.gateway, "first": effect.first, "through": value.through}
    parts: list[Part] = []
    if value.seen:
        items = tuple(_item(language, seen) for seen in value.seen)
        parts.append(List(title=text(language, "scan.found", **where), items=items))
    else:
        parts.append(say(language, "scan.none", Tone.PLAIN, **where))
    if value.through < effect.last:
        following = {"gateway": effect.gateway, "next": value.through + 1, "last": effect.last}
        parts.append(say(language, "scan.more", Tone.WARNING, **following))
    return Reply(session=session, parts=tuple(parts))


def _item(language: str, seen: Seen) -> Item:
    if not seen.profile:
        return Item(label=text(language, "scan.unit", unit=seen.unit), value=text(language, "scan.unknown"))
    detail = failed_words(language, seen) if seen.failed else seen.serial or ""
    return Item(label=text(language, "scan.unit", unit=seen.unit), value=seen.profile, detail=detail)


TOPIC = Topic(
    intents=(
        Intent(
            name="scan",
            audience=Audience.STAFF,
            commands=("scan", "扫描"),
            phrases=(
                r"扫描(?:总线|网关)?\s*(?P<arg>[^\s].{0,60})?",
                r"scan(?: (?:the )?(?:bus|gateway))?(?: (?P<arg>.{1,60}))?",
            ),
        ),
    ),
    openings={"scan": _begin},
    steps={"scan.gateway": _heard},
    performers={Scan: lambda e, on: scan_named(on.business, on.actor, e.gateway, first=e.first, last=e.last)},
    presenters={Scan: _found},
)
