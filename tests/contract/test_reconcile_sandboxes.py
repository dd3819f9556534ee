"""A day's bill of each provider's stand-in, over real HTTP with real signatures, against the real books."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from prepaid.domain.access import CLOCK, Actor, Role
from prepaid.domain.orders import Order, OrderState
from prepaid.domain.reconcile import Gap
from prepaid.domain.refunds import Refund, RefundStep
from prepaid.ports import Business
from prepaid.storage.driver import Database
from prepaid.usecases.audit_ledger import audit_ledger
from prepaid.usecases.chase_refunds import chase_refunds
from prepaid.usecases.claim_payment import Claim, claim_payment
from prepaid.usecases.money_tickets import open_money_tickets
from prepaid.usecases.reconcile import reconcile
from prepaid.usecases.refund import refund
from prepaid.usecases.start_topup import start_topup
from prepaid.usecases.work_inbox import work_inbox
from tests.fakes.alipay_rig import alipay_rig, fresh_alipay_dir
from tests.fakes.building import Building, build
from tests.fakes.clock import ManualClock
from tests.fakes.payment_rig import fresh_keys_dir, payment_rig

DAY = date(2026, 3, 2)
EXTRA = {"wechat_pay": {"bill_extras": 1}, "alipay": {"bill_extra": ["7.77"]}}


@dataclass
class Story:
    """A tenant, a building and one provider."""

    name: str
    building: Building
    business: Business
    sandbox: Any
    tenant: Actor

    async def top_up(self, fen: int) -> Order:
        """The tenant asks to pay."""
        return await start_topup(self.business, self.tenant, "acc-1", fen, provider=self.name)

    def pay(self, order: Order, **faults: Any) -> str:
        """The payer scans and pays; returns the provider's number."""
        assert order.pay_uri is not None
        self.sandbox.faults.replace(faults)
        paid = self.sandbox.pay(order.pay_uri)
        return str(paid.transaction_id if self.name == "wechat_pay" else paid.trade_no)


@pytest.fixture(params=["wechat_pay", "alipay"])
async def story(
    request: pytest.FixtureRequest, database: Database, clock: ManualClock, tmp_path: Path
) -> AsyncIterator[Story]:
    """Each provider in turn."""
    building = await build(database, clock)
    tenant = await building.flat(1)
    async with AsyncExitStack() as stack:
        rig: Any
        if request.param == "wechat_pay":
            made = payment_rig(fresh_keys_dir(tmp_path), business=building.business, clock=clock)
            rig = await stack.enter_async_context(made)
        else:
            other = alipay_rig(fresh_alipay_dir(tmp_path), business=building.business, clock=clock)
            rig = await stack.enter_async_context(other)
        business = replace(building.business, providers={request.param: rig.provider})
        yield Story(request.param, building, business, rig.sandbox, tenant)


async def test_the_bill_finds_what_was_never_told(story: Story) -> None:
    """M4, M17 (F11): one payment told, one never, a refund, and a line nobody knows: credited, matched, a ticket."""
    cashier = await story.building.operator(role=Role.FINANCE)
    told, lost = await story.top_up(2_000), await story.top_up(3_000)
    story.pay(told)
    await story.sandbox.wait_answers(1)
    await work_inbox(story.business)
    back = await refund(story.business, cashier, told.id, 500, key="k", why="paid too much")
    assert isinstance(back, Refund)
    story.building.clock.advance(minutes=2)
    await chase_refunds(story.business)
    story.pay(lost, no_notify=True)
    await story.business.store.orders.move(lost.id, OrderState.PENDING, OrderState.EXPIRED)
    assert await story.building.balance_micro(1) == 15_000_000
    story.building.clock.advance(days=1)
    story.sandbox.faults.replace(EXTRA[story.name])
    first = await reconcile(story.business, CLOCK, story.name, DAY)
    again = await reconcile(story.business, CLOCK, story.name, DAY)
    assert (first.run.credited, again.run.credited) == (1, 0)
    for outcome in (first, again):
        assert Counter(item.gap for item in outcome.items) == {None: 3, Gap.NO_ORDER: 1}, outcome.items
        assert outcome.run.totals.ours_payments_fen == 5_000
        assert outcome.run.totals.refunds_fen == outcome.run.totals.ours_refunds_fen == 500
    assert await story.building.balance_micro(1) == 45_000_000
    assert len(await open_money_tickets(story.business, cashier)) == 1
    assert (await audit_ledger(story.business, CLOCK)).clean


async def test_a_lost_payment_is_claimed_by_the_provider_s_number(story: Story) -> None:
    """M4, M5: the number from the payer's own record leads to one credit."""
    order = await story.top_up(2_000)
    number = story.pay(order, no_notify=True)
    assert await claim_payment(story.business, story.tenant, "acc-1", number) is Claim.CREDITED
    assert await claim_payment(story.business, story.tenant, "acc-1", number) is Claim.CREDITED_BEFORE
    assert await story.building.balance_micro(1) == 20_000_000


async def test_refunds_keep_the_provider_s_distance(story: Story) -> None:
    """M10: a second refund waits as long as the provider wants them apart, then goes out under its own number."""
    cashier = await story.building.operator(role=Role.FINANCE)
    order = await story.top_up(2_000)
    story.pay(order)
    await story.sandbox.wait_answers(1)
    await work_inbox(story.business)
    rows = [await refund(story.business, cashier, order.id, 500, key="a", why="x")]
    for _ in range(3):
        await chase_refunds(story.business)
        story.building.clock.advance(seconds=31)
    rows.append(await refund(story.business, cashier, order.id, 500, key="b", why="x"))
    for _ in range(5):
        story.building.clock.advance(seconds=timedelta(minutes=1).total_seconds())
        await chase_refunds(story.business)
    for row in rows:
        assert isinstance(row, Refund)
        held = await story.business.store.refunds.get(row.id)
        assert held is not None
        assert held.step is RefundStep.DONE
    assert await story.building.balance_micro(1) == 10_000_000
