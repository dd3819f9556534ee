"""Turning to the staff: human help, a protected person at home, moving out and how far that is (T4, T5)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bot.conversations import flows
from bot.conversations.effects import Effect, ListAccounts
from bot.conversations.inbound import Turn
from bot.conversations.intents import is_command
from bot.conversations.openings import account_action, account_of, for_account
from bot.conversations.parts import KeyValueTable, Look, Row, Tone
from bot.conversations.perform import Situation
from bot.conversations.reply import Reply, choose, press, say
from bot.conversations.session import Flow, Session
from bot.conversations.topic import Topic
from bot.conversations.vocabulary import Ask, Audience, Intent
from bot.texts import text
from prepaid.domain.closing import Closing, Step
from prepaid.domain.errors import Refused
from prepaid.domain.staff_requests import Wish
from prepaid.usecases.agree_closing import agree_closing
from prepaid.usecases.ask_staff import MAX_WORDS, ask_staff
from prepaid.usecases.close_account import show_closing
from prepaid.usecases.closing_agreement import NOT_AGREED
from prepaid.usecases.show_balance import show_balance
from prepaid.usecases.views import BalanceView

_WANT = r"(?:i (?:want|need) (?:to (?:talk|speak) (?:to|with) )?)"
_FRAIL = r"(?:sick person|baby|patient|medical device|oxygen machine)"


@dataclass(frozen=True, slots=True, kw_only=True)
class AskStaff(Effect):
    """Tells the staff."""

    account_id: str
    wish: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LookAtMoveOut(Effect):
    """How far a move-out is; where there is none, the account that is to be left."""

    account_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreeToStatement(Effect):
    """The tenant's word to exactly the statement that was shown."""

    account_id: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaving:
    """What is looked at before a move-out is asked for: the balance; or the move-out itself once it has begun."""

    balance: BalanceView
    closing: Closing | None


def _asking(wish: Wish) -> str:
    return f"ask.{wish}"


def _begin(turn: Turn, session: Session, argument: str, wish: Wish, intent: str) -> Reply:
    account_id = account_of(turn, session)
    if account_id is None:
        return Reply(session=session, effects=(ListAccounts(then=intent, argument=argument),))
    asked = session.ask(_asking(wish), turn.at, account_id=account_id)
    return Reply(session=asked, parts=(say(turn.actor.language, f"ask.{wish}.how"),))


def _human(turn: Turn, session: Session, argument: str) -> Reply:
    return _begin(turn, session, argument, Wish.HELP, "human")


def _protection(turn: Turn, session: Session, argument: str) -> Reply:
    return _begin(turn, session, argument, Wish.PROTECTION, "protectme")


def _heard(turn: Turn, session: Session, flow: Flow, words: str, ask: Ask | None) -> Reply | None:
    """Whatever is written is for the staff, even where it reads like something else; a command's word alone is not."""
    if ask is not None and is_command(words):
        return None
    said = words.strip()
    if not said:
        return Reply(session=session, parts=(say(turn.actor.language, "reason.needed", Tone.WARNING),))
    wish = flow.step.removeprefix("ask.")
    effect = AskStaff(account_id=str(flow.data["account_id"]), wish=wish, words=said[:MAX_WORDS])
    return Reply(session=session.settled(), effects=(effect,))


def _asked(effect: AskStaff, value: datetime, turn: Turn, session: Session) -> Reply:
    del value
    return Reply(session=session, parts=(say(turn.actor.language, f"ask.{effect.wish}.done", Tone.GOOD),))


async def _look(on: Situation, account_id: str) -> Leaving:
    balance = await show_balance(on.business, on.actor, account_id)
    try:
        return Leaving(balance=balance, closing=await show_closing(on.business, on.actor, account_id))
    except Refused:
        return Leaving(balance=balance, closing=None)


def _leaving(effect: LookAtMoveOut, value: Leaving, turn: Turn, session: Session) -> Reply:
    """The tenant's yes goes to the staff, whose own yes closes the account; then this is its statement."""
    language, closing = turn.actor.language, value.closing
    if closing is None:
        label, balance_micro = value.balance.label, value.balance.balance_micro
        prompt = text(language, "leave.confirm", label=label, balance_micro=balance_micro)
        return flows.ask_confirm(turn, session, "leave", prompt, Look.DANGER, account_id=effect.account_id)
    title = text(language, f"leave.{closing.step}", label=value.balance.label)
    note = text(language, closing.waits_for) if closing.waits_for else ""
    tone = Tone.GOOD if closing.step is Step.CLOSED else Tone.PLAIN
    table = KeyValueTable(title=title, rows=_statement(language, closing, value.balance), note=note, tone=tone)
    if closing.waits_for == NOT_AGREED and not closing.agreed:
        asked = session.ask("confirm.agree", turn.at, account_id=effect.account_id, digest=closing.digest)
        yes = press(language, "button.agree", f"yes:{asked.turns}", Look.PRIMARY)
        help_ = press(language, "intent.human", account_action(effect.account_id, "human"))
        prompt = text(language, "leave.agree")
        return Reply(session=asked, parts=(table, choose(prompt, language, yes, help_)))
    bill = press(language, "intent.statement", account_action(effect.account_id, "statement"))
    return Reply(session=session, parts=(table, choose(text(language, "leave.next"), language, bill)))


def _agreed(effect: AgreeToStatement, value: Closing, turn: Turn, session: Session) -> Reply:
    del effect
    return Reply(session=session, parts=(say(turn.actor.language, f"leave.agreed_{value.step}", Tone.GOOD),))


def _statement(language: str, closing: Closing, balance: BalanceView) -> tuple[Row, ...]:
    zone = balance.site_time_zone
    rows = [
        Row(
            label=text(language, "leave.reading", meter_id=each.meter_id),
            value=text(language, "leave.register", energy_wh=each.energy_wh, at=each.at, time_zone=zone),
        )
        for each in closing.readings
    ]

    def money(key: str, amount_micro: int) -> Row:
        return Row(label=text(language, key), value=text(language, "figure.balance", balance_micro=amount_micro))

    if closing.step in (Step.PAYING, Step.CLOSED) or closing.waits_for == NOT_AGREED:
        rows.append(money("leave.left", closing.balance_micro))
        rows += [
            Row(label=text(language, "leave.back"), value=text(language, "figure.fen", amount_fen=each.amount_fen))
            for each in closing.plan
        ]
    else:
        rows.append(money("row.balance", balance.balance_micro))
    if closing.payable_micro:
        rows.append(money("leave.cash", closing.payable_micro))
    return tuple(rows)


TOPIC = Topic(
    intents=(
        Intent(
            name="human",
            hints=(
                r"人工|客服|物业|房东|管理员|报修|坏了|漏[电水]|投诉|有没有人|谁能帮",
                r"\b(?:human|landlord|staff|manager|someone|complain\w*|broken|repair)\b|help me|talk to",
            ),
            audience=Audience.TENANT,
            commands=("human", "人工", "人工客服"),
            phrases=(
                r"(?:我要|我想|请)?(?:找|转|联系|呼叫)?(?:人工(?:客服|服务)?|管理员|物业|房东|客服)",
                rf"{_WANT}?(?:a )?(?:human|real person|person|staff)(?: please)?",
                r"(?:talk|speak) to (?:a )?(?:human|person|the staff|staff|the landlord|someone)",
            ),
        ),
        Intent(
            name="protectme",
            of_staff="protect",
            hints=(
                r"(?:老人|病人|婴儿|孕妇|小孩|孩子|宝宝|呼吸机|残疾|透析).{0,12}[停断保电]|(?:别|不要|不能|不可以)[停断]我?们?家?的?[电水]",
                r"\b(?:ill|sick|baby|patient|oxygen|ventilator|disabled|pregnant|dialysis)\b",
                r"(?:do not|don't|never|must not) (?:cut|switch|turn)",
            ),
            audience=Audience.TENANT,
            commands=("protectme", "申请保电"),
            phrases=(
                r"(?:我家|家里|家中)?有(?:病人|老人|婴儿|孩子|小孩|呼吸机|医疗设备)(?:不能(?:停|断)电)?",
                r"(?:我要|我想)?申请(?:保电|特殊保护|不断电)",
                rf"(?:there is|i have|we have) (?:a )?{_FRAIL}(?: at home)?",
                r"(?:please )?protect my (?:power|supply|electricity)",
            ),
        ),
        Intent(
            name="leave",
            of_staff="moveout",
            hints=(
                r"搬[走家出]|退[租房]|不租了",
                r"mov(?:e|ing) (?:out|away)|leav(?:e|ing) (?:the |my |this )?(?:flat|room|apartment|house)",
                r"end (?:of )?(?:my |the )?(?:lease|tenancy|contract)",
            ),
            audience=Audience.TENANT,
            commands=("leave", "退租", "搬走"),
            phrases=(
                r"(?:我要|我想|我们要|申请|办理)?(?:退租|搬走|搬家|退房|销户)(?:了|进度|结算)?",
                r"(?:i am|i'm|we are|i want to be) moving out|mov(?:e|ing) out|close my account",
            ),
        ),
    ),
    openings={
        "human": _human,
        "protectme": _protection,
        "leave": for_account("leave", lambda account, _: LookAtMoveOut(account_id=account)),
    },
    confirmed={
        "confirm.agree": lambda data: AgreeToStatement(account_id=str(data["account_id"]), digest=str(data["digest"])),
        "confirm.leave": lambda data: AskStaff(
            account_id=str(data["account_id"]), wish=Wish.MOVE_OUT, words=Wish.MOVE_OUT
        ),
    },
    steps={_asking(wish): _heard for wish in (Wish.HELP, Wish.PROTECTION)},
    after_choice=frozenset({"human", "protectme", "leave"}),
    performers={
        AskStaff: lambda e, on: ask_staff(on.business, on.actor, e.account_id, Wish(e.wish), words=e.words),
        LookAtMoveOut: lambda e, on: _look(on, e.account_id),
        AgreeToStatement: lambda e, on: agree_closing(on.business, on.actor, e.account_id, e.digest),
    },
    presenters={AskStaff: _asked, LookAtMoveOut: _leaving, AgreeToStatement: _agreed},
)
