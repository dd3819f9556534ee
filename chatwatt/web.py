"""The web server: one aiohttp application that the doors hang their routes on.

What a door says of security in its headers holds; where it says nothing the strictest does, so that a page that is
new, an error and a file that is not there are safe without anybody thinking of it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web

from prepaid.domain.errors import Refused

BODY_BYTES_MAX = 256 * 1024
SHUTDOWN_S = 5.0
STRICTEST: Final[Mapping[str, str]] = {
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def application(routes: Iterable[web.AbstractRouteDef]) -> web.Application:
    """The routes, a bound on what is sent to them, and headers for all that they answer."""
    app = web.Application(client_max_size=BODY_BYTES_MAX)
    app.add_routes(routes)
    app.on_response_prepare.append(_guard)
    return app


@asynccontextmanager
async def serve(routes: Iterable[web.AbstractRouteDef], *, host: str, port: int) -> AsyncIterator[int]:
    """Serves until the context ends; yields the port. Requests under way are finished, within a bound.

    Raises `Refused("refused.port_taken")` when somebody listens there.
    """
    runner = web.AppRunner(application(routes), access_log=None, shutdown_timeout=SHUTDOWN_S, handle_signals=False)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port, reuse_port=False)
        try:
            await site.start()
        except OSError:
            raise Refused("refused.port_taken", port=port) from None
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


async def _guard(_request: web.Request, response: web.StreamResponse) -> None:
    for name, value in STRICTEST.items():
        response.headers.setdefault(name, value)
