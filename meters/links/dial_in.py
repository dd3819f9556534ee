"""The door for units that call us: a DTU or a meter with a modem dials in, says who it is, and is then a link like any.

A registration proves nothing: it is a few fixed bytes that anybody can send. So only units of known gateways are let
in, at the ports of their own organisation, so many an hour from one address, and a meter behind one is switched only
when its checks say that it is the right one (S11). A unit that dials in again takes over from its half-open self.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import structlog

from meters.links.caller import AcrelCaller, Caller, DtuCaller
from meters.links.errors import LinkDown
from meters.links.link import Link
from meters.links.registration import Registration
from prepaid.domain.errors import Refused
from prepaid.domain.metering import Gateway

log = structlog.get_logger()

AWAY_S = 20.0
"""So long after its call ended a unit still belongs here: it calls again, or its owner finds that it is lost."""
FIRST_CALL_S = 60.0
"""A unit that has not called so long after the start is missed."""
MOST_ADDRESSES = 10_000
MOST_STRANGERS = 256
BACKLOG = 1024
_KINDS = {"dtu": "dial_in", "acrel_4g": "acrel_4g"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """One port and who calls there."""

    port: int
    host: str = ""
    """Empty: every address of this machine."""
    kind: Literal["dtu", "acrel_4g"] = "dtu"
    registration: Registration | None = None
    """How a DTU says who it is. It may say so once or with every packet."""
    heartbeats: tuple[bytes, ...] = ()
    sites: frozenset[str] = frozenset()
    """Only units of these sites may call here; empty: of all."""
    tls: ssl.SSLContext | None = None
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    """The local time for meters that ask for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorSettings:
    """Limits of the door. Every wait has an end, and every crowd a size."""

    register_s: float = 10.0
    idle_s: float = 180.0
    """A unit that said nothing for so long is half-open: three heartbeats are the usual measure."""
    waiting_most: int = 200
    """Connections that have not said yet who they are."""
    calls_per_minute: int = 300
    """From one address. A mobile operator puts many units behind one."""


class DialIn:
    """The listeners of this process and the units that have called."""

    def __init__(self, listeners: Sequence[Listener], settings: DoorSettings | None = None) -> None:
        self.settings = settings or DoorSettings()
        self.ports: list[int] = []
        self.waiting: set[Caller] = set()
        self._listeners = listeners
        self._servers: list[asyncio.Server] = []
        self._callers: dict[str, Caller] = {}
        self._arrivals: dict[str, asyncio.Event] = {}
        self._left_at: dict[str, float] = {}
        self._called: set[str] = set()
        self._known: dict[str, Gateway] = {}
        self._strangers: set[str] = set()
        self._calls: Counter[str] = Counter()
        self._minute = -1
        self._loop = asyncio.get_running_loop()
        self._opened_at = self._loop.time()

    async def open(self) -> None:
        """Listens. Raises `Refused` for a port that cannot be had."""
        try:
            for listener in self._listeners:
                await self._listen(listener)
        except OSError as taken:
            await self.close()
            raise Refused("refused.dial_in_port", port=listener.port) from taken

    async def _listen(self, listener: Listener) -> None:
        make = AcrelCaller if listener.kind == "acrel_4g" else DtuCaller
        tls_s = self.settings.register_s if listener.tls else None
        server = await self._loop.create_server(
            lambda: make(self, listener),
            listener.host or None,
            listener.port,
            ssl=listener.tls,
            ssl_handshake_timeout=tls_s,
            backlog=BACKLOG,
        )
        self._servers.append(server)
        self.ports.append(server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Hangs up on everybody."""
        for server in self._servers:
            server.close()
        for caller in [*self.waiting, *self._callers.values()]:
            caller.hang_up()
        for server in self._servers:
            await server.wait_closed()

    def know(self, gateways: Iterable[Gateway]) -> None:
        """Who may call from now on. Two gateways of one name are both refused: nobody could tell which one calls."""
        calling = [gateway for gateway in gateways if gateway.transport in _KINDS.values()]
        names = Counter(_name(gateway) for gateway in calling)
        self._known = {_name(gateway): gateway for gateway in calling if names[_name(gateway)] == 1}
        allowed = {gateway.id: gateway for gateway in self._known.values()}
        for gateway_id, caller in list(self._callers.items()):
            if allowed.get(gateway_id) != caller.gateway:
                caller.hang_up()

    def serves(self, gateway_id: str) -> bool:
        """Whether this process is the one to own the unit: it has called here and not left for long.

        One that has called nowhere is owned for a while too, so that somebody finds it missing.
        """
        now = self._loop.time()
        if gateway_id in self._callers or now - self._left_at.get(gateway_id, float("-inf")) < AWAY_S:
            return True
        open_s = now - self._opened_at
        return gateway_id not in self._called and FIRST_CALL_S <= open_s < FIRST_CALL_S + AWAY_S

    async def link(self, gateway_id: str, *, timeout_s: float) -> Link:
        """The link of the unit, as soon as it calls. Raises `LinkDown` when it does not."""
        caller = self._callers.get(gateway_id)
        if caller is None:
            arrival = self._arrivals.setdefault(gateway_id, asyncio.Event())
            try:
                async with asyncio.timeout(timeout_s):
                    await arrival.wait()
            except TimeoutError as away:
                raise LinkDown from away
            caller = self._callers.get(gateway_id)
        if caller is None or caller.link is None:
            raise LinkDown
        caller.taken = True
        return caller.link

    # What callers tell.

    def admits(self, caller: Caller) -> bool:
        """Whether somebody may even say who they are."""
        minute = int(self._loop.time() // 60)
        if minute != self._minute:
            self._minute = minute
            self._calls.clear()
        crowded = len(self._calls) >= MOST_ADDRESSES and caller.address not in self._calls
        if crowded or len(self.waiting) >= self.settings.waiting_most:
            return False
        self._calls[caller.address] += 1
        if self._calls[caller.address] > self.settings.calls_per_minute:
            return False
        self.waiting.add(caller)
        return True

    def gateway_for(self, name: str, listener: Listener) -> Gateway | None:
        """Whose unit this is; None for one that may not call here."""
        gateway = self._known.get(name)
        right = gateway is not None and gateway.transport == _KINDS[listener.kind]
        if gateway is not None and right and (not listener.sites or gateway.site_id in listener.sites):
            return gateway
        if name not in self._strangers and len(self._strangers) < MOST_STRANGERS:
            self._strangers.add(name)
            log.warning("dial_in_stranger", unit=name, port=listener.port, known=gateway is not None)
        return None

    def arrived(self, caller: Caller, gateway: Gateway) -> None:
        """A unit said who it is. The new way is open before the old one is closed."""
        self.waiting.discard(caller)
        old = self._callers.get(gateway.id)
        self._callers[gateway.id] = caller
        self._called.add(gateway.id)
        if old is not None:
            log.info("dial_in_again", gateway=gateway.id)
            old.hang_up()
        arrival = self._arrivals.pop(gateway.id, None)
        if arrival is not None:
            arrival.set()

    def left(self, caller: Caller) -> None:
        """A call is over."""
        self.waiting.discard(caller)
        gateway = caller.gateway
        if gateway is not None and self._callers.get(gateway.id) is caller:
            del self._callers[gateway.id]
            self._left_at[gateway.id] = self._loop.time()


def _name(gateway: Gateway) -> str:
    return gateway.options.caller_id or gateway.id
