"""What can go wrong on a wire, in the three kinds that the business knows.

A read that got no answer changed nothing, so it may be tried again. A write that got no answer may have been carried
out, so it is asked about (by reading back) and never sent again blindly.
"""

from __future__ import annotations

from prepaid.domain.errors import Refused, TryAgain, Unknown

GATEWAY_NO_PATH = 0x0A
GATEWAY_NO_ANSWER = 0x0B
"""Exception codes by which a gateway says that the device behind it did not answer."""


class LinkDown(TryAgain):
    """There is no connection, or it was lost while a read was out. Nothing was changed."""

    def __init__(self) -> None:
        super().__init__("try_again.gateway_away")


class NoReply(TryAgain):
    """A read was not answered in time."""

    def __init__(self, unit: int) -> None:
        super().__init__("try_again.meter_silent", unit=unit)


class NotSent(TryAgain):
    """The frame was held back in the last moment: it had expired, or this process may not use the bus any more."""

    def __init__(self, why: str) -> None:
        super().__init__("try_again.command_held_back", why=why)


class WriteUnanswered(Unknown):
    """A write left and was not answered: the device may have acted."""

    def __init__(self, unit: int) -> None:
        super().__init__("unknown.meter_write", unit=unit)


class ExceptionReply(Refused):
    """The device, or the gateway before it, answered with a Modbus exception."""

    def __init__(self, unit: int, code: int) -> None:
        super().__init__("refused.meter_exception", unit=unit, code=code)
        self.code = code

    @property
    def from_gateway(self) -> bool:
        """Whether the gateway says that the device did not answer: for a write this is as unknown as silence."""
        return self.code in (GATEWAY_NO_PATH, GATEWAY_NO_ANSWER)
