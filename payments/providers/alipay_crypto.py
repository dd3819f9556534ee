"""Alipay's seals: signing requests, verifying answers and notifications, and the names of certificates.

RSA2 alone counts (RSASSA-PKCS1-v1_5 over SHA-256): a signature names its own hash, so it is never taken from there.
Everything works on the text as received. Sources: Alipay Open Platform, "signature" and "asynchronous notification";
the rules of the official Java library (`rsaCheckV1`, `rsaCheckV2`, certificate serial numbers).
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from payments.problems import FormatProblem, SignatureKind, SignatureProblem

SIGN_TYPE = "RSA2"
RSA_BITS_MIN = 2048

_SIGNATURE = re.compile(r"[0-9A-Za-z+/]{1,2048}={0,2}", re.ASCII)
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_RSA_SIGNED = "1.2.840.113549.1.1."
_SPACE = re.compile(r"\s*")
_DECODER = json.JSONDecoder()


def load_private_key(written: str) -> rsa.RSAPrivateKey:
    """An RSA key in PKCS#8 or PKCS#1: PEM, or its bare base64 as Alipay's key tool writes it. Raises `ValueError`."""
    try:
        if "-----BEGIN" in written:
            key = serialization.load_pem_private_key(written.encode(), password=None)
        else:
            key = serialization.load_der_private_key(_bare(written), password=None)
    except TypeError:
        raise ValueError("the private key is encrypted") from None
    if not isinstance(key, rsa.RSAPrivateKey) or key.key_size < RSA_BITS_MIN:
        raise ValueError("not an RSA key of 2048 bits or more")
    return key


def load_public_key(written: str) -> rsa.RSAPublicKey:
    """The RSA key of a public key (PEM or bare base64) or of a PEM certificate. Raises `ValueError`."""
    key: object
    if "BEGIN CERTIFICATE" in written:
        key = x509.load_pem_x509_certificate(written.encode()).public_key()
    elif "-----BEGIN" in written:
        key = serialization.load_pem_public_key(written.encode())
    else:
        key = serialization.load_der_public_key(_bare(written))
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size < RSA_BITS_MIN:
        raise ValueError("not an RSA key of 2048 bits or more")
    return key


def _bare(written: str) -> bytes:
    return base64.b64decode("".join(written.split()), validate=True)


def certificate_sn(pem: str) -> str:
    """How Alipay names a certificate: MD5 of its issuer (RFC 2253) and its decimal serial number."""
    return _sn(x509.load_pem_x509_certificate(pem.encode()))


def root_sn(bundle_pem: str) -> str:
    """How Alipay names a bundle of roots: the RSA-signed ones in order. Others may not even be readable here."""
    names = []
    for pem in _CERTIFICATE.findall(bundle_pem):
        try:
            certificate = x509.load_pem_x509_certificate(pem.encode())
            if certificate.signature_algorithm_oid.dotted_string.startswith(_RSA_SIGNED):
                names.append(_sn(certificate))
        except ValueError:
            continue
    if not names:
        raise ValueError("no RSA-signed root certificate")
    return "_".join(names)


def _sn(certificate: x509.Certificate) -> str:
    named = f"{certificate.issuer.rfc4514_string()}{certificate.serial_number}"
    return hashlib.md5(named.encode(), usedforsecurity=False).hexdigest()


def sign(key: rsa.RSAPrivateKey, message: bytes) -> str:
    """RSA2, in base64."""
    return base64.b64encode(key.sign(message, padding.PKCS1v15(), hashes.SHA256())).decode("ascii")


def verify(key: rsa.RSAPublicKey, message: bytes, signature_base64: str) -> bool:
    """Whether the signature is right. Nothing that is passed in makes it raise."""
    try:
        key.verify(base64.b64decode(signature_base64, validate=True), message, padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, ValueError):
        return False
    return True


def request_content(parameters: Mapping[str, str]) -> bytes:
    """What a request's signature covers: every parameter but `sign`, sorted; empty ones are never sent."""
    return "&".join(f"{name}={parameters[name]}" for name in sorted(parameters) if name != "sign").encode()


def notification_content(
    fields: Mapping[str, bytes], *, keep_sign_type: bool = False, keep_empty: bool = True
) -> bytes:
    """What a notification's signature covers, in the charset that it came in.

    Rule v1 drops `sign` and `sign_type`; rule v2, of the service market, drops `sign` alone. The official libraries
    differ in whether an empty value stays.
    """
    dropped = {"sign"} if keep_sign_type else {"sign", "sign_type"}
    kept = sorted(name for name, value in fields.items() if name not in dropped and (value or keep_empty))
    return b"&".join(name.encode() + b"=" + fields[name] for name in kept)


@dataclass(frozen=True, slots=True)
class SealedAnswer:
    """An answer of the gateway taken apart: the raw text that is signed, and the signature if there is one."""

    content: str
    sign: str | None
    certificate_sn: str | None


def take_apart(raw: bytes, names: Sequence[str]) -> SealedAnswer:
    """Finds the value of the first of `names` in the outermost object, as it was written. Raises `FormatProblem`.

    Counting braces would be misled by a brace in a text, and JSON that is written anew has another signature; so a
    JSON decoder reads from place to place and the text between is what is signed.
    """
    try:
        members = _members(raw.decode("utf-8"))
    except (ValueError, RecursionError):
        raise FormatProblem("bad_json") from None
    for name in names:
        if name in members:
            return SealedAnswer(members[name], _text(members, "sign"), _text(members, "alipay_cert_sn"))
    raise FormatProblem("bad_answer")


def _members(text: str) -> dict[str, str]:
    """The members of the outermost object, each value as it was written."""
    members: dict[str, str] = {}
    at = _skip(text, 0, "{")
    while not text.startswith("}", at):
        if members:
            at = _skip(text, at, ",")
        name, at = _DECODER.raw_decode(text, at)
        if not isinstance(name, str) or name in members:
            raise ValueError("a name")
        start = _skip(text, _SPACE.match(text, at).end(), ":")  # type: ignore[union-attr]
        _, end = _DECODER.raw_decode(text, start)
        members[name] = text[start:end]
        at = _SPACE.match(text, end).end()  # type: ignore[union-attr]
    if text[at + 1 :].strip():
        raise ValueError("something behind the object")
    return members


def _skip(text: str, at: int, wanted: str) -> int:
    """Past `wanted` and the space behind it."""
    at = _SPACE.match(text, at).end()  # type: ignore[union-attr]
    if not text.startswith(wanted, at):
        raise ValueError(wanted)
    return _SPACE.match(text, at + len(wanted)).end()  # type: ignore[union-attr]


def _text(members: Mapping[str, str], name: str) -> str | None:
    if name not in members:
        return None
    value = json.loads(members[name])
    if not isinstance(value, str):
        raise FormatProblem("bad_field")
    return value


class Verifier:
    """Knows Alipay's public key, or its certificates by their names while one follows another."""

    def __init__(self, key: rsa.RSAPublicKey | None, certificates: Mapping[str, rsa.RSAPublicKey]) -> None:
        self._key = key
        self._certificates = dict(certificates)
        self._all = [*([key] if key is not None else []), *self._certificates.values()]

    def check_answer(self, answer: SealedAnswer) -> None:
        """Raises `SignatureProblem` unless Alipay signed exactly this text."""
        keys = self._all
        if answer.certificate_sn is not None and self._certificates:
            if answer.certificate_sn not in self._certificates:
                raise SignatureProblem(SignatureKind.UNKNOWN_SERIAL)
            keys = [self._certificates[answer.certificate_sn]]
        if answer.sign is None or not _SIGNATURE.fullmatch(answer.sign):
            raise SignatureProblem(SignatureKind.MALFORMED)
        if not any(verify(key, answer.content.encode(), answer.sign) for key in keys):
            raise SignatureProblem(SignatureKind.BAD_SIGNATURE)

    def check_notification(self, fields: Mapping[str, bytes]) -> None:
        """Raises `SignatureProblem` unless Alipay signed these fields. Each way of writing them is bound to its key."""
        # Rule v1 does not sign the type itself, so another one is refused before anything is computed.
        signature = fields.get("sign", b"").decode("ascii", "replace")
        if fields.get("sign_type") != SIGN_TYPE.encode() or not _SIGNATURE.fullmatch(signature):
            raise SignatureProblem(SignatureKind.MALFORMED)
        written = {
            notification_content(fields, keep_sign_type=keep_sign_type, keep_empty=keep_empty)
            for keep_sign_type, keep_empty in ((False, True), (False, False), (True, True))
        }
        if not any(verify(key, content, signature) for content in written for key in self._all):
            raise SignatureProblem(SignatureKind.BAD_SIGNATURE)
