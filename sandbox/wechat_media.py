"""Temporary pictures in the stand-in for WeChat, both ways: kept for three days, and looked at before that."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from aiohttp import web

from sandbox.wechat_checks import BadCallError

PICTURE_BYTES = 10 * 1024 * 1024
KEPT_S = 3 * 24 * 3600
_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"


@dataclass(slots=True)
class Pictures:
    """What was uploaded, and until when it is kept."""

    kept: dict[str, tuple[bytes, float]] = field(default_factory=dict)

    async def take(self, request: web.Request, now_s: int) -> dict[str, object]:
        """The answer to an upload. Raises `BadCallError` for what WeChat would not take."""
        if request.query.get("type") != "image":
            raise BadCallError(40004, "invalid media type")
        if request.content_type != "multipart/form-data":
            raise BadCallError(41005, "media data missing")
        form = await request.post()
        media = form.get("media")
        if set(form) != {"media"} or not isinstance(media, web.FileField) or not media.filename:
            raise BadCallError(41005, "media data missing")
        content = media.file.read()
        if not content or len(content) > PICTURE_BYTES:
            raise BadCallError(40009, "invalid image size")
        if not content.startswith((_PNG, _JPEG)):
            raise BadCallError(40137, "invalid image format")
        number = secrets.token_urlsafe(48)
        self.kept[number] = (content, now_s + KEPT_S)
        return {"type": "image", "media_id": number, "created_at": now_s}

    def sent(self, content: bytes, now_s: int) -> str:
        """The number of a picture that a person sends."""
        number = secrets.token_urlsafe(48)
        self.kept[number] = (content, now_s + KEPT_S)
        return number

    def look(self, number: object, now_s: int) -> bytes:
        """A picture that is still kept."""
        content, until = self.kept.get(str(number), (b"", 0.0))
        if now_s >= until:
            raise BadCallError(40007, "invalid media_id")
        return content
