"""How far an account has used each utility, as the one text that its chain carries from entry to entry.

The counters belong to the account: all its meters of a utility count together, a replaced meter goes on, and a new
tenant's chain begins with none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from prepaid.domain.tariffs.pricing import Carry, laid_by


def counted_from_text(text: str) -> dict[str, Carry]:
    """The counters by utility; none for an empty text."""
    rows: dict[str, list[Any]] = json.loads(text) if text else {}
    return {utility: _carry(row) for utility, row in rows.items()}


def counted_text(counted: Mapping[str, Carry]) -> str:
    """The same counters give the same text."""
    return json.dumps(counted, separators=(",", ":"), sort_keys=True)


def together(one: Carry, other: Carry) -> Carry:
    """Two counters as one, for what meters counted for themselves before their account did."""
    months = _sums((*one.past, *other.past, (one.month, one.month_wh), (other.month, other.month_wh)))
    years = _sums(((one.year, one.year_wh), (other.year, other.year_wh)))
    month, year = max(one.month, other.month), max(one.year, other.year)
    month_wh, year_wh = months.pop(month, 0), years.pop(year, 0)
    return Carry(
        one.exact_nano + other.exact_nano,
        one.charged_micro + other.charged_micro,
        month,
        month_wh,
        year,
        year_wh,
        laid_by({**months, **years}),
    )


def _carry(row: list[Any]) -> Carry:
    exact, charged, month, month_wh, year, year_wh, past = row
    laid = tuple((str(period), int(used)) for period, used in past)
    return Carry(int(exact), int(charged), str(month), int(month_wh), str(year), int(year_wh), laid)


def _sums(pairs: tuple[tuple[str, int], ...]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for period, used in pairs:
        sums[period] = sums.get(period, 0) + used
    return sums
