"""The routes of the overview page: the link from the chat, the page, its news, its files and its exports.

A link is opened by a press and not by being fetched, since chats fetch links to show what is behind them. What it
opens is a session in a cookie that no script reads. Whoever has neither is told one thing, whatever was wrong.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from miniprogram_api.door import OPEN_PER_ADDRESS, PER_ADDRESS, accepted, address_of
from miniprogram_api.overview.figures import told
from miniprogram_api.overview.show import Show
from miniprogram_api.overview.stream import Streams
from miniprogram_api.overview.tables import exported
from miniprogram_api.overview.watch import Hub, Pace, Watch
from miniprogram_api.parts import Parts
from miniprogram_api.problems import when_again
from prepaid.domain.errors import Refused, Trouble
from prepaid.usecases.estate_views import place_view
from prepaid.usecases.page_sessions import Viewer, check_page_link, close_page, open_page, page_viewer

PATH: Final = "/overview"
COOKIE: Final = "chatwatt_overview"
STATIC: Final = Path(__file__).parents[1] / "pages" / "static"
TEMPLATES: Final = Path(__file__).parents[1] / "pages" / "templates"
FILES: Final = {"board.css": "text/css", "board.js": "text/javascript", "open.js": "text/javascript"}
READ_WITHIN_S: Final = 2.0
"""How long a page waits for what is being read for the first time; then it says so."""
PAGES_MOST: Final = 10_000
CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex",
}
STATUSES: Final = {
    "refused.page_link": 404,
    "refused.page_link_over": 410,
    "refused.page_session": 401,
    "refused.not_found": 404,
    "refused.request_rate": 429,
}


class OverviewPage:
    """The page over a hub. Close it when the server ends."""

    def __init__(self, parts: Parts, *, pace: Pace | None = None, streams: Streams | None = None) -> None:
        self.parts = parts
        self.hub = Hub(parts.business, self._tell, stopping=parts.stopping, pace=pace)
        self._streams = streams or Streams()
        self._pages = Environment(
            loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
        )
        for name in self._pages.list_templates(["html"]):
            self._pages.get_template(name)  # Translated before the first reader comes.

    def routes(self) -> list[web.RouteDef]:
        """`/overview` and what lies below it."""
        return [
            web.get(f"{PATH}/open/{{token}}", self._ask_to_open),
            web.post(f"{PATH}/open/{{token}}", self._open),
            web.get(f"{PATH}/static/{{name}}", self._file),
            web.get(f"{PATH}/events", self._events),
            web.get(f"{PATH}/export.{{kind:csv|xlsx}}", self._export),
            web.post(f"{PATH}/leave", self._leave),
            web.get(PATH, self._show),
        ]

    async def close(self) -> None:
        """Ends the watches."""
        await self.hub.close()

    def _tell(self, estate: Any, changed: Any, language: str) -> Mapping[str, str]:
        return told(self.parts.words, estate, changed, language)

    async def _ask_to_open(self, request: web.Request) -> web.Response:
        """Looks at the seal and uses nothing up."""
        language = self._language(request)
        try:
            await self._limit(request, OPEN_PER_ADDRESS)
            check_page_link(self.parts.business, request.match_info["token"])
        except Trouble as trouble:
            return self._sorry(language, trouble)
        return self._page("open.html", language, 200, sorry="", opens=True)

    async def _open(self, request: web.Request) -> web.Response:
        """Uses the link up."""
        language = self._language(request)
        try:
            await self._limit(request, OPEN_PER_ADDRESS)
            if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
                raise Refused("refused.page_link")
            session = await open_page(self.parts.business, request.match_info["token"])
        except Trouble as trouble:
            return self._sorry(language, trouble)
        answer = web.Response(status=303, headers={**HEADERS, "Location": PATH})
        now = self.parts.business.clock.now()
        answer.set_cookie(
            COOKIE,
            session.cookie,
            path=PATH,
            max_age=int((session.until - now).total_seconds()),
            httponly=True,
            secure=self.parts.public_url.startswith("https://"),
            samesite="Strict",
        )
        return answer

    async def _leave(self, request: web.Request) -> web.Response:
        await close_page(self.parts.business, request.cookies.get(COOKIE, ""))
        answer = web.Response(status=303, headers={**HEADERS, "Location": PATH})
        answer.del_cookie(COOKIE, path=PATH)
        return answer

    async def _show(self, request: web.Request) -> web.Response:
        language = self._language(request)
        try:
            viewer, watch = await self._looked(request)
            language = self._language(request, viewer)
            estate = await watch.ready(READ_WITHIN_S)
            if estate is None:
                return self._page("reading.html", language, 200, refresh_s=2)
            view = place_view(estate, request.query.get("at", ""))
        except Trouble as trouble:
            return self._sorry(language, trouble)
        show = Show(
            words=self.parts.words,
            language=language,
            drawing=self.parts.drawing,
            estate=estate,
            beside=watch.beside,
            view=view,
            page=_page_of(request),
        )
        return self._page("board.html", language, 200, can_export=self.parts.tables is not None, **show.context())

    async def _events(self, request: web.Request) -> web.StreamResponse:
        try:
            viewer, watch = await self._looked(request)
            await watch.ready(READ_WITHIN_S)
            client = self.hub.join(watch, viewer.actor.id, self._language(request, viewer))
        except Trouble as trouble:
            status = _status(trouble)
            return web.Response(status=status, headers={**HEADERS, **when_again(trouble, status)})

        async def still() -> bool:
            fresh = await page_viewer(self.parts.business, request.cookies.get(COOKIE, ""))
            return frozenset(fresh.actor.grants) == frozenset(watch.actor.grants)

        try:
            return await self._streams.send(request, client, still, HEADERS)
        finally:
            self.hub.leave(watch, viewer.actor.id, client)

    async def _export(self, request: web.Request) -> web.Response:
        language = self._language(request)
        try:
            viewer, watch = await self._looked(request)
            language = self._language(request, viewer)
            estate = await watch.ready(READ_WITHIN_S)
            if estate is None or self.parts.tables is None:
                raise Refused("refused.not_found")
            view = place_view(estate, request.query.get("at", ""))
        except Trouble as trouble:
            return self._sorry(language, trouble)
        kind = request.match_info["kind"]
        rows = exported(self.parts.words, language, estate, view)
        title = self.parts.words.text(language, "board.title")
        body = await asyncio.to_thread(self.parts.tables.written, kind, title, rows)
        name = f"overview-{estate.at:%Y%m%d-%H%M}.{kind}"
        headers = {**HEADERS, "Content-Disposition": f'attachment; filename="{name}"'}
        return web.Response(body=body, content_type=self.parts.tables.media_type(kind), headers=headers)

    async def _file(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in FILES:
            raise web.HTTPNotFound
        headers = {**HEADERS, "Cache-Control": "no-cache"}
        return web.Response(body=(STATIC / name).read_bytes(), content_type=FILES[name], headers=headers)

    async def _looked(self, request: web.Request) -> tuple[Viewer, Watch]:
        """Who looks, and the watch of their roles."""
        await self._limit(request, PER_ADDRESS)
        viewer = await page_viewer(self.parts.business, request.cookies.get(COOKIE, ""))
        return viewer, self.hub.watch(viewer.actor)

    async def _limit(self, request: web.Request, per_minute: int) -> None:
        kind = "open" if per_minute == OPEN_PER_ADDRESS else "at"
        key = f"page:{kind}:{address_of(request, self.parts.trusted_proxies)}"
        wait_ms = await self.parts.limiter.take(key, per_minute=per_minute, burst=per_minute)
        if wait_ms:
            raise Refused("refused.request_rate", retry_after_ms=wait_ms)

    def _language(self, request: web.Request, viewer: Viewer | None = None) -> str:
        wished = request.query.get("lang", "")
        if wished in ("zh", "en"):
            return wished
        if viewer is not None:
            return self.parts.words.language_for(viewer.actor.language)
        return accepted(request.headers.get("Accept-Language", ""), self.parts)

    def _sorry(self, language: str, trouble: Trouble, *, status: int | None = None) -> web.Response:
        """One sentence, and where a new link comes from."""
        words = self.parts.words.trouble(language, trouble)
        code = status or _status(trouble)
        answer = self._page("open.html", language, code, sorry=words, opens=False)
        answer.headers.update(when_again(trouble, code))
        return answer

    def _page(self, template: str, language: str, status: int, **context: Any) -> web.Response:
        words = self.parts.words
        other = "en" if language == "zh" else "zh"
        context.setdefault("t", lambda key, **params: words.text(language, f"board.{key}", **params))
        context |= {
            "language": "zh-CN" if language == "zh" else "en",
            "lang": language,
            "other": other,
            "other_name": words.text(other, "pay.language"),
            "link": _link(language),
        }
        body = self._pages.get_template(template).render(context)
        return web.Response(status=status, body=body.encode(), content_type="text/html", headers=dict(HEADERS))


@asynccontextmanager
async def open_overview(
    parts: Parts, *, pace: Pace | None = None, streams: Streams | None = None
) -> AsyncIterator[OverviewPage]:
    """The page, and the end of its watches."""
    page = OverviewPage(parts, pace=pace, streams=streams)
    try:
        yield page
    finally:
        await page.close()


def _link(language: str) -> Any:
    """Makes addresses of the page that keep its language."""

    def link(at: str = "", *, page: int = 1, lang: str = language, file: str = "") -> str:
        query = {"at": at, "page": page if page > 1 else "", "lang": lang}
        words = urlencode({name: value for name, value in query.items() if value})
        return f"{PATH}{file}?{words}"

    return link


def _page_of(request: web.Request) -> int:
    number = request.query.get("page", "1")
    return min(max(1, int(number)), PAGES_MOST) if number.isdecimal() and len(number) < len(str(PAGES_MOST)) else 1


def _status(trouble: Trouble) -> int:
    return STATUSES.get(trouble.key, 404 if isinstance(trouble, Refused) else 503)
