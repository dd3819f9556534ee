"""One call at the door: first it must say who it is, then it is a link, and it is watched for silence."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, cast

from meters.links import acrel_4g
from meters.links.acrel_4g import AcrelLink, Envelope
from meters.links.dtu import DtuLink
from meters.links.link import Link
from meters.links.tcp import watch

if TYPE_CHECKING:
    from meters.links.dial_in import DialIn, Listener
    from prepaid.domain.metering import Gateway

LONGEST_REGISTRATION = 256
"""Registrations have up to 40 bytes; heartbeats may come before them."""
SETTLE_S = 0.1
"""A registration at the end of what came may be cut: the rest follows at once or not at all."""
UNSERVED_S = 60.0
"""A unit that nobody here serves is sent away, so that it can call where somebody does."""


class Caller(asyncio.Protocol, ABC):
    """A connection that somebody made to us."""

    def __init__(self, door: DialIn, listener: Listener) -> None:
        self.link: Link | None = None
        self.gateway: Gateway | None = None
        self.address = ""
        self.taken = False
        """Whether the owner of the bus has the link."""
        self._door = door
        self._listener = listener
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._loop = asyncio.get_running_loop()
        self._since = self._heard_at = self._loop.time()
        self._timer: asyncio.TimerHandle | None = None

    @abstractmethod
    def hear(self) -> None:
        """Takes what it can out of the buffer."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody is there."""
        self._transport = cast("asyncio.Transport", transport)
        watch(transport)
        self.address = str((transport.get_extra_info("peername") or ("",))[0])
        if not self._door.admits(self):
            self.hang_up()
            return
        self._timer = self._loop.call_later(self._door.settings.register_s, self.hang_up)

    def connection_lost(self, exc: Exception | None) -> None:
        """The call is over."""
        self._transport = None
        if self._timer is not None:
            self._timer.cancel()
        self._door.left(self)
        if self.link is not None:
            self.link.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes came in."""
        self._heard_at = self._loop.time()
        self._buffer += data
        self.hear()

    def hang_up(self) -> None:
        """Ends the call at once."""
        if self._transport is not None:
            self._transport.abort()

    def send(self, data: bytes) -> None:
        """Says something that is no request."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def enter(self, name: str, link: Link) -> bool:
        """The unit has said who it is. False, and the call is over, when it may not come in."""
        gateway = self._door.gateway_for(name, self._listener)
        if gateway is None or self._transport is None or self._transport.is_closing():
            self.hang_up()
            return False
        self.gateway, self.link = gateway, link
        link.connection_made(self._transport)
        self._since = self._loop.time()
        self._door.arrived(self, gateway)
        self._watch()
        return True

    def _watch(self) -> None:
        """Hangs up when nothing was heard for too long, or when nobody wants this unit here."""
        if self._timer is not None:
            self._timer.cancel()
        now = self._loop.time()
        left_s = self._heard_at + self._door.settings.idle_s - now
        if not self.taken:
            left_s = min(left_s, self._since + UNSERVED_S - now)
        if left_s <= 0:
            self.hang_up()
        else:
            self._timer = self._loop.call_later(left_s, self._watch)


class DtuCaller(Caller):
    """A transparent unit: it registers once or with every packet, and puts heartbeats anywhere."""

    _settled = False

    def hear(self) -> None:
        """Who it is, and from then on everything is the link's."""
        if self.link is None and not self._register():
            return
        data = bytes(self._buffer)
        self._buffer.clear()
        if data and self.link is not None:
            self.link.data_received(data)

    def _register(self) -> bool:
        registration = self._listener.registration
        found = registration.find(bytes(self._buffer)) if registration is not None else None
        if found is None:
            if len(self._buffer) > LONGEST_REGISTRATION:
                self.hang_up()
            return False
        name, said, rest = found
        if not rest and not self._settled:
            self._settled = True
            self._loop.call_later(SETTLE_S, self.hear)
            return False
        self._buffer[:] = rest
        return self.enter(name, DtuLink((*self._listener.heartbeats, said)))


class AcrelCaller(Caller):
    """A meter with its own modem, in Acrel's envelope."""

    def hear(self) -> None:
        """Answers what asks for an answer; hands what comes from the bus to the link."""
        for envelope in acrel_4g.cut(self._buffer):
            if self.link is None:
                self._register(envelope)
            else:
                self._registered(envelope, self.link)

    def _register(self, envelope: Envelope) -> None:
        if envelope.command != acrel_4g.REGISTER:
            return
        if self.enter(acrel_4g.serial_in(envelope.body), AcrelLink()):
            self.send(acrel_4g.put(acrel_4g.REGISTER))

    def _registered(self, envelope: Envelope, link: Link) -> None:
        if envelope.command == acrel_4g.DOWNLINK:
            link.data_received(envelope.body)
        elif envelope.command == acrel_4g.TIME:
            self.send(acrel_4g.put(acrel_4g.TIME, acrel_4g.time_body(self._listener.now())))
        elif envelope.command in (acrel_4g.REGISTER, acrel_4g.UPLOAD):
            # What it uploads by itself is read anew when its turn comes; unacknowledged it would be sent for ever.
            self.send(acrel_4g.put(envelope.command))
