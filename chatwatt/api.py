"""Gives the JSON door its parts: words from the catalogues, limits in Redis, proofs from the settings."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from bot.delivery import sentence
from bot.rendering import tables
from bot.rendering.report_tables import (
    finance_sheets,
    share_sheets,
    site_losses_sheets,
    sites_sheets,
    usage_sheets,
    use_sheets,
)
from bot.texts import has, language_for, text, trouble_text
from chatwatt.drawing import ChartDrawing, SheetTables
from chatwatt.mini_program import mini_templates
from chatwatt.wiring import Runtime
from miniprogram_api.parts import Analysis, Parts
from miniprogram_api.proofs.wechat import WeChatCodes
from prepaid.domain.errors import Refused, Trouble
from prepaid.domain.finance import Finance
from prepaid.domain.notices import Notice
from prepaid.ports import Business
from prepaid.storage.limiter import Limit, RedisLimiter
from prepaid.usecases.compare_site import SiteTotal, UseReport
from prepaid.usecases.place_losses import Allocation
from prepaid.usecases.usage_report import Losses, UsageReport

LATER_S = 2.0
"""How long what goes on behind a 202 has to end, when the program does."""


class CatalogueWords:
    """Implements `miniprogram_api.parts.Words`."""

    def text(self, language: str, key: str, **params: object) -> str:
        """The text of a key."""
        return text(language, key, **params)

    def trouble(self, language: str, trouble: Trouble) -> str:
        """What to tell a person about trouble."""
        return trouble_text(language, trouble)

    def notice(self, language: str, notice: Notice) -> str:
        """The sentence of a notice; of a payment that is followed, its stage."""
        if notice.stage is not None:
            return text(language, f"pay.stage.{notice.stage}")
        return sentence(notice, language)

    def has(self, key: str) -> bool:
        """Whether there is one."""
        return has(key)

    def language_for(self, code: str | None) -> str:
        """The nearest language."""
        return language_for(code)


class Sheets:
    """Implements `miniprogram_api.parts.Paper`. A large sheet takes a while, so it is made beside the loop."""

    async def finance(self, language: str, report: Finance, kind: str) -> bytes:
        """The finance of a month."""
        return await asyncio.to_thread(lambda: _bytes(finance_sheets(language, report), kind))

    async def usage(self, language: str, report: UsageReport, kind: str) -> bytes:
        """The use of a month."""
        return await asyncio.to_thread(lambda: _bytes(usage_sheets(language, report), kind))

    async def analysis(self, language: str, report: Analysis, kind: str) -> bytes:
        """What registers tell."""
        return await asyncio.to_thread(lambda: _bytes(_analysis(language, report), kind))


def _analysis(language: str, report: Analysis) -> Sequence[tables.Sheet]:
    if isinstance(report, UseReport):
        return use_sheets(language, report)
    if isinstance(report, Allocation):
        return share_sheets(language, report)
    sites = [each for each in report if isinstance(each, SiteTotal)]
    if sites:
        return sites_sheets(language, sites)
    return site_losses_sheets(language, [each for each in report if isinstance(each, Losses)])


def _bytes(made: Sequence[tables.Sheet], kind: str) -> bytes:
    return tables.xlsx_bytes(made) if kind == "xlsx" else tables.csv_bytes(made)


class SharedLimiter:
    """Implements `miniprogram_api.parts.Limiter`: without Redis nobody is turned away."""

    def __init__(self, limiter: RedisLimiter) -> None:
        self._limiter = limiter

    async def take(self, key: str, *, per_minute: int, burst: int) -> int:
        """Milliseconds to wait, 0 for none."""
        limit = Limit(count=per_minute, period_s=60, burst=burst)
        verdict = await self._limiter.take(key, limit, open_when_lost=True)
        return 0 if verdict.allowed else max(1, verdict.retry_after_ms)


@asynccontextmanager
async def open_api(
    runtime: Runtime,
    business: Business,
    stop: asyncio.Event,
    *,
    payer_url: str = "",
    phones: Mapping[str, str] | None = None,
) -> AsyncIterator[Parts | None]:
    """The parts while the program runs; None without a key, which turns the door off.

    `payer_url` and `phones` as in `Parts`. Raises `Refused("refused.mini_half")` for an app id without its secret.
    """
    settings = runtime.settings
    if not business.api_key:
        yield None
        return
    secret = settings.mini_secret.get_secret_value() if settings.mini_secret else ""
    if bool(settings.mini_appid) != bool(secret):
        raise Refused("refused.mini_half")
    codes = WeChatCodes(settings.mini_appid, secret, settings.mini_api)
    async with codes:
        parts = Parts(
            business=business,
            words=CatalogueWords(),
            limiter=SharedLimiter(runtime.limiter),
            wechat=codes if secret else None,
            telegram_token=settings.telegram_token.get_secret_value() if settings.telegram_token else "",
            templates={kind: each.id for kind, each in mini_templates(settings).items()},
            paper=Sheets(),
            public_url=settings.public_url,
            origins=frozenset(settings.api_origins),
            trusted_proxies=settings.trusted_proxies,
            payer_url=payer_url,
            phones=phones or {},
            drawing=ChartDrawing(),
            tables=SheetTables(),
            stopping=stop,
        )
        try:
            yield parts
        finally:
            await parts.later.close(within_s=LATER_S)
