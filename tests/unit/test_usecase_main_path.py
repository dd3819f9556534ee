"""The main path through the use cases on the real store: use, warn, cut, pay, restore."""

from __future__ import annotations

import asyncio

import pytest

from prepaid.domain.access import CLOCK
from prepaid.domain.errors import Refused, TryAgain, Unknown
from prepaid.domain.notices import NoticeKind, Stage
from prepaid.domain.orders import Order, OrderState
from prepaid.domain.supply import HoldKind, Outcome, Reported
from prepaid.storage.driver import Database
from prepaid.usecases.audit_ledger import audit_ledger
from prepaid.usecases.chase_orders import chase_orders
from prepaid.usecases.deliver_notices import deliver_notices
from prepaid.usecases.hold_supply import hold_supply
from prepaid.usecases.may_switch import may_switch
from prepaid.usecases.record_switch import record_switch
from prepaid.usecases.show_balance import show_balance
from prepaid.usecases.start_topup import start_topup
from prepaid.usecases.switch_supply import switch_supply
from prepaid.usecases.take_notification import take_notification
from prepaid.usecases.work_inbox import work_inbox
from tests.fakes.building import Building, RecordingSender, build
from tests.fakes.clock import ManualClock


@pytest.fixture
async def building(database: Database, clock: ManualClock) -> Building:
    """An empty building."""
    return await build(database, clock)


async def run_dry(building: Building, sender: RecordingSender, unit: int = 1) -> None:
    """Uses the credit up, delivers the warning, and lets its lead pass until a cut is wanted."""
    await building.read(unit, 1_000)
    await building.read(unit, 1_300)
    await deliver_notices(building.business, {"chat": sender})
    await building.read(unit, 1_310)
    await building.read(unit, 1_320)


async def confirm(building: Building, unit: int = 1) -> None:
    """What the owner of the bus does: asks, switches, reads back."""
    supply = await building.supply(unit)
    wanted = supply.wanted
    assert await may_switch(building.business, supply.meter_id, wanted.generation, on=wanted.on)
    reported = Reported(on=wanted.on, at=building.clock.now())
    await record_switch(building.business, supply.meter_id, wanted.generation, reported)


async def pay(building: Building, order: Order) -> None:
    """The provider's notification, kept and worked."""
    await take_notification(building.business, building.row(building.payment(order)))
    await work_inbox(building.business)


def kinds(sender: RecordingSender, user: str) -> list[str]:
    """What a person was told, in order."""
    return [notice.stage or notice.kind for who, notice, _ in sender.sent if who == user]


async def test_a_flat_runs_dry_goes_dark_and_lights_up_when_paid(building: Building) -> None:
    """S1, N2, N3: warned, cut, told; paid, credited, restored, and one thread that tells each stage."""
    sender = RecordingSender()
    tenant = await building.flat(1, balance_micro=120_000)
    await run_dry(building, sender)
    assert (await building.supply(1)).wanted.on is False
    await confirm(building)
    assert (await building.supply(1)).outcome is Outcome.CONFIRMED

    order = await start_topup(building.business, tenant, "acc-1", 5_000, provider="testpay")
    await pay(building, order)
    supply = await building.supply(1)
    assert supply.wanted.on
    assert supply.wanted.cause == order.id
    await confirm(building)
    while await deliver_notices(building.business, {"chat": sender}):
        pass
    told = kinds(sender, "tenant-1")
    assert told[:2] == [NoticeKind.BALANCE_GONE, NoticeKind.CUT_DONE] or told[0] == NoticeKind.LOW_BALANCE
    assert told[-1] in (Stage.POWER_ON, NoticeKind.RESTORED)
    assert [k for k in told if k in tuple(Stage)][-1] == Stage.POWER_ON
    references = {reference for _, notice, reference in sender.sent if notice.thread and reference}
    assert len(references) == 1
    audit = await audit_ledger(building.business, CLOCK)
    assert audit.clean, audit


async def test_a_hundred_copies_of_one_notification_credit_once(building: Building) -> None:
    """M4: duplicates at once, under the same and under other event ids, credit once."""
    tenant = await building.flat(1)
    order = await start_topup(building.business, tenant, "acc-1", 5_000, provider="testpay")
    payment = building.payment(order)
    rows = [building.row(payment, f"e{i % 10}") for i in range(100)]
    await asyncio.gather(*(take_notification(building.business, row) for row in rows))
    await asyncio.gather(*(work_inbox(building.business) for _ in range(5)))
    assert await building.balance_micro(1) == 50_000_000
    assert (await building.business.store.ledger.head("acc-1")).seq == 1
    stored = await building.business.store.orders.get(order.id)
    assert stored is not None
    assert stored.state is OrderState.CREDITED


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"amount_fen": 1}, "dispute.amount"),
        ({"currency": "USD"}, "dispute.currency"),
        ({"merchant_id": "other"}, "dispute.merchant"),
        ({"app_id": "other"}, "dispute.merchant"),
    ],
)
async def test_a_payment_unlike_its_order_is_disputed(building: Building, change: dict[str, object], why: str) -> None:
    """M6: never credited, never dropped, and the staff hears of it."""
    tenant = await building.flat(1)
    operator = await building.operator()
    order = await start_topup(building.business, tenant, "acc-1", 5_000, provider="testpay")
    await take_notification(building.business, building.row(building.payment(order, **change)))
    await work_inbox(building.business)
    stored = await building.business.store.orders.get(order.id)
    assert stored is not None
    assert (stored.state, stored.dispute) == (OrderState.DISPUTED, why)
    assert await building.balance_micro(1) == 0
    sender = RecordingSender()
    await deliver_notices(building.business, {"chat": sender})
    assert [n.kind for _, n, _ in sender.sent if n.person_id == operator.id] == [NoticeKind.PAYMENT_DISPUTED]


async def test_paid_after_expiry_still_reaches_the_account(building: Building) -> None:
    """M8, F9: money on an expired order is credited."""
    tenant = await building.flat(1)
    order = await start_topup(building.business, tenant, "acc-1", 5_000, provider="testpay")
    building.clock.advance(hours=3)
    await chase_orders(building.business)
    stored = await building.business.store.orders.get(order.id)
    assert stored is not None
    assert stored.state is OrderState.EXPIRED
    await pay(building, order)
    assert await building.balance_micro(1) == 50_000_000


async def test_a_second_transaction_on_one_order_is_disputed_not_credited(building: Building) -> None:
    """M4, M6: two transactions paid on one order: the first is credited, the second waits for a person."""
    tenant = await building.flat(1)
    await building.operator()
    order = await start_topup(building.business, tenant, "acc-1", 5_000, provider="testpay")
    await pay(building, order)
    await take_notification(building.business, building.row(building.payment(order, txn_id="second"), "e2"))
    await work_inbox(building.business)
    assert await building.balance_micro(1) == 50_000_000
    sender = RecordingSender()
    await deliver_notices(building.business, {"chat": sender})
    assert NoticeKind.PAYMENT_DISPUTED in [notice.kind for _, notice, _ in sender.sent]


async def test_a_timeout_at_the_provider_is_unknown_until_it_is_asked(building: Building) -> None:
    """M9: no new order, no cut; the provider's own word ends the doubt."""
    tenant = await building.flat(1)

    def time_out(order: Order) -> str:
        raise Unknown("unknown.provider")

    building.provider.on_create = time_out
    order = await start_topup(building.business, tenant, "acc-1", 5_000, provider="testpay")
    assert order.state is OrderState.UNKNOWN
    assert await building.business.store.orders.unsettled("acc-1")
    building.provider.on_query = building.payment
    building.clock.advance(seconds=31)
    assert await chase_orders(building.business) == 1
    assert await building.balance_micro(1) == 50_000_000


async def test_a_lost_notification_is_found_by_asking(building: Building) -> None:
    """M4, F11: the janitor finds a payment that nobody told us of."""
    tenant = await building.flat(1)
    order = await start_topup(building.business, tenant, "acc-1", 5_000, provider="testpay")
    building.provider.on_query = building.payment
    building.clock.advance(seconds=31)
    await chase_orders(building.business)
    assert await building.balance_micro(1) == 50_000_000
    await pay(building, order)
    assert await building.balance_micro(1) == 50_000_000


async def test_money_on_its_way_holds_back_a_cut_in_the_last_moment(building: Building) -> None:
    """S3: a notification that arrives between the decision and the frame stops the cut."""
    sender = RecordingSender()
    tenant = await building.flat(1, balance_micro=120_000)
    await run_dry(building, sender)
    supply = await building.supply(1)
    assert not supply.wanted.on
    order = await start_topup(building.business, tenant, "acc-1", 5_000, provider="testpay")
    await take_notification(building.business, building.row(building.payment(order)))
    assert not await may_switch(building.business, "met-1", supply.wanted.generation, on=False)
    await work_inbox(building.business)
    assert (await building.supply(1)).wanted.on


async def test_protection_takes_back_a_cut_that_was_wanted(building: Building) -> None:
    """S2: protect between decision and frame: the wanted state is on again at once."""
    sender = RecordingSender()
    await building.flat(1, balance_micro=120_000)
    operator = await building.operator()
    await run_dry(building, sender)
    old = (await building.supply(1)).wanted.generation
    await hold_supply(building.business, operator, "acc-1", kind=HoldKind.ON, why="oxygen machine")
    assert (await building.supply(1)).wanted.on
    assert not await may_switch(building.business, "met-1", old, on=False)


async def test_maintenance_tag_forbids_restoring(building: Building) -> None:
    """S12: no remote on under a tag, by payment or by hand."""
    sender = RecordingSender()
    tenant = await building.flat(1, balance_micro=120_000)
    operator = await building.operator()
    await run_dry(building, sender)
    await confirm(building)
    await hold_supply(building.business, operator, "acc-1", kind=HoldKind.OFF, why="rewiring")
    order = await start_topup(building.business, tenant, "acc-1", 5_000, provider="testpay")
    await pay(building, order)
    assert not (await building.supply(1)).wanted.on
    with pytest.raises(Refused, match="maintenance_lock"):
        await switch_supply(building.business, operator, "acc-1", on=True, reason="tenant asks")
    for kind in (HoldKind.ON, None):
        with pytest.raises(Refused, match="tagged"):
            await hold_supply(building.business, operator, "acc-1", kind=kind, why="by mistake")
        assert not await building.business.store.supplies.hold("met-1", None, at=building.clock.now())
    assert not (await building.supply(1)).wanted.on
    await hold_supply(building.business, operator, "acc-1", kind=None, why="done", untag=True)
    assert (await building.supply(1)).wanted.on


async def test_a_cut_by_hand_outlives_money_until_restored_by_hand(building: Building) -> None:
    """A3: an admin's cut stays, whatever is paid, and both words are on record."""
    tenant = await building.flat(1, balance_micro=50_000_000)
    operator = await building.operator()
    await switch_supply(building.business, operator, "acc-1", on=False, reason="meter tampered")
    await confirm(building)
    order = await start_topup(building.business, tenant, "acc-1", 5_000, provider="testpay")
    await pay(building, order)
    assert not (await building.supply(1)).wanted.on
    building.clock.advance(seconds=1)
    await switch_supply(building.business, operator, "acc-1", on=True, reason="checked")
    assert (await building.supply(1)).wanted.on
    trail = await building.business.store.audit.latest("acme/maple", 20)
    assert [r.reason for r in trail if r.action == "switch_supply"] == ["checked", "meter tampered"]


async def test_an_older_generation_changes_nothing(building: Building) -> None:
    """S6: the read-back of a command that was overtaken is ignored."""
    await building.flat(1, balance_micro=50_000_000)
    operator = await building.operator()
    await switch_supply(building.business, operator, "acc-1", on=False, reason="x")
    old = (await building.supply(1)).wanted.generation
    await switch_supply(building.business, operator, "acc-1", on=True, reason="y")
    await record_switch(building.business, "met-1", old, Reported(on=False, at=building.clock.now()))
    supply = await building.supply(1)
    assert supply.wanted.on
    assert supply.outcome is Outcome.PENDING


async def test_three_failed_tries_are_told_to_the_staff_once(building: Building) -> None:
    """S4: never assumed: unconfirmed with an alert."""
    await building.flat(1, balance_micro=50_000_000)
    operator = await building.operator()
    await switch_supply(building.business, operator, "acc-1", on=False, reason="x")
    generation = (await building.supply(1)).wanted.generation
    for _ in range(5):
        await record_switch(building.business, "met-1", generation, None)
    assert (await building.supply(1)).outcome is Outcome.UNCONFIRMED
    sender = RecordingSender()
    await deliver_notices(building.business, {"chat": sender})
    assert [n.kind for _, n, _ in sender.sent if n.person_id == operator.id] == [NoticeKind.SWITCH_STUCK]


async def test_a_protected_customer_is_never_cut(building: Building) -> None:
    """S2: warned or not, the light stays on, and the balance says by which rule."""
    sender = RecordingSender()
    tenant = await building.flat(1, balance_micro=120_000, protected=True)
    await run_dry(building, sender)
    await building.read(1, 2_000, advance_s=3_600)
    assert (await building.supply(1)).wanted.on
    view = await show_balance(building.business, tenant, "acc-1")
    assert view.spared_rule == "rule.protected_customer"


async def test_no_cut_before_the_warning_was_delivered(building: Building) -> None:
    """S3, N2: while the outbox has not ended the warning, nothing is cut, however long it takes."""
    await building.flat(1, balance_micro=120_000)
    await building.read(1, 1_000)
    await building.read(1, 1_300)
    for step in range(5):
        await building.read(1, 1_310 + step, advance_s=3_600)
    assert (await building.supply(1)).wanted.on
    broken = RecordingSender(trouble=Refused("refused.blocked"))
    await deliver_notices(building.business, {"chat": broken})
    await building.read(1, 1_320, advance_s=3_600)
    await building.read(1, 1_330)
    assert not (await building.supply(1)).wanted.on


async def test_a_channel_that_fails_for_a_while_is_tried_again(building: Building) -> None:
    """N1: bounded retries with growing waits, then delivered once."""
    await building.flat(1, balance_micro=20_050_000)
    await building.read(1, 1_000)
    await building.read(1, 1_300)
    sender = RecordingSender(trouble=TryAgain("try_again.channel"))
    assert await deliver_notices(building.business, {"chat": sender}) == 0
    sender.trouble = None
    assert await deliver_notices(building.business, {"chat": sender}) == 0
    building.clock.advance(seconds=2)
    assert await deliver_notices(building.business, {"chat": sender}) == 1
    assert kinds(sender, "tenant-1") == [NoticeKind.LOW_BALANCE]
    assert await deliver_notices(building.business, {"chat": sender}) == 0
