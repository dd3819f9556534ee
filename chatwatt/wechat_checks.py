"""Looks at the setup of a WeChat official account without sending anything to anybody.

Settings, the address that WeChat calls and whether we answer there as WeChat wants, WeChat's own address and clock, the
app id and secret, and the menu.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping

import aiohttp

from bot.channels.wechat import WEBHOOK_PATH
from bot.channels.wechat_api import WeChatApi
from bot.channels.wechat_menu import buttons, is_same
from bot.channels.wechat_seal import address_signature
from bot.texts import trouble_text
from chatwatt.payment_checks import REACH_S_MAX, Finding, address, reach
from chatwatt.settings import WeChatSettings
from chatwatt.wechat_account import api, templates
from prepaid.domain.errors import Refused, Trouble
from prepaid.ports import Clock

ECHO_CHARS = 300
_DO: Mapping[object, str] = {
    40013: "check.do_wechat_app_id",
    40002: "check.do_wechat_app_id",
    40125: "check.do_wechat_secret",
    40164: "check.do_wechat_allow",
    48001: "check.do_wechat_kind",
}


class Alone:
    """Sessions and claims of a program that shares nothing: what is found out is not kept."""

    def __init__(self) -> None:
        self._kept: dict[str, Mapping[str, object]] = {}

    async def load(self, key: str) -> Mapping[str, object]:
        return self._kept.get(key, {})

    async def save(self, key: str, state: Mapping[str, object], *, ttl_s: int) -> None:
        del ttl_s
        self._kept[key] = state

    async def claim(self, key: str, *, ttl_s: int) -> bool:
        """Renewing by force would take the token from the running program, so that is left."""
        del ttl_s
        return not key.endswith(":forced")

    async def extend(self, key: str, *, ttl_s: int) -> None:
        """Nobody else claims."""

    async def release(self, key: str) -> None:
        """Nobody else waits."""


async def look_at_wechat(settings: WeChatSettings, public_url: str, clock: Clock, language: str) -> list[Finding]:
    """All lines about the account."""
    findings = _settings(settings, language)
    url = f"{public_url.rstrip('/')}{WEBHOOK_PATH}"
    findings.append(address("webhook", url, want_path=WEBHOOK_PATH))
    if all(finding.ok for finding in findings):
        findings.append(await door(settings, url, clock))
    reached = await reach(settings.api, clock)
    if settings.missing() or not reached[0].ok:
        return [*findings, *reached]
    return [*findings, *reached, *await _account(settings, clock)]


def _settings(settings: WeChatSettings, language: str) -> list[Finding]:
    missing = settings.missing()
    if missing:
        params = {"why": ", ".join(missing)}
        return [Finding(name="settings", ok=False, what="check.settings_bad", do="check.do_settings", params=params)]
    plain = settings.mode == "plain"
    what, do = ("check.wechat_plain", "check.do_wechat_plain") if plain else ("check.settings_ok", "")
    findings = [Finding(name="settings", ok=True, what=what, do=do)]
    try:
        count = len(templates(settings))
    except Refused as refused:
        why = trouble_text(language, refused)
        wrong = Finding(
            name="templates", ok=False, what="check.settings_bad", do="check.do_settings", params={"why": why}
        )
        return [*findings, wrong]
    do = "" if count else "check.do_wechat_templates"
    findings.append(
        Finding(name="templates", ok=True, what="check.wechat_templates", do=do, params={"count": str(count)})
    )
    return findings


async def door(settings: WeChatSettings, url: str, clock: Clock) -> Finding:
    """Whether chatwatt answers at its public address as WeChat's console wants: asked as WeChat asks, from here."""
    echo, stamp, nonce = secrets.token_hex(8), str(int(clock.now().timestamp())), secrets.token_hex(5)
    signed = address_signature(settings.token.get_secret_value(), stamp, nonce)
    query = {"signature": signed, "timestamp": stamp, "nonce": nonce, "echostr": echo}
    timeout = aiohttp.ClientTimeout(total=REACH_S_MAX)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session,
            session.get(url, params=query, allow_redirects=False) as answer,
        ):
            said = (await answer.content.read(ECHO_CHARS)).decode("utf-8", "replace")
            status = answer.status
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        params = {"why": type(error).__name__}
        return Finding(name="door", ok=False, what="check.door_closed", do="check.do_door", params=params)
    if said != echo:
        params = {"why": str(status)}
        return Finding(name="door", ok=False, what="check.door_other", do="check.do_door", params=params)
    return Finding(name="door", ok=True, what="check.door_open")


async def _account(settings: WeChatSettings, clock: Clock) -> list[Finding]:
    alone = Alone()
    calls = api(settings, alone, alone, clock)
    try:
        findings = [await _token(calls)]
        if findings[0].ok:
            findings.append(await _menu(calls))
    finally:
        await calls.close()
    return findings


async def _token(calls: WeChatApi) -> Finding:
    try:
        await calls.warm()
    except Trouble as trouble:
        return _refused("token", "check.wechat_token_bad", trouble)
    return Finding(name="token", ok=True, what="check.wechat_token_ok")


async def _menu(calls: WeChatApi) -> Finding:
    try:
        standing = await calls.menu()
    except Trouble as trouble:
        return _refused("menu", "check.wechat_menu_bad", trouble)
    if is_same(standing, buttons()):
        return Finding(name="menu", ok=True, what="check.wechat_menu_ok")
    return Finding(name="menu", ok=True, what="check.wechat_menu_other", do="check.do_wechat_menu")


def _refused(name: str, what: str, trouble: Trouble) -> Finding:
    code = trouble.params.get("code", trouble.params.get("kind", ""))
    do = _DO.get(code, "check.do_wechat_console")
    return Finding(name=name, ok=False, what=what, do=do, params={"why": str(code)})
