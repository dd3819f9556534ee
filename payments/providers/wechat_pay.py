"""WeChat Pay API v3: the tenant scans a code, opens a page or pays in WeChat; it tells us, and we can always ask.

Source: pay.weixin.qq.com/doc/v3/merchant: Native, JSAPI and H5 payment, queries, closing, refunds, bills, certificates.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Final, TypeVar
from urllib.parse import urlsplit

from pydantic import ValidationError

from payments.problems import FormatProblem
from payments.providers.wechat_pay_bills import FlowRow, read_fund_flow, read_trade_bill
from payments.providers.wechat_pay_certificates import EVERY_S, CertificateKeeper
from payments.providers.wechat_pay_config import WeChatPayConfig
from payments.providers.wechat_pay_crypto import Verifier
from payments.providers.wechat_pay_link import Answer, WeChatPayLink
from payments.providers.wechat_pay_notification import NAME, NotificationReader, transaction
from payments.providers.wechat_pay_refunds import PATH as REFUND_PATH
from payments.providers.wechat_pay_refunds import WITHIN, refund_body, refund_state
from payments.providers.wechat_pay_ways import PATHS, dump, order_body, pay_uri
from payments.strict_json import Document, parse_object, text
from prepaid.domain.bills import Bill
from prepaid.domain.errors import InvariantBroken, Refused, TryAgain, Unknown
from prepaid.domain.orders import Merchant, Order, Payment
from prepaid.domain.refunds import RefundState
from prepaid.ports import Clock, InboxRow

__all__ = ["NAME", "WeChatPay", "WeChatPayConfig", "build"]

ORDER_PATH: Final = "/v3/pay/transactions"
URL_CHARS_MAX = 2048
UNPAID = frozenset({"NOTPAY", "USERPAYING", "CLOSED", "REVOKED", "PAYERROR", "ACCEPT"})
HAS_MONEY = frozenset({"SUCCESS", "REFUND"})

REFUNDS_MOST = 50
REFUND_SPACING = timedelta(minutes=1)

T = TypeVar("T")

_ORDER_ID = re.compile(r"[0-9A-Za-z_-]{6,32}", re.ASCII)
_REFUND_ID = re.compile(r"[0-9A-Za-z_-]{1,64}", re.ASCII)
_FILE_TARGET = re.compile(r"/v3/[!-~]+", re.ASCII)
_TXN_ID = re.compile(r"[0-9]{20,32}", re.ASCII)


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
    """One merchant. Implements the ports for paying, refunding, finding and billing, and reads its notifications."""

    def __init__(self, config: WeChatPayConfig, clock: Clock) -> None:
        verifier = Verifier(config.keys())
        self._config = config
        self._clock = clock
        self._link = WeChatPayLink(config, clock, verifier)
        self._keeper = CertificateKeeper(config, self._link, verifier, clock)
        self._reader = NotificationReader(verifier=verifier, api_v3_key=config.api_v3_key.encode(), clock=clock)

    @property
    def name(self) -> str:
        """The provider's name in orders, clearing accounts and the notification path."""
        return NAME

    @property
    def merchant(self) -> Merchant:
        """Who we are there: a payment for anybody else is disputed (M6)."""
        return Merchant(NAME, self._config.mchid, self._config.appid)

    @property
    def is_sandbox(self) -> bool:
        """Whether this is no real money. A production start refuses it."""
        return self._config.is_sandbox

    @property
    def refunds_most(self) -> int:
        """Refunds of one payment."""
        return REFUNDS_MOST

    @property
    def refund_spacing(self) -> timedelta:
        """Between two refunds of one payment."""
        return REFUND_SPACING

    @property
    def refund_within(self) -> timedelta:
        """How long after a payment it can be refunded."""
        return WITHIN

    async def keep_up(self) -> float | None:
        """Fetches the platform certificates, where there are any; see `payments.upkeep`."""
        if not self._config.downloads:
            return None
        await self._keeper.refresh()
        return EVERY_S

    async def keys_end_at(self) -> datetime | None:
        """When the last platform certificate that is known ends; None with a public key alone. Raises `Trouble`."""
        return await self._keeper.last_end() if self._config.downloads else None

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._link.aclose()

    def read_notification(self, headers: Mapping[str, str], raw: bytes) -> InboxRow:
        """Verifies, parses and decrypts. Raises `NotificationProblem` (A4)."""
        return self._reader.read(headers, raw)

    async def create(self, order: Order, description: str) -> str:
        """What to scan (`weixin://...`) or open (H5), or in WeChat the parameters of `wx.requestPayment` as JSON.

        Asking again with the same order gives a new one for the same order. Raises `Refused` with WeChat Pay's code or
        for a way that lacks its payer, `TryAgain`, or `Unknown` (also when it says that the order is paid).
        """
        _order_id(order)
        answer = await self._call("create", "POST", PATHS[order.way], order_body(self._config, order, description))
        if _is(answer, "ORDERPAID"):
            raise Unknown("unknown.provider", provider=NAME, why="already_paid")
        _refuse(answer)
        config, signer, now = self._config, self._link.signer, self._clock.now()
        return _read_or_unknown(lambda: pay_uri(config, signer, order, parse_object(answer.body), now))

    async def query(self, order: Order) -> Payment | None:
        """The payment, or None while there is none.

        A refunded one has `success=False`: its money must not be credited by this answer alone.
        """
        target = f"{ORDER_PATH}/out-trade-no/{_order_id(order)}?mchid={self._config.mchid}"
        answer = await self._call("query", "GET", target)
        if _is(answer, "ORDERNOTEXIST"):
            return None  # Our request to open it never arrived.
        _refuse(answer)
        return _read_or_unknown(lambda: _payment(parse_object(answer.body), order.id))

    async def close(self, order: Order) -> bool:
        """Closes an unpaid order. False when it is paid; True also when it was closed before or never existed."""
        target = f"{ORDER_PATH}/out-trade-no/{_order_id(order)}/close"
        answer = await self._call("close", "POST", target, dump({"mchid": self._config.mchid}))
        if _is(answer, "ORDERPAID"):
            return False
        if not _is(answer, "ORDERCLOSED", "ORDERNOTEXIST"):
            _refuse(answer)
        return True

    async def find(self, txn_id: str) -> Payment | None:
        """The payment with WeChat Pay's number, whatever order of ours it names; None if it is not ours or no money.

        Raises `Refused("refused.txn_id")` for what is no such number.
        """
        if not _TXN_ID.fullmatch(txn_id):
            raise Refused("refused.txn_id")
        answer = await self._call("find", "GET", f"{ORDER_PATH}/id/{txn_id}?mchid={self._config.mchid}")
        if _is(answer, "ORDERNOTEXIST", "RESOURCENOTEXISTS"):
            return None
        _refuse(answer)
        return _read_or_unknown(lambda: _found(parse_object(answer.body), txn_id))

    async def refund(self, order: Order, refund_id: str, amount_fen: int, reason: str) -> RefundState:
        """Asks for a refund. The same number with the same amount is the same refund, however often it is asked for."""
        _order_id(order)
        body = refund_body(self._config, order, _refund_id(refund_id), amount_fen, reason)
        answer = await self._call("refund", "POST", REFUND_PATH, body)
        _refuse(answer)
        return _read_or_unknown(lambda: refund_state(parse_object(answer.body), order, refund_id, amount_fen))

    async def query_refund(self, order: Order, refund_id: str) -> RefundState | None:
        """What has become of a refund; None when WeChat Pay has never heard of the number."""
        answer = await self._call("query_refund", "GET", f"{REFUND_PATH}/{_refund_id(refund_id)}")
        if _is(answer, "RESOURCENOTEXISTS"):
            return None
        _refuse(answer)
        return _read_or_unknown(lambda: refund_state(parse_object(answer.body), order, refund_id))

    async def bill(self, day: date) -> Bill:
        """The trade bill of a day in China. `TryAgain("try_again.bill_not_ready")` before it is made (about 10:00)."""
        raw = await self._file("tradebill", f"bill_date={day.isoformat()}&bill_type=ALL")
        if raw is None:
            return Bill(provider=NAME, day=day, rows=())
        return _read_or_unknown(lambda: read_trade_bill(raw, day))

    async def fund_flow(self, day: date) -> tuple[FlowRow, ...]:
        """How the merchant's basic account moved that day: payments, refunds, fees, withdrawals. Raises as `bill`."""
        raw = await self._file("fundflowbill", f"bill_date={day.isoformat()}&account_type=BASIC")
        return () if raw is None else _read_or_unknown(lambda: read_fund_flow(raw))

    async def _file(self, kind: str, query: str) -> bytes | None:
        """A bill's file, exactly as its digest says; None for a day without any movement.

        The digest comes in a sealed answer, the file itself is not sealed.
        """
        answer = await self._call(kind, "GET", f"/v3/bill/{kind}?{query}")
        if _is(answer, "NOSTATEMENTEXIST"):
            return None
        if _is(answer, "STATEMENTCREATING"):
            raise TryAgain("try_again.bill_not_ready")
        _refuse(answer)
        target, digest = _read_or_unknown(lambda: _where(parse_object(answer.body)))
        raw = await self._link.download(target)
        # SHA-1 is WeChat Pay's choice; the seal over the digest is what proves it.
        if not hmac.compare_digest(hashlib.sha1(raw, usedforsecurity=False).hexdigest(), digest):
            raise Unknown("unknown.provider", provider=NAME, why="bad_digest")
        return raw

    async def _call(self, operation: str, method: str, target: str, body: bytes = b"") -> Answer:
        """One request, once there is a key to believe its answer by."""
        await self._keeper.ready()
        return await self._link.call(operation, method, target, body)


def _order_id(order: Order) -> str:
    """The id goes into a signed path, so it must be what it says it is."""
    if not _ORDER_ID.fullmatch(order.id):
        raise InvariantBroken("an order id that no provider takes")
    return order.id


def _refund_id(refund_id: str) -> str:
    """It goes into a signed path too."""
    if not _REFUND_ID.fullmatch(refund_id):
        raise InvariantBroken("a refund number that no provider takes")
    return refund_id


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
    return _with_money(document)


def _found(document: Document, txn_id: str) -> Payment | None:
    """What a query's answer says about this transaction."""
    payment = _with_money(document)
    if payment is not None and payment.txn_id != txn_id:
        raise FormatProblem("other_transaction")
    return payment


def _with_money(document: Document) -> Payment | None:
    state = text(document, "trade_state", length_max=32)
    if state in UNPAID:
        return None
    if state not in HAS_MONEY:
        raise FormatProblem("new_state")
    return transaction(document)


def _where(document: Document) -> tuple[str, str]:
    """Path and query of a bill's file, and its SHA-1. The host is always the gateway's: we go nowhere else."""
    if text(document, "hash_type", length_max=16) != "SHA1":
        raise FormatProblem("bad_digest")
    url = urlsplit(text(document, "download_url", length_max=URL_CHARS_MAX))
    target = f"{url.path}?{url.query}"
    if not _FILE_TARGET.fullmatch(target):
        raise FormatProblem("bad_field")
    return target, text(document, "hash_value", length_max=40).lower()


def _read_or_unknown(read: Callable[[], T]) -> T:
    """A signed answer that makes no sense tells nothing about what happened."""
    try:
        return read()
    except FormatProblem as problem:
        raise Unknown("unknown.provider", provider=NAME, why=problem.reason) from None
