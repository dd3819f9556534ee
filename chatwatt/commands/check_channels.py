"""`chatwatt check channels`: is each chat channel set up rightly? Needs no stores, and writes to nobody."""

from __future__ import annotations

import os
from collections.abc import Callable

from bot.texts import language_for, text
from chatwatt.clock import SystemClock
from chatwatt.commands.check_payments import line
from chatwatt.payment_checks import Finding
from chatwatt.settings import Settings, WeChatSettings, load, load_wechat
from chatwatt.telegram_checks import look_at_telegram
from chatwatt.wechat_checks import look_at_wechat
from prepaid.ports import Clock

Say = Callable[[str], object]


async def run() -> int:
    """0 when every line says ok, else 1."""
    language = language_for(os.environ.get("LC_ALL") or os.environ.get("LANG") or "en")
    return await check(load(), load_wechat(), SystemClock(), language, print)


async def check(settings: Settings, wechat: WeChatSettings, clock: Clock, language: str, say: Say) -> int:
    """Every channel that is set up, a line for each thing that was looked at."""
    found: dict[str, list[Finding]] = {}
    if settings.telegram_token is not None:
        found["telegram"] = await look_at_telegram(settings, clock)
    if wechat.given:
        found["wechat"] = await look_at_wechat(wechat, settings.public_url, clock, language)
    if not found:
        say(text(language, "check.no_channel"))
    for channel, findings in found.items():
        for finding in findings:
            say(line(channel, finding, language))
    return 0 if all(finding.ok for findings in found.values() for finding in findings) else 1
