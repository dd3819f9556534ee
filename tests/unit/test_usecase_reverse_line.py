"""What the staff chooses from when an entry is reversed: only what may be reversed, and only once."""

from __future__ import annotations

import pytest

from prepaid.domain.access import Role
from prepaid.domain.errors import Refused
from prepaid.domain.ledger import Entry
from prepaid.storage.driver import Database
from prepaid.usecases.reverse_entry import look_at_line, reverse_line, reversible
from tests.fakes.building import build
from tests.fakes.clock import ManualClock


async def test_a_listed_entry_is_reversed_once_and_then_no_longer_listed(
    database: Database, clock: ManualClock
) -> None:
    """M14: the reversal names the original and takes it back whole; a provider's top-up is refunded instead."""
    building = await build(database, clock)
    tenant = await building.flat(1, balance_micro=5_000_000)
    await building.paid(tenant, 1, 1_000)
    clerk = await building.operator(role=Role.FINANCE)
    (listed,) = await reversible(building.business, clerk, "acc-1")
    account, entry = await look_at_line(building.business, clerk, "acc-1", listed.seq)
    assert (account.label, entry.idem, entry.delta_micro) == ("101", "adj:opening", 5_000_000)
    done = await reverse_line(building.business, clerk, "acc-1", listed.seq, why="twice")
    assert isinstance(done, Entry)
    assert (done.delta_micro, done.ref["reverses"]) == (-5_000_000, "adj:opening")
    assert await building.balance_micro(1) == 10_000_000
    assert await reversible(building.business, clerk, "acc-1") == ()
    for seq, key in ((listed.seq, "reversed_already"), (done.seq, "not_reversible"), (99, "not_found")):
        with pytest.raises(Refused, match=key):
            await reverse_line(building.business, clerk, "acc-1", seq, why="twice")
