"""The door for payment notifications: bound what comes in, verify it, keep it, and only then say yes (M7, A4).

No business rule lives here. Input that is not believed gets a 4xx and changes nothing; a store in doubt gets a 503, so
that the provider sends again. WeChat Pay takes a 200 or 204 without a body within 5 s for a yes; Alipay wants a word.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import aiohttp
import structlog
from aiohttp import web

from payments.metrics import NOTIFICATIONS
from payments.problems import NotificationProblem, SignatureKind
from payments.receivers import AcknowledgingReceiver, NotificationReceiver
from prepaid.domain.errors import Trouble
from prepaid.ports import Business, InboxRow
from prepaid.usecases.take_notification import take_notification

log = structlog.get_logger()

PATH = "/notify/{provider}"
BODY_BYTES_MAX = 64 * 1024
READ_S_MAX = 5.0
KEEP_S_MAX = 4.5
AT_ONCE_MAX = 1000

_EXPECTED = frozenset({SignatureKind.PROBE.value, SignatureKind.UNKNOWN_SERIAL.value})
"""Providers test now and then whether we verify, also with a key that nobody knows: counted apart, nobody is woken."""


def routes(
    business: Business,
    receivers: Mapping[str, NotificationReceiver],
    *,
    read_s_max: float = READ_S_MAX,
    keep_s_max: float = KEEP_S_MAX,
    at_once_max: int = AT_ONCE_MAX,
) -> list[web.RouteDef]:
    """The routes to add to the program's application; `receivers` by the name in the path."""
    door = _Door(business, receivers, read_s_max, keep_s_max, at_once_max)
    return [web.post(PATH, door.handle)]


class _Door:
    def __init__(
        self,
        business: Business,
        receivers: Mapping[str, NotificationReceiver],
        read_s_max: float,
        keep_s_max: float,
        at_once_max: int,
    ) -> None:
        self._business = business
        self._receivers = receivers
        self._read_s_max = read_s_max
        self._keep_s_max = keep_s_max
        self._room = at_once_max

    async def handle(self, request: web.Request) -> web.Response:
        """One notification from its bytes to its answer."""
        provider = request.match_info["provider"]
        receiver = self._receivers.get(provider)
        if receiver is None:
            return _no("unknown", "unknown_provider", 404)
        if self._room <= 0:
            return _no(provider, "busy", 503)
        self._room -= 1
        try:
            return await self._take(request, provider, receiver)
        finally:
            self._room += 1

    async def _take(self, request: web.Request, provider: str, receiver: NotificationReceiver) -> web.Response:
        raw = await self._read(request, provider)
        if isinstance(raw, web.Response):
            return raw
        try:
            row = receiver.read_notification(request.headers, raw)
        except NotificationProblem as problem:
            return _no(provider, problem.reason, problem.status)
        return await self._keep(provider, receiver, row)

    async def _read(self, request: web.Request, provider: str) -> bytes | web.Response:
        """The body as it travelled, or the answer to one that is too long, too slow, packed or broken off."""
        if request.headers.get("Content-Encoding", "identity").lower() != "identity":
            return _no(provider, "packed", 415)
        if (request.content_length or 0) > BODY_BYTES_MAX:
            return _no(provider, "too_large", 413)
        body = bytearray()
        try:
            async with asyncio.timeout(self._read_s_max):
                async for chunk in request.content.iter_any():
                    body += chunk
                    if len(body) > BODY_BYTES_MAX:
                        return _no(provider, "too_large", 413)
        except TimeoutError:
            return _no(provider, "too_slow", 408)
        except (aiohttp.ClientError, aiohttp.http_exceptions.HttpProcessingError, web.RequestPayloadError, OSError):
            return _no(provider, "broken_off", 400)
        return bytes(body)

    async def _keep(self, provider: str, receiver: NotificationReceiver, row: InboxRow) -> web.Response:
        try:
            async with asyncio.timeout(self._keep_s_max):
                new = await take_notification(self._business, row)
        except (Trouble, TimeoutError):
            # Kept or not, we cannot say so: the provider repeats it, and a row is kept once.
            return _no(provider, "store", 503)
        NOTIFICATIONS.labels(provider, "kept" if new else "duplicate").inc()
        if new:
            log.info("notification_kept", provider=provider, row=row.id, kind=row.kind)
        return _yes(receiver)


def _yes(receiver: NotificationReceiver) -> web.Response:
    if isinstance(receiver, AcknowledgingReceiver):
        return web.Response(body=receiver.acknowledgement, content_type="text/plain")
    return web.Response(status=204)


def _no(provider: str, reason: str, status: int) -> web.Response:
    """A no that the provider understands; the reason is a fixed word, never something that was sent."""
    NOTIFICATIONS.labels(provider, reason).inc()
    say = log.info if reason in _EXPECTED else log.warning
    say("notification_refused", provider=provider, reason=reason)
    return web.json_response({"code": "FAIL", "message": reason}, status=status)
