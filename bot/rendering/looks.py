"""How a message looks in each channel, as plain JSON: what a page shows that compares the channels.

The renderers are those of the channels themselves, so that what a channel lacks is seen to be missing. A photograph is
the drawing that it is made of.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import segno

from bot.conversations.parts import Chart, File, Part, PayQR
from bot.rendering import telegram_html, wechat_text
from bot.rendering.charts import svg

Look = list[Mapping[str, Any]]
OWN, TELEGRAM, WECHAT = "own", "telegram", "wechat"
SKINS = (OWN, TELEGRAM, WECHAT)
"""How the page can show a message; the first is its own way, which needs no rendering."""


def looks(parts: Sequence[Part]) -> Mapping[str, Look]:
    """A message in every channel's look."""
    return {TELEGRAM: telegram(parts), WECHAT: wechat(parts)}


def telegram(parts: Sequence[Part]) -> Look:
    """Texts with their keyboards, then photographs and documents, as `bot.channels.telegram_show` sends them."""
    texts = [{"html": message.html, "keyboard": _keys(message)} for message in telegram_html.render(parts)]
    return [*texts, *(_extra(part) for part in parts if isinstance(part, PayQR | Chart | File))]


def wechat(parts: Sequence[Part]) -> Look:
    """What an official account sends: the first one as its answer, and charts as pictures."""
    texts = [{"text": text} for text in wechat_text.render([wechat_text.without_bars(part) for part in parts])]
    drawn = [part for part in parts if isinstance(part, Chart) or (isinstance(part, File) and part.is_picture)]
    return [*texts, *({"photo": chart_uri(part) if isinstance(part, Chart) else file_uri(part)} for part in drawn)]


def qr_uri(uri: str) -> str:
    """A payment code as an SVG in a data URI, which an image shows without any script (error level m, border 4)."""
    code = segno.make(uri, micro=False, error="m")
    image: str = code.svg_data_uri(border=4, dark="#16202c", light="#ffffff", scale=4)
    return image


def _keys(message: telegram_html.Message) -> list[list[Mapping[str, str]]]:
    return [[asdict(key) for key in row] for row in message.keyboard]


def _extra(part: PayQR | Chart | File) -> Mapping[str, Any]:
    caption = telegram_html.caption(part)
    if isinstance(part, File) and part.is_picture:
        return {"photo": file_uri(part), "caption": caption}
    if isinstance(part, File):
        return {"document": part.name, "caption": caption, "href": file_uri(part)}
    return {"photo": chart_uri(part) if isinstance(part, Chart) else qr_uri(part.uri), "caption": caption}


def file_uri(part: File) -> str:
    """A file in a data URI."""
    return f"data:{part.media_type};base64,{part.data}"


def chart_uri(chart: Chart) -> str:
    """A chart's drawing in a data URI."""
    return f"data:image/svg+xml;base64,{b64encode(svg(chart).encode()).decode()}"
