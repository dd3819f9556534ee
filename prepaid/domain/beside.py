"""A span beside the one before it, in percent, where that says something. Pure."""

from __future__ import annotations

LEAST = 100
"""Wh or litres that the earlier span must have had: below that it was an empty room or a first day."""
MOST_TIMES = 10
"""More than so many times as much is no comparison: the earlier span was nearly empty beside the later one."""


def change_percent(now: int, before: int) -> int | None:
    """By how much `now` is more than `before`, to the nearest percent; None where there is too little to compare with.

    `now` and `before` are Wh or litres. What is exactly `MOST_TIMES` as much is still compared.
    """
    if before < LEAST or now > before * MOST_TIMES:
        return None
    moved = now - before
    size = (abs(moved) * 200 + before) // (2 * before)
    return size if moved >= 0 else -size
