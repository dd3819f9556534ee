"""Credit rules on the real store: emergency credit, arrears from top-ups, deposits, fixed fees."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date, timedelta

import pytest

from prepaid.domain.access import CLOCK, Actor, Role
from prepaid.domain.calendar import Window
from prepaid.domain.credit import CreditRules, Every, FixedFee
from prepaid.domain.errors import Refused
from prepaid.domain.ledger import Kind, arrears
from prepaid.domain.notices import NoticeKind
from prepaid.storage.driver import Database
from prepaid.usecases.audit_ledger import audit_ledger
from prepaid.usecases.cancel_topup import cancel_topup
from prepaid.usecases.deliver_notices import deliver_notices
from prepaid.usecases.move_debt import move_debt
from prepaid.usecases.move_deposit import move_deposit
from prepaid.usecases.post_fees import post_fees
from prepaid.usecases.settle_emergency import clear_emergencies
from prepaid.usecases.start_topup import start_topup
from prepaid.usecases.take_emergency_credit import take_emergency_credit
from prepaid.usecases.take_notification import take_notification
from prepaid.usecases.work_inbox import work_inbox
from tests.fakes.building import Building, RecordingSender, build
from tests.fakes.clock import ManualClock

YUAN = 1_000_000
RULES = CreditRules(emergency_micro=10 * YUAN, emergency_threshold_micro=2 * YUAN, recovery_permille=200)


async def rule(building: Building, **changes: object) -> None:
    """Sets the site's credit rules."""
    site = replace(building.site, credit=replace(RULES, **changes))  # type: ignore[arg-type]
    await building.business.store.sites.save_site(site)
    building.site = site


@pytest.fixture
async def building(database: Database, clock: ManualClock) -> Building:
    """An empty building that offers emergency credit and recovers a fifth."""
    building = await build(database, clock)
    await rule(building)
    return building


async def pay(building: Building, tenant: Actor, amount_fen: int, event: str) -> None:
    """A top-up by the provider's notification."""
    order = await start_topup(building.business, tenant, "acc-1", amount_fen, provider="testpay")
    await take_notification(building.business, building.row(building.payment(order), event))
    await work_inbox(building.business)


async def floor_micro(building: Building) -> int:
    """Where the account's credit ends now."""
    account = await building.business.store.sites.account("acc-1")
    assert account is not None
    return account.floor_micro


async def cut(building: Building) -> RecordingSender:
    """Uses 0.18 yuan more than there is, is warned, and is cut."""
    sender = RecordingSender()
    for register in (1_000, 1_300):
        await building.read(1, register)
    await deliver_notices(building.business, {"chat": sender})
    for register in (1_301, 1_302):
        await building.read(1, register)
    return sender


async def test_emergency_credit_brings_the_light_back_without_money(building: Building) -> None:
    """P6, M5, N1: the floor is lowered, the supply wanted on, all are told once, and the ledger has no entry for it."""
    tenant = await building.flat(1)
    await cut(building)
    assert not (await building.supply(1)).wanted.on
    before = await building.business.store.ledger.head("acc-1")
    await take_emergency_credit(building.business, tenant, "acc-1")
    assert (await building.supply(1)).wanted.on
    assert await building.business.store.ledger.head("acc-1") == before
    assert await floor_micro(building) == -10 * YUAN
    rows = await building.business.store.notices.of_account("acc-1", 20)
    (told,) = [row for row in rows if row.kind is NoticeKind.EMERGENCY_TAKEN]
    assert [told.params[key] for key in ("amount_micro", "floor_micro")] == [10 * YUAN, -10 * YUAN]
    assert told.params["balance_micro"] == before.balance_micro


@pytest.mark.parametrize("dies_in", ["decide_supply", "tell_emergency"])
async def test_emergency_credit_is_told_though_whoever_gave_it_died(
    building: Building, monkeypatch: pytest.MonkeyPatch, dies_in: str
) -> None:
    """N1: between giving and telling a process dies; the sweeper tells everybody, once, and an old taking no more."""
    tenant = await building.flat(1)
    await cut(building)

    async def dies(*_: object) -> None:
        raise RuntimeError("died here")

    monkeypatch.setattr(f"prepaid.usecases.take_emergency_credit.{dies_in}", dies)
    with pytest.raises(RuntimeError, match="died here"):
        await take_emergency_credit(building.business, tenant, "acc-1")

    async def told() -> list[object]:
        rows = await building.business.store.notices.of_account("acc-1", 50)
        return [row.params["floor_micro"] for row in rows if row.kind is NoticeKind.EMERGENCY_TAKEN]

    assert (await told(), await floor_micro(building)) == ([], -10 * YUAN)
    for _ in range(2):
        await clear_emergencies(building.business)
        building.clock.advance(seconds=60)
        assert await told() == [-10 * YUAN]
    newcomer = await building.business.store.people.at("chat", "moves-in-later", language="en")
    await building.business.store.people.save(replace(newcomer, accounts=("acc-1",)))
    building.clock.advance(days=1)
    await clear_emergencies(building.business)
    assert await told() == [-10 * YUAN]


async def test_emergency_credit_is_taken_once_however_often_it_is_asked_for(building: Building) -> None:
    """P6: twenty taps at once are one emergency credit; it never stacks."""
    tenant = await building.flat(1)
    asked = [take_emergency_credit(building.business, tenant, "acc-1") for _ in range(20)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, Refused)]
    assert len(refused) == 19
    assert {each.key for each in refused} == {"refused.emergency_taken"}
    assert await floor_micro(building) == -10 * YUAN


@pytest.mark.parametrize(
    ("balance", "changes", "key"),
    [
        (2 * YUAN + 1, {}, "refused.emergency_not_needed"),
        (0, {"emergency_micro": 0}, "refused.emergency_not_offered"),
        (-10 * YUAN, {}, "refused.emergency_too_deep"),
    ],
)
async def test_where_emergency_credit_is_not_offered(
    building: Building, balance: int, changes: dict[str, object], key: str
) -> None:
    """P6: only low balances, only where the site lends, only where it would help."""
    tenant = await building.flat(1, balance_micro=balance)
    await rule(building, **changes)
    with pytest.raises(Refused, match=key):
        await take_emergency_credit(building.business, tenant, "acc-1")
    assert await floor_micro(building) == 0


async def test_nobody_takes_it_for_a_foreign_account(building: Building) -> None:
    """A1: a foreign account and one that is missing answer the same."""
    await building.flat(1)
    stranger = await building.flat(2)
    for account_id in ("acc-1", "acc-99"):
        with pytest.raises(Refused, match=r"refused\.not_found"):
            await take_emergency_credit(building.business, stranger, account_id)


async def test_a_top_up_repays_it_first_and_then_it_is_offered_again(building: Building) -> None:
    """P6: below zero it stays in force and is not offered; above zero it ends with the payment itself."""
    tenant = await building.flat(1, balance_micro=-5 * YUAN)
    await take_emergency_credit(building.business, tenant, "acc-1")
    await pay(building, tenant, 400, "e1")
    assert await floor_micro(building) == -10 * YUAN
    with pytest.raises(Refused, match=r"refused\.emergency_taken"):
        await take_emergency_credit(building.business, tenant, "acc-1")
    await pay(building, tenant, 150, "e2")
    assert await building.balance_micro(1) == YUAN // 2
    assert await floor_micro(building) == 0
    await take_emergency_credit(building.business, tenant, "acc-1")
    assert await floor_micro(building) == -10 * YUAN


async def test_credit_that_was_there_before_does_not_repay_it(building: Building) -> None:
    """P6: taken at a low balance above zero, it stays until a payment comes."""
    tenant = await building.flat(1, balance_micro=YUAN)
    await take_emergency_credit(building.business, tenant, "acc-1")
    assert await clear_emergencies(building.business) == 0
    assert await floor_micro(building) == -10 * YUAN


async def test_a_crash_between_credit_and_clearing_is_swept(building: Building) -> None:
    """Y1: the entry is there, the floor is still low; the sweeper ends it once."""
    tenant = await building.flat(1, balance_micro=-YUAN)
    await take_emergency_credit(building.business, tenant, "acc-1")
    await building.give("acc-1", 2 * YUAN, "credit without its follow-up")
    assert await clear_emergencies(building.business) == 1
    assert await clear_emergencies(building.business) == 0
    assert await floor_micro(building) == 0


async def test_saving_an_account_leaves_its_emergency_credit(building: Building) -> None:
    """P6: whoever edits the label at the same time neither gives nor takes credit."""
    tenant = await building.flat(1)
    read_before = await building.business.store.sites.account("acc-1")
    assert read_before is not None
    await take_emergency_credit(building.business, tenant, "acc-1")
    await building.business.store.sites.save_account(replace(read_before, label="201"))
    assert await floor_micro(building) == -10 * YUAN


async def test_when_emergency_credit_is_used_up_there_is_a_warning_of_its_own(building: Building) -> None:
    """N2: the warning from before it was taken does not count for the cut after it."""
    tenant = await building.flat(1)
    sender = await cut(building)
    await take_emergency_credit(building.business, tenant, "acc-1")
    await building.read(1, 18_500, advance_s=3_600 * 6)
    await building.read(1, 18_501)
    assert (await building.supply(1)).wanted.on
    await deliver_notices(building.business, {"chat": sender})
    await building.read(1, 18_502)
    await building.read(1, 18_503)
    assert not (await building.supply(1)).wanted.on
    gone = [notice for _, notice, _ in sender.sent if notice.kind is NoticeKind.BALANCE_GONE]
    assert len(gone) == 2


async def finance(building: Building) -> Actor:
    """Whoever may move debt."""
    return await building.operator(role=Role.FINANCE)


async def owed_micro(building: Building) -> int:
    """Debt still to be recovered."""
    return (await building.business.store.ledger.head("acc-1")).aside.arrears_micro


async def test_debt_is_moved_aside_and_recovered_in_shares(building: Building) -> None:
    """P6, M1: the supply comes back at once with the next credit, a fifth of which repays."""
    tenant = await building.flat(1, balance_micro=-30 * YUAN)
    staff = await finance(building)
    for _ in range(2):
        await move_debt(building.business, staff, "acc-1", 30 * YUAN, key="d1", why="old debt")
    assert (await building.balance_micro(1), await owed_micro(building)) == (0, 30 * YUAN)
    await pay(building, tenant, 10_000, "e1")
    assert (await building.balance_micro(1), await owed_micro(building)) == (80 * YUAN, 10 * YUAN)
    await pay(building, tenant, 10_000, "e2")
    assert (await building.balance_micro(1), await owed_micro(building)) == (170 * YUAN, 0)
    assert (await audit_ledger(building.business, CLOCK)).clean


async def test_a_notification_that_comes_twice_recovers_once(building: Building) -> None:
    """M4, M15: the second is the same entry, although less is owed by then."""
    tenant = await building.flat(1, balance_micro=-30 * YUAN)
    await move_debt(building.business, await finance(building), "acc-1", 30 * YUAN, key="d1", why="old debt")
    order = await start_topup(building.business, tenant, "acc-1", 10_000, provider="testpay")
    payment = building.payment(order)
    for event in ("e1", "e2", "e3"):
        await take_notification(building.business, building.row(payment, event))
        await work_inbox(building.business)
    assert (await building.balance_micro(1), await owed_micro(building)) == (80 * YUAN, 10 * YUAN)


@pytest.mark.slow
async def test_many_top_ups_at_once_recover_exactly_what_is_owed(building: Building) -> None:
    """M2: forty payments race for the last of a debt; together they repay it, and not a micro-yuan more."""
    tenant = await building.flat(1, balance_micro=-30 * YUAN)
    await move_debt(building.business, await finance(building), "acc-1", 30 * YUAN, key="d1", why="old debt")
    orders = []
    for _ in range(40):
        orders.append(await start_topup(building.business, tenant, "acc-1", 1_000, provider="testpay"))
        # Taken back, so that the next wish is another order; what is paid all the same still reaches the account (M8).
        await cancel_topup(building.business, tenant, orders[-1].id)
    for number, order in enumerate(orders):
        await take_notification(building.business, building.row(building.payment(order), f"e{number}"))
    await asyncio.gather(*(work_inbox(building.business) for _ in range(4)))
    assert (await building.balance_micro(1), await owed_micro(building)) == (370 * YUAN, 0)
    entries = await building.business.store.ledger.latest("acc-1", 100)
    shares = [sum(x.amount_micro for x in e.lines if x.account == arrears("acc-1")) for e in entries]
    assert sum(share for share in shares if share > 0) == 30 * YUAN
    assert (await audit_ledger(building.business, CLOCK)).clean


async def test_no_more_debt_is_moved_than_there_is(building: Building) -> None:
    """M5: moving debt makes no credit; only finance moves it, and only up to what one person may."""
    await building.flat(1, balance_micro=-30 * YUAN)
    staff = await finance(building)
    with pytest.raises(Refused, match="no_debt"):
        await move_debt(building.business, staff, "acc-1", 30 * YUAN + 1, key="d1", why="x")
    with pytest.raises(Refused, match="adjust_amount"):
        await move_debt(building.business, staff, "acc-1", 101 * YUAN, key="d2", why="x")
    with pytest.raises(Refused, match="not_found"):
        await move_debt(building.business, await building.operator(), "acc-1", 1, key="d3", why="x")
    assert await building.balance_micro(1) == -30 * YUAN


async def test_a_deposit_is_held_from_credit_and_given_back(building: Building) -> None:
    """P6: only what is there can be held, only what is held can be given back."""
    await building.flat(1, balance_micro=50 * YUAN)
    staff = await finance(building)
    with pytest.raises(Refused, match="not_enough"):
        await move_deposit(building.business, staff, "acc-1", 51 * YUAN, key="h0", why="x")
    await move_deposit(building.business, staff, "acc-1", 40 * YUAN, key="h1", why="x")
    assert await building.balance_micro(1) == 10 * YUAN
    with pytest.raises(Refused, match="deposit_exceeded"):
        await move_deposit(building.business, staff, "acc-1", -41 * YUAN, key="b0", why="x")
    await move_deposit(building.business, staff, "acc-1", -40 * YUAN, key="b1", why="x")
    assert await building.balance_micro(1) == 50 * YUAN
    assert (await audit_ledger(building.business, CLOCK)).clean


FEES = (
    FixedFee(id="net", every=Every.DAY, amount_micro=YUAN, since=date(2026, 3, 1)),
    FixedFee(id="lift", every=Every.DAY, amount_micro=YUAN // 2, since=date(2026, 3, 1)),
    FixedFee(id="rent", every=Every.MONTH, amount_micro=10 * YUAN, since=date(2026, 3, 1)),
)


async def test_fees_are_posted_once_a_day_and_once_a_month(building: Building, clock: ManualClock) -> None:
    """M15, Y5: by the site's own days, however many schedulers run; an outage is caught up with."""
    await building.flat(1, balance_micro=100 * YUAN)
    await rule(building, fees=FEES)
    await asyncio.gather(*(post_fees(building.business) for _ in range(4)))
    assert await building.balance_micro(1) == (100 - 10 - 3) * YUAN
    clock.advance(days=3)
    await post_fees(building.business)
    await post_fees(building.business)
    entries = await building.business.store.ledger.latest("acc-1", 100)
    keys = [entry.idem for entry in reversed(entries) if entry.kind is Kind.FEE]
    assert sorted(keys) == ["fee:acc-1:2026-03", *(f"fee:acc-1:2026-03-0{day}" for day in range(1, 6))]
    assert await building.balance_micro(1) == 100 * YUAN - 10 * YUAN - 5 * 3 * YUAN // 2
    assert (await audit_ledger(building.business, CLOCK)).clean


async def test_a_fee_that_changed_is_not_posted_again(building: Building) -> None:
    """M15: a day that was billed stays as it was billed."""
    await building.flat(1, balance_micro=100 * YUAN)
    await rule(building, fees=FEES[:1])
    await post_fees(building.business)
    await rule(building, fees=(replace(FEES[0], amount_micro=5 * YUAN),))
    assert await post_fees(building.business) == 0
    assert await building.balance_micro(1) == 98 * YUAN


async def test_a_fee_alone_cuts_nobody_in_protected_hours_or_unwarned(building: Building, clock: ManualClock) -> None:
    """S2, S3: the fee takes the last credit; the warning and the protected hours hold all the same."""
    await building.flat(1, balance_micro=21 * YUAN)
    dear = (replace(FEES[0], amount_micro=30 * YUAN),)
    all_day = (Window(since=clock.now().time(), until=clock.now().time()),)
    site = replace(building.site, calendar=replace(building.site.calendar, protected=all_day))
    building.site = site
    await rule(building, fees=dear)
    await building.read(1, 1_000)
    await building.read(1, 1_000)
    await post_fees(building.business)
    sender = RecordingSender()
    assert (await building.supply(1)).wanted.on
    await deliver_notices(building.business, {"chat": sender})
    kinds = {notice.kind for _, notice, _ in sender.sent}
    assert kinds >= {NoticeKind.LOW_BALANCE, NoticeKind.BALANCE_GONE}
    for _ in range(3):
        await building.read(1, 1_000)
    assert (await building.supply(1)).wanted.on
    building.site = replace(site, calendar=replace(site.calendar, protected=()))
    await rule(building, fees=dear)
    await building.read(1, 1_000)
    assert not (await building.supply(1)).wanted.on


async def test_no_fee_before_the_tenancy_or_after_it(building: Building, clock: ManualClock) -> None:
    """M12: the days of a lease, by the site's calendar."""
    await building.flat(1, balance_micro=100 * YUAN)
    await rule(building, fees=FEES[:1])
    account = await building.business.store.sites.account("acc-1")
    assert account is not None
    now = clock.now()
    lease = replace(account, lease_from=now + timedelta(days=1), lease_to=now + timedelta(days=2))
    await building.business.store.sites.save_account(lease)
    clock.advance(days=5)
    assert await post_fees(building.business) == 2
