"""The overview's balances where the ends of chains are read from what was posted lately alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from prepaid.ports.panorama import BalanceColumns
from prepaid.storage.driver import Database
from prepaid.usecases.estate import open_estate
from tests.fakes.building import build
from tests.fakes.clock import ManualClock


class _Fresh:
    """A store whose heads are not there yet, and which gives what was posted lately in one order or the other."""

    def __init__(self, real: Any, *, newest_first: bool) -> None:
        self._real, self._newest_first = real, newest_first

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    async def balances(self, account_ids: Any) -> BalanceColumns:
        del account_ids
        return BalanceColumns((), (), ())

    async def entries_since(self, at: Any) -> BalanceColumns:
        rows = sorted(zip(*await self._real.entries_since(at), strict=True), reverse=self._newest_first)
        return BalanceColumns(*zip(*rows, strict=True))


@pytest.mark.parametrize("newest_first", [True, False])
async def test_the_newest_entry_is_the_balance_in_whichever_order_it_is_read(
    database: Database, clock: ManualClock, *, newest_first: bool
) -> None:
    """M16: a building whose first entries were all posted a moment ago shows the last of them."""
    building = await build(database, clock)
    manager = await building.operator()
    for unit in (1, 2):
        await building.flat(unit, balance_micro=1_000_000 * unit)
        await building.give(f"acc-{unit}", 500_000, f"more:{unit}")
    store = building.business.store
    fresh: Any = _Fresh(store.panorama, newest_first=newest_first)
    estate = await open_estate(replace(building.business, store=replace(store, panorama=fresh)), manager)
    assert dict(estate.known.ends) == {"acc-1": (2, 1_500_000), "acc-2": (2, 2_500_000)}
