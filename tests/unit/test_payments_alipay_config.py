"""What an Alipay merchant must be told, and how the program is told it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from pydantic import ValidationError

from chatwatt.settings import AlipaySettings, Settings, WeChatPaySettings
from chatwatt.wiring import real_providers
from payments.providers import build
from payments.providers.alipay_config import AlipayConfig
from payments.providers.alipay_crypto import certificate_sn, load_private_key, load_public_key, root_sn
from payments.providers.alipay_words import china_time, fen, instant, yuan
from prepaid.domain.errors import Refused
from prepaid.domain.orders import PayWay
from sandbox.alipay_keys import AlipayKeys, alipay_keys, load
from tests.fakes.alipay_rig import fresh_alipay_dir
from tests.fakes.clock import ManualClock

APP_ID = "2021000100000001"


@dataclass
class Given:
    """A good configuration, and the keys behind it."""

    keys: AlipayKeys
    fields: dict[str, Any]

    def config(self, **changes: Any) -> AlipayConfig:
        return AlipayConfig(**{**self.fields, **changes})


@pytest.fixture
def given(tmp_path: Path) -> Given:
    keys = alipay_keys(fresh_alipay_dir(tmp_path))
    fields = {
        "app_id": APP_ID,
        "seller_id": keys.seller_id,
        "app_private_key": keys.app_key_pem,
        "alipay_public_key": keys.alipay_public_pem,
        "notify_url": "https://pay.example.com/notify/alipay",
    }
    return Given(keys, fields)


def _certificates(keys: AlipayKeys) -> dict[str, str]:
    return {
        "app_certificate": keys.app_certificate_pem,
        "alipay_certificates": keys.certificate_pem,
        "root_certificates": keys.root_bundle_pem,
    }


def test_a_public_key_or_certificates_or_both(given: Given) -> None:
    """Each mode alone is enough, both may stand for the time of a switch, and half of one is refused."""
    assert given.config().certificate_parameters() == {}
    certificates = _certificates(given.keys)
    assert set(given.config(alipay_public_key=None, **certificates).certificate_parameters()) == {
        "app_cert_sn",
        "alipay_root_cert_sn",
    }
    given.config(**certificates)
    for name in certificates:
        with pytest.raises(ValidationError, match="go together"):
            given.config(**{key: value for key, value in certificates.items() if key != name})
    with pytest.raises(ValidationError, match="neither"):
        given.config(alipay_public_key=None)


def test_the_usual_mistakes_are_named_at_once(given: Given) -> None:
    """One's own public key in place of Alipay's, another's certificate, a broken key: refused at the start."""
    own = load(given.keys.app_key_pem).public_key()
    pem = own.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    with pytest.raises(ValidationError, match="own key"):
        given.config(alipay_public_key=pem)
    with pytest.raises(ValidationError, match="another private key"):
        given.config(**{**_certificates(given.keys), "app_certificate": given.keys.certificate_pem})
    for wrong in ("", "AAAA", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"):
        with pytest.raises(ValidationError) as caught:
            given.config(app_private_key=wrong)
        assert "AAAA" not in str(caught.value)


def test_keys_are_taken_as_the_key_tool_writes_them(given: Given) -> None:
    """PKCS#8 and PKCS#1, PEM and bare base64 are the same key; a secret does not show in a repr."""
    key = load(given.keys.app_key_pem)
    bare = serialization.NoEncryption()
    for form in (serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL):
        pem = key.private_bytes(serialization.Encoding.PEM, form, bare).decode()
        body = "".join(line for line in pem.splitlines() if "-----" not in line)
        for written in (pem, body):
            assert load_private_key(written).private_numbers() == key.private_numbers()
    body = "".join(line for line in given.keys.alipay_public_pem.splitlines() if "-----" not in line)
    assert load_public_key(body).public_numbers() == load_public_key(given.keys.alipay_public_pem).public_numbers()
    assert given.keys.app_key_pem[60:90] not in repr(given.config())


def test_certificates_have_the_names_that_alipay_gives_them(given: Given) -> None:
    """Issuer in RFC 2253 order and decimal serial, hashed; roots that cannot be read are passed over."""
    keys = given.keys
    assert len(certificate_sn(keys.app_certificate_pem)) == 32
    assert certificate_sn(keys.app_certificate_pem) != certificate_sn(keys.certificate_pem)
    assert root_sn(keys.root_bundle_pem) == certificate_sn(keys.root_pem)
    assert root_sn(keys.root_pem + keys.root_pem) == "_".join([certificate_sn(keys.root_pem)] * 2)
    with pytest.raises(ValueError, match="no RSA-signed root"):
        root_sn("")


@pytest.mark.parametrize(
    "url",
    ["http://pay.example.com/n", "https://pay.example.com/n?a=1", "https://u@pay.example.com/n", "ftp://x", "x", ""],
)
def test_addresses_are_plain_https(given: Given, url: str) -> None:
    """Money travels by https to addresses without a query."""
    for name in ("notify_url", "gateway_url"):
        with pytest.raises(ValidationError):
            given.config(**{name: url})


@pytest.mark.parametrize(
    "written", ["1.234", "-1.00", "1,00", "1e2", " 1", "1.", ".5", "", "９.00", 1.5, 100, None, "NaN"]
)
def test_an_amount_that_is_no_text_of_yuan_is_refused(written: object) -> None:
    """M1: floats, signs, exponents and third decimals are refused, never rounded."""
    with pytest.raises(Refused):
        fen(written)


def test_amounts_and_times_go_there_and_back() -> None:
    """M1: two decimals always; times are China's wherever the machine stands."""
    for amount_fen in (1, 10, 99, 100, 101, 500_000, 10**11):
        assert fen(yuan(amount_fen)) == amount_fen
    assert (fen("20"), fen("0.1"), fen("0.01")) == (2000, 10, 1)
    now = ManualClock().now().replace(microsecond=0)
    assert instant(china_time(now)) == now
    for wrong in ("2026-11-25", "2026-13-25 10:00:00", "2026-11-25T10:00:00", "0001-01-01 00:00:00"):
        with pytest.raises(Refused):
            instant(wrong)


def _settings(given: Given, folder: Path, **changes: Any) -> AlipaySettings:
    key, public = folder / "app.key", folder / "alipay.pub"
    key.write_text(given.keys.app_key_pem)
    public.write_text(given.keys.alipay_public_pem)
    fields: dict[str, Any] = {
        "app_id": APP_ID,
        "seller_id": given.keys.seller_id,
        "app_private_key_file": key,
        "public_key_file": public,
        "ways": "qr, wap",
    }
    return AlipaySettings(**{**fields, **changes})


def test_the_program_builds_it_from_settings(given: Given, tmp_path: Path) -> None:
    """Set up, it is there under its name; not set up, it is not."""
    settings = Settings(public_url="https://pay.example.com/")
    providers = real_providers(settings, WeChatPaySettings(), ManualClock(), alipay=_settings(given, tmp_path))
    assert list(providers) == ["alipay"]
    assert providers["alipay"].merchant.app_id == APP_ID
    assert real_providers(settings, WeChatPaySettings(), ManualClock(), alipay=AlipaySettings()) == {}


@pytest.mark.parametrize(
    ("changes", "public_url", "key"),
    [
        ({}, "", "refused.public_url_missing"),
        ({"gateway_url": "http://127.0.0.1:8000/gateway.do"}, "https://x.example.com", "refused.sandbox_alipay"),
        (
            {"gateway_url": "https://openapi-sandbox.dl.alipaydev.com/gateway.do"},
            "https://x.example.com",
            "refused.sandbox_alipay",
        ),
        ({"app_id": "9999000100000001"}, "https://x.example.com", "refused.sandbox_alipay"),
        (
            {"gateway_url": "http://openapi.alipay.com/gateway.do"},
            "https://x.example.com",
            "refused.provider_not_set_up",
        ),
        ({"ways": "qr,cheque"}, "https://x.example.com", "refused.provider_not_set_up"),
        ({"seller_id": "1"}, "https://x.example.com", "refused.provider_not_set_up"),
        ({"app_private_key_file": Path("missing.key")}, "https://x.example.com", "refused.key_file_missing"),
    ],
    ids=str,
)
def test_a_real_program_refuses_sandboxes_and_half_setups(
    given: Given, tmp_path: Path, changes: dict[str, Any], public_url: str, key: str
) -> None:
    """Real money needs the real gateway, real keys and https; the refusal says which, never a value."""
    settings = Settings(public_url=public_url)
    with pytest.raises(Refused) as caught:
        real_providers(settings, WeChatPaySettings(), ManualClock(), alipay=_settings(given, tmp_path, **changes))
    assert caught.value.key == key


def test_every_way_can_be_signed_up_for(given: Given) -> None:
    """The settings name ways as orders do."""
    fields = {**given.fields, "ways": [way.value for way in PayWay]}
    assert build("alipay", fields, ManualClock()).name == "alipay"


def test_the_large_sdk_is_imported_late_and_in_part() -> None:
    """Naming the providers imports no SDK, and building Alipay imports a few of its 36,000 modules."""
    program = (
        "import sys, payments.providers as p; p.names(); print(sum(m.startswith('alipay') for m in sys.modules));"
        "import payments.providers.alipay; print(sum(m.startswith('alipay') for m in sys.modules))"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert said[0] == "0"
    assert 0 < int(said[1]) < 400
