"""The desk's paper on the real store: numbers, a day's list, void receipts; refunds paced, told of and late."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import date, timedelta

import pytest

from prepaid.domain.access import CLOCK, Actor, Role
from prepaid.domain.accounts import AccountStatus
from prepaid.domain.approvals import Approval
from prepaid.domain.errors import Refused, Unknown
from prepaid.domain.ledger import Entry
from prepaid.domain.notices import NoticeKind
from prepaid.domain.orders import OrderState
from prepaid.domain.receipts import Method
from prepaid.domain.refunds import Refund, RefundState, RefundStep
from prepaid.storage.driver import Database
from prepaid.usecases.audit_ledger import audit_ledger
from prepaid.usecases.cash_desk import desk_day, next_receipt, void_receipt
from prepaid.usecases.cash_topup import cash_topup
from prepaid.usecases.chase_refunds import chase_refunds
from prepaid.usecases.credit_payment import credit_payment
from prepaid.usecases.decide_approval import approve
from prepaid.usecases.refund import refund
from prepaid.usecases.start_topup import start_topup
from prepaid.usecases.take_notification import take_notification
from prepaid.usecases.work_inbox import work_inbox
from tests.fakes.building import Building, ScriptedProvider, build
from tests.fakes.clock import ManualClock


@pytest.fixture
async def building(database: Database, clock: ManualClock) -> Building:
    """Two flats without credit."""
    building = await build(database, clock)
    await building.flat(1)
    await building.flat(2)
    return building


@pytest.fixture
async def cashier(building: Building) -> Actor:
    """Somebody at the desk."""
    return await building.operator(role=Role.FINANCE)


async def take(building: Building, cashier: Actor, fen: int, number: str, method: Method = Method.CASH) -> None:
    """Money over the counter."""
    await cash_topup(building.business, cashier, "acc-1", fen, receipt=number, method=method)


async def test_numbers_go_on_within_the_day(building: Building, cashier: Actor) -> None:
    """M4: a proposed number is free, follows the day, and steps over one that somebody wrote by hand."""
    assert await next_receipt(building.business, cashier, "maple") == "20260302-0001"
    await take(building, cashier, 500, "20260302-0001")
    await take(building, cashier, 500, "20260302-0003")
    number = await next_receipt(building.business, cashier, "maple")
    assert number == "20260302-0004"
    building.clock.advance(hours=12)
    assert await next_receipt(building.business, cashier, "maple") == "20260303-0001"


async def test_the_list_of_a_day_adds_up_to_the_ledger(building: Building, cashier: Actor) -> None:
    """M2, M14: cash, bank and void by the site's own day; what is left of them is what the accounts were given."""
    boss = await building.operator(role=Role.OWNER)
    await take(building, cashier, 500, "A-1")
    await take(building, boss, 700, "A-2", Method.BANK)
    await take(building, cashier, 900, "A-3")
    await void_receipt(building.business, cashier, "acc-1", "A-3", why="wrong room")
    building.clock.advance(hours=12)
    await take(building, cashier, 1_100, "B-1")
    day = await desk_day(building.business, cashier, "maple", date(2026, 3, 2))
    assert [(each.receipt.number, each.voided) for each in day.taken] == [("A-1", False), ("A-2", False), ("A-3", True)]
    assert (day.sum_fen(Method.CASH), day.sum_fen(Method.BANK), day.sum_fen(), day.voided_fen) == (500, 700, 1_200, 900)
    assert {who: day.sum_fen(taken_by=who) for who in day.cashiers} == {cashier.id: 500, boss.id: 700}
    assert await building.balance_micro(1) == 23_000_000
    assert (await audit_ledger(building.business, CLOCK)).clean


async def test_a_receipt_is_void_once_and_its_number_stays_spent(building: Building, cashier: Actor) -> None:
    """M14, M15: reversed by one entry that names it, however often and at once; the number takes no other money."""
    await take(building, cashier, 500, "A-1")
    asked = [void_receipt(building.business, cashier, "acc-1", "A-1", why="typo") for _ in range(5)]
    entries = {each.hash for each in await asyncio.gather(*asked, return_exceptions=True) if isinstance(each, Entry)}
    assert len(entries) == 1
    again = await void_receipt(building.business, cashier, "acc-1", "A-1", why="again")
    assert isinstance(again, Entry)
    assert {again.hash} == entries
    assert await building.balance_micro(1) == 0
    await take(building, cashier, 500, "A-1")
    assert await building.balance_micro(1) == 0
    with pytest.raises(Refused, match="receipt_used"):
        await take(building, cashier, 600, "A-1")
    told = [n.kind for n in await building.business.store.notices.of_account("acc-1", 10)]
    assert sorted(told) == [NoticeKind.CASH_RECEIVED, NoticeKind.CASH_VOIDED]


async def test_a_large_receipt_is_void_by_two(building: Building, cashier: Actor) -> None:
    """A6: above the limit for corrections the second person agrees to the very entry."""
    boss = await building.operator(role=Role.OWNER)
    await take(building, cashier, 20_000, "A-1")
    asked = await void_receipt(building.business, cashier, "acc-1", "A-1", why="typo")
    assert isinstance(asked, Approval)
    assert await building.balance_micro(1) == 200_000_000
    await approve(building.business, boss, asked.id, asked.digest)
    assert await building.balance_micro(1) == 0
    day = await desk_day(building.business, cashier, "maple", date(2026, 3, 2))
    assert [each.voided for each in day.taken] == [True]


async def test_the_desk_of_another_site_is_not_found(building: Building, cashier: Actor) -> None:
    """A1, A2: lists, numbers and receipts of others answer like ones that are not there."""
    await take(building, cashier, 500, "A-1")
    stranger = await building.operator(scope="birch", role=Role.FINANCE)
    for actor, site in ((stranger, "maple"), (cashier, "nowhere")):
        with pytest.raises(Refused, match="not_found"):
            await desk_day(building.business, actor, site, date(2026, 3, 2))
        with pytest.raises(Refused, match="not_found"):
            await next_receipt(building.business, actor, site)
    for account, number in (("acc-2", "A-1"), ("acc-1", "A-404")):
        with pytest.raises(Refused, match="not_found"):
            await void_receipt(building.business, cashier, account, number, why="x")


@dataclass
class PacedProvider(ScriptedProvider):
    """Takes two refunds of a payment, a minute apart, as WeChat Pay takes fifty."""

    refunds_most: int = 2
    refund_spacing: timedelta = timedelta(minutes=1)


async def test_refunds_keep_their_distance(building: Building, cashier: Actor) -> None:
    """M10: the second waits, debited, until the provider takes it; the third is refused; the numbers stay the same."""
    paced = PacedProvider()
    building.provider, building.business = paced, replace(building.business, providers={"testpay": paced})
    tenant = await building.flat(1)
    order = await building.paid(tenant, 1, 5_000)
    rows = [await refund(building.business, cashier, order.id, 1_000, key=key, why="x") for key in "ab"]
    assert [row.step for row in rows if isinstance(row, Refund)] == [RefundStep.DONE, RefundStep.DEBITED]
    await chase_refunds(building.business)
    assert len(paced.refunds) == 1
    building.clock.advance(minutes=1)
    await chase_refunds(building.business)
    assert list(paced.refunds.values()) == [1_000, 1_000]
    with pytest.raises(Refused, match="not_refundable"):
        await refund(building.business, cashier, order.id, 1_000, key="c", why="x")
    assert await building.balance_micro(1) == 30_000_000


async def test_an_old_payment_is_not_refunded_by_its_provider(building: Building, cashier: Actor) -> None:
    """M10: past the provider's days the desk is told at once, and nothing moves."""
    tenant = await building.flat(1)
    order = await building.paid(tenant, 1, 5_000)
    building.clock.advance(days=365)
    with pytest.raises(Refused, match="refund_too_late"):
        await refund(building.business, cashier, order.id, 1_000, key="k", why="x")
    assert await building.balance_micro(1) == 50_000_000


async def test_news_of_a_refund_makes_us_ask(building: Building, cashier: Actor) -> None:
    """M9, M10, A4: the notification ends nothing by itself; the provider is asked, and its answer ends the refund."""
    tenant = await building.flat(1)
    order = await building.paid(tenant, 1, 5_000)
    says = RefundState.PROCESSING

    def answer(_number: str) -> RefundState:
        return says

    building.provider.on_refund = answer
    row = await refund(building.business, cashier, order.id, 2_000, key="k", why="x")
    assert isinstance(row, Refund)
    news = replace(building.row(building.payment(order), "refund"), payment=None, refund_id=row.id, kind="refund")
    await take_notification(building.business, news)
    assert await work_inbox(building.business) == 1
    assert (await building.order(order.id)).state is OrderState.REFUNDING
    says = RefundState.SUCCESS
    foreign = replace(news, id="n3", refund_id="rf-of-the-console")
    for later in (replace(news, id="n2"), foreign):
        await take_notification(building.business, later)
    assert await work_inbox(building.business) == 2
    stored = await building.order(order.id)
    assert (stored.state, stored.refunded_fen) == (OrderState.CREDITED, 2_000)
    assert await building.balance_micro(1) == 30_000_000


async def test_news_while_the_provider_is_silent_is_harmless(building: Building, cashier: Actor) -> None:
    """M9: silence leaves the refund as it is, and the janitor asks later by the same number."""
    tenant = await building.flat(1)
    order = await building.paid(tenant, 1, 5_000)

    def silent(_number: str) -> RefundState:
        raise Unknown("unknown.provider")

    building.provider.on_refund = silent
    row = await refund(building.business, cashier, order.id, 2_000, key="k", why="x")
    assert isinstance(row, Refund)
    await take_notification(building.business, replace(building.row(building.payment(order)), refund_id=row.id))
    assert await work_inbox(building.business) == 1
    held = await building.business.store.refunds.get(row.id)
    assert held is not None
    assert held.step is RefundStep.DEBITED
    building.provider.on_refund = lambda _number: RefundState.SUCCESS
    building.clock.advance(hours=1)
    await chase_refunds(building.business)
    assert building.provider.refunds == {row.id: 2_000}


async def test_money_for_whoever_moved_out_goes_back(building: Building, cashier: Actor) -> None:
    """M8: paid late for a closed account it is credited, refunded to its payer, told to the staff; books at zero."""
    tenant = await building.flat(1)
    order = await start_topup(building.business, tenant, "acc-1", 5_000, provider="testpay")
    for old, new in ((AccountStatus.OPEN, AccountStatus.CLOSING), (AccountStatus.CLOSING, AccountStatus.CLOSED)):
        await building.business.store.sites.move_account("acc-1", old, new)
    for _ in range(2):
        await credit_payment(building.business, building.payment(order))
        await chase_refunds(building.business)
    assert (await building.order(order.id)).state is OrderState.REFUNDED
    assert list(building.provider.refunds.values()) == [5_000]
    assert await building.balance_micro(1) == 0
    told = await building.business.store.notices.of_account("acc-1", 20)
    disputed = [n for n in told if n.kind is NoticeKind.PAYMENT_DISPUTED and n.person_id == cashier.id]
    assert [n.params["why"] for n in disputed] == ["dispute.account_closed"]
    assert (await audit_ledger(building.business, CLOCK)).clean
