"""Arrears: who owes, the most first; a press shows the room (A1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.conversations import desk
from bot.conversations.effects import Effect
from bot.conversations.inbound import Turn
from bot.conversations.parts import Item, Tone
from bot.conversations.reply import Reply, say
from bot.conversations.session import Session
from bot.conversations.topic import Topic
from bot.conversations.vocabulary import Audience, Intent, Wants
from bot.texts import text
from prepaid.domain.money import MICRO_PER_FEN
from prepaid.usecases.arrears import Debt, arrears


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowArrears(Effect):
    """Everybody below zero."""

    page: int = 1


def _begin(turn: Turn, session: Session, argument: str) -> Reply:
    del turn
    return Reply(session=session, effects=(ShowArrears(page=desk.page_of(argument)),))


def _shown(effect: ShowArrears, value: Sequence[Debt], turn: Turn, session: Session) -> Reply:
    language = turn.actor.language
    if not value:
        return Reply(session=session, parts=(say(language, "arrears.none", Tone.GOOD),))
    items = [_item(language, debt) for debt in value]
    listing = desk.paged(language, "arrears.title", items, effect.page, "arrears")
    owed_micro = -sum(debt.balance_micro // MICRO_PER_FEN * MICRO_PER_FEN for debt in value)
    words = say(language, "arrears.sum", amount_micro=owed_micro)
    return Reply(session=session, parts=(words, listing))


def _item(language: str, debt: Debt) -> Item:
    marks = [text(language, "supply.off")] * debt.off + [text(language, "arrears.protected")] * debt.protected
    return Item(
        label=debt.label,
        value=text(language, "figure.balance", balance_micro=debt.balance_micro),
        detail=text(language, "figure.separator").join(marks),
        action=desk.action("find", debt.account_id),
    )


TOPIC = Topic(
    intents=(
        Intent(
            name="arrears",
            hints=(
                r"欠(?:费|款|钱|了|多少)",
                r"\b(?:owes?|owing|arrears|debts?|in debt)\b",
            ),
            audience=Audience.STAFF,
            commands=("arrears", "欠费"),
            phrases=(
                r"(?:查看|看)?(?:欠费|欠款)(?:名单|列表|房间|情况)?",
                r"who owes(?: money)?",
                r"(?:show )?arrears",
            ),
            wants=Wants.PAGE,
        ),
    ),
    openings={"arrears": _begin},
    performers={ShowArrears: lambda _, on: arrears(on.business, on.actor)},
    presenters={ShowArrears: _shown},
)
