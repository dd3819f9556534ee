"""Fees that stand in a price list, on the real store: posted once, by the version that holds when a period begins."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from prepaid.domain.access import CLOCK
from prepaid.domain.accounts import Account
from prepaid.domain.calendar import Window
from prepaid.domain.credit import Every as Often
from prepaid.domain.credit import FixedFee
from prepaid.domain.fees import due_fees
from prepaid.domain.ledger import Kind
from prepaid.domain.notices import NoticeKind
from prepaid.domain.tariffs import Every, Fee, Tariff, TariffPlan, Utility, flat
from prepaid.storage.driver import Database
from prepaid.storage.migrations import m0002_listed_fees
from prepaid.usecases.audit_ledger import audit_ledger
from prepaid.usecases.deliver_notices import deliver_notices
from prepaid.usecases.post_fees import post_fees
from tests.fakes.building import Building, RecordingSender, build
from tests.fakes.clock import ManualClock

YUAN = 1_000_000
DAILY = Fee(id="line", every=Every.DAY, amount_micro=YUAN)
MONTHLY = Fee(id="network", every=Every.MONTH, amount_micro=6 * YUAN)
NOON = datetime(2026, 4, 10, 4, tzinfo=UTC)
"""Noon of 10 April in Shanghai."""


def listed(*fees: Fee, name: str = "t", **changes: object) -> Tariff:
    """A version with fees."""
    return replace(flat(name, 500_000), fees=fees, **changes)  # type: ignore[arg-type]


async def price(building: Building, *versions: Tariff, **changes: object) -> None:
    """Sets the site's price list of electricity."""
    site = replace(building.site, tariff=TariffPlan(versions=versions), **changes)  # type: ignore[arg-type]
    await building.business.store.sites.save_site(site)
    building.site = site


@pytest.fixture
async def building(database: Database, clock: ManualClock) -> Building:
    """One flat with a hundred yuan, on 10 April."""
    clock.set(NOON)
    building = await build(database, clock)
    await building.flat(1, balance_micro=100 * YUAN)
    account = await account_of(building)
    await building.business.store.sites.save_account(replace(account, lease_from=NOON - timedelta(days=40)))
    return building


async def account_of(building: Building) -> Account:
    """The account as it is stored."""
    account = await building.business.store.sites.account("acc-1")
    assert account is not None
    return account


async def keys(building: Building) -> list[str]:
    """The periods that were billed."""
    entries = await building.business.store.ledger.latest("acc-1", 100)
    return sorted(str(entry.ref["period"]) for entry in entries if entry.kind is Kind.FEE)


async def test_fees_of_a_price_list_are_posted_once(building: Building) -> None:
    """M12, M15, Y5: by day and month, however many schedulers run and however often; the entry names the version."""
    await price(building, listed(DAILY, MONTHLY))
    await asyncio.gather(*(post_fees(building.business) for _ in range(4)))
    assert await post_fees(building.business) == 0
    assert await keys(building) == ["2026-04", *(f"2026-04-{day:02}" for day in range(3, 11))]
    assert await building.balance_micro(1) == (100 - 6 - 8) * YUAN
    entries = await building.business.store.ledger.latest("acc-1", 1)
    assert entries[0].ref["tariff"] == "t"
    assert (await audit_ledger(building.business, CLOCK)).clean


async def test_a_new_version_bills_no_day_and_no_month_twice(building: Building, clock: ManualClock) -> None:
    """M12, M15: what holds when a day or month begins is billed for it; a version that starts within it bills later."""
    dearer = (replace(DAILY, amount_micro=3 * YUAN), replace(MONTHLY, amount_micro=9 * YUAN))
    await price(building, listed(DAILY, MONTHLY))
    await post_fees(building.business)
    before = await building.balance_micro(1)
    await price(building, listed(DAILY, MONTHLY), listed(*dearer, name="new", start=NOON + timedelta(minutes=1)))
    clock.advance(hours=2)
    assert await post_fees(building.business) == 0
    clock.advance(days=1)
    assert await post_fees(building.business) == 1
    assert await building.balance_micro(1) == before - 3 * YUAN
    clock.set(datetime(2026, 5, 1, 4, tzinfo=UTC))
    await post_fees(building.business)
    assert await building.balance_micro(1) == before - 3 * YUAN - 8 * 3 * YUAN - 9 * YUAN


async def test_an_accounts_own_price_list_has_its_own_fees(building: Building) -> None:
    """M12: the account's list holds instead of the site's, fees included; one without any is without any."""
    await price(building, listed(DAILY, MONTHLY))
    account = replace(await account_of(building), tariff=TariffPlan(versions=(listed(name="own"),)))
    await building.business.store.sites.save_account(account)
    assert await post_fees(building.business) == 0
    mine = TariffPlan(versions=(listed(replace(MONTHLY, amount_micro=2 * YUAN), name="own"),))
    await building.business.store.sites.save_account(replace(account, tariff=mine))
    assert await post_fees(building.business) == 1
    assert await building.balance_micro(1) == 98 * YUAN


async def test_a_listed_fee_alone_cuts_nobody_in_protected_hours_or_unwarned(building: Building) -> None:
    """S2, S3: the fee takes the last credit; warning and protected hours hold, and the cut comes with their end."""
    now = building.clock.now().time()
    guarded = replace(building.site.calendar, protected=(Window(since=now, until=now),))
    dear = listed(replace(MONTHLY, amount_micro=130 * YUAN))
    await price(building, dear, calendar=guarded)
    await building.read(1, 1_000)
    await building.read(1, 1_000)
    await post_fees(building.business)
    assert await building.balance_micro(1) < 0
    assert (await building.supply(1)).wanted.on
    sender = RecordingSender()
    await deliver_notices(building.business, {"chat": sender})
    assert NoticeKind.BALANCE_GONE in {notice.kind for _, notice, _ in sender.sent}
    for _ in range(3):
        await building.read(1, 1_000)
    assert (await building.supply(1)).wanted.on
    await price(building, dear, calendar=replace(guarded, protected=()))
    await building.read(1, 1_000)
    assert not (await building.supply(1)).wanted.on


async def test_sites_from_before_bill_their_lists_fees_from_now_on(database: Database, building: Building) -> None:
    """M12: what was only on paper is billed from the migration on, and running it again moves nothing."""
    await price(building, listed(DAILY, MONTHLY))
    sites = database.collection("sites", durable=True)
    await sites.update_one({"_id": building.site.id}, {"$unset": {"listed_fees_from": ""}})
    assert await m0002_listed_fees.run(database) == 1
    assert await m0002_listed_fees.run(database) == 0
    await building.business.store.sites.save_site(building.site)
    stored = await building.business.store.sites.site(building.site.id)
    assert stored is not None
    assert stored.listed_fees_from == datetime.now(UTC).date()
    await sites.update_one({"_id": building.site.id}, {"$set": {"listed_fees_from": "2026-04-10"}})
    assert await post_fees(building.business) == 1
    assert await keys(building) == ["2026-04-10"]


SITE_FEE = FixedFee(id="network", every=Often.MONTH, amount_micro=10 * YUAN, since=date(2026, 1, 1))


async def test_what_is_due_is_listed_by_utility_and_said_once(building: Building) -> None:
    """M12: water's charge needs a water meter, a rule with a listed fee's id is that fee, a late list has no past."""
    water = TariffPlan(versions=(listed(replace(MONTHLY, id="pipe")),), utility=Utility.WATER)
    rules = replace(building.site.credit, fees=(SITE_FEE, replace(SITE_FEE, id="lift")))
    plan = TariffPlan(versions=(listed(MONTHLY),))
    site = replace(building.site, tariff=plan, water_tariff=water, credit=rules)
    account = await account_of(building)

    def ids(utilities: set[Utility], who: Account = account) -> list[str]:
        return [fee.id for fees in due_fees(site, who, utilities, NOON).values() for fee in fees]

    assert ids({Utility.ELECTRICITY}) == ["network", "lift"]
    assert sorted(ids({Utility.ELECTRICITY, Utility.WATER})) == ["lift", "network", "pipe"]
    assert ids({Utility.WATER}, replace(account, utility="water")) == ["pipe"]
    late = replace(site, tariff=TariffPlan(versions=(listed(MONTHLY, start=NOON - timedelta(days=3)),)))
    assert [fee.version for fees in due_fees(late, account, Utility, NOON).values() for fee in fees] == ["t", "", ""]
    assert [fee.amount_micro for fee in due_fees(late, account, {Utility.ELECTRICITY}, NOON)["2026-04"]] == [
        10 * YUAN,
        10 * YUAN,
    ]
