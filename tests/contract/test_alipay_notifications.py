"""Alipay's notifications from the sandbox through the product's door, over real HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from payments.problems import FormatProblem
from payments.providers.alipay_notification import parse_form
from prepaid.domain.errors import Trouble, TryAgain, Unknown
from prepaid.domain.orders import Order, difference
from sandbox.alipay_courier import Letter
from sandbox.alipay_faults import Faults
from tests.fakes.alipay_rig import AlipayRig, alipay_rig, fresh_alipay_dir

FORM = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[AlipayRig]:
    async with alipay_rig(fresh_alipay_dir(tmp_path)) as made:
        yield made


async def _pay(rig: AlipayRig, faults: dict[str, Any] | None = None, subject: str = "3-201 电费") -> Order:
    """An order that is opened and paid, with the faults set in between."""
    order = rig.order()
    code = await rig.provider.create(order, subject)
    rig.sandbox.faults.replace(faults or {})
    rig.sandbox.pay(code)
    return order


def _sealed(rig: AlipayRig, order: Order, faults: Faults | None = None, **fields: str) -> bytes:
    """A genuine notification about an order, as it would travel, with other fields signed as well."""
    trade, now = rig.sandbox.trade(order.id), rig.clock.now()
    letter = rig.sandbox.gateway._letter(trade, now, trade_status="TRADE_SUCCESS", **fields)
    return rig.sandbox.seal(letter, faults or Faults())


async def _post(rig: AlipayRig, body: bytes) -> tuple[int, bytes]:
    async with rig.client.post(rig.notify_url, data=body, headers=FORM) as response:
        return response.status, await response.read()


async def test_a_payment_is_kept_before_it_is_acknowledged(rig: AlipayRig) -> None:
    """M7: the row holds the payment and the form as received; then the answer is the seven characters `success`."""
    order = await _pay(rig)
    answers = await rig.sandbox.wait_answers(1)
    assert [(answer.status, answer.body) for answer in answers] == [(200, "success")]
    (row,) = rig.inbox.rows.values()
    assert (row.provider, row.kind, row.refund_id) == ("alipay", "TRADE_SUCCESS", None)
    assert row.id == f"alipay:{answers[0].notification_id}"
    assert row.raw.startswith(b"notify_id=")
    assert row.payment is not None
    assert difference(order, row.payment, rig.provider.merchant) is None
    assert row.payment == await rig.provider.query(order)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"bad_signature": True}, "bad_signature"),
        ({"sha1": True}, "bad_signature"),
        ({"other_key": True}, "bad_signature"),
        ({"sign_type": "RSA"}, "malformed_signature"),
        ({"sign_type": ""}, "malformed_signature"),
    ],
    ids=str,
)
async def test_what_is_not_proven_changes_nothing(rig: AlipayRig, fault: dict[str, Any], reason: str) -> None:
    """A4, F12: SHA-1, another key, another type: a 4xx for a short reason, not kept; the genuine one after is taken."""
    await _pay(rig, {**fault, "content_times": 1})
    first, second = await rig.sandbox.wait_answers(2)
    assert first.status // 100 == 4
    assert first.body == f'{{"code": "FAIL", "message": "{reason}"}}'
    assert second.body == "success"
    assert second.notification_id == first.notification_id
    assert len(rig.inbox.rows) == 1


@pytest.mark.parametrize(
    "fault",
    [{"reorder": True}, {"empty": "kept"}, {"empty": "dropped"}, {"charset": "gbk"}],
    ids=str,
)
async def test_genuine_in_other_clothes_is_taken(rig: AlipayRig, fault: dict[str, Any]) -> None:
    """A4, F14: any order of fields, empty values signed or not, and GBK are Alipay's own ways to write it."""
    order = await _pay(rig, fault)
    assert (await rig.sandbox.wait_answers(1))[0].body == "success"
    (row,) = rig.inbox.rows.values()
    assert row.payment is not None
    assert row.payment.order_id == order.id


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ({"wrong_total": "0.01"}, "dispute.amount"),
        ({"wrong_total": "20"}, None),
        ({"wrong_currency": "USD"}, "dispute.currency"),
        ({"wrong_seller": "2088000000000009"}, "dispute.merchant"),
        ({"wrong_app": "9999000000000009"}, "dispute.merchant"),
    ],
    ids=str,
)
async def test_genuine_but_different_is_kept_for_the_dispute(
    rig: AlipayRig, fault: dict[str, Any], why: str | None
) -> None:
    """M6, F13: rightly signed with another amount, currency or merchant is never dropped; the business disputes it."""
    order = await _pay(rig, fault)
    await rig.sandbox.wait_answers(1)
    (row,) = rig.inbox.rows.values()
    assert row.payment is not None
    assert difference(order, row.payment, rig.provider.merchant) == why


async def test_a_hundred_copies_at_once_are_one_row(rig: AlipayRig) -> None:
    """M4, F8: every copy is acknowledged, one is kept."""
    await _pay(rig, {"copies": 100})
    answers = await rig.sandbox.wait_answers(100)
    assert {answer.body for answer in answers} == {"success"}
    assert len(rig.inbox.rows) == 1


async def test_a_replay_days_later_is_the_same_row(rig: AlipayRig) -> None:
    """A4, F10, F15: Alipay sends no time that could be checked, so the same form is one row for ever."""
    order = await _pay(rig, {"no_notify": True})
    body = _sealed(rig, order)
    assert await _post(rig, body) == (200, b"success")
    rig.clock.ahead = timedelta(days=3)
    assert await _post(rig, body) == (200, b"success")
    assert len(rig.inbox.rows) == 1


async def test_a_partial_refund_is_news_of_a_refund_and_no_payment(rig: AlipayRig) -> None:
    """M4, F9: TRADE_SUCCESS again with a refund in it, then TRADE_CLOSED: both name the refund, neither pays."""
    order = await _pay(rig)
    await rig.sandbox.wait_answers(1)
    rig.sandbox.refund(order.id, "rf0000001", 500)
    await rig.sandbox.wait_answers(2)
    rig.clock.ahead = timedelta(seconds=4)
    rig.sandbox.refund(order.id, "rf0000002", 1500)
    answers = await rig.sandbox.wait_answers(3)
    assert {answer.body for answer in answers} == {"success"}
    _, part, whole = rig.inbox.rows.values()
    assert (part.kind, part.payment, part.refund_id) == ("TRADE_SUCCESS.REFUND", None, "rf0000001")
    assert (whole.kind, whole.payment, whole.refund_id) == ("TRADE_CLOSED.REFUND", None, "rf0000002")


async def test_a_trade_that_ran_out_of_time_is_no_payment(rig: AlipayRig) -> None:
    """TRADE_CLOSED without a refund: kept, acknowledged, and nothing follows from it."""
    order = rig.order()
    rig.sandbox.scan(await rig.provider.create(order, "x"))
    rig.sandbox.gateway.tell_closed(rig.sandbox.trade(order.id), rig.clock.now())
    await rig.sandbox.wait_answers(1)
    (row,) = rig.inbox.rows.values()
    assert (row.kind, row.payment, row.refund_id) == ("TRADE_CLOSED", None, None)


async def test_other_events_are_kept_without_a_payment(rig: AlipayRig) -> None:
    """M7: what is genuine and no payment is kept and acknowledged, and credits nothing."""
    order = await _pay(rig, {"no_notify": True})
    assert await _post(rig, _sealed(rig, order, notify_type="dut_user_sign")) == (200, b"success")
    (row,) = rig.inbox.rows.values()
    assert (row.kind, row.payment) == ("dut_user_sign", None)


@pytest.mark.parametrize("trouble", [TryAgain("try_again.store"), Unknown("unknown.store")], ids=lambda t: t.key)
async def test_a_store_in_doubt_makes_the_provider_come_back(rig: AlipayRig, trouble: Trouble) -> None:
    """M7: without a committed row there is no `success`; the next delivery brings it."""
    order = rig.order()
    code = await rig.provider.create(order, "x")
    rig.inbox.trouble = trouble
    rig.sandbox.pay(code)
    (first, *_) = await rig.sandbox.wait_answers(1)
    assert first.status == 503
    assert not rig.inbox.rows
    rig.inbox.trouble = None
    async with asyncio.timeout(10):
        while (await rig.sandbox.wait_answers(len(rig.sandbox.answers) + 1))[-1].body != "success":
            pass
    assert len(rig.inbox.rows) == 1


@pytest.mark.parametrize(
    "field",
    [
        {"total_amount": "1.234"},
        {"total_amount": "-1.00"},
        {"total_amount": "1e3"},
        {"total_amount": "0.00"},
        {"total_amount": "9" * 400},
        {"total_amount": "NaN"},
        {"gmt_payment": "yesterday"},
        {"gmt_payment": "0001-01-01 00:00:00"},
        {"out_trade_no": ""},
        {"trade_no": "x" * 100},
        {"seller_id": "a\nb"},
        {"notify_id": ""},
        {"trans_currency": "C" * 20},
        {"charset": "utf-16"},
    ],
    ids=str,
)
async def test_signed_nonsense_is_refused(rig: AlipayRig, field: dict[str, str]) -> None:
    """F13, F14: rightly signed, but no payment can be read from it: a 4xx, nothing kept, and the janitor asks."""
    order = await _pay(rig, {"no_notify": True})
    letter = rig.sandbox.gateway._letter(rig.sandbox.trade(order.id), rig.clock.now(), trade_status="TRADE_SUCCESS")
    fields = {**letter.fields, **field}
    seals = rig.sandbox.seals
    charset = fields.pop("charset", "utf-8")
    raw = seals.notification(fields, Faults(), certified=False)
    if charset != "utf-8":
        raw = _resigned(rig, fields, charset)
    assert (await _post(rig, raw))[0] == 400
    assert not rig.inbox.rows


def _resigned(rig: AlipayRig, fields: dict[str, str], charset: str) -> bytes:
    """Says another charset than it is in, and signs that too."""
    faults = Faults()
    object.__setattr__(faults, "charset", charset)
    letter = Letter(notify_id="x", url="", fields={name: value for name, value in fields.items() if value.isascii()})
    return rig.sandbox.seals.notification(letter.fields, faults, certified=False)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"=",
        b"&",
        b"a",
        b"a=1&a=2",
        b"a=%",
        b"a=%zz",
        b"a=%f",
        b"\xff=1",
        b"a b=1",
        b"<xml/>",
        b"{}",
        b"&".join(b"a%d=1" % number for number in range(500)),
    ],
    ids=lambda body: repr(body[:20]),
)
def test_a_form_that_can_be_read_in_two_ways_is_not_read(body: bytes) -> None:
    """A4, F14: half an escape, a name twice, no name, too many fields."""
    with pytest.raises(FormatProblem):
        parse_form(body)


async def test_a_body_that_was_escaped_on_the_way_is_refused(rig: AlipayRig) -> None:
    """F14: a proxy that decodes twice or escapes as HTML breaks the seal, and is found out."""
    order = await _pay(rig, {"no_notify": True}, subject="50% off <now>")
    body = _sealed(rig, order)
    assert (await _post(rig, body.replace(b"%3C", b"%26lt%3B")))[0] == 401
    assert (await _post(rig, body.replace(b"%25", b"%")))[0] in {400, 401}
    assert not rig.inbox.rows
    assert (await _post(rig, body))[0] == 200
