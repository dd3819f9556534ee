"""The cash desk: money taken for a room with a receipt's number, the list of a day, and a receipt made void (P1)."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import date

from bot.conversations import amounts, desk, flows
from bot.conversations.effects import Effect
from bot.conversations.form import REASON, Data, Form, Question, fen
from bot.conversations.inbound import Turn
from bot.conversations.openings import for_room
from bot.conversations.parts import Item, KeyValueTable, Look, Row, Tone
from bot.conversations.reply import Reply, say
from bot.conversations.session import Session
from bot.conversations.topic import Topic
from bot.conversations.vocabulary import A_ROOM, Audience, Intent, Wants
from bot.texts import text
from prepaid.domain.accounts import Account
from prepaid.domain.approvals import Approval
from prepaid.domain.errors import Refused
from prepaid.domain.ledger import Entry
from prepaid.domain.money import MAX_FEN
from prepaid.domain.receipts import DeskDay, Method, Receipt, Taken, check_cash, check_number
from prepaid.usecases.cash_desk import desk_day_back, receipt_for, void_receipt
from prepaid.usecases.cash_topup import cash_topup
from prepaid.usecases.find_sites import SiteLine

DAYS_BACK = 31
_BANK = re.compile(r"bank|transfer|银行|转账", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class NextReceipt(Effect):
    """A free number, so that the question names it."""

    account_id: str
    label: str
    amount_fen: int
    method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeCash(Effect):
    """Credits what was taken."""

    account_id: str
    label: str
    amount_fen: int
    method: str
    receipt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowDeskDay(Effect):
    """What was taken on a day of the site."""

    site_id: str
    days_back: int = 0
    page: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class VoidReceipt(Effect):
    """Reverses a receipt."""

    account_id: str
    label: str
    receipt: str
    why: str


def _cash(heard: str) -> int:
    return check_cash(fen(heard))


def _method(heard: str) -> str:
    """A typed way of paying: only cash is assumed, a bank transfer is chosen by its button or its word."""
    return (
        str(Method.BANK)
        if heard.strip().casefold() in ("bank", "transfer", "银行", "转账", "银行转账")
        else str(Method.CASH)
    )


def _spot_number(besides: str) -> tuple[str, str] | None:
    """The first word with digits in it that could be a receipt's number."""
    for word in besides.split():
        with suppress(Refused):
            if any(char.isdigit() for char in word):
                return check_number(word), besides.replace(word, "", 1).strip()
    return None


def _counted(turn: Turn, session: Session, data: Data) -> Reply:
    del turn
    found = NextReceipt(
        account_id=str(data["account_id"]),
        label=str(data["label"]),
        amount_fen=int(data["amount"]),
        method=str(data["method"]),
    )
    return Reply(session=session, effects=(found,))


def _void_ready(turn: Turn, session: Session, data: Data) -> Reply:
    prompt = text(turn.actor.language, "void.confirm", **data)
    return flows.ask_confirm(turn, session, "void", prompt, Look.DANGER, **data)


CASH = Form(
    name="cash",
    questions=(
        Question(name="amount", read=_cash),
        Question(name="method", read=_method, picks=(("reason.cash", "cash"), ("reason.bank", "bank"))),
    ),
    done=_counted,
)
VOID = Form(
    name="void", questions=(Question(name="receipt", read=check_number, spot=_spot_number), REASON), done=_void_ready
)


def _about(account: Account) -> Data:
    return {"account_id": account.id, "label": account.label}


def _ask(turn: Turn, session: Session, account: Account) -> Reply:
    """An amount that was said along with the room is in cash unless a bank is named; the yes names both."""
    data, spotted = _about(account), amounts.spot_fen(turn.besides)
    if spotted is not None and 0 < spotted[0] <= MAX_FEN:
        data = {**data, "amount": spotted[0], "method": str(Method.BANK if _BANK.search(spotted[1]) else Method.CASH)}
    return CASH.ask(turn, session, data)


def _numbered(effect: NextReceipt, value: str, turn: Turn, session: Session) -> Reply:
    language = turn.actor.language
    how = text(language, f"reason.{effect.method}")
    prompt = text(language, "cash.confirm", label=effect.label, amount_fen=effect.amount_fen, method=how, receipt=value)
    data: dict[str, str | int] = {
        "account_id": effect.account_id,
        "label": effect.label,
        "amount_fen": effect.amount_fen,
        "method": effect.method,
        "receipt": value,
    }
    return flows.ask_confirm(turn, session, "cash", prompt, Look.PRIMARY, **data)


def _taken(effect: TakeCash, value: Receipt | Approval, turn: Turn, session: Session) -> Reply:
    if isinstance(value, Approval):
        return Reply(session=session, parts=(desk.waits(turn, value),))
    words = say(
        turn.actor.language,
        "cash.taken",
        Tone.GOOD,
        label=effect.label,
        amount_fen=value.amount_fen,
        number=value.number,
    )
    return Reply(session=session, parts=(words,))


def _day(turn: Turn, session: Session, site: SiteLine, rest: str) -> Reply:
    del turn
    back, _, page = rest.partition(":")
    days = int(back) if back.isdecimal() and int(back[:4]) <= DAYS_BACK else 0
    return Reply(session=session, effects=(ShowDeskDay(site_id=site.site_id, days_back=days, page=desk.page_of(page)),))


def _counted_day(effect: ShowDeskDay, value: DeskDay, turn: Turn, session: Session) -> Reply:
    """The sums to count the drawer against, then each receipt."""
    language = turn.actor.language
    sums = {
        "desk.cash": value.sum_fen(Method.CASH),
        "desk.bank": value.sum_fen(Method.BANK),
        "desk.voided": value.voided_fen,
    }
    rows = tuple(
        Row(label=text(language, key), value=text(language, "figure.fen", amount_fen=amount))
        for key, amount in sums.items()
    )
    day = date.fromisoformat(value.day)
    table = KeyValueTable(title=text(language, "desk.title", name=value.site_name, day=day.isoformat()), rows=rows)
    back = str(effect.days_back)
    items = [_receipt(language, each) for each in value.taken]
    if not items:
        return Reply(session=session, parts=(table, say(language, "desk.none")))
    listing = desk.paged(language, "desk.list", items, effect.page, "desk", effect.site_id, back)
    return Reply(session=session, parts=(table, listing))


def _receipt(language: str, taken: Taken) -> Item:
    receipt = taken.receipt
    how = text(language, f"reason.{receipt.method}")
    words = (how, text(language, "desk.is_void") if taken.voided else "")
    return Item(
        label=receipt.number,
        value=text(language, "figure.fen", amount_fen=receipt.amount_fen),
        detail=text(language, "figure.separator").join(word for word in words if word),
    )


def _voided(effect: VoidReceipt, value: Entry | Approval, turn: Turn, session: Session) -> Reply:
    if isinstance(value, Approval):
        return Reply(session=session, parts=(desk.waits(turn, value),))
    words = say(
        turn.actor.language,
        "void.done",
        Tone.GOOD,
        label=effect.label,
        receipt=effect.receipt,
        balance_micro=value.balance_micro,
    )
    return Reply(session=session, parts=(words,))


TOPIC = Topic(
    intents=(
        Intent(
            name="cash",
            gist=str,
            hints=(
                rf"{A_ROOM}(?:收(?:了|到)?(?:现金|款)?|交?现金|付?现金)\s*[¥\d]",
                rf"{A_ROOM}(?:paid|gave)\b.*\bcash|\b(?:took|got|received|collected)\b.*\d.*\b(?:from|for)\b.*\d",
            ),
            audience=Audience.STAFF,
            commands=("cash", "收款", "现金充值", "收现金"),
            phrases=(
                r"(?:收款|收现金|现金充值|代充)\s*(?P<arg>[^\s].{0,40})",
                r"(?:take |take in )?cash (?:for |from )?(?P<arg>.{1,40})",
            ),
            wants=Wants.ROOM,
        ),
        Intent(
            name="desk",
            audience=Audience.STAFF,
            commands=("desk", "收款清单", "日结"),
            phrases=(
                r"(?:查看|看)?(?:今天|今日)?(?:收款|收银)(?:清单|日报|日结)",
                r"(?:today's )?(?:desk|cash|receipt) (?:list|day|report)",
            ),
        ),
        Intent(
            name="void",
            audience=Audience.STAFF,
            commands=("void", "作废收据"),
            phrases=(
                r"作废(?:收据)?\s*(?P<arg>[^\s].{0,40})",
                r"void (?:a |the )?receipt (?:for |of )?(?P<arg>.{1,40})",
            ),
            wants=Wants.ROOM,
        ),
    ),
    openings={"cash": for_room("cash"), "void": for_room("void"), "desk": desk.for_site("desk")},
    confirmed={
        "confirm.cash": lambda d: TakeCash(
            account_id=str(d["account_id"]),
            label=str(d["label"]),
            amount_fen=int(d["amount_fen"]),
            method=str(d["method"]),
            receipt=str(d["receipt"]),
        ),
        "confirm.void": lambda d: VoidReceipt(
            account_id=str(d["account_id"]), label=str(d["label"]), receipt=str(d["receipt"]), why=str(d["why"])
        ),
    },
    steps={CASH.step: CASH.heard, VOID.step: VOID.heard},
    picked={CASH.step: CASH.picked},
    after_found={
        "cash": _ask,
        "void": lambda turn, session, account: VOID.begin(turn, session, _about(account)),
    },
    after_site={"desk": _day},
    performers={
        NextReceipt: lambda e, on: receipt_for(on.business, on.actor, e.account_id),
        TakeCash: lambda e, on: cash_topup(
            on.business, on.actor, e.account_id, e.amount_fen, receipt=e.receipt, method=Method(e.method)
        ),
        ShowDeskDay: lambda e, on: desk_day_back(on.business, on.actor, e.site_id, e.days_back),
        VoidReceipt: lambda e, on: void_receipt(on.business, on.actor, e.account_id, e.receipt, why=e.why),
    },
    presenters={NextReceipt: _numbered, TakeCash: _taken, ShowDeskDay: _counted_day, VoidReceipt: _voided},
)
