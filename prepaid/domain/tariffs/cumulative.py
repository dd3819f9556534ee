"""Cumulative pricing: `charge = round(cost(total so far)) - already charged`.

However a period is cut into readings, the charges add up to the same total, and what is carried is always less than
one micro-yuan (M13).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

from prepaid.domain.errors import InvariantBroken


class Tariff(Protocol):
    """Anything that can say what an amount of energy has cost since the period began."""

    @property
    def id(self) -> str:
        """The version in force."""
        ...

    def cost(self, energy_wh: int) -> Fraction:
        """Exact micro-yuan for `energy_wh`."""
        ...


@dataclass(frozen=True, slots=True)
class Priced:
    """The charge for one more interval, and the remainder carried to the next."""

    charge_micro: int
    remainder: Fraction


def price(tariff: Tariff, total_wh: int, charged_micro: int) -> Priced:
    """What is due for the period's `total_wh` when `charged_micro` was charged before. Halves round to even."""
    if total_wh < 0:
        raise InvariantBroken("energy of a period cannot be negative")
    exact = tariff.cost(total_wh)
    due = round(exact)
    return Priced(charge_micro=due - charged_micro, remainder=exact - due)
