"""The cash desk and corrections on the stage: small sums go at once, large ones wait for a second person."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bot.conversations.topics.cash import NextReceipt, ShowDeskDay, TakeCash, VoidReceipt
from bot.conversations.topics.corrections import Adjust, ListRefundable, RefundOrder
from prepaid.domain.approvals import Approval, Content, Effect
from prepaid.domain.errors import Refused
from prepaid.domain.ledger import Entry, Kind
from prepaid.domain.orders import Order, OrderState
from prepaid.domain.receipts import DeskDay, Method, Receipt, Taken
from prepaid.domain.refunds import Refund, RefundStep
from tests.fakes.rehearsed.approvals import approval
from tests.fakes.rights import COUNTS, right

LARGE_FEN = 100_000


def _receipt(stage: Any, number: str, amount_fen: int, method: Method) -> Receipt:
    return Receipt(
        id=f"maple:{number}",
        number=number,
        account_id="a101",
        site_id="maple",
        amount_fen=amount_fen,
        currency="CNY",
        method=method,
        taken_by="p3",
        taken_at=stage.now,
        entered=True,
    )


def _take(stage: Any, user: str, effect: TakeCash) -> Receipt | Approval:
    del user
    if effect.amount_fen > LARGE_FEN:
        content: Content = {"account": effect.account_id, "amount_fen": effect.amount_fen, "receipt": effect.receipt}
        return approval(stage, "1111222233334444", Effect.CASH_TOP_UP, content, "p3")
    return _receipt(stage, effect.receipt, effect.amount_fen, Method(effect.method))


def _day(stage: Any, user: str, effect: ShowDeskDay) -> DeskDay:
    del user
    taken = (
        Taken(receipt=_receipt(stage, "20261123-0001", 5_000, Method.CASH)),
        Taken(receipt=_receipt(stage, "20261123-0002", 20_000, Method.BANK)),
        Taken(receipt=_receipt(stage, "20261123-0003", 500, Method.CASH), voided=True),
    )
    shown = taken if effect.days_back == 0 else ()
    return DeskDay(site_id=effect.site_id, site_name="枫丹苑", day="2026-11-23", currency="CNY", taken=shown)


def _entry(stage: Any, delta_micro: int) -> Entry:
    before: Entry = stage.history("a101")[0]
    return replace(before, kind=Kind.ADJUSTMENT, delta_micro=delta_micro, balance_micro=40_000_000)


def _void(stage: Any, user: str, effect: VoidReceipt) -> Entry:
    del user
    if effect.receipt == "9":
        raise Refused("refused.not_found")
    return _entry(stage, -5_000_000)


def _adjust(stage: Any, user: str, effect: Adjust) -> Entry | Approval:
    del user
    if abs(effect.amount_fen) > LARGE_FEN:
        content: Content = {"account": effect.account_id, "amount_micro": effect.amount_fen * 10_000}
        return approval(stage, "5555666677778888", Effect.ADJUST, content, "p3")
    return _entry(stage, effect.amount_fen * 10_000)


def _orders(stage: Any, user: str, effect: ListRefundable) -> tuple[Order, ...]:
    del user
    if effect.account_id == "a102":
        return ()
    paid = Order(
        id="cw2611221830000123456789abcdef",
        account_id=effect.account_id,
        site_id="maple",
        person_id="p1",
        provider="wechat_pay",
        amount_fen=10_000,
        created_at=stage.now,
        expires_at=stage.now,
        state=OrderState.CREDITED,
        refunded_fen=2_000,
    )
    return (paid,)


def _refund(stage: Any, user: str, effect: RefundOrder) -> Refund:
    del user
    return Refund(
        id="rf2611231830",
        order_id=effect.order_id,
        account_id="a101",
        site_id="maple",
        provider="wechat_pay",
        amount_fen=effect.amount_fen,
        currency="CNY",
        reason=effect.why,
        asked_by="p3",
        created_at=stage.now,
        credited=True,
        step=RefundStep.DONE,
    )


ANSWERS = {
    NextReceipt: lambda _, __, ___: "20261123-0004",
    TakeCash: _take,
    ShowDeskDay: _day,
    VoidReceipt: _void,
    Adjust: _adjust,
    ListRefundable: _orders,
    RefundOrder: _refund,
}
SCRIPTS = {
    "cash": (
        ("admin", "收款 101"),
        ("admin", "一些"),
        ("admin", "五十块"),
        ("admin", "现金"),
        ("admin", "是"),
        ("admin", "take cash for 102"),
        ("admin", "2000"),
        ("admin", "bank"),
        ("admin", "是"),
    ),
    "desk": (("admin", "今日收款清单"), ("admin", "/desk maple"), ("admin", "/desk maple:1")),
    "void": (
        ("admin", "作废收据 101"),
        ("admin", "#"),
        ("admin", "20261123-0001"),
        ("admin", "输错金额"),
        ("admin", "是"),
    ),
    "adjust": (
        ("admin", "调账 101"),
        ("admin", "-12.5"),
        ("admin", "随便"),
        ("admin", "goodwill"),
        ("admin", "停电补偿"),
        ("admin", "是"),
    ),
    "refund": (
        ("admin", "退款 102"),
        ("admin", "退款 101"),
        ("admin", "/refund order:cw2611221830000123456789abcdef:8000:101"),
        ("admin", "30"),
        ("admin", "多付了"),
        ("admin", "是"),
    ),
}


def _cash(number: str) -> Any:
    return lambda on: TakeCash(
        account_id=on.account_id, label="", amount_fen=100, method="cash", receipt=f"{number}-{on.account_id}"
    )


RIGHTS = (
    right("cash", lambda on: NextReceipt(account_id=on.account_id, label="", amount_fen=1, method="cash"), COUNTS),
    right("cash", _cash("R1"), COUNTS),
    replace(right("desk", lambda on: ShowDeskDay(site_id=on.site_id), COUNTS), at_site=True),
    replace(
        right(
            "void", lambda on: VoidReceipt(account_id=on.account_id, label="", receipt=on.receipt, why="test"), COUNTS
        ),
        office=True,
    ),
    right(
        "adjust",
        lambda on: Adjust(
            account_id=on.account_id, label="", amount_fen=100, cause="goodwill", why="test", key="matrix"
        ),
        COUNTS,
    ),
    right("refund", lambda on: ListRefundable(account_id=on.account_id, label=""), COUNTS),
    right(
        "refund",
        lambda on: RefundOrder(order_id=on.order_id, label="", amount_fen=100, why="test", key="matrix"),
        COUNTS,
    ),
)
