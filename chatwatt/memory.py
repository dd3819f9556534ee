"""How often the garbage collector looks, set once before the loop begins.

What was loaded at the start lives as long as the program. Without this a page of a statement makes the collector walk
through all of it again and again, which takes a third of the statement's time.
"""

from __future__ import annotations

import gc

YOUNG = 50_000
"""New objects before a look at the young ones: a page of rows is made and forgotten within them."""


def settle_memory() -> None:
    """Sets what is there aside and lets pages of rows grow old before they are looked at."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, 10, 10)
