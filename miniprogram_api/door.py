"""One way for every request: its id, its limits, who asks, what for; then the route, and the answer or the problem.

No business rule lives here, and no right is judged here: routes hand the actor to use cases (A8).
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import structlog
from aiohttp import web
from pydantic import BaseModel

from miniprogram_api import reading, replies
from miniprogram_api.contract import Ask, Blob, Route
from miniprogram_api.metrics import REQUESTS
from miniprogram_api.parts import Parts
from miniprogram_api.problems import Bad, respond
from prepaid.domain.errors import InvariantBroken, Refused, Trouble, TryAgain, Unknown
from prepaid.usecases.log_in import LoggedIn, who_is

log = structlog.get_logger()

WORK_S_MAX: Final = 20.0
LATER: Final = 202
PER_PERSON: Final = 300
PER_ADDRESS: Final = 600
OPEN_PER_ADDRESS: Final = 60
"""Requests a minute. Behind one address may be a whole building."""
HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Strict-Transport-Security": "max-age=31536000",
    "Vary": "Accept-Language, Authorization, Origin",
}
_REQUEST_ID: Final = re.compile(r"^[0-9A-Za-z-]{8,64}$")
_BEARER: Final = re.compile(r"^Bearer ([0-9A-Za-z._~+/=-]{1,400})$", re.ASCII)


class Door:
    """Handlers for aiohttp, one for each route."""

    def __init__(self, parts: Parts, *, read_s_max: float = reading.READ_S_MAX) -> None:
        self._parts = parts
        self._read_s_max = read_s_max

    def handler(self, route: Route) -> Callable[[web.Request], Awaitable[web.Response]]:
        """What aiohttp calls for a route."""

        async def handle(request: web.Request) -> web.Response:
            answer = await self.guarded(request, lambda: self._work(route, request))
            REQUESTS.labels(route.name, str(answer.status)).inc()
            return answer

        return handle

    async def guarded(self, request: web.Request, work: Callable[[], Awaitable[web.Response]]) -> web.Response:
        """The answer of `work`, or the problem that it ran into, with the headers of every answer."""
        request_id = _request_id(request)
        language = self.language(request)
        try:
            answer = await work()
        except Trouble as trouble:
            errors = trouble.errors if isinstance(trouble, Bad) else ()
            answer = respond(self._parts.words, language, trouble, request_id, errors=errors)
        except InvariantBroken:
            log.exception("api_bug", request=request_id)
            answer = respond(self._parts.words, language, Refused("refused.our_mistake"), request_id, status=500)
        answer.headers["X-Request-Id"] = request_id
        for name, value in HEADERS.items():
            answer.headers.setdefault(name, value)
        self.allow_origin(request, answer)
        return answer

    def language(self, request: web.Request) -> str:
        """The first language that the caller accepts and we have."""
        return accepted(request.headers.get("Accept-Language", ""), self._parts)

    def allow_origin(self, request: web.Request, answer: web.Response) -> None:
        """Lets a page elsewhere read the answer, if the operator named it."""
        origin = request.headers.get("Origin", "")
        if origin in self._parts.origins:
            answer.headers["Access-Control-Allow-Origin"] = origin
            answer.headers["Access-Control-Expose-Headers"] = "ETag, Retry-After, X-Request-Id"
            answer.headers["Cross-Origin-Resource-Policy"] = "cross-origin"

    async def _work(self, route: Route, request: web.Request) -> web.Response:
        address = address_of(request, self._parts.trusted_proxies)
        kind, per_minute = ("open", OPEN_PER_ADDRESS) if route.is_open else ("at", PER_ADDRESS)
        await self._take(f"api:{kind}:{address}", per_minute)
        caller = None if route.is_open else await self._caller(request)
        if caller is not None:
            await self._take(f"api:by:{caller.actor.id}", PER_PERSON)
        if route.takes:
            reading.check_type(request, route.takes)
        raw = b"" if route.is_read else await self._body(route, request)
        ask = Ask(
            parts=self._parts,
            caller=caller,
            path=dict(request.match_info),
            given_query=reading.query_of(request, route.query) if route.query else None,
            given_body=reading.body_of(request, route.body, raw) if route.body else None,
            language=self.language(request),
            address=address,
            file=raw if route.takes else b"",
        )
        if route.is_read or not route.keeps_reply or replies.HEADER not in request.headers:
            found = await self._answer(route, ask)
            return _response(route, request, found)
        return await self._once(route, request, ask, raw)

    async def _body(self, route: Route, request: web.Request) -> bytes:
        return await reading.read_body(request, read_s_max=self._read_s_max, bytes_max=route.bytes_max)

    async def _once(self, route: Route, request: web.Request, ask: Ask, raw: bytes) -> web.Response:
        """Under an idempotency key: done once, and answered alike each time (M15)."""
        owner = ask.caller.actor.id if ask.caller else f"{route.name}:{request.path}"
        # Of a file every byte counts, and not only those that are text; what is to become of it stands in the query.
        what = (request.path_qs, hashlib.sha256(raw).hexdigest()) if route.takes else (request.path, _text(raw))
        wish = "\n".join((route.method, *what))
        key = request.headers[replies.HEADER]
        async with replies.kept(ask.business, owner, key, wish, for_ever=route.money) as reply:
            if not reply.found:
                found = await self._answer(route, ask)
                reply.status, reply.body = _status(route, found), "" if found is None else found.model_dump_json()
            return _written(reply.status, reply.body)

    async def _answer(self, route: Route, ask: Ask) -> BaseModel | None:
        try:
            async with asyncio.timeout(WORK_S_MAX + route.waits_s):
                return await route.handle(ask)
        except TimeoutError:
            # A write may have been done all the same, so nobody is told that it was not.
            raise (TryAgain("try_again.general") if route.is_read else Unknown("unknown.general")) from None

    async def _caller(self, request: web.Request) -> LoggedIn:
        match = _BEARER.match(request.headers.get("Authorization", ""))
        if match is None:
            raise Refused("refused.token_missing")
        return await who_is(self._parts.business, match[1])

    async def _take(self, key: str, per_minute: int) -> None:
        wait_ms = await self._parts.limiter.take(key, per_minute=per_minute, burst=per_minute)
        if wait_ms:
            raise Refused("refused.request_rate", retry_after_ms=wait_ms)


def accepted(header: str, parts: Parts) -> str:
    """The language of an `Accept-Language`: what comes first in it and is ours, by what it says of preference."""
    wishes: list[tuple[float, int, str]] = []
    for place, each in enumerate(header.split(",")[:10]):
        code, _, rest = each.strip().partition(";")
        weight = re.fullmatch(r"\s*q=([01](?:\.\d{0,3})?)\s*", rest) if rest else None
        wishes.append((-float(weight[1]) if weight else -1.0, place, code))
    codes = [code for _, _, code in sorted(wishes) if code[:2].lower() in ("zh", "en")]
    return parts.words.language_for(codes[0] if codes else header.strip()[:10] or None)


def address_of(request: web.Request, trusted_proxies: int) -> str:
    """Where the request comes from. What a header says is believed only as far as our own proxies wrote it."""
    hops = [each.strip() for each in request.headers.get("X-Forwarded-For", "").split(",") if each.strip()]
    if trusted_proxies and len(hops) >= trusted_proxies:
        return hops[-trusted_proxies][:45]
    return request.remote or "unknown"


def etag_of(found: BaseModel, volatile: frozenset[str]) -> str:
    """A weak tag over what the answer says, without what changes with every look."""
    said = found.model_dump_json(exclude=set(volatile))
    return f'W/"{hashlib.sha256(said.encode()).hexdigest()[:32]}"'


def _response(route: Route, request: web.Request, found: BaseModel | None) -> web.Response:
    if isinstance(found, Blob):
        return _sent(found)
    status = _status(route, found)
    if found is None or not route.is_read or status == LATER:
        return _written(status, "" if found is None else found.model_dump_json())
    headers = {"Cache-Control": "private, no-cache", "ETag": etag_of(found, route.volatile)}
    if headers["ETag"] in [each.strip() for each in request.headers.get("If-None-Match", "").split(",")]:
        return web.Response(status=304, headers=headers)
    body = found.model_dump_json().encode()
    return web.Response(status=route.status, body=body, content_type="application/json", headers=headers)


def _sent(found: Blob) -> web.Response:
    """A file; its name is ours."""
    headers = {"Content-Disposition": f'attachment; filename="{found.name}"', "Cache-Control": "private, no-store"}
    return web.Response(body=found.content, content_type=found.media_type, headers=headers)


def _status(route: Route, found: BaseModel | None) -> int:
    return LATER if route.later is not None and isinstance(found, route.later) else route.status


def _written(status: int, body: str) -> web.Response:
    headers = {"Cache-Control": "no-store"}
    if status == LATER:
        headers["Location"] = json.loads(body)["url"]
    if not body:
        return web.Response(status=status, headers=headers)
    return web.Response(status=status, body=body.encode(), content_type="application/json", headers=headers)


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _request_id(request: web.Request) -> str:
    given = request.headers.get("X-Request-Id", "")
    return given if _REQUEST_ID.match(given) else secrets.token_hex(8)
