"""What the Alipay sandbox's gateway can be asked for, method by method."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

from sandbox.alipay_bills import packed_bill
from sandbox.alipay_courier import Letter
from sandbox.alipay_faults import Faults
from sandbox.alipay_keys import AlipayKeys
from sandbox.alipay_trades import CHINA, BizError, Offer, Trade, TradeBook, china, fen, offer_from_request, yuan

URL_LIFE_S = 30
BILL_HOUR = time(10, 0)
BILLS_KEPT = 50

Fields = dict[str, Any]


class Gateway:
    """Acts on verified requests. `tell` brings a notification on its way."""

    def __init__(self, keys: AlipayKeys, book: TradeBook, faults: Faults, tell: Callable[[Letter], None]) -> None:
        self._keys = keys
        self._book = book
        self._faults = faults
        self._tell = tell
        self._bills: dict[str, tuple[datetime, bytes]] = {}
        self.base_url = ""

    def act(self, parameters: Mapping[str, str], now: datetime) -> Fields:
        """The fields of the answer. Raises `BizError`."""
        acts: dict[str, Callable[[Fields, Mapping[str, str], datetime], Fields]] = {
            "alipay.trade.precreate": self._precreate,
            "alipay.trade.create": self._create,
            "alipay.trade.query": lambda content, _, at: self._shown(self._book.find(content, at)),
            "alipay.trade.close": self._close,
            "alipay.trade.cancel": self._cancel,
            "alipay.trade.refund": self._refund,
            "alipay.trade.fastpay.refund.query": self._refund_query,
            "alipay.data.dataservice.bill.downloadurl.query": self._bill,
        }
        act = acts.get(parameters.get("method", ""))
        if act is None:
            raise BizError("isv.invalid-method", code="40002", signed=False)
        return act(content_of(parameters), parameters, now)

    def page(self, parameters: Mapping[str, str], now: datetime) -> Offer:
        """What a signed page URL offers."""
        content = content_of(parameters)
        if content.get("product_code") != "QUICK_WAP_WAY" or "return_url" in content:
            raise BizError("ACQ.INVALID_PARAMETER")
        return self._book.offer(offer_from_request(content, parameters.get("notify_url", ""), now), now)

    def scan(self, code: str, now: datetime) -> Trade:
        """A payer scans a code or logs in on a page: only now there is a trade."""
        offer = self._book.by_code(code)
        if now >= datetime.fromisoformat(offer.expires_at):
            raise BizError("ACQ.TRADE_HAS_CLOSE")
        return self._book.open(offer, now)

    def pay(self, trade: Trade, now: datetime, *, force: bool = False) -> None:
        """The payer pays; the merchant is told."""
        self._book.pay(trade, now, force=force)
        self.tell_paid(trade, now)

    def force_open(self, code: str, now: datetime) -> Trade:
        """The trade of a code whose time is over or that is closed: a payment that crossed it."""
        offer = self._book.by_code(code)
        try:
            return self._book.find({"out_trade_no": offer.out_trade_no}, now)
        except BizError:
            return self._book.open(offer, now)

    def tell_paid(self, trade: Trade, now: datetime) -> None:
        """The notification of a payment."""
        self._tell(self._letter(trade, now, trade_status="TRADE_SUCCESS"))

    def tell_closed(self, trade: Trade, now: datetime) -> None:
        """The notification of a trade that ran out of time: no refund in it."""
        self._tell(self._letter(trade, now, trade_status="TRADE_CLOSED"))

    def refund_by_hand(self, trade: Trade, number: str, amount_fen: int, now: datetime) -> None:
        """Somebody refunds in the merchant's console."""
        if self._book.refund(trade, number, amount_fen, now):
            self._tell_refund(trade, number, now)

    def bill_file(self, token: str, now: datetime) -> bytes | None:
        """The file of an address that was given out less than 30 s ago."""
        made = self._bills.get(token)
        if made is None or (now - made[0]).total_seconds() >= URL_LIFE_S:
            return None
        return made[1]

    def _precreate(self, content: Fields, parameters: Mapping[str, str], now: datetime) -> Fields:
        offer = self._book.offer(offer_from_request(content, parameters.get("notify_url", ""), now), now)
        return {"out_trade_no": offer.out_trade_no, "qr_code": offer.code}

    def _create(self, content: Fields, parameters: Mapping[str, str], now: datetime) -> Fields:
        if not (content.get("buyer_id") or content.get("buyer_open_id")):
            raise BizError("ACQ.INVALID_PARAMETER")
        if content.get("product_code") == "JSAPI_PAY" and not content.get("op_app_id"):
            raise BizError("ACQ.INVALID_PARAMETER")
        trade = self._book.open(offer_from_request(content, parameters.get("notify_url", ""), now), now)
        return {"out_trade_no": trade.out_trade_no, "trade_no": trade.trade_no}

    def _shown(self, trade: Trade) -> Fields:
        shown: Fields = {
            "out_trade_no": trade.out_trade_no,
            "trade_no": trade.trade_no,
            "trade_status": trade.status,
            "total_amount": yuan(trade.total_fen),
            "buyer_logon_id": "138****0000",
            "subject": trade.subject,
        }
        if self._faults.hide_payments:
            shown["trade_status"] = "WAIT_BUYER_PAY"
        elif trade.paid_at:
            shown |= {"send_pay_date": china(trade.paid_at), "receipt_amount": yuan(trade.total_fen)}
        return shown

    def _close(self, content: Fields, _: Mapping[str, str], now: datetime) -> Fields:
        trade = self._book.find(content, now)
        self._book.close(trade)
        return {"out_trade_no": trade.out_trade_no, "trade_no": trade.trade_no}

    def _cancel(self, content: Fields, _: Mapping[str, str], now: datetime) -> Fields:
        trade = self._book.find(content, now)
        action = self._book.cancel(trade, now)
        if action == "refund":
            self._tell_refund(trade, f"cancel_{trade.out_trade_no}", now)
        return {
            "out_trade_no": trade.out_trade_no,
            "trade_no": trade.trade_no,
            "retry_flag": "N",
            "action": action,
        }

    def _refund(self, content: Fields, _: Mapping[str, str], now: datetime) -> Fields:
        number, amount_fen = content.get("out_request_no"), fen(content.get("refund_amount"))
        trade = self._book.find(content, now)
        if not isinstance(number, str) or not number:
            if amount_fen != trade.total_fen:
                raise BizError("ACQ.INVALID_PARAMETER")  # Obligatory for a part.
            number = trade.out_trade_no
        moved = self._book.refund(trade, number, amount_fen, now)
        if moved:
            self._tell_refund(trade, number, now)
        return {
            "out_trade_no": trade.out_trade_no,
            "trade_no": trade.trade_no,
            "fund_change": "Y" if moved else "N",
            "refund_fee": yuan(trade.refunded_fen),
        }

    def _refund_query(self, content: Fields, _: Mapping[str, str], now: datetime) -> Fields:
        trade = self._book.find(content, now)
        number = str(content.get("out_request_no"))
        shown: Fields = {"out_trade_no": trade.out_trade_no, "trade_no": trade.trade_no}
        if number in trade.refunds:
            shown |= {
                "out_request_no": number,
                "refund_amount": yuan(trade.refunds[number]),
                "total_amount": yuan(trade.total_fen),
                "refund_status": "REFUND_SUCCESS",
            }
        return shown

    def _bill(self, content: Fields, _: Mapping[str, str], now: datetime) -> Fields:
        try:
            day = date.fromisoformat(str(content.get("bill_date")))
        except ValueError:
            raise BizError("isv.invalid-parameter", code="40002") from None
        if content.get("bill_type") != "trade":
            raise BizError("isv.invalid-parameter", code="40002")
        ready = datetime.combine(day, BILL_HOUR, CHINA) + timedelta(days=1)
        packed = packed_bill(self._book.trades(), day, self._keys.seller_id, self._faults) if now >= ready else None
        if packed is None:
            raise BizError("isp.bill_not_exist")
        token = secrets.token_urlsafe(16)
        self._bills[token] = (now, packed)
        while len(self._bills) > BILLS_KEPT:
            self._bills.pop(next(iter(self._bills)))
        return {"bill_download_url": f"{self.base_url}/bill?token={token}"}

    def _tell_refund(self, trade: Trade, number: str, now: datetime) -> None:
        """A part repeats TRADE_SUCCESS, the whole sends TRADE_CLOSED: both to the payment's address."""
        at = datetime.fromisoformat(trade.refunded_at[number]).astimezone(CHINA)
        self._tell(
            self._letter(
                trade,
                now,
                trade_status=trade.status,
                gmt_refund=f"{at:%Y-%m-%d %H:%M:%S}.000",
                refund_fee=yuan(trade.refunded_fen),
                out_biz_no=number,
            )
        )

    def _letter(self, trade: Trade, now: datetime, **fields: str) -> Letter:
        notify_id = f"{now.astimezone(CHINA):%Y%m%d}{secrets.token_hex(12)}"
        paid = {"gmt_payment": china(trade.paid_at)} if trade.paid_at else {}
        return Letter(
            notify_id=notify_id,
            url=trade.notify_url,
            fields={
                "notify_id": notify_id,
                "notify_time": china(now.isoformat()),
                "notify_type": "trade_status_sync",
                "version": "1.0",
                "app_id": self._keys.app_id,
                "auth_app_id": self._keys.app_id,
                "seller_id": self._keys.seller_id,
                "out_trade_no": trade.out_trade_no,
                "trade_no": trade.trade_no,
                "subject": trade.subject,
                "total_amount": yuan(trade.total_fen),
                "receipt_amount": yuan(trade.total_fen),
                "buyer_id": "2088000000000000",
                "fund_bill_list": f'[{{"amount":"{yuan(trade.total_fen)}","fundChannel":"ALIPAYACCOUNT"}}]',
                "gmt_create": china(trade.created_at),
                **paid,
                **fields,
            },
        )


def content_of(parameters: Mapping[str, str]) -> Fields:
    """The business part of a request."""
    try:
        content = json.loads(parameters.get("biz_content", ""))
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise BizError("isv.invalid-parameter", code="40002")
    return content
