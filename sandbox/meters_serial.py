"""A bus on a serial line: a pseudo-terminal whose other end is opened like any serial port."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tty

from sandbox.meters import NUMBERS, SandboxGateway
from sandbox.meters_wire import cut_rtu

CHUNK = 512


class SandboxSerial:
    """Meters on a line. `path` is what the master opens."""

    def __init__(self, gateway: SandboxGateway) -> None:
        self.gateway = gateway
        self.path = ""
        self.number = next(NUMBERS)
        self._ours = self._theirs = -1
        self._buffer = bytearray()

    def start(self) -> str:
        """Opens the line; returns the path of its other end."""
        self.gateway.power_up()
        self._ours, self._theirs = os.openpty()
        tty.setraw(self._ours)
        tty.setraw(self._theirs)
        os.set_blocking(self._ours, False)
        self.path = os.ttyname(self._theirs)
        asyncio.get_running_loop().add_reader(self._ours, self._readable)
        return self.path

    def stop(self) -> None:
        """The line is cut."""
        if self._ours < 0:
            return
        asyncio.get_running_loop().remove_reader(self._ours)
        os.close(self._ours)
        os.close(self._theirs)
        self._ours = self._theirs = -1

    def send(self, frame: bytes) -> None:
        """A reply on the line."""
        if self._ours >= 0:
            with contextlib.suppress(OSError):  # Nobody reads: the bytes are lost, as on a real line.
                os.write(self._ours, frame)

    def _readable(self) -> None:
        try:
            self._buffer += os.read(self._ours, CHUNK)
        except OSError:
            return
        for asked in cut_rtu(self._buffer):
            self.gateway.received(self, asked)
