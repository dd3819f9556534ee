"""What can be wrong with a message that claims to come from a provider. Each kind is counted and answered apart."""

from __future__ import annotations

from enum import StrEnum

from prepaid.domain.errors import Refused


class NotificationProblem(Refused):
    """A message that is not believed. `reason` is a short fixed code: safe to answer with, to log and to count."""

    status = 400

    def __init__(self, reason: str) -> None:
        super().__init__("refused.notification", reason=reason)
        self.reason = reason


class FormatProblem(NotificationProblem):
    """Authentic or not, it cannot be read."""


class SignatureKind(StrEnum):
    """Why a signature does not count."""

    PROBE = "probe"
    """The provider tests whether we verify at all. Expected now and then; nobody is woken for it."""
    UNKNOWN_SERIAL = "unknown_serial"
    BAD_SIGNATURE = "bad_signature"
    STALE = "stale"
    """Rightly signed, but too old or from the future: a replay, or a clock that is wrong."""
    MALFORMED = "malformed_signature"


class SignatureProblem(NotificationProblem):
    """The sender is not proven."""

    status = 401

    def __init__(self, kind: SignatureKind) -> None:
        super().__init__(kind.value)
        self.kind = kind
