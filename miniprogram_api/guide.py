"""The contract as a page to read and to try: Swagger UI, with every file from its package and none from elsewhere.

Whoever wants to try it logs in on the page: by a code from the chat, or by the link that comes with the code. The code
stands behind the "#" of the link, which no browser sends, so no log sees it. In a demonstration buttons stand in for
`wx.login`.
"""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Final

from aiohttp import web
from swagger_ui_bundle import swagger_ui_path

from miniprogram_api.contract import ROOT

FILES: Final = {
    "swagger-ui.css": "text/css",
    "swagger-ui-bundle.js": "text/javascript",
    "favicon-32x32.png": "image/png",
}
OURS: Final = {"guide.js": "text/javascript", "guide.css": "text/css"}
PHONES_PATH: Final = "/sandbox/wx-login"
"""Where a demonstration makes codes of `wx.login`, which otherwise only a phone gets."""
_STATIC: Final = Path(__file__).parent / "pages" / "static"
# Swagger UI writes style attributes and draws its icons from data URIs.
CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS: Final = {
    "Content-Security-Policy": CSP,
    "Cache-Control": "public, max-age=3600",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def routes(phones: Mapping[str, str]) -> list[web.RouteDef]:
    """`/api/v1/docs` and its files. `phones`: in a demonstration, whom `wx.login` may stand in for, with a label."""
    people = {"path": PHONES_PATH, "people": dict(phones)} if phones else {}
    text = Template((_STATIC / "guide.html").read_text(encoding="utf-8"))
    body = text.substitute(phones=html.escape(json.dumps(people, ensure_ascii=False))).encode()

    async def page(_request: web.Request) -> web.Response:
        return web.Response(body=body, content_type="text/html", charset="utf-8", headers=HEADERS)

    return [web.get(f"{ROOT}/docs", page), web.get(f"{ROOT}/docs/{{name}}", _file)]


async def _file(request: web.Request) -> web.Response:
    name = request.match_info["name"]
    if name in OURS:
        return web.Response(body=(_STATIC / name).read_bytes(), content_type=OURS[name], headers=HEADERS)
    if name not in FILES:
        raise web.HTTPNotFound
    body = (Path(str(swagger_ui_path)) / name).read_bytes()
    return web.Response(body=body, content_type=FILES[name], headers=HEADERS)
