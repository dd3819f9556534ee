"""RTU on a serial port, through pymodbus's serial transport. The port is locked: nobody else speaks on the same wire.

Frames are kept apart by the silence of 3.5 characters that the serial line specification asks for (V1.02, 2.5.1.1).
"""

from __future__ import annotations

import asyncio
import re
import termios
from collections.abc import Awaitable, Callable
from typing import cast

from pymodbus.transport.serialtransport import create_serial_connection

from meters.links.errors import LinkDown
from meters.links.link import Link
from meters.links.rtu import RtuLink
from prepaid.domain.errors import Refused
from prepaid.domain.metering import Gateway

SILENCE_CHARS = 3.5
FAST_BAUD = 19_200
FAST_SILENCE_S = 0.00175
"""Above 19,200 baud the silence is a fixed time."""
_FORM = re.compile(r"([78])([NEO])([12])", re.ASCII)


class SerialLink(RtuLink):
    """A link on a serial port."""

    def __init__(self, *, silence_s: float) -> None:
        super().__init__()
        self._silence_s = silence_s
        self._heard_at = float("-inf")
        self.opened = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The port is open: one turn of the loop later than whoever opened it believes."""
        super().connection_made(transport)
        self.opened.set()

    def hold_s(self, unit: int) -> float:
        """As elsewhere, and until the line was silent for long enough after the last byte that was heard on it."""
        return max(self.tainted(unit), self._heard_at + self._silence_s - self._loop.time())

    def data_received(self, data: bytes) -> None:
        """Bytes came in."""
        self._heard_at = self._loop.time()
        super().data_received(data)

    def close(self) -> None:
        """Gives the port back at once. The transport under it tells nobody when it is closed, so the link does."""
        if self._transport is not None:
            self._transport.close()
            self.connection_lost(None)


def silence_s(baud: int, form: str) -> float:
    """The gap that ends a frame."""
    character_s = (1 + int(form[0]) + (form[1] != "N") + int(form[2])) / baud
    return SILENCE_CHARS * character_s if baud <= FAST_BAUD else FAST_SILENCE_S


def serial_opener(gateway: Gateway, *, timeout_s: float) -> Callable[[], Awaitable[Link]]:
    """Opens the port. Raises `Refused` for a port or a format that cannot be meant."""
    form = _FORM.fullmatch(gateway.options.form)
    if form is None or not gateway.options.device or gateway.baud <= 0:
        raise Refused("refused.serial_port", device=gateway.options.device, form=gateway.options.form)
    bits, parity, stop = form.groups()

    def make() -> SerialLink:
        return SerialLink(silence_s=silence_s(gateway.baud, gateway.options.form))

    async def connect_serial() -> Link:
        try:
            async with asyncio.timeout(timeout_s):
                _, link = await create_serial_connection(
                    asyncio.get_running_loop(),
                    make,
                    gateway.options.device,
                    baudrate=gateway.baud,
                    bytesize=int(bits),
                    parity=parity,
                    stopbits=int(stop),
                )
                opened = cast("SerialLink", link)
                await opened.opened.wait()
        except (OSError, termios.error) as refused:
            # No such port, no right to it, somebody else has it, or it cannot do this format.
            raise LinkDown from refused
        return opened

    return connect_serial
