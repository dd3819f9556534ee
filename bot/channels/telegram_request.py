"""Carries Bot API calls over aiohttp, so that the library's own HTTP client, which logs the token, is never used.

The token is part of every URL. Whatever aiohttp says about a failure may hold that URL, so only the kind of failure
leaves this module, without its cause (A7).
"""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import urlencode

import aiohttp
from telegram._utils.types import ODVInput
from telegram.error import NetworkError, TelegramError, TimedOut
from telegram.request import BaseRequest, RequestData

MAX_ANSWER_BYTES = 6 * 1024 * 1024
"""A full batch of a hundred long messages stays well below this, and so does any file that is taken."""
TOO_MANY_REQUESTS = 429
LONGEST_PAUSE_S = 3600


class Flooded(TelegramError):
    """Telegram asks for silence. Raised here because the library's own class warns when it is made."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__("Too Many Requests")
        self.retry_after_s = retry_after_s


class AiohttpRequest(BaseRequest):
    """One connection pool. `timeout_s` bounds a whole call unless the call brings its own bound."""

    __slots__ = ("_connections", "_proxy", "_session", "_timeout_s")

    def __init__(self, *, timeout_s: float = 10.0, connections: int = 32, proxy: str | None = None) -> None:
        self._timeout_s = timeout_s
        self._connections = connections
        self._proxy = proxy
        self._session: aiohttp.ClientSession | None = None

    @property
    def read_timeout(self) -> float:
        """Seconds that a call may take when it does not say."""
        return self._timeout_s

    async def initialize(self) -> None:
        """Opens the pool."""
        if self._session is None or self._session.closed:
            connector = aiohttp.TCPConnector(limit=self._connections)
            self._session = aiohttp.ClientSession(connector=connector)

    async def shutdown(self) -> None:
        """Closes the pool."""
        if self._session is not None:
            await self._session.close()

    async def do_request(  # noqa: PLR0917  the library's signature
        self,
        url: str,
        method: str,
        request_data: RequestData | None = None,
        read_timeout: ODVInput[float] = BaseRequest.DEFAULT_NONE,
        write_timeout: ODVInput[float] = BaseRequest.DEFAULT_NONE,  # noqa: ARG002  the library's signature
        connect_timeout: ODVInput[float] = BaseRequest.DEFAULT_NONE,  # noqa: ARG002  the same
        pool_timeout: ODVInput[float] = BaseRequest.DEFAULT_NONE,  # noqa: ARG002  the same
    ) -> tuple[int, bytes]:
        """Makes one call within its bound. Raises `TimedOut`, `NetworkError` or `Flooded`; none holds the URL."""
        bound_s = read_timeout if isinstance(read_timeout, int | float) else self._timeout_s
        trouble: TelegramError
        try:
            async with asyncio.timeout(bound_s):
                status, body = await self._exchange(url, method, request_data)
        except TimeoutError:
            trouble = TimedOut("no answer in time")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            trouble = NetworkError(type(error).__name__)
        else:
            if status == TOO_MANY_REQUESTS:
                raise Flooded(_retry_after_s(body))
            return status, body
        # Raised outside the handler, so that the original, which may hold the URL, is not chained to it.
        raise trouble

    async def _exchange(self, url: str, method: str, request_data: RequestData | None) -> tuple[int, bytes]:
        if self._session is None:
            raise NetworkError("not open")
        data, headers = _body(request_data) if request_data is not None else (None, {})
        # The time limit is the caller's: one bound for connecting, sending and reading together.
        limit = aiohttp.ClientTimeout(total=None, sock_connect=None)
        async with self._session.request(
            method, url, data=data, headers=headers, timeout=limit, proxy=self._proxy
        ) as response:
            return response.status, await _read_bounded(response)

    @staticmethod
    def parse_json_payload(payload: bytes) -> dict[str, Any]:
        """Reads an answer. Unlike the library's own, it never logs what it could not read."""
        try:
            parsed = json.loads(payload.decode("utf-8", "replace"))
        except ValueError:
            parsed = None
        if not isinstance(parsed, dict):
            raise NetworkError("unreadable answer")
        return parsed


def _body(request_data: RequestData) -> tuple[aiohttp.FormData | bytes, dict[str, str]]:
    if not request_data.contains_files:
        # Written here and not by aiohttp's form, which takes twice as long for the same bytes.
        return urlencode(request_data.json_parameters).encode(), {"Content-Type": "application/x-www-form-urlencoded"}
    form = aiohttp.FormData()
    for name, value in request_data.json_parameters.items():
        form.add_field(name, value)
    for name, (filename, content, mime) in request_data.multipart_data.items():
        form.add_field(name, content, filename=filename, content_type=mime)
    return form, {}


async def _read_bounded(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_chunked(65536):
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            raise NetworkError("answer too long")
    return bytes(body)


def _retry_after_s(body: bytes) -> int:
    try:
        asked = json.loads(body)["parameters"]["retry_after"]
        return max(1, min(int(asked), LONGEST_PAUSE_S))
    except (ValueError, KeyError, TypeError):
        return 1
