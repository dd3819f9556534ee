"""Whatever happened on a site, its reports are its ledger and its registers: random histories through the use cases.

`CHATWATT_HISTORY_EXAMPLES` says how many histories are tried; `make histories` tries many.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bot.rendering.report_tables import finance_sheets, share_sheets, usage_sheets
from bot.rendering.tables import kwh, yuan
from prepaid.domain.access import CLOCK, Actor, Role
from prepaid.domain.accounts import AccountStatus
from prepaid.domain.errors import Refused
from prepaid.domain.finance import WATER, Age, Finance
from prepaid.domain.ledger import Entry, Kind
from prepaid.domain.metering import Meter, Reading, Sweep
from prepaid.domain.sharing import Rule
from prepaid.domain.tariffs import (
    Band,
    DayRule,
    Every,
    Fee,
    Schedule,
    Step,
    Tariff,
    TariffPlan,
    Utility,
    band_prices,
    dearer,
    hours,
)
from prepaid.storage.driver import Database
from prepaid.usecases.adjust import Cause, adjust
from prepaid.usecases.cash_desk import void_receipt
from prepaid.usecases.cash_topup import cash_topup
from prepaid.usecases.close_account import close_account, resume_closings
from prepaid.usecases.compare_site import compare_sites, use_report
from prepaid.usecases.explain import explanation
from prepaid.usecases.finance_report import finance_report
from prepaid.usecases.move_debt import move_debt
from prepaid.usecases.move_deposit import move_deposit
from prepaid.usecases.place_losses import share_common, site_losses
from prepaid.usecases.post_fees import post_fees
from prepaid.usecases.refund import refund
from prepaid.usecases.replace_meter import NewDevice, replace_meter
from prepaid.usecases.reverse_entry import reverse_entry, reversible
from prepaid.usecases.settle_readings import settle_readings
from prepaid.usecases.show_statement import show_statement
from prepaid.usecases.usage_report import usage_report
from tests.fakes.building import GATEWAY, SITE, Building, build
from tests.fakes.clock import ManualClock
from tests.fakes.recycled import Databases

EXAMPLES = int(os.environ.get("CHATWATT_HISTORY_EXAMPLES", "2"))


@dataclass(frozen=True)
class Stage:
    """Where and when a history begins; it runs for some days, so over the end of the month."""

    zone: str
    begin: datetime


STAGES = (
    Stage("Asia/Shanghai", datetime(2026, 3, 29, 4, tzinfo=UTC)),
    # Clocks go forward on 29 March, at one in the night and at midnight itself, and back on 25 October.
    Stage("Europe/Berlin", datetime(2026, 3, 28, 20, tzinfo=UTC)),
    Stage("Asia/Beirut", datetime(2026, 3, 28, 16, tzinfo=UTC)),
    Stage("Europe/Berlin", datetime(2026, 10, 24, 18, tzinfo=UTC)),
    Stage("Asia/Beirut", datetime(2026, 10, 24, 12, tzinfo=UTC)),
    # The same turns in the other half of the world, in the first night of a month.
    Stage("America/New_York", datetime(2026, 10, 30, 12, tzinfo=UTC)),
)
ROOMS = (1, 2)
EVENTS = ("idle", "pay", "refund", "cash", "void", "adjust", "reverse", "replace", "fees", "deposit", "debt", "leave")
HISTORY = st.lists(
    st.tuples(
        st.sampled_from((1, 2, 5, 9, 14, 40, 190)),
        st.sampled_from(EVENTS),
        st.sampled_from(ROOMS),
        st.integers(0, 2_500),
    ),
    min_size=5,
    max_size=10,
)

TURNS = [
    *((5, "idle", 1, 2_400), (2, "debt", 1, 900), (1, "cash", 1, 2_000), (2, "deposit", 1, 2_300)),
    *((1, "pay", 2, 1_500), (5, "idle", 2, 600), (14, "replace", 1, 77), (40, "fees", 1, 0)),
    *((14, "deposit", 1, 100), (14, "leave", 2, 0), (40, "debt", 1, 0), (9, "leave", 1, 0), (2, "cash", 1, 2_500)),
]
"""Into debt, debt aside and partly recovered, a deposit taken and half given back, another device, both move out."""


def price_lists() -> dict[str, TariffPlan]:
    """Three bands in two steps with a fee by the day, and water with sewage."""
    night = hours(Band.VALLEY, "00:00-08:00", "22:00-24:00")
    noon = hours(Band.FLAT, "11:00-14:00")
    day = Schedule(rules=(DayRule(spans=(*hours(Band.PEAK, "08:00-11:00", "14:00-22:00"), *noon, *night)),))
    first = Step(prices=band_prices({Band.PEAK: 733_331, Band.FLAT: 555_557, Band.VALLEY: 311_117}))
    line = Fee(id="line", every=Every.DAY, amount_micro=130_001)
    power = Tariff(id="t", steps=(first, dearer(first, 2_000, 190_003)), schedule=day, fees=(line,))
    cold = Tariff(id="w", steps=(Step(prices=band_prices({Band.FLAT: 3_450_000})),), sewage_micro=1_020_000)
    water = TariffPlan(versions=(cold,), utility=Utility.WATER)
    return {"tariff": TariffPlan(versions=(power,)), "water_tariff": water}


@dataclass
class Town:
    """The model: what each register ought to have counted, and nothing of how reports are made."""

    building: Building
    stage: Stage
    desk: Actor
    manager: Actor
    tenants: dict[int, Actor]
    registers: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("met-1", "met-2", "tap", "main"), 1_000))
    counted: Counter[str] = field(default_factory=Counter)
    step: int = 0

    @property
    def months(self) -> tuple[str, ...]:
        """The month before the history, the one in which it begins, and the next two."""
        first = self.building.site.calendar.local(self.stage.begin)
        numbers = [first.year * 12 + first.month - 1 + more for more in (-1, 0, 1, 2)]
        return tuple(f"{each // 12:04d}-{each % 12 + 1:02d}" for each in numbers)

    async def sweep(self, used: int) -> None:
        """Every meter counts something and answers; the main meter counts the rooms and a little more."""
        more = {"met-1": used, "met-2": used // 3, "tap": used % 40, "main": used + used // 3 + used % 7}
        for name, wh in more.items():
            self.registers[name] += wh
            self.counted[name] += wh
        at = self.building.clock.now()
        readings = tuple(Reading(meter_id=name, at=at, energy_wh=wh) for name, wh in self.registers.items())
        await settle_readings(self.building.business, Sweep(gateway_id=GATEWAY, readings=readings))

    async def happen(self, event: str, unit: int, figure: int) -> None:
        """One thing. What the rules refuse, such as a refund of spent credit, does not happen."""
        self.step += 1
        account = await self.building.business.store.sites.account(f"acc-{unit}")
        leaves = account is None or account.status is not AccountStatus.OPEN
        may_be_refused = leaves or event in {"refund", "adjust", "deposit", "debt"}
        with suppress(*((Refused,) if may_be_refused else ())):
            await getattr(self, event)(unit, figure)
        await resume_closings(self.building.business)

    async def idle(self, unit: int, figure: int) -> None:
        """Nothing but use."""

    async def pay(self, unit: int, figure: int) -> None:
        """A top-up through the provider."""
        await self.building.paid(self.tenants[unit], unit, figure + 100)

    async def refund(self, unit: int, figure: int) -> None:
        """A part of a top-up goes back."""
        order = await self.building.paid(self.tenants[unit], unit, figure + 100)
        await refund(self.building.business, self.desk, order.id, figure // 2 + 1, key=f"r{self.step}", why="x")

    async def cash(self, unit: int, figure: int) -> None:
        """Money over the counter."""
        account, number = f"acc-{unit}", f"N{self.step}"
        await cash_topup(self.building.business, self.desk, account, figure + 1, receipt=number)

    async def void(self, unit: int, figure: int) -> None:
        """A receipt that was a mistake."""
        await self.cash(unit, figure)
        await void_receipt(self.building.business, self.desk, f"acc-{unit}", f"N{self.step}", why="x")

    async def adjust(self, unit: int, figure: int) -> None:
        """More or less by the staff's word."""
        amount = (figure - 1_200) * 1_001
        await adjust(
            self.building.business, self.desk, f"acc-{unit}", amount, key=f"a{self.step}", cause=Cause.OTHER, why="x"
        )

    async def reverse(self, unit: int, figure: int) -> None:
        """One of the entries that may be reversed, if there is any."""
        found = await reversible(self.building.business, self.desk, f"acc-{unit}")
        if found:
            wrong = found[figure % len(found)]
            await reverse_entry(self.building.business, self.desk, f"acc-{unit}", wrong.idem, why="x")

    async def replace(self, unit: int, figure: int) -> None:
        """Another device, which begins elsewhere; the old one counted a little more."""
        name, more = f"met-{unit}", figure % 100
        self.counted[name] += more
        device, final = NewDevice(serial=None, first_wh=figure), self.registers[name] + more
        await replace_meter(self.building.business, CLOCK, name, device, "burnt", final_wh=final)
        self.registers[name] = figure
        self.building.clock.advance(hours=2)

    async def fees(self, unit: int, figure: int) -> None:
        """What the days cost so far."""
        await post_fees(self.building.business)

    async def deposit(self, unit: int, figure: int) -> None:
        """Some credit is held, or a little of what is held is given back."""
        amount = (figure - 500) * 1_003
        await move_deposit(self.building.business, self.desk, f"acc-{unit}", amount, key=f"d{self.step}", why="x")

    async def debt(self, unit: int, figure: int) -> None:
        """What is owed is put aside, to be recovered from top-ups, or some of that is taken back."""
        amount = (figure - 300) * 1_007
        await move_debt(self.building.business, self.desk, f"acc-{unit}", amount, key=f"o{self.step}", why="x")

    async def leave(self, unit: int, figure: int) -> None:
        """The tenant moves out, as far as that goes now; what it waits for may come later, or not."""
        await close_account(self.building.business, self.manager, f"acc-{unit}", reason="x")


async def found_town(database: Database, stage: Stage = STAGES[0]) -> Town:
    """Two flats, a tap and a main meter."""
    building = await build(database, ManualClock())
    building.clock.set(stage.begin)
    calendar = replace(building.site.calendar, time_zone=stage.zone)
    building.site = replace(building.site, calendar=calendar, **price_lists())  # type: ignore[arg-type]
    store = building.business.store
    await store.sites.save_site(building.site)
    tenants = {unit: await building.flat(unit) for unit in ROOMS}
    for unit in ROOMS:
        account = await store.sites.account(f"acc-{unit}")
        assert account is not None
        await store.sites.save_account(replace(account, area_cm2=310_000 * unit))
    main = Meter(id="main", site_id=SITE, path="acme/maple/b1", gateway_id=GATEWAY, unit=20, profile="test")
    await store.meters.add(main)
    await store.meters.add(
        replace(main, id="tap", path="acme/maple/b1/101", unit=21, account_id="acc-1", utility=Utility.WATER)
    )
    desk, manager = await building.operator(role=Role.FINANCE), await building.operator(role=Role.MANAGER)
    return Town(building, stage, desk, manager, tenants)


async def live(databases: Databases, stage: Stage, history: Sequence[tuple[int, str, int, int]]) -> None:
    """One history, and every report of it."""
    database = await databases.lend()
    try:
        town = await found_town(database, stage)
        await town.sweep(0)
        for passed_h, event, unit, figure in history:
            town.building.clock.advance(hours=passed_h)
            await town.happen(event, unit, figure)
            await town.sweep(figure)
        await check_money(town)
        await check_registers(town)
        await check_losses(town)
    finally:
        await databases.take_back(database)


async def check_money(town: Town) -> None:
    """Finance, statements, ranking and their sheets against a replay of the ledger."""
    business = town.building.business
    replayed = [entry async for entry in business.store.ledger.replay()]
    now = town.building.clock.now()
    reports = [await finance_report(business, CLOCK, SITE, month) for month in town.months]
    assert [each.opening_micro for each in reports] == [0, *(each.closing_micro for each in reports[:-1])]
    billed = Counter[str]()
    for report in reports:
        within = [entry for entry in replayed if report.since <= entry.at < report.until]
        assert sum(row.entries for row in report.accounts) == len(within)
        assert (report.curve(31) or (0,))[-1] == report.closing_micro
        for row in report.accounts:
            own = [entry for entry in within if entry.account_id == row.account_id]
            assert row.closing_micro - row.opening_micro == sum(entry.delta_micro for entry in own)
            assert dict(row.energy_wh) == energy_of(own)
            billed.update(energy_of(own))
            await check_statement(town, report, row.account_id, own)
        assert report.ageing() == ages_of(replayed, min(report.until, now + timedelta(seconds=1)))
        check_paper(report)
        ranked = await usage_report(business, CLOCK, SITE, report.month)
        assert (ranked.energy_wh, ranked.water_l) == (
            sum(report.band_wh(band) for band in report.bands if band != WATER),
            report.band_wh(WATER),
        )
        assert -ranked.amount_micro == sum(entry.delta_micro for entry in within if entry.kind is Kind.CONSUMPTION)
        total = usage_sheets("en", ranked)[0].rows[-1]
        assert total[3:6] == (kwh(ranked.energy_wh), kwh(ranked.water_l), yuan(ranked.amount_micro))
    await check_aside(town, reports)
    marks = {name: await business.store.meters.get(name) for name in ("met-1", "met-2", "tap")}
    moved = {name: each.watermark.energy_wh - 1_000 for name, each in marks.items() if each and each.watermark}
    assert billed[WATER] == moved["tap"]
    assert billed.total() - billed[WATER] == moved["met-1"] + moved["met-2"]


def ages_of(entries: Sequence[Entry], until: datetime) -> dict[Age, tuple[int, int]]:
    """Debts by how long the balance has been below zero, from every entry before a time."""
    found: dict[Age, tuple[int, int]] = dict.fromkeys(Age, (0, 0))
    for account_id in {entry.account_id for entry in entries}:
        since, balance = until, 0
        for entry in sorted(entries, key=lambda each: each.seq):
            if entry.account_id == account_id and entry.at < until:
                since = entry.at if balance >= 0 else since
                balance = entry.balance_micro
        if balance < 0:
            days = (until - since) / timedelta(days=1)
            age = Age.WEEK if days <= 7 else Age.MONTH if days <= 30 else Age.LONGER
            count, debt = found[age]
            found[age] = (count + 1, debt - balance)
    return found


async def check_aside(town: Town, reports: Sequence[Finance]) -> None:
    """P6: what lies beside the balances is what the columns moved there, account by account."""
    for unit in ROOMS:
        aside = (await town.building.business.store.ledger.head(f"acc-{unit}")).aside
        rows = [row for report in reports for row in report.accounts if row.account_id == f"acc-{unit}"]
        assert sum(row.columns["arrears"] for row in rows) == aside.arrears_micro
        assert sum(row.columns["deposit"] for row in rows) == -aside.deposit_micro


def energy_of(entries: Sequence[Entry]) -> dict[str, int]:
    """By band, from what each entry says of itself; litres under `WATER`."""
    found: Counter[str] = Counter()
    for entry in entries:
        if entry.kind is Kind.CONSUMPTION:
            billed = int(entry.ref["to_wh"]) - int(entry.ref["from_wh"])
            if entry.ref["meter"] == "tap":
                found[WATER] += billed
                continue
            lines = explanation(entry).lines
            assert sum(line.energy_wh for line in lines) == billed
            for line in lines:
                found[line.band] += line.energy_wh
    return dict(found)


async def check_statement(town: Town, report: Finance, account_id: str, own: Sequence[Entry]) -> None:
    """A tenant's statement of the month is the landlord's row of it.

    In the row the share of a top-up that recovered arrears stands under those; a line of a statement is an entry.
    """
    (row,) = [each for each in report.accounts if each.account_id == account_id]
    view = await show_statement(town.building.business, CLOCK, account_id, month=report.month)
    lines = [line async for page in view.pages for line in page]
    assert (view.opening_micro, view.closing_micro) == (row.opening_micro, row.closing_micro)
    assert (view.totals.entries, len(lines)) == (row.entries, row.entries)
    assert sum(line.amount_micro for line in lines) == row.closing_micro - row.opening_micro
    assert (view.totals.energy_wh, view.totals.exact_nano) == (row.energy_wh, row.exact_nano)
    columns, kinds = Counter[str](), Counter[str]()
    for name, amount in row.columns.items():
        columns[name.partition(":")[0]] += amount
    for entry in own:
        kinds[entry.kind] += entry.delta_micro
    amounts = Counter({str(kind): amount for kind, amount in view.totals.amount_micro.items()})
    assert without_zeros(amounts) == without_zeros(kinds)
    for each in (amounts, columns):
        each["top_up"] += each.pop("arrears", 0)
    assert without_zeros(amounts) == without_zeros(columns)


def without_zeros(amounts: Counter[str]) -> dict[str, int]:
    """What moved at all."""
    return {name: amount for name, amount in amounts.items() if amount}


def check_paper(report: Finance) -> None:
    """The last row of the sheet is the sum of those above it, in every column, to the last digit."""
    rows = finance_sheets("zh", report)[0].rows
    for place in range(2, len(rows[-1])):
        assert rows[-1][place] == sum((Decimal(str(row[place])) for row in rows[:-1]), Decimal(0))
    assert rows[-1][2] == yuan(report.opening_micro)


async def check_registers(town: Town) -> None:
    """A2: hours make days, days months, months the year, and all of them what the registers counted."""
    business, now = town.building.business, town.building.clock.now()
    first, last = (town.building.site.calendar.local(at).date() for at in (town.stage.begin, now))
    days = [first + timedelta(days=place) for place in range((last - first).days + 1)]
    by_day = [await use_report(business, CLOCK, SITE, day.isoformat()) for day in days]
    by_month = [await use_report(business, CLOCK, SITE, month) for month in town.months[:3]]
    year = await use_report(business, CLOCK, SITE, "2026")
    viewer = await town.building.operator(role=Role.VIEWER)
    due = sum(town.counted[name] for name in ("met-1", "met-2"))  # The main meter counts the same once more.
    for reports in (by_day, by_month, [year]):
        assert sum(each.energy_wh for each in reports) == due
        assert sum(each.water_l for each in reports) == town.counted["tap"]
    places = [int(month[5:]) - 1 for month in town.months[:3]]
    assert [year.bars[place].energy_wh for place in places] == [each.energy_wh for each in by_month]
    for report in by_month:
        assert report.use is not None
        by_hour = [wh for _, wh in report.use.by_hour_wh]
        assert sum(by_hour) == sum(wh for _, wh in report.use.by_day_wh) == sum(bar.energy_wh for bar in report.bars)
        assert sum(by_hour) <= report.energy_wh
        assert sum(each.load.energy_wh for each in report.use.ranked if each.load) == report.energy_wh
        (site,) = await compare_sites(business, viewer, report.span.name)
        assert (site.energy_wh, site.water_l) == (report.energy_wh, report.water_l)


async def check_losses(town: Town) -> None:
    """A2: what went in is what rooms counted and what is common, and the shares add up to that, to the unit."""
    business = town.building.business
    lost = 0
    for month in town.months[1:3]:
        if town.building.site.calendar.month(town.building.clock.now()) < month:
            continue
        (losses,) = await site_losses(business, CLOCK, SITE, month)
        assert losses.loss_wh == losses.main_wh - sum(losses.meters_wh.values())
        lost += losses.loss_wh
        for rule in Rule:
            if rule is Rule.USE and not any(losses.meters_wh.values()):
                continue
            given = await share_common(business, CLOCK, "main", month, rule)
            assert given.own_wh + given.common_wh == given.main_wh == losses.main_wh
            assert sum(each.share_wh for each in given.shares) == given.common_wh == losses.loss_wh
            total = share_sheets("en", given)[0].rows[-2]
            assert total[2:] == (kwh(given.own_wh), kwh(given.common_wh))
    assert lost == town.counted["main"] - town.counted["met-1"] - town.counted["met-2"]


def test_every_report_of_any_history_is_the_ledger_and_the_registers(databases: Databases) -> None:
    """M1, M2, M11, M13, A2: bands, steps, fees, water, refunds, void and reversed entries, replaced meters: all tie."""
    with asyncio.Runner() as runner:

        @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
        @given(st.sampled_from(STAGES), HISTORY)
        @example(STAGES[0], [(9, event, 1 + place % 2, 700 * place % 2_400) for place, event in enumerate(EVENTS)])
        def every(stage: Stage, history: list[tuple[int, str, int, int]]) -> None:
            runner.run(live(databases, stage, history))

        every()


@pytest.mark.parametrize("stage", STAGES[1:], ids=lambda stage: f"{stage.zone} {stage.begin:%m-%d}")
def test_reports_tie_where_clocks_are_changed_and_tenants_leave(databases: Databases, stage: Stage) -> None:
    """F34, M10, P6: a day of 23 or 25 hours at a month's end, arrears, deposit and a move-out, whichever zone."""
    with asyncio.Runner() as runner:
        runner.run(live(databases, stage, TURNS))


def test_debts_keep_their_age_over_the_end_of_a_month(databases: Databases) -> None:
    """A2: a debt of yesterday is not old because the month is new, nor because the month has weeks to go."""
    owed = [
        (40, "idle", 1, 2_000),
        (40, "idle", 1, 10),
        (190, "idle", 1, 10),
        (190, "idle", 1, 10),
        (190, "idle", 1, 9),
    ]
    with asyncio.Runner() as runner:
        for most in (2, len(owed)):
            runner.run(live(databases, STAGES[0], owed[:most]))
