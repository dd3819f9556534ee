"""What the door is given: the business, words, limits and the proofs of who somebody is."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from miniprogram_api.later import Later
from prepaid.domain.errors import Trouble
from prepaid.domain.finance import Finance
from prepaid.domain.notices import Notice
from prepaid.ports import Business
from prepaid.usecases.compare_site import SiteTotal, UseReport
from prepaid.usecases.place_losses import Allocation
from prepaid.usecases.usage_report import Losses, UsageReport

Analysis = UseReport | Allocation | tuple[Losses, ...] | tuple[SiteTotal, ...]


class Words(Protocol):
    """Sentences for people, by key, in Chinese and English."""

    def text(self, language: str, key: str, **params: object) -> str:
        """The text of a key."""
        ...

    def trouble(self, language: str, trouble: Trouble) -> str:
        """What to tell a person about trouble."""
        ...

    def notice(self, language: str, notice: Notice) -> str:
        """A notice as one sentence."""
        ...

    def has(self, key: str) -> bool:
        """Whether there is a text of that key."""
        ...

    def language_for(self, code: str | None) -> str:
        """The nearest language that we have to a code such as "zh-CN"."""
        ...


class Limiter(Protocol):
    """Counts requests, shared by all processes."""

    async def take(self, key: str, *, per_minute: int, burst: int) -> int:
        """0 when the request may go on, else the milliseconds to wait. Redis away: it goes on (Y2)."""
        ...


class CodeExchange(Protocol):
    """Turns the code of `wx.login` into the person's id at WeChat."""

    async def openid(self, code: str) -> str:
        """The openid. `Refused` for a code that is none, `TryAgain` when WeChat does not answer."""
        ...


class Paper(Protocol):
    """Reports as files, "csv" or "xlsx", in the reader's language."""

    async def finance(self, language: str, report: Finance, kind: str) -> bytes:
        """The finance of a month."""
        ...

    async def usage(self, language: str, report: UsageReport, kind: str) -> bytes:
        """The use of a month."""
        ...

    async def analysis(self, language: str, report: Analysis, kind: str) -> bytes:
        """What registers tell."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar of a chart, the one of the period before behind it, and a point of the line over them."""

    label: str
    value: int
    before: int = 0
    line_micro: int = 0


class Drawing(Protocol):
    """Draws the charts that the chat shows as pictures."""

    def bars(
        self,
        *,
        title: str,
        summary: str,
        unit: str,
        scale: int,
        bars: Sequence[Bar],
        line_name: str = "",
        before_name: str = "",
    ) -> str:
        """SVG, with every text in it escaped. `scale` of the values make one of `unit`."""
        ...


Cell = str | int | Decimal


class Tables(Protocol):
    """Writes rows as files that spreadsheets open and never run."""

    def written(self, kind: str, title: str, rows: Sequence[Sequence[Cell]]) -> bytes:
        """A "csv" or an "xlsx"."""
        ...

    def media_type(self, kind: str) -> str:
        """What such a file is called."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Everything that the routes need."""

    business: Business
    words: Words
    limiter: Limiter
    wechat: CodeExchange | None = None
    """None: nobody logs in by `wx.login`."""
    telegram_token: str = ""
    """The bot's token, which proves what Telegram says of a Web App's user; empty: nobody logs in that way."""
    templates: Mapping[str, str] = field(default_factory=dict)
    """Which subscribe message tells which kind of notice ("default" for all others): kind and template id."""
    paper: Paper | None = None
    """None: there are no files."""
    public_url: str = ""
    origins: frozenset[str] = frozenset()
    """Pages elsewhere that may call from a browser."""
    trusted_proxies: int = 0
    """How many proxies of ours stand before the door: an address is believed from the outermost of them only."""
    payer_url: str = ""
    """In a demonstration: where a code is paid without a phone; `{uri}` in it is the code."""
    phones: Mapping[str, str] = field(default_factory=dict)
    """In a demonstration: whom `wx.login` may stand in for without a phone, by openid, with a label."""
    drawing: Drawing | None = None
    """None: pages have no charts."""
    tables: Tables | None = None
    """None: pages have nothing to save."""
    later: Later = field(default_factory=Later)
    """What goes on after it was answered that it does; closed after the server."""
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the program ends: whoever waits for news is answered at once."""
