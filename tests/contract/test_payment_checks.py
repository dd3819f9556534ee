"""What `chatwatt check payments` looks at, against a stand-in with real signatures. No money moves in any of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from bot.texts import has, placeholders
from chatwatt.clock import SystemClock
from chatwatt.commands.check_payments import Way, check, line
from chatwatt.payment_checks import Finding, Setup, ask, look
from chatwatt.settings import Settings
from payments.providers.wechat_pay import WeChatPay
from prepaid.domain.errors import Refused
from tests.fakes.certificates import Authority
from tests.fakes.payment_rig import Rig, fresh_keys_dir, payment_rig
from tests.fakes.running_demo import run_program

GATEWAY = "https://api.example.com"
NOTIFY = "https://pay.example.com/notify/wechat_pay"
SETUP = Setup(name="wechat_pay", fields={}, gateway=GATEWAY, notify_url=NOTIFY)


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    """Provider and stand-in."""
    async with payment_rig(fresh_keys_dir(tmp_path)) as rig:
        yield rig


def here(rig: Rig) -> Setup:
    """The setup whose gateway is the stand-in."""
    return replace(SETUP, gateway=rig.sandbox.base_url)


def by_name(findings: list[Finding]) -> dict[str, tuple[bool, str]]:
    """How each line came out."""
    for finding in findings:
        for key in (finding.what, finding.do):
            assert not key or (has(key) and placeholders("en", key) <= finding.params.keys()), finding
    return {finding.name: (finding.ok, finding.what) for finding in findings}


async def test_a_right_setup_is_found_right(rig: Rig) -> None:
    """M9: the gateway answers, clocks agree, a question about no order is signed and answered; nothing was opened."""
    findings = by_name(await ask(here(rig), rig.provider, rig.clock, "en"))
    assert findings == {
        "reach": (True, "check.reached"),
        "clock": (True, "check.clock_ok"),
        "signature": (True, "check.sign_ok"),
    }
    assert not rig.inbox.rows


async def test_a_private_key_of_somebody_else_is_found(rig: Rig) -> None:
    """A4: the provider refuses what it cannot verify, and the line says which keys to compare."""
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = other.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    wrong = WeChatPay(rig.provider._config.model_copy(update={"merchant_private_key_pem": pem}), rig.clock)
    try:
        findings = await ask(here(rig), wrong, rig.clock, "en")
    finally:
        await wrong.aclose()
    assert by_name(findings)["signature"] == (False, "check.sign_refused")
    assert "SIGN_ERROR" in line("wechat_pay", findings[-1], "en")


async def test_a_clock_that_is_off_is_found(rig: Rig) -> None:
    """Y4, A4: more than a minute from the provider's Date is said before signatures begin to fail for it."""
    rig.clock.ahead = timedelta(minutes=2)
    findings = by_name(await ask(here(rig), rig.provider, rig.clock, "en"))
    assert findings["clock"] == (False, "check.clock_off")
    assert "signature" not in findings


async def test_a_gateway_that_does_not_answer_is_found(rig: Rig) -> None:
    """Y7: no connection is said as such, within seconds."""
    findings = by_name(await ask(replace(SETUP, gateway="http://127.0.0.1:9"), rig.provider, rig.clock, "en"))
    assert findings == {"reach": (False, "check.unreachable")}


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("https://pay.example.com/notify/wechat_pay", "check.url_ok"),
        ("http://pay.example.com/notify/wechat_pay", "check.url_not_https"),
        ("/notify/wechat_pay", "check.url_not_https"),
        ("https://localhost/notify/wechat_pay", "check.url_not_public"),
        ("https://127.0.0.1/notify/wechat_pay", "check.url_not_public"),
        ("https://192.168.1.4/notify/wechat_pay", "check.url_not_public"),
        ("https://[fe80::1]/notify/wechat_pay", "check.url_not_public"),
        ("https://gateway.local/notify/wechat_pay", "check.url_not_public"),
        ("https://pay.example.com/notify/wechat_pay?site=1", "check.url_not_plain"),
        ("https://me@pay.example.com/notify/wechat_pay", "check.url_not_plain"),
        ("https://pay.example.com/elsewhere", "check.url_path"),
    ],
)
def test_the_rules_of_notification_addresses(url: str, what: str) -> None:
    """M7: an address that a provider would not call is found before the first payment."""
    found = by_name(list(look(replace(SETUP, notify_url=url), SystemClock().now())))
    assert found["notify_url"] == (what == "check.url_ok", what)


def test_a_sandbox_gateway_is_not_for_real_money() -> None:
    """M5: plain http, and this machine, are refused as a gateway."""
    for gateway in ("http://127.0.0.1:8000", "https://127.0.0.1:8000", "http://api.example.com"):
        assert not by_name(list(look(replace(SETUP, gateway=gateway), SystemClock().now())))["gateway"][0]


def test_a_key_file_that_others_can_read_is_found(tmp_path: Path) -> None:
    """A7: the private key is for its owner's eyes."""
    key, now = tmp_path / "key.pem", SystemClock().now()
    setup = replace(SETUP, private_files=(key,))
    assert by_name(list(look(setup, now)))["key_file"] == (False, "check.file_missing")
    key.touch(mode=0o644)
    assert by_name(list(look(setup, now)))["key_file"] == (False, "check.file_open")
    key.chmod(0o600)
    assert by_name(list(look(setup, now)))["key_file"] == (True, "check.file_ok")


@pytest.mark.parametrize(
    ("days", "ok", "what", "do"),
    [
        (0, True, "check.certificate_ok", "check.do_renew"),
        (2, False, "check.certificate_ended", "check.do_certificate"),
        (-401, False, "check.certificate_early", "check.do_clock"),
    ],
)
def test_the_end_of_a_certificate_is_seen_coming(tmp_path: Path, days: int, ok: bool, what: str, do: str) -> None:
    """A4: one that ends within a month is said, one that has ended or has not begun fails, alone or among others."""
    pem = Authority(tmp_path).ca_file.read_text()
    now = SystemClock().now() + timedelta(days=days)
    for value in (pem, {"7A": pem}):
        findings = list(look(replace(SETUP, fields={"certificates": value, "name": "x"}), now))
        by_name(findings)
        found = next(finding for finding in findings if finding.name == "certificate")
        assert (found.ok, found.what, found.do) == (ok, what, do)
    bad = "-----BEGIN CERTIFICATE-----\nbm90aGluZw==\n-----END CERTIFICATE-----\n"
    assert by_name(list(look(replace(SETUP, fields={"c": bad}), now)))["certificate"] == (
        False,
        "check.certificate_bad",
    )


async def test_half_a_setup_fails_with_what_to_do() -> None:
    """Y7: settings that a provider refuses are one line that says where to look, and the check fails."""

    def fields(_notify_url: str) -> dict[str, object]:
        raise Refused("refused.key_file_missing", file="key.pem")

    said: list[str] = []
    way = Way(name="wechat_pay", given=True, gateway=GATEWAY, private_file=None, fields=fields)
    assert await check([way], Settings(public_url="https://pay.example.com"), SystemClock(), "en", said.append) == 1
    assert any("settings" in each and "FAILED" in each and "->" in each for each in said)
    assert await check([], Settings(), SystemClock(), "zh", said.append) == 0


async def test_the_command_needs_no_stores(tmp_path: Path) -> None:
    """M9: with nothing set up it says so and returns 0; a merchant without keys gives 1; nothing is started."""
    settings = {"CHATWATT_DATA": str(tmp_path / "none"), "LC_ALL": "en"}
    code, out, err = await run_program("check", "payments", settings=settings)
    assert (code, out.strip()) == (0, "no way to pay is set up"), err
    code, out, err = await run_program(
        "check", "payments", settings={**settings, "CHATWATT_WECHAT_PAY_MCHID": "1900000001"}
    )
    assert code == 1, err
    assert "wechat_pay settings     FAILED" in out
    assert not (tmp_path / "none").exists()
