"""Reports of a site: every sum is that of the ledger and the registers; and what they look like on paper."""

from __future__ import annotations

import io
import json
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from python_calamine import load_workbook

from bot.rendering import tables
from chatwatt.commands.report import make_finance, make_losses, make_usage
from prepaid.domain.access import CLOCK, Role
from prepaid.domain.errors import InvariantBroken, Refused
from prepaid.domain.finance import AccountFinance, Age, columns_of
from prepaid.domain.ledger import Entry, Kind, customer
from prepaid.domain.metering import Reading
from prepaid.storage.driver import Database
from prepaid.usecases.finance_report import finance_report
from prepaid.usecases.refund import refund
from prepaid.usecases.usage_report import show_losses, usage_report
from tests.fakes.building import Building, build
from tests.fakes.clock import ManualClock

FLATS = (1, 2, 3)
BEGIN = datetime(2026, 3, 29, 4, tzinfo=UTC)
EVIL = '=HYPERLINK("http://x","y")'


async def history(building: Building, seed: int, *, steps: int) -> None:
    """Two weeks around the turn of a month: use, payments, refunds, adjustments, in any order."""
    chance = random.Random(seed)
    building.clock.set(BEGIN)
    tenants = {unit: await building.flat(unit) for unit in FLATS}
    desk = await building.operator(role=Role.FINANCE)
    registers = dict.fromkeys(FLATS, 1_000)
    orders = []
    for unit in FLATS:
        await building.read(unit, registers[unit])
    for step in range(steps):
        unit = chance.choice(FLATS)
        building.clock.advance(hours=chance.randint(1, 24))
        registers[unit] += chance.randint(0, 3_000)
        await building.read(unit, registers[unit])
        if step % 5 == 0:
            orders.append(await building.paid(tenants[unit], unit, chance.randint(1, 9_999)))
        if step % 11 == 7:
            order = orders[-1]
            # What was paid may be used up by now, and only credit that is left goes back.
            await building.give(order.account_id, 100_000_000, f"g{step}")
            await refund(building.business, desk, order.id, min(100, order.amount_fen), key=f"r{step}", why="x")
        if step % 7 == 3:
            await building.give(f"acc-{unit}", chance.choice((-1, 1)) * chance.randint(1, 9_999_999), f"a{step}")


async def entries(building: Building, since: datetime, until: datetime) -> list[Entry]:
    """Those posted in [since, until), from the replay."""
    return [each async for each in building.business.store.ledger.replay() if since <= each.at < until]


async def test_every_report_is_the_ledgers_and_the_registers(database: Database, clock: ManualClock) -> None:
    """M1, M16, A2: opening + columns = closing; months join; kinds, energy and money are those of a whole replay."""
    building = await build(database, clock)
    await history(building, random.randrange(2**32), steps=18)
    march = await finance_report(building.business, CLOCK, "maple", "2026-03")
    april = await finance_report(building.business, CLOCK, "maple", "2026-04")
    heads = [(await building.business.store.ledger.head(f"acc-{unit}")).balance_micro for unit in FLATS]
    assert (march.opening_micro, march.closing_micro) == (0, april.opening_micro)
    assert [each.closing_micro for each in april.accounts] == heads
    for report in (march, april):
        replayed = await entries(building, report.since, report.until)
        by_kind: Counter[str] = Counter()
        for each in replayed:
            by_kind[each.kind] += each.delta_micro
        shown: Counter[str] = Counter()
        for column in report.columns:
            shown[column.partition(":")[0]] += report.total(column)
        assert {name: amount for name, amount in by_kind.items() if amount} == dict(shown)
        assert sum(each.entries for each in report.accounts) == len(replayed)
        owed = [-each.closing_micro for each in report.accounts if each.closing_micro < 0]
        aged = report.ageing().values()
        assert (sum(count for count, _ in aged), sum(debt for _, debt in aged)) == (len(owed), sum(owed))
        billed_wh = sum(int(each.ref["to_wh"]) - int(each.ref["from_wh"]) for each in replayed if "to_wh" in each.ref)
        assert sum(report.band_wh(band) for band in report.bands) == billed_wh
        usage = await usage_report(building.business, CLOCK, "maple", report.month)
        assert (usage.energy_wh, -usage.amount_micro) == (billed_wh, by_kind[Kind.CONSUMPTION])
        assert [each.energy_wh for each in usage.ranks] == sorted((e.energy_wh for e in usage.ranks), reverse=True)
    meters = [await building.business.store.meters.get(f"met-{unit}") for unit in FLATS]
    moved = sum(each.watermark.energy_wh - 1_000 for each in meters if each and each.watermark)
    both = sum(report.band_wh(band) for report in (march, april) for band in report.bands)
    assert both == moved
    before = {each.account_id: each.before_wh for each in usage.ranks}
    assert before == {each.account_id: sum(each.energy_wh.values()) or None for each in march.accounts}


async def test_reports_stop_at_the_readers_reach(database: Database, clock: ManualClock) -> None:
    """A2: another landlord's staff, an operator without the books, and a missing site all get the same answer."""
    building = await build(database, clock)
    await building.flat(1, balance_micro=1_000_000)
    others = [await building.operator(scope="other", role=Role.OWNER), await building.operator()]
    for actor in others:
        with pytest.raises(Refused, match=r"refused\.not_found"):
            await finance_report(building.business, actor, "maple")
        with pytest.raises(Refused, match=r"refused\.not_found"):
            await usage_report(building.business, actor, "nowhere")
    part = await building.operator(scope="acme/maple/b1/101", role=Role.FINANCE)
    await building.flat(2)
    assert [each.account_id for each in (await finance_report(building.business, part, "maple")).accounts] == ["acc-1"]


async def test_losses_are_what_the_main_meter_counted_beyond_the_others(database: Database, clock: ManualClock) -> None:
    """A2: sum of sub-meters against the main meter by their registers; a silent meter is named, not guessed."""
    building = await build(database, clock)
    clock.set(datetime(2026, 3, 2, 4, tzinfo=UTC))
    for unit in (1, 2, 3, 4):
        await building.flat(unit)
    for hour in range(4):
        at = clock.now() + timedelta(hours=hour)
        readings = [
            Reading(meter_id=f"met-{unit}", at=at, energy_wh=1_000 + hour * used, relay_on=True)
            for unit, used in ((1, 1_000), (2, 400), (3, 500))
        ]
        await building.business.store.readings.keep(readings, "Asia/Shanghai")
    clock.advance(hours=5)
    losses = await show_losses(building.business, CLOCK, "met-1", "2026-03")
    assert (losses.main_wh, losses.loss_wh, losses.loss_permille) == (3_000, 300, 100)
    assert (dict(losses.meters_wh), losses.silent) == ({"met-2": 1_200, "met-3": 1_500}, ("met-4",))
    made, line = await make_losses(building.business, CLOCK, "en", "met-1", "2026-03")
    assert line["loss_wh"] == 300
    assert made[0].rows[-1][1] == Decimal("0.3")


async def test_paper_holds_exact_figures_and_runs_nothing(
    database: Database, clock: ManualClock, tmp_path: Path
) -> None:
    """A2: text, CSV and XLSX hold the same sums; a label that looks like a formula stays a text in all of them."""
    building = await build(database, clock)
    await history(building, 3, steps=8)
    account = await building.business.store.sites.account("acc-1")
    assert account is not None
    await building.business.store.sites.save_account(
        type(account)(id=account.id, site_id=account.site_id, path=account.path, label=EVIL)
    )
    month = building.site.calendar.month(clock.now())
    made, line = await make_finance(building.business, CLOCK, "zh", "maple", month)
    report = await finance_report(building.business, CLOCK, "maple", month)
    assert json.loads(json.dumps(line))["closing_micro"] == report.closing_micro
    total = made[0].rows[-1]
    closing = total[3 + len(report.columns)]
    assert closing == tables.yuan(report.closing_micro) == Decimal(report.closing_micro) / 1_000_000
    content = tables.csv_bytes(made).decode("utf-8-sig")
    assert tables.csv_bytes(made).startswith(b"\xef\xbb\xbf")
    assert "'=HYPERLINK" in content
    assert ",=" not in content
    book = load_workbook(io.BytesIO(tables.xlsx_bytes(made)))
    rows = book.get_sheet_by_index(0).to_python()
    assert rows[1][1] == EVIL
    assert Decimal(str(rows[-1][3 + len(report.columns)])) == closing
    usage_made, usage_line = await make_usage(building.business, CLOCK, "en", "maple", month)
    assert usage_line["accounts"] == len(FLATS)
    for name in ("a.csv", "a.xlsx"):
        tables.write(tmp_path / name, usage_made)
        assert (tmp_path / name).stat().st_size > 100
    with pytest.raises(Refused, match=r"refused\.report_format"):
        tables.check_out(Path("a.pdf"))
    with pytest.raises(Refused, match=r"refused\.file_unwritable"):
        tables.write(tmp_path / "none" / "a.csv", usage_made)


LINES = st.lists(
    st.tuples(
        st.sampled_from(["clearing:wechat_pay", "cash:desk", "arrears:a", "deposits:a", "revenue:water", "fees:x"]),
        st.integers(-(10**12), 10**12),
    ),
    min_size=1,
    max_size=5,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(kind=st.sampled_from(list(Kind)), others=LINES)
def test_columns_lead_from_one_balance_to_the_other(kind: Kind, others: list[tuple[str, int]]) -> None:
    """M1: whatever an entry's kind and lines, its columns are its change of the balance, and a gap is never shown."""
    delta = -sum(amount for _, amount in others)
    columns = columns_of(kind, [*others, (customer("a"), delta)], customer("a"))
    assert sum(columns.values()) == delta
    row = AccountFinance(account_id="a", label="", opening_micro=5, closing_micro=5 + delta, columns=columns)
    row.check()
    row.closing_micro += 1
    with pytest.raises(InvariantBroken):
        row.check()


def test_debts_are_aged_from_when_the_balance_went_below_zero() -> None:
    """A2: up to a week, up to a month, or longer, the last for whoever came into the month in debt."""
    until = datetime(2026, 4, 1, tzinfo=UTC)
    row = AccountFinance(account_id="a", label="", closing_micro=-1)
    ages = []
    for days in (None, 40, 30, 8, 7, 0):
        row.owes_since = None if days is None else until - timedelta(days=days)
        ages.append(row.age(until))
    assert ages == [Age.LONGER, Age.LONGER, Age.MONTH, Age.MONTH, Age.WEEK, Age.WEEK]
    row.closing_micro = 0
    assert row.age(until) is None
