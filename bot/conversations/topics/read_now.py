"""Read now: staff want the figures of a room's meters as they are at this moment. Nothing is billed by them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.conversations.effects import Effect
from bot.conversations.inbound import Turn
from bot.conversations.openings import for_room
from bot.conversations.reply import Reply
from bot.conversations.seen import seen_table
from bot.conversations.session import Session
from bot.conversations.topic import Topic
from bot.conversations.vocabulary import A_ROOM, Audience, Intent, Wants
from bot.texts import text
from prepaid.domain.accounts import Account
from prepaid.domain.field_requests import Seen
from prepaid.usecases.field_of_account import read_account


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadNow(Effect):
    """Reads every meter of the room."""

    account_id: str


def _found(turn: Turn, session: Session, account: Account) -> Reply:
    del turn
    return Reply(session=session, effects=(ReadNow(account_id=account.id),))


def _read(effect: ReadNow, value: Sequence[tuple[str, Seen]], turn: Turn, session: Session) -> Reply:
    del effect
    language = turn.actor.language
    tables = (seen_table(language, text(language, "field.read", meter_id=meter), seen) for meter, seen in value)
    return Reply(session=session, parts=tuple(tables))


TOPIC = Topic(
    intents=(
        Intent(
            name="read",
            gist=str,
            hints=(
                rf"{A_ROOM}(?:现在|当前|今天)?(?:的)?(?:电表|水表)?的?(?:读数|抄表|读表|表底)",
                r"meter reading .*\d",
            ),
            audience=Audience.STAFF,
            commands=("read", "读表", "抄表"),
            phrases=(
                r"(?:立即|马上)?(?:读表|抄表|读数)\s*(?P<arg>[^\s].{0,40})",
                r"read(?:ing)?(?: now| of| for)? (?P<arg>.{1,40}?)(?: now)?",
            ),
            wants=Wants.ROOM,
        ),
    ),
    openings={"read": for_room("read")},
    after_found={"read": _found},
    performers={ReadNow: lambda e, on: read_account(on.business, on.actor, e.account_id)},
    presenters={ReadNow: _read},
)
