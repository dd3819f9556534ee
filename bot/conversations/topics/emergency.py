"""Emergency credit: some light until the person can pay, by one yes (T4)."""

from __future__ import annotations

from dataclasses import dataclass

from bot.conversations import flows
from bot.conversations.effects import Effect, ShowBalance
from bot.conversations.inbound import Turn
from bot.conversations.openings import for_account
from bot.conversations.parts import Look, Tone
from bot.conversations.reply import Reply, say
from bot.conversations.session import Session
from bot.conversations.topic import Topic
from bot.conversations.vocabulary import Audience, Intent
from bot.texts import text
from prepaid.usecases.show_balance import show_balance
from prepaid.usecases.take_emergency_credit import take_emergency_credit
from prepaid.usecases.views import BalanceView


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmEmergency(Effect):
    """Looks at the account, so that the question names it."""

    account_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeEmergency(Effect):
    """Takes it."""

    account_id: str


def _ask(effect: ConfirmEmergency, value: BalanceView, turn: Turn, session: Session) -> Reply:
    language = turn.actor.language
    prompt = text(language, "emergency.confirm", label=value.label, balance_micro=value.balance_micro)
    return flows.ask_confirm(turn, session, "emergency", prompt, Look.PRIMARY, account_id=effect.account_id)


def _taken(effect: TakeEmergency, value: object, turn: Turn, session: Session) -> Reply:
    del value
    words = say(turn.actor.language, "emergency.taken", Tone.GOOD)
    return Reply(session=session, parts=(words,), effects=(ShowBalance(account_id=effect.account_id),))


TOPIC = Topic(
    intents=(
        Intent(
            name="emergency",
            hints=(
                r"应急|紧急(?!停)|预支|[赊借]|没钱",
                r"emergency|can(?:'t|not| not) (?:pay|afford)|borrow|advance",
            ),
            audience=Audience.TENANT,
            commands=("emergency", "应急", "应急用电", "预支"),
            phrases=(
                r"(?:我要|我想|请|帮我)?(?:申请|使用|启用|开启)?(?:应急|紧急)(?:用电|电费|额度|充值)?",
                r"(?:take |use |i need )?(?:the |my )?emergency (?:credit|power)",
            ),
        ),
    ),
    openings={"emergency": for_account("emergency", lambda account, _: ConfirmEmergency(account_id=account))},
    confirmed={"confirm.emergency": lambda data: TakeEmergency(account_id=str(data["account_id"]))},
    after_choice=frozenset({"emergency"}),
    performers={
        ConfirmEmergency: lambda e, on: show_balance(on.business, on.actor, e.account_id),
        TakeEmergency: lambda e, on: take_emergency_credit(on.business, on.actor, e.account_id),
    },
    presenters={ConfirmEmergency: _ask, TakeEmergency: _taken},
)
