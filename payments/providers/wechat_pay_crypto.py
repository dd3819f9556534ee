"""Seals of WeChat Pay API v3: signing requests, verifying what comes back, opening what is encrypted.

Everything works on the bytes as received. Nothing here fetches a key: a forged message with an unknown serial must not
make us call anybody. Source: WeChat Pay API v3 documentation, "signature verification" and "certificate and callback
decryption"; the 300 s window is the constant of the official Go and PHP libraries.
"""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.x509.oid import NameOID
from multidict import CIMultiDict

from payments.problems import FormatProblem, SignatureKind, SignatureProblem

SCHEME = "WECHATPAY2-SHA256-RSA2048"
PROBE_PREFIX = "WECHATPAY/SIGNTEST/"
FRESH_S = 300
RSA_BITS_MIN = 2048
NONCE_BYTES = 12
HEADER_PREFIX = "wechatpay-"

_TIMESTAMP = re.compile(r"[0-9]{1,12}", re.ASCII)
_TOKEN = re.compile(r"[!-~]{1,128}", re.ASCII)
_SIGNATURE = re.compile(r"[!-~]{1,2048}", re.ASCII)


@lru_cache(maxsize=4)
def load_private_key(pem: str) -> rsa.RSAPrivateKey:
    """An RSA key in PKCS#8 or PKCS#1, checked once. Raises `ValueError` for anything else."""
    try:
        key = serialization.load_pem_private_key(pem.encode(), password=None)
    except TypeError:
        raise ValueError("the private key is encrypted") from None
    if not isinstance(key, rsa.RSAPrivateKey) or key.key_size < RSA_BITS_MIN:
        raise ValueError("not an RSA key of 2048 bits or more")
    return key


def load_public_key(pem: str) -> rsa.RSAPublicKey:
    """The RSA key of a PEM public key or of a PEM certificate. Raises `ValueError` for anything else."""
    if "BEGIN CERTIFICATE" in pem:
        key: object = x509.load_pem_x509_certificate(pem.encode()).public_key()
    else:
        key = serialization.load_pem_public_key(pem.encode())
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size < RSA_BITS_MIN:
        raise ValueError("not an RSA key of 2048 bits or more")
    return key


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformCertificate:
    """What is needed of one of WeChat Pay's certificates."""

    serial: str
    key: rsa.RSAPublicKey
    issuer: str
    begins_at: datetime
    ends_at: datetime


def load_certificate(pem: str) -> PlatformCertificate:
    """A PEM certificate with an RSA key. Raises `ValueError` for anything else."""
    certificate = x509.load_pem_x509_certificate(pem.encode())
    names = certificate.issuer.get_attributes_for_oid(NameOID.COMMON_NAME)
    return PlatformCertificate(
        serial=format(certificate.serial_number, "X"),
        key=load_public_key(pem),
        issuer=str(names[0].value) if names else "",
        begins_at=certificate.not_valid_before_utc,
        ends_at=certificate.not_valid_after_utc,
    )


def sign(key: rsa.RSAPrivateKey, message: bytes) -> str:
    """SHA256-RSA2048 (PKCS#1 v1.5), base64."""
    return base64.b64encode(key.sign(message, padding.PKCS1v15(), hashes.SHA256())).decode("ascii")


def verify(key: rsa.RSAPublicKey, message: bytes, signature_base64: str) -> bool:
    """Whether the signature is right. Nothing that is passed in makes it raise."""
    try:
        key.verify(base64.b64decode(signature_base64, validate=True), message, padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, ValueError):
        return False
    return True


def request_message(method: str, target: str, timestamp: str, nonce: str, body: bytes) -> bytes:
    """What a request's signature covers; `target` is path and query exactly as sent."""
    return f"{method}\n{target}\n{timestamp}\n{nonce}\n".encode() + body + b"\n"


def payment_message(appid: str, timestamp: str, nonce: str, package: str) -> bytes:
    """What the signature of `wx.requestPayment` covers."""
    return f"{appid}\n{timestamp}\n{nonce}\n{package}\n".encode()


def answer_message(timestamp: str, nonce: str, body: bytes) -> bytes:
    """What the signature of an answer or a notification covers."""
    return f"{timestamp}\n{nonce}\n".encode() + body + b"\n"


class Signer:
    """Signs our requests as the merchant."""

    def __init__(self, *, mchid: str, serial: str, key: rsa.RSAPrivateKey) -> None:
        self._mchid = mchid
        self._serial = serial
        self._key = key

    def authorization(self, method: str, target: str, body: bytes, *, now_s: int) -> str:
        """The Authorization header of one request."""
        nonce = secrets.token_hex(16)
        signature = sign(self._key, request_message(method, target, str(now_s), nonce, body))
        return (
            f'{SCHEME} mchid="{self._mchid}",nonce_str="{nonce}",signature="{signature}",'
            f'timestamp="{now_s}",serial_no="{self._serial}"'
        )

    def payment(self, appid: str, prepay_id: str, *, now_s: int) -> dict[str, str]:
        """The parameters that an official account or a mini-program hands to `wx.requestPayment`."""
        timestamp, nonce, package = str(now_s), secrets.token_hex(16), f"prepay_id={prepay_id}"
        return {
            "appId": appid,
            "timeStamp": timestamp,
            "nonceStr": nonce,
            "package": package,
            "signType": "RSA",
            "paySign": sign(self._key, payment_message(appid, timestamp, nonce, package)),
        }


class Verifier:
    """Knows WeChat Pay's keys by serial: public key, platform certificates, or both while it switches over."""

    def __init__(self, keys: Mapping[str, rsa.RSAPublicKey]) -> None:
        self._given = {_normal(serial): key for serial, key in keys.items()}
        self._keys = self._given

    @property
    def empty(self) -> bool:
        """Whether it can believe nobody yet."""
        return not self._keys

    def trust(self, downloaded: Mapping[str, rsa.RSAPublicKey]) -> None:
        """Believes these certificates beside the keys of the settings, and no others any more."""
        self._keys = {_normal(serial): key for serial, key in downloaded.items()} | self._given

    def check(self, headers: Mapping[str, str], raw: bytes, *, now_s: float) -> None:
        """Raises `SignatureProblem` unless WeChat Pay signed exactly `raw` less than 300 s away from `now_s`."""
        found = CIMultiDict(headers)
        signature = _one(found, "Wechatpay-Signature", _SIGNATURE)
        if signature.startswith(PROBE_PREFIX):
            raise SignatureProblem(SignatureKind.PROBE)
        if found.get("Wechatpay-Signature-Type", SCHEME) != SCHEME:
            raise SignatureProblem(SignatureKind.MALFORMED)
        timestamp = _one(found, "Wechatpay-Timestamp", _TIMESTAMP)
        nonce = _one(found, "Wechatpay-Nonce", _TOKEN)
        key = self._keys.get(_normal(_one(found, "Wechatpay-Serial", _TOKEN)))
        if key is None:
            raise SignatureProblem(SignatureKind.UNKNOWN_SERIAL)
        if not verify(key, answer_message(timestamp, nonce, raw), signature):
            raise SignatureProblem(SignatureKind.BAD_SIGNATURE)
        # Freshness comes last, so that "stale" is only ever said of what WeChat Pay really signed.
        if abs(now_s - int(timestamp)) >= FRESH_S:
            raise SignatureProblem(SignatureKind.STALE)


def seal_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that belong to the seal, for the record."""
    return {name: value for name, value in headers.items() if name.lower().startswith(HEADER_PREFIX)}


def _one(headers: CIMultiDict[str], name: str, pattern: re.Pattern[str]) -> str:
    """The only value of a header; a repeated one could be read in two ways."""
    values = headers.getall(name, [])
    if len(values) != 1 or not pattern.fullmatch(values[0]):
        raise SignatureProblem(SignatureKind.MALFORMED)
    return values[0]


def _normal(serial: str) -> str:
    """Certificate serials are hexadecimal and come in either case; a public key's id is taken as it is."""
    return serial if serial.startswith("PUB_KEY_ID_") else serial.upper()


def decrypt(key: bytes, *, nonce: str, associated_data: str, ciphertext_base64: str) -> bytes:
    """AEAD_AES_256_GCM (or 128, 192 by the key's length). Raises `FormatProblem("bad_cipher")`, whatever is wrong."""
    try:
        # AESGCM itself refuses a nonce under 8 bytes and a text without a tag; the documented length is exactly 12.
        sealed = base64.b64decode(ciphertext_base64, validate=True)
        return AESGCM(key).decrypt(_iv(nonce), sealed, associated_data.encode())
    except (ValueError, InvalidTag):
        raise FormatProblem("bad_cipher") from None


def _iv(nonce: str) -> bytes:
    iv = nonce.encode()
    if len(iv) != NONCE_BYTES:
        raise ValueError("nonce")
    return iv
