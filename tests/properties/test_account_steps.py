"""Steps count what an account has used, whichever of its meters used it and whichever was read first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from prepaid.domain.accounts import Account, Site
from prepaid.domain.calendar import SiteCalendar
from prepaid.domain.ledger import Audit, Entry, Head, chain
from prepaid.domain.metering import Meter, Reading
from prepaid.domain.tariffs import (
    Band,
    Carry,
    DayRule,
    Every,
    Schedule,
    Step,
    Tariff,
    TariffPlan,
    band_prices,
    counted_from_text,
    counted_text,
    dearer,
    hours,
    stepped,
    together,
)
from prepaid.usecases.usage_posting import first_mark, mark_after, usage_posting

BEGIN = datetime(2026, 3, 31, 12, tzinfo=UTC)
"""Eight in the evening in Shanghai, four hours before April."""
APRIL_HOUR = 4
LAST_HOUR = 8
PRICES = {0: 500_000, 1_000: 600_001, 3_000: 900_003}
ADD, ABOVE = 77_001, 1_500

Uses = list[list[int]]
"""Watt-hours of each of eight hours, by meter."""
USES = st.lists(st.lists(st.integers(0, 900), min_size=8, max_size=8), min_size=1, max_size=3)


def site(plan: Tariff) -> Site:
    """A site in Shanghai."""
    calendar = SiteCalendar(time_zone="Asia/Shanghai", country="")
    return Site(id="s", name="S", path="o/s", calendar=calendar, tariff=TariffPlan(versions=(plan,)))


def meter(number: int, where: Site) -> Meter:
    """A meter that starts at a register of its own."""
    each = Meter(id=f"m{number}", site_id="s", path="o/s/1", gateway_id="g", unit=number + 1, profile="-")
    first = Reading(meter_id=each.id, at=BEGIN, energy_wh=10_000 * number)
    return replace(each, watermark=first_mark(where, first))


def settled(where: Site, uses: Uses, order: Sequence[int], read_at: Sequence[frozenset[int]]) -> list[Entry]:
    """The chain of an account whose meters are billed in `order`, each at the hours at which it is read."""
    account = Account(id="a", site_id="s", path="o/s/1", label="1")
    meters = [meter(number, where) for number in range(len(uses))]
    waiting = [sorted(hours_read) for hours_read in read_at]
    entries: list[Entry] = []
    for number in order:
        hour = waiting[number].pop(0)
        register = 10_000 * number + sum(uses[number][:hour])
        reading = Reading(meter_id=f"m{number}", at=BEGIN + timedelta(hours=hour), energy_wh=register)
        posting = usage_posting(meters[number], account, where, reading)
        meters[number] = replace(meters[number], last=reading)
        if posting is None:
            continue
        entry = chain(posting, entries[-1].head if entries else Head(), reading.at)
        entries.append(entry)
        meters[number] = replace(meters[number], watermark=mark_after(entry))
    return entries


@st.composite
def plays(draw: st.DrawFn, *, every_hour: bool) -> tuple[Uses, list[int], list[frozenset[int]]]:
    """Uses, at which hours each meter is read (always at the month's end and the last hour), and in which order."""
    uses = draw(USES)
    ends = frozenset({APRIL_HOUR, LAST_HOUR})
    some = st.frozensets(st.integers(1, LAST_HOUR)).map(lambda hours_read: hours_read | ends)
    every = st.just(frozenset(range(1, LAST_HOUR + 1)))
    read_at = [draw(every if every_hour else some) for _ in uses]
    turns = [number for number, hours_read in enumerate(read_at) for _ in hours_read]
    return uses, draw(st.permutations(turns)), read_at


def used_in(uses: Uses, first: int, last: int) -> int:
    """What all meters used in those hours."""
    return sum(sum(each[first:last]) for each in uses)


def cost(wh: int) -> int:
    """The obvious way, in nano-yuan: each block at its price."""
    first, second, third = PRICES.values()
    return min(wh, 1_000) * first + max(0, min(wh, 3_000) - 1_000) * second + max(0, wh - 3_000) * third


@given(plays(every_hour=False))
def test_steps_of_an_account_know_no_order(play: tuple[Uses, list[int], list[frozenset[int]]]) -> None:
    """M11, M12, M13: whichever meter is billed first, late or in parts, a month of the account costs one sum."""
    uses, order, read_at = play
    entries = settled(site(stepped("t", PRICES)), uses, order, read_at)
    exact = cost(used_in(uses, 0, APRIL_HOUR)) + cost(used_in(uses, APRIL_HOUR, LAST_HOUR))
    paid = -sum(entry.delta_micro for entry in entries)
    assert abs(Fraction(exact, 1000) - paid) <= Fraction(1, 2)
    if entries:
        carry = counted_from_text(entries[-1].counted)["electricity"]
        assert (carry.exact_nano, carry.charged_micro) == (exact, paid)
        months = {carry.month: carry.month_wh, **dict(carry.past)}
        assert months.get("2026-03", 0) == used_in(uses, 0, APRIL_HOUR)
        assert months.get("2026-04", 0) == used_in(uses, APRIL_HOUR, LAST_HOUR)
        audit = Audit()
        audit.feed(entries)
        assert audit.clean


@given(plays(every_hour=True))
def test_steps_that_add_to_each_band_know_no_order_either(play: tuple[Uses, list[int], list[frozenset[int]]]) -> None:
    """M12, M13: bands with a step that makes each dearer by the same: the account's total is the same in any order."""
    uses, order, read_at = play
    base = Step(prices=band_prices({Band.PEAK: 900_000, Band.FLAT: 500_000}))
    evening = Schedule(rules=(DayRule(spans=hours(Band.PEAK, "20:00-22:00", "01:00-02:00")),))
    plan = Tariff(id="t", schedule=evening, steps=(base, dearer(base, ABOVE, ADD)), step_every=Every.YEAR)
    entries = settled(site(plan), uses, order, read_at)
    peak = used_in(uses, 0, 2) + used_in(uses, 5, 6)
    whole = used_in(uses, 0, LAST_HOUR)
    exact = peak * 900_000 + (whole - peak) * 500_000 + max(0, whole - ABOVE) * ADD
    assert abs(Fraction(exact, 1000) + sum(entry.delta_micro for entry in entries)) <= Fraction(1, 2)


CARRIES = st.builds(
    Carry,
    exact_nano=st.integers(0, 10**15),
    charged_micro=st.integers(0, 10**12),
    month=st.sampled_from(["2026-03", "2026-04", "2026-05"]),
    month_wh=st.integers(0, 10**6),
    year=st.sampled_from(["2025-01-01", "2026-01-01"]),
    year_wh=st.integers(0, 10**6),
    past=st.just(()),
)


@given(CARRIES, CARRIES)
def test_joined_counters_lose_nothing(one: Carry, other: Carry) -> None:
    """M12: what two meters counted for themselves is the account's, month by month; either may come first."""
    both = together(one, other)
    assert both == together(other, one)
    months = {both.month: both.month_wh, both.year: both.year_wh, **dict(both.past)}
    for period in {one.month, other.month, one.year, other.year}:
        pairs = ((one.month, one.month_wh), (other.month, other.month_wh), (one.year, one.year_wh))
        known = sum(wh for name, wh in (*pairs, (other.year, other.year_wh)) if name == period)
        assert months.get(period, 0) == known
    assert both.exact_nano == one.exact_nano + other.exact_nano
    assert counted_from_text(counted_text({"electricity": both, "water": one})) == {"electricity": both, "water": one}
