"""WeChat Pay API v3, Native: the tenant scans a code, WeChat Pay tells us, and we can always ask.

Source: pay.weixin.qq.com/doc/v3/merchant, "Native payment": order, query by merchant order number, close order.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from typing import Final, TypeVar

from pydantic import ValidationError

from payments.problems import FormatProblem
from payments.providers.wechat_pay_config import WeChatPayConfig
from payments.providers.wechat_pay_crypto import Verifier
from payments.providers.wechat_pay_link import Answer, WeChatPayLink
from payments.providers.wechat_pay_notification import NAME, NotificationReader, transaction
from payments.strict_json import Document, parse_object, text
from prepaid.domain.errors import InvariantBroken, Refused, Unknown
from prepaid.domain.orders import Merchant, Order, Payment
from prepaid.ports import Clock, InboxRow

__all__ = ["NAME", "WeChatPay", "WeChatPayConfig", "build"]

ORDER_PATH: Final = "/v3/pay/transactions"
DESCRIPTION_CHARS_MAX = 127
CODE_URL_CHARS_MAX = 512
CHINA = timezone(timedelta(hours=8))
UNPAID = frozenset({"NOTPAY", "USERPAYING", "CLOSED", "REVOKED", "PAYERROR", "ACCEPT"})
HAS_MONEY = frozenset({"SUCCESS", "REFUND"})

T = TypeVar("T")

_ORDER_ID = re.compile(r"[0-9A-Za-z_-]{6,32}", re.ASCII)


def build(settings: Mapping[str, object], clock: Clock) -> WeChatPay:
    """The provider from its settings (the fields of `WeChatPayConfig`).

    Raises `Refused("refused.provider_not_set_up")` with the names of the fields that are missing or wrong.
    """
    try:
        config = WeChatPayConfig.model_validate(dict(settings))
    except ValidationError as error:
        fields = sorted({str(problem["loc"][0]) if problem["loc"] else "keys" for problem in error.errors()})
        raise Refused("refused.provider_not_set_up", provider=NAME, fields=", ".join(fields)) from None
    return WeChatPay(config, clock)


class WeChatPay:
    """Native payments of one merchant. Implements `prepaid.ports.PaymentProvider` and reads its notifications."""

    def __init__(self, config: WeChatPayConfig, clock: Clock) -> None:
        verifier = Verifier(config.keys())
        self._config = config
        self._link = WeChatPayLink(config, clock, verifier)
        self._reader = NotificationReader(verifier=verifier, api_v3_key=config.api_v3_key.encode(), clock=clock)

    @property
    def name(self) -> str:
        """The provider's name in orders, clearing accounts and the notification path."""
        return NAME

    @property
    def merchant(self) -> Merchant:
        """Who we are there: a payment for anybody else is disputed (M6)."""
        return Merchant(NAME, self._config.mchid, self._config.appid)

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._link.aclose()

    def read_notification(self, headers: Mapping[str, str], raw: bytes) -> InboxRow:
        """Verifies, parses and decrypts. Raises `NotificationProblem` (A4)."""
        return self._reader.read(headers, raw)

    async def create(self, order: Order, description: str) -> str:
        """The code to scan (`weixin://...`). Asking again with the same order gives a new code for the same order.

        Raises `Refused` with WeChat Pay's code, `TryAgain`, or `Unknown` (also when it says that the order is paid).
        """
        answer = await self._link.call("create", "POST", f"{ORDER_PATH}/native", self._order_body(order, description))
        if _is(answer, "ORDERPAID"):
            raise Unknown("unknown.provider", provider=NAME, why="already_paid")
        _refuse(answer)
        return _read_or_unknown(lambda: text(parse_object(answer.body), "code_url", length_max=CODE_URL_CHARS_MAX))

    async def query(self, order: Order) -> Payment | None:
        """The payment, or None while there is none.

        A refunded one has `success=False`: its money must not be credited by this answer alone.
        """
        target = f"{ORDER_PATH}/out-trade-no/{_order_id(order)}?mchid={self._config.mchid}"
        answer = await self._link.call("query", "GET", target)
        if _is(answer, "ORDERNOTEXIST"):
            return None  # Our request to open it never arrived.
        _refuse(answer)
        return _read_or_unknown(lambda: _payment(parse_object(answer.body), order.id))

    async def close(self, order: Order) -> bool:
        """Closes an unpaid order. False when it is paid; True also when it was closed before or never existed."""
        target = f"{ORDER_PATH}/out-trade-no/{_order_id(order)}/close"
        answer = await self._link.call("close", "POST", target, _dump({"mchid": self._config.mchid}))
        if _is(answer, "ORDERPAID"):
            return False
        if not _is(answer, "ORDERCLOSED", "ORDERNOTEXIST"):
            _refuse(answer)
        return True

    def _order_body(self, order: Order, description: str) -> bytes:
        """Always the same for the same order: WeChat Pay refuses a repeat with other parameters."""
        return _dump(
            {
                "mchid": self._config.mchid,
                "appid": self._config.appid,
                "description": description[:DESCRIPTION_CHARS_MAX],
                "out_trade_no": _order_id(order),
                "time_expire": _rfc3339(order.expires_at),
                "notify_url": self._config.notify_url,
                "amount": {"total": order.amount_fen, "currency": order.currency},
            }
        )


def _order_id(order: Order) -> str:
    """The id goes into a signed path, so it must be what it says it is."""
    if not _ORDER_ID.fullmatch(order.id):
        raise InvariantBroken("an order id that no provider takes")
    return order.id


def _rfc3339(instant: datetime) -> str:
    """To the second, with China's offset as in the provider's examples."""
    return instant.astimezone(CHINA).isoformat(timespec="seconds")


def _dump(document: Mapping[str, object]) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def _is(answer: Answer, *codes: str) -> bool:
    """Whether it is one of these errors. The documentation writes them with and without underscores."""
    return answer.code is not None and answer.code.replace("_", "") in codes


def _refuse(answer: Answer) -> None:
    if answer.code is not None:
        raise Refused("refused.provider", provider=NAME, code=answer.code)


def _payment(document: Document, order_id: str) -> Payment | None:
    """What a query's answer says about this order."""
    if text(document, "out_trade_no", length_max=32) != order_id:
        raise FormatProblem("other_order")
    state = text(document, "trade_state", length_max=32)
    if state in UNPAID:
        return None
    if state not in HAS_MONEY:
        raise FormatProblem("new_state")
    return transaction(document)


def _read_or_unknown(read: Callable[[], T]) -> T:
    """A signed answer that makes no sense tells nothing about what happened."""
    try:
        return read()
    except FormatProblem as problem:
        raise Unknown("unknown.provider", provider=NAME, why=problem.reason) from None
