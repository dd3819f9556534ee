"""Separate wallets on the real store: water and electricity of one tenancy, each with money and a supply of its own."""

from __future__ import annotations

from dataclasses import replace

import pytest

from prepaid.domain.access import CLOCK, Actor, Role
from prepaid.domain.accounts import AccountStatus
from prepaid.domain.closing import Step
from prepaid.domain.credit import CreditRules, Wallet
from prepaid.domain.finance import WATER as WATER_BAND
from prepaid.domain.imports import AccountRow, MeterRow
from prepaid.domain.metering import Meter, Reading, Sweep
from prepaid.domain.supply import Supply, Wanted
from prepaid.domain.tariffs import TariffPlan, Utility, flat
from prepaid.storage.driver import Database
from prepaid.usecases.audit_ledger import audit_ledger
from prepaid.usecases.bind_chat import bind_chat, unbind_chat
from prepaid.usecases.close_account import close_account, show_closing
from prepaid.usecases.compare_usage import Period, compare_usage
from prepaid.usecases.credit_payment import credit_payment
from prepaid.usecases.deliver_notices import deliver_notices
from prepaid.usecases.import_places import import_places
from prepaid.usecases.issue_bind_code import issue_bind_code
from prepaid.usecases.open_account import open_account
from prepaid.usecases.settle_readings import settle_readings
from prepaid.usecases.show_balance import my_accounts, show_balance
from prepaid.usecases.show_statement import show_statement
from prepaid.usecases.show_usage import show_usage
from prepaid.usecases.start_topup import start_topup
from tests.fakes.building import GATEWAY, SITE, WARNED, Building, RecordingSender, build
from tests.fakes.clock import ManualClock

ROOM = "acme/maple/b1/301"
LIGHT, WATER = "met-light", "met-water"
YUAN = 1_000_000
PER_KWH, PER_M3 = 600_000, 4_000_000


async def free_meter(building: Building, meter_id: str, unit: int, utility: Utility) -> None:
    """A meter that nobody pays for."""
    store = building.business.store
    meter = Meter(id=meter_id, site_id=SITE, path=ROOM, gateway_id=GATEWAY, unit=unit, profile="test", utility=utility)
    await store.meters.add(meter)
    wanted = Wanted(at=building.clock.now())
    await store.supplies.add(
        Supply(meter_id=meter_id, account_id=None, site_id=SITE, gateway_id=GATEWAY, path=ROOM, wanted=wanted)
    )


@pytest.fixture
async def building(database: Database, clock: ManualClock) -> Building:
    """A site that bills water too, and two free meters in 301."""
    building = await build(database, clock)
    water = TariffPlan(versions=(flat("w", PER_M3),), utility=Utility.WATER)
    building.site = replace(building.site, water_tariff=water, credit=CreditRules(wallet=Wallet.SEPARATE))
    await building.business.store.sites.save_site(building.site)
    await free_meter(building, LIGHT, 31, Utility.ELECTRICITY)
    await free_meter(building, WATER, 32, Utility.WATER)
    return building


async def tenancy(building: Building) -> tuple[str, str]:
    """The wallets of a new tenancy in 301, that of electricity first."""
    boss = await building.operator(role=Role.MANAGER)
    main = await open_account(building.business, boss, SITE, path=ROOM, label="301", key="k", meters=(LIGHT, WATER))
    return main.id, f"{main.id}-water"


async def tenant_of(building: Building, account_id: str) -> Actor:
    """Somebody who binds with a code for one of the wallets."""
    boss = await building.operator(role=Role.MANAGER)
    person = await building.business.store.people.at("chat", "tenant", language="en")
    code = await issue_bind_code(building.business, boss, account_id)
    await bind_chat(building.business, person.actor(), code, chat="chat:1")
    return await fresh(building)


async def fresh(building: Building) -> Actor:
    """The tenant with the bindings of now."""
    return (await building.business.store.people.at("chat", "tenant", language="en")).actor()


async def top_up(building: Building, tenant: Actor, account_id: str, amount_fen: int) -> None:
    """Pays into one wallet."""
    order = await start_topup(building.business, tenant, account_id, amount_fen, provider="testpay")
    await credit_payment(building.business, building.payment(order))


async def read(building: Building, light_wh: int, water_l: int) -> None:
    """Both meters answer, an hour later."""
    building.clock.advance(seconds=3_600)
    at = building.clock.now()
    readings = (
        Reading(meter_id=LIGHT, at=at, energy_wh=light_wh, relay_on=True),
        Reading(meter_id=WATER, at=at, energy_wh=water_l, relay_on=True),
    )
    await settle_readings(building.business, Sweep(gateway_id=GATEWAY, readings=readings))


async def is_on(building: Building, meter_id: str) -> bool:
    """Whether its supply is wanted on."""
    supply = await building.business.store.supplies.get(meter_id)
    assert supply is not None
    return supply.wanted.on


async def balances(building: Building, *account_ids: str) -> list[int]:
    """From the ledger, in yuan."""
    heads = [await building.business.store.ledger.head(account_id) for account_id in account_ids]
    return [head.balance_micro // YUAN for head in heads]


@pytest.mark.parametrize("rich", [0, 1])
async def test_an_empty_wallet_cuts_its_own_meter_and_no_other(building: Building, rich: int) -> None:
    """S1, M2: what is paid into one wallet feeds one meter; the other one is cut, and neither touches the other."""
    wallets = await tenancy(building)
    tenant = await tenant_of(building, wallets[0])
    await top_up(building, tenant, wallets[rich], 10_000)
    await read(building, 1_000, 500)
    await read(building, 11_000, 2_500)
    paid = [0, 0]
    paid[rich] = 100
    assert await balances(building, *wallets) == [paid[0] - 6, paid[1] - 8]
    await deliver_notices(building.business, {"chat": RecordingSender()})
    building.clock.advance(seconds=WARNED.total_seconds())
    await read(building, 11_000, 2_500)
    await read(building, 11_000, 2_500)
    assert [await is_on(building, LIGHT), await is_on(building, WATER)] == [rich == 0, rich == 1]
    await top_up(building, tenant, wallets[1 - rich], 2_000)
    assert [await is_on(building, LIGHT), await is_on(building, WATER)] == [True, True]
    assert (await audit_ledger(building.business, CLOCK)).clean


async def test_a_person_is_bound_to_all_wallets_of_a_tenancy(building: Building) -> None:
    """A1, A5: one code opens both, whichever it was for; unbinding from one ends both at once."""
    main, water = await tenancy(building)
    tenant = await tenant_of(building, water)
    lines = await my_accounts(building.business, tenant)
    assert [(line.account_id, line.label) for line in lines] == [(main, "301"), (water, "301 m³")]
    view = await show_balance(building.business, tenant, water)
    assert [wallet.account_id for wallet in view.wallets] == [main]
    assert view.price_micro_per_kwh == PER_M3
    assert (await show_balance(building.business, tenant, main)).price_micro_per_kwh == PER_KWH
    await unbind_chat(building.business, tenant, main)
    assert (await fresh(building)).accounts == frozenset()


async def test_each_wallet_has_a_statement_of_its_own(building: Building) -> None:
    """M16, M2: each ties to its own balances, and shows its own meter."""
    wallets = await tenancy(building)
    tenant = await tenant_of(building, wallets[0])
    await top_up(building, tenant, wallets[1], 10_000)
    await read(building, 1_000, 500)
    await read(building, 11_000, 2_500)
    shown = [await show_statement(building.business, tenant, wallet) for wallet in wallets]
    lines = [[line async for page in view.pages for line in page] for view in shown]
    assert [[line.amount_micro for line in each] for each in lines] == [[-6 * YUAN], [100 * YUAN, -8 * YUAN]]
    assert [view.closing_micro for view in shown] == [-6 * YUAN, 92 * YUAN]


async def test_a_move_out_ends_every_wallet(building: Building) -> None:
    """M10, M11: final readings, what is left goes back from each, and both end at nought and closed."""
    wallets = await tenancy(building)
    tenant = await tenant_of(building, wallets[0])
    for wallet in wallets:
        await top_up(building, tenant, wallet, 10_000)
    await read(building, 1_000, 500)
    await read(building, 11_000, 2_500)
    boss = await building.operator(role=Role.MANAGER)
    closing = await close_account(building.business, boss, wallets[0], reason="moves out")
    assert closing.step is Step.CLOSED
    for wallet, meter_id, back_fen in ((wallets[0], LIGHT, 9_400), (wallets[1], WATER, 9_200)):
        ended = await show_closing(building.business, boss, wallet)
        assert (ended.step, [each.meter_id for each in ended.readings]) == (Step.CLOSED, [meter_id])
        assert [part.amount_fen for part in ended.plan] == [back_fen]
        account = await building.business.store.sites.account(wallet)
        assert account is not None
        assert account.status is AccountStatus.CLOSED
    assert await balances(building, *wallets) == [0, 0]
    assert (await fresh(building)).accounts == frozenset()
    assert (await audit_ledger(building.business, CLOCK)).clean


async def test_one_wallet_pays_for_everything_unless_a_site_says_otherwise(building: Building) -> None:
    """M2: shared is the rule; a tenancy that began so goes on so when the site changes its mind."""
    await building.business.store.sites.save_site(replace(building.site, credit=CreditRules()))
    main, water = await tenancy(building)
    await building.business.store.sites.save_site(building.site)
    await read(building, 1_000, 500)
    await read(building, 11_000, 2_500)
    assert await balances(building, main) == [-14]
    assert await building.business.store.sites.account(water) is None


async def test_what_one_wallet_pays_for_is_never_added_up(building: Building) -> None:
    """T1, M16: of a wallet for everything, hours, months and bands say Wh or litres; money ties to the ledger."""
    await building.business.store.sites.save_site(replace(building.site, credit=CreditRules()))
    main, _ = await tenancy(building)
    tenant = await tenant_of(building, main)
    await read(building, 1_000, 500)
    await read(building, 11_000, 2_500)
    await read(building, 12_000, 2_750)
    for period in Period:
        light, water = await compare_usage(building.business, tenant, main, period=period)
        assert [(each.utility, each.total_wh, each.total_micro) for each in (light, water)] == [
            (Utility.ELECTRICITY, 11_000, 11 * PER_KWH),
            (Utility.WATER, 2_250, 9 * YUAN),
        ], period
    hours = await show_usage(building.business, tenant, main, utility=Utility.WATER)
    assert (hours.total_wh, hours.utilities) == (2_250, tuple(Utility))
    view = await show_statement(building.business, tenant, main)
    lines = [line async for page in view.pages for line in page]
    assert {(line.utility, line.energy_wh, line.amount_micro) for line in lines} == {
        ("electricity", 10_000, -10 * PER_KWH),
        ("electricity", 1_000, -PER_KWH),
        ("water", 2_000, -8 * YUAN),
        ("water", 250, -YUAN),
    }
    assert view.totals.energy_wh[WATER_BAND] == 2_250
    assert sum(view.totals.energy_wh.values()) == 13_250
    assert view.closing_micro - view.opening_micro == -11 * PER_KWH - 9 * YUAN


async def test_an_imported_water_meter_falls_to_the_wallet_of_water(building: Building) -> None:
    """A3: the list names the tenancy, the model says what the meter counts; the same list again changes nothing."""
    accounts = [AccountRow(line=2, account="a-1", site=SITE, place="b1/401", label="401")]
    meters = [
        MeterRow(line=line, meter=f"m-{model}", account="a-1", gateway=GATEWAY, unit=40 + line, profile=model)
        for line, model in enumerate(("light", "pipe"))
    ]
    profiles = {"light": Utility.ELECTRICITY, "pipe": Utility.WATER}
    importer = Actor(id="import", system=True)
    done = await import_places(building.business, importer, accounts, meters, profiles=profiles)
    assert (done.meters, done.bad) == (2, ())
    store = building.business.store
    found = [await store.meters.get(f"m-{model}") for model in profiles]
    assert [(each.account_id, each.utility) for each in found if each] == [
        ("a-1", Utility.ELECTRICITY),
        ("a-1-water", Utility.WATER),
    ]
    wallet = await store.sites.account("a-1-water")
    assert wallet is not None
    assert (wallet.label, wallet.tenancy) == ("401 m³", "a-1")
    again = await import_places(building.business, importer, accounts, meters, profiles=profiles)
    assert (again.meters, again.unchanged, again.bad) == (0, 3, ())
