"""The three kinds of trouble, so that every caller can tell what to do next.

`Refused` is final and is told to the person; `TryAgain` is transient and retried within bounds; `Unknown` may have
happened, so it is asked about and never blindly repeated. Our own bugs raise `InvariantBroken`.
"""

from __future__ import annotations


class Trouble(Exception):
    """Base of all classified trouble. `key` names a text in the catalogues, `params` fill its placeholders."""

    def __init__(self, key: str, **params: object) -> None:
        super().__init__(key)
        self.key = key
        self.params = params


class Refused(Trouble):
    """Permanent: asking again the same way gives the same answer. Tell the person why."""


class TryAgain(Trouble):
    """Transient: nothing has changed, and the same request may succeed later."""


class HeldBack(TryAgain):
    """There is no room for it yet, and none for `wait_s` seconds: nothing was tried, so it is no failure of anybody."""

    def __init__(self, key: str, *, wait_s: float = 0.0, **params: object) -> None:
        super().__init__(key, **params)
        self.wait_s = wait_s


class Unknown(Trouble):
    """It may have happened. Find out by asking the other side; never repeat it blindly."""


class InvariantBroken(AssertionError):
    """A promise of docs/invariants.md does not hold: a bug of ours, never a person's mistake."""


NOT_YOURS_OR_MISSING = "refused.not_found"
"""A foreign id and a missing id give the same answer (A1)."""


def not_found() -> Refused:
    """The one answer for what does not exist and for what the actor may not see."""
    return Refused(NOT_YOURS_OR_MISSING)
