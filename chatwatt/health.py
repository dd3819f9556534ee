"""Health and metrics. Liveness says that the loop turns; readiness is a loop over pings."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from prepaid.domain.errors import Trouble

PING_S_MAX = 2.0

Ping = Callable[[], Awaitable[object]]


def routes(pings: Mapping[str, Ping]) -> list[web.RouteDef]:
    """`/healthz`, `/readyz` and `/metrics`."""

    async def ready(_request: web.Request) -> web.Response:
        states = dict(zip(pings, await asyncio.gather(*(_state(ping) for ping in pings.values())), strict=True))
        status = 200 if all(state == "ok" for state in states.values()) else 503
        return web.json_response(states, status=status)

    return [web.get("/healthz", _alive), web.get("/readyz", ready), web.get("/metrics", _metrics)]


async def _alive(_request: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})


async def _metrics(_request: web.Request) -> web.Response:
    return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})


async def _state(ping: Ping) -> str:
    try:
        async with asyncio.timeout(PING_S_MAX):
            await ping()
    except (Trouble, OSError, TimeoutError):
        return "unreachable"
    return "ok"
