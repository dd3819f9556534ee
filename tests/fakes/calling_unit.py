"""A unit that calls the door: says what it is told to say, and answers reads truly."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

from meters.links import acrel_4g, registration
from meters.links.dial_in import DialIn, DoorSettings, Listener
from prepaid.domain.metering import Gateway, LinkOptions
from tests.fakes.hostile_device import HostileDevice

REGISTRATION = registration.from_text(r"REG:(?P<id>[\w-]+)\r\n")
Wrap = Callable[[bytes], Iterable[bytes]]
"""What the unit makes of a reply: one or more packets."""


def plain(reply: bytes) -> Iterable[bytes]:
    """As it is."""
    return (reply,)


def gateway(name: str, *, transport: str = "dial_in", site: str = "s1") -> Gateway:
    """A gateway whose unit calls itself `name`."""
    return Gateway(id=f"g-{name}", site_id=site, transport=transport, options=LinkOptions(caller_id=name))


class Unit:
    """One call."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.device = HostileDevice("rtu")
        self._task: asyncio.Task[None] | None = None

    def say(self, data: bytes) -> None:
        """Sends bytes."""
        self.writer.write(data)

    def serve(self, wrap: Wrap = plain) -> None:
        """Answers what is asked, each reply wrapped."""
        self._task = asyncio.create_task(self._serve(wrap))

    async def _serve(self, wrap: Wrap) -> None:
        def send(reply: bytes) -> None:
            for packet in wrap(reply):
                self.writer.write(packet)

        while data := await self.reader.read(512):
            self.device.feed(data, send, lambda: None)

    def serve_in_envelopes(self) -> None:
        """The same in Acrel's envelope, with a heartbeat before each reply."""
        heard = bytearray()

        def send(reply: bytes) -> None:
            beat = acrel_4g.put(acrel_4g.HEARTBEAT)
            self.writer.write(beat + acrel_4g.put(acrel_4g.DOWNLINK, reply))

        def hear(data: bytes) -> None:
            heard.extend(data)
            for envelope in acrel_4g.cut(heard):
                self.device.feed(envelope.body, send, lambda: None)

        self._task = asyncio.create_task(self._hear(hear))

    def on_request(self, say: Callable[[], Iterable[bytes]]) -> None:
        """Says this to whatever is asked."""
        self._task = asyncio.create_task(self._hear(lambda _: self.writer.writelines(say())))

    async def _hear(self, hear: Callable[[bytes], None]) -> None:
        while data := await self.reader.read(512):
            hear(data)

    async def hung_up(self, *, within_s: float = 5.0) -> bool:
        """True when the other side ends the call; what it says before is passed over."""
        try:
            async with asyncio.timeout(within_s):
                while await self.reader.read(512):
                    continue
        except ConnectionError:
            return True
        except TimeoutError:
            return False
        return True

    async def close(self) -> None:
        """Ends the call."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self.writer.transport.abort()


@asynccontextmanager
async def called(door: DialIn, *, port: int = 0, tls: ssl.SSLContext | None = None) -> AsyncIterator[Unit]:
    """A call at the `port`-th listener."""
    reader, writer = await asyncio.open_connection("127.0.0.1", door.ports[port], ssl=tls)
    unit = Unit(reader, writer)
    try:
        yield unit
    finally:
        await unit.close()


@asynccontextmanager
async def open_door(
    *gateways: Gateway, listeners: Iterable[Listener] = (), settings: DoorSettings | None = None
) -> AsyncIterator[DialIn]:
    """A door that knows these gateways."""
    usual = Listener(port=0, host="127.0.0.1", registration=REGISTRATION, heartbeats=(b"HB", b"\xfe\xfe"))
    door = DialIn([*listeners] or [usual], settings or DoorSettings())
    await door.open()
    door.know(gateways)
    try:
        yield door
    finally:
        await door.close()
