"""One price for every kilowatt-hour."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

WH_PER_KWH = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class FlatTariff:
    """A flat price. `id` names the version, so that an entry tells which price it used (M12)."""

    id: str
    price_micro_per_kwh: int

    def cost(self, energy_wh: int) -> Fraction:
        """Exact cost in micro-yuan of `energy_wh` since the start of the billing period."""
        return Fraction(energy_wh * self.price_micro_per_kwh, WH_PER_KWH)
