"""A meter's own registers by band: whether two readings of them tell one story with the total, and what it is.

Keys are the values of `Band` ("sharp", "peak", "flat", "valley", "deep_valley"), values whole Wh as the device shows
them. A device need not have all five; it must have the same ones in both readings.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import gcd

from prepaid.domain.tariffs.bands import Band

DIGIT_WH = 10
"""A register shows no less than 0.01 kWh."""
MOST_DIGIT_WH = 100_000
Bands = Mapping[str, int]


def comparable(before: Bands | None, after: Bands | None) -> bool:
    """Whether both readings have the same registers, all of bands that there are."""
    return bool(before and after and before.keys() == after.keys() and after.keys() <= set(Band))


def agree(before: Bands, after: Bands, energy_wh: int) -> bool:
    """Whether no register fell and together they grew as the total did.

    Registers are shown rounded down and read one after the other, so each may be a digit off. What a digit is worth,
    the figures themselves tell: a display of whole kilowatt-hours shows nothing else. Nothing but zeros tells nothing
    and counts as fine: registers that stand still while the total grows are for an admin to look at.
    """
    grown = [after[band] - before[band] for band in after]
    digit = min(MOST_DIGIT_WH, max(DIGIT_WH, gcd(*before.values(), *after.values())))
    return min(grown) >= 0 and abs(sum(grown) - energy_wh) <= digit * (len(grown) + 1)


def unwrapped(before: Bands | None, after: Bands | None, wraps_wh: int | None) -> Bands | None:
    """`after` with the wrap added to each register that fell, where its width is known and it can be a roll-over.

    Whether it was one, the sum tells: a register that was reset does not fit the total once the wrap is added.
    """
    if before is None or after is None or not wraps_wh:
        return after
    return {band: wh + wraps_wh * (wh < before.get(band, 0)) for band, wh in after.items()}


def grown_by_band(before: Bands, after: Bands, energy_wh: int) -> dict[Band, int]:
    """Energy by band, dearest first, adding up to the total register: a difference in digits falls on the largest."""
    grown = {band: after[band] - before[band] for band in Band if band in after}
    off = energy_wh - sum(grown.values())
    for band in sorted(grown, key=lambda band: -grown[band]):
        change = max(off, -grown[band])
        grown[band] += change
        off -= change
    return grown
