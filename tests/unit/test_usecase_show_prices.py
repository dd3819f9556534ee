"""The price list that a tenant is shown is the one that they pay by."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from prepaid.domain.tariffs import TariffPlan, Utility, flat
from prepaid.storage.driver import Database
from prepaid.usecases.show_prices import show_prices
from tests.fakes.building import build
from tests.fakes.clock import ManualClock


async def test_the_version_in_force_is_shown_and_the_next_announced(database: Database, clock: ManualClock) -> None:
    """M12: the account's own list goes before the site's; when the next version begins, it is the one shown."""
    building = await build(database, clock)
    tenant, store, now = await building.flat(1), building.business.store, clock.now()
    plan = TariffPlan(versions=(flat("old", 500_000), flat("new", 700_000, start=now + timedelta(hours=2))))
    await store.sites.save_site(replace(building.site, tariff=plan, water_tariff=flat_plan("w", 2_000_000)))
    seen = await show_prices(building.business, tenant, "acc-1")
    # The flat has no meter of water, so its price is not this tenant's business.
    (sheet,) = seen.sheets
    assert (sheet.utility, sheet.version.id, sheet.coming and sheet.coming.id) == (Utility.ELECTRICITY, "old", "new")
    clock.advance(seconds=2 * 3600)
    (sheet,) = (await show_prices(building.business, tenant, "acc-1")).sheets
    assert (sheet.version.id, sheet.coming) == ("new", None)
    account = await store.sites.account("acc-1")
    assert account is not None
    await store.sites.save_account(replace(account, tariff=flat_plan("own", 400_000)))
    (sheet,) = (await show_prices(building.business, tenant, "acc-1")).sheets
    assert sheet.version.id == "own"


def flat_plan(name: str, price_micro: int) -> TariffPlan:
    """A price list of one price."""
    return TariffPlan(versions=(flat(name, price_micro),))
