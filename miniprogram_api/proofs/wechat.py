"""The code of `wx.login`, exchanged for the person's id: `code2session` of the mini-program's server API.

Source: developers.weixin.qq.com/miniprogram/dev/OpenApiDoc/user-login/code2Session.html. The session key that comes
with it is not needed and not kept.
"""

from __future__ import annotations

import json
from types import TracebackType
from typing import Final, Self

import aiohttp
import structlog

from prepaid.domain.errors import Refused, TryAgain

log = structlog.get_logger()

TIMEOUT_S: Final = 5.0
ANSWER_BYTES_MAX: Final = 16 * 1024
OPENID_CHARS_MAX: Final = 128
_BUSY: Final = frozenset({-1, 45011})
"""System busy; this person asked too often."""
_OURS: Final = frozenset({40013, 40125})
"""Wrong app id, wrong secret: nothing that the person can change."""


class WeChatCodes:
    """Implements `miniprogram_api.parts.CodeExchange`. Use it as a context manager."""

    def __init__(self, appid: str, secret: str, base_url: str, *, timeout_s: float = TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        self._appid = appid
        self._secret = secret
        self._url = f"{base_url.rstrip('/')}/sns/jscode2session"
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=self._timeout_s))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def openid(self, code: str) -> str:
        """The openid behind a code, which WeChat takes once. A lost answer costs the person one more code."""
        answer = await self._ask(code)
        number = answer.get("errcode", 0)
        if number in _BUSY:
            raise TryAgain("try_again.wechat")
        if number:
            if number in _OURS:
                log.error("wechat_login_not_set_up", errcode=number)
            raise Refused("refused.login_proof")
        openid = answer.get("openid")
        if not isinstance(openid, str) or not 0 < len(openid) <= OPENID_CHARS_MAX or not openid.isprintable():
            raise TryAgain("try_again.wechat")
        return openid

    async def _ask(self, code: str) -> dict[str, object]:
        if self._session is None:
            raise TryAgain("try_again.wechat")
        query = {"appid": self._appid, "secret": self._secret, "js_code": code, "grant_type": "authorization_code"}
        try:
            async with self._session.get(self._url, params=query, allow_redirects=False) as answer:
                raw = await answer.content.read(ANSWER_BYTES_MAX)
        except (aiohttp.ClientError, TimeoutError, OSError):
            # The error would name the address, and the address holds the secret.
            raise TryAgain("try_again.wechat") from None
        try:
            found = json.loads(raw)
        except ValueError:
            raise TryAgain("try_again.wechat") from None
        if not isinstance(found, dict):
            raise TryAgain("try_again.wechat")
        return found
