"""Alipay's money from end to end on the real store, under every fault: one credit, a refund, or a dispute."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from payments.providers.alipay_words import CHINA
from prepaid.domain.access import Actor, Role
from prepaid.domain.errors import Refused
from prepaid.domain.orders import Order, OrderState
from prepaid.domain.refunds import Refund, RefundStep
from prepaid.ports import Business
from prepaid.storage.driver import Database
from prepaid.usecases.chase_orders import chase_orders
from prepaid.usecases.chase_refunds import chase_refunds
from prepaid.usecases.credit_payment import credit_payment
from prepaid.usecases.refund import refund
from prepaid.usecases.start_topup import start_topup
from prepaid.usecases.work_inbox import work_inbox
from sandbox.alipay_faults import Faults
from tests.fakes.alipay_rig import AlipayRig, alipay_rig, fresh_alipay_dir
from tests.fakes.building import Building, build
from tests.fakes.clock import ManualClock

PAID_MICRO = 20_000_000


@dataclass
class Story:
    """A tenant, a building and Alipay."""

    building: Building
    business: Business
    rig: AlipayRig
    tenant: Actor

    async def top_up(self) -> Order:
        """The tenant asks to pay 20 yuan."""
        return await start_topup(self.business, self.tenant, "acc-1", 2000, provider="alipay")

    async def pay(self, order: Order, **faults: Any) -> None:
        """The payer scans and pays."""
        assert order.pay_uri is not None
        self.rig.sandbox.faults.replace(faults)
        self.rig.sandbox.pay(order.pay_uri)

    async def told(self, count: int = 1) -> None:
        """The merchant has answered so often; then the inbox is worked."""
        await self.rig.sandbox.wait_answers(count, timeout_s=30)
        await work_inbox(self.business)

    async def later(self, **by: float) -> None:
        """Time passes, and the janitor comes."""
        self.building.clock.advance(**by)
        await chase_orders(self.business)

    async def credited_once(self, order: Order, *, refunded_micro: int = 0) -> None:
        """The end of nearly every story."""
        assert await self.building.balance_micro(1) == PAID_MICRO - refunded_micro
        entries = await self.business.store.ledger.latest("acc-1", 10)
        assert len([entry for entry in entries if entry.kind == "top_up"]) == 1
        assert (await self.building.order(order.id)).state is OrderState.CREDITED

    async def disputed(self, order: Order) -> None:
        """The other end: nothing credited, nothing dropped."""
        assert await self.building.balance_micro(1) == 0
        assert (await self.building.order(order.id)).state is OrderState.DISPUTED

    def genuine(self, order: Order, **fields: str) -> bytes:
        """The notification of a paid order as it would travel."""
        now = self.building.clock.now()
        letter = self.rig.sandbox.gateway._letter(
            self.rig.sandbox.trade(order.id), now, trade_status="TRADE_SUCCESS", **fields
        )
        return self.rig.sandbox.seal(letter, Faults())


@pytest.fixture
async def story(database: Database, clock: ManualClock, tmp_path: Path) -> AsyncIterator[Story]:
    building = await build(database, clock)
    tenant = await building.flat(1)
    async with alipay_rig(fresh_alipay_dir(tmp_path), business=building.business, clock=clock) as rig:
        business = replace(building.business, providers={"alipay": rig.provider})
        yield Story(building, business, rig, tenant)


async def test_a_hundred_copies_are_credited_once(story: Story) -> None:
    """M4, M7, F8: a hundred notifications at once are all acknowledged and credited once."""
    order = await story.top_up()
    await story.pay(order, copies=100)
    assert {answer.body for answer in await story.rig.sandbox.wait_answers(100, timeout_s=30)} == {"success"}
    await asyncio.gather(*(work_inbox(story.business) for _ in range(3)))
    await story.credited_once(order)


async def test_a_partial_refund_before_the_payments_own_news_credits_once(story: Story) -> None:
    """M4, F9: the refund's TRADE_SUCCESS comes first and pays nothing; the payment is found and credited once."""
    order = await story.top_up()
    await story.pay(order, no_notify=True)
    story.rig.sandbox.faults.replace({})
    story.rig.sandbox.refund(order.id, "console1", 500)
    await story.told()
    assert await story.building.balance_micro(1) == 0
    story.rig.sandbox.tell_again(order.id)
    await story.told(2)
    await story.credited_once(order)


async def test_a_refund_of_ours_is_told_by_alipay_and_never_credited_again(story: Story) -> None:
    """M4, M10: a part goes back through the use case; Alipay repeats TRADE_SUCCESS; the books move once."""
    order = await story.top_up()
    await story.pay(order)
    await story.told()
    cashier = await story.building.operator(role=Role.FINANCE)
    ended = await refund(story.business, cashier, order.id, 500, key="k", why="moved out")
    assert isinstance(ended, Refund)
    assert ended.step is RefundStep.DONE
    await story.told(2)
    await chase_refunds(story.business)
    await story.credited_once(order, refunded_micro=5_000_000)
    assert story.rig.sandbox.trade(order.id).refunded_fen == 500


async def test_a_refund_whose_answer_is_lost_goes_back_once(story: Story) -> None:
    """M9, M10, F17: the refund happened and its answer did not come: asked about by its number, it is one refund."""
    order = await story.top_up()
    await story.pay(order)
    await story.told()
    cashier = await story.building.operator(role=Role.FINANCE)
    story.rig.sandbox.faults.replace({"lose_answer": True, "answer_times": 1})
    waiting = await refund(story.business, cashier, order.id, 500, key="k", why="moved out")
    assert isinstance(waiting, Refund)
    assert waiting.step is RefundStep.DEBITED
    story.building.clock.advance(seconds=60)
    await chase_refunds(story.business)
    assert story.rig.sandbox.trade(order.id).refunded_fen == 500
    await story.credited_once(order, refunded_micro=5_000_000)


async def test_a_payment_after_the_end_still_reaches_the_account(story: Story) -> None:
    """M8, F9: the order has expired here; the money that crossed that is credited."""
    order = await story.top_up()
    await story.later(hours=2, seconds=1)
    assert (await story.building.order(order.id)).state is OrderState.EXPIRED
    assert order.pay_uri is not None
    story.rig.sandbox.pay(order.pay_uri, force=True)
    await story.told()
    await story.credited_once(order)


async def test_a_notification_three_days_late_is_credited(story: Story) -> None:
    """M8, F10: nobody could be asked and nothing came for three days; then it comes."""
    order = await story.top_up()
    await story.pay(order, no_notify=True)
    story.building.clock.advance(days=3)
    story.rig.sandbox.faults.replace({})
    story.rig.sandbox.tell_again(order.id)
    await story.told()
    await story.credited_once(order)


async def test_a_payment_that_is_never_told_is_found_by_asking(story: Story) -> None:
    """M4, F11: no notification ever comes; the janitor's question finds the money."""
    order = await story.top_up()
    await story.pay(order, no_notify=True)
    await story.later(seconds=31)
    await story.credited_once(order)


async def test_a_payment_that_only_the_bill_knows_is_found_there(story: Story) -> None:
    """M4, M17, F11: expired here, never told: the next morning's bill names it, and its number finds it."""
    order = await story.top_up()
    await story.later(hours=2, seconds=1)
    assert order.pay_uri is not None
    story.rig.sandbox.faults.replace({"no_notify": True})
    story.rig.sandbox.pay(order.pay_uri, force=True)
    day = story.building.clock.now().astimezone(CHINA).date()
    story.building.clock.advance(days=2)
    (row,) = (await story.rig.provider.bill(day)).rows
    assert (row.order_id, row.amount_fen) == (order.id, 2000)
    payment = await story.rig.provider.find(row.txn_id)
    assert payment is not None
    await credit_payment(story.business, payment)
    await story.credited_once(order)


@pytest.mark.parametrize(
    "fault",
    [
        {"bad_signature": True},
        {"sha1": True},
        {"other_key": True},
        {"sign_type": "RSA"},
    ],
    ids=str,
)
async def test_a_forged_notification_credits_nothing_and_the_genuine_one_does(
    story: Story, fault: dict[str, Any]
) -> None:
    """A4, M5, F12: refused at the door; the repeat is genuine and credited once."""
    order = await story.top_up()
    await story.pay(order, **fault, content_times=1)
    (first, *_) = await story.rig.sandbox.wait_answers(1)
    assert first.status // 100 == 4
    await story.told(2)
    await story.credited_once(order)


@pytest.mark.parametrize(
    "fault",
    [
        {"wrong_total": "0.01"},
        {"wrong_total": "20000.00"},
        {"wrong_currency": "USD"},
        {"wrong_seller": "2088000000000009"},
        {"wrong_app": "9999000000000009"},
    ],
    ids=str,
)
async def test_a_payment_that_differs_is_disputed(story: Story, fault: dict[str, Any]) -> None:
    """M6, F12, F13: genuine, but another amount, currency, merchant or app: disputed, not credited."""
    order = await story.top_up()
    await story.pay(order, **fault)
    await story.told()
    await story.disputed(order)


@pytest.mark.parametrize(("old", "new"), [(b"20.00", b"90.00"), (b"%22", b"%26quot%3B"), (b"=", b"==")], ids=repr)
async def test_a_form_that_was_changed_on_the_way_credits_nothing(story: Story, old: bytes, new: bytes) -> None:
    """A4, F14: changed, escaped as HTML, written anew: a 4xx; the form as it was sent is credited once."""
    order = await story.top_up()
    await story.pay(order, no_notify=True)
    body = story.genuine(order)
    for raw, status in ((body.replace(old, new), 4), (body, 2)):
        async with story.rig.client.post(story.rig.notify_url, data=raw) as response:
            assert response.status // 100 == status
    await work_inbox(story.business)
    await story.credited_once(order)


async def test_a_replay_inside_and_outside_any_window_is_one_credit(story: Story) -> None:
    """A4, F15: the same form at once and a month later, and the same payment under a new notification id."""
    order = await story.top_up()
    await story.pay(order, no_notify=True)
    body = story.genuine(order)
    for days in (0, 0, 30):
        story.building.clock.advance(days=days)
        for raw in (body, story.genuine(order)):
            async with story.rig.client.post(story.rig.notify_url, data=raw) as response:
                assert await response.read() == b"success"
        await work_inbox(story.business)
    await story.credited_once(order)


async def test_alipay_hangs_up_before_our_answer(story: Story) -> None:
    """M7, F16: whoever hangs up has not heard `success` and sends again: kept once, credited once."""
    order = await story.top_up()
    await story.pay(order, no_notify=True)
    body, parts = story.genuine(order), urlsplit(story.rig.notify_url)
    head = f"POST {parts.path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
    for _ in range(3):
        _, writer = await asyncio.open_connection(parts.hostname, parts.port)
        writer.write(head.encode() + body)
        await writer.drain()
        writer.transport.abort()
    async with story.rig.client.post(story.rig.notify_url, data=body) as response:
        assert await response.read() == b"success"
    await work_inbox(story.business)
    await story.credited_once(order)


@pytest.mark.parametrize(
    "fault", [{"lose_answer": True}, {"answer_status_after": 500}, {"answer_system_error": True}], ids=str
)
async def test_an_order_whose_answer_is_lost_ends_in_one_credit(story: Story, fault: dict[str, Any]) -> None:
    """M9, F17: timeout, 500 or "nobody knows" after success, and the payer pays: one credit."""
    story.rig.sandbox.faults.replace({**fault, "pay_on_create": True, "answer_times": 1})
    order = await story.top_up()
    assert (await story.building.order(order.id)).state is OrderState.UNKNOWN
    story.building.clock.advance(seconds=31)
    await asyncio.gather(work_inbox(story.business), chase_orders(story.business))
    await work_inbox(story.business)
    await story.credited_once(order)


async def test_a_query_that_contradicts_the_notification_takes_nothing_back(story: Story) -> None:
    """M4, F17: asked, Alipay says unpaid; told, it says paid: the signed payment counts, once, and stays."""
    order = await story.top_up()
    await story.pay(order, no_notify=True, hide_payments=True)
    await story.later(seconds=31)
    assert await story.building.balance_micro(1) == 0
    story.rig.sandbox.faults.replace({"hide_payments": True})
    story.rig.sandbox.tell_again(order.id)
    await story.told()
    await story.later(seconds=31)
    await story.credited_once(order)


async def test_a_clock_that_is_wrong_refuses_orders_and_loses_no_payment(story: Story) -> None:
    """F17: Alipay refuses requests of another hour; a payment made before that is still told and credited."""
    order = await story.top_up()
    await story.pay(order, no_notify=True)
    story.rig.sandbox._clock = ManualClock(story.building.clock.now() - timedelta(hours=1))
    with pytest.raises(Refused, match=r"refused\.provider"):
        await start_topup(story.business, story.tenant, "acc-1", 3000, provider="alipay")
    story.rig.sandbox.faults.replace({})
    story.rig.sandbox.tell_again(order.id)
    await story.told()
    await story.credited_once(order)
