"""Refunds through the product's WeChat Pay client against the sandbox, over real HTTP."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from payments.problems import FormatProblem
from payments.providers.wechat_pay_notification import refund_number
from prepaid.domain.errors import InvariantBroken, Refused, TryAgain, Unknown
from prepaid.domain.orders import Order
from prepaid.domain.refunds import RefundState, refund_id
from prepaid.ports import RefundingProvider
from sandbox.wechat_pay_refunds import told
from tests.fakes.payment_rig import Rig, fresh_keys_dir, payment_rig


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with payment_rig(fresh_keys_dir(tmp_path)) as made:
        yield made


async def _paid(rig: Rig, **faults: Any) -> Order:
    """An order of 20 yuan that is paid and acknowledged."""
    order = rig.order()
    txn_id = rig.sandbox.pay(await rig.provider.create(order, "3-201")).transaction_id
    await rig.sandbox.wait_answers(1)
    rig.sandbox.faults.replace(faults)
    return replace(order, txn_id=txn_id)


def test_the_limit_in_time_is_wechat_pay_s(rig: Rig) -> None:
    """M10: a payment can be refunded for 365 days."""
    assert isinstance(rig.provider, RefundingProvider)
    assert rig.provider.refund_within == timedelta(days=365)


async def test_a_refund_is_accepted_ends_and_is_told(rig: Rig) -> None:
    """M10: accepted is not refunded; the end is told by a notification that names the refund and proves no payment."""
    order = await _paid(rig)
    number = refund_id(order.id, "k1")
    assert await rig.provider.query_refund(order, number) is None
    assert await rig.provider.refund(order, number, 700, "moved out") is RefundState.PROCESSING
    answers = await rig.sandbox.wait_answers(2)
    assert (answers[-1].status, answers[-1].out_refund_no) == (204, number)
    assert await rig.provider.query_refund(order, number) is RefundState.SUCCESS
    row = list(rig.inbox.rows.values())[-1]
    assert (row.kind, row.payment, row.refund_id) == ("REFUND.SUCCESS", None, number)


async def test_the_same_refund_asked_for_again_pays_once(rig: Rig) -> None:
    """M10, M15: the same number with the same amount is one refund; with another amount it is refused."""
    order = await _paid(rig)
    number = refund_id(order.id, "k1")
    await rig.provider.refund(order, number, 700, "moved out")
    await rig.provider.refund(order, number, 700, "moved out")
    assert len(rig.sandbox._refunds.all()) == 1
    with pytest.raises(Refused) as caught:
        await rig.provider.refund(order, number, 800, "moved out")
    assert caught.value.params["code"] == "INVALID_REQUEST"


async def test_parts_add_up_to_the_payment_and_no_further(rig: Rig) -> None:
    """M10: partial refunds are a minute apart and never exceed what was paid."""
    order = await _paid(rig)
    await rig.provider.refund(order, refund_id(order.id, "k1"), 1500, "x")
    with pytest.raises(TryAgain):
        await rig.provider.refund(order, refund_id(order.id, "k2"), 500, "x")
    rig.clock.ahead = timedelta(seconds=61)
    with pytest.raises(Refused):
        await rig.provider.refund(order, refund_id(order.id, "k2"), 501, "x")
    await rig.provider.refund(order, refund_id(order.id, "k2"), 500, "x")
    payment = await rig.provider.query(order)
    assert payment is not None
    assert not payment.success


@pytest.mark.parametrize(
    ("end", "state"),
    [
        ("SUCCESS", RefundState.SUCCESS),
        ("CLOSED", RefundState.FAILED),
        ("ABNORMAL", RefundState.PROCESSING),
    ],
)
async def test_each_end_has_its_meaning(rig: Rig, end: str, state: RefundState) -> None:
    """M10: closed gives the credit back; abnormal does not: the money has left and a person has to see to it."""
    order = await _paid(rig, refund_ends=end)
    number = refund_id(order.id, "k1")
    await rig.provider.refund(order, number, 2000, "x")
    await rig.sandbox.wait_answers(2)
    assert await rig.provider.query_refund(order, number) is state
    assert list(rig.inbox.rows.values())[-1].kind == f"REFUND.{end}"
    if end == "ABNORMAL":
        rig.sandbox.end_refund(number, "SUCCESS")
        assert await rig.provider.query_refund(order, number) is RefundState.SUCCESS


async def test_a_closed_refund_leaves_the_payment_whole(rig: Rig) -> None:
    """M10: what did not go back can be refunded under another number."""
    order = await _paid(rig, refund_ends=None)
    await rig.provider.refund(order, refund_id(order.id, "k1"), 2000, "x")
    rig.sandbox.end_refund(refund_id(order.id, "k1"), "CLOSED")
    await rig.provider.refund(order, refund_id(order.id, "k2"), 2000, "x")


@pytest.mark.parametrize(
    ("faults", "trouble"),
    [
        ({"lose_answer": True, "answer_times": 1}, Unknown),
        ({"answer_status_after": 500, "answer_times": 1}, Unknown),
        ({"answer_bad_signature": True, "answer_times": 1}, Unknown),
        ({"answer_status": 429, "answer_times": 1}, TryAgain),
        ({"answer_status": 403, "answer_code": "NOT_ENOUGH", "answer_times": 1}, Refused),
    ],
    ids=str,
)
async def test_what_is_unclear_is_asked_about_by_its_number(
    rig: Rig, faults: dict[str, Any], trouble: type[Exception]
) -> None:
    """M9, F17: a lost answer is `Unknown` and the number tells what became of it; only a plain no is `Refused`."""
    order = await _paid(rig, refund_ends=None, **faults)
    number = refund_id(order.id, "k1")
    with pytest.raises(trouble):
        await rig.provider.refund(order, number, 2000, "x")
    happened = await rig.provider.query_refund(order, number)
    assert happened is (RefundState.PROCESSING if trouble is Unknown else None)


async def test_after_a_year_nothing_is_refunded(rig: Rig) -> None:
    """M10: the provider's own limit is a plain no."""
    order = await _paid(rig)
    rig.clock.ahead = timedelta(days=366)
    with pytest.raises(Refused):
        await rig.provider.refund(order, refund_id(order.id, "k1"), 100, "x")


async def test_an_odd_refund_number_never_leaves_the_house(rig: Rig) -> None:
    """A4: only plain characters go into a signed path."""
    order = await _paid(rig)
    for wrong in ("", "a/b", "a?b", "x" * 65, "a b"):
        with pytest.raises(InvariantBroken):
            await rig.provider.query_refund(order, wrong)


@pytest.mark.parametrize("change", [{"out_refund_no": "rfother"}, {"refund": 1}, {"out_trade_no": "cwother"}], ids=str)
async def test_an_answer_about_another_refund_is_not_believed(
    rig: Rig, change: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """M10, F17: a signed answer about another refund or another amount says nothing about this one."""
    order = await _paid(rig, refund_ends=None)
    number = refund_id(order.id, "k1")
    await rig.provider.refund(order, number, 700, "x")
    wrong = replace(rig.sandbox.refund(number), **change)
    monkeypatch.setattr(rig.sandbox._refunds, "place", lambda _document, _now: (wrong, False))
    with pytest.raises(Unknown):
        await rig.provider.refund(order, number, 700, "x")


async def test_news_of_a_refund_is_read_strictly(rig: Rig) -> None:
    """F14: a refund's notification has fields of its own, and each must be there."""
    order = await _paid(rig, refund_ends=None)
    number = refund_id(order.id, "k1")
    await rig.provider.refund(order, number, 700, "x")
    document = told(rig.sandbox.refund(number))
    assert refund_number(document) == number
    for key in ("mchid", "out_trade_no", "transaction_id", "out_refund_no", "refund_id", "refund_status", "amount"):
        with pytest.raises(FormatProblem):
            refund_number({name: value for name, value in document.items() if name != key})
    with pytest.raises(FormatProblem):
        refund_number({**document, "out_refund_no": json.loads('"a\\u0000b"')})


async def test_the_sandbox_ends_over_a_restart_what_it_began(tmp_path: Path) -> None:
    """Y1: a refund that was under way when the sandbox stopped is ended and told by the next one."""
    keys = fresh_keys_dir(tmp_path)
    async with payment_rig(keys) as first:
        order = await _paid(first, refund_ends=None)
        number = refund_id(order.id, "k1")
        await first.provider.refund(order, number, 700, "x")
    async with payment_rig(keys) as second:
        answers = await second.sandbox.wait_answers(1)
        assert answers[0].out_refund_no == number
        assert await second.provider.query_refund(order, number) is RefundState.SUCCESS
