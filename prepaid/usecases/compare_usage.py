"""Use of a day, a week, a month or a year in even slots, beside the same length of time before it (T1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from prepaid.domain.access import Actor
from prepaid.domain.metering import Usage
from prepaid.domain.tariffs import Utility
from prepaid.ports import Business
from prepaid.usecases.show_usage import show_usage
from prepaid.usecases.show_usage_by import MonthlyUsage, show_usage_by_day, show_usage_by_month
from prepaid.usecases.views import UsageView

HOUR = timedelta(hours=1)


class Period(StrEnum):
    """What is looked at: 24 hours, 7 days, 30 days or 12 months, the running one included."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


SLOTS: Mapping[Period, int] = {Period.DAY: 24, Period.WEEK: 7, Period.MONTH: 30, Period.YEAR: 12}


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One hour, local day or local month; `before_wh` is that of the same place in the period before."""

    start: datetime
    energy_wh: int
    amount_micro: int
    before_wh: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedUsage:
    """Slots of one utility, oldest first, without a gap. `known` is False where nothing was read in either period.

    Water is counted in litres wherever a name says `wh`.
    """

    account_id: str
    label: str
    site_time_zone: str
    period: Period
    slots: tuple[Slot, ...]
    known: bool
    utility: Utility = Utility.ELECTRICITY

    @property
    def total_wh(self) -> int:
        """Of this period."""
        return sum(slot.energy_wh for slot in self.slots)

    @property
    def total_micro(self) -> int:
        """What it cost, as far as is known today."""
        return sum(slot.amount_micro for slot in self.slots)

    @property
    def before_wh(self) -> int:
        """Of the period before."""
        return sum(slot.before_wh for slot in self.slots)


async def compare_usage(
    business: Business, actor: Actor, account_id: str, *, period: Period
) -> tuple[ComparedUsage, ...]:
    """The account's use in the period and the one before, one for each utility that it pays for.

    `Refused("refused.not_found")` as everywhere (A1).
    """
    first, utilities = await _of_one(business, actor, account_id, period, None)
    others = [await _of_one(business, actor, account_id, period, utility) for utility in utilities[1:]]
    return (first, *(other for other, _ in others))


async def _of_one(
    business: Business, actor: Actor, account_id: str, period: Period, utility: Utility | None
) -> tuple[ComparedUsage, tuple[Utility, ...]]:
    """One utility's use, and all that the account pays for."""
    count = SLOTS[period]
    if period is Period.YEAR:
        year = await show_usage_by_month(business, actor, account_id, months=2 * count, utility=utility)
        return _compared(year, period, year.months), year.utilities
    if period is Period.DAY:
        view = await show_usage(business, actor, account_id, hours=2 * count, utility=utility)
        last = view.until.replace(minute=0, second=0, microsecond=0)
        starts = [last - HOUR * back for back in range(2 * count)][::-1]
    else:
        view = await show_usage_by_day(business, actor, account_id, days=2 * count, utility=utility)
        zone = ZoneInfo(view.site_time_zone)
        today = view.until.astimezone(zone).date()
        starts = [_midnight(today - timedelta(days=back), zone) for back in range(2 * count)][::-1]
    known = {usage.start: usage for usage in view.hours}
    series = [known.get(start, Usage(start=start, energy_wh=0)) for start in starts]
    return _compared(view, period, series), view.utilities


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _compared(view: UsageView | MonthlyUsage, period: Period, series: Sequence[Usage]) -> ComparedUsage:
    """Halves a series of twice the period's length."""
    half = len(series) // 2
    slots = tuple(
        Slot(
            start=now.start, energy_wh=now.energy_wh, amount_micro=now.amount_micro, before_wh=max(0, before.energy_wh)
        )
        for before, now in zip(series[:half], series[half:], strict=True)
    )
    known = any(usage.energy_wh for usage in series)
    return ComparedUsage(
        account_id=view.account_id,
        label=view.label,
        site_time_zone=view.site_time_zone,
        period=period,
        slots=slots,
        known=known,
        utility=view.utility,
    )
