"""Which gateways a worker should have, so that live workers share them evenly and few of them move. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from zlib import crc32


def share(me: str, workers: Collection[str], owners: Mapping[str, str], gateways: Collection[str]) -> int:
    """How many gateways are mine: the even share, and one of those left over for whoever has more than it already.

    `owners` says who has which gateway now. Workers who see the same give each other the same shares.
    """
    counts = dict.fromkeys(workers, 0)
    for gateway, worker in owners.items():
        if worker in counts and gateway in gateways:
            counts[worker] += 1
    even, left_over = divmod(len(gateways), max(1, len(counts)))
    favoured = sorted(counts, key=lambda worker: (-counts[worker], worker))[:left_over]
    return even + (me in favoured)


def to_give(me: str, mine: Collection[str], most: int) -> list[str]:
    """What I hold beyond my share, least mine first."""
    return sorted(mine, key=lambda gateway: _rank(me, gateway))[: max(0, len(mine) - most)]


def to_take(me: str, mine: Collection[str], free: Collection[str], most: int) -> list[str]:
    """What is free and within my share. Workers look at free gateways in different orders, so few want the same."""
    return sorted(free, key=lambda gateway: _rank(me, gateway), reverse=True)[: max(0, most - len(mine))]


def _rank(worker: str, gateway: str) -> int:
    return crc32(f"{worker}|{gateway}".encode())
