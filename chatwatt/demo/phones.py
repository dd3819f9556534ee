"""In the demonstration: `wx.login` without a phone, so that a newcomer can try the API and the mini-program.

What a phone asks of WeChat, this door asks of the stand-in for WeChat's server; the product exchanges the code there
like any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from aiohttp import web

from chatwatt.demo.seed import ADMIN, FLATS, mini_openid
from miniprogram_api.guide import PHONES_PATH
from sandbox.wechat_mini import SandboxWeChatMini

PHONES: Final[Mapping[str, str]] = {mini_openid(user.id): user.label for user in (*(f.user for f in FLATS), ADMIN)}
"""Whose phones there are: openid and label."""
BODY_BYTES_MAX: Final = 1024


def routes(wechat: SandboxWeChatMini) -> list[web.RouteDef]:
    """One route. It takes JSON alone, which a page elsewhere cannot post without being asked first."""

    async def code(request: web.Request) -> web.Response:
        if request.content_type != "application/json" or (request.content_length or 0) > BODY_BYTES_MAX:
            raise web.HTTPUnsupportedMediaType
        try:
            wish = await request.json()
        except ValueError:
            raise web.HTTPBadRequest from None
        person = wish.get("person") if isinstance(wish, dict) else None
        if person not in PHONES:
            raise web.HTTPNotFound
        return web.json_response({"code": wechat.code_for(str(person))}, headers={"Cache-Control": "no-store"})

    return [web.post(PHONES_PATH, code)]
