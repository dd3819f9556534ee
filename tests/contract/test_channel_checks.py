"""What `chatwatt check channels` looks at, against the stand-ins for Telegram and WeChat; nobody is written to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from bot.channels.wechat import WEBHOOK_PATH
from bot.texts import has, placeholders
from chatwatt import wechat_checks
from chatwatt.clock import SystemClock
from chatwatt.commands.check_channels import check
from chatwatt.payment_checks import Finding
from chatwatt.settings import WeChatSettings, load
from chatwatt.telegram_checks import look_at_telegram
from chatwatt.wechat_checks import door, look_at_wechat
from sandbox.telegram import TelegramSandbox
from sandbox.wechat import AES_KEY, APP_ID, APP_SECRET, TOKEN
from tests.contract.test_telegram_story import PlainSessions
from tests.contract.test_wechat_webhook import Echo
from tests.fakes.wechat_rig import Account, PlainClaims, account

CLOCK = SystemClock()
PUBLIC = "https://meters.example.com"


def by_name(findings: list[Finding]) -> dict[str, tuple[bool, str, str]]:
    """How each line came out; every key has its texts."""
    for finding in findings:
        for key in (finding.what, finding.do):
            assert not key or (has(key) and placeholders("en", key) <= finding.params.keys()), finding
    return {finding.name: (finding.ok, finding.what, finding.do) for finding in findings}


@pytest.fixture
async def wechat() -> AsyncIterator[Account]:
    """A running account by the real clock."""
    async with account(Echo(), PlainSessions(), PlainClaims(), CLOCK) as opened:
        yield opened


def settings_of(wechat: Account, **changes: Any) -> WeChatSettings:
    """The settings that fit it."""
    right: dict[str, Any] = {
        "app_id": APP_ID,
        "secret": SecretStr(APP_SECRET),
        "token": SecretStr(TOKEN),
        "aes_key": SecretStr(AES_KEY),
        "api": wechat.sandbox.api_base,
    }
    return WeChatSettings(**{**right, **changes})


async def test_a_right_wechat_account_is_found_right(wechat: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every line is well, the own door is tried as WeChat tries it, and nothing but questions was asked."""
    url = wechat.sandbox.server_url
    # The public address of this test is on loopback.
    monkeypatch.setattr(wechat_checks, "door", lambda settings, _url, clock: door(settings, url, clock))
    found = by_name(await look_at_wechat(settings_of(wechat), PUBLIC, CLOCK, "en"))
    assert all(ok for ok, _, _ in found.values()), found
    assert found.keys() == {"settings", "templates", "webhook", "door", "reach", "clock", "token", "menu"}
    assert {path for path, _ in wechat.sandbox.calls} <= {"stable_token", "menu/get", "menu/create"}
    assert wechat.sandbox.tokens.forced == 0


async def test_what_is_wrong_with_wechat_is_named(wechat: Account, tmp_path: Path) -> None:
    """A wrong secret, address, token, mode, template or host fails its own line with what to do; no secret is shown."""
    url = wechat.sandbox.server_url
    broken = tmp_path / "templates.yaml"
    broken.write_text("low_balance: [")
    cases: list[tuple[dict[str, Any], str, str]] = [
        ({"secret": SecretStr("another-secret")}, "token", "check.do_wechat_secret"),
        ({"app_id": "wx0000000000000000"}, "token", "check.do_wechat_app_id"),
        ({"secret": SecretStr("")}, "settings", "check.do_settings"),
        ({"mode": "plain", "aes_key": SecretStr("")}, "settings", "check.do_wechat_plain"),
        ({"templates_file": broken}, "templates", "check.do_settings"),
        ({"api": "http://127.0.0.1:1"}, "reach", "check.do_reach"),
    ]
    for changes, name, wanted in cases:
        findings = await look_at_wechat(settings_of(wechat, **changes), "http://127.0.0.1", CLOCK, "en")
        assert by_name(findings)[name][2] == wanted, changes
        assert by_name(findings)["webhook"][0] is False
        assert not any(secret in repr(findings) for secret in ("another-secret", APP_SECRET, TOKEN, AES_KEY))
    wechat.sandbox.fail("stable_token", 40164)
    findings = await look_at_wechat(settings_of(wechat), "http://127.0.0.1", CLOCK, "en")
    assert by_name(findings)["token"][2] == "check.do_wechat_allow"
    other = settings_of(wechat, token=SecretStr("anotherToken"))
    assert (await door(other, url, CLOCK)).what == "check.door_other"
    assert (await door(other, "http://127.0.0.1:1/", CLOCK)).what == "check.door_closed"
    assert (await door(other, url.replace(WEBHOOK_PATH, "/"), CLOCK)).what == "check.door_other"


async def test_telegrams_token_and_way_in_are_looked_at() -> None:
    """A good token, a wrong one, a webhook that is elsewhere: each line says so, and no token is shown."""
    said: list[str] = []
    async with TelegramSandbox() as sandbox:
        right = {"telegram_token": sandbox.token, "telegram_api": sandbox.api_base}
        found = by_name(await look_at_telegram(load(**right), CLOCK))
        assert found["token"][0]
        assert found["intake"] == (True, "check.telegram_polling", "")
        webhook = {**right, "telegram_mode": "webhook", "public_url": PUBLIC, "telegram_webhook_secret": "s"}
        found = by_name(await look_at_telegram(load(**webhook), CLOCK))
        assert found["webhook"][0]
        assert found["intake"][1:] == ("check.telegram_elsewhere", "check.do_telegram_start")
        wrong = {**right, "telegram_token": "1:" + "x" * 35}
        nothing = WeChatSettings(app_id="")
        assert await check(load(**wrong), nothing, CLOCK, "zh", said.append) == 1
        assert await check(load(**right), nothing, CLOCK, "en", said.append) == 0
        assert await check(load(), nothing, CLOCK, "en", said.append) == 0
        assert sandbox.token not in "".join(said)
        assert "x" * 35 not in "".join(said)
        assert {call.method for call in sandbox.calls} == {"getMe", "getWebhookInfo"}
    assert any("@BotFather" in each for each in said)
