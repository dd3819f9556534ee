"""Cuts that only two persons can order: of a protected room, and of many rooms at once (A6, S8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.conversations import desk, flows
from bot.conversations.effects import Effect
from bot.conversations.form import REASON, Data, Form, Question, words
from bot.conversations.inbound import Turn
from bot.conversations.openings import for_room
from bot.conversations.parts import Look
from bot.conversations.perform import Situation
from bot.conversations.reply import Reply
from bot.conversations.session import Session
from bot.conversations.topic import Topic
from bot.conversations.vocabulary import Audience, Intent, Wants
from bot.texts import text
from prepaid.domain.accounts import Account
from prepaid.domain.approvals import Approval
from prepaid.domain.errors import Refused
from prepaid.usecases.bulk_cut import bulk_cut
from prepaid.usecases.find_account import find_account
from prepaid.usecases.force_cut import force_cut

MOST_ROOMS = 20
"""As many as a question can name; the rules of arrears cut more by themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForceCut(Effect):
    """Asks a second person to cut off a room, protected or not."""

    account_id: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FindRooms(Effect):
    """Which accounts the rooms are."""

    rooms: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkCut(Effect):
    """Asks a second person to cut off all of these."""

    account_ids: tuple[str, ...]
    why: str


def _rooms(heard: str) -> str:
    """Rooms between commas or spaces, each once."""
    plain = words(heard)
    for mark in "，、;；,":
        plain = plain.replace(mark, " ")
    named = list(dict.fromkeys(plain.split()))
    if not 0 < len(named) <= MOST_ROOMS:
        raise Refused("refused.bulk_size", most=MOST_ROOMS)
    return " ".join(named)


async def _found(on: Situation, effect: FindRooms) -> tuple[Account, ...]:
    found = {}
    for room in effect.rooms.split():
        account = await find_account(on.business, on.actor, room)
        found[account.id] = account
    return tuple(found.values())


def _force_ready(turn: Turn, session: Session, data: Data) -> Reply:
    prompt = text(turn.actor.language, "forcecut.confirm", label=data["label"], words=data["why"])
    return flows.ask_confirm(turn, session, "forcecut", prompt, Look.DANGER, **data)


def _bulk_ready(turn: Turn, session: Session, data: Data) -> Reply:
    count = len(str(data["ids"]).split())
    prompt = text(turn.actor.language, "bulkcut.confirm", count=count, rooms=data["labels"], words=data["why"])
    return flows.ask_confirm(turn, session, "bulkcut", prompt, Look.DANGER, **data)


def _named(turn: Turn, session: Session, data: Data) -> Reply:
    del turn
    return Reply(session=session, effects=(FindRooms(rooms=str(data["rooms"])),))


FORCE = Form(name="forcecut", questions=(REASON,), done=_force_ready)
ROOMS = Form(
    name="bulkcut",
    questions=(Question(name="rooms", read=_rooms, free=True, names=True, when=lambda _: True),),
    done=_named,
)
BULK = Form(name="bulkcut_why", questions=(REASON,), done=_bulk_ready)


def _begin_bulk(turn: Turn, session: Session, argument: str) -> Reply:
    try:
        known = {"rooms": _rooms(argument)} if argument else {}
    except Refused as problem:
        return ROOMS.ask(turn, session, {}, problem)
    return ROOMS.ask(turn, session, known)


def _rooms_found(effect: FindRooms, value: Sequence[Account], turn: Turn, session: Session) -> Reply:
    del effect
    labels = text(turn.actor.language, "bulkcut.comma").join(account.label for account in value)
    return BULK.ask(turn, session, {"ids": " ".join(account.id for account in value), "labels": labels})


def _waits(effect: ForceCut | BulkCut, value: Approval, turn: Turn, session: Session) -> Reply:
    del effect
    return Reply(session=session, parts=(desk.waits(turn, value),))


TOPIC = Topic(
    intents=(
        Intent(
            name="forcecut",
            audience=Audience.STAFF,
            commands=("forcecut", "强制断电"),
            phrases=(r"强制(?:断电|停电|拉闸)\s*(?P<arg>[^\s].{0,40})", r"force[ -]?cut (?P<arg>.{1,40})"),
            wants=Wants.ROOM,
        ),
        Intent(
            name="bulkcut",
            audience=Audience.STAFF,
            commands=("bulkcut", "批量断电"),
            phrases=(r"批量(?:断电|停电|拉闸)\s*(?P<arg>[^\s].{0,200})", r"bulk[ -]?cut (?P<arg>.{1,200})"),
        ),
    ),
    openings={"forcecut": for_room("forcecut"), "bulkcut": _begin_bulk},
    confirmed={
        "confirm.forcecut": lambda d: ForceCut(account_id=str(d["account_id"]), why=str(d["why"])),
        "confirm.bulkcut": lambda d: BulkCut(account_ids=tuple(str(d["ids"]).split()), why=str(d["why"])),
    },
    steps={FORCE.step: FORCE.heard, ROOMS.step: ROOMS.heard, BULK.step: BULK.heard},
    after_found={
        "forcecut": lambda turn, session, account: FORCE.begin(
            turn, session, {"account_id": account.id, "label": account.label}
        ),
    },
    performers={
        ForceCut: lambda e, on: force_cut(on.business, on.actor, e.account_id, reason=e.why),
        FindRooms: lambda e, on: _found(on, e),
        BulkCut: lambda e, on: bulk_cut(on.business, on.actor, e.account_ids, reason=e.why),
    },
    presenters={ForceCut: _waits, FindRooms: _rooms_found, BulkCut: _waits},
)
