"""What WeChat Pay's settings must be, and that their secrets do not show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from chatwatt.clock import SystemClock
from chatwatt.settings import Settings, WeChatPaySettings
from chatwatt.wiring import real_providers
from payments.providers.wechat_pay import WeChatPayConfig
from prepaid.domain.errors import Refused
from sandbox.wechat_pay import SandboxWeChatPay
from tests.fakes.payment_rig import fresh_keys_dir


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, Any]:
    sandbox = SandboxWeChatPay(keys_dir=fresh_keys_dir(tmp_path))
    sandbox.base_url = "http://127.0.0.1:9"
    return sandbox.merchant_config("http://127.0.0.1:9/notify/wechat_pay").model_dump()


@pytest.mark.parametrize(
    "change",
    [
        {"base_url": "http://api.mch.weixin.qq.com"},
        {"backup_url": "ftp://127.0.0.1"},
        {"notify_url": "http://example.com/notify/wechat_pay"},
        {"notify_url": "https://example.com/notify/wechat_pay?a=b"},
        {"notify_url": "https://user:pw@example.com/notify"},
        {"api_v3_key": "short"},
        {"api_v3_key": "k" * 33},
        {"merchant_private_key_pem": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"},
        {"public_key_pem": None},
        {"public_key_id": None},
        {"public_key_id": None, "public_key_pem": None, "platform_certificates": {}},
        {"platform_certificates": {"AB": "nonsense"}},
        {"mchid": 'x",nonce_str="'},
        {"timeout_s": 0},
        {"timeout_s": 300},
        {"surprise": 1},
    ],
    ids=",".join,
)
def test_wrong_settings_are_refused_without_being_shown(settings: dict[str, Any], change: dict[str, Any]) -> None:
    """A7: plain http beyond this machine, half a key pair, or a wrong key is refused; no value is repeated."""
    with pytest.raises(ValidationError) as caught:
        WeChatPayConfig.model_validate(settings | change)
    assert settings["api_v3_key"] not in str(caught.value)
    assert "PRIVATE KEY" not in str(caught.value)


def test_secrets_do_not_show(settings: dict[str, Any]) -> None:
    """A7: neither the private key nor the APIv3 key stands in a repr."""
    shown = repr(WeChatPayConfig.model_validate(settings))
    assert settings["api_v3_key"] not in shown
    assert "PRIVATE KEY" not in shown


REAL = {
    "mchid": "1900000109",
    "base_url": "https://api.mch.weixin.qq.com",
    "notify_url": "https://example.com/notify/wechat_pay",
    "public_key_id": "PUB_KEY_ID_0119000001092026112500000000",
    "platform_certificates": {},
}


@pytest.mark.parametrize("field", sorted(set(REAL) - {"notify_url"}))
def test_a_sandbox_is_known_by_each_of_its_marks(settings: dict[str, Any], field: str) -> None:
    """A production start can tell a sandbox by its gateway, its merchant, its key's id, or its certificate's issuer."""
    assert not WeChatPayConfig.model_validate(settings | REAL).is_sandbox
    assert WeChatPayConfig.model_validate(settings | REAL | {field: settings[field]}).is_sandbox


@pytest.mark.parametrize(
    ("mode", "public_key", "accepted"),
    [
        ("public_key", True, True),
        ("public_key", False, False),
        ("switching", True, True),
        ("switching", False, False),
        ("certificates", True, True),
        ("certificates", False, True),
    ],
)
def test_a_mode_has_the_keys_that_it_needs(
    settings: dict[str, Any], mode: str, *, public_key: bool, accepted: bool
) -> None:
    """Only who relies on certificates can do without a public key."""
    change: dict[str, Any] = {"key_mode": mode, "platform_certificates": {}}
    if not public_key:
        change |= {"public_key_id": None, "public_key_pem": None}
    if not accepted:
        with pytest.raises(ValidationError):
            WeChatPayConfig.model_validate(settings | change)
        return
    config = WeChatPayConfig.model_validate(settings | change)
    assert config.downloads is (mode != "public_key")
    assert config.asks_with == (None if mode == "certificates" else config.public_key_id)


def test_a_certificate_stands_under_its_own_number(settings: dict[str, Any]) -> None:
    """A certificate that is given under another serial number would verify what it must not."""
    (pem,) = settings["platform_certificates"].values()
    with pytest.raises(ValidationError):
        WeChatPayConfig.model_validate(settings | {"platform_certificates": {"AB12": pem}})


async def test_a_production_start_refuses_the_sandbox(settings: dict[str, Any], tmp_path: Path) -> None:
    """A sandbox's keys are refused although the gateway is the real one; so is a gateway without https."""
    (tmp_path / "key.pem").write_text(settings["merchant_private_key_pem"])
    (tmp_path / "pub.pem").write_text(settings["public_key_pem"])
    given = WeChatPaySettings(
        mchid=settings["mchid"],
        appid=settings["appid"],
        merchant_serial=settings["merchant_serial"],
        merchant_private_key_file=tmp_path / "key.pem",
        api_v3_key=SecretStr(settings["api_v3_key"]),
        public_key_id=settings["public_key_id"],
        public_key_file=tmp_path / "pub.pem",
    )
    program = Settings(public_url="https://example.com")
    with pytest.raises(Refused, match=r"refused\.sandbox_gateway"):
        real_providers(program, given, SystemClock())
    real = given.model_copy(update={"mchid": REAL["mchid"], "public_key_id": REAL["public_key_id"]})
    assert set(real_providers(program, real, SystemClock())) == {"wechat_pay"}
    with pytest.raises(Refused, match=r"refused\.provider_not_set_up"):
        real_providers(program, real.model_copy(update={"base_url": "http://gateway.example.com"}), SystemClock())
