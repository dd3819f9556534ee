"""How people want to be told: on which channels, not at which hours, and from which balance on. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta

from prepaid.domain.errors import Refused

DAY_MINUTES = 24 * 60
MOST_LEVELS = 5
MOST_LEVEL_MICRO = 100_000_000_000
MOST_DAYS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Quiet:
    """Hours without messages, in minutes of the local day; `until_min <= since_min` runs past midnight."""

    since_min: int
    until_min: int

    def ends_at(self, local: datetime) -> datetime | None:
        """When quiet ends, if a local instant lies in it; wall-clock time, so that summer time moves it along."""
        minute = local.hour * 60 + local.minute
        over_night = self.until_min <= self.since_min
        inside = self.since_min <= minute < self.until_min
        if over_night:
            inside = minute >= self.since_min or minute < self.until_min
        if not inside:
            return None
        tomorrow = over_night and minute >= self.since_min
        day = local.date() + timedelta(days=1) if tomorrow else local.date()
        clock = time(self.until_min // 60, self.until_min % 60)
        return datetime.combine(day, clock, tzinfo=local.tzinfo)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """One person's choices. No channels: the site's order. No quiet hours: the site's."""

    channels: tuple[str, ...] = ()
    quiet: Quiet | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagePolicy:
    """A site's own order of channels and its quiet hours, for whoever chose nothing."""

    channels: tuple[str, ...] = ()
    quiet: Quiet | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Alerts:
    """From when on an account's people are told that credit runs low, instead of the site's levels."""

    low_balance_micro: tuple[int, ...] = ()
    """Highest first; empty: the site's."""
    days_left: tuple[int, ...] = ()
    """Most first; empty: never by days."""


def checked(preferences: Preferences, channels: frozenset[str]) -> Preferences:
    """The choices, or `Refused`: a channel that the person has no address on, an hour that no day has."""
    unknown = [channel for channel in preferences.channels if channel not in channels]
    if unknown or len(set(preferences.channels)) != len(preferences.channels):
        raise Refused("refused.message_channel", channel=unknown[0] if unknown else preferences.channels[0])
    if preferences.quiet is not None:
        check_quiet(preferences.quiet)
    return preferences


def check_quiet(quiet: Quiet) -> None:
    """Raises `Refused` for hours that no day has, and for a whole day: somebody must be told some time."""
    if not all(0 <= minute < DAY_MINUTES for minute in (quiet.since_min, quiet.until_min)):
        raise Refused("refused.quiet_hours")
    if quiet.since_min == quiet.until_min:
        raise Refused("refused.quiet_hours")


def checked_alerts(alerts: Alerts) -> Alerts:
    """Levels in order without repeats, or `Refused`."""
    levels, days = alerts.low_balance_micro, alerts.days_left
    if len(levels) > MOST_LEVELS or len(days) > MOST_LEVELS:
        raise Refused("refused.alert_levels", most=MOST_LEVELS)
    if any(not 0 < level <= MOST_LEVEL_MICRO for level in levels) or any(not 0 < day <= MOST_DAYS for day in days):
        raise Refused("refused.alert_levels", most=MOST_LEVELS)
    in_order = (tuple(sorted(set(each), reverse=True)) for each in (levels, days))
    low_balance_micro, days_left = in_order
    return Alerts(low_balance_micro=low_balance_micro, days_left=days_left)
