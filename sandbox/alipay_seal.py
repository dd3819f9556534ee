"""Alipay's side of its seals, written apart from the product's so that no mistake is shared."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from sandbox.alipay_faults import Faults
from sandbox.alipay_keys import AlipayKeys, load
from sandbox.alipay_trades import CHINA, BizError

CLOCK_S_MAX = 30 * 60


def parameters_of(query: str, body: bytes) -> dict[str, str]:
    """What the gateway reads of a request: query and form together, each name once."""
    try:
        pairs = [
            *parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query)),
            *parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=bool(body)),
        ]
    except ValueError:
        raise BizError("isv.invalid-parameter", code="40002", signed=False) from None
    parameters = dict(pairs)
    if len(parameters) != len(pairs):
        raise BizError("isv.invalid-parameter", code="40002", signed=False)
    return parameters


class Seals:
    """Verifies the app's requests; signs answers and notifications."""

    def __init__(self, keys: AlipayKeys) -> None:
        self._keys = keys
        self._app: rsa.RSAPublicKey = keys.app_key.public_key()
        self._own = load(keys.alipay_key_pem)
        self._certified = load(keys.certificate_key_pem)
        self._names = {
            "app_cert_sn": _name(keys.app_certificate_pem),
            "alipay_root_cert_sn": _name(keys.root_pem),
        }
        self._certificate = _name(keys.certificate_pem)

    def check_request(self, parameters: dict[str, str], now: datetime) -> None:
        """Raises `BizError`, unsigned as the real one's, unless the app signed exactly these parameters."""
        if parameters.get("app_id") != self._keys.app_id:
            raise BizError("isv.invalid-app-id", code="40002", signed=False)
        if parameters.get("sign_type") != "RSA2" or parameters.get("charset") != "utf-8":
            raise BizError("isv.invalid-signature-type", code="40002", signed=False)
        self._check_certificates(parameters)
        content = "&".join(f"{k}={v}" for k, v in sorted(parameters.items()) if k != "sign" and v)
        try:
            signature = base64.b64decode(parameters.get("sign", ""), validate=True)
            self._app.verify(signature, content.encode(), padding.PKCS1v15(), hashes.SHA256())
            asked = datetime.strptime(parameters["timestamp"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=CHINA)
        except (InvalidSignature, ValueError, KeyError):
            raise BizError("isv.invalid-signature", code="40002", signed=False) from None
        if abs((now - asked).total_seconds()) > CLOCK_S_MAX:
            raise BizError("isv.invalid-timestamp", code="40002", signed=False)

    def _check_certificates(self, parameters: dict[str, str]) -> None:
        given = {name: parameters[name] for name in self._names if name in parameters}
        if given and given != self._names:
            raise BizError("isv.app-cert-sn-not-match", code="40002", signed=False)

    def answer(self, name: str, document: dict[str, Any], faults: Faults, *, certified: bool, signed: bool) -> bytes:
        """One answer. Slashes are escaped as the real one does, so that a text written anew has another signature."""
        content = json.dumps(document, ensure_ascii=False, separators=(",", ":")).replace("/", "\\/")
        if not signed or faults.answer_unsigned:
            return f'{{"{name}":{content}}}'.encode()
        signature = self._sign(content.encode(), certified=certified)
        if faults.answer_bad_signature:
            signature = _spoiled(signature)
        named = f'"alipay_cert_sn":"{self._certificate}",' if certified else ""
        return f'{{"{name}":{content},{named}"sign":"{signature}"}}'.encode()

    def notification(self, fields: dict[str, str], faults: Faults, *, certified: bool) -> bytes:
        """A form, signed by rule v1."""
        fields = {**fields, "charset": faults.charset}
        if faults.empty:
            fields["body"] = ""
        signed = sorted((name, value) for name, value in fields.items() if value or faults.empty == "kept")
        content = "&".join(f"{name}={value}" for name, value in signed).encode(faults.charset)
        signature = self._sign(content, certified=certified, sha1=faults.sha1, other=faults.other_key)
        if faults.bad_signature:
            signature = _spoiled(signature)
        pairs = [*fields.items(), ("sign_type", faults.sign_type), ("sign", signature)]
        if faults.reorder:
            pairs.reverse()
        return urlencode(pairs, encoding=faults.charset).encode()

    def _sign(self, content: bytes, *, certified: bool, sha1: bool = False, other: bool = False) -> str:
        key = self._certified if certified else self._own
        if other:
            key = self._keys.app_key
        # The fault is to sign with a hash that must not count.
        hashed = hashes.SHA1() if sha1 else hashes.SHA256()  # noqa: S303
        return base64.b64encode(key.sign(content, padding.PKCS1v15(), hashed)).decode()


def _name(pem: str) -> str:
    certificate = x509.load_pem_x509_certificate(pem.encode())
    issuer = ",".join(part.rfc4514_string() for part in reversed(list(certificate.issuer)))
    return hashlib.md5(f"{issuer}{certificate.serial_number}".encode(), usedforsecurity=False).hexdigest()


def _spoiled(signature: str) -> str:
    return ("B" if signature[0] == "A" else "A") + signature[1:]
