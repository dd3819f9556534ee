"""Files behind a link: an official account can send texts and pictures, but no files.

A link is a long random name that is good for a day, because whoever has it gets the file. The file lies in the session
store in pieces; when it is lost the link says so, and asking again makes another.
"""

from __future__ import annotations

import re
import secrets
from base64 import b64decode
from urllib.parse import quote

from aiohttp import web

from bot.conversations.parts import File
from bot.texts import LANGUAGES, text
from prepaid.domain.errors import Trouble
from prepaid.ports import Sessions

FILE_PATH = "/wechat/files"
LASTS_S = 24 * 3600
PIECE_CHARS = 12_000
"""A session holds 16 KiB."""
MOST_PIECES = 32
"""About 280 KB: the statement of a month is a tenth of that."""
_TOKEN = re.compile(r"[A-Za-z0-9_-]{32}")
HEADERS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


class Files:
    """Keeps files for a day. `public_url` is where the world reaches us; without one there are no links."""

    def __init__(self, sessions: Sessions, scope: str, public_url: str) -> None:
        self._sessions = sessions
        self._scope = scope
        self._public_url = public_url.rstrip("/")

    def routes(self) -> list[web.RouteDef]:
        """Where links lead."""
        return [web.get(f"{FILE_PATH}/{{token}}/{{name}}", self._serve)] if self._public_url else []

    async def link(self, file: File) -> str:
        """A link to the file; "" when there can be none."""
        pieces = [file.data[at : at + PIECE_CHARS] for at in range(0, len(file.data), PIECE_CHARS)]
        if not self._public_url or len(pieces) > MOST_PIECES:
            return ""
        token = secrets.token_urlsafe(24)
        head = {"name": file.name, "type": file.media_type, "pieces": len(pieces)}
        try:
            for number, piece in enumerate(pieces):
                await self._sessions.save(self._key(token, str(number)), {"piece": piece}, ttl_s=LASTS_S)
            await self._sessions.save(self._key(token, "head"), head, ttl_s=LASTS_S)
        except Trouble:
            return ""
        return f"{self._public_url}{FILE_PATH}/{token}/{quote(file.name)}"

    async def _serve(self, request: web.Request) -> web.Response:
        token = request.match_info["token"]
        file = await self._kept(token) if _TOKEN.fullmatch(token) else None
        if file is None:
            gone = "\n".join(text(language, "file.link_over") for language in LANGUAGES)
            return web.Response(status=404, text=gone, headers=HEADERS)
        named = f"attachment; filename*=UTF-8''{quote(file.name)}"
        headers = {**HEADERS, "Content-Disposition": named}
        return web.Response(body=file.content(), content_type=file.media_type.split(";")[0], headers=headers)

    async def _kept(self, token: str) -> File | None:
        """The file as it was kept; None when a part of it is gone."""
        try:
            head = await self._sessions.load(self._key(token, "head"))
            name, media_type, count = head.get("name"), head.get("type"), head.get("pieces")
            if not (isinstance(name, str) and isinstance(media_type, str) and isinstance(count, int)):
                return None
            pieces = [(await self._sessions.load(self._key(token, str(n)))).get("piece") for n in range(count)]
        except Trouble:
            return None
        data = "".join(piece for piece in pieces if isinstance(piece, str))
        whole = all(isinstance(piece, str) for piece in pieces)
        return File(name=name, media_type=media_type, data=data) if whole and _is_base64(data) else None

    def _key(self, token: str, part: str) -> str:
        return f"wechat:{self._scope}:file:{token}:{part}"


def _is_base64(data: str) -> bool:
    try:
        b64decode(data, validate=True)
    except ValueError:
        return False
    return True
