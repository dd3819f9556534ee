"""The seam between the notification door and a provider that can read its own notifications."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from prepaid.ports import InboxRow


class NotificationReceiver(Protocol):
    """Turns what came in into a row that may be kept. Does no I/O, so that nothing unverified makes us call anybody."""

    def read_notification(self, headers: Mapping[str, str], raw: bytes) -> InboxRow:
        """Raises `payments.problems.NotificationProblem` for anything that is not proven and understood (A4)."""
        ...


@runtime_checkable
class AcknowledgingReceiver(Protocol):
    """A receiver whose provider wants certain words for a yes; the others take a 204 without a body."""

    @property
    def acknowledgement(self) -> bytes:
        """The whole body of a 200."""
        ...
