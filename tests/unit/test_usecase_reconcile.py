"""The daily comparison on the real store, with a provider whose bill says what the test wants."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from prepaid.domain.access import CLOCK, Actor, Role
from prepaid.domain.bills import BillKind, BillRow
from prepaid.domain.errors import Refused, TryAgain
from prepaid.domain.notices import Lane, NoticeKind
from prepaid.domain.orders import Order, OrderState, Payment
from prepaid.domain.reconcile import Gap
from prepaid.domain.tickets import MoneyKind, MoneyState
from prepaid.storage.driver import Database
from prepaid.usecases.audit_ledger import audit_ledger
from prepaid.usecases.credit_payment import credit_payment
from prepaid.usecases.money_tickets import open_money_tickets, settle_ticket, show_money_ticket
from prepaid.usecases.reconcile import Outcome, reconcile, reconcile_due, run_id
from prepaid.usecases.reconcile_outcome import show_run
from prepaid.usecases.refund import refund
from prepaid.usecases.start_topup import start_topup
from scheduler.jobs.reconcile import job
from tests.fakes.building import Building, build
from tests.fakes.clock import ManualClock

DAY = date(2026, 3, 2)
"""The day on which the tests' clock starts."""


@pytest.fixture
async def building(database: Database, clock: ManualClock) -> Building:
    """Two flats, and a provider whose bill of the day is empty."""
    building = await build(database, clock)
    building.provider.bills[DAY] = ()
    return building


@pytest.fixture
async def tenant(building: Building) -> Actor:
    """Whoever lives in 101."""
    return await building.flat(1)


@pytest.fixture
async def finance(building: Building) -> Actor:
    """Somebody who settles differences."""
    return await building.operator(role=Role.FINANCE)


def line(order: Order, **changes: Any) -> BillRow:
    """The bill's line about a payment."""
    row = BillRow(
        kind=BillKind.PAYMENT,
        txn_id=f"txn-{order.id}",
        order_id=order.id,
        amount_fen=order.amount_fen,
        at=order.created_at,
        fee_fen=order.amount_fen * 6 // 1_000,
        merchant_id="m-1",
        app_id="app-1",
    )
    return replace(row, **changes)


def bill(building: Building, *rows: BillRow, day: date = DAY) -> None:
    """The provider's bill of a day."""
    building.provider.bills[day] = rows


async def run(building: Building, day: date = DAY) -> Outcome:
    """One comparison, the morning after."""
    building.clock.set(max(building.clock.now(), building.clock.now().replace(day=DAY.day + 1)))
    return await reconcile(building.business, CLOCK, "testpay", day)


async def opened(building: Building, tenant: Actor, fen: int = 5_000) -> Order:
    """An order that waits."""
    return await start_topup(building.business, tenant, "acc-1", fen, provider="testpay")


async def told(building: Building, who: Actor) -> list[NoticeKind]:
    """What somebody was told about the site."""
    kinds = (NoticeKind.RECONCILED, NoticeKind.RECONCILED_OPEN)
    rows = await building.business.store.notices.due(building.clock.now(), 100, Lane.BULK)
    return [row.kind for row in rows if row.person_id == who.id and row.kind in kinds]


async def test_a_day_that_agrees_is_said_to_agree(building: Building, tenant: Actor, finance: Actor) -> None:
    """M17: payments and a refund match item by item; the staff hears it once, however often it runs."""
    orders = [await building.paid(tenant, 1, fen) for fen in (5_000, 700)]
    back = await refund(building.business, finance, orders[0].id, 2_000, key="k", why="x")
    refunded = line(orders[0], kind=BillKind.REFUND, amount_fen=2_000, refund_id=back.id, fee_fen=12)
    bill(building, *(line(order) for order in orders), refunded)
    first, again = await run(building), await run(building)
    assert first.run.totals == again.run.totals
    sums = first.run.totals
    assert (sums.items, sums.payments_fen, sums.refunds_fen, sums.difference_fen) == (3, 5_700, 2_000, 0)
    assert sums.fees_fen == 30 + 4 - 12
    assert (sums.gaps, again.run.tickets) == (0, 0)
    assert await open_money_tickets(building.business, finance) == ()
    assert await told(building, finance) == [NoticeKind.RECONCILED]
    assert await building.business.store.runs.get(run_id(building.business, "testpay", DAY)) == again.run


async def test_a_day_without_anything_is_told_too(building: Building, tenant: Actor, finance: Actor) -> None:
    """M17: silence would not tell whether it was run."""
    outcome = await run(building)
    assert outcome.run.totals.items == 0
    assert await told(building, finance) == [NoticeKind.RECONCILED]


async def test_money_that_only_the_bill_knows_is_credited_once(building: Building, tenant: Actor) -> None:
    """M4, M8, M17 (F11): never notified, expired here, paid there; three runs at once credit it, no ticket stays."""
    order = await opened(building, tenant)
    await building.business.store.orders.move(order.id, OrderState.PENDING, OrderState.EXPIRED)
    building.provider.on_query = building.payment
    bill(building, line(order))
    outcomes = await asyncio.gather(*(run(building) for _ in range(3)))
    assert (await building.order(order.id)).state is OrderState.CREDITED
    assert await building.balance_micro(1) == 50_000_000
    assert max(outcome.run.credited for outcome in outcomes) == 1
    assert (await run(building)).run.tickets == 0
    assert (await audit_ledger(building.business, CLOCK)).clean


async def test_the_bill_alone_is_no_proof(building: Building, tenant: Actor, finance: Actor) -> None:
    """M5, M17: if the provider does not confirm the payment when asked, it is a ticket and no credit; later it goes."""
    order = await opened(building, tenant)
    bill(building, line(order))
    outcome = await run(building)
    assert await building.balance_micro(1) == 0
    assert [item.gap for item in outcome.items] == [Gap.NOT_CREDITED]
    (ticket,) = await open_money_tickets(building.business, finance)
    assert (ticket.kind, ticket.order_id, ticket.theirs_fen, ticket.day) == (
        MoneyKind.BILL,
        order.id,
        5_000,
        "2026-03-02",
    )
    assert await told(building, finance) == [NoticeKind.RECONCILED_OPEN]
    building.provider.on_query = building.payment
    assert (await run(building)).run.tickets == 0
    assert (await show_money_ticket(building.business, finance, ticket.id)).state is MoneyState.GONE
    assert sorted(await told(building, finance)) == [NoticeKind.RECONCILED, NoticeKind.RECONCILED_OPEN]


async def test_a_payment_nobody_heard_of_is_one_ticket(building: Building, tenant: Actor, finance: Actor) -> None:
    """M6, M17: by notification and on the bill, run again: one ticket for one transaction, settled for good."""
    stray = Payment(
        provider="testpay",
        merchant_id="m-1",
        app_id="app-1",
        order_id="cwnowhere1",
        txn_id="txn-stray",
        amount_fen=900,
        currency="CNY",
        paid_at=building.clock.now(),
    )
    await credit_payment(building.business, stray)
    order = await building.paid(tenant, 1, 5_000)
    bill(building, line(order), line(order, order_id="cwnowhere1", txn_id="txn-stray", amount_fen=900))
    for _ in range(2):
        outcome = await run(building)
        assert [item.gap for item in outcome.items] == [None, Gap.NO_ORDER]
        (ticket,) = await open_money_tickets(building.business, finance)
        assert (ticket.kind, ticket.txn_id, ticket.path) == (MoneyKind.PAYMENT, "txn-stray", "")
    settled = await settle_ticket(building.business, finance, ticket.id, words="a sale of the kiosk")
    assert (settled.state, settled.settled_by, settled.words) == (MoneyState.SETTLED, finance.id, "a sale of the kiosk")
    assert (await run(building)).run.tickets == 0
    with pytest.raises(Refused, match="dispute_answered"):
        await settle_ticket(building.business, finance, ticket.id, words="again")


async def test_what_no_bill_shows_is_a_ticket(building: Building, tenant: Actor, finance: Actor) -> None:
    """M17: a credited payment that is missing on the bill, and a refund that is still missing the day after."""
    order = await building.paid(tenant, 1, 5_000)
    await refund(building.business, finance, order.id, 2_000, key="k", why="x")
    outcome = await run(building)
    assert [item.gap for item in outcome.items] == [Gap.NOT_ON_BILL]
    bill(building, day=DAY + timedelta(days=1))
    after = await run(building, DAY + timedelta(days=1))
    assert [item.gap for item in after.items] == [Gap.REFUND_NOT_ON_BILL]
    assert {each.why for each in await open_money_tickets(building.business, finance)} == {
        "gap.not_on_bill",
        "gap.refund_not_on_bill",
    }


async def test_near_midnight_the_day_before_counts(building: Building, tenant: Actor) -> None:
    """M17: paid in the last minutes of a day by our clock and billed on the neighbouring day is no difference."""
    for seconds, billed in ((-120, DAY), (120, DAY - timedelta(days=1))):
        order = await opened(building, tenant, 1_000 + abs(seconds))
        midnight = building.clock.now().replace(hour=16, minute=0) - timedelta(days=1)
        paid_at = midnight + timedelta(seconds=seconds)
        await credit_payment(building.business, building.payment(order, paid_at=paid_at))
        building.provider.bills.setdefault(DAY - timedelta(days=1), ())
        building.provider.bills[billed] += (line(order),)
    outcome = await run(building)
    assert [item.gap for item in outcome.items] == [None]
    bill(building, day=DAY - timedelta(days=2))
    before = await run(building, DAY - timedelta(days=1))
    assert [item.gap for item in before.items] == [None]


async def test_a_wrong_amount_and_a_wrong_fee_are_found(building: Building, tenant: Actor, finance: Actor) -> None:
    """M6, M17: the bill has another amount than the ledger, and a fee that was not agreed."""
    one, two = [await building.paid(tenant, 1, fen) for fen in (5_000, 700)]
    building.business = replace(building.business, fees_ppm={"testpay": 6_000})
    bill(building, line(one, amount_fen=4_000, fee_fen=24), line(two, fee_fen=60))
    outcome = await run(building)
    assert [item.gap for item in outcome.items] == [Gap.AMOUNT, Gap.FEE]
    assert outcome.run.totals.difference_fen == -1_000
    tickets = await open_money_tickets(building.business, finance)
    assert {(each.ours_fen, each.theirs_fen) for each in tickets} == {(5_000, 4_000), (700, 700)}


async def test_each_site_sees_its_own_figures(building: Building, tenant: Actor, finance: Actor) -> None:
    """A2: two landlords share a merchant; neither sees the other's sums, tickets or rooms."""
    other = replace(building.site, id="oak", name="Oak", path="birch/oak")
    await building.business.store.sites.save_site(other)
    stranger = await building.operator(scope="birch", role=Role.FINANCE)
    order = await building.paid(tenant, 1, 5_000)
    bill(building, line(order, amount_fen=4_999))
    outcome = await run(building)
    run_row, own = await show_run(building.business, finance, outcome.run.id)
    assert [(share.site_id, share.totals.payments_fen) for share in own] == [("maple", 4_999)]
    _, foreign = await show_run(building.business, stranger, run_row.id)
    assert [(share.site_id, share.totals.payments_fen) for share in foreign] == [("oak", 0)]
    (ticket,) = await open_money_tickets(building.business, finance)
    assert await open_money_tickets(building.business, stranger) == ()
    for actor in (stranger, tenant):
        with pytest.raises(Refused, match="not_found"):
            await settle_ticket(building.business, actor, ticket.id, words="mine")
    with pytest.raises(Refused, match="not_found"):
        await show_run(building.business, tenant, run_row.id)


async def test_only_the_system_runs_it(building: Building, finance: Actor) -> None:
    """A8: the whole of a merchant's bill is no one site's to see."""
    with pytest.raises(Refused, match="not_found"):
        await reconcile(building.business, finance, "testpay", DAY)
    with pytest.raises(Refused, match="provider_unknown"):
        await reconcile(building.business, CLOCK, "nopay", DAY)


async def test_the_job_runs_each_day_once_and_catches_up(building: Building, tenant: Actor, finance: Actor) -> None:
    """M17, Y5: days that were missed are made up oldest first; a bill that is not there comes later; none twice."""
    days = [DAY - timedelta(days=behind) for behind in range(6, -1, -1)]
    for day in days[:5]:
        bill(building, day=day)
    del building.provider.bills[DAY]
    building.clock.set(building.clock.now() - timedelta(days=8))
    await start_topup(building.business, tenant, "acc-1", 5_000, provider="testpay")
    building.clock.set(building.clock.now() + timedelta(days=9))
    daily = job(building.business, "one")
    await daily.run()
    assert [
        await building.business.store.runs.get(run_id(building.business, "testpay", day)) is None for day in days
    ] == [
        *([False] * 5),
        True,
        True,
    ]
    (ticket,) = await open_money_tickets(building.business, finance)
    assert (ticket.why, ticket.day) == ("gap.no_bill", "2026-03-01"), (
        "yesterday's bill may still come, an older one is late"
    )
    for day in days[5:]:
        bill(building, day=day)
    assert await reconcile_due(building.business, CLOCK, days) == 2
    assert await reconcile_due(building.business, CLOCK, days) == 0
    assert await open_money_tickets(building.business, finance) == ()


async def test_a_bill_that_is_not_ready_changes_nothing(building: Building) -> None:
    """M17: it can be asked for again."""
    building.provider.bills.clear()
    with pytest.raises(TryAgain, match="bill_not_ready"):
        await run(building)


async def test_days_before_the_first_order_are_not_told(building: Building, tenant: Actor, finance: Actor) -> None:
    """M17, N1: a merchant that began two days ago hears of those two days, and from then on of every day."""
    days = [DAY - timedelta(days=behind) for behind in range(6, -1, -1)]
    for day in days:
        bill(building, day=day)
    assert await reconcile_due(building.business, CLOCK, days) == 0
    building.clock.set(building.clock.now() - timedelta(days=1))
    await start_topup(building.business, tenant, "acc-1", 5_000, provider="testpay")
    building.clock.set(building.clock.now() + timedelta(days=2))
    assert await reconcile_due(building.business, CLOCK, days) == 2
    told = await building.business.store.notices.due(building.clock.now(), 100, Lane.BULK)
    assert sorted(str(row.params["day"]) for row in told) == ["2026-03-01", "2026-03-02"]
    del finance
