"""The product's Alipay client against the sandbox, over real HTTP."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp import web

from payments.providers.alipay import Alipay
from payments.providers.alipay_words import CHINA
from prepaid.domain.bills import BillKind
from prepaid.domain.errors import InvariantBroken, Refused, TryAgain, Unknown
from prepaid.domain.orders import Payment, PayWay
from prepaid.domain.refunds import RefundState
from sandbox.alipay_trades import BizError
from tests.fakes.alipay_rig import AlipayRig, alipay_rig, fresh_alipay_dir
from tests.fakes.payment_rig import serve


@pytest.fixture(params=[False, True], ids=["public key", "certificates"])
async def rig(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[AlipayRig]:
    async with alipay_rig(fresh_alipay_dir(tmp_path), certified=request.param) as made:
        yield made


@pytest.fixture
async def plain(tmp_path: Path) -> AsyncIterator[AlipayRig]:
    async with alipay_rig(fresh_alipay_dir(tmp_path)) as made:
        yield made


async def test_a_code_is_opened_paid_and_found(rig: AlipayRig) -> None:
    """M4: what the payer paid is what a query says, by our number and by theirs, in both modes of keys."""
    order = rig.order()
    code = await rig.provider.create(order, "3-201")
    assert code.startswith("https://qr.alipay.com/")
    assert await rig.provider.query(order) is None
    paid = rig.sandbox.pay(code)
    payment = await rig.provider.query(order)
    assert payment is not None
    expected = Payment(
        provider="alipay",
        merchant_id=rig.provider.merchant.merchant_id,
        app_id=rig.provider.merchant.app_id,
        order_id=order.id,
        txn_id=paid.trade_no,
        amount_fen=2000,
        currency="CNY",
        paid_at=payment.paid_at,
    )
    assert payment == expected
    assert abs(payment.paid_at - rig.clock.now()) < timedelta(seconds=30)
    assert await rig.provider.find(paid.trade_no) == payment
    assert await rig.provider.find("2026112522001000000000000000") is None


async def test_a_page_is_a_signed_address_that_opens(rig: AlipayRig) -> None:
    """A signed WAP address leads a payer to pay; changed by one character it leads nowhere."""
    order = rig.order(way=PayWay.WAP)
    url = await rig.provider.create(order, "3-201 & co / a=b")
    asked = parse_qs(urlsplit(url).query)
    content = json.loads(asked["biz_content"][0])
    assert content["time_expire"] == order.expires_at.astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S")
    assert content["total_amount"] == "20.00"
    async with rig.client.get(url) as page:
        assert page.status == 200
        assert "20.00 CNY" in await page.text()
    async with rig.client.get(url.replace("20.00", "10.00")) as page:
        assert page.status == 400
    rig.sandbox.pay(url)
    assert (await rig.provider.query(order)) is not None


async def test_inside_the_app_a_trade_number_is_handed_out(plain: AlipayRig) -> None:
    """JSAPI: a payer by number or by open id gets a trade to pay with `my.tradePay`; asked twice it is the same."""
    for payer in ("2088000000000001", "0123open-ID"):
        order = plain.order(way=PayWay.IN_APP, payer=payer)
        first, second = await plain.provider.create(order, "x"), await plain.provider.create(order, "x")
        assert first == second
        assert await plain.provider.query(order) is None
        plain.sandbox.pay(first)
        assert (await plain.provider.query(order)) is not None


async def test_a_way_that_is_not_there_is_refused(plain: AlipayRig) -> None:
    """A product that was not signed up for, or a payer who is not known, is said before anything is asked."""
    config = plain.sandbox.merchant_config(plain.notify_url).model_copy(update={"ways": frozenset({PayWay.QR})})
    provider = Alipay(config, plain.clock)
    for order in (plain.order(way=PayWay.WAP), plain.order(way=PayWay.IN_APP, payer="2088000000000001")):
        with pytest.raises(Refused, match=r"refused\.pay_way"):
            await provider.create(order, "x")
    with pytest.raises(Refused, match=r"refused\.pay_way"):
        await plain.provider.create(plain.order(way=PayWay.IN_APP), "x")
    await provider.aclose()


async def test_a_code_that_nobody_scanned_is_unpaid_and_not_closed(plain: AlipayRig) -> None:
    """M8: TRADE_NOT_EXIST means "not paid yet": closing finds nothing, and the late payer's money is found."""
    order = plain.order()
    code = await plain.provider.create(order, "x")
    assert await plain.provider.close(order) is True
    plain.sandbox.pay(code)
    assert (await plain.provider.query(order)) is not None
    assert await plain.provider.close(order) is False


async def test_a_scanned_trade_can_be_closed_once_and_again(plain: AlipayRig) -> None:
    """M8: closed, it cannot be paid; closing it twice is fine; opening it again is refused."""
    order = plain.order()
    code = await plain.provider.create(order, "x")
    plain.sandbox.scan(code)
    assert await plain.provider.query(order) is None
    assert await plain.provider.close(order) is True
    assert await plain.provider.close(order) is True
    assert await plain.provider.query(order) is None
    with pytest.raises(BizError, match="HAS_CLOSE"):
        plain.sandbox.pay(code)
    with pytest.raises(Refused) as caught:
        await plain.provider.create(order, "x")
    assert caught.value.params == {"provider": "alipay", "code": "ACQ.TRADE_HAS_CLOSE"}


async def test_a_code_ends_with_its_order(plain: AlipayRig) -> None:
    """M8: every order carries its end: after it nobody can pay, unless it crossed at Alipay, and then it is found."""
    order = plain.order()
    code = await plain.provider.create(order, "x")
    plain.clock.ahead += timedelta(hours=2, seconds=1)
    with pytest.raises(BizError, match="HAS_CLOSE"):
        plain.sandbox.pay(code)
    plain.sandbox.pay(code, force=True)
    assert (await plain.provider.query(order)) is not None


async def test_paid_and_other_content_are_told_apart(plain: AlipayRig) -> None:
    """M9, M15: "already paid" means: ask; another amount under the same number is refused."""
    order = plain.order()
    plain.sandbox.scan(await plain.provider.create(order, "x"))
    with pytest.raises(Refused) as caught:
        await plain.provider.create(replace(order, amount_fen=2100), "x")
    assert caught.value.params["code"] == "ACQ.CONTEXT_INCONSISTENT"
    plain.sandbox.pay(await plain.provider.create(order, "x"))
    with pytest.raises(Unknown) as unknown:
        await plain.provider.create(order, "x")
    assert unknown.value.params["why"] == "already_paid"


async def test_refunds_in_parts_and_whole(plain: AlipayRig) -> None:
    """M10: each number pays once, its repeat changes nothing, more than was paid is refused; then it is no payment."""
    order = plain.order()
    plain.sandbox.pay(await plain.provider.create(order, "x"))
    assert await plain.provider.query_refund(order, "rf0000001") is None
    assert await plain.provider.refund(order, "rf0000001", 500, "why") is RefundState.SUCCESS
    assert await plain.provider.refund(order, "rf0000001", 500, "why") is RefundState.SUCCESS
    assert await plain.provider.query_refund(order, "rf0000001") is RefundState.SUCCESS
    with pytest.raises(Refused, match=r"refused\.provider"):
        await plain.provider.refund(order, "rf0000001", 600, "why")
    with pytest.raises(Unknown):  # Two refunds of one trade within three seconds.
        await plain.provider.refund(order, "rf0000002", 1500, "why")
    plain.clock.ahead += timedelta(seconds=4)
    with pytest.raises(Refused) as caught:
        await plain.provider.refund(order, "rf0000003", 1600, "why")
    assert caught.value.params["code"] == "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL"
    assert await plain.provider.refund(order, "rf0000002", 1500, "why") is RefundState.SUCCESS
    assert plain.sandbox.trade(order.id).refunds == {"rf0000001": 500, "rf0000002": 1500}
    payment = await plain.provider.query(order)
    assert payment is not None
    assert not payment.success


async def test_a_lost_answer_to_a_refund_pays_once(plain: AlipayRig) -> None:
    """M9, M10: the refund went through and its answer was lost; asked again by its number it is one refund."""
    order = plain.order()
    plain.sandbox.pay(await plain.provider.create(order, "x"))
    plain.sandbox.faults.replace({"lose_answer": True, "answer_times": 1})
    with pytest.raises(Unknown):
        await plain.provider.refund(order, "rf0000001", 500, "why")
    assert await plain.provider.query_refund(order, "rf0000001") is RefundState.SUCCESS
    assert await plain.provider.refund(order, "rf0000001", 500, "why") is RefundState.SUCCESS
    assert plain.sandbox.trade(order.id).refunded_fen == 500


async def test_cancelling_gives_back_what_was_paid(plain: AlipayRig) -> None:
    """At a counter: unpaid becomes unpayable, paid goes back whole, unknown is nothing; after a day it is refused."""
    unpaid, paid = plain.order(), plain.order()
    plain.sandbox.scan(await plain.provider.create(unpaid, "x"))
    plain.sandbox.pay(await plain.provider.create(paid, "x"))
    assert await plain.provider.cancel(unpaid) is False
    assert await plain.provider.cancel(paid) is True
    assert plain.sandbox.trade(paid.id).refunded_fen == 2000
    assert await plain.provider.cancel(plain.order()) is False
    old = plain.order(expires_at=plain.clock.now() + timedelta(days=3))
    plain.sandbox.pay(await plain.provider.create(old, "x"))
    plain.clock.ahead += timedelta(days=1, seconds=1)
    with pytest.raises(Refused):
        await plain.provider.cancel(old)


@pytest.mark.parametrize(
    ("faults", "kind", "why"),
    [
        ({"answer_status": 500}, Unknown, "http_5xx"),
        ({"answer_status_after": 502}, Unknown, "http_5xx"),
        ({"answer_status": 429}, TryAgain, "busy"),
        ({"answer_status": 302}, Unknown, "http_3xx"),
        ({"lose_answer": True}, Unknown, "broken_off"),
        ({"answer_bad_signature": True}, Unknown, "bad_signature"),
        ({"answer_unsigned": True}, Unknown, "unsigned"),
        ({"answer_system_error": True}, Unknown, "system_error"),
        ({"answer_other_order": True}, Unknown, "other_order"),
        ({"answer_delay_s": 5.0}, Unknown, "timeout"),
    ],
    ids=str,
)
async def test_an_unclear_answer_is_classified(
    tmp_path: Path, faults: dict[str, Any], kind: type[Exception], why: str
) -> None:
    """M9, F17: what may have happened is `Unknown`, what has not is `TryAgain`; afterwards all is well again."""
    timeout_s = 2.0 if "answer_delay_s" in faults else 30.0
    async with alipay_rig(fresh_alipay_dir(tmp_path), timeout_s=timeout_s) as rig:
        order = rig.order()
        rig.sandbox.faults.replace({**faults, "answer_times": 1})
        with pytest.raises(kind) as caught:
            await rig.provider.create(order, "x")
        assert caught.value.params["why"] == why  # type: ignore[attr-defined]
        rig.sandbox.pay(await rig.provider.create(order, "x"))
        assert (await rig.provider.query(order)) is not None


async def test_an_unsigned_refusal_is_a_no_but_never_for_a_refund(plain: AlipayRig) -> None:
    """M10: a wrong app id is answered unsigned: orders are refused with its code, a refund stays in doubt."""
    config = plain.sandbox.merchant_config(plain.notify_url).model_copy(update={"app_id": "9999000100000000"})
    provider = Alipay(config, plain.clock)
    order = plain.order()
    with pytest.raises(Refused) as caught:
        await provider.create(order, "x")
    assert caught.value.params["code"] == "isv.invalid-app-id"
    with pytest.raises(Refused):
        await provider.query(order)
    with pytest.raises(Unknown):
        await provider.refund(order, "rf0000001", 500, "why")
    await provider.aclose()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b'{"alipay_trade_query_response":{"code":"10000"}}',
        b'{"alipay_trade_query_response":"x","sign":"AAAA"}',
        b'{"other_response":{"code":"10000"},"sign":"AAAA"}',
        b'{"alipay_trade_query_response":{"code":"10000"},"sign":1}',
        b'{"alipay_trade_query_response":{"code":"40004","sub_code":"<b>"}}',
        b'{"alipay_trade_query_response":' + b"[" * 50_000,
        b'{"alipay_trade_query_response":{"code":"40004"},"alipay_trade_query_response":{"code":"10000"}}',
        b"\xff",
    ],
    ids=lambda body: repr(body[:60]),
)
async def test_a_nonsensical_answer_is_in_doubt(plain: AlipayRig, body: bytes) -> None:
    """M9, A4: whatever the gateway says that is no answer, the order is asked about again."""

    async def nonsense(_request: web.Request) -> web.Response:
        return web.Response(body=body)

    async with serve([web.post("/gateway.do", nonsense)]) as base:
        config = plain.sandbox.merchant_config(plain.notify_url)
        provider = Alipay(config.model_copy(update={"gateway_url": f"{base}/gateway.do"}), plain.clock)
        with pytest.raises(Unknown):
            await provider.query(plain.order())
        await provider.aclose()


async def test_the_bill_of_a_day_comes_the_next_morning(plain: AlipayRig) -> None:
    """M17: payments and refunds of the day with fees, in fen; before 10:00 of the next day there is none."""
    order, other = plain.order(), plain.order()
    paid = plain.sandbox.pay(await plain.provider.create(order, "a, b 3-201"))
    plain.sandbox.pay(await plain.provider.create(other, "x"))
    await plain.provider.refund(order, "rf0000001", 500, "why")
    plain.sandbox.faults.replace({"bill_without": [other.id], "bill_extra": ["7.77"]})
    day = plain.clock.now().astimezone(CHINA).date()
    with pytest.raises(TryAgain, match=r"try_again\.bill_not_ready"):
        await plain.provider.bill(day)
    plain.clock.ahead += timedelta(days=2)
    bill = await plain.provider.bill(day)
    payment, refund, strange = bill.rows
    assert (payment.kind, payment.txn_id, payment.order_id) == (BillKind.PAYMENT, paid.trade_no, order.id)
    assert (payment.amount_fen, payment.fee_fen) == (2000, 12)
    assert (refund.kind, refund.order_id, refund.refund_id) == (BillKind.REFUND, order.id, "rf0000001")
    assert (refund.amount_fen, refund.fee_fen) == (500, 3)
    assert strange.amount_fen == 777
    assert {row.merchant_id for row in bill.rows} == {plain.provider.merchant.merchant_id}
    plain.sandbox.faults.replace({"refunds_positive": True})
    again = await plain.provider.bill(day)
    assert [row.amount_fen for row in again.rows] == [2000, 500, 2000]
    plain.sandbox.faults.replace({"bill_cut_short": True})
    with pytest.raises(Unknown):
        await plain.provider.bill(day)


async def test_a_day_without_trades_is_believed_a_day_later(plain: AlipayRig) -> None:
    """M17: "no bill" of yesterday may only be late; of the day before it means that there was nothing."""
    day = plain.clock.now().astimezone(CHINA).date()
    with pytest.raises(TryAgain, match=r"try_again\.bill_not_ready"):
        await plain.provider.bill(day - timedelta(days=1))
    assert (await plain.provider.bill(day - timedelta(days=3))).rows == ()


async def test_numbers_that_are_none_are_not_sent(plain: AlipayRig) -> None:
    """An order id of ours that Alipay cannot take is our bug; a person's typo is a refusal."""
    with pytest.raises(InvariantBroken):
        await plain.provider.query(plain.order(id="a/b?c"))
    with pytest.raises(Refused, match=r"refused\.not_found"):
        await plain.provider.find("12 34")
