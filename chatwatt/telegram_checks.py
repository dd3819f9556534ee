"""Looks at the setup of a Telegram bot without sending anything to anybody: token, webhook or polling, and the clock.

The token is part of every address, so nothing of an address and no word of a library's error leaves this module (A7).
"""

from __future__ import annotations

from typing import Any

import aiohttp

from bot.channels.telegram import WEBHOOK_PATH
from chatwatt.payment_checks import REACH_S_MAX, Finding, address, reach
from chatwatt.settings import Settings
from prepaid.ports import Clock

WHY_CHARS = 120


async def look_at_telegram(settings: Settings, clock: Clock) -> list[Finding]:
    """All lines about the bot."""
    findings = []
    url = f"{settings.public_url.rstrip('/')}{WEBHOOK_PATH}"
    webhook = settings.telegram_mode == "webhook"
    if webhook:
        findings.append(_secret(settings))
        findings.append(address("webhook", url, want_path=WEBHOOK_PATH))
    reached = await reach(settings.telegram_api, clock)
    findings += reached
    if not reached[0].ok:
        return findings
    bot = await ask_telegram(settings, "getMe")
    name = bot.get("username")
    if not name:
        return [*findings, Finding(name="token", ok=False, what="check.telegram_token_bad", do="check.do_botfather")]
    findings.append(Finding(name="token", ok=True, what="check.telegram_token_ok", params={"bot": str(name)}))
    return [*findings, _intake(await ask_telegram(settings, "getWebhookInfo"), url if webhook else "")]


def _secret(settings: Settings) -> Finding:
    if settings.telegram_webhook_secret is None:
        params = {"why": "CHATWATT_TELEGRAM_WEBHOOK_SECRET"}
        return Finding(name="settings", ok=False, what="check.settings_bad", do="check.do_settings", params=params)
    return Finding(name="settings", ok=True, what="check.settings_ok")


def _intake(info: dict[str, Any], wanted: str) -> Finding:
    """Where Telegram brings updates now, and what it last said about bringing them."""
    waiting = str(info.get("pending_update_count", 0))
    if str(info.get("url", "")) != wanted:
        return Finding(name="intake", ok=True, what="check.telegram_elsewhere", do="check.do_telegram_start")
    trouble = str(info.get("last_error_message", ""))[:WHY_CHARS]
    if wanted and trouble:
        params = {"why": trouble}
        return Finding(name="intake", ok=False, what="check.telegram_not_taken", do="check.do_door", params=params)
    what = "check.telegram_webhook" if wanted else "check.telegram_polling"
    return Finding(name="intake", ok=True, what=what, params={"waiting": waiting})


async def ask_telegram(settings: Settings, method: str) -> dict[str, Any]:
    """The result of a call that changes nothing; empty when it was refused or not answered."""
    token = settings.telegram_token.get_secret_value() if settings.telegram_token else ""
    url = f"{settings.telegram_api.rstrip('/')}/bot{token}/{method}"
    timeout = aiohttp.ClientTimeout(total=REACH_S_MAX)
    try:
        async with aiohttp.ClientSession(timeout=timeout) as session, session.post(url, json={}) as answer:
            found = await answer.json(content_type=None)
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        return {}
    result = found.get("result") if isinstance(found, dict) else None
    return result if isinstance(result, dict) else {}
