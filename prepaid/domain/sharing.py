"""What is common, shared out: by area, in equal parts or by use, and the shares add up to the last unit. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from prepaid.domain.errors import Refused


class Rule(StrEnum):
    """By what the common part is shared."""

    EQUAL = "equal"
    USE = "use"
    AREA = "area"


def shared(total: int, weights: Mapping[str, int]) -> dict[str, int]:
    """The largest remainders take what whole shares leave over; alike ones go by name. A negative total is given back.

    Raises `Refused("refused.share_weights")` where nobody weighs anything or somebody weighs less than nothing.
    """
    whole = sum(weights.values())
    if whole <= 0 or min(weights.values()) < 0:
        raise Refused("refused.share_weights")
    sign, amount = (-1, -total) if total < 0 else (1, total)
    shares = {name: amount * weight // whole for name, weight in weights.items()}
    left = amount - sum(shares.values())
    by_remainder = sorted(weights, key=lambda name: (-(amount * weights[name] % whole), name))
    for name in by_remainder[:left]:
        shares[name] += 1
    return {name: sign * share for name, share in shares.items()}
