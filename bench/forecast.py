"""Days left, back-tested on synthetic years and on one that a package ships, beside a plain mean of seven days."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from math import pi, sin
from time import process_time
from zoneinfo import ZoneInfo

from bench._days import days_of_victoria
from bench._frame import Figures, Limit
from prepaid.domain.calendar import SiteCalendar
from prepaid.domain.days_left import LOOK_BACK_D, Pattern, days_left, pattern_of

YEAR = 2025
FIRST = date(YEAR, 1, 1)
DAYS = 365
ACCOUNTS_OF_A_KIND = 25
EVERY_D = 5
CREDIT_D = (2, 4, 7, 12)
"""Credit worth so many usual days is what people are warned at."""
LIMITS: Mapping[str, Limit] = {
    "error_ratio": Limit("<=", 1.0),
    "covered": Limit(">=", 0.7),
}

Spends = Mapping[date, int]


@dataclass
class Score:
    """Errors in days, beside those of the plain mean."""

    ours: list[float] = field(default_factory=list)
    plain: list[float] = field(default_factory=list)
    inside: int = 0

    @property
    def error_d(self) -> float:
        """The mean of how far off the end was."""
        return sum(self.ours) / len(self.ours)

    @property
    def plain_error_d(self) -> float:
        """The same of the plain mean."""
        return sum(self.plain) / len(self.plain)


async def run() -> Figures:
    """The error of both in days, and how often the end lay in our interval, which promises eight of ten."""
    score, shipped, began_s = Score(), Score(), process_time()
    calendar = SiteCalendar(holidays=tuple(_holidays()))
    for kind in ("flat", "office", "dormitory", "erratic"):
        for number in range(ACCOUNTS_OF_A_KIND):
            _back_test(_synthetic(kind, random.Random(f"{kind}:{number}"), calendar), calendar, score)
    cpu_s = process_time() - began_s
    figures = {**_figures(score), "forecast_us": cpu_s / len(score.ours) * 1e6}
    found = days_of_victoria()
    if found is not None:
        _back_test(found[0], SiteCalendar(time_zone="Australia/Melbourne", holidays=found[1]), shipped)
        figures |= {f"shipped_{name}": value for name, value in _figures(shipped).items()}
    return figures


def _figures(score: Score) -> dict[str, int | float]:
    return {
        "cases": len(score.ours),
        "error_days": score.error_d,
        "plain_error_days": score.plain_error_d,
        "error_ratio": score.error_d / score.plain_error_d,
        "covered": score.inside / len(score.ours),
    }


def _back_test(spent: Spends, calendar: SiteCalendar, score: Score) -> None:
    """Stands at midnights of the year and sees only what was spent before."""
    days = sorted(spent)
    for place in range(LOOK_BACK_D, len(days) - 30, EVERY_D):
        today = days[place]
        known = {day: spent[day] for day in days[place - LOOK_BACK_D : place]}
        pattern = pattern_of(known, today, calendar)
        plain_micro = sum(known[day] for day in days[place - 7 : place]) // 7
        if pattern is None or plain_micro == 0:
            continue
        for worth in CREDIT_D:
            credit = worth * sum(known.values()) // len(known)
            true_d = _lasted(spent, days[place:], credit)
            if true_d is not None:
                _count(score, pattern, calendar, today, credit, true_d=true_d, plain_d=credit / plain_micro)


def _count(
    score: Score,
    pattern: Pattern,
    calendar: SiteCalendar,
    today: date,
    credit: int,
    *,
    true_d: float,
    plain_d: float,
) -> None:
    now = datetime.combine(today, time(), ZoneInfo(calendar.time_zone)).astimezone(UTC)
    left = days_left(pattern, credit, calendar, now)
    if left is None or left.ends_at is None:
        return
    score.ours.append(abs((left.ends_at - now).total_seconds() / 86_400 - true_d))
    score.plain.append(abs(plain_d - true_d))
    score.inside += left.least <= int(true_d) <= left.most


def _lasted(spent: Spends, days: Sequence[date], credit: int) -> float | None:
    """The days that credit really lasted, None if it outlived the year."""
    left = credit
    for number, day in enumerate(days):
        cost = spent[day]
        if cost >= left and cost > 0:
            return number + left / cost
        left -= cost
    return None


def _holidays() -> Iterator[date]:
    """A year's days off, in runs as China has them."""
    for month, day, count in ((1, 28, 8), (4, 4, 3), (5, 1, 5), (5, 31, 3), (10, 1, 8)):
        yield from (date(YEAR, month, day) + timedelta(days=each) for each in range(count))


def _synthetic(kind: str, chance: random.Random, calendar: SiteCalendar) -> Spends:
    """A year of one account in micro-yuan a day: weekdays, seasons, holidays, absences, weather, and plain noise."""
    mean = chance.uniform(2e6, 30e6)
    weekend = {"flat": 1.25, "office": 0.3, "dormitory": 0.8, "erratic": 1.0}[kind]
    noise = {"flat": 0.22, "office": 0.12, "dormitory": 0.25, "erratic": 0.6}[kind]
    away: set[int] = set()
    for _ in range(2):
        begin = chance.randrange(DAYS)
        away.update(range(begin, begin + chance.randrange(3, 9)))
    spent, weather = {}, 0.0
    for number in range(DAYS):
        day = FIRST + timedelta(days=number)
        weather = 0.8 * weather + chance.gauss(0, 0.08)
        season = 1 + 0.35 * sin(4 * pi * (number - 60) / DAYS)
        share = weekend if day.weekday() >= 5 or calendar.is_holiday(day) else 1.0
        value = mean * season * share * (1 + weather) * max(0.05, 1 + chance.gauss(0, noise))
        spent[day] = int(value * (0.1 if number in away else 1.0))
    return spent
