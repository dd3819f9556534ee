"""Keys of the Alipay sandbox: one merchant's app, Alipay itself, and a small chain of certificates."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from sandbox.keys import write_private

CERTIFICATE_DAYS = 3650
UNREADABLE_ROOT = "-----BEGIN CERTIFICATE-----\nMIIBADCBqgYIKoEcz1UBg3UFAA==\n-----END CERTIFICATE-----\n"
"""Alipay's bundle of roots begins with one that not every library can read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlipayKeys:
    """One app of one merchant, and Alipay's two ways to sign: its public key and its certificate."""

    app_id: str
    seller_id: str
    app_key_pem: str
    app_certificate_pem: str
    alipay_key_pem: str
    certificate_key_pem: str
    certificate_pem: str
    root_pem: str

    @property
    def app_key(self) -> rsa.RSAPrivateKey:
        """The app's key. The sandbox only uses its public half."""
        return load(self.app_key_pem)

    @property
    def alipay_public_pem(self) -> str:
        """What the app verifies with in public-key mode."""
        public = load(self.alipay_key_pem).public_key()
        return public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()

    @property
    def root_bundle_pem(self) -> str:
        """The roots as Alipay hands them out: one of them unreadable."""
        return UNREADABLE_ROOT + self.root_pem


def load(pem: str) -> rsa.RSAPrivateKey:
    """An RSA key of the sandbox."""
    key = serialization.load_pem_private_key(pem.encode(), password=None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("the sandbox only makes RSA keys")
    return key


def alipay_keys(directory: Path) -> AlipayKeys:
    """The keys kept in `directory`, made if there are none."""
    path = directory / "alipay_keys.json"
    if not path.exists():
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(path, json.dumps(_fresh(), indent=1))
    stored: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return AlipayKeys(**stored)


def _fresh() -> dict[str, str]:
    root, app, alipay, certificate = (rsa.generate_private_key(65537, 2048) for _ in range(4))
    return {
        "app_id": f"99990001{secrets.randbelow(10**8):08d}",
        "seller_id": f"2088{secrets.randbelow(10**12):012d}",
        "app_key_pem": _pem(app),
        "app_certificate_pem": _certificate("sandbox app", app, root),
        "alipay_key_pem": _pem(alipay),
        "certificate_key_pem": _pem(certificate),
        "certificate_pem": _certificate("sandbox alipay", certificate, root),
        "root_pem": _certificate("sandbox root", root, root),
    }


def _pem(key: rsa.RSAPrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def _certificate(name: str, key: rsa.RSAPrivateKey, issuer_key: rsa.RSAPrivateKey) -> str:
    now = datetime.now(UTC)
    issuer = [
        x509.NameAttribute(NameOID.COUNTRY_NAME, "CN"),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Sandbox"),
        x509.NameAttribute(NameOID.COMMON_NAME, "sandbox root"),
    ]
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=CERTIFICATE_DAYS))
    )
    return builder.sign(issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()
