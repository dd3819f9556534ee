"""How much a simulated customer uses, hour by hour, and in which band the meter counts it."""

from __future__ import annotations

from collections.abc import Sequence

from prepaid.domain.tariffs.bands import Band

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S
STEADY = (1.0,) * 24
HOME = (
    *(0.3, 0.25, 0.25, 0.25, 0.3, 0.5),
    *(0.9, 1.1, 0.8, 0.6, 0.6, 0.8),
    *(1.0, 0.8, 0.6, 0.6, 0.8, 1.2),
    *(1.7, 2.0, 2.0, 1.7, 1.1, 0.6),
)
"""A household: low at night, a hump in the morning, the peak in the evening; a day's mean is about 0.86."""
FIVE_BANDS = (
    *(Band.DEEP_VALLEY,) * 4,
    *(Band.VALLEY,) * 4,
    *(Band.PEAK,) * 3,
    *(Band.FLAT,) * 7,
    *(Band.SHARP,) * 2,
    *(Band.PEAK,) * 3,
    Band.VALLEY,
)
"""The meter's own time table, hour by hour."""


def used_hours(since_s: float, until_s: float, curve: Sequence[float] = STEADY) -> list[float]:
    """For each hour of the day, how many hours at full load fell into it between two instants of the meter's time."""
    hours = [0.0] * 24
    days = int((until_s - since_s) // DAY_S)
    if days > 0:
        hours = [days * factor for factor in curve]
    at = since_s + max(0, days) * DAY_S
    while at < until_s:
        step = min(until_s, (at // HOUR_S + 1) * HOUR_S) - at
        hour = int(at % DAY_S // HOUR_S) % 24
        hours[hour] += step / HOUR_S * curve[hour]
        at += step
    return hours


def in_bands(hours: Sequence[float], known: Sequence[Band], table: Sequence[Band] = FIVE_BANDS) -> dict[Band, float]:
    """The same by band; what a meter has no counter for it counts as its nearest dearer one, else its first."""
    shares = dict.fromkeys(known, 0.0)
    for hour, share in zip(table, hours, strict=True):
        dearer = [band for band in list(Band)[: list(Band).index(hour) + 1] if band in shares]
        if shares:
            shares[dearer[-1] if dearer else known[0]] += share
    return shares
