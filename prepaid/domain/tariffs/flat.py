"""One price for every kilowatt-hour, as the first documents hold it and as tests and demonstrations write it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class FlatTariff:
    """A flat price. `id` names the version, so that an entry tells which price it used (M12)."""

    id: str
    price_micro_per_kwh: int
