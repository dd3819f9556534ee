"""Every fault of the WeChat Pay sandbox, through door, inbox and use cases: each ends in one credit or one dispute.

Refunds under the same kind of trouble end as they should, too. One building for each test, one order for each fault.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from payments.providers.wechat_pay_ways import CHINA
from prepaid.domain.access import CLOCK, Actor, Role
from prepaid.domain.errors import Refused, TryAgain
from prepaid.domain.orders import Order, OrderState
from prepaid.domain.refunds import Refund, RefundStep
from prepaid.ports import Business
from prepaid.storage.driver import Database
from prepaid.usecases.audit_ledger import audit_ledger
from prepaid.usecases.chase_orders import chase_orders
from prepaid.usecases.chase_refunds import chase_refunds
from prepaid.usecases.credit_payment import credit_payment
from prepaid.usecases.refund import refund
from prepaid.usecases.start_topup import start_topup
from prepaid.usecases.work_inbox import work_inbox
from tests.fakes.building import Building, build
from tests.fakes.clock import ManualClock
from tests.fakes.payment_rig import Rig, fresh_keys_dir, payment_rig

FEN = 2000
MICRO = FEN * 10_000
ONCE = {"content_times": 1}


@dataclass
class Story:
    """A tenant, a building and WeChat Pay."""

    building: Building
    business: Business
    rig: Rig
    tenant: Actor
    clock: ManualClock

    def faults(self, **faults: Any) -> None:
        """Sets these faults and no others."""
        self.rig.sandbox.faults.replace(faults)

    async def start(self, **faults: Any) -> Order:
        """The tenant asks to pay, while the provider's answers are as the faults say."""
        self.faults(**faults)
        return await start_topup(self.business, self.tenant, "acc-1", FEN, provider="wechat_pay")

    async def two(self) -> tuple[Order, Order]:
        """The tenant and somebody else of the flat ask to pay the same amount: two wishes, two orders."""
        person = await self.business.store.people.at("chat", "another", language="en")
        another = Actor(id=person.id, accounts=frozenset({"acc-1"}))
        second = await start_topup(self.business, another, "acc-1", FEN, provider="wechat_pay")
        return await self.start(), second

    def pay(self, order: Order, *, force: bool = False, **faults: Any) -> None:
        """The payer pays, while notifications are as the faults say."""
        self.faults(**faults)
        self.rig.sandbox._api.pay(self.rig.sandbox._book.get(order.id), force=force)

    async def yes(self, order: Order) -> None:
        """Waits until the merchant has said yes to this order's notification."""
        count = 0
        async with asyncio.timeout(30):
            while True:
                answers = await self.rig.sandbox.wait_answers(count)
                if any(a.out_trade_no == order.id and a.status == 204 and not a.out_refund_no for a in answers):
                    return
                count = len(answers) + 1

    async def settle(self) -> None:
        """Everything that works in the background, in two processes at once."""
        business = self.business
        await asyncio.gather(work_inbox(business), chase_orders(business), work_inbox(business), chase_orders(business))

    async def state(self, order: Order) -> OrderState:
        """Where the order stands now."""
        return (await self.building.order(order.id)).state

    async def ends(self, order: Order, state: OrderState, credits_before: int, name: str) -> None:
        """The order's end, and that the account has exactly what belongs to it."""
        assert await self.state(order) is state, name
        credited = credits_before + (state is OrderState.CREDITED)
        assert await self.building.balance_micro(1) == credited * MICRO, name


@pytest.fixture
async def story(database: Database, clock: ManualClock, tmp_path: Path) -> AsyncIterator[Story]:
    building = await build(database, clock)
    tenant = await building.flat(1)
    async with payment_rig(fresh_keys_dir(tmp_path), business=building.business, clock=clock) as rig:
        business = replace(building.business, providers={"wechat_pay": rig.provider})
        yield Story(building, business, rig, tenant, clock)


NOTIFIED: tuple[tuple[str, dict[str, Any], OrderState], ...] = (
    ("as it should be", {}, OrderState.CREDITED),
    ("two at once", {"copies": 2}, OrderState.CREDITED),
    ("late", {"notify_delay_s": 0.05}, OrderState.CREDITED),
    ("a probe first", {"probe": True, **ONCE}, OrderState.CREDITED),
    ("an unknown serial first", {"unknown_serial": True, **ONCE}, OrderState.CREDITED),
    ("a forgery first", {"bad_signature": True, **ONCE}, OrderState.CREDITED),
    ("re-encoded by a proxy first", {"reserialise": True, **ONCE}, OrderState.CREDITED),
    ("an old replay first", {"timestamp_shift_s": -301, **ONCE}, OrderState.CREDITED),
    ("from the future first", {"timestamp_shift_s": 301, **ONCE}, OrderState.CREDITED),
    ("for another merchant's key first", {"other_key": True, **ONCE}, OrderState.CREDITED),
    ("signed by the certificate", {"certificate_percent": 100}, OrderState.CREDITED),
    ("signed by either", {"certificate_percent": 50, "copies": 6}, OrderState.CREDITED),
    ("of another amount", {"wrong_total": 1}, OrderState.DISPUTED),
    ("of more than was asked", {"wrong_total": 200_000}, OrderState.DISPUTED),
    ("in another currency", {"wrong_currency": "USD"}, OrderState.DISPUTED),
    ("for another app", {"wrong_appid": "wx0000000000000000"}, OrderState.DISPUTED),
    ("for another merchant", {"wrong_mchid": "1900000109"}, OrderState.DISPUTED),
)


async def test_whatever_a_notification_is_like(story: Story) -> None:
    """M4, M6, F8, F12, F13, F14, F15: each way in which it can come ends in one credit, or in a dispute."""
    credited = 0
    for name, faults, end in NOTIFIED:
        order = await story.start()
        story.pay(order, **faults)
        await story.yes(order)
        await story.settle()
        await story.ends(order, end, credited, name)
        credited += end is OrderState.CREDITED
    assert (await audit_ledger(story.business, CLOCK)).clean


ANSWERED: tuple[tuple[str, dict[str, Any]], ...] = (
    ("lost", {"lose_answer": True}),
    ("a 500 after success", {"answer_status_after": 500}),
    ("a 502 after success", {"answer_status_after": 502}),
    ("with a probe's seal", {"answer_probe": True}),
    ("with an unknown serial", {"answer_unknown_serial": True}),
    ("with a wrong seal", {"answer_bad_signature": True}),
    ("stale", {"answer_shift_s": -400}),
    ("from the future", {"answer_shift_s": 400}),
)


async def test_whatever_the_answer_to_an_order_is_like(story: Story) -> None:
    """M9, F17: the order exists there, our answer is worthless, the payer pays, perhaps before we know: one credit."""
    for number, (name, faults) in enumerate(ANSWERED):
        order = await story.start(**faults, pay_on_create=bool(number % 2), answer_times=1)
        assert order.state in {OrderState.UNKNOWN, OrderState.PAID}, name
        if not number % 2:
            story.pay(order)
        await story.yes(order)
        await story.settle()
        await story.ends(order, OrderState.CREDITED, number, name)


async def test_a_provider_that_says_no_or_not_now_takes_no_money(story: Story) -> None:
    """M9, F17: refused or busy: the person is told, no order is opened there, nothing is credited."""
    for faults, trouble in (({"answer_status": 429}, TryAgain), ({"answer_status": 403}, Refused)):
        with pytest.raises(trouble):
            await story.start(**faults)
    assert not story.rig.sandbox._book.all()
    story.faults()
    story.clock.advance(hours=3)
    await story.settle()
    assert await story.building.balance_micro(1) == 0


async def test_three_days_late(story: Story) -> None:
    """M4, M8, F10: the notification comes after three days: to an order that waits, and to one that was closed."""
    waiting, closed = await story.two()
    story.clock.advance(hours=2, seconds=1)
    await chase_orders(story.business)
    assert await story.state(closed) is OrderState.EXPIRED
    story.pay(closed, force=True, no_notify=True)
    story.pay(waiting, force=True, no_notify=True)
    story.clock.advance(days=3)
    story.faults()
    for order in (closed, waiting):
        story.rig.sandbox.tell_again(order.id)
        await story.yes(order)
    await story.settle()
    await story.ends(closed, OrderState.CREDITED, 1, "closed")
    await story.ends(waiting, OrderState.CREDITED, 1, "waiting")


async def test_never(story: Story) -> None:
    """M4, M17, F11: no notification ever; the janitor asks, and what even that missed stands in the bill."""
    asked, missed = await story.two()
    story.pay(asked, no_notify=True)
    story.clock.advance(seconds=31)
    await story.settle()
    await story.ends(asked, OrderState.CREDITED, 0, "asked about")
    story.clock.advance(hours=2, seconds=1)
    await story.settle()
    story.pay(missed, force=True, no_notify=True)
    await story.settle()
    assert await story.state(missed) is OrderState.EXPIRED
    day = story.clock.now().astimezone(CHINA).date()
    story.clock.advance(days=1, hours=12)
    rows = {row.order_id: row for row in (await story.rig.provider.bill(day)).rows}
    payment = await story.rig.provider.find(rows[missed.id].txn_id)
    assert payment is not None
    await asyncio.gather(*(credit_payment(story.business, payment) for _ in range(5)))
    await story.ends(missed, OrderState.CREDITED, 1, "found in the bill")


async def test_a_query_that_contradicts_the_notification(story: Story) -> None:
    """M4, F17: queries say that nothing was paid while a notification says that it was: the proven money counts."""
    order = await story.start()
    story.pay(order, no_notify=True)
    story.faults(hide_payments=True)
    story.clock.advance(seconds=31)
    await story.settle()
    assert await story.state(order) is OrderState.PENDING
    story.rig.sandbox.tell_again(order.id)
    await story.yes(order)
    await story.settle()
    await story.ends(order, OrderState.CREDITED, 0, "contradicted")


async def test_reordered(story: Story) -> None:
    """M4, F9: two orders' notifications crosswise and one after its order expired: each account gets its own, once."""
    first, second = await story.two()
    story.pay(first, no_notify=True)
    story.pay(second)
    await story.yes(second)
    await work_inbox(story.business)
    await story.ends(second, OrderState.CREDITED, 0, "second")
    story.rig.sandbox.tell_again(first.id)
    story.rig.sandbox.tell_again(second.id)
    await story.yes(first)
    await story.settle()
    await story.ends(first, OrderState.CREDITED, 1, "first")


async def test_a_sender_that_hangs_up_before_our_answer(story: Story) -> None:
    """F16, M7: it never hears our yes and comes again: one row, one credit."""
    order = await story.start()
    story.pay(order, no_notify=True)
    sandbox = story.rig.sandbox
    paid = sandbox._book.get(order.id)
    headers, body = sandbox._seals.notification(paid, sandbox.faults, story.clock.now().timestamp())
    host, port = story.rig.notify_url.split("/")[2].split(":")
    lines = [f"{name}: {value}" for name, value in {**headers, "Host": host, "Content-Length": str(len(body))}.items()]
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write("\r\n".join(["POST /notify/wechat_pay HTTP/1.1", *lines, "", ""]).encode() + body)
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    story.faults()
    sandbox.tell_again(order.id)
    await story.yes(order)
    await story.settle()
    await story.ends(order, OrderState.CREDITED, 0, "hung up")


REFUNDED: tuple[tuple[str, dict[str, Any], RefundStep], ...] = (
    ("as it should be", {}, RefundStep.DONE),
    ("answer lost", {"lose_answer": True, "answer_times": 1}, RefundStep.DONE),
    ("500 after success", {"answer_status_after": 500, "answer_times": 1}, RefundStep.DONE),
    ("500 before", {"answer_status": 500, "answer_times": 1}, RefundStep.DONE),
    ("busy", {"answer_status": 429, "answer_times": 1}, RefundStep.DONE),
    ("closed", {"refund_ends": "CLOSED"}, RefundStep.GIVEN_BACK),
    ("no balance", {"answer_status": 403, "answer_code": "NOT_ENOUGH", "answer_times": 1}, RefundStep.GIVEN_BACK),
)


async def test_whatever_becomes_of_a_refund(story: Story) -> None:
    """M9, M10, F17: whatever the answers are like, the money goes back once, or the credit is there again."""
    cashier = await story.building.operator(role=Role.FINANCE)
    gone = 0
    for number, (name, faults, end) in enumerate(REFUNDED):
        order = await story.start()
        story.pay(order)
        await story.yes(order)
        await story.settle()
        story.faults(**faults)
        made = await refund(story.business, cashier, order.id, 500, key=name, why="paid for the wrong room")
        assert isinstance(made, Refund)
        await _until_it_ends(story, made)
        row = await story.business.store.refunds.get(made.id)
        assert row is not None
        assert row.step is end, name
        gone += end is RefundStep.DONE
        assert await story.building.balance_micro(1) == (number + 1) * MICRO - gone * 5_000_000, name
    given = [each.refund for each in story.rig.sandbox._refunds.all() if each.status == "SUCCESS"]
    assert given == [500] * gone


async def _until_it_ends(story: Story, made: Refund) -> None:
    """The janitor's rounds, as far apart as its plan says."""
    for _ in range(6):
        story.clock.advance(seconds=121)
        await chase_refunds(story.business)
        row = await story.business.store.refunds.get(made.id)
        if row is not None and row.step in {RefundStep.DONE, RefundStep.GIVEN_BACK}:
            return


async def test_a_refund_that_does_not_reach_the_payer_waits_for_a_person(story: Story) -> None:
    """M10: abnormal is neither success nor failure: nothing is given twice, and the end is booked when it comes."""
    cashier = await story.building.operator(role=Role.FINANCE)
    order = await story.start()
    story.pay(order)
    await story.yes(order)
    await story.settle()
    story.faults(refund_ends="ABNORMAL")
    made = await refund(story.business, cashier, order.id, FEN, key="k", why="moved out")
    assert isinstance(made, Refund)
    await _until_it_ends(story, made)
    assert await story.state(order) is OrderState.REFUNDING
    assert await story.building.balance_micro(1) == 0
    story.rig.sandbox.end_refund(made.id, "SUCCESS")
    await _until_it_ends(story, made)
    assert await story.state(order) is OrderState.REFUNDED
    assert await story.building.balance_micro(1) == 0


async def test_a_payment_older_than_a_year_is_not_refunded(story: Story) -> None:
    """M10: beyond the provider's limit the refund fails and the credit stays with the person."""
    cashier = await story.building.operator(role=Role.FINANCE)
    order = await story.start()
    story.pay(order)
    await story.yes(order)
    await story.settle()
    story.clock.advance(days=366)
    with suppress(Refused):
        await refund(story.business, cashier, order.id, FEN, key="k", why="moved out")
    assert not story.rig.sandbox._refunds.all()
    assert await story.state(order) is OrderState.CREDITED
    assert await story.building.balance_micro(1) == MICRO
