"""The platform's side of WeChat Pay's seals, written apart from the product's so that no mistake is shared."""

from __future__ import annotations

import base64
import json
import re
import secrets
from collections.abc import Mapping
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sandbox.keys import CERTIFICATE_DAYS, WeChatPayKeys, load_key, new_certificate
from sandbox.wechat_pay_faults import Faults
from sandbox.wechat_pay_orders import ApiError, SandboxOrder
from sandbox.wechat_pay_refunds import SandboxRefund, told

CLOCK_S_MAX = 300
AUTHORIZATION = "WECHATPAY2-SHA256-RSA2048 "
_PART = re.compile(r'([a-z_]+)="([^"]*)"')


class Seals:
    """Verifies the merchant's requests; signs answers and notifications."""

    def __init__(self, keys: WeChatPayKeys) -> None:
        self._keys = keys
        self._merchant: rsa.RSAPublicKey = keys.merchant_key.public_key()
        self._platform = keys.platform_key
        self._certificate_serial = keys.certificate_serial
        self._certificates = {keys.certificate_serial: (keys.certificate_key, keys.certificate_pem)}

    def add_certificate(self, days: int = CERTIFICATE_DAYS) -> str:
        """One more platform certificate beside those that there are; returns its serial number."""
        key_pem, certificate_pem = new_certificate(days)
        certificate = x509.load_pem_x509_certificate(certificate_pem.encode())
        serial = format(certificate.serial_number, "X")
        self._certificates[serial] = (load_key(key_pem), certificate_pem)
        return serial

    def sign_with(self, serial: str) -> None:
        """From now on this certificate signs where a certificate does."""
        self._certificate_serial = serial

    def certificates(self) -> dict[str, Any]:
        """The answer of /v3/certificates."""
        return {"data": [self._shown(serial, pem) for serial, (_, pem) in self._certificates.items()]}

    def _shown(self, serial: str, pem: str) -> dict[str, Any]:
        certificate = x509.load_pem_x509_certificate(pem.encode())
        return {
            "serial_no": serial,
            "effective_time": certificate.not_valid_before_utc.isoformat(),
            "expire_time": certificate.not_valid_after_utc.isoformat(),
            "encrypt_certificate": self._sealed(pem.encode(), "certificate", self._keys.api_v3_key.encode()),
        }

    def check_payment(self, written: str) -> None:
        """The client's look at the parameters of `wx.requestPayment`. Raises `ApiError` unless the merchant signed."""
        try:
            given = {key: str(value) for key, value in json.loads(written).items()}
            message = "".join(f"{given[key]}\n" for key in ("appId", "timeStamp", "nonceStr", "package"))
            signature, kind = given["paySign"], given["signType"]
        except (ValueError, KeyError, AttributeError):
            raise ApiError(400, "PARAM_ERROR", "requestPayment") from None
        if kind != "RSA" or given["appId"] != self._keys.appid:
            raise ApiError(400, "PARAM_ERROR", "requestPayment")
        self._check_signature(signature, message.encode())

    def check_request(self, method: str, target: str, headers: Mapping[str, str], body: bytes, now_s: float) -> None:
        """Raises `ApiError` unless the merchant signed exactly this request within five minutes."""
        for name in ("Accept", "User-Agent"):
            if not headers.get(name):
                raise ApiError(400, "PARAM_ERROR", f"{name} is missing")
        if headers.get("Wechatpay-Serial", self._certificate_serial) not in {
            self._keys.public_key_id,
            *self._certificates,
        }:
            raise ApiError(400, "PARAM_ERROR", "Wechatpay-Serial")
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
        name = self._certificate_serial if serial is None else serial
        key = self._platform if name == self._keys.public_key_id else self._certificates[name][0]
        timestamp, nonce = str(int(now_s) + shift_s), secrets.token_hex(16)
        message = b"\n".join((timestamp.encode(), nonce.encode(), body, b""))
        signature = key.sign(message, padding.PKCS1v15(), hashes.SHA256())
        return {
            "Wechatpay-Timestamp": timestamp,
            "Wechatpay-Nonce": nonce,
            "Wechatpay-Serial": name,
            "Wechatpay-Signature": base64.b64encode(signature).decode(),
            "Wechatpay-Signature-Type": AUTHORIZATION.strip(),
        }

    def notification(
        self, about: SandboxOrder | SandboxRefund, faults: Faults, now_s: float
    ) -> tuple[dict[str, str], bytes]:
        """Headers and body of the notification that an order is paid or a refund has ended."""
        body = json.dumps(self._envelope(about, faults), ensure_ascii=False, separators=(",", ":")).encode()
        by_certificate = secrets.randbelow(100) < faults.certificate_percent
        serial = self._certificate_serial if by_certificate else self._keys.public_key_id
        headers = self.headers(body, now_s, serial=serial, shift_s=faults.timestamp_shift_s)
        if faults.reserialise:
            body = json.dumps(json.loads(body), ensure_ascii=True, sort_keys=True).encode()
        spoil(headers, probe=faults.probe, unknown=faults.unknown_serial, bad=faults.bad_signature)
        return {**headers, "Content-Type": "application/json"}, body

    def _envelope(self, about: SandboxOrder | SandboxRefund, faults: Faults) -> dict[str, Any]:
        key = secrets.token_bytes(32) if faults.other_key else self._keys.api_v3_key.encode()
        if isinstance(about, SandboxRefund):
            event, kind, content, at = f"REFUND.{about.status}", "refund", told(about), about.created_at
        else:
            # What was true when it was paid, whatever has become of it since.
            content = {**transaction(about, faults), "trade_state": "SUCCESS"}
            event, kind, at = "TRANSACTION.SUCCESS", "transaction", about.success_time
        plaintext = json.dumps(content, ensure_ascii=False).encode()
        return {
            "id": about.notification_id,
            "create_time": at,
            "resource_type": "encrypt-resource",
            "event_type": event,
            "summary": "退款通知" if kind == "refund" else "支付成功",
            "resource": {"original_type": kind, **self._sealed(plaintext, kind, key)},
        }

    @staticmethod
    def _sealed(plaintext: bytes, associated: str, key: bytes) -> dict[str, str]:
        nonce = secrets.token_hex(6)
        sealed = AESGCM(key).encrypt(nonce.encode(), plaintext, associated.encode())
        return {
            "algorithm": "AEAD_AES_256_GCM",
            "ciphertext": base64.b64encode(sealed).decode(),
            "associated_data": associated,
            "nonce": nonce,
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
            "trade_type": order.trade_type,
            "bank_type": "OTHERS",
            "success_time": order.success_time,
            "payer": {"openid": order.payer or "sandbox-payer"},
        }
        shown["amount"] |= {"payer_total": order.total, "payer_currency": order.currency}
    return shown
