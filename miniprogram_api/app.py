"""All routes of the door, for the program's web server."""

from __future__ import annotations

import re
from typing import Final

from aiohttp import web

from miniprogram_api import guide
from miniprogram_api.contract import ROOT, Route
from miniprogram_api.door import Door
from miniprogram_api.openapi import contract_text
from miniprogram_api.parts import Parts
from miniprogram_api.reading import READ_S_MAX
from miniprogram_api.routes import ROUTES
from prepaid.domain.errors import Refused

ALLOWED_HEADERS: Final = "Authorization, Content-Type, Accept-Language, Idempotency-Key, If-None-Match, X-Request-Id"
PREFLIGHT_S: Final = "600"
_NAME: Final = re.compile(r"\{\w+\}")


def routes(parts: Parts, *, read_s_max: float = READ_S_MAX) -> list[web.RouteDef]:
    """The API under `/api/v1`, its contract, and the page to read it."""
    door = Door(parts, read_s_max=read_s_max)
    text = contract_text(ROUTES)

    async def contract(_request: web.Request) -> web.Response:
        return web.Response(body=text, content_type="application/json", headers={"Cache-Control": "max-age=300"})

    served = [web.route(route.method, ROOT + route.path, door.handler(route), name=route.name) for route in ROUTES]
    rest = _Rest(door, parts)
    return [
        *served,
        web.get(f"{ROOT}/openapi.json", contract),
        *guide.routes(parts.phones),
        web.route("*", f"{ROOT}/{{rest:.*}}", rest.handle),
    ]


class _Rest:
    """What no route answers: preflights, other methods, and paths that are not there."""

    def __init__(self, door: Door, parts: Parts) -> None:
        self._door = door
        self._parts = parts
        self._methods: dict[re.Pattern[str], set[str]] = {}
        for route in ROUTES:
            self._methods.setdefault(_pattern(route), set()).add(route.method)

    async def handle(self, request: web.Request) -> web.Response:
        """Says no in the way of all other answers."""
        methods = self._allowed(request.path)
        if request.method == "OPTIONS" and methods:
            return self._preflight(request, methods)
        answer = await self._door.guarded(request, lambda: _no(found=bool(methods)))
        if methods:
            answer.headers["Allow"] = ", ".join(sorted({*methods, "OPTIONS"}))
        return answer

    def _allowed(self, path: str) -> set[str]:
        return {each for pattern, methods in self._methods.items() if pattern.match(path) for each in methods}

    def _preflight(self, request: web.Request, methods: set[str]) -> web.Response:
        answer = web.Response(status=204, headers={"Allow": ", ".join(sorted({*methods, "OPTIONS"}))})
        if request.headers.get("Origin", "") in self._parts.origins:
            answer.headers["Access-Control-Allow-Methods"] = ", ".join(sorted(methods))
            answer.headers["Access-Control-Allow-Headers"] = ALLOWED_HEADERS
            answer.headers["Access-Control-Max-Age"] = PREFLIGHT_S
        self._door.allow_origin(request, answer)
        answer.headers["Vary"] = "Origin"
        return answer


async def _no(*, found: bool) -> web.Response:
    raise Refused("refused.request_method" if found else "refused.request_path")


def _pattern(route: Route) -> re.Pattern[str]:
    return re.compile("^" + _NAME.sub("[^/]+", ROOT + route.path) + "$")
