"""The published vectors of WeChat Pay's own libraries against our verifier, decryption and notification reader."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from payments.problems import FormatProblem, SignatureKind, SignatureProblem
from payments.providers.wechat_pay_crypto import Verifier, decrypt, load_public_key, verify
from payments.providers.wechat_pay_notification import NotificationReader, open_resource
from payments.strict_json import inner, parse_object

VECTORS = Path(__file__).parents[2].parent / "shared" / "vectors"

pytestmark = pytest.mark.skipif(
    not VECTORS.is_dir(), reason="the folder of published vectors is not beside the repository"
)


def _cases(file: str) -> list[dict[str, Any]]:
    """The cases of a file, each with what it takes over from another; empty where the vectors are absent."""
    path = VECTORS / file
    if not path.exists():
        return []
    cases = json.loads(path.read_text(encoding="utf-8"))["cases"]
    by_name = {case["name"]: case for case in cases}
    return [{**by_name.get(case.get("same_as", ""), {}), **case} for case in cases]


def _name(case: dict[str, Any]) -> str:
    return str(case["name"])


class At:
    """A clock that stands."""

    def __init__(self, now_s: int) -> None:
        self._now_s = now_s

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._now_s, UTC)

    def monotonic(self) -> float:
        return float(self._now_s)


@pytest.mark.parametrize("case", _cases("wechat_v3_aead.json"), ids=_name)
def test_decryption_agrees_with_the_vectors(case: dict[str, Any]) -> None:
    """A4: what was sealed opens, and whatever else is a `FormatProblem`, never a crash."""
    sealed = {"nonce": case["nonce"], "associated_data": case["associated_data"]}
    key, ciphertext = case["key"].encode(), case["ciphertext_b64"]
    if case.get("expect_error"):
        with pytest.raises(FormatProblem, match=r"refused\.notification"):
            decrypt(key, ciphertext_base64=ciphertext, **sealed)
    else:
        assert decrypt(key, ciphertext_base64=ciphertext, **sealed).decode() == case["plaintext"]


@pytest.mark.parametrize("case", _cases("wechat_v3_signature.json"), ids=_name)
def test_signatures_agree_with_the_vectors(case: dict[str, Any]) -> None:
    """A4: certificates and public keys verify what was signed and nothing else."""
    # A case that takes over a certificate but names a public key means the public key.
    key = load_public_key(case.get("public_key_pem") or case["certificate_pem"])
    assert verify(key, case["message"].encode(), case["signature_b64"]) is case["expect"]


def test_the_certificates_answer_opens() -> None:
    """The answer of /v3/certificates decrypts to the certificate that it announces."""
    vector = json.loads((VECTORS / "wechat_v3_certificates_response.json").read_text(encoding="utf-8"))
    entries = parse_object(vector["response_body"].encode())["data"]
    assert isinstance(entries, list)
    pem = open_resource(vector["apiv3_key"].encode(), inner(entries[0], "encrypt_certificate"))
    assert format(x509.load_pem_x509_certificate(pem).serial_number, "X") == vector["expect_serial"]


def _message(case: dict[str, Any]) -> tuple[dict[str, str], bytes]:
    """Headers and body of a notification case, with its mutation."""
    headers, body, mutate = dict(case["headers"]), case["body"], case.get("mutate", {})
    if "body_replace" in mutate:
        assert mutate["body_replace"][0] in body
        body = body.replace(*mutate["body_replace"])
    if "signature_prefix" in mutate:
        headers["Wechatpay-Signature"] = mutate["signature_prefix"] + headers["Wechatpay-Signature"]
    if "serial" in mutate:
        headers["Wechatpay-Serial"] = mutate["serial"]
    if mutate.get("reserialise"):
        body = json.dumps(json.loads(body))
    return headers, body.encode()


def _reader(case: dict[str, Any]) -> NotificationReader:
    certificate = case["platform_certificate_pem"]
    serial = format(x509.load_pem_x509_certificate(certificate.encode()).serial_number, "X")
    return NotificationReader(
        verifier=Verifier({serial: load_public_key(certificate)}),
        api_v3_key=case["apiv3_key"].encode(),
        clock=At(case["now"]),
    )


PROBLEMS = {
    "derived: body tampered by one byte": SignatureKind.BAD_SIGNATURE,
    "derived: signature probing prefix": SignatureKind.PROBE,
    "derived: body re-serialised by json.dumps(json.loads())": SignatureKind.BAD_SIGNATURE,
    "derived: unknown serial": SignatureKind.UNKNOWN_SERIAL,
    "same, 300s late": SignatureKind.STALE,
}


@pytest.mark.parametrize("case", _cases("wechat_v3_notify_full.json"), ids=_name)
def test_notifications_agree_with_the_vectors(case: dict[str, Any]) -> None:
    """A4, F12, F14, F15: one whole notification is read; each mutation is refused, and for the right reason."""
    headers, raw = _message(case)
    expect = case["expect"]
    if expect.get("verify", True) and expect.get("fresh", True):
        row = _reader(case).read(headers, raw)
        assert (row.kind, row.raw, row.payment) == ("PAYSCORE.USER_OPEN_SERVICE", raw, None)
        assert row.id == "wechat_pay:3119dfba-e649-5eec-ab1e-3412bc4d2e17"
        assert "Content-Type" not in row.headers
        assert len(row.headers) == 4
    else:
        with pytest.raises(SignatureProblem) as caught:
            _reader(case).read(headers, raw)
        assert caught.value.kind is PROBLEMS[case["name"]]
        assert caught.value.status // 100 in expect.get("http_status_class", [4])


def test_the_notification_opens_to_the_published_plaintext() -> None:
    """The resource of the published notification decrypts to the published text."""
    case = _cases("wechat_v3_notify_full.json")[0]
    plaintext = open_resource(case["apiv3_key"].encode(), inner(parse_object(case["body"].encode()), "resource"))
    assert plaintext.decode() == case["expect"]["plaintext"]
