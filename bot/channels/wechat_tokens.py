"""The access token of one official account, shared by all processes: kept in Redis, fetched by one at a time.

`stable_token` gives every caller the same token and keeps the last one good for five minutes after a renewal.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any

import structlog

from bot.channels.wechat_http import WeChatHttp
from bot.channels.wechat_trouble import code_of, trouble_of
from bot.channels.wechat_turns import Claims
from prepaid.domain.errors import Trouble, TryAgain
from prepaid.ports import Sessions

PATH = "/cgi-bin/stable_token"
EARLY_S = 300
AT_LEAST_S = 30
LOCK_S = 15
WAIT_S = 8.0
LOOK_S = 0.1
FORCE_AT_MOST_EVERY_S = 120
"""WeChat allows twenty forced renewals a day, half a minute apart."""
_log = structlog.get_logger()


class Tokens:
    """Gives the token, and renews it once it was refused."""

    def __init__(
        self,
        http: WeChatHttp,
        sessions: Sessions,
        claims: Claims,
        *,
        app_id: str,
        secret: str,
        now: Callable[[], datetime],
    ) -> None:
        self._http = http
        self._sessions = sessions
        self._claims = claims
        self._app_id = app_id
        self._secret = secret
        self._now = now
        self._lock = asyncio.Lock()
        self._token, self._until = "", 0.0

    async def current(self) -> str:
        """The token. Raises `TryAgain` when there is none to be had now."""
        return await self._usable(refused="") or await self._fetched(refused="")

    async def instead_of(self, refused: str) -> str:
        """Another token than the one that was refused: a newer one that is known already, or a fresh one."""
        return await self._usable(refused=refused) or await self._fetched(refused=refused)

    async def _fetched(self, *, refused: str) -> str:
        """Fetches, or waits for whoever fetches; within this process and then between processes."""
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + WAIT_S
        async with self._lock:
            while loop.time() < give_up_at:
                token = await self._usable(refused=refused)
                if token:
                    return token
                if await self._claims.claim(self._name("fetching"), ttl_s=LOCK_S):
                    try:
                        return await self._usable(refused=refused) or await self._fetch(refused)
                    finally:
                        await self._claims.release(self._name("fetching"))
                await asyncio.sleep(LOOK_S)
        raise TryAgain("try_again.channel")

    async def _fetch(self, refused: str) -> str:
        token = await self._asked(force=False)
        if token != refused:
            return token
        # WeChat still gives the token that it refuses, so it must be told to make another.
        if not await self._claims.claim(self._name("forced"), ttl_s=FORCE_AT_MOST_EVERY_S):
            raise TryAgain("try_again.channel")
        return await self._asked(force=True)

    async def _asked(self, *, force: bool) -> str:
        payload = {
            "grant_type": "client_credential",
            "appid": self._app_id,
            "secret": self._secret,
            "force_refresh": force,
        }
        answer = await self._http.call(PATH, payload, repeatable=True)
        token, lasts_s = answer.get("access_token"), answer.get("expires_in")
        if not isinstance(token, str) or not token or not isinstance(lasts_s, int):
            raise _not_given(answer)
        await self._keep(token, lasts_s)
        _log.info("wechat_token_renewed", forced=force)
        return token

    async def _usable(self, *, refused: str) -> str:
        """A token that is known, fresh, and not the refused one; "" when there is none."""
        now_s = self._now().timestamp()
        if now_s >= self._until or self._token == refused:
            await self._recall()
        return self._token if self._token != refused and now_s < self._until else ""

    async def _recall(self) -> None:
        try:
            kept = await self._sessions.load(self._name("token"))
        except Trouble:
            return
        token, until = kept.get("token"), kept.get("until")
        if isinstance(token, str) and isinstance(until, int):
            self._token, self._until = token, until

    async def _keep(self, token: str, lasts_s: int) -> None:
        # Near its end WeChat may still give the old one; it is asked again soon, but not for every message.
        good_s = max(min(lasts_s, AT_LEAST_S), lasts_s - EARLY_S)
        self._token, self._until = token, int(self._now().timestamp()) + good_s
        try:
            kept = {"token": token, "until": int(self._until)}
            await self._sessions.save(self._name("token"), kept, ttl_s=max(1, lasts_s))
        except Trouble as trouble:
            _log.warning("wechat_token_not_shared", trouble=trouble.key)

    def _name(self, what: str) -> str:
        return f"wechat:{self._app_id}:{what}"


def _not_given(answer: dict[str, Any]) -> Trouble:
    """No token is the operator's trouble, whatever its number: messages wait until it is mended."""
    code = code_of(answer)
    trouble = trouble_of(code, PATH)
    return trouble if isinstance(trouble, TryAgain) else TryAgain("try_again.channel", code=code)
