"""Keys of the sandbox's merchants and platforms: made at the first start, kept on disk for the owner's eyes only."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

CERTIFICATE_DAYS = 3650


def write_private(path: Path, content: str) -> None:
    """Replaces a file in one step; nobody but the owner can read it, at no moment."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _new_key_pem() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


@lru_cache(maxsize=32)
def load_key(pem: str) -> rsa.RSAPrivateKey:
    """A key of ours. Checking one takes a twentieth of a second, so it is done once."""
    key = serialization.load_pem_private_key(pem.encode(), password=None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("the sandbox only makes RSA keys")
    return key


def new_certificate(days: int = CERTIFICATE_DAYS) -> tuple[str, str]:
    """Key and certificate of the platform, both PEM. The issuer says that it is a sandbox's."""
    key_pem = _new_key_pem()
    certificate = _self_signed(load_key(key_pem), days)
    return key_pem, certificate.public_bytes(serialization.Encoding.PEM).decode()


def _self_signed(key: rsa.RSAPrivateKey, days: int) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sandbox platform")])
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=days))
        .sign(key, hashes.SHA256())
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class WeChatPayKeys:
    """One merchant, and the platform's two ways to sign: its public key and its certificate."""

    mchid: str
    appid: str
    api_v3_key: str
    merchant_serial: str
    merchant_key_pem: str
    platform_key_pem: str
    public_key_id: str
    certificate_key_pem: str
    certificate_pem: str

    @property
    def merchant_key(self) -> rsa.RSAPrivateKey:
        """The merchant's key. The sandbox only uses its public half."""
        return load_key(self.merchant_key_pem)

    @property
    def platform_key(self) -> rsa.RSAPrivateKey:
        """Signs in public-key mode."""
        return load_key(self.platform_key_pem)

    @property
    def public_key_pem(self) -> str:
        """What the merchant verifies with in public-key mode."""
        public = self.platform_key.public_key()
        return public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()

    @property
    def certificate_key(self) -> rsa.RSAPrivateKey:
        """Signs in certificate mode."""
        return load_key(self.certificate_key_pem)

    @property
    def certificate_serial(self) -> str:
        """The platform certificate's serial number."""
        return format(x509.load_pem_x509_certificate(self.certificate_pem.encode()).serial_number, "X")


def wechat_pay_keys(directory: Path) -> WeChatPayKeys:
    """The keys kept in `directory`, made if there are none."""
    path = directory / "wechat_pay_keys.json"
    if not path.exists():
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(path, json.dumps(_fresh_wechat_pay(), indent=1))
    stored: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return WeChatPayKeys(**stored)


def _fresh_wechat_pay() -> dict[str, str]:
    """A production start knows them for what they are: by the merchant's number, the key's id, the issuer."""
    certificate_key_pem, certificate_pem = new_certificate()
    mchid = f"00001900{secrets.randbelow(10**6):06d}"
    return {
        "mchid": mchid,
        "appid": f"wx{secrets.token_hex(8)}",
        "api_v3_key": secrets.token_hex(16),
        "merchant_serial": secrets.token_hex(20).upper(),
        "merchant_key_pem": _new_key_pem(),
        "platform_key_pem": _new_key_pem(),
        "public_key_id": f"PUB_KEY_ID_SANDBOX{secrets.token_hex(16)}",
        "certificate_key_pem": certificate_key_pem,
        "certificate_pem": certificate_pem,
    }
