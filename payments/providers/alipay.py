"""Alipay: the tenant scans a code, opens a page or pays inside the app; Alipay tells us, and we can always ask.

Source: opendocs.alipay.com, products "in-person payment" (precreate), "mobile website" (WAP) and "JSAPI"; query, close,
cancel, refund, refund query, bill download. A code that nobody has scanned is no trade yet: TRADE_NOT_EXIST means "not
paid yet", never "closed".
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from typing import Final, TypeVar

from pydantic import ValidationError

from payments.problems import FormatProblem
from payments.providers import alipay_requests as requests
from payments.providers.alipay_bill import read_bill
from payments.providers.alipay_config import AlipayConfig
from payments.providers.alipay_link import AlipayLink, Answer, refuse, unknown
from payments.providers.alipay_notification import NotificationReader
from payments.providers.alipay_words import CHINA, CURRENCY, NAME, trade
from payments.strict_json import Document, text
from prepaid.domain.bills import Bill
from prepaid.domain.errors import InvariantBroken, Refused, TryAgain
from prepaid.domain.orders import Merchant, Order, Payment, PayWay
from prepaid.domain.refunds import RefundState
from prepaid.ports import Clock, InboxRow

__all__ = ["NAME", "Alipay", "AlipayConfig", "build"]

QR_CHARS_MAX = 1024
NO_TRADE: Final = ("ACQ.TRADE_NOT_EXIST",)
WRONG_STATE: Final = ("ACQ.TRADE_STATUS_ERROR", "ACQ.REASON_TRADE_STATUS_INVALID")
NO_BILL: Final = ("isp.bill_not_exist", "BILL_NOT_EXIST")
BILL_HOUR: Final = time(10, 0)

T = TypeVar("T")

_ORDER_ID = re.compile(r"[0-9A-Za-z_]{6,64}", re.ASCII)
_TXN_ID = re.compile(r"[0-9]{16,64}", re.ASCII)

REFUNDS_MOST = 100
REFUND_SPACING = timedelta(seconds=3)


def build(settings: Mapping[str, object], clock: Clock) -> Alipay:
    """The provider from its settings (the fields of `AlipayConfig`).

    Raises `Refused("refused.provider_not_set_up")` with the names of the fields that are missing or wrong.
    """
    try:
        config = AlipayConfig.model_validate(dict(settings))
    except ValidationError as error:
        fields = sorted({str(problem["loc"][0]) if problem["loc"] else "keys" for problem in error.errors()})
        raise Refused("refused.provider_not_set_up", provider=NAME, fields=", ".join(fields)) from None
    return Alipay(config, clock)


class Alipay:
    """Payments of one merchant's app. Implements the ports for paying, refunding, billing and finding."""

    acknowledgement: Final = b"success"
    """Exactly these seven characters; anything else makes Alipay send again."""

    def __init__(self, config: AlipayConfig, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self._link = AlipayLink(config, clock)
        self._reader = NotificationReader(verifier=config.verifier(), clock=clock)

    @property
    def name(self) -> str:
        """The provider's name in orders, clearing accounts and the notification path."""
        return NAME

    @property
    def merchant(self) -> Merchant:
        """Who we are there: a payment for anybody else is disputed (M6)."""
        return Merchant(NAME, self._config.seller_id, self._config.app_id)

    @property
    def refunds_most(self) -> int:
        """Refunds of one payment. Alipay names no limit; this one is above ours."""
        return REFUNDS_MOST

    @property
    def refund_spacing(self) -> timedelta:
        """Between two refunds of one payment."""
        return REFUND_SPACING

    @property
    def refund_within(self) -> timedelta:
        """How long after a payment it can be refunded."""
        return self._config.refund_within

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._link.aclose()

    def read_notification(self, headers: Mapping[str, str], raw: bytes) -> InboxRow:  # noqa: ARG002
        """Verifies and parses; the seal is in the form itself. Raises `NotificationProblem` (A4)."""
        return self._reader.read(raw)

    async def create(self, order: Order, description: str) -> str:
        """What the payer scans (QR), opens (WAP), or `{"trade_no": ...}` for `my.tradePay` (IN_APP).

        Raises `Refused` with Alipay's code or for a way that is not signed up for, `TryAgain`, or `Unknown` (also when
        it says that the order is paid).
        """
        order_id = _order_id(order)
        if order.way not in self._config.ways or (order.way is PayWay.IN_APP and not order.payer):
            raise Refused("refused.pay_way")
        if order.currency != CURRENCY:
            raise Refused("refused.pay_way")
        if order.way is PayWay.WAP:
            return self._link.page(requests.wap_page(self._config, order, description))
        if order.way is PayWay.IN_APP and order.payer:
            call = requests.create(self._config, order, description, order.payer)
            document = await self._opened(call)
            return json.dumps({"trade_no": _read(lambda: _same(document, order_id, "trade_no", 64))})
        document = await self._opened(requests.precreate(self._config, order, description))
        return _read(lambda: _same(document, order_id, "qr_code", QR_CHARS_MAX))

    async def query(self, order: Order) -> Payment | None:
        """The payment, or None while there is none. A refunded one has `success=False`."""
        order_id = _order_id(order)
        payment = await self._ask(requests.query(order_id))
        if payment is not None and payment.order_id != order_id:
            raise unknown("other_order")
        return payment

    async def find(self, txn_id: str) -> Payment | None:
        """The payment with Alipay's own number (as the payer's bill shows it), None if this merchant has none."""
        if not _TXN_ID.fullmatch(txn_id):
            raise Refused("refused.not_found")
        payment = await self._ask(requests.query_by_number(txn_id))
        if payment is not None and payment.txn_id != txn_id:
            raise unknown("other_order")
        return payment

    async def close(self, order: Order) -> bool:
        """Closes an unpaid trade. False when it is paid; True also when it was closed before or never scanned.

        A code that was never scanned cannot be closed: its `time_expire` ends it, and a payment before that counts.
        """
        answer = await self._link.call("close", requests.close(_order_id(order)))
        if answer.says(*NO_TRADE):
            return True
        if answer.says(*WRONG_STATE):
            return await self.query(order) is None
        refuse(answer)
        return True

    async def cancel(self, order: Order) -> bool:
        """For payments at a counter: unpayable from now on, and what was paid goes back; True if something did."""
        answer = await self._link.call("cancel", requests.cancel(_order_id(order)))
        if answer.says(*NO_TRADE):
            return False
        refuse(answer)
        if answer.document.get("retry_flag") == "Y":
            raise unknown("not_cancelled_yet")
        return answer.document.get("action") == "refund"

    async def refund(self, order: Order, refund_id: str, amount_fen: int, reason: str) -> RefundState:
        """Asks for a refund. A refusal that nobody signed is `Unknown`: it must not give credit back (M10)."""
        call = requests.refund(_order_id(order), _number(refund_id), amount_fen, reason)
        answer = await self._link.call("refund", call)
        if not answer.signed:
            raise unknown("unsigned")
        refuse(answer)
        # Code 10000 means "understood". Only a change of funds is the refund; a repeat of one changes nothing.
        if answer.document.get("fund_change") == "Y":
            return RefundState.SUCCESS
        return await self.query_refund(order, refund_id) or RefundState.PROCESSING

    async def query_refund(self, order: Order, refund_id: str) -> RefundState | None:
        """SUCCESS, or None: Alipay says the same of a refund that failed and of one that it never heard of."""
        answer = await self._link.call("query_refund", requests.refund_query(_order_id(order), _number(refund_id)))
        if answer.says(*NO_TRADE):
            return None
        refuse(answer)
        if answer.document.get("refund_status") != "REFUND_SUCCESS":
            return None
        if _read(lambda: text(answer.document, "out_request_no", length_max=64)) != refund_id:
            raise unknown("other_refund")
        return RefundState.SUCCESS

    async def bill(self, day: date) -> Bill:
        """The bill of a day of China's calendar, from 10:00 of the next day on.

        Alipay says "no bill" of a day without trades too; that is believed a day later.
        """
        now, ready = self._clock.now(), datetime.combine(day, BILL_HOUR, CHINA) + timedelta(days=1)
        if now < ready:
            raise TryAgain("try_again.bill_not_ready")
        answer = await self._link.call("bill", requests.bill(day))
        if answer.says(*NO_BILL):
            if now < ready + timedelta(days=1):
                raise TryAgain("try_again.bill_not_ready")
            return Bill(provider=NAME, day=day, rows=())
        refuse(answer)
        # The address lives for 30 s.
        url = _read(lambda: text(answer.document, "bill_download_url", length_max=4096))
        packed = await self._link.fetch_bill(url)
        return await asyncio.to_thread(_read, lambda: read_bill(packed, day))

    async def _opened(self, call: requests.Call) -> Document:
        answer = await self._link.call("create", call)
        if answer.says("ACQ.TRADE_HAS_SUCCESS"):
            raise unknown("already_paid")
        refuse(answer)
        return answer.document

    async def _ask(self, call: requests.Call) -> Payment | None:
        answer: Answer = await self._link.call("query", call)
        if answer.says(*NO_TRADE):
            return None
        refuse(answer)
        merchant, now = self.merchant, self._clock.now()
        return _read(lambda: trade(answer.document, seller_id=merchant.merchant_id, app_id=merchant.app_id, now=now))


def _order_id(order: Order) -> str:
    """The number must be one that Alipay takes."""
    if not _ORDER_ID.fullmatch(order.id):
        raise InvariantBroken("an order id that no provider takes")
    return order.id


def _number(refund_id: str) -> str:
    if not _ORDER_ID.fullmatch(refund_id):
        raise InvariantBroken("a refund number that no provider takes")
    return refund_id


def _same(document: Document, order_id: str, name: str, length_max: int) -> str:
    """A field of an answer that is about this order."""
    if text(document, "out_trade_no", length_max=64) != order_id:
        raise FormatProblem("other_order")
    return text(document, name, length_max=length_max)


def _read(read: Callable[[], T]) -> T:
    """A signed answer that makes no sense tells nothing about what happened."""
    try:
        return read()
    except FormatProblem as problem:
        raise unknown(problem.reason) from None
