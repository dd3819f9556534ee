"""Every transport that the product speaks, with a device at its far end, on loopback and pseudo terminals."""

from __future__ import annotations

import asyncio
import os
import tty
from abc import ABC, abstractmethod
from functools import cache, partial
from pathlib import Path
from typing import cast

from meters.links import acrel_4g, files, registration
from meters.links.dial_in import DialIn, DoorSettings, Listener
from meters.links.files import TlsFiles
from meters.links.link import Link
from meters.links.opening import Ways
from prepaid.domain.metering import Gateway, LinkOptions
from tests.fakes.certificates import Authority
from tests.fakes.hostile_device import Framing, HostileDevice

EVERY_TRANSPORT = ("tcp", "tls", "rtu_tcp", "serial", "dial_in", "acrel_4g")
UNIT_ID = "unit-7"
REGISTRATION = b"REG:" + UNIT_ID.encode() + b"\r\n"
HEARTBEAT = b"\xfe\xfe"
TLS_RECORD_BYTES = 5
"""Replies over TLS are cut into records as short as this."""


class FarEnd(asyncio.Protocol):
    """The device's side of a stream."""

    def __init__(self, device: HostileDevice) -> None:
        self.device = device
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected."""
        self.transport = cast("asyncio.Transport", transport)
        self.device.connections += 1

    def data_received(self, data: bytes) -> None:
        """A request, or a part of one."""
        self.device.feed(data, self.send, self.drop)

    def send(self, data: bytes) -> None:
        """A reply, if somebody is still there."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)

    def drop(self) -> None:
        """The power is gone."""
        if self.transport is not None:
            self.transport.abort()


class TlsEnd(FarEnd):
    """Sends each reply in several records."""

    def send(self, data: bytes) -> None:
        """One record after the other."""
        for at in range(0, len(data), TLS_RECORD_BYTES):
            super().send(data[at : at + TLS_RECORD_BYTES])


class Wire(ABC):
    """One transport and its device."""

    framing: Framing = "rtu"

    def __init__(self) -> None:
        self.device = HostileDevice(self.framing)
        self.ways = Ways()
        self.gateway = Gateway(id="g1", site_id="s1", transport="")

    @abstractmethod
    async def start(self) -> None:
        """Ready to be connected to."""

    @abstractmethod
    async def stop(self) -> None:
        """Leaves nothing behind."""

    async def link(self) -> Link:
        """Opens a link as the product does."""
        return await self.ways.opener(self.gateway, timeout_s=5)()


class ServerWire(Wire):
    """A gateway that we call."""

    def __init__(self, transport: str, files_of_both: tuple[TlsFiles, TlsFiles] | None = None) -> None:
        self.framing = "rtu" if transport == "rtu_tcp" else "mbap"
        super().__init__()
        self.transport = transport
        self._server: asyncio.Server | None = None
        self._gateway_files = files_of_both[0] if files_of_both else None
        self.ways = Ways(tls=files_of_both[1]) if files_of_both else Ways()

    async def start(self) -> None:
        """Listens."""
        context = files.called(self._gateway_files) if self._gateway_files else None
        make = TlsEnd if context else FarEnd
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: make(self.device), "127.0.0.1", 0, ssl=context)
        port = self._server.sockets[0].getsockname()[1]
        self.gateway = Gateway(id="g1", site_id="s1", transport=self.transport, host="127.0.0.1", port=port)

    async def stop(self) -> None:
        """Closes."""
        if self._server is not None:
            self._server.close()


class SerialWire(Wire):
    """A pseudo terminal with the device at its other side."""

    async def start(self) -> None:
        """Opens the pair."""
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        options = LinkOptions(device=os.ttyname(self._slave))
        self.gateway = Gateway(id="g1", site_id="s1", transport="serial", baud=115_200, options=options)
        asyncio.get_running_loop().add_reader(self._master, self._readable)

    async def stop(self) -> None:
        """Closes both sides."""
        self.unplug()
        os.close(self._slave)

    def unplug(self) -> None:
        """The far side is gone."""
        if self._master >= 0:
            asyncio.get_running_loop().remove_reader(self._master)
            os.close(self._master)
            self._master = -1

    def _readable(self) -> None:
        self.device.feed(os.read(self._master, 1024), self._write, lambda: None)

    def _write(self, data: bytes) -> None:
        if data and self._master >= 0:
            os.write(self._master, data)


class DialWire(Wire):
    """A unit that calls us, and calls again when it is hung up on."""

    def __init__(self, transport: str) -> None:
        super().__init__()
        self.transport = transport
        self.gateway = Gateway(id="g1", site_id="s1", transport=transport, options=LinkOptions(caller_id=UNIT_ID))

    async def start(self) -> None:
        """Opens the door; the unit calls."""
        listener = Listener(
            port=0,
            host="127.0.0.1",
            kind="acrel_4g" if self.transport == "acrel_4g" else "dtu",
            registration=registration.from_text(r"REG:(?P<id>[\w-]+)\r\n"),
            heartbeats=(HEARTBEAT,),
        )
        self.door = DialIn([listener], DoorSettings(register_s=2, idle_s=60))
        await self.door.open()
        self.door.know([self.gateway])
        self.ways = Ways(door=self.door)
        self._task = asyncio.create_task(self._keep_calling())

    async def stop(self) -> None:
        """Hangs up on both sides."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self.door.close()

    async def _keep_calling(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            make = partial(AcrelEnd if self.transport == "acrel_4g" else DtuEnd, self.device)
            _, end = await loop.create_connection(make, "127.0.0.1", self.door.ports[0])
            try:
                await end.gone.wait()
            finally:
                end.drop()
            await asyncio.sleep(0.01)


class DtuEnd(FarEnd):
    """A DTU: registers in two pieces with a heartbeat before, and puts heartbeats before and behind its replies."""

    def __init__(self, device: HostileDevice) -> None:
        super().__init__(device)
        self.gone = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Says who it is."""
        super().connection_made(transport)
        super().send(HEARTBEAT + REGISTRATION[:3])
        asyncio.get_running_loop().call_later(0.005, super().send, REGISTRATION[3:])

    def send(self, data: bytes) -> None:
        """A reply with heartbeats round it and in its midst."""
        half = len(data) // 2
        middle = HEARTBEAT if len(data) > 4 else b""
        super().send(HEARTBEAT + data[:half] + middle + data[half:] + HEARTBEAT if data else b"")

    def connection_lost(self, exc: Exception | None) -> None:
        """Hung up on."""
        del exc
        self.gone.set()


class AcrelEnd(DtuEnd):
    """A meter with its own modem: everything goes in envelopes."""

    def __init__(self, device: HostileDevice) -> None:
        super().__init__(device)
        self._heard = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Says who it is."""
        FarEnd.connection_made(self, transport)
        body = UNIT_ID.encode().ljust(acrel_4g.SERIAL_BYTES, b"\0") + b"8" * 30 + bytes(8)
        FarEnd.send(self, acrel_4g.put(acrel_4g.HEARTBEAT) + acrel_4g.put(acrel_4g.REGISTER, body))

    def data_received(self, data: bytes) -> None:
        """What is for the bus goes to the device."""
        self._heard += data
        for envelope in acrel_4g.cut(self._heard):
            if envelope.command == acrel_4g.DOWNLINK:
                self.device.feed(envelope.body, self.send, self.drop)

    def send(self, data: bytes) -> None:
        """A reply in its envelope, heartbeats round it."""
        if data:
            beat = acrel_4g.put(acrel_4g.HEARTBEAT)
            FarEnd.send(self, beat + acrel_4g.put(acrel_4g.DOWNLINK, data) + beat)


@cache
def certificates(folder: Path) -> tuple[TlsFiles, TlsFiles]:
    """Those of the gateway and ours, made once for each folder."""
    authority = Authority(folder)
    return authority.sign("gateway"), authority.sign("headend")


def wire_for(transport: str, folder: Path) -> Wire:
    """The wire of that transport."""
    if transport == "serial":
        return SerialWire()
    if transport in {"dial_in", "acrel_4g"}:
        return DialWire(transport)
    if transport == "tls":
        return ServerWire("tls", certificates(folder))
    return ServerWire(transport)
