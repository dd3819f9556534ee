"""What WeChat Pay's settings must be, and that their secrets do not show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from payments.providers.wechat_pay import WeChatPayConfig
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


def test_a_sandbox_is_known_as_one(settings: dict[str, Any]) -> None:
    """A production start can tell a gateway on this machine from the real one."""
    assert WeChatPayConfig.model_validate(settings).is_sandbox
    real = settings | {
        "base_url": "https://api.mch.weixin.qq.com",
        "notify_url": "https://example.com/notify/wechat_pay",
    }
    assert not WeChatPayConfig.model_validate(real).is_sandbox
