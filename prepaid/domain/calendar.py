"""When a site must not be cut off: protected hours by weekday, holidays, and holds for weather. Judged in site time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

ALL_WEEK = (0, 1, 2, 3, 4, 5, 6)
SATURDAY = 5
SWAPPED_WEEKDAY = 2
"""A weekend day that is worked follows the hours of a Wednesday, far from either weekend."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Local hours on some weekdays (Monday is 0). `until <= since` runs past midnight; equal means the whole day."""

    since: time
    until: time
    weekdays: tuple[int, ...] = ALL_WEEK

    def covers(self, clock: time, *, today: int, yesterday: int) -> bool:
        """Whether a local time of day lies in the window; a window past midnight belongs to the day it began."""
        if self.since < self.until:
            return today in self.weekdays and self.since <= clock < self.until
        return (today in self.weekdays and clock >= self.since) or (yesterday in self.weekdays and clock < self.until)


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteCalendar:
    """The protected times of one site. What people set in the two `override_` tables wins over what was published."""

    time_zone: str = "Asia/Shanghai"
    protected: tuple[Window, ...] = ()
    country: str = "CN"
    """Whose public holidays fill `holidays` and `working_days`; "" fills nothing."""
    holidays: tuple[date, ...] = ()
    working_days: tuple[date, ...] = ()
    """Days of a weekend that are worked in exchange for a holiday."""
    override_holidays: tuple[date, ...] = ()
    override_working_days: tuple[date, ...] = ()
    weather_hold_until: datetime | None = None

    def local(self, at: datetime) -> datetime:
        """An instant as the site's wall clock shows it."""
        return at.astimezone(ZoneInfo(self.time_zone))

    def midnight(self, day: date) -> datetime:
        """When a local day begins, in UTC."""
        return datetime.combine(day, time(), ZoneInfo(self.time_zone)).astimezone(UTC)

    def protection(self, at: datetime) -> str | None:
        """The rule that forbids cut-offs at `at`, as a text key, or None (S2)."""
        local = self.local(at)
        if self.weather_hold_until is not None and at < self.weather_hold_until:
            return "rule.weather_hold"
        if self.is_holiday(local.date()):
            return "rule.holiday"
        today, yesterday = self.weekday(local.date()), self.weekday(local.date() - timedelta(days=1))
        clock = local.time().replace(tzinfo=None)
        if any(window.covers(clock, today=today, yesterday=yesterday) for window in self.protected):
            return "rule.protected_hours"
        return None

    def is_holiday(self, day: date) -> bool:
        """Whether nothing is cut off on that local day."""
        if day in self.override_working_days:
            return False
        return day in self.override_holidays or day in self.holidays

    def weekday(self, day: date) -> int:
        """The weekday whose windows hold (Monday is 0): a worked Saturday or Sunday counts as `SWAPPED_WEEKDAY`."""
        worked = day in self.override_working_days or (
            day in self.working_days and day not in self.override_holidays and day not in self.holidays
        )
        return SWAPPED_WEEKDAY if worked and day.weekday() >= SATURDAY else day.weekday()

    def protected_until(self, at: datetime, *, horizon_h: int = 24 * 14) -> datetime | None:
        """The first quarter-hour after `at` at which nothing forbids a cut-off, or None within the horizon."""
        step = timedelta(minutes=15)
        probe = at.replace(minute=at.minute - at.minute % 15, second=0, microsecond=0)
        for _ in range(horizon_h * 4):
            probe += step
            if self.protection(probe) is None:
                return probe
        return None

    def month(self, at: datetime) -> str:
        """The billing period of an instant: the site's local month, "2026-11"."""
        return f"{self.local(at):%Y-%m}"
