"""Carries calls to WeChat over aiohttp, every one bounded. The URL holds a token, so it never leaves here (A7)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

from prepaid.domain.errors import Trouble, TryAgain, Unknown

API = "https://api.weixin.qq.com"
MAX_ANSWER_BYTES = 1024 * 1024
MAX_MEDIA_BYTES = 6 * 1024 * 1024
"""More than is taken of any picture, so that too large a one is told by its size and not as trouble."""
CONNECTIONS = 32
_WORDS = frozenset({"application/json", "text/plain", "text/json"})
OK_BELOW = 300
TOO_MANY = 429


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file that goes as a form's field named "media"."""

    name: str
    content_type: str
    content: bytes


Payload = Mapping[str, Any] | Upload | None


class WeChatHttp:
    """One connection pool. `timeout_s` bounds a whole call."""

    def __init__(self, *, base_url: str = API, timeout_s: float = 5.0, proxy: str | None = None) -> None:
        self.base_url = base_url.rstrip("/")
        self._timeout_s = timeout_s
        self._proxy = proxy
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Opens the pool."""
        if self._session is None or self._session.closed:
            connector = aiohttp.TCPConnector(limit=CONNECTIONS)
            self._session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())

    async def close(self) -> None:
        """Closes the pool."""
        if self._session is not None:
            await self._session.close()

    async def call(
        self, path: str, payload: Payload, *, query: Mapping[str, str] | None = None, repeatable: bool
    ) -> dict[str, Any]:
        """The answer as it came; without a payload the call is a GET.

        Raises `TryAgain` when nothing can have happened, `Unknown` when it may have.
        `repeatable` says that the call may be made twice without harm, so that `Unknown` is `TryAgain` too.
        """
        await self.open()
        trouble: Trouble
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._exchange(path, payload, query or {})
        except aiohttp.ClientConnectorError as error:
            trouble = TryAgain("try_again.channel", kind=type(error).__name__)
        except (aiohttp.ClientError, OSError, ValueError, TimeoutError) as error:
            kind = type(error).__name__
            trouble = TryAgain("try_again.channel", kind=kind) if repeatable else Unknown("unknown.channel", kind=kind)
        # Raised outside the handler, so that the original, which may hold the URL, is not chained to it.
        raise trouble

    async def fetch(self, path: str, *, query: Mapping[str, str], within_s: float) -> dict[str, Any] | bytes:
        """Bytes, or the answer that there are none. Raises `TryAgain`."""
        await self.open()
        trouble: Trouble
        try:
            async with asyncio.timeout(within_s):
                return await self._media(path, query)
        except (aiohttp.ClientError, OSError, ValueError, TimeoutError) as error:
            trouble = TryAgain("try_again.file", kind=type(error).__name__)
        # Raised outside the handler, for the same reason.
        raise trouble

    async def _media(self, path: str, query: Mapping[str, str]) -> dict[str, Any] | bytes:
        if self._session is None:
            raise ValueError("not open")
        async with self._session.get(
            f"{self.base_url}{path}",
            params=query,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            allow_redirects=False,
            proxy=self._proxy,
        ) as response:
            if response.status >= OK_BELOW:
                raise ValueError("server trouble")
            if response.content_type in _WORDS:
                # A film comes as an address and a refusal as a number; a picture comes as itself.
                return _answer(await _read_bounded(response, MAX_ANSWER_BYTES))
            return await _read_bounded(response, MAX_MEDIA_BYTES)

    async def _exchange(self, path: str, payload: Payload, query: Mapping[str, str]) -> dict[str, Any]:
        if self._session is None:
            raise ValueError("not open")
        body, headers = _body(payload)
        async with self._session.request(
            "GET" if body is None else "POST",
            f"{self.base_url}{path}",
            data=body,
            params=query,
            headers=headers,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            allow_redirects=False,
            proxy=self._proxy,
        ) as response:
            if response.status == TOO_MANY:
                raise TryAgain("try_again.channel", kind="TooMany")
            if response.status >= OK_BELOW:
                # WeChat says no with 200 and a number, so this is somebody before it: what it says is no answer.
                raise ValueError("server trouble")
            return _answer(await _read_bounded(response, MAX_ANSWER_BYTES))


def _body(payload: Payload) -> tuple[bytes | aiohttp.FormData | None, dict[str, str]]:
    if payload is None:
        return None, {}
    if isinstance(payload, Upload):
        form = aiohttp.FormData()
        form.add_field("media", payload.content, filename=payload.name, content_type=payload.content_type)
        return form, {}
    # WeChat shows \u escapes to people as they stand, so the letters themselves are sent.
    body = json.dumps(payload, ensure_ascii=False).encode()
    return body, {"Content-Type": "application/json; charset=utf-8"}


async def _read_bounded(response: aiohttp.ClientResponse, most_bytes: int) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_chunked(65536):
        body += chunk
        if len(body) > most_bytes:
            raise ValueError("answer too long")
    return bytes(body)


def _answer(body: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except (UnicodeDecodeError, RecursionError):
        raise ValueError("unreadable answer") from None
    if not isinstance(answer, dict):
        raise ValueError("unreadable answer")  # noqa: TRY004 - one kind of unreadable for the caller
    return answer
