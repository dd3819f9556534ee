"""The daily bills of the WeChat Pay sandbox, written as the real ones are: a mark, backticks, yuan, totals."""

from __future__ import annotations

import gzip
import hashlib
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import Any

from sandbox.wechat_pay_faults import Faults
from sandbox.wechat_pay_orders import ApiError, OrderBook, SandboxOrder
from sandbox.wechat_pay_refunds import RefundBook, SandboxRefund

CHINA = timezone(timedelta(hours=8))
READY_HOUR = 10
DAYS_BACK_MAX = 92
LINK_LIFE = timedelta(minutes=5)
LINKS_MAX = 100
FEE_PER_10000 = 60
OPENING_FEN = 1_000_000

TRADE_HEAD = (
    "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,"
    "应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,"
    "手续费,费率,订单金额,申请退款金额,费率备注"
)
TRADE_TOTALS = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"
FLOW_HEAD = (
    "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额(元),账户结余(元),"
    "资金变更提交申请人,备注,业务凭证号"
)
FLOW_TOTALS = "资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额"
REFUND_STATES = {"SUCCESS": "SUCCESS", "PROCESSING": "PROCESSING", "ABNORMAL": "CHANGE", "CLOSED": "FAIL"}


@dataclass(frozen=True, slots=True)
class _Link:
    content: bytes
    ends_at: datetime


@dataclass(slots=True)
class _Line:
    """One line of the trade bill before it is written."""

    at: str
    order: SandboxOrder
    paid: int
    fee: int
    refund: SandboxRefund | None = None


class BillDesk:
    """Makes bills and hands them out by links that do not live long."""

    def __init__(self, orders: OrderBook, refunds: RefundBook, faults: Faults) -> None:
        self._orders = orders
        self._refunds = refunds
        self._faults = faults
        self._links: dict[str, _Link] = {}

    def apply(self, kind: str, query: dict[str, str], base_url: str, now: datetime) -> dict[str, Any]:
        """The answer to an application for a bill: a digest and a link."""
        day = self._day(query.get("bill_date", ""), now)
        lines = self._lines(day)
        if kind == "tradebill":
            kept = query.get("bill_type", "ALL")
            content = trade_bill([one for one in lines if kept == "ALL" or (kept == "REFUND") == bool(one.refund)])
        else:
            content = fund_flow(lines)
        if not lines:
            raise ApiError(400, "NO_STATEMENT_EXIST", "no transactions on that day")
        packed = gzip.compress(content) if query.get("tar_type") == "GZIP" else content
        token = secrets.token_urlsafe(24)
        if len(self._links) >= LINKS_MAX:
            self._links.pop(next(iter(self._links)))
        self._links[token] = _Link(packed, now + LINK_LIFE)
        digest = hashlib.sha1(b"x" if self._faults.bill_wrong_digest else content, usedforsecurity=False).hexdigest()
        url = f"{base_url}/v3/billdownload/file?token={token}"
        return {"hash_type": "SHA1", "hash_value": digest, "download_url": url}

    def file(self, token: str, now: datetime) -> bytes:
        """What a link leads to."""
        link = self._links.get(token)
        if link is None or now >= link.ends_at:
            raise ApiError(400, "INVALID_REQUEST", "the link is too old")
        return link.content

    def _day(self, written: str, now: datetime) -> date:
        try:
            day = date.fromisoformat(written)
        except ValueError:
            raise ApiError(400, "PARAM_ERROR", "bill_date") from None
        local = now.astimezone(CHINA)
        if self._faults.bill_early:
            return day
        if not timedelta(0) < local.date() - day <= timedelta(days=DAYS_BACK_MAX):
            raise ApiError(400, "INVALID_REQUEST", "bill_date")
        early = local.date() - day == timedelta(days=1) and local.hour < READY_HOUR
        if early or self._faults.bill_creating:
            raise ApiError(400, "STATEMENT_CREATING", "the bill is being made")
        return day

    def _lines(self, day: date) -> list[_Line]:
        """Payments and refunds of one day in China, with the faults that are set."""
        paid = [o for o in self._orders.all() if o.transaction_id and _local(o.success_time).date() == day]
        lines = [_Line(o.success_time, o, o.total, fee_fen(o.total)) for o in paid]
        for refund in self._refunds.all():
            if _local(refund.created_at).date() == day:
                order = self._orders.by_transaction(refund.transaction_id)
                lines.append(_Line(refund.created_at, order, 0, -fee_fen(refund.refund), refund))
        lines.sort(key=lambda line: line.at)
        lines = lines[self._faults.bill_omits :]
        if lines and lines[0].refund is None:
            lines[0].paid += self._faults.bill_shift_fen
            lines[0].fee += self._faults.bill_fee_shift_fen
        return lines + [_stranger(day, number) for number in range(self._faults.bill_extras)]


def trade_bill(lines: Sequence[_Line]) -> bytes:
    """The trade bill's file."""
    given = [line.refund.refund if line.refund else 0 for line in lines]
    paid, fees = sum(line.paid for line in lines), sum(line.fee for line in lines)
    totals = [f"{len(lines)}.0", yuan(paid), yuan(sum(given)), "0.00", yuan(fees), yuan(paid), yuan(sum(given))]
    return _file([TRADE_HEAD, *(_row(_trade_cells(line)) for line in lines), TRADE_TOTALS, _row(totals)])


def fund_flow(lines: Iterable[_Line]) -> bytes:
    """The fund-flow bill's file: each payment and its fee, each refund and the fee that comes back."""
    balance, rows, sums = OPENING_FEN, [], {"收入": [0, 0], "支出": [0, 0]}
    for line in lines:
        moved = -line.refund.refund if line.refund else line.paid
        kind = "退款" if line.refund else "交易"
        for name, fen in ((kind, moved), ("扣除交易手续费", -line.fee)):
            way = "收入" if fen >= 0 else "支出"
            balance += fen
            sums[way][0] += 1
            sums[way][1] += abs(fen)
            flow_id = f"1{secrets.randbelow(10**18):018d}"
            place = (_written(line.at), line.order.transaction_id, flow_id, name, name, way)
            rows.append(_row([*place, yuan(abs(fen)), yuan(balance), "system", "", line.order.out_trade_no]))
    totals = [f"{len(rows)}.0", *(str(value) for way in sums.values() for value in (f"{way[0]}.0", yuan(way[1])))]
    return _file([FLOW_HEAD, *rows, FLOW_TOTALS, _row(totals)])


def fee_fen(total: int) -> int:
    """0.6 per cent, rounded to the fen."""
    return (total * FEE_PER_10000 + 5000) // 10000


def yuan(fen: int) -> str:
    """An amount as bills write it."""
    return f"{'-' if fen < 0 else ''}{abs(fen) // 100}.{abs(fen) % 100:02d}"


def _trade_cells(line: _Line) -> list[str]:
    order, refund = line.order, line.refund
    given = yuan(refund.refund) if refund else "0.00"
    back = (
        [refund.refund_id, refund.out_refund_no, given, "0.00", "ORIGINAL", REFUND_STATES[refund.status]]
        if refund
        else ["0", "0", "0.00", "0.00", "", ""]
    )
    state = "REFUND" if refund else "SUCCESS"
    who = [_written(line.at), order.appid, order.mchid, "0", "", order.transaction_id, order.out_trade_no]
    what = [order.payer or "sandbox-payer", order.trade_type, state, "OTHERS", order.currency, yuan(line.paid), "0.00"]
    fees = [f"{yuan(line.fee)}000", "0.60%", yuan(line.paid), given, ""]
    return [*who, *what, *back, order.description, order.attach, *fees]


def _stranger(day: date, number: int) -> _Line:
    """A payment that the merchant has never heard of."""
    at = datetime(day.year, day.month, day.day, 12, 0, number, tzinfo=CHINA).isoformat()
    order = SandboxOrder(
        out_trade_no=f"stranger{day:%Y%m%d}{number:04d}",
        mchid="0000190000",
        appid="wx0000000000000000",
        description="stranger",
        total=1234,
        currency="CNY",
        notify_url="",
        attach="",
        asked_expire="",
        expires_at=at,
        transaction_id=f"42000{day:%Y%m%d}{number:015d}",
        success_time=at,
    )
    return _Line(at, order, order.total, fee_fen(order.total))


def _local(instant: str) -> datetime:
    return datetime.fromisoformat(instant).astimezone(CHINA)


def _written(instant: str) -> str:
    return f"{_local(instant):%Y-%m-%d %H:%M:%S}"


def _row(cells: Iterable[str]) -> str:
    return ",".join(f"`{cell}" for cell in cells)


def _file(lines: Iterable[str]) -> bytes:
    return ("\r\n".join(lines) + "\r\n").encode("utf-8-sig")
