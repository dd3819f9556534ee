"""When a site must not be cut off: protected hours by weekday, holidays, and holds for weather. Judged in site time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

ALL_WEEK = (0, 1, 2, 3, 4, 5, 6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Local hours on some weekdays (Monday is 0). `until <= since` runs past midnight; equal means the whole day."""

    since: time
    until: time
    weekdays: tuple[int, ...] = ALL_WEEK

    def covers(self, local: datetime) -> bool:
        """Whether a local wall time lies in the window; a window past midnight belongs to the day it began."""
        clock = local.time().replace(tzinfo=None)
        if self.since < self.until:
            return local.weekday() in self.weekdays and self.since <= clock < self.until
        yesterday = (local.weekday() - 1) % 7
        began_today = local.weekday() in self.weekdays and clock >= self.since
        return began_today or (yesterday in self.weekdays and clock < self.until)


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteCalendar:
    """The protected times of one site."""

    time_zone: str = "Asia/Shanghai"
    protected: tuple[Window, ...] = ()
    holidays: tuple[date, ...] = ()
    weather_hold_until: datetime | None = None

    def local(self, at: datetime) -> datetime:
        """An instant as the site's wall clock shows it."""
        return at.astimezone(ZoneInfo(self.time_zone))

    def protection(self, at: datetime) -> str | None:
        """The rule that forbids cut-offs at `at`, as a text key, or None (S2)."""
        local = self.local(at)
        if self.weather_hold_until is not None and at < self.weather_hold_until:
            return "rule.weather_hold"
        if local.date() in self.holidays:
            return "rule.holiday"
        if any(window.covers(local) for window in self.protected):
            return "rule.protected_hours"
        return None

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
