"""Local time: days of 23 and 25 hours, hours shown twice, New Year, and step years that begin in summer."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prepaid.domain.calendar import SiteCalendar
from prepaid.domain.tariffs import (
    Band,
    Carry,
    DayRule,
    Every,
    Holidays,
    Pricer,
    Schedule,
    Season,
    Step,
    Tariff,
    TariffPlan,
    band_prices,
    hours,
    one_price,
    point,
)

ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Shanghai", "America/Santiago")
NIGHT = Schedule(rules=(DayRule(spans=hours(Band.VALLEY, "23:00-02:30") + hours(Band.PEAK, "18:00-20:15")),))
PRICES = band_prices(dict.fromkeys(Band, 1) | {Band.PEAK: 3, Band.VALLEY: 2})
MINUTE = timedelta(minutes=1)


def wh_by_band(calendar: SiteCalendar, since: datetime, until: datetime, schedule: Schedule = NIGHT) -> dict[str, int]:
    """One watt-hour a second between two instants, by band."""
    tariff = Tariff(id="t", steps=(Step(prices=PRICES),), schedule=schedule)
    total = int((until - since).total_seconds())
    result = Pricer(TariffPlan(versions=(tariff,)), calendar).price(point(since, 0), point(until, total), Carry())
    found: dict[str, int] = {}
    for line in result.lines:
        found[line.band] = found.get(line.band, 0) + line.energy_wh
    return found


def minutes_by_band(zone: str, since: datetime, until: datetime) -> dict[str, int]:
    """The same, minute by minute, from what the wall clock shows."""
    found: dict[str, int] = {}
    while since < until:
        local = since.astimezone(ZoneInfo(zone))
        clock = local.hour * 60 + local.minute
        band = "valley" if clock >= 1380 or clock < 150 else "peak" if 1080 <= clock < 1215 else "flat"
        found[band] = found.get(band, 0) + 60
        since += MINUTE
    return found


@pytest.mark.parametrize(
    ("day", "lasting_h"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 6, 1), 24)]
)
def test_a_day_is_as_long_as_it_is(day: date, lasting_h: int) -> None:
    """M12, Y4: in Berlin a day in March has 23 hours, one in October 25, and each hour is billed in its band."""
    zone = ZoneInfo("Europe/Berlin")
    since = datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
    until = (datetime(day.year, day.month, day.day, tzinfo=zone) + timedelta(days=1)).astimezone(UTC)
    found = wh_by_band(SiteCalendar(time_zone="Europe/Berlin"), since, until)
    assert sum(found.values()) == lasting_h * 3600
    night_h = {23: 3, 24: 3.5, 25: 4}[lasting_h]
    assert found["valley"] == night_h * 3600
    assert found["peak"] == 2.25 * 3600


@given(
    st.sampled_from(ZONES),
    st.integers(0, 386 * 24 * 60),
    st.integers(1, 3 * 24 * 60),
)
def test_bands_are_what_the_wall_clock_says(zone: str, after_min: int, lasting_min: int) -> None:
    """M12: in any zone, across any change of the clock, each minute is in the band that its wall time has."""
    since = datetime(2025, 12, 20, tzinfo=UTC) + after_min * MINUTE
    until = since + lasting_min * MINUTE
    assert wh_by_band(SiteCalendar(time_zone=zone), since, until) == minutes_by_band(zone, since, until)


@given(st.integers(0, 7_200), st.integers(0, 10**6))
def test_a_year_ends_at_midnight_of_the_site(after_s: int, wh: int) -> None:
    """M12: yearly steps start anew at local midnight, in the middle of a reading's interval."""
    newyear = datetime(2026, 12, 31, 16, tzinfo=UTC)
    since, until = newyear - timedelta(seconds=after_s), newyear + timedelta(seconds=7_200 - after_s)
    tariff = Tariff(
        id="t",
        step_every=Every.YEAR,
        steps=(Step(prices=one_price(1)), Step(above_wh=1_000, prices=one_price(2))),
    )
    carry = Carry(month="2026-12", month_wh=5, year="2026-01-01", year_wh=1_000)
    pricer = Pricer(TariffPlan(versions=(tariff,)), SiteCalendar())
    result = pricer.price(point(since, 0), point(until, wh), carry)
    old = wh * after_s // 7_200
    dear = sum(line.energy_wh for line in result.lines if line.block == 1)
    assert dear == old + max(0, wh - old - 1_000)
    assert result.carry.year == ("2026-01-01" if after_s == 7_200 else "2027-01-01")


def test_a_step_year_may_begin_in_summer() -> None:
    """M12: "07-01" as the first day of the step year names it by its own first day."""
    tariff = Tariff(id="t", step_every=Every.YEAR, year_starts="07-01", steps=(Step(prices=one_price(1)),))
    pricer = Pricer(TariffPlan(versions=(tariff,)), SiteCalendar())
    june = datetime(2026, 6, 30, 15, 30, tzinfo=UTC)
    assert pricer.price(point(june, 0), point(june + timedelta(minutes=10), 9), Carry()).carry.year == "2025-07-01"
    assert pricer.price(point(june, 0), point(june + timedelta(hours=1), 9), Carry()).carry == Carry(
        9, 0, "2026-07", 5, "2026-07-01", 5, (("2026-06", 4), ("2025-07-01", 4))
    )


def test_seasons_holidays_and_worked_weekends_choose_the_day() -> None:
    """M12: the first rule that covers a day holds: summer, then a holiday, then winter, then a worked weekend day."""
    summer = DayRule(spans=hours(Band.SHARP, "00:00-24:00"), seasons=(Season(since="07-01", until="08-31"),))
    feast = DayRule(spans=hours(Band.DEEP_VALLEY, "00:00-24:00"), holidays=Holidays.ONLY)
    winter = DayRule(spans=hours(Band.VALLEY, "00:00-24:00"), seasons=(Season(since="12-01", until="01-31"),))
    weekday = DayRule(spans=hours(Band.PEAK, "00:00-24:00"), weekdays=(0, 1, 2, 3, 4))
    schedule = Schedule(rules=(summer, feast, winter, weekday))
    calendar = SiteCalendar(holidays=(date(2026, 10, 1),), working_days=(date(2026, 10, 10),))
    expected = {
        date(2026, 7, 31): Band.SHARP,
        date(2026, 10, 1): Band.DEEP_VALLEY,
        date(2026, 10, 10): Band.PEAK,
        date(2026, 10, 11): Band.FLAT,
        date(2026, 1, 31): Band.VALLEY,
        date(2026, 12, 1): Band.VALLEY,
        date(2026, 2, 2): Band.PEAK,
    }
    for day, band in expected.items():
        since = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo("Asia/Shanghai")).astimezone(UTC)
        assert wh_by_band(calendar, since, since + timedelta(hours=24), schedule) == {band: 86_400}


def test_distant_instants_follow_one_another() -> None:
    """Y4: prices are right whatever was asked before: far apart, backwards, and over a silence of years."""
    calendar = SiteCalendar(time_zone="Europe/Berlin")
    tariff = Tariff(id="t", steps=(Step(prices=PRICES),), schedule=NIGHT)
    pricer = Pricer(TariffPlan(versions=(tariff,)), calendar)
    for year in (2026, 2040, 2019, 2026):
        since = datetime(year, 1, 1, tzinfo=UTC)
        lines = pricer.price(point(since, 0), point(since + timedelta(hours=1), 60), Carry()).lines
        assert {line.band for line in lines} == {"valley"}
    silent = pricer.price(point(datetime(2019, 1, 1, tzinfo=UTC), 0), point(since, 10**6), Carry())
    assert sum(line.energy_wh for line in silent.lines) == 10**6
    assert silent.carry.month == "2026-01"
