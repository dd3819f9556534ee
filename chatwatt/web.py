"""The web server: one aiohttp application that the doors hang their routes on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from aiohttp import web

from prepaid.domain.errors import Refused

BODY_BYTES_MAX = 256 * 1024
SHUTDOWN_S = 5.0


@asynccontextmanager
async def serve(routes: Iterable[web.AbstractRouteDef], *, host: str, port: int) -> AsyncIterator[int]:
    """Serves until the context ends; yields the port. Requests under way are finished, within a bound.

    Raises `Refused("refused.port_taken")` when somebody listens there.
    """
    app = web.Application(client_max_size=BODY_BYTES_MAX)
    app.add_routes(routes)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_S, handle_signals=False)
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
