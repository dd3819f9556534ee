"""What a posting costs that can only be priced in its place: steps depend on what the account has used before it.

The chain of an account says how far each utility's steps are used. An entry is therefore priced at the moment in which
it is chained, so that two meters of one account, read by two processes at once, never start from the same counter.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol


class Charge(NamedTuple):
    """The price of an interval: what the customer pays, what its entry adds to its reference, the counters after it."""

    amount_micro: int
    ref: Mapping[str, str | int]
    counted: str


class Metered(Protocol):
    """An interval of a meter, ready to be priced after whatever was counted before."""

    def charge(self, counted: str) -> Charge:
        """The charge behind these counters (`prepaid.domain.tariffs.counted`). The same counters, the same charge."""
        ...
