"""Money in from end to end on the real store: order, payer, notification, inbox, ledger."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from prepaid.domain.access import Actor
from prepaid.domain.orders import Order, OrderState
from prepaid.ports import Business
from prepaid.storage.driver import Database
from prepaid.usecases.chase_orders import chase_orders
from prepaid.usecases.start_topup import start_topup
from prepaid.usecases.work_inbox import work_inbox
from tests.fakes.building import Building, build
from tests.fakes.clock import ManualClock
from tests.fakes.payment_rig import Rig, fresh_keys_dir, payment_rig

PAID_MICRO = 20_000_000


@dataclass
class Story:
    """A tenant, a building and WeChat Pay."""

    building: Building
    business: Business
    rig: Rig
    tenant: Actor

    async def top_up(self) -> Order:
        """The tenant asks to pay 20 yuan."""
        return await start_topup(self.business, self.tenant, "acc-1", 2000, provider="wechat_pay")

    async def pay(self, order: Order, **faults: Any) -> None:
        """The payer scans and pays."""
        assert order.pay_uri is not None
        self.rig.sandbox.faults.replace(faults)
        self.rig.sandbox.pay(order.pay_uri)

    async def state(self, order: Order) -> OrderState:
        """Where the order stands now."""
        fresh = await self.business.store.orders.get(order.id)
        assert fresh is not None
        return fresh.state


@pytest.fixture
async def story(database: Database, clock: ManualClock, tmp_path: Path) -> AsyncIterator[Story]:
    building = await build(database, clock)
    tenant = await building.flat(1)
    async with payment_rig(fresh_keys_dir(tmp_path), business=building.business, clock=clock) as rig:
        business = replace(building.business, providers={"wechat_pay": rig.provider})
        yield Story(building, business, rig, tenant)


async def test_a_hundred_copies_are_credited_once(story: Story) -> None:
    """M4, M7, F8: a hundred notifications at once are all acknowledged and credited once."""
    order = await story.top_up()
    await story.pay(order, copies=100)
    assert {answer.status for answer in await story.rig.sandbox.wait_answers(100, timeout_s=30)} == {204}
    await asyncio.gather(*(work_inbox(story.business) for _ in range(3)))
    assert await story.building.balance_micro(1) == PAID_MICRO
    assert await story.state(order) is OrderState.CREDITED
    assert len(await story.business.store.ledger.latest("acc-1", 10)) == 1


async def test_a_payment_without_a_notification_is_found_by_asking(story: Story) -> None:
    """M4, F11: no notification ever comes; the janitor's question finds the money."""
    order = await story.top_up()
    await story.pay(order, no_notify=True)
    story.building.clock.advance(seconds=31)
    await chase_orders(story.business)
    assert await story.building.balance_micro(1) == PAID_MICRO


async def test_a_lost_answer_ends_in_one_credit(story: Story) -> None:
    """M9, F17: the order's answer is lost and the payer pays: notification and question together credit once."""
    story.rig.sandbox.faults.replace({"pay_on_create": True, "lose_answer": True, "answer_times": 1})
    order = await story.top_up()
    assert await story.state(order) is OrderState.UNKNOWN
    story.building.clock.advance(seconds=31)
    await asyncio.gather(work_inbox(story.business), chase_orders(story.business))
    assert await story.building.balance_micro(1) == PAID_MICRO
    assert await story.state(order) is OrderState.CREDITED


@pytest.mark.parametrize("fault", [{"wrong_total": 1}, {"wrong_mchid": "1900000109"}], ids=str)
async def test_a_payment_that_differs_is_disputed(story: Story, fault: dict[str, Any]) -> None:
    """M6, F13: genuine, but not what was ordered: disputed, not credited."""
    order = await story.top_up()
    await story.pay(order, **fault)
    await story.rig.sandbox.wait_answers(1)
    await work_inbox(story.business)
    assert await story.building.balance_micro(1) == 0
    assert await story.state(order) is OrderState.DISPUTED


async def test_an_unpaid_order_expires_and_is_closed_there_too(story: Story) -> None:
    """M8: after its time the order is closed at the provider; money that crosses that is still credited."""
    order = await story.top_up()
    story.building.clock.advance(hours=2, seconds=1)
    await chase_orders(story.business)
    assert await story.state(order) is OrderState.EXPIRED
    assert order.pay_uri is not None
    story.rig.sandbox.pay(order.pay_uri, force=True)
    await story.rig.sandbox.wait_answers(1)
    await work_inbox(story.business)
    assert await story.building.balance_micro(1) == PAID_MICRO
