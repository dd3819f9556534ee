"""How long credit lasts: from what an account spent lately, by the day of the week, with an interval. Pure.

A day counts the less the longer it is ago, and the days of the week keep their shape: an office that rests on Sunday
is not told on Friday that its credit ends on Sunday. The interval is as wide as the account's own days differ.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import isqrt

from prepaid.domain.calendar import SiteCalendar

LOOK_BACK_D = 42
"""Days of the past that a pattern is made of."""
FEWEST_DAYS = 5
"""Below that nothing is foretold."""
MOST_DAYS = 90
"""Credit that lasts longer than this is not counted further."""
HOLIDAY_WITHIN_D = 14
SUNDAY = 6
WEEK = 7
PERMILLE = 1000
FADE_PERMILLE = 930
"""What a day counts beside the one after it."""
SHRINK = 3
"""A weekday's own shape counts like its days beside so many days of no shape, because four Sundays are not many."""
DRIFT_PERMILLE = 120
"""How far habits themselves move within weeks: what no number of known days makes smaller."""
EIGHT_OF_TEN = 1282
"""Standard deviations to each side that hold eight of ten cases, in permille."""
YUAN = 1_000_000
DAY_S = 86_400
MONTH_D = 31

FeeOn = Callable[[date], int]
"""What falls due when a local day begins, in micro-yuan, whatever is used."""


DearOn = Callable[[date], int]
"""What a local day's use costs, in permille of what the pattern says."""


def no_fee(_day: date) -> int:
    """For whoever pays for use alone."""
    return 0


def always_the_same(_day: date) -> int:
    """For prices that neither change nor rise with use."""
    return PERMILLE


@dataclass(frozen=True, slots=True)
class Coming:
    """What is known of coming days besides habits."""

    fee_on: FeeOn = no_fee
    dear_on: DearOn = always_the_same


NOTHING_KNOWN = Coming()


def all_of_it(amount_micro: int) -> int:
    """For whoever has a top-up added to their credit whole."""
    return amount_micro


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """What an account is expected to spend on each day of the week (Monday first), and how much its days differ."""

    day_micro: tuple[int, ...]
    spread_permille: int
    days: int
    """How many days it was made of."""

    def on(self, day: date, calendar: SiteCalendar) -> int:
        """What that local day is expected to cost; a holiday is a Sunday, and a worked weekend is none."""
        return self.day_micro[kind_of(day, calendar)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """An account's pattern as it was on a local day ("2026-11-26"). `id` is the account's."""

    id: str
    day: str
    pattern: Pattern
    dear_permille: tuple[int, ...] = ()
    """What use costs on that day and each following one, beside the pattern; () where it costs the same."""

    def dear_on(self, day: date) -> int:
        """In permille of the pattern. Beyond what was foreseen it stays as it was at last."""
        if not self.dear_permille:
            return PERMILLE
        ahead = (day - date.fromisoformat(self.day)).days
        return self.dear_permille[max(0, min(ahead, len(self.dear_permille) - 1))]


@dataclass(frozen=True, slots=True, kw_only=True)
class DaysLeft:
    """When credit is expected to end. `days` are whole ones; in eight of ten cases it ends from `least` to `most`.

    `ends_at` is None for credit that lasts longer than `MOST_DAYS`.
    """

    days: int
    least: int
    most: int
    ends_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TopUpHint:
    """So much more takes the account through the coming days off, which end with `last_day`."""

    amount_micro: int
    first_day: date
    last_day: date


def kind_of(day: date, calendar: SiteCalendar) -> int:
    """Which weekday a day is like."""
    return SUNDAY if calendar.is_holiday(day) else calendar.weekday(day)


def pattern_of(spent: Mapping[date, int], until: date, calendar: SiteCalendar) -> Pattern | None:
    """From what was spent on each local day before `until`; None while too little is known.

    A day that is missing between others was one without use. The running day is not whole, so it is left out.
    """
    first = min((day for day in spent if day < until), default=until)
    span = min(LOOK_BACK_D, (until - first).days)
    if span < FEWEST_DAYS:
        return None
    days = [until - timedelta(days=back) for back in range(1, span + 1)]
    values = _without_spikes([max(0, spent.get(day, 0)) for day in days])
    kinds = [kind_of(day, calendar) for day in days]
    shape = _shape(values, kinds)
    level = _level(values, kinds, shape)
    expected = tuple(level * share // PERMILLE for share in shape)
    return Pattern(day_micro=expected, spread_permille=_spread(values, kinds, expected), days=span)


def days_left(
    pattern: Pattern, credit_micro: int, calendar: SiteCalendar, now: datetime, *, coming: Coming = NOTHING_KNOWN
) -> DaysLeft | None:
    """How long credit lasts from `now` on; None for an account that spends nothing.

    Fees of the running day are taken to be paid.
    """
    if not any(pattern.day_micro) and not _fees(coming.fee_on, calendar.local(now).date(), MONTH_D):
        return None
    account = _Account(pattern, credit_micro, calendar, coming)
    ends_at = _ends(account, now, PERMILLE)
    length = MOST_DAYS if ends_at is None else (ends_at - now).days
    off = off_permille(pattern, max(1, length))
    soon = _ends(account, now, PERMILLE + off)
    late = _ends(account, now, max(PERMILLE // 4, PERMILLE - off))
    least, most = (MOST_DAYS if end is None else (end - now).days for end in (soon, late))
    return DaysLeft(days=length, least=least, most=most, ends_at=ends_at)


def off_permille(pattern: Pattern, days: int) -> int:
    """How far the sum of so many days may lie from what is expected, in eight of ten cases."""
    variance = pattern.spread_permille**2 // max(1, days) + DRIFT_PERMILLE**2
    return isqrt(variance) * EIGHT_OF_TEN // PERMILLE


def top_up_hint(
    pattern: Pattern,
    credit_micro: int,
    calendar: SiteCalendar,
    now: datetime,
    *,
    coming: Coming = NOTHING_KNOWN,
    kept: Callable[[int], int] = all_of_it,
) -> TopUpHint | None:
    """What to top up, in whole yuan, so that credit lasts through the coming holiday in nine of ten cases.

    `kept` says what of a top-up of so many micro-yuan is added to credit: arrears may take a share, and emergency
    credit ends with it. It must grow with the top-up, without a bound.
    """
    today = calendar.local(now).date()
    off = _days_off(calendar, today)
    if off is None:
        return None
    first_day, last_day = off
    days = (last_day - today).days
    needed = _needed(_Account(pattern, credit_micro, calendar, coming), now, last_day)
    needed += needed * off_permille(pattern, days + 1) // PERMILLE
    missing = needed + _fees(coming.fee_on, today, days) - credit_micro
    if missing <= 0:
        return None
    return TopUpHint(amount_micro=_least(kept, missing) * YUAN, first_day=first_day, last_day=last_day)


def _least(kept: Callable[[int], int], missing_micro: int) -> int:
    """The fewest whole yuan of which so much is kept."""
    most = 1
    while kept(most * YUAN) < missing_micro:
        most *= 2
    return bisect_left(range(most), missing_micro, key=lambda yuan: kept(yuan * YUAN))


def _fees(fee_on: FeeOn, today: date, days: int) -> int:
    """Those of so many days after today."""
    return sum(fee_on(today + timedelta(days=day)) for day in range(1, days + 1))


def passed_days(levels: Sequence[int], left: DaysLeft) -> int | None:
    """The lowest level of days that credit has come down to, or None."""
    passed = [level for level in levels if left.ends_at is not None and left.days < level]
    return min(passed) if passed else None


@dataclass(frozen=True, slots=True)
class _Account:
    """What is spent, and of how much."""

    pattern: Pattern
    credit_micro: int
    calendar: SiteCalendar
    coming: Coming

    def use_on(self, day: date) -> int:
        """What a whole local day's use is expected to cost."""
        return self.pattern.on(day, self.calendar) * self.coming.dear_on(day) // PERMILLE


def _ends(account: _Account, now: datetime, at_permille: int) -> datetime | None:
    """When credit is spent, with every day's use at `at_permille` of what is expected; fees are what they are."""
    left, at, calendar = account.credit_micro * PERMILLE, now, account.calendar
    for _ in range(MOST_DAYS + 1):
        if left <= 0:
            return at
        day = calendar.local(at).date()
        midnight = calendar.midnight(day + timedelta(days=1))
        whole_micro = account.use_on(day) * at_permille
        seconds = int((midnight - at).total_seconds())
        cost = whole_micro * seconds // DAY_S
        if cost >= left and cost > 0:
            return at + timedelta(seconds=left * seconds // cost)
        left, at = left - cost - account.coming.fee_on(day + timedelta(days=1)) * PERMILLE, midnight
    return None


def _needed(account: _Account, now: datetime, last_day: date) -> int:
    """What is expected to be spent on use from now to the end of a local day."""
    today = account.calendar.local(now).date()
    rest_s = int((account.calendar.midnight(today + timedelta(days=1)) - now).total_seconds())
    following = range(1, (last_day - today).days + 1)
    return account.use_on(today) * rest_s // DAY_S + sum(
        account.use_on(today + timedelta(days=day)) for day in following
    )


def _days_off(calendar: SiteCalendar, today: date) -> tuple[date, date] | None:
    """The first and last of the holidays that run, or begin soon."""
    for ahead in range(HOLIDAY_WITHIN_D + 1):
        first = today + timedelta(days=ahead)
        if calendar.is_holiday(first):
            last = first
            while calendar.is_holiday(last + timedelta(days=1)) and (last - first).days < MOST_DAYS:
                last += timedelta(days=1)
            return first, last
    return None


def _without_spikes(values: Sequence[int]) -> list[int]:
    """A meter that was silent for a week is billed on one day: no day counts more than four usual ones."""
    used = sorted(value for value in values if value > 0)
    most = 4 * used[len(used) // 2] if used else 0
    return [min(value, most) for value in values]


def _shape(values: Sequence[int], kinds: Sequence[int]) -> tuple[int, ...]:
    """Each weekday beside the mean day, in permille."""
    total, count = sum(values), len(values)
    if total == 0:
        return (PERMILLE,) * WEEK
    shape = []
    for kind in range(WEEK):
        own = [value for value, each in zip(values, kinds, strict=True) if each == kind]
        shape.append((sum(own) * count * PERMILLE // total + SHRINK * PERMILLE) // (len(own) + SHRINK))
    return tuple(shape)


def _level(values: Sequence[int], kinds: Sequence[int], shape: Sequence[int]) -> int:
    """The usual day, newest days first, freed of the weekdays' shape: sums beside sums, so a day off costs nothing."""
    spent, expected, weight = 0, 0, PERMILLE**2
    for value, kind in zip(values, kinds, strict=True):
        spent, expected = spent + weight * value, expected + weight * shape[kind]
        weight = weight * FADE_PERMILLE // PERMILLE
    return spent * PERMILLE // expected if expected else 0


def _spread(values: Sequence[int], kinds: Sequence[int], expected: Sequence[int]) -> int:
    """The standard deviation of a day beside what was expected of the mean day, in permille."""
    mean = sum(expected[kind] for kind in kinds) // len(kinds)
    if mean == 0:
        return 0
    squares = sum((value - expected[kind]) ** 2 for value, kind in zip(values, kinds, strict=True))
    return isqrt(squares * PERMILLE**2 // (len(values) * mean * mean))
