"""Carries signed requests to WeChat Pay and believes only signed answers.

What can be told apart is told apart: no connection means that nothing happened, anything unclear after sending means
that it may have happened. A 4xx is WeChat Pay's "no", with its code; bodies and messages are never passed on.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias, TypeVar
from urllib.parse import urlsplit

import aiohttp
import structlog
from yarl import URL

from payments.metrics import CALLS
from payments.problems import FormatProblem, NotificationProblem
from payments.providers.wechat_pay_config import WeChatPayConfig
from payments.providers.wechat_pay_crypto import Signer, Verifier, load_private_key
from payments.providers.wechat_pay_notification import NAME
from payments.strict_json import parse_object
from prepaid.domain.errors import TryAgain, Unknown
from prepaid.ports import Clock

log = structlog.get_logger()

ANSWER_BYTES_MAX = 64 * 1024
FILE_BYTES_MAX = 64 * 1024 * 1024
FILE_S_MAX = 120.0
CONNECT_S_MAX = 3.0
CONNECTIONS_MAX = 20
USER_AGENT = f"chatwatt aiohttp/{aiohttp.__version__}"

Check = Callable[[Mapping[str, str], bytes], None]
"""Raises `NotificationProblem` unless the answer with these headers and this body is believed."""

T = TypeVar("T")
Read: TypeAlias = Callable[[aiohttp.ClientResponse], Awaitable[T]]

_CODE = re.compile(r"[A-Z0-9_]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Answer:
    """A verified 2xx with its body, or a 4xx with its code."""

    status: int
    body: bytes = b""
    code: str | None = None


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    target: str
    body: bytes
    timeout: aiohttp.ClientTimeout


class WeChatPayLink:
    """One merchant's connections. Made anywhere, used in one event loop, closed at the end."""

    def __init__(self, config: WeChatPayConfig, clock: Clock, verifier: Verifier) -> None:
        self._clock = clock
        self._verifier = verifier
        self._signer = Signer(
            mchid=config.mchid,
            serial=config.merchant_serial,
            key=load_private_key(config.merchant_private_key_pem),
        )
        self._bases = [url for url in (config.base_url, config.backup_url) if url is not None]
        self._asks_with = config.asks_with
        self._timeout = aiohttp.ClientTimeout(total=config.timeout_s, connect=min(CONNECT_S_MAX, config.timeout_s / 2))
        self._session: aiohttp.ClientSession | None = None

    async def aclose(self) -> None:
        """Closes the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    @property
    def signer(self) -> Signer:
        """Signs as the merchant."""
        return self._signer

    async def call(
        self, operation: str, method: str, target: str, body: bytes = b"", *, check: Check | None = None
    ) -> Answer:
        """One request. Raises `TryAgain` if nothing happened, `Unknown` if it may have happened."""
        believed = check or self._believed

        async def read(response: aiohttp.ClientResponse) -> Answer:
            return _judge(response, await _read(response, ANSWER_BYTES_MAX), believed)

        answer = await self._counted(operation, self._any_base(_Request(method, target, body, self._timeout), read))
        CALLS.labels(NAME, operation, "refused" if answer.code else "answered").inc()
        return answer

    async def download(self, target: str) -> bytes:
        """A file. Its answer carries no seal, so the caller compares a digest that came under one."""

        async def read(response: aiohttp.ClientResponse) -> bytes:
            if response.status != 200:  # noqa: PLR2004
                raise _unknown(f"http_{response.status // 100}xx")
            return await _read(response, FILE_BYTES_MAX)

        timeout = aiohttp.ClientTimeout(total=FILE_S_MAX, connect=self._timeout.connect)
        raw = await self._counted("download", self._any_base(_Request("GET", target, b"", timeout), read))
        CALLS.labels(NAME, "download", "answered").inc()
        return raw

    async def _counted(self, operation: str, sending: Awaitable[T]) -> T:
        try:
            return await sending
        except (TryAgain, Unknown) as trouble:
            why = str(trouble.params.get("why", ""))
            CALLS.labels(NAME, operation, why).inc()
            log.warning("provider_call_failed", provider=NAME, operation=operation, why=why)
            raise

    async def _any_base(self, wanted: _Request, read: Read[T]) -> T:
        """The backup domain is only asked when no connection was made, so nothing is ever sent twice."""
        for base in self._bases:
            try:
                return await self._send(base, wanted, read)
            except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
                continue
            except TimeoutError:
                raise _unknown("timeout") from None
            except aiohttp.ClientError:
                raise _unknown("broken_off") from None
        raise TryAgain("try_again.provider", provider=NAME, why="unreachable")

    async def _send(self, base: str, wanted: _Request, read: Read[T]) -> T:
        # The signature covers path and query as they travel, so the URL must not be encoded a second time.
        signed_target = urlsplit(base).path + wanted.target
        request = self._ensure_session().request(
            wanted.method,
            URL(base + wanted.target, encoded=True),
            data=wanted.body or None,
            headers=self._headers(wanted.method, signed_target, wanted.body),
            allow_redirects=False,
            timeout=wanted.timeout,
        )
        async with request as response:
            return await read(response)

    def _headers(self, method: str, target: str, body: bytes) -> dict[str, str]:
        now_s = int(self._clock.now().timestamp())
        headers = {
            "Accept": "application/json",
            "Accept-Encoding": "identity",  # Signatures cover the plain body, and nothing can swell after the limit.
            "Authorization": self._signer.authorization(method, target, body, now_s=now_s),
            "Content-Type": "application/json",
            "User-Agent": USER_AGENT,
        }
        if self._asks_with is not None:
            headers["Wechatpay-Serial"] = self._asks_with
        return headers

    def _ensure_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=self._timeout,
                connector=aiohttp.TCPConnector(limit=CONNECTIONS_MAX),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session

    def _believed(self, headers: Mapping[str, str], body: bytes) -> None:
        self._verifier.check(headers, body, now_s=self._clock.now().timestamp())


def _judge(response: aiohttp.ClientResponse, body: bytes, believed: Check) -> Answer:
    if response.status in range(200, 300):
        try:
            believed(response.headers, body)
        except NotificationProblem as problem:
            raise _unknown(problem.reason) from None
        return Answer(response.status, body)
    if response.status == 429:  # noqa: PLR2004
        raise TryAgain("try_again.provider", provider=NAME, why="busy")
    code = _code(body)
    if response.status in range(400, 500) and code is not None:
        return Answer(response.status, code=code)
    raise _unknown(f"http_{response.status // 100}xx")


async def _read(response: aiohttp.ClientResponse, bytes_max: int) -> bytes:
    """The raw body, unless it is longer than any real answer."""
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > bytes_max:
            response.close()
            raise _unknown("too_large")
    return bytes(body)


def _code(body: bytes) -> str | None:
    """WeChat Pay's own error code; an error page of a proxy has none."""
    try:
        code = parse_object(body).get("code")
    except FormatProblem:
        return None
    return code if isinstance(code, str) and _CODE.fullmatch(code) else None


def _unknown(why: str) -> Unknown:
    return Unknown("unknown.provider", provider=NAME, why=why)
