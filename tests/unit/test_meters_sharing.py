"""How workers divide gateways: evenly, with few moves, and without asking one another."""

from __future__ import annotations

import pytest

from meters.sharing import share, to_give, to_take

GATEWAYS = [f"g{number}" for number in range(10)]


def settle(workers: list[str], owners: dict[str, str]) -> tuple[dict[str, str], int]:
    """Rounds in which each worker gives, then takes, until nothing moves; the owners and how many moved."""
    owners = {gateway: worker for gateway, worker in owners.items() if worker in workers}
    moved = 0
    for _ in range(5):
        for me in workers:
            mine = [gateway for gateway, worker in owners.items() if worker == me]
            most = share(me, workers, owners, GATEWAYS)
            for gateway in to_give(me, mine, most):
                del owners[gateway]
            mine = [gateway for gateway in mine if gateway in owners]
            for gateway in to_take(me, mine, [name for name in GATEWAYS if name not in owners], most):
                owners[gateway] = me
                moved += 1
    return owners, moved


@pytest.mark.parametrize("count", range(1, 13))
def test_every_gateway_has_an_owner_and_shares_are_even(count: int) -> None:
    """S6: however many workers there are, no share differs from another by more than one."""
    workers = [f"w{number}" for number in range(count)]
    owners, _ = settle(workers, {})
    counts = [list(owners.values()).count(worker) for worker in workers]
    assert sorted(owners) == sorted(GATEWAYS)
    assert max(counts) - min(counts) <= 1


def test_a_worker_that_joins_is_given_its_share_and_nothing_else_moves() -> None:
    """S6: buses rest when they change hands, so a third worker moves a third of them at most."""
    owners, _ = settle(["a", "b"], {})
    after, moved = settle(["a", "b", "c"], owners)
    assert moved == 3
    assert sum(owners[gateway] != worker for gateway, worker in after.items()) == 3


def test_when_a_worker_dies_only_its_gateways_move() -> None:
    """S6: the others keep what they have."""
    owners, _ = settle(["a", "b", "c"], {})
    after, _ = settle(["a", "b"], owners)
    assert all(after[gateway] == worker for gateway, worker in owners.items() if worker != "c")
