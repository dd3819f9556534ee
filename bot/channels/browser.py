"""The chat page: several virtual users side by side, each with a lamp that shows whether their power is on.

For demonstrations and for trying a site out: there is no log-in, so the page exists only when constructed, answers only
to local host names, and has the users it was given. Messages live in memory, the last 200 for each user.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import structlog
from aiohttp import WSCloseCode, web

from bot.channels.browser_link import MAX_MESSAGE_BYTES, Link
from bot.channels.browser_room import Room
from bot.channels.webhook_body import read_body
from bot.conversations.inbound import Attached, Inbound, Thing, shown_name
from bot.conversations.parts import Part
from bot.rendering.looks import SKINS, WECHAT
from bot.texts import LANGUAGES, keys, text
from prepaid.domain.errors import Refused

STATIC = Path(__file__).parent / "browser_static"
FILES: Mapping[str, str] = {
    "index.html": "text/html",
    "app.js": "text/javascript",
    "parts.js": "text/javascript",
    "scene.js": "text/javascript",
    "skins.js": "text/javascript",
    "inspector.js": "text/javascript",
    "style.css": "text/css",
    "skins.css": "text/css",
}
LOCAL_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
MOST_FILE_BYTES = 6 * 1024 * 1024
"""What is taken of it is the conversation's matter; this only keeps our memory."""
FILE_WITHIN_S = 30.0
MOST_LINKS = 8
"""Open pages for each user."""
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
Status = Callable[[str], Awaitable[Mapping[str, Any]]]
Payer = Callable[[str], Awaitable[bool]]

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class BrowserUser:
    """One column of the page. `staff` shows the control room instead of a window."""

    id: str
    label: str
    language: str = "zh"
    staff: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BrowserAct:
    """Something that can be done to the house behind the chats. `staff` puts its button into the staff's column.

    `name` is that of its words, `page.act_NAME`; while the status of the user says `{"acts": {NAME: True}}`, the button
    says `page.act_NAME_off`.
    """

    name: str
    call: Callable[[str], Awaitable[None]]
    staff: bool = False


class Hears(Protocol):
    """What the page needs of a conversation."""

    async def hear(self, inbound: Inbound) -> list[Part]: ...
    def language_of(self, channel: str, user: str) -> str | None: ...


class BrowserChannel:
    """The page's routes, and `show` for the outbox.

    `status(user)` is polled each second while somebody looks; it gives `{"on": bool | None, "balance_micro": int}`.
    `pay(uri)` pays in the sandbox and says whether that worked; `payer_url` is a template with `{uri}` to open instead.
    `acts` are buttons that do something to the simulated house.
    `hosts` are the names that the page may be reached by; `None` stands for the local ones.
    """

    def __init__(
        self,
        conversation: Hears,
        users: Sequence[BrowserUser],
        *,
        status: Status | None = None,
        pay: Payer | None = None,
        payer_url: str | None = None,
        acts: Sequence[BrowserAct] = (),
        hosts: frozenset[str] | None = None,
        name: str = "browser",
    ) -> None:
        self.name = name
        self._conversation = conversation
        self._hosts = hosts or LOCAL_HOSTS
        self._status = status
        self._pay = pay
        self._payer_url = payer_url
        self._acts = {act.name: act for act in acts}
        self._rooms = {user.id: Room(user_id=user.id, language=user.language) for user in users}
        self._users = {user.id: user for user in users}

    def routes(self) -> list[web.RouteDef]:
        """What the app mounts. Everything lies under /chat."""
        return [
            web.get("/chat", self._page),
            web.get("/chat/config", self._config),
            web.get("/chat/ws", self._socket),
            web.post("/chat/file", self._sent),
            web.get("/chat/static/{name}", self._file),
        ]

    async def show(self, user: str, parts: Sequence[Part], *, reference: str | None, bulk: bool = False) -> str:
        """Shows a message, or replaces `reference` (or the message that holds the same thread). Raises `Refused`."""
        del bulk  # Nobody limits an own page.
        room = self._rooms.get(user)
        if room is None:
            raise Refused("refused.no_channel")
        return room.show(parts, reference=reference)

    async def fetch(self, reference: str) -> bytes:
        """A file that was sent lately. Raises `Refused`."""
        found = next((room.files[reference] for room in self._rooms.values() if reference in room.files), None)
        if found is None:
            raise Refused("refused.file_gone")
        return found

    async def close(self) -> None:
        """Tells every open page to come back later, for a graceful shutdown."""
        for room in self._rooms.values():
            for link in tuple(room.links):
                await link.close(WSCloseCode.GOING_AWAY)

    async def _page(self, request: web.Request) -> web.Response:
        self._check_host(request)
        return _static("index.html")

    async def _file(self, request: web.Request) -> web.Response:
        self._check_host(request)
        name = request.match_info["name"]
        if name not in FILES:
            raise web.HTTPNotFound
        return _static(name)

    async def _config(self, request: web.Request) -> web.Response:
        self._check_host(request)
        users = [
            {"id": user.id, "label": user.label, "language": self._rooms[user.id].language, "staff": user.staff}
            for user in self._users.values()
        ]
        words = {language: _page_words(language) for language in LANGUAGES}
        pay = {"means": self._can_pay, "url": self._payer_url or ""}
        acts = [{"name": act.name, "staff": act.staff} for act in self._acts.values()]
        known = {"users": users, "words": words, "pay": pay, "acts": acts, "skins": SKINS}
        return web.json_response(known, headers=HEADERS)

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        self._check_host(request)
        self._check_origin(request)
        room = self._rooms.get(request.query.get("user", ""))
        if room is None:
            raise web.HTTPNotFound
        if len(room.links) >= MOST_LINKS:
            raise web.HTTPTooManyRequests
        socket = web.WebSocketResponse(heartbeat=20.0, max_msg_size=MAX_MESSAGE_BYTES)
        await socket.prepare(request)
        link = Link(socket, lambda data: self._said(room, data))
        room.links.add(link)
        try:
            link.push({"type": "hello", "history": room.history(), "language": room.language})
            await link.run(None if self._status is None else lambda: self._state_of(room.user_id))
        finally:
            room.links.discard(link)
        return socket

    @property
    def _can_pay(self) -> str:
        """How the page can pay: "press" here, "open" an address, or not at all."""
        return "press" if self._pay else "open" if self._payer_url else ""

    async def _state_of(self, user: str) -> Mapping[str, Any]:
        return {} if self._status is None else await self._status(user)

    async def _said(self, room: Room, data: Mapping[str, Any]) -> None:
        """One message: {"say": text, "skin": name}, {"press": action, "label": words}, {"pay": uri}, {"act": name}."""
        if isinstance(data.get("pay"), str):
            await self._paid(room, data["pay"])
            return
        if isinstance(data.get("act"), str):
            await self._acted(room, data["act"])
            return
        say, press = data.get("say"), data.get("press")
        if not isinstance(say if press is None else press, str):
            return
        shown = str(data.get("label") or press)[:80] if press is not None else str(say)
        user = self._users[room.user_id]
        inbound = Inbound(
            channel=self.name,
            user=user.id,
            text=say,
            action=press,
            language=user.language,
            # Where buttons become numbers, a number means a button.
            numbered=data.get("skin") == WECHAT,
        )
        await self._heard(room, shown, inbound)

    async def _sent(self, request: web.Request) -> web.Response:
        """A file, as the body; its name and its sender stand in the address."""
        self._check_host(request)
        self._check_origin(request)
        room = self._rooms.get(request.query.get("user", ""))
        if room is None:
            raise web.HTTPNotFound
        content = await read_body(request, most_bytes=MOST_FILE_BYTES, within_s=FILE_WITHIN_S)
        name, user = shown_name(request.query.get("name")), self._users[room.user_id]
        thing = Attached(thing=Thing.DOCUMENT, reference=room.take(content), name=name, size_bytes=len(content))
        inbound = Inbound(channel=self.name, user=user.id, language=user.language, attached=thing)
        await self._heard(room, name, inbound)
        return web.Response(status=204, headers=HEADERS)

    async def _heard(self, room: Room, shown: str, inbound: Inbound) -> None:
        """Shows what was said, and what is answered."""
        room.said(shown, inbound)
        parts = await self._conversation.hear(inbound)
        room.speak(self._conversation.language_of(self.name, inbound.user))
        if parts:
            room.show(parts, reference=None)

    async def _paid(self, room: Room, uri: str) -> None:
        """Pays a code that this user was shown; no other address is ever called."""
        if uri not in room.payable() or self._pay is None:
            return
        worked = await self._pay(uri)
        _log.info("sandbox_payment", user=room.user_id, worked=worked)
        room.push({"type": "paid", "uri": uri, "worked": worked})

    async def _acted(self, room: Room, name: str) -> None:
        """Does something to the house, if this user's column has a button for it."""
        act = self._acts.get(name)
        if act is None or act.staff != self._users[room.user_id].staff:
            return
        _log.info("sandbox_act", user=room.user_id, act=name)
        await act.call(room.user_id)

    def _check_host(self, request: web.Request) -> None:
        """Only names that are ours, so that no foreign page can reach us through its own name (DNS rebinding)."""
        if _host(f"//{request.host}") not in self._hosts:
            raise web.HTTPForbidden

    def _check_origin(self, request: web.Request) -> None:
        """A browser always names the page that opens a socket; a program such as our terminal names none."""
        origin = request.headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc != request.host:
            raise web.HTTPForbidden


def _host(address: str) -> str:
    return (urlsplit(address).hostname or "").lower()


def _page_words(language: str) -> dict[str, str]:
    wanted = [key for key in keys(language) if key.startswith(("page.", "intent."))]
    return {key.removeprefix("page."): text(language, key, label="{label}") for key in wanted}


def _static(name: str) -> web.Response:
    body = (STATIC / name).read_bytes()
    return web.Response(body=body, content_type=FILES[name], charset="utf-8", headers=HEADERS)
