"""Carries signed requests to Alipay's gateway and believes only signed answers.

What can be told apart is told apart: no connection means that nothing happened, anything unclear after sending means
that it may have happened. A refusal is passed on with its code; texts of answers never are.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

import aiohttp
import structlog
from yarl import URL

from payments.metrics import CALLS
from payments.problems import FormatProblem, SignatureProblem
from payments.providers.alipay_config import LOOPBACK, AlipayConfig
from payments.providers.alipay_crypto import (
    SIGN_TYPE,
    SealedAnswer,
    load_private_key,
    request_content,
    sign,
    take_apart,
)
from payments.providers.alipay_requests import Call
from payments.providers.alipay_words import NAME, china_time
from payments.strict_json import Document, parse_object, text
from prepaid.domain.errors import Refused, TryAgain, Unknown
from prepaid.ports import Clock

log = structlog.get_logger()

ANSWER_BYTES_MAX = 256 * 1024
BILL_BYTES_MAX = 32 * 1024 * 1024
BILL_S_MAX = 25.0
CONNECT_S_MAX = 3.0
CONNECTIONS_MAX = 20
USER_AGENT = f"chatwatt aiohttp/{aiohttp.__version__}"
DONE = "10000"
IN_BODY = frozenset({"biz_content"})
IN_DOUBT = ("10003", "20000")
"""Under way, and "service not available": neither says what happened."""

_CODE = re.compile(r"[0-9A-Za-z._\-]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Answer:
    """A signed answer with its fields; or a refusal with its code, which may be unsigned."""

    document: Document = field(default_factory=dict)
    code: str | None = None
    signed: bool = True

    def says(self, *codes: str) -> bool:
        """Whether it is one of these refusals, and Alipay's own."""
        return self.signed and self.code in codes


class AlipayLink:
    """One app's connections. Made anywhere, used in one event loop, closed at the end."""

    def __init__(self, config: AlipayConfig, clock: Clock) -> None:
        self._clock = clock
        self._verifier = config.verifier()
        self._key = load_private_key(config.app_private_key)
        self._gateway = config.gateway_url
        self._common = {
            "app_id": config.app_id,
            "charset": "utf-8",
            "format": "json",
            "sign_type": SIGN_TYPE,
            **config.certificate_parameters(),
        }
        self._timeout = aiohttp.ClientTimeout(total=config.timeout_s, connect=min(CONNECT_S_MAX, config.timeout_s / 2))
        self._bill_timeout = aiohttp.ClientTimeout(total=max(BILL_S_MAX, config.timeout_s))
        self._plain_http = urlsplit(config.gateway_url).hostname in LOOPBACK
        self._turn = asyncio.Lock()
        self._session: aiohttp.ClientSession | None = None

    async def aclose(self) -> None:
        """Closes the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def signed(self, call: Call) -> dict[str, str]:
        """All parameters of a request, with their signature."""
        parameters = {**call.parameters, **self._common, "timestamp": china_time(self._clock.now())}
        parameters["sign"] = sign(self._key, request_content(parameters))
        return parameters

    def page(self, call: Call) -> str:
        """The URL that a payer opens: nothing is sent by us."""
        return f"{self._gateway}?{urlencode(self.signed(call))}"

    async def call(self, operation: str, call: Call) -> Answer:
        """One request. Raises `TryAgain` if nothing happened, `Unknown` if it may have happened."""
        try:
            answer = await self._send(call)
        except (TryAgain, Unknown) as trouble:
            why = str(trouble.params.get("why", ""))
            CALLS.labels(NAME, operation, why).inc()
            log.warning("provider_call_failed", provider=NAME, operation=operation, why=why)
            raise
        CALLS.labels(NAME, operation, "refused" if answer.code else "answered").inc()
        if answer.code is not None:
            log.info("provider_said_no", provider=NAME, operation=operation, code=answer.code, signed=answer.signed)
        return answer

    async def fetch_bill(self, url: str) -> bytes:
        """The file behind an address that a signed answer named. It moves nothing, so any trouble is `TryAgain`."""
        parts = urlsplit(url)
        if parts.scheme != "https" and not (self._plain_http and parts.hostname in LOOPBACK):
            raise unknown("bad_bill_url")
        try:
            request = self._ensure_session().get(
                URL(url, encoded=True), allow_redirects=False, timeout=self._bill_timeout
            )
            async with request as response:
                if response.status != 200:  # noqa: PLR2004
                    raise try_again(f"http_{response.status // 100}xx")
                return await _read(response, BILL_BYTES_MAX)
        except (aiohttp.ClientError, TimeoutError):
            raise try_again("bill_not_fetched") from None

    async def _send(self, call: Call) -> Answer:
        parameters = await self._sign_in_turn(call)
        query = urlencode({name: value for name, value in parameters.items() if name not in IN_BODY})
        body = urlencode({name: value for name, value in parameters.items() if name in IN_BODY})
        try:
            request = self._ensure_session().post(
                URL(f"{self._gateway}?{query}", encoded=True),
                data=body.encode(),
                headers=_HEADERS,
                allow_redirects=False,
            )
            async with request as response:
                return self._judge(call, response.status, await _read(response, ANSWER_BYTES_MAX))
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
            raise try_again("unreachable") from None
        except TimeoutError:
            raise unknown("timeout") from None
        except aiohttp.ClientError:
            raise unknown("broken_off") from None

    async def _sign_in_turn(self, call: Call) -> dict[str, str]:
        """One signature in each round of the event loop: many orders at once must not hold up everything else."""
        async with self._turn:
            await asyncio.sleep(0)
            return self.signed(call)

    def _ensure_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=self._timeout,
                connector=aiohttp.TCPConnector(limit=CONNECTIONS_MAX),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session

    def _judge(self, call: Call, status: int, body: bytes) -> Answer:
        if status == 429:  # noqa: PLR2004
            raise try_again("busy")
        if status != 200:  # noqa: PLR2004
            raise unknown(f"http_{status // 100}xx")
        try:
            sealed = take_apart(body, (call.answer_name, "error_response"))
            document = parse_object(sealed.content.encode())
            return self._believe(sealed, document)
        except FormatProblem as problem:
            raise unknown(problem.reason) from None

    def _believe(self, sealed: SealedAnswer, document: Document) -> Answer:
        code = text(document, "code", length_max=64)
        if sealed.sign is None:
            # The gateway does not sign what it does not process (a wrong app id, a wrong signature of ours).
            if code in {DONE, *IN_DOUBT}:
                raise unknown("unsigned")
            return Answer(code=_code(document), signed=False)
        try:
            self._verifier.check_answer(sealed)
        except SignatureProblem as problem:
            raise unknown(problem.reason) from None
        if code == DONE:
            return Answer(document)
        refusal = _code(document)
        if refusal.endswith("call-limited"):
            raise try_again("busy")
        if code in IN_DOUBT or refusal.endswith("SYSTEM_ERROR"):
            raise unknown("system_error")
        return Answer(document, code=refusal)


_HEADERS: Mapping[str, str] = {
    "Accept": "application/json",
    "Accept-Encoding": "identity",  # Nothing can swell after the limit.
    "Content-Type": "application/x-www-form-urlencoded;charset=utf-8",
    "User-Agent": USER_AGENT,
}


async def _read(response: aiohttp.ClientResponse, most: int) -> bytes:
    """The raw body, unless it is longer than any real answer."""
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > most:
            response.close()
            raise unknown("too_large")
    return bytes(body)


def _code(document: Document) -> str:
    """The business code, or the gateway's if there is none; an answer whose code is no code makes no sense."""
    code = document.get("sub_code") or document.get("code")
    if not isinstance(code, str) or not _CODE.fullmatch(code):
        raise FormatProblem("bad_code")
    return code


def unknown(why: str) -> Unknown:
    """It may have happened."""
    return Unknown("unknown.provider", provider=NAME, why=why)


def try_again(why: str) -> TryAgain:
    """Nothing happened."""
    return TryAgain("try_again.provider", provider=NAME, why=why)


def refuse(answer: Answer) -> None:
    """Raises `Refused` with the code, if the answer is a no."""
    if answer.code is not None:
        raise Refused("refused.provider", provider=NAME, code=answer.code)
