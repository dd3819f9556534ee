"""Every way to pay keeps the same promises against its own sandbox; a new provider is picked up by its name."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import date, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from payments.problems import NotificationProblem
from payments.providers import Provider, names
from prepaid.domain.bills import BillKind
from prepaid.domain.errors import Refused, TryAgain, Unknown
from prepaid.domain.orders import PayWay, difference
from prepaid.domain.refunds import RefundState, refund_id
from prepaid.ports import BillingProvider, FindingProvider, RefundingProvider
from tests.conformance.stand_ins import STAND_INS, Chain, chain
from tests.fakes.payment_rig import SteppedClock

CHINA = timezone(timedelta(hours=8))


@pytest.fixture(params=names())
async def made(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Chain]:
    async with chain(request.param, tmp_path) as built:
        yield built


def test_every_provider_has_a_sandbox_to_prove_itself() -> None:
    """No provider is there that this suite does not try."""
    assert set(STAND_INS) == set(names())


@pytest.mark.parametrize("way", list(PayWay))
async def test_each_way_ends_in_one_payment_that_is_told_and_found(made: Chain, way: PayWay) -> None:
    """M4, M7: opened, unpaid, paid, told, asked about: notification and query say the same; closing says it is paid."""
    order = made.order(way=way)
    uri = await made.provider.create(order, "3-201, A & B / 1=1")
    assert await made.provider.query(order) is None
    paid = made.sandbox.pay(uri)
    await made.sandbox.wait_answers(1)
    (row,) = made.inbox.rows.values()
    assert row.id.startswith(f"{made.name}:")
    assert row.payment is not None
    assert row.payment == await made.provider.query(order)
    assert row.payment.txn_id == getattr(paid, made.stand_in.txn)
    assert difference(order, row.payment, made.provider.merchant) is None
    assert await made.provider.close(order) is False


async def test_opening_again_is_still_one_payment(made: Chain) -> None:
    """M9, M15: the same order asked for again can be paid once."""
    order = made.order()
    first, second = await made.provider.create(order, "x"), await made.provider.create(order, "x")
    made.sandbox.pay(second)
    with pytest.raises(Exception, match=r"PAID|SUCCESS|EXIST"):
        made.sandbox.pay(first)
    with pytest.raises((Unknown, Refused)):
        await made.provider.create(order, "x")


async def test_closing_is_harmless_and_a_late_payment_is_found(made: Chain) -> None:
    """M8: closed twice, closed without ever having arrived; what is paid all the same is found."""
    order = made.order()
    uri = await made.provider.create(order, "x")
    assert await made.provider.close(order) is True
    assert await made.provider.close(order) is True
    assert await made.provider.close(made.order()) is True
    assert await made.provider.query(order) is None
    made.sandbox.pay(uri, force=True)
    assert await made.provider.query(order) is not None


async def test_a_refund_goes_back_once_for_each_number(made: Chain) -> None:
    """M10: unheard of, then gone back; the same number again pays nothing more; more than is left is refused."""
    provider = made.provider
    if not isinstance(provider, RefundingProvider):
        pytest.skip("this provider has no refunds")
    order = await made.paid()
    number, other = refund_id(order.id, "1"), refund_id(order.id, "2")
    assert await provider.query_refund(order, number) is None
    assert provider.refund_within > timedelta(days=1)
    for _ in range(2):
        assert await provider.refund(order, number, 700, "why") in {RefundState.PROCESSING, RefundState.SUCCESS}
    await made.sandbox.wait_answers(2)
    assert await provider.query_refund(order, number) is RefundState.SUCCESS
    made.clock.ahead += timedelta(minutes=2)
    with pytest.raises(Refused):
        await provider.refund(order, other, 1400, "why")
    with pytest.raises(Refused):
        await provider.refund(order, number, 800, "why")
    assert await provider.refund(order, other, 1300, "why") in {RefundState.PROCESSING, RefundState.SUCCESS}
    assert [row.payment for row in made.inbox.rows.values() if row.refund_id is not None] == [None] * sum(
        row.refund_id is not None for row in made.inbox.rows.values()
    )


async def test_a_lost_payment_is_found_by_its_number(made: Chain) -> None:
    """M4: what the payer reads in their own bill finds the payment; an unknown number finds nothing."""
    provider = made.provider
    if not isinstance(provider, FindingProvider):
        pytest.skip("this provider cannot be asked by its own number")
    order = await made.paid(no_notify=True)
    assert order.txn_id is not None
    found = await provider.find(order.txn_id)
    assert found == await made.provider.query(order)
    last = "1" if order.txn_id[-1] == "0" else "0"
    assert await provider.find(order.txn_id[:-1] + last) is None
    for nonsense in ("", "../x", "a b", "9" * 200):
        with pytest.raises(Refused):
            await provider.find(nonsense)


async def test_the_bill_names_what_was_paid_and_refunded(made: Chain) -> None:
    """M17: each payment and refund of the day, in fen; not before it is made, and nothing of another day."""
    provider = made.provider
    if not isinstance(provider, BillingProvider) or not isinstance(provider, RefundingProvider):
        pytest.skip("this provider sends no bill")
    order = await made.paid()
    number = refund_id(order.id, "1")
    await provider.refund(order, number, 700, "why")
    await made.sandbox.wait_answers(2)
    day: date = made.clock.now().astimezone(CHINA).date()
    with pytest.raises((TryAgain, Refused)):  # The day is not over.
        await provider.bill(day)
    made.clock.ahead += timedelta(days=2)
    bill = await provider.bill(day)
    assert (bill.provider, bill.day) == (made.name, day)
    seen = [(row.kind, row.order_id, row.txn_id, row.amount_fen, row.refund_id) for row in bill.rows]
    assert (BillKind.PAYMENT, order.id, order.txn_id, 2000, None) in seen
    assert (BillKind.REFUND, order.id, order.txn_id, 700, number) in seen
    assert (await provider.bill(day - timedelta(days=3))).rows == ()


@pytest.mark.parametrize("what", ["amount", "merchant", "currency"])
async def test_genuine_but_different_is_kept_for_the_dispute(made: Chain, what: str) -> None:
    """M6, F13: rightly signed with another amount, merchant or currency: kept, told apart, never dropped."""
    order = await made.paid(**getattr(made.stand_in, what))
    await made.sandbox.wait_answers(1)
    (row,) = made.inbox.rows.values()
    assert row.payment is not None
    assert difference(order, row.payment, made.provider.merchant) == f"dispute.{what}"


async def test_forged_is_refused_and_the_genuine_repeat_is_taken(made: Chain) -> None:
    """A4, F12: a 4xx changes nothing; the provider comes back, and then it is kept once."""
    await made.paid(bad_signature=True, content_times=1)
    first, second, *_ = await made.sandbox.wait_answers(2)
    assert first.status // 100 == 4
    assert second.status // 100 == 2
    assert len(made.inbox.rows) == 1


async def test_copies_and_replays_are_one_row(made: Chain) -> None:
    """M4, F8, F15: twenty at once and the same bytes again: acknowledged, kept once."""
    await made.paid(copies=20)
    assert {answer.status // 100 for answer in await made.sandbox.wait_answers(20)} == {2}
    (row,) = made.inbox.rows.values()
    if row.headers or made.name == "alipay":
        assert await made.post(row.raw, row.headers) // 100 == 2
    assert len(made.inbox.rows) == 1


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"\xff\xfe", b"a=b&c=d", b"<xml/>", b"[" * 5000, b"%", b"=" * 3000, b"sign=AAAA&sign_type=RSA2"],
    ids=lambda body: repr(body[:12]),
)
async def test_nonsense_is_never_an_error_of_ours(made: Chain, body: bytes) -> None:
    """A4, F14: whatever comes is a 4xx and leaves nothing behind."""
    assert await made.post(body) // 100 == 4
    assert not made.inbox.rows


UNCLEAR: list[tuple[dict[str, Any], type[Exception]]] = [
    ({"answer_status": 500}, Unknown),
    ({"answer_status_after": 500}, Unknown),
    ({"answer_status": 429}, TryAgain),
    ({"lose_answer": True}, Unknown),
    ({"answer_bad_signature": True}, Unknown),
    ({"answer_delay_s": 3.0}, Unknown),
]


@pytest.mark.parametrize("name", names())
async def test_what_is_unclear_is_said_to_be_unclear(name: str, tmp_path: Path) -> None:
    """M9, F17: timeout, lost answer, 5xx, a wrong seal: `Unknown`; too busy: `TryAgain`; and it all ends well."""
    async with chain(name, tmp_path, timeout_s=1.5) as made:
        order, other = made.order(), made.order()
        await made.provider.create(other, "x")
        for faults, kind in UNCLEAR:
            calls: list[Callable[[], Awaitable[object]]] = [
                lambda: made.provider.create(order, "x"),
                lambda: made.provider.close(other),
            ]
            if "lose_answer" not in faults:  # A question whose answer got lost may simply be asked again.
                calls.append(lambda: made.provider.query(other))
            for call in calls:
                made.sandbox.faults.replace({**faults, "answer_times": 1})
                with pytest.raises(kind):
                    await call()
        made.sandbox.faults.replace({})
        made.sandbox.pay(await made.provider.create(order, "x"))
        assert await made.provider.query(order) is not None


async def test_many_at_once_do_not_get_into_one_another_s_way(made: Chain) -> None:
    """M4: twenty orders at once are twenty payments."""
    orders = [made.order() for _ in range(20)]
    uris = await asyncio.gather(*(made.provider.create(order, "x") for order in orders))
    assert len(set(uris)) == 20
    for uri in uris:
        made.sandbox.pay(uri)
    await made.sandbox.wait_answers(20, timeout_s=30)
    told = {row.payment.order_id for row in made.inbox.rows.values() if row.payment is not None}
    assert told == {order.id for order in orders}


async def test_the_blueprint_refuses_everything(tmp_path: Path) -> None:
    """A copy that is not finished takes no money, gives none back, and believes nobody."""
    provider: Provider = importlib.import_module("payments.providers._blueprint").build({}, SteppedClock())
    async with chain(names()[0], tmp_path) as made:
        order = replace(made.order(), txn_id="1")
    assert isinstance(provider, RefundingProvider)
    assert isinstance(provider, FindingProvider)
    assert isinstance(provider, BillingProvider)
    for call in (
        provider.create(order, "x"),
        provider.query(order),
        provider.close(order),
        provider.refund(order, "r", 1, "x"),
        provider.query_refund(order, "r"),
        provider.find("1"),
        provider.bill(date(2026, 1, 1)),
    ):
        with pytest.raises(Refused, match=r"refused\.provider_not_set_up"):
            await call
    assert provider.refund_within == timedelta()
    with pytest.raises(NotificationProblem):
        provider.read_notification({}, b"x=y")
    await provider.aclose()
