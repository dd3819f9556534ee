"""The platform's side of WeChat Pay's seals, written apart from the product's so that no mistake is shared."""

from __future__ import annotations

import base64
import json
import re
import secrets
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sandbox.keys import WeChatPayKeys
from sandbox.wechat_pay_faults import Faults
from sandbox.wechat_pay_orders import ApiError, SandboxOrder

CLOCK_S_MAX = 300
AUTHORIZATION = "WECHATPAY2-SHA256-RSA2048 "
_PART = re.compile(r'([a-z_]+)="([^"]*)"')


class Seals:
    """Verifies the merchant's requests; signs answers and notifications."""

    def __init__(self, keys: WeChatPayKeys) -> None:
        self._keys = keys
        self._merchant: rsa.RSAPublicKey = keys.merchant_key.public_key()
        self._platform = keys.platform_key
        self._certificate = keys.certificate_key
        self._certificate_serial = keys.certificate_serial

    def check_request(self, method: str, target: str, headers: Mapping[str, str], body: bytes, now_s: float) -> None:
        """Raises `ApiError` unless the merchant signed exactly this request within five minutes."""
        for name in ("Accept", "User-Agent"):
            if not headers.get(name):
                raise ApiError(400, "PARAM_ERROR", f"{name} is missing")
        written = headers.get("Authorization", "")
        parts = dict(_PART.findall(written.removeprefix(AUTHORIZATION)))
        if not written.startswith(AUTHORIZATION) or set(parts) != {
            "mchid",
            "nonce_str",
            "signature",
            "timestamp",
            "serial_no",
        }:
            raise ApiError(401, "SIGN_ERROR", "Authorization")
        if parts["mchid"] != self._keys.mchid or parts["serial_no"] != self._keys.merchant_serial:
            raise ApiError(401, "SIGN_ERROR", "mchid or serial_no")
        if not parts["timestamp"].isdigit() or abs(now_s - int(parts["timestamp"])) > CLOCK_S_MAX:
            raise ApiError(401, "SIGN_ERROR", "timestamp")
        head = "".join(f"{line}\n" for line in (method, target, parts["timestamp"], parts["nonce_str"]))
        self._check_signature(parts["signature"], head.encode() + body + b"\n")

    def _check_signature(self, signature: str, message: bytes) -> None:
        try:
            self._merchant.verify(
                base64.b64decode(signature, validate=True), message, padding.PKCS1v15(), hashes.SHA256()
            )
        except (InvalidSignature, ValueError):
            raise ApiError(401, "SIGN_ERROR", "signature") from None

    def headers(self, body: bytes, now_s: float, *, serial: str | None, shift_s: int = 0) -> dict[str, str]:
        """The sealing headers of `body`; `serial` is the key that the other side asked for, if it did."""
        with_certificate = serial is None or serial == self._certificate_serial
        key = self._certificate if with_certificate else self._platform
        timestamp, nonce = str(int(now_s) + shift_s), secrets.token_hex(16)
        message = b"\n".join((timestamp.encode(), nonce.encode(), body, b""))
        signature = key.sign(message, padding.PKCS1v15(), hashes.SHA256())
        return {
            "Wechatpay-Timestamp": timestamp,
            "Wechatpay-Nonce": nonce,
            "Wechatpay-Serial": self._certificate_serial if with_certificate else self._keys.public_key_id,
            "Wechatpay-Signature": base64.b64encode(signature).decode(),
            "Wechatpay-Signature-Type": AUTHORIZATION.strip(),
        }

    def notification(self, order: SandboxOrder, faults: Faults, now_s: float) -> tuple[dict[str, str], bytes]:
        """Headers and body of the notification that `order` is paid."""
        body = json.dumps(self._envelope(order, faults), ensure_ascii=False, separators=(",", ":")).encode()
        by_certificate = secrets.randbelow(100) < faults.certificate_percent
        serial = self._certificate_serial if by_certificate else self._keys.public_key_id
        headers = self.headers(body, now_s, serial=serial, shift_s=faults.timestamp_shift_s)
        if faults.reserialise:
            body = json.dumps(json.loads(body), ensure_ascii=True, sort_keys=True).encode()
        spoil(headers, probe=faults.probe, unknown=faults.unknown_serial, bad=faults.bad_signature)
        return {**headers, "Content-Type": "application/json"}, body

    def _envelope(self, order: SandboxOrder, faults: Faults) -> dict[str, Any]:
        nonce = secrets.token_hex(6)
        key = secrets.token_bytes(32) if faults.other_key else self._keys.api_v3_key.encode()
        plaintext = json.dumps(transaction(order, faults), ensure_ascii=False).encode()
        sealed = AESGCM(key).encrypt(nonce.encode(), plaintext, b"transaction")
        return {
            "id": order.notification_id,
            "create_time": order.success_time,
            "resource_type": "encrypt-resource",
            "event_type": "TRANSACTION.SUCCESS",
            "summary": "支付成功",
            "resource": {
                "original_type": "transaction",
                "algorithm": "AEAD_AES_256_GCM",
                "ciphertext": base64.b64encode(sealed).decode(),
                "associated_data": "transaction",
                "nonce": nonce,
            },
        }


def spoil(headers: dict[str, str], *, probe: bool, unknown: bool, bad: bool) -> None:
    """Breaks a seal in the ways that WeChat Pay's own probes and forgers do."""
    if probe:
        headers["Wechatpay-Signature"] = "WECHATPAY/SIGNTEST/" + headers["Wechatpay-Signature"]
    if unknown:
        headers["Wechatpay-Serial"] = secrets.token_hex(20).upper()
    if bad:
        headers["Wechatpay-Signature"] = base64.b64encode(secrets.token_bytes(256)).decode()


def transaction(order: SandboxOrder, faults: Faults | None = None) -> dict[str, Any]:
    """An order as queries and notifications show it."""
    wrong = faults or Faults()
    shown: dict[str, Any] = {
        "appid": wrong.wrong_appid or order.appid,
        "mchid": wrong.wrong_mchid or order.mchid,
        "out_trade_no": order.out_trade_no,
        "trade_state": order.state,
        "trade_state_desc": order.state,
        "attach": order.attach,
        "amount": {"total": wrong.wrong_total or order.total, "currency": wrong.wrong_currency or order.currency},
    }
    if order.transaction_id:
        shown |= {
            "transaction_id": order.transaction_id,
            "trade_type": "NATIVE",
            "bank_type": "OTHERS",
            "success_time": order.success_time,
            "payer": {"openid": "sandbox-payer"},
        }
        shown["amount"] |= {"payer_total": order.total, "payer_currency": order.currency}
    return shown
