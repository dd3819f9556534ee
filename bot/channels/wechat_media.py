"""An answer as what an official account can send: texts, links to files among them, and pictures after them.

A message is a text, or the number of an uploaded picture behind a mark that no text of ours contains, so that turns
keep and hand on both alike.
"""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from bot.channels.wechat_api import WeChatApi
from bot.channels.wechat_files import Files
from bot.conversations.parts import Chart, File, Part, Text
from bot.rendering.painter import Painter
from bot.rendering.wechat_text import render, without_bars
from prepaid.domain.errors import Trouble

MOST_PICTURES = 2
"""The answer and its pictures have to fit into the five messages that a person's words allow."""
_MARK = "\x02picture:"
_log = structlog.get_logger()


def picture_in(message: str) -> str:
    """The number of the picture that a message is; "" for a text."""
    return message.removeprefix(_MARK) if message.startswith(_MARK) else ""


class Media:
    """Makes messages of parts. What cannot be drawn, uploaded or kept is told in words as before."""

    def __init__(self, api: WeChatApi, files: Files) -> None:
        self._api = api
        self._files = files
        self._painter = Painter()

    async def close(self) -> None:
        """Ends what draws for it."""
        await self._painter.close()

    async def messages(self, parts: Sequence[Part]) -> list[str]:
        """The messages to send, texts first."""
        words: list[Part] = []
        pictures: list[str] = []
        for part in parts:
            picture = await self._picture(part) if _is_drawn(part) and len(pictures) < MOST_PICTURES else ""
            pictures += [picture] * bool(picture)
            words.append(_beside(part) if picture else await self._linked(part))
        return [*(words.replace(_MARK, "") for words in render(words)), *(_MARK + number for number in pictures)]

    async def _picture(self, part: Part) -> str:
        """The number of the uploaded picture; "" when there is none."""
        try:
            if isinstance(part, File):
                return await self._api.upload_picture(part.content(), name=part.name, media_type=part.media_type)
            return await self._api.upload_picture(await self._painter.png(part)) if isinstance(part, Chart) else ""
        except Trouble as trouble:
            _log.warning("wechat_picture_left_out", trouble=trouble.key, code=trouble.params.get("code"))
            return ""

    async def _linked(self, part: Part) -> Part:
        if not isinstance(part, File):
            return part
        link = await self._files.link(part)
        return Text(body=f"{part.caption or part.name}\n{link}") if link else part


def _is_drawn(part: Part) -> bool:
    return isinstance(part, Chart) or (isinstance(part, File) and part.is_picture)


def _beside(part: Part) -> Part:
    """What stays among the words of what goes out as a picture."""
    return Text(body=part.caption or part.name) if isinstance(part, File) else without_bars(part)
