"""What a meter's hours tell: the load that never rests, the share of the night, and hours unlike others of their kind.

Pure. Hours are counted from the beginning of a local day, so the same place in a day is the same hour by the clock as
long as clocks are not changed; `Hours` knows which place is which.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from itertools import compress
from zoneinfo import ZoneInfo

HOUR = timedelta(hours=1)
NIGHT_HOURS = range(6)
"""Midnight to six."""
BASE_PERCENT = 5
"""The base load is what all but so many percent of the hours exceed."""
PERMILLE = 1000
LEAST_HOURS = 48
"""Below so many whole hours neither base load nor odd hours are told."""
LEAST_OF_KIND = 5
"""Hours of one kind that are needed to know what is usual."""
ODD_Z_TENTHS = 80
"""An hour is odd at eight robust deviations."""
ODD_WH = 500
"""And at least so much above what is usual."""
LEAST_SPREAD_WH = 50
MAD_TO_SIGMA_PERCENT = 148
"""A normal distribution's deviation is 1.48 times the median distance from its median."""
_SATURDAY = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterHours:
    """A meter from `since` on. `first_wh` and `last_wh` are its registers at both ends; None: it was never heard.

    `wh` has an entry for each hour; None where the hour's end or beginning was not read.
    """

    meter_id: str
    since: datetime
    first_wh: int | None
    last_wh: int | None
    wh: tuple[int | None, ...]

    @property
    def total_wh(self) -> int | None:
        """What the register moved by."""
        return None if self.first_wh is None or self.last_wh is None else self.last_wh - self.first_wh


@dataclass(frozen=True)
class Hours:
    """The hours of a span by the local clock. Made once for a report, used for all of its meters."""

    since: datetime
    count: int
    time_zone: str

    @cached_property
    def local(self) -> tuple[datetime, ...]:
        """When each begins."""
        zone = ZoneInfo(self.time_zone)
        return tuple((self.since + HOUR * place).astimezone(zone) for place in range(self.count))

    @cached_property
    def night(self) -> tuple[bool, ...]:
        """Whether each belongs to the night."""
        return tuple(at.hour in NIGHT_HOURS for at in self.local)

    @cached_property
    def kinds(self) -> tuple[tuple[int, ...], ...]:
        """The places of hours that are alike: the same hour of working days, or of weekends."""
        found: dict[tuple[bool, int], list[int]] = {}
        for place, at in enumerate(self.local):
            found.setdefault((at.weekday() >= _SATURDAY, at.hour), []).append(place)
        return tuple(map(tuple, found.values()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Odd:
    """An hour that took far more than others of its kind."""

    at: datetime
    energy_wh: int
    usual_wh: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What is known of a load. `base_w` and the night's share are None where too little was read."""

    energy_wh: int
    base_w: int | None = None
    night_permille: int | None = None
    odd: tuple[Odd, ...] = ()


def load_of(hours: Hours, wh: Sequence[int | None], energy_wh: int) -> Load:
    """Looks at the whole hours of a meter, or of several added up. `energy_wh` is what the registers moved by."""
    known = sorted([each for each in wh if each is not None])
    if len(known) < LEAST_HOURS:
        return Load(energy_wh=energy_wh)
    total = sum(known)
    night = sum([each for each in compress(wh, hours.night) if each is not None])
    return Load(
        energy_wh=energy_wh,
        base_w=known[len(known) * BASE_PERCENT // 100],
        night_permille=night * PERMILLE // total if total else None,
        odd=tuple(sorted(_odd(hours, wh), key=lambda each: each.usual_wh - each.energy_wh)),
    )


def added(series: Iterable[Sequence[int | None]]) -> tuple[int | None, ...]:
    """Several meters' hours as one; an hour that one of them lacks is lacking."""
    return tuple(
        None if None in each else sum([value for value in each if value is not None])
        for each in zip(*series, strict=True)
    )


def _odd(hours: Hours, wh: Sequence[int | None]) -> Iterable[Odd]:
    for places in hours.kinds:
        values = [(value, place) for place in places if (value := wh[place]) is not None]
        if len(values) < LEAST_OF_KIND:
            continue
        usual = _median([value for value, _ in values])
        # Only hours above the bare minimum are worth the second median.
        high = [(value, place) for value, place in values if value - usual >= ODD_WH]
        if not high:
            continue
        spread = _median([abs(value - usual) for value, _ in values]) * MAD_TO_SIGMA_PERCENT // 100
        least = max(ODD_WH, max(spread, LEAST_SPREAD_WH, usual // 10) * ODD_Z_TENTHS // 10)
        for value, place in high:
            if value - usual >= least:
                yield Odd(at=hours.since + HOUR * place, energy_wh=value, usual_wh=usual)


def _median(values: Sequence[int]) -> int:
    ordered = sorted(values)
    return ordered[len(ordered) // 2]
