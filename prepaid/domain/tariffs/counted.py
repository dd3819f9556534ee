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
    sums: dict[str, int] = {}
    for each in (one, other):
        for period, used in (*each.past, (each.month, each.month_wh), (each.year, each.year_wh)):
            sums[period] = sums.get(period, 0) + used
    month, year = max(one.month, other.month), max(one.year, other.year)
    month_wh, year_wh = sums.pop(month, 0), sums.pop(year, 0)
    return Carry(
        one.exact_nano + other.exact_nano,
        one.charged_micro + other.charged_micro,
        month,
        month_wh,
        year,
        year_wh,
        laid_by(sums),
    )


def _carry(row: list[Any]) -> Carry:
    exact, charged, month, month_wh, year, year_wh, past = row
    laid = tuple((str(period), int(used)) for period, used in past)
    return Carry(int(exact), int(charged), str(month), int(month_wh), str(year), int(year_wh), laid)
