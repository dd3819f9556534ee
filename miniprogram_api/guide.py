"""The contract as a page to read and to try: Swagger UI, with every file from its package and none from elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from aiohttp import web
from swagger_ui_bundle import swagger_ui_path

from miniprogram_api.contract import ROOT

FILES: Final = {
    "swagger-ui.css": "text/css",
    "swagger-ui-bundle.js": "text/javascript",
    "favicon-32x32.png": "image/png",
}
_STATIC: Final = Path(__file__).parent / "pages" / "static"
# Swagger UI writes style attributes and draws its icons from data URIs.
CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS: Final = {"Content-Security-Policy": CSP, "Cache-Control": "public, max-age=3600"}


def routes() -> list[web.RouteDef]:
    """`/api/v1/docs` and its files."""
    return [
        web.get(f"{ROOT}/docs", _page),
        web.get(f"{ROOT}/docs/guide.js", _script),
        web.get(f"{ROOT}/docs/{{name}}", _file),
    ]


async def _page(_request: web.Request) -> web.Response:
    return web.Response(body=(_STATIC / "guide.html").read_bytes(), content_type="text/html", headers=HEADERS)


async def _script(_request: web.Request) -> web.Response:
    return web.Response(body=(_STATIC / "guide.js").read_bytes(), content_type="text/javascript", headers=HEADERS)


async def _file(request: web.Request) -> web.Response:
    name = request.match_info["name"]
    if name not in FILES:
        raise web.HTTPNotFound
    body = (Path(str(swagger_ui_path)) / name).read_bytes()
    return web.Response(body=body, content_type=FILES[name], headers=HEADERS)
