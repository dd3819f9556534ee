"""The Alipay sandbox's daily bill: a zip of two GBK tables whose names are GBK too, without the flag that says so."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable
from datetime import date, datetime

from sandbox.alipay_faults import Faults
from sandbox.alipay_trades import CHINA, Trade, china, fen, yuan

HEADER = (
    "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,订单金额（元）,"
    "商家实收（元）,支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,券核销金额（元）,券名称,商家红包消费金额（元）,"
    "卡消费金额（元）,退款批次号/请求号,服务费（元）,分润（元）,备注"
)
FEE_PER_10000 = 60
"""0.6 %."""

Line = tuple[str, int, str]


def packed_bill(trades: Iterable[Trade], day: date, seller_id: str, faults: Faults) -> bytes | None:
    """The bill of that day of China's calendar; None when there was nothing."""
    lines = [
        line for trade in trades if trade.out_trade_no not in faults.bill_without for line in _lines(trade, day, faults)
    ]
    lines += [_strange(number, amount, day) for number, amount in enumerate(faults.bill_extra)]
    if not lines:
        return None
    payments = [amount for kind, amount, _ in lines if kind == "交易"]
    refunds = [amount for kind, amount, _ in lines if kind == "退款"]
    account = f"{seller_id}0156"
    text = "\r\n".join(
        [
            "#支付宝业务明细查询",
            f"#账号：[{account}]",
            f"#起始日期：[{day:%Y年%m月%d日} 00:00:00]   终止日期：[{day:%Y年%m月%d日} 23:59:59]",
            "#-----------------------------------------业务明细列表----------------------------------------",
            HEADER,
            *(line for _, _, line in lines),
            "#-----------------------------------------业务明细列表结束------------------------------------",
            f"#交易合计：{len(payments)}笔，商家实收共{yuan(sum(payments))}元，商家优惠共0.00元",
            f"#退款合计：{len(refunds)}笔，商家实收退款共{yuan(sum(refunds))}元，商家优惠退款共0.00元",
            "",
        ]
    )
    if faults.bill_cut_short:
        text = text[: text.index("#---", text.index(HEADER))]
    stem = f"{account}_{day:%Y%m%d}_业务明细"
    return _zip({f"{stem}(汇总).csv": "#支付宝业务汇总查询\r\n", f"{stem}.csv": text})


def _lines(trade: Trade, day: date, faults: Faults) -> list[Line]:
    lines = []
    if trade.paid_at and _day(trade.paid_at) == day:
        fee = -(trade.total_fen * FEE_PER_10000 // 10000)
        lines.append(_line(trade, "交易", trade.total_fen, trade.paid_at, fee=fee))
    for number, amount in trade.refunds.items():
        if _day(trade.refunded_at[number]) == day:
            signed = amount if faults.refunds_positive else -amount
            lines.append(
                _line(
                    trade, "退款", signed, trade.refunded_at[number], fee=amount * FEE_PER_10000 // 10000, number=number
                )
            )
    return lines


def _day(iso: str) -> date:
    return datetime.fromisoformat(iso).astimezone(CHINA).date()


def _line(trade: Trade, kind: str, amount: int, at: str, *, fee: int = 0, number: str = "") -> Line:
    cells = [
        *(f"{trade.trade_no}\t", f"{trade.out_trade_no}\t", f"{kind}\t", trade.subject),
        *(china(trade.created_at), china(at), "\t", "\t", "\t", "\t", "*某(138****0000)\t"),
        *(yuan(amount), yuan(amount), "0.00", "0.00", "0.00", "0.00", "0.00", "", "0.00\t", "0.00"),
        *(f"{number}\t", yuan(fee), "0.00", trade.subject),
    ]
    return kind, amount, ",".join(cells)


def _strange(number: int, amount: str, day: date) -> Line:
    """A trade that only the bill knows."""
    at = datetime.combine(day, datetime.min.time(), CHINA).isoformat()
    trade = Trade(
        out_trade_no=f"strange{number}",
        trade_no=f"{day:%Y%m%d}22001{number:015d}",
        subject="?",
        total_fen=fen(amount),
        notify_url="",
        expires_at=at,
        created_at=at,
    )
    return _line(trade, "交易", trade.total_fen, at)


class _GbkName(zipfile.ZipInfo):
    """Writes its name in GBK and keeps quiet about it, as the real bill does."""

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:  # noqa: N802 - the library's own name
        return self.filename.encode("gbk"), self.flag_bits & ~0x800


def _zip(members: dict[str, str]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            info = _GbkName(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, text.encode("gbk"))
    return packed.getvalue()
