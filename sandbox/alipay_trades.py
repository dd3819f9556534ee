"""The codes and trades of the Alipay sandbox and the rules of the real one; kept in a small file across restarts.

A code, or a page, is no trade: there is one only when a payer has scanned or logged in. Amounts are integer fen.
"""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from sandbox.keys import write_private

CHINA = timezone(timedelta(hours=8))
TRADES_MAX = 2000
DEFAULT_LIFE = timedelta(hours=2)
CANCEL_WITHIN = timedelta(hours=24)
REFUND_GAP = timedelta(seconds=3)
_NUMBER = re.compile(r"[0-9A-Za-z_]{1,64}", re.ASCII)
_AMOUNT = re.compile(r"([0-9]{1,9})\.([0-9]{2})", re.ASCII)


class BizError(Exception):
    """A refusal. `signed` is False where the real gateway does not sign either."""

    def __init__(self, sub_code: str, *, code: str = "40004", signed: bool = True) -> None:
        super().__init__(sub_code)
        self.code = code
        self.sub_code = sub_code
        self.signed = signed


@dataclass(slots=True, kw_only=True)
class Offer:
    """What a code or a page offers to whoever scans it. Instants are ISO strings, so that the file is plain JSON."""

    code: str
    out_trade_no: str
    subject: str
    total_fen: int
    notify_url: str
    expires_at: str


@dataclass(slots=True, kw_only=True)
class Trade:
    """A trade as Alipay would hold it."""

    out_trade_no: str
    trade_no: str
    subject: str
    total_fen: int
    notify_url: str
    expires_at: str
    created_at: str
    status: str = "WAIT_BUYER_PAY"
    paid_at: str = ""
    refunds: dict[str, int] = field(default_factory=dict)
    refunded_at: dict[str, str] = field(default_factory=dict)

    @property
    def refunded_fen(self) -> int:
        """All that went back."""
        return sum(self.refunds.values())


def yuan(fen: int) -> str:
    """Two decimals."""
    return f"{'-' if fen < 0 else ''}{abs(fen) // 100}.{abs(fen) % 100:02d}"


def fen(written: object) -> int:
    """The sandbox wants exactly two decimals."""
    found = _AMOUNT.fullmatch(written) if isinstance(written, str) else None
    if found is None or (value := int(found[1]) * 100 + int(found[2])) <= 0:
        raise BizError("isv.invalid-parameter", code="40002")
    return value


def china(iso: str) -> str:
    """An instant as Alipay writes it."""
    return datetime.fromisoformat(iso).astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S")


def offer_from_request(content: dict[str, Any], notify_url: str, now: datetime) -> Offer:
    """Checks what an order asks for. Raises `BizError`."""
    number, subject = content.get("out_trade_no"), content.get("subject")
    if not isinstance(number, str) or not _NUMBER.fullmatch(number):
        raise BizError("ACQ.INVALID_PARAMETER")
    if not isinstance(subject, str) or not 0 < len(subject) <= 256 or any(each in subject for each in "/=&"):
        raise BizError("ACQ.INVALID_PARAMETER")
    if not re.fullmatch(r"https?://[^?#\s]+", notify_url):
        raise BizError("isv.invalid-parameter", code="40002")
    return Offer(
        code=f"https://qr.alipay.com/{secrets.token_hex(8)}",
        out_trade_no=number,
        subject=subject,
        total_fen=fen(content.get("total_amount")),
        notify_url=notify_url,
        expires_at=_expiry(content.get("time_expire"), now).isoformat(),
    )


def _expiry(asked: object, now: datetime) -> datetime:
    if asked is None:
        return now + DEFAULT_LIFE
    try:
        wanted = datetime.strptime(str(asked), "%Y-%m-%d %H:%M:%S").replace(tzinfo=CHINA)
    except ValueError:
        raise BizError("ACQ.INVALID_PARAMETER") from None
    if wanted <= now:
        raise BizError("ACQ.INVALID_PARAMETER")
    return wanted.astimezone(UTC)


class TradeBook:
    """All codes and trades."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offers: dict[str, Offer] = {}
        self._trades: dict[str, Trade] = {}
        if path.exists():
            stored = json.loads(path.read_text(encoding="utf-8"))
            self._offers = {row["code"]: Offer(**row) for row in stored["offers"]}
            self._trades = {row["out_trade_no"]: Trade(**row) for row in stored["trades"]}

    def save(self) -> None:
        """Writes everything in one step."""
        rows = {"offers": list(map(asdict, self._offers.values())), "trades": list(map(asdict, self._trades.values()))}
        write_private(self._path, json.dumps(rows, ensure_ascii=False))

    def trades(self) -> list[Trade]:
        """Every trade, oldest first."""
        return list(self._trades.values())

    def offer(self, offer: Offer, now: datetime) -> Offer:
        """A code for an order. A trade of that number must still be payable and the same."""
        trade = self._trades.get(offer.out_trade_no)
        if trade is not None:
            self._check_same(self.current(trade, now), offer)
        self._offers[offer.code] = offer
        while len(self._offers) > TRADES_MAX:
            self._offers.pop(next(iter(self._offers)))
        self.save()
        return offer

    def open(self, offer: Offer, now: datetime) -> Trade:
        """The trade of an order: made now, or the one that there is if it is the same and unpaid."""
        trade = self._trades.get(offer.out_trade_no)
        if trade is not None:
            self._check_same(self.current(trade, now), offer)
            return trade
        trade = Trade(
            out_trade_no=offer.out_trade_no,
            trade_no=f"{now.astimezone(CHINA):%Y%m%d}22001{secrets.randbelow(10**15):015d}",
            subject=offer.subject,
            total_fen=offer.total_fen,
            notify_url=offer.notify_url,
            expires_at=offer.expires_at,
            created_at=now.isoformat(),
        )
        if len(self._trades) >= TRADES_MAX:
            self._trades.pop(next(iter(self._trades)))
        self._trades[trade.out_trade_no] = trade
        self.save()
        return trade

    @staticmethod
    def _check_same(trade: Trade, offer: Offer) -> None:
        if trade.status in {"TRADE_SUCCESS", "TRADE_FINISHED"}:
            raise BizError("ACQ.TRADE_HAS_SUCCESS")
        if trade.status == "TRADE_CLOSED":
            raise BizError("ACQ.TRADE_HAS_CLOSE")
        if (trade.total_fen, trade.subject) != (offer.total_fen, offer.subject):
            raise BizError("ACQ.CONTEXT_INCONSISTENT")

    def by_code(self, code: str) -> Offer:
        """What a code offers."""
        if code not in self._offers:
            raise BizError("ACQ.TRADE_NOT_EXIST")
        return self._offers[code]

    def find(self, content: dict[str, Any], now: datetime) -> Trade:
        """A trade by our number or theirs."""
        number, trade_no = content.get("out_trade_no"), content.get("trade_no")
        for trade in self._trades.values():
            if (trade_no is not None and trade.trade_no == trade_no) or (
                trade_no is None and trade.out_trade_no == number
            ):
                return self.current(trade, now)
        raise BizError("ACQ.TRADE_NOT_EXIST")

    def current(self, trade: Trade, now: datetime) -> Trade:
        """An unpaid trade is closed by its time."""
        if trade.status == "WAIT_BUYER_PAY" and now >= datetime.fromisoformat(trade.expires_at):
            trade.status = "TRADE_CLOSED"
        return trade

    def pay(self, trade: Trade, now: datetime, *, force: bool = False) -> None:
        """The payer's money arrives. `force` pays what is closed or expired, as a race at the real one may."""
        self.current(trade, now)
        if trade.paid_at:
            raise BizError("ACQ.TRADE_HAS_SUCCESS")
        if trade.status != "WAIT_BUYER_PAY" and not force:
            raise BizError("ACQ.TRADE_HAS_CLOSE")
        trade.status, trade.paid_at = "TRADE_SUCCESS", now.isoformat(timespec="seconds")
        self.save()

    def close(self, trade: Trade) -> None:
        """Only what waits for its payer can be closed."""
        if trade.status != "WAIT_BUYER_PAY":
            raise BizError("ACQ.TRADE_STATUS_ERROR")
        trade.status = "TRADE_CLOSED"
        self.save()

    def cancel(self, trade: Trade, now: datetime) -> str:
        """Closes, or gives everything back; returns which."""
        if now - datetime.fromisoformat(trade.created_at) > CANCEL_WITHIN:
            raise BizError("ACQ.CANCEL_NOT_ALLOWED")
        if trade.status == "TRADE_SUCCESS":
            self._give_back(trade, f"cancel_{trade.out_trade_no}", trade.total_fen - trade.refunded_fen, now)
            return "refund"
        if trade.status == "WAIT_BUYER_PAY":
            self.close(trade)
        return "close"

    def refund(self, trade: Trade, number: str, amount_fen: int, now: datetime) -> bool:
        """Whether funds moved: a repeat of the same number with the same amount moves none."""
        if number in trade.refunds:
            if trade.refunds[number] != amount_fen:
                raise BizError("ACQ.DISCORDANT_REPEAT_REQUEST")
            return False
        if trade.status == "TRADE_FINISHED":
            raise BizError("ACQ.TRADE_HAS_FINISHED")
        if trade.status != "TRADE_SUCCESS":
            raise BizError("ACQ.TRADE_STATUS_ERROR")
        if amount_fen > trade.total_fen - trade.refunded_fen:
            raise BizError("ACQ.REFUND_AMT_NOT_EQUAL_TOTAL")
        latest = max(trade.refunded_at.values(), default="")
        if latest and now - datetime.fromisoformat(latest) < REFUND_GAP:
            raise BizError("ACQ.SYSTEM_ERROR", code="20000")
        self._give_back(trade, number, amount_fen, now)
        return True

    def _give_back(self, trade: Trade, number: str, amount_fen: int, now: datetime) -> None:
        trade.refunds[number] = amount_fen
        trade.refunded_at[number] = now.isoformat()
        if trade.refunded_fen == trade.total_fen:
            trade.status = "TRADE_CLOSED"
        self.save()
