"""What a channel's server sends, read within bounds of size and time (Y3)."""

from __future__ import annotations

import asyncio

from aiohttp import web

CHUNK_BYTES = 16_384


async def read_body(request: web.Request, *, most_bytes: int, within_s: float) -> bytes:
    """The body. Raises 413 for one that is too long and 408 for one that dribbles."""
    body = bytearray()
    try:
        async with asyncio.timeout(within_s):
            async for chunk in request.content.iter_chunked(CHUNK_BYTES):
                body += chunk
                if len(body) > most_bytes:
                    raise web.HTTPRequestEntityTooLarge(most_bytes, len(body))
    except TimeoutError:
        raise web.HTTPRequestTimeout from None
    return bytes(body)
