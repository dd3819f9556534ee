"""Refunds on the real store, with a provider that answers, stays silent, fails and forgets."""

from __future__ import annotations

import asyncio

import pytest

from prepaid.domain.access import CLOCK, Actor, Role
from prepaid.domain.approvals import Approval
from prepaid.domain.errors import Refused, TryAgain, Unknown
from prepaid.domain.orders import Order, OrderState
from prepaid.domain.refunds import Refund, RefundState, RefundStep, refund_id
from prepaid.storage.driver import Database
from prepaid.usecases.audit_ledger import audit_ledger
from prepaid.usecases.chase_refunds import chase_refunds
from prepaid.usecases.credit_payment import credit_payment
from prepaid.usecases.decide_approval import approve
from prepaid.usecases.refund import make_refund, refund
from prepaid.usecases.start_topup import start_topup
from tests.fakes.building import Building, build
from tests.fakes.clock import ManualClock


@pytest.fixture
async def building(database: Database, clock: ManualClock) -> Building:
    """One site."""
    return await build(database, clock)


@pytest.fixture
async def tenant(building: Building) -> Actor:
    """Whoever lives in 101."""
    return await building.flat(1)


@pytest.fixture
async def cashier(building: Building) -> Actor:
    """Somebody who may refund."""
    return await building.operator(role=Role.FINANCE)


async def back(building: Building, cashier: Actor, order: Order, fen: int, key: str = "k") -> Refund:
    """A refund that one person may make."""
    made = await refund(building.business, cashier, order.id, fen, key=key, why="paid for the wrong room")
    assert isinstance(made, Refund)
    return made


def silent(_number: str) -> RefundState:
    """An answer that got lost."""
    raise Unknown("unknown.provider")


async def test_a_refund_goes_back_once(building: Building, tenant: Actor, cashier: Actor) -> None:
    """M10, M15: the same key at once and again is one refund; another amount under it is refused."""
    order = await building.paid(tenant, 1, 5_000)
    rows = await asyncio.gather(*(back(building, cashier, order, 2_000) for _ in range(8)), return_exceptions=True)
    assert any(isinstance(each, Refund) for each in rows)
    await chase_refunds(building.business)
    assert (await back(building, cashier, order, 2_000)).step is RefundStep.DONE
    assert await building.balance_micro(1) == 30_000_000
    assert list(building.provider.refunds.values()) == [2_000]
    stored = await building.order(order.id)
    assert (stored.state, stored.refunded_fen, stored.refund_id) == (OrderState.CREDITED, 2_000, None)
    with pytest.raises(Refused, match="idempotency_conflict"):
        await back(building, cashier, order, 2_001)


async def test_refunds_never_exceed_what_was_paid(building: Building, tenant: Actor, cashier: Actor) -> None:
    """M10: in parts and by many at once, no more than the order goes back, and a whole one is refunded for good."""
    order = await building.paid(tenant, 1, 5_000)
    await building.give("acc-1", 900_000_000, "plenty")
    asked = [back(building, cashier, order, 2_000, key=f"k{i}") for i in range(6)]
    await asyncio.gather(*asked, return_exceptions=True)
    for turn in range(6):
        try:
            await back(building, cashier, order, 2_000, key=f"again{turn}")
        except (Refused, TryAgain):
            await chase_refunds(building.business)
    stored = await building.order(order.id)
    assert (stored.state, stored.refunded_fen) == (OrderState.CREDITED, 4_000)
    with pytest.raises(Refused, match="refund_range"):
        await back(building, cashier, order, 1_001, key="rest")
    await back(building, cashier, order, 1_000, key="rest")
    assert (await building.order(order.id)).state is OrderState.REFUNDED
    assert sum(building.provider.refunds.values()) == 5_000
    assert await building.balance_micro(1) == 900_000_000
    with pytest.raises(Refused, match="not_refundable"):
        await back(building, cashier, order, 1, key="more")


async def test_spent_credit_is_not_refunded(building: Building, tenant: Actor, cashier: Actor) -> None:
    """M10: the debit has a floor of nothing; the order is let go, the provider never hears of it."""
    order = await building.paid(tenant, 1, 5_000)
    await building.give("acc-1", -30_000_000, "used")
    with pytest.raises(Refused, match="not_enough"):
        await back(building, cashier, order, 2_001)
    assert (await back(building, cashier, order, 2_000, key="fits")).step is RefundStep.DONE
    assert await building.balance_micro(1) == 0
    assert list(building.provider.refunds.values()) == [2_000]


async def test_credit_spent_between_asking_and_debit_ends_the_refund(
    building: Building, tenant: Actor, cashier: Actor
) -> None:
    """M10: a row that finds the credit gone is refused by one key in the ledger, and stays refused."""
    order = await building.paid(tenant, 1, 5_000)
    row = make_refund(building.business, order, 5_000, key="k", asked_by=cashier.id, why="x")
    await building.business.store.refunds.add(row)
    await building.give("acc-1", -1, "used")
    await asyncio.gather(*(chase_refunds(building.business) for _ in range(3)))
    await building.give("acc-1", 1, "back")
    await chase_refunds(building.business)
    stored = await building.business.store.refunds.get(row.id)
    assert stored is not None
    assert (stored.step, stored.outcome) == (RefundStep.REFUSED, "refused.not_enough")
    assert (await building.order(order.id)).state is OrderState.CREDITED
    assert await building.balance_micro(1) == 50_000_000
    assert not building.provider.refunds


async def test_silence_is_asked_about_with_the_same_number(building: Building, tenant: Actor, cashier: Actor) -> None:
    """M9: a lost answer keeps the credit taken and asks again, never under a new number, until there is a word."""
    order = await building.paid(tenant, 1, 5_000)
    building.provider.on_refund = silent
    assert (await back(building, cashier, order, 5_000)).step is RefundStep.DEBITED
    assert await building.balance_micro(1) == 0
    assert await chase_refunds(building.business) == 0
    building.clock.advance(seconds=31)
    assert await chase_refunds(building.business) == 1
    assert (await building.order(order.id)).state is OrderState.REFUNDING
    building.provider.on_refund = lambda _number: RefundState.PROCESSING
    building.clock.advance(seconds=31)
    await chase_refunds(building.business)
    building.provider.on_refund = lambda _number: RefundState.SUCCESS
    building.clock.advance(seconds=31)
    await chase_refunds(building.business)
    assert (await building.order(order.id)).state is OrderState.REFUNDED
    assert building.provider.refunds == {refund_id(order.id, "k"): 5_000}


async def test_a_refund_that_failed_gives_the_credit_back(building: Building, tenant: Actor, cashier: Actor) -> None:
    """M10, M14: the debit is reversed by name, the order is credited again, and another try has its own key."""
    order = await building.paid(tenant, 1, 5_000)
    building.provider.on_refund = lambda _number: RefundState.FAILED
    assert (await back(building, cashier, order, 5_000)).step is RefundStep.GIVEN_BACK
    assert await building.balance_micro(1) == 50_000_000
    newest = (await building.business.store.ledger.latest("acc-1", 1))[0]
    assert newest.ref["reverses"] == f"refund:{refund_id(order.id, 'k')}"
    building.provider.on_refund = lambda _number: RefundState.SUCCESS
    assert (await back(building, cashier, order, 5_000, key="again")).step is RefundStep.DONE
    assert await building.balance_micro(1) == 0
    audit = await audit_ledger(building.business, CLOCK)
    assert audit.clean


async def test_a_refund_is_resumed_from_every_step(building: Building, tenant: Actor, cashier: Actor) -> None:
    """Y1, M10: dead after any step and run again, one debit, one number at the provider, one end."""
    store = building.business.store
    for died_after in range(4):
        order = await building.paid(tenant, 1, 1_000)
        row = make_refund(building.business, order, 1_000, key="k", asked_by=cashier.id, why="x")
        await store.refunds.add(row)
        if died_after >= 1:
            assert await store.orders.begin_refund(order, row.id)
        if died_after >= 2:
            await store.refunds.move(row.id, RefundStep.ASKED, RefundStep.ASKED)
        if died_after >= 3:
            building.provider.on_refund = silent
            await chase_refunds(building.business)
            building.provider.on_refund = lambda _number: RefundState.SUCCESS
            building.clock.advance(seconds=31)
        await asyncio.gather(*(chase_refunds(building.business) for _ in range(2)))
        await chase_refunds(building.business)
        assert (await building.order(order.id)).state is OrderState.REFUNDED
        assert await building.balance_micro(1) == 0
    assert len(building.provider.refunds) == 4


async def test_a_late_worker_does_not_begin_an_ended_refund_again(
    building: Building, tenant: Actor, cashier: Actor
) -> None:
    """F3, M10: a worker that wakes up with an old row finds the number used and changes nothing."""
    order = await building.paid(tenant, 1, 5_000)
    await back(building, cashier, order, 2_000)
    ended = await building.order(order.id)
    assert not await building.business.store.orders.begin_refund(ended, refund_id(order.id, "k"))
    assert (await building.order(order.id)).state is OrderState.CREDITED


async def test_above_the_limit_a_refund_takes_two_persons(building: Building, tenant: Actor, cashier: Actor) -> None:
    """A6: and the approval names order and amount."""
    boss = await building.operator(role=Role.OWNER)
    order = await building.paid(tenant, 1, 50_000)
    asked = await refund(building.business, cashier, order.id, 50_000, key="k", why="moved away")
    assert isinstance(asked, Approval)
    assert not building.provider.refunds
    await approve(building.business, boss, asked.id, asked.digest)
    assert (await building.order(order.id)).state is OrderState.REFUNDED
    assert await building.balance_micro(1) == 0


async def test_a_disputed_payment_goes_back_whole_and_costs_the_account_nothing(
    building: Building, tenant: Actor, cashier: Actor
) -> None:
    """M6, M8: what was never credited is not debited; the payer gets all of what was really paid."""
    order = await start_topup(building.business, tenant, "acc-1", 5_000, provider="testpay")
    await credit_payment(building.business, building.payment(order, amount_fen=4_000))
    disputed = await building.order(order.id)
    assert (disputed.state, disputed.paid_fen) == (OrderState.DISPUTED, 4_000)
    with pytest.raises(Refused, match="refund_whole"):
        await back(building, cashier, disputed, 5_000)
    building.provider.on_refund = lambda _number: RefundState.FAILED
    assert (await back(building, cashier, disputed, 4_000)).step is RefundStep.GIVEN_BACK
    assert (await building.order(order.id)).state is OrderState.DISPUTED
    building.provider.on_refund = lambda _number: RefundState.SUCCESS
    await back(building, cashier, disputed, 4_000, key="again")
    assert (await building.order(order.id)).state is OrderState.REFUNDED
    assert await building.balance_micro(1) == 0


async def test_another_payment_does_not_take_an_order_from_its_refund(
    building: Building, tenant: Actor, cashier: Actor
) -> None:
    """M8, M10: while the provider is silent about a refund, an odd payment is on record but moves no state."""
    order = await building.paid(tenant, 1, 5_000)
    building.provider.on_refund = silent
    await back(building, cashier, order, 2_000)
    await credit_payment(building.business, building.payment(order, amount_fen=1, txn_id="odd"))
    assert (await building.order(order.id)).state is OrderState.REFUNDING
    building.provider.on_refund = lambda _number: RefundState.SUCCESS
    building.clock.advance(seconds=31)
    await chase_refunds(building.business)
    stored = await building.order(order.id)
    assert (stored.state, stored.refunded_fen, stored.txn_id) == (OrderState.CREDITED, 2_000, order.txn_id)


async def test_orders_out_of_reach_are_not_found(building: Building, tenant: Actor) -> None:
    """A1, A2: a foreign and a missing order answer alike, to the tenant who paid as well."""
    order = await building.paid(tenant, 1, 5_000)
    elsewhere = await building.operator(role=Role.FINANCE, scope="acme/maple/b1/102")
    for actor in (tenant, elsewhere):
        for order_id in (order.id, "cw404"):
            with pytest.raises(Refused, match="not_found"):
                await refund(building.business, actor, order_id, 1, key="k", why="x")
