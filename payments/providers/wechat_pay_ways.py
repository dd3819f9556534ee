"""What WeChat Pay is sent to open an order, by the way in which the payer gets there, and what comes back.

Source: pay.weixin.qq.com/doc/v3/merchant: Native, JSAPI and mini-program, H5 payment, "place the order".
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone

from payments.providers.wechat_pay_config import WeChatPayConfig
from payments.providers.wechat_pay_crypto import Signer
from payments.strict_json import Document, text
from prepaid.domain.errors import Refused
from prepaid.domain.orders import Order, PayWay

CHINA = timezone(timedelta(hours=8))
DESCRIPTION_CHARS_MAX = 127
OPENID_CHARS_MAX = 128
URL_CHARS_MAX = 512
PREPAY_ID_CHARS_MAX = 64
PATHS: Mapping[PayWay, str] = {
    PayWay.QR: "/v3/pay/transactions/native",
    PayWay.WAP: "/v3/pay/transactions/h5",
    PayWay.IN_APP: "/v3/pay/transactions/jsapi",
}


def order_body(config: WeChatPayConfig, order: Order, description: str) -> bytes:
    """Always the same for the same order: WeChat Pay refuses a repeat with other parameters."""
    return dump(
        {
            "mchid": config.mchid,
            "appid": config.appid,
            "description": description[:DESCRIPTION_CHARS_MAX],
            "out_trade_no": order.id,
            "time_expire": rfc3339(order.expires_at),
            "notify_url": config.notify_url,
            "amount": {"total": order.amount_fen, "currency": order.currency},
            **_payer(order),
        }
    )


def _payer(order: Order) -> dict[str, object]:
    """Who pays: an openid in WeChat, an address for a page outside it, nobody in particular for a code."""
    if order.way is PayWay.IN_APP:
        if not order.payer or len(order.payer) > OPENID_CHARS_MAX or not order.payer.isprintable():
            raise Refused("refused.pay_way")
        return {"payer": {"openid": order.payer}}
    if order.way is PayWay.WAP:
        return {"scene_info": {"payer_client_ip": _address(order.payer_ip), "h5_info": {"type": "Wap"}}}
    return {}


def _address(written: str | None) -> str:
    try:
        return str(ipaddress.ip_address(written or ""))
    except ValueError:
        raise Refused("refused.pay_way") from None


def pay_uri(config: WeChatPayConfig, signer: Signer, order: Order, answer: Document, now: datetime) -> str:
    """What the payer scans or opens; in WeChat the signed parameters of `wx.requestPayment`, as JSON."""
    if order.way is PayWay.QR:
        return text(answer, "code_url", length_max=URL_CHARS_MAX)
    if order.way is PayWay.WAP:
        return text(answer, "h5_url", length_max=URL_CHARS_MAX)
    prepay_id = text(answer, "prepay_id", length_max=PREPAY_ID_CHARS_MAX)
    return json.dumps(signer.payment(config.appid, prepay_id, now_s=int(now.timestamp())))


def rfc3339(instant: datetime) -> str:
    """To the second, with China's offset as in the provider's examples."""
    return instant.astimezone(CHINA).isoformat(timespec="seconds")


def dump(document: Mapping[str, object]) -> bytes:
    """JSON as it is signed and sent."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
