"""WeChat Pay's daily bills: the published sample, the sandbox's files, and everything that may be wrong with them."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from payments.problems import FormatProblem
from payments.providers.wechat_pay import WeChatPay
from payments.providers.wechat_pay_bills import read_fund_flow, read_trade_bill
from payments.providers.wechat_pay_ways import CHINA
from prepaid.domain.bills import BillKind
from prepaid.domain.errors import Refused, TryAgain, Unknown
from prepaid.domain.orders import Order
from prepaid.domain.refunds import refund_id
from prepaid.ports import BillingProvider
from sandbox.wechat_pay_bills import fee_fen
from tests.fakes.payment_rig import Rig, fresh_keys_dir, payment_rig, serve

SAMPLE = Path(__file__).parents[2].parent / "shared" / "vectors" / "wechat_tradebill_ALL.csv"
DAY = date(2026, 11, 24)


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with payment_rig(fresh_keys_dir(tmp_path)) as made:
        yield made


async def _paid(rig: Rig, amount_fen: int = 2000, description: str = "3-201") -> Order:
    order = rig.order(amount_fen=amount_fen)
    txn_id = rig.sandbox.pay(await rig.provider.create(order, description)).transaction_id
    return replace(order, txn_id=txn_id)


def _today(rig: Rig) -> date:
    return rig.clock.now().astimezone(CHINA).date()


@pytest.mark.skipif(not SAMPLE.exists(), reason="the folder of published vectors is not beside the repository")
def test_the_published_sample_is_read_to_the_fen() -> None:
    """M17: 45 lines; payments, refunds and fees add up to the file's own totals."""
    raw = SAMPLE.read_bytes()
    assert hashlib.sha1(raw, usedforsecurity=False).hexdigest() == "9bb6cd819be348f17a9cbcedddc8eb62fefbd790"
    bill = read_trade_bill(raw, date(2019, 2, 19))
    paid = [row for row in bill.rows if row.kind is BillKind.PAYMENT]
    back = [row for row in bill.rows if row.kind is BillKind.REFUND]
    assert len(bill.rows) == 45
    assert (sum(row.amount_fen for row in paid), sum(row.amount_fen for row in back)) == (47, 14)
    assert sum(row.fee_fen for row in bill.rows) == 8
    first = back[0]
    assert first.at == datetime(2019, 2, 18, 21, 1, 46, tzinfo=UTC)
    assert first.txn_id == "4200000263201902167700134212"
    assert first.order_id == "autotest_20190216081946_82335"
    assert first.refund_id == "REF4200000263201902167700963919"
    assert (first.amount_fen, first.fee_fen, first.merchant_id, first.currency) == (1, 0, "1921000401", "CNY")
    assert all(row.refund_id is None for row in paid)


@pytest.mark.skipif(not SAMPLE.exists(), reason="the folder of published vectors is not beside the repository")
@pytest.mark.parametrize(
    "change",
    [
        lambda raw: raw[: len(raw) // 2],
        lambda raw: raw.replace(b"`45.0", b"`44.0"),
        lambda raw: raw.replace(b"%,`0.03,", b"%,`0.031,", 1),
        lambda raw: raw.replace(b"%,`0.03,", b"%,`-0.03,", 1),
        lambda raw: raw.replace(b"%,`0.03,", b"%,`NaN,", 1),
        lambda raw: raw.replace(b"`SUCCESS,", b"`SOMETHING,", 1),
        lambda raw: raw.replace(b"`CNY,", b"`CNY,`more,", 1),
        lambda raw: raw.replace("订单金额".encode(), b"x").replace("应结".encode(), b"y"),
        lambda raw: raw.replace(b"2019-02-19 05:01:46", b"2019-02-30 05:01:46", 1),
        lambda raw: raw.replace("交易时间".encode(), b"\xff\xfe", 1),
        lambda _raw: b"",
        lambda _raw: b"\xef\xbb\xbf\r\n\r\n",
        lambda _raw: b"<html>busy</html>",
    ],
    ids=range(13),
)
def test_a_file_that_is_not_understood_is_no_bill(change: Callable[[bytes], bytes]) -> None:
    """M17: cut off, miscounted, another column or an odd amount: refused whole, never read in part."""
    changed = change(SAMPLE.read_bytes())
    assert changed != SAMPLE.read_bytes()
    with pytest.raises(FormatProblem):
        read_trade_bill(changed, date(2019, 2, 19))


async def test_the_bill_of_a_day_says_what_happened(rig: Rig) -> None:
    """M17: payments with fees, refunds with numbers, amounts in fen, descriptions with commas and marks."""
    first, second = await _paid(rig), await _paid(rig, 990, "3-201, `a`, b")
    number = refund_id(first.id, "k1")
    await rig.provider.refund(first, number, 500, "x")
    rig.sandbox.faults.replace({"bill_early": True})
    billing: BillingProvider = rig.provider
    assert isinstance(billing, BillingProvider)
    bill = await billing.bill(_today(rig))
    assert (bill.provider, bill.day) == ("wechat_pay", _today(rig))
    paid = {row.order_id: row for row in bill.rows if row.kind is BillKind.PAYMENT}
    (back,) = [row for row in bill.rows if row.kind is BillKind.REFUND]
    for order in (first, second):
        row, payment = paid[order.id], await rig.provider.query(order)
        assert payment is not None
        assert (row.txn_id, row.amount_fen, row.at) == (payment.txn_id, order.amount_fen, payment.paid_at)
        assert row.fee_fen == fee_fen(order.amount_fen) > 0
        assert (row.merchant_id, row.app_id) == (payment.merchant_id, payment.app_id)
    assert (back.order_id, back.txn_id, back.refund_id) == (first.id, first.txn_id, number)
    assert (back.amount_fen, back.fee_fen) == (500, 3)


async def test_the_balance_s_movements_agree_with_the_trade_bill(rig: Rig) -> None:
    """M17: what came in less refunds and fees is how the balance moved."""
    order = await _paid(rig)
    await rig.provider.refund(order, refund_id(order.id, "k1"), 500, "x")
    rig.sandbox.faults.replace({"bill_early": True})
    bill, flow = await rig.provider.bill(_today(rig)), await rig.provider.fund_flow(_today(rig))
    signed = {BillKind.PAYMENT: 1, BillKind.REFUND: -1}
    assert sum(row.amount_fen for row in flow) == sum(signed[r.kind] * (r.amount_fen - r.fee_fen) for r in bill.rows)
    assert flow[-1].balance_fen - flow[0].balance_fen == sum(row.amount_fen for row in flow[1:])
    assert {row.txn_id for row in flow} == {order.txn_id}


async def test_a_day_without_money_has_an_empty_bill(rig: Rig) -> None:
    """M17: "no statement" is an answer, not an error."""
    rig.sandbox.faults.replace({"bill_early": True})
    assert (await rig.provider.bill(DAY)).rows == ()
    assert await rig.provider.fund_flow(DAY) == ()


async def test_a_bill_is_ready_the_next_day_at_ten(rig: Rig) -> None:
    """M17: before that it is `TryAgain`; days without a bill for ever are a plain no."""
    await _paid(rig)
    paid_on, midnight = _today(rig), datetime.combine(_today(rig), datetime.min.time(), CHINA)
    rig.clock.ahead = midnight + timedelta(days=1, hours=9, minutes=59) - datetime.now(UTC)
    with pytest.raises(TryAgain, match=r"try_again\.bill_not_ready"):
        await rig.provider.bill(paid_on)
    rig.clock.ahead += timedelta(minutes=2)
    assert len((await rig.provider.bill(paid_on)).rows) == 1
    for day in (paid_on + timedelta(days=1), paid_on - timedelta(days=120)):
        with pytest.raises(Refused):
            await rig.provider.bill(day)


async def test_another_file_than_the_digest_says_is_not_read(rig: Rig) -> None:
    """A4: the file is not sealed; the digest in the sealed answer is what proves it."""
    await _paid(rig)
    rig.sandbox.faults.replace({"bill_early": True, "bill_wrong_digest": True})
    for call in (rig.provider.bill(_today(rig)), rig.provider.fund_flow(_today(rig))):
        with pytest.raises(Unknown) as caught:
            await call
        assert caught.value.params["why"] == "bad_digest"


async def test_strangers_and_missing_lines_are_shown_as_they_are(rig: Rig) -> None:
    """M17: the bill is the provider's word: it may hold what we do not know and lack what we do."""
    await _paid(rig)
    order = await _paid(rig)
    rig.sandbox.faults.replace({"bill_early": True, "bill_extras": 2, "bill_omits": 1, "bill_shift_fen": 7})
    rows = (await rig.provider.bill(_today(rig))).rows
    assert len(rows) == 3
    assert rows[0].amount_fen == order.amount_fen + 7
    assert [row.order_id.startswith("stranger") for row in rows] == [False, True, True]


@pytest.mark.parametrize(
    "change",
    [
        {"download_url": "https://elsewhere.example.com/"},
        {"download_url": "https://elsewhere.example.com/v3/file?token=a b"},
        {"download_url": "file:///etc/passwd"},
        {"download_url": 1},
        {"hash_type": "MD5"},
        {"hash_value": ""},
    ],
    ids=str,
)
async def test_a_link_leads_to_the_gateway_and_nowhere_else(
    rig: Rig, change: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A4: whatever host an answer names, the file is fetched from the gateway, by a plain path."""
    await _paid(rig)
    rig.sandbox.faults.replace({"bill_early": True})
    apply = rig.sandbox._api._bills.apply
    monkeypatch.setattr(rig.sandbox._api._bills, "apply", lambda *args: {**apply(*args), **change})
    with pytest.raises(Unknown):
        await rig.provider.bill(_today(rig))


async def test_a_link_of_another_host_name_is_fetched_from_the_gateway(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real answer names the main domain even when the backup domain was asked."""
    await _paid(rig)
    rig.sandbox.faults.replace({"bill_early": True})
    apply = rig.sandbox._api._bills.apply

    def elsewhere(kind: str, query: dict[str, str], _base: str, now: datetime) -> dict[str, Any]:
        return apply(kind, query, "https://api.mch.weixin.qq.com", now)

    monkeypatch.setattr(rig.sandbox._api._bills, "apply", elsewhere)
    assert len((await rig.provider.bill(_today(rig))).rows) == 1


async def test_a_download_that_fails_is_unknown(rig: Rig) -> None:
    """M9, Y3: an error page, or a file without end, is no bill."""

    async def page(_request: web.Request) -> web.Response:
        return web.Response(status=502, text="<html>busy</html>")

    async with serve([web.route("*", "/{anything:.*}", page)]) as base:
        config = rig.provider._config.model_copy(update={"base_url": base})
        provider = WeChatPay(config, rig.clock)
        try:
            with pytest.raises(Unknown) as caught:
                await provider._link.download("/v3/billdownload/file?token=x")
            assert caught.value.params["why"] == "http_5xx"
        finally:
            await provider.aclose()


def test_a_movement_that_is_not_understood_is_refused() -> None:
    """F14: the fund-flow bill is read as strictly."""
    for raw in (b"", b"a,b\r\n`1,`2\r\nc\r\n`1.0\r\n"):
        with pytest.raises(FormatProblem):
            read_fund_flow(raw)
