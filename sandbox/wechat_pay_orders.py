"""The orders of the WeChat Pay sandbox and the state rules of the real one; kept in a small file across restarts."""

from __future__ import annotations

import ipaddress
import json
import re
import secrets
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sandbox.keys import write_private

ORDERS_MAX = 2000
CODES_MAX = 20
DEFAULT_LIFE = timedelta(days=7)
LIFE_MIN = timedelta(minutes=1)
LIFE_MAX = timedelta(days=90)
OUT_TRADE_NO = re.compile(r"[0-9A-Za-z_\-|*]{6,32}", re.ASCII)


class ApiError(Exception):
    """An error answer of the API."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.message = message


@dataclass(slots=True, kw_only=True)
class SandboxOrder:
    """One order as WeChat Pay would hold it. Instants are ISO strings, so that the file is plain JSON."""

    out_trade_no: str
    mchid: str
    appid: str
    description: str
    total: int
    currency: str
    notify_url: str
    attach: str
    asked_expire: str
    expires_at: str
    state: str = "NOTPAY"
    codes: list[str] = field(default_factory=list)
    transaction_id: str = ""
    success_time: str = ""
    notification_id: str = ""
    notified: bool = False
    trade_type: str = "NATIVE"
    payer: str = ""
    """The openid, where the order names one."""

    def parameters(self) -> tuple[object, ...]:
        """What must be the same when the order is asked for again."""
        return (
            self.mchid,
            self.appid,
            self.description,
            self.total,
            self.currency,
            self.notify_url,
            self.attach,
            self.asked_expire,
            self.trade_type,
            self.payer,
        )


def order_from_request(
    document: dict[str, Any], trade_type: str, *, mchid: str, appid: str, now: datetime
) -> SandboxOrder:
    """Checks a request as strictly as the real API does. Raises `ApiError`."""
    if document.get("mchid") != mchid or document.get("appid") != appid:
        raise ApiError(400, "APPID_MCHID_NOT_MATCH", "appid and mchid do not match")
    amount = document.get("amount")
    total = amount.get("total") if isinstance(amount, dict) else None
    if type(total) is not int or not 1 <= total <= 10**9:
        raise ApiError(400, "PARAM_ERROR", "amount.total")
    asked = document.get("time_expire", "")
    return SandboxOrder(
        out_trade_no=_text(document, "out_trade_no", 32, OUT_TRADE_NO),
        mchid=mchid,
        appid=appid,
        description=_text(document, "description", 127),
        total=total,
        currency=str(amount.get("currency", "CNY")) if isinstance(amount, dict) else "CNY",
        notify_url=_text(document, "notify_url", 255, re.compile(r"https?://[^?#\s]+")),
        attach=str(document.get("attach", "")),
        asked_expire=str(asked),
        expires_at=_expiry(asked, now).isoformat(),
        trade_type=trade_type,
        payer=_payer(document, trade_type),
    )


def _payer(document: dict[str, Any], trade_type: str) -> str:
    """An openid is a must in WeChat, an address outside it."""
    if trade_type == "JSAPI":
        payer = document.get("payer")
        return _text(payer if isinstance(payer, dict) else {}, "openid", 128)
    if trade_type == "MWEB":
        scene = document.get("scene_info")
        scene = scene if isinstance(scene, dict) else {}
        page = scene.get("h5_info")
        try:
            ipaddress.ip_address(_text(scene, "payer_client_ip", 45))
        except ValueError:
            raise ApiError(400, "PARAM_ERROR", "payer_client_ip") from None
        _text(page if isinstance(page, dict) else {}, "type", 32)
    return ""


def _text(document: dict[str, Any], key: str, length_max: int, pattern: re.Pattern[str] | None = None) -> str:
    value = document.get(key)
    if not isinstance(value, str) or not 0 < len(value) <= length_max or (pattern and not pattern.fullmatch(value)):
        raise ApiError(400, "PARAM_ERROR", key)
    return value


def _expiry(asked: object, now: datetime) -> datetime:
    """The last moment to pay: an hour given is moved to be a minute ahead at least."""
    if asked == "":
        return now + DEFAULT_LIFE
    try:
        wanted = datetime.fromisoformat(str(asked))
    except ValueError:
        raise ApiError(400, "PARAM_ERROR", "time_expire") from None
    if wanted.tzinfo is None or wanted - now > LIFE_MAX:
        raise ApiError(400, "PARAM_ERROR", "time_expire")
    return max(wanted.astimezone(UTC), now + LIFE_MIN)


class OrderBook:
    """All orders, by number, by code and by transaction."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._orders: dict[str, SandboxOrder] = {}
        if path.exists():
            for row in json.loads(path.read_text(encoding="utf-8")):
                order = SandboxOrder(**row)
                self._orders[order.out_trade_no] = order

    def save(self) -> None:
        """Writes all orders in one step."""
        rows = [asdict(order) for order in self._orders.values()]
        write_private(self._path, json.dumps(rows, ensure_ascii=False))

    def place(self, wanted: SandboxOrder, now: datetime) -> str:
        """Opens the order, or opens it again with the same parameters; returns a new code or prepay id."""
        order = self._orders.get(wanted.out_trade_no)
        if order is None:
            order = wanted
            self._add(order)
        elif order.state == "CLOSED":
            raise ApiError(400, "ORDER_CLOSED", "the order is closed")
        elif order.state != "NOTPAY":
            raise ApiError(400, "ORDERPAID", "the order is paid")
        elif order.parameters() != wanted.parameters() or self.expired(order, now):
            raise ApiError(400, "INVALID_REQUEST", "the parameters differ from the first request, or it has expired")
        if order.trade_type == "NATIVE":
            code = f"weixin://wxpay/bizpayurl?pr={secrets.token_urlsafe(8)}"
        else:
            code = f"wx{now:%Y%m%d%H%M%S}{secrets.token_hex(10)}"
        order.codes = [*order.codes[-CODES_MAX + 1 :], code]
        self.save()
        return code

    def _add(self, order: SandboxOrder) -> None:
        if len(self._orders) >= ORDERS_MAX:
            self._orders.pop(next(iter(self._orders)))
        self._orders[order.out_trade_no] = order

    def all(self) -> list[SandboxOrder]:
        """Every order, oldest first."""
        return list(self._orders.values())

    def get(self, out_trade_no: str) -> SandboxOrder:
        """The order with that number."""
        order = self._orders.get(out_trade_no)
        if order is None:
            raise ApiError(404, "ORDER_NOT_EXIST", "no such order")
        return order

    def by_transaction(self, transaction_id: str) -> SandboxOrder:
        """The order that was paid by that transaction."""
        for order in self._orders.values():
            if order.transaction_id == transaction_id:
                return order
        raise ApiError(404, "ORDER_NOT_EXIST", "no such transaction")

    def by_code(self, code_url: str) -> SandboxOrder:
        """The order of a code that was scanned, a page that was opened, or a prepay id."""
        code = code_url.rpartition("prepay_id=")[2]
        for order in self._orders.values():
            if code in order.codes:
                return order
        raise ApiError(404, "ORDER_NOT_EXIST", "no such code")

    def close(self, out_trade_no: str) -> None:
        """Makes an unpaid order unpayable; closing twice is fine."""
        order = self.get(out_trade_no)
        if order.state not in {"NOTPAY", "CLOSED"}:
            raise ApiError(400, "ORDERPAID", "the order is paid")
        order.state = "CLOSED"
        self.save()

    def pay(self, order: SandboxOrder, now: datetime, *, force: bool = False) -> None:
        """The payer's money arrives. `force` pays what is closed or expired, as a race at the real one may."""
        if order.transaction_id:
            raise ApiError(409, "ORDERPAID", "the order is paid")
        if not force and (order.state != "NOTPAY" or self.expired(order, now)):
            raise ApiError(409, "ORDER_CLOSED", "the order is closed or expired")
        order.state = "SUCCESS"
        order.transaction_id = f"42000{now:%Y%m%d%H%M%S}{secrets.randbelow(10**9):09d}"
        order.success_time = now.isoformat(timespec="seconds")
        order.notification_id = f"EV-{now:%Y%m%d%H%M%S}{secrets.token_hex(8)}"
        self.save()

    def to_notify(self) -> list[SandboxOrder]:
        """Paid orders whose merchant has not said yes."""
        return [order for order in self._orders.values() if order.transaction_id and not order.notified]

    @staticmethod
    def expired(order: SandboxOrder, now: datetime) -> bool:
        """Whether its last moment to pay has passed. Such an order stays NOTPAY until it is closed."""
        return now >= datetime.fromisoformat(order.expires_at)
