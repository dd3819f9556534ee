"""A stand-in for the mini-program's server API on loopback: logins and subscribe messages.

Codes are good once, and each message uses up one yes of the person.
`code_for(openid)` is what `wx.login` gives on a phone. `fail` brings the bad days: a number, "hang" or "garbage".
Source: developers.weixin.qq.com/miniprogram/dev/OpenApiDoc/user-login/code2Session.html.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from types import TracebackType
from typing import Self

from aiohttp import web

from sandbox.wechat_checks import BadCallError, check_data, check_keys

APPID = "wx5andb0x5andb0x00"
SECRET = "sandbox-secret-of-the-mini-program"  # noqa: S105 - the stand-in's own
BAD_TOKEN, BAD_TEMPLATE, NO_YES = 40001, 40037, 43101
BUSY, BAD_APPID, BAD_SECRET, BAD_CODE, USED_CODE = -1, 40013, 40125, 40029, 40163


class SandboxWeChatMini:
    """The server. Use as an async context manager."""

    def __init__(self, *, port: int = 0, appid: str = APPID) -> None:
        self._port = port
        self.appid = appid
        self._codes: dict[str, str] = {}
        self._used: set[str] = set()
        self._fault: int | str | None = None
        self._release = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self._access = secrets.token_urlsafe(24)
        self.base_url = ""
        self.templates: dict[str, set[str]] = {}
        """The fields of each template that the program has."""
        self.yeses: Counter[tuple[str, str]] = Counter()
        """What `wx.requestSubscribeMessage` was answered: openid and template."""
        self.sent: list[tuple[str, str, dict[str, str]]] = []

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.add_routes(
            [
                web.get("/sns/jscode2session", self._exchange),
                web.post("/cgi-bin/stable_token", self._token),
                web.post("/cgi-bin/message/subscribe/send", self._subscribe_message),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        self.base_url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._release.set()
        if self._runner is not None:
            await self._runner.cleanup()

    def code_for(self, openid: str) -> str:
        """A fresh code of that person."""
        code = secrets.token_urlsafe(24)
        self._codes[code] = openid
        return code

    def fail(self, fault: int | str | None) -> None:
        """From now on: an error number, "hang", "garbage", or None for good days."""
        self._fault = fault

    async def _token(self, request: web.Request) -> web.Response:
        wish = await request.json()
        if (wish.get("appid"), wish.get("secret")) != (self.appid, SECRET):
            return web.json_response(_error(BAD_SECRET))
        return web.json_response({"access_token": self._access, "expires_in": 7200})

    async def _subscribe_message(self, request: web.Request) -> web.Response:
        """Sends one message, or says with WeChat's number why not."""
        if isinstance(self._fault, int):
            return web.json_response(_error(self._fault))
        if request.query.get("access_token") != self._access:
            return web.json_response(_error(BAD_TOKEN))
        try:
            wish = await request.json()
            check_keys(wish, {"touser", "template_id", "data"}, frozenset({"page", "lang", "miniprogram_state"}))
            fields = self.templates.get(wish["template_id"])
            if fields is None:
                return web.json_response(_error(BAD_TEMPLATE))
            values = check_data(wish["data"], fields, cut=False)
        except BadCallError as bad:
            return web.json_response(_error(bad.code))
        key = (str(wish["touser"]), str(wish["template_id"]))
        if self.yeses[key] < 1:
            return web.json_response(_error(NO_YES))
        self.yeses[key] -= 1
        self.sent.append((*key, values))
        return web.json_response({"errcode": 0, "errmsg": "ok"})

    async def _exchange(self, request: web.Request) -> web.Response:
        if self._fault == "hang":
            await self._release.wait()
        if self._fault == "garbage":
            return web.Response(text="<html>bad gateway</html>", status=502)
        return web.json_response(self._answer(request))

    def _answer(self, request: web.Request) -> dict[str, object]:
        query = request.query
        if isinstance(self._fault, int):
            return _error(self._fault)
        if query.get("appid") != self.appid:
            return _error(BAD_APPID)
        if query.get("secret") != SECRET:
            return _error(BAD_SECRET)
        code = query.get("js_code", "")
        if code in self._used:
            return _error(USED_CODE)
        if code not in self._codes or query.get("grant_type") != "authorization_code":
            return _error(BAD_CODE)
        self._used.add(code)
        return {"openid": self._codes[code], "session_key": secrets.token_urlsafe(16)}


def _error(number: int) -> dict[str, object]:
    return {"errcode": number, "errmsg": f"error {number}"}
