"""Commission: the checks of the model run on the devices of a room, and their serial numbers are bound, by one yes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.conversations import flows
from bot.conversations.effects import Effect
from bot.conversations.inbound import Turn
from bot.conversations.openings import for_room
from bot.conversations.parts import Look
from bot.conversations.reply import Reply
from bot.conversations.seen import seen_table
from bot.conversations.session import Session
from bot.conversations.topic import Topic
from bot.conversations.vocabulary import Audience, Intent, Wants
from bot.texts import text
from prepaid.domain.accounts import Account
from prepaid.domain.field_requests import Seen
from prepaid.usecases.field_of_account import commission_account


@dataclass(frozen=True, slots=True, kw_only=True)
class Commission(Effect):
    """Checks and binds every meter of the room."""

    account_id: str


def _ask(turn: Turn, session: Session, account: Account) -> Reply:
    prompt = text(turn.actor.language, "commission.confirm", label=account.label)
    return flows.ask_confirm(turn, session, "commission", prompt, Look.PRIMARY, account_id=account.id)


def _bound(effect: Commission, value: Sequence[tuple[str, Seen]], turn: Turn, session: Session) -> Reply:
    del effect
    language = turn.actor.language
    tables = (seen_table(language, text(language, "field.commissioned", meter_id=meter), seen) for meter, seen in value)
    return Reply(session=session, parts=tuple(tables))


TOPIC = Topic(
    intents=(
        Intent(
            name="commission",
            audience=Audience.STAFF,
            commands=("commission", "调试"),
            phrases=(r"(?:调试|调试电表)\s*(?P<arg>[^\s].{0,40})", r"commission (?P<arg>.{1,40})"),
            wants=Wants.ROOM,
        ),
    ),
    openings={"commission": for_room("commission")},
    confirmed={"confirm.commission": lambda data: Commission(account_id=str(data["account_id"]))},
    after_found={"commission": _ask},
    performers={Commission: lambda e, on: commission_account(on.business, on.actor, e.account_id)},
    presenters={Commission: _bound},
)
