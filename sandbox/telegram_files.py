"""Files at the Telegram stand-in: what people send, fetched by its path. The forms of calls are read here too."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from sandbox.telegram_checks import bad_request

MOST_FETCHED_BYTES = 20 * 1024 * 1024


class SentFiles:
    """What people have sent, by its file id."""

    def __init__(self, token: str) -> None:
        self._token = token
        self._files: dict[str, bytes] = {}
        self.fetched: list[str] = []
        """The ids of the files that were asked for, in order."""

    def keep(self, content: bytes) -> str:
        """Keeps a file; returns its id."""
        file_id = f"file{len(self._files)}"
        self._files[file_id] = content
        return file_id

    def path_of(self, file_id: object) -> dict[str, Any]:
        """The answer to getFile."""
        self.fetched.append(str(file_id))
        content = self._files.get(str(file_id))
        if content is None:
            raise bad_request("wrong file_id or the file is temporarily unavailable")
        if len(content) > MOST_FETCHED_BYTES:
            raise bad_request("file is too big")
        known = {"file_id": file_id, "file_unique_id": f"u{file_id}", "file_size": len(content)}
        return {**known, "file_path": f"documents/{file_id}.bin"}

    async def serve(self, request: web.Request) -> web.Response:
        """The file itself."""
        name = request.match_info["name"].removesuffix(".bin")
        if request.match_info["token"] != self._token or name not in self._files:
            raise web.HTTPNotFound
        return web.Response(body=self._files[name])


async def read_params(request: web.Request) -> dict[str, Any]:
    """The parameters of a call, sent as a form, as multipart or as JSON."""
    if request.content_type == "application/json":
        return dict(await request.json())
    form = await request.post()
    return {name: _value(value) for name, value in form.items()}


def _value(value: str | bytes | bytearray | web.FileField) -> Any:
    if isinstance(value, web.FileField):
        return value.file.read()
    if isinstance(value, str) and value[:1] in {"{", "["}:
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value
