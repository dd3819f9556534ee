"""WeChat Pay's notifications from the sandbox through the product's door, over real HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from multidict import CIMultiDict
from prometheus_client import REGISTRY

from payments.problems import FormatProblem
from prepaid.domain.errors import Trouble, TryAgain, Unknown
from prepaid.domain.orders import Order, difference
from prepaid.ports import TOPIC_INBOX
from sandbox.wechat_pay import SandboxWeChatPay
from sandbox.wechat_pay_faults import Faults
from tests.fakes.payment_rig import Rig, fresh_keys_dir, payment_rig


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with payment_rig(fresh_keys_dir(tmp_path)) as made:
        yield made


async def _pay(rig: Rig, faults: dict[str, Any] | None = None, order: Order | None = None) -> Order:
    """An order that is opened and paid, with the faults set in between."""
    order = order or rig.order()
    code_url = await rig.provider.create(order, "3-201")
    rig.sandbox.faults.replace(faults or {})
    rig.sandbox.pay(code_url)
    return order


def _sealed(rig: Rig, order: Order, **faults: Any) -> tuple[dict[str, str], bytes]:
    """A genuine notification for a paid order, as it would travel."""
    sandbox = rig.sandbox
    return sandbox._seals.notification(sandbox._book.get(order.id), Faults(**faults), rig.clock.now().timestamp())


async def _post(rig: Rig, headers: dict[str, str], body: bytes) -> tuple[int, str]:
    async with rig.client.post(rig.notify_url, data=body, headers=headers) as response:
        return response.status, await response.text()


async def test_a_payment_is_kept_before_it_is_acknowledged(rig: Rig) -> None:
    """M7: the row holds the payment, the bytes as received and their seal; then the answer is an empty yes."""
    order = await _pay(rig)
    answers = await rig.sandbox.wait_answers(1)
    assert [(answer.status, answer.body) for answer in answers] == [(204, "")]
    (row,) = rig.inbox.rows.values()
    assert (row.provider, row.kind) == ("wechat_pay", "TRANSACTION.SUCCESS")
    assert row.id == f"wechat_pay:{answers[0].notification_id}"
    assert row.raw.startswith(b'{"id":')
    assert set(row.headers) == {
        f"Wechatpay-{name}" for name in ("Timestamp", "Nonce", "Serial", "Signature", "Signature-Type")
    }
    assert row.payment is not None
    assert difference(order, row.payment, rig.provider.merchant) is None
    assert row.payment == await rig.provider.query(order)
    assert rig.inbox.woken == [TOPIC_INBOX]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"probe": True}, "probe"),
        ({"unknown_serial": True}, "unknown_serial"),
        ({"bad_signature": True}, "bad_signature"),
        ({"reserialise": True}, "bad_signature"),
        ({"timestamp_shift_s": -301}, "stale"),
        ({"timestamp_shift_s": 360}, "stale"),
        ({"other_key": True}, "bad_cipher"),
    ],
    ids=str,
)
async def test_what_is_not_proven_changes_nothing(rig: Rig, fault: dict[str, Any], reason: str) -> None:
    """A4, F12, F14, F15: refused for a short reason, counted apart, not kept; the genuine one after it is taken."""
    labels = {"provider": "wechat_pay", "outcome": reason}
    counted = REGISTRY.get_sample_value("chatwatt_payment_notifications_total", labels) or 0
    await _pay(rig, {**fault, "content_times": 1})
    first, second = await rig.sandbox.wait_answers(2)
    assert first.status // 100 == 4
    assert first.body == f'{{"code": "FAIL", "message": "{reason}"}}'
    assert second.status == 204
    assert len(rig.inbox.rows) == 1
    assert REGISTRY.get_sample_value("chatwatt_payment_notifications_total", labels) == counted + 1


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ({"wrong_total": 1}, "dispute.amount"),
        ({"wrong_currency": "USD"}, "dispute.currency"),
        ({"wrong_mchid": "1900000109"}, "dispute.merchant"),
        ({"wrong_appid": "wx0000000000000000"}, "dispute.merchant"),
    ],
    ids=str,
)
async def test_genuine_but_different_is_kept_for_the_dispute(rig: Rig, fault: dict[str, Any], why: str) -> None:
    """M6, F13: rightly signed with another amount, currency or merchant is never dropped; the business disputes it."""
    order = await _pay(rig, fault)
    await rig.sandbox.wait_answers(1)
    (row,) = rig.inbox.rows.values()
    assert row.payment is not None
    assert difference(order, row.payment, rig.provider.merchant) == why


async def test_a_hundred_copies_at_once_are_one_row(rig: Rig) -> None:
    """M4, F8: every copy is acknowledged, one is kept."""
    await _pay(rig, {"copies": 100})
    answers = await rig.sandbox.wait_answers(100)
    assert {answer.status for answer in answers} == {204}
    assert len(rig.inbox.rows) == 1


async def test_a_replay_inside_the_window_is_harmless_and_refused_outside(rig: Rig) -> None:
    """A4, F15: the same bytes again are the same row; five minutes later they are refused."""
    order = await _pay(rig)
    await rig.sandbox.wait_answers(1)
    headers, body = _sealed(rig, order)
    assert (await _post(rig, headers, body))[0] == 204
    rig.clock.ahead = timedelta(seconds=301)
    assert (await _post(rig, headers, body))[0] == 401
    assert len(rig.inbox.rows) == 1


async def test_a_notification_may_come_before_the_answer_to_the_order(rig: Rig) -> None:
    """M9, F9: the payer was quicker than the network; the payment is in the inbox when `create` returns."""
    rig.sandbox.faults.replace({"pay_on_create": True})
    order = rig.order()
    assert (await rig.provider.create(order, "3-201")).startswith("weixin://")
    (row,) = rig.inbox.rows.values()
    assert row.payment is not None
    assert row.payment.order_id == order.id


async def test_a_lost_answer_to_the_order_does_not_lose_the_payment(rig: Rig) -> None:
    """M9, F17: `create` ends unknown, the payment arrives all the same, and a query agrees with it."""
    rig.sandbox.faults.replace({"pay_on_create": True, "lose_answer": True, "answer_times": 1})
    order = rig.order()
    with pytest.raises(Unknown):
        await rig.provider.create(order, "3-201")
    (row,) = rig.inbox.rows.values()
    assert row.payment == await rig.provider.query(order)


async def test_certificate_and_public_key_are_both_believed(rig: Rig) -> None:
    """While WeChat Pay switches a merchant over, either may sign."""
    for percent in (100, 0):
        await _pay(rig, {"certificate_percent": percent})
    answers = await rig.sandbox.wait_answers(2)
    assert {answer.status for answer in answers} == {204}
    assert len({row.headers["Wechatpay-Serial"] for row in rig.inbox.rows.values()}) == 2


@pytest.mark.parametrize("trouble", [TryAgain("try_again.store"), Unknown("unknown.store")], ids=lambda t: t.key)
async def test_a_store_in_doubt_makes_the_provider_come_back(rig: Rig, trouble: Trouble) -> None:
    """M7: without a committed row there is no yes; the next delivery brings it."""
    order = rig.order()
    code_url = await rig.provider.create(order, "3-201")
    rig.inbox.trouble = trouble
    rig.sandbox.pay(code_url)
    (first, *_) = await rig.sandbox.wait_answers(1)
    assert first.status == 503
    assert not rig.inbox.rows
    rig.inbox.trouble = None
    async with asyncio.timeout(10):
        while (answers := await rig.sandbox.wait_answers(len(rig.sandbox.answers) + 1))[-1].status != 204:
            assert answers[-1].status == 503
    assert len(rig.inbox.rows) == 1


async def test_another_event_is_kept_without_a_payment(rig: Rig) -> None:
    """M7: what is genuine and no payment is kept and acknowledged, and credits nothing."""
    order = await _pay(rig, {"no_notify": True})
    seals = rig.sandbox._seals
    _, body = _sealed(rig, order)
    body = body.replace(b"TRANSACTION.SUCCESS", b"COUPON.USE")
    serial = rig.provider._config.public_key_id
    headers = seals.headers(body, rig.clock.now().timestamp(), serial=serial)
    assert (await _post(rig, headers, body))[0] == 204
    (row,) = rig.inbox.rows.values()
    assert (row.kind, row.payment) == ("COUPON.USE", None)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"x"',
        b"{",
        b"{}",
        b"\xff\xfe{}",
        b'\xef\xbb\xbf{"id":"1"}',
        b"[" * 60_000,
        b'{"a":' * 10_000,
        b'{"id":"1","id":"2"}',
        b'{"id":NaN}',
        b'{"id":' + b"9" * 5000 + b"}",
        b'{"id":1e999999999999}',
        b'{"id":"1","event_type":"TRANSACTION.SUCCESS","resource":[]}',
        b'{"id":"1","event_type":"\\ud800","resource":{}}',
        b'{"id":"1","event_type":"X","resource":{"algorithm":"AEAD_AES_256_GCM","nonce":"1","ciphertext":"AAAA"}}',
        b'{"id":"1","event_type":"X","resource":{"algorithm":"NONE","nonce":"123456789012","ciphertext":"AAAA"}}',
    ],
    ids=lambda body: repr(body[:24]),
)
async def test_signed_nonsense_is_a_400(rig: Rig, body: bytes) -> None:
    """F14: even what is rightly signed is read strictly; nothing of it is kept and nothing crashes."""
    serial = rig.provider._config.public_key_id
    headers = rig.sandbox._seals.headers(body, rig.clock.now().timestamp(), serial=serial)
    status, text = await _post(rig, headers, body)
    assert status == 400
    assert text.startswith('{"code": "FAIL"')
    assert not rig.inbox.rows


@pytest.mark.parametrize("total", [1.0, 20.5, True, "2000", None, 0, -1, 10**13])
async def test_an_amount_is_a_whole_number_of_fen(rig: Rig, total: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """M1: floats, booleans, texts and impossible amounts are refused, not converted."""
    order = await _pay(rig, {"no_notify": True})
    monkeypatch.setattr(rig.sandbox._book.get(order.id), "total", total)
    headers, body = _sealed(rig, order)
    with pytest.raises(FormatProblem):
        rig.provider.read_notification(headers, body)
    assert (await _post(rig, headers, body))[0] == 400


async def test_a_repeated_seal_header_is_refused(rig: Rig) -> None:
    """A4: a header that stands twice could be read in two ways."""
    order = await _pay(rig, {"no_notify": True})
    headers, body = _sealed(rig, order)
    twice = CIMultiDict([*headers.items(), ("Wechatpay-Nonce", "other")])
    async with rig.client.post(rig.notify_url, data=body, headers=twice) as response:
        assert response.status == 401
        assert (await response.json())["message"] == "malformed_signature"


async def test_what_is_too_large_packed_or_for_nobody_is_refused(rig: Rig) -> None:
    """Y3, F14: bodies are bounded, unpacking is not done, unknown providers have no door."""
    assert (await _post(rig, {}, b"x" * (64 * 1024 + 1)))[0] == 413
    assert (await _post(rig, {"Content-Encoding": "gzip"}, b"x"))[0] == 415
    async with rig.client.post(rig.notify_url.replace("wechat_pay", "nobody"), data=b"{}") as response:
        assert response.status == 404

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x" * 4096

    async with rig.client.post(rig.notify_url, data=endless()) as response:
        assert response.status == 413
    assert not rig.inbox.rows


async def test_a_body_that_trickles_in_ends_in_time(tmp_path: Path) -> None:
    """Y3: an idle sender is told to go; the wait has an end."""
    never = asyncio.Event()

    async def idle() -> AsyncIterator[bytes]:
        yield b"{"
        await never.wait()

    async with payment_rig(fresh_keys_dir(tmp_path), read_s_max=0.1) as rig, asyncio.timeout(10):
        sending = asyncio.create_task(rig.client.post(rig.notify_url, data=idle()))
        response = await sending
        assert response.status == 408
        response.close()


async def test_a_sender_that_hangs_up_changes_nothing(rig: Rig) -> None:
    """F16: half a body and a closed connection: nothing is kept, and the door stays open."""
    host, port = rig.notify_url.split("/")[2].split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"POST /notify/wechat_pay HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n{")
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    await _pay(rig)
    assert [answer.status for answer in await rig.sandbox.wait_answers(1)] == [204]
    assert len(rig.inbox.rows) == 1


async def test_a_full_door_sends_away_and_asks_to_come_back(tmp_path: Path) -> None:
    """Y3: above the limit the answer is a 503, which the provider repeats later."""
    async with payment_rig(fresh_keys_dir(tmp_path), at_once_max=0) as rig:
        assert (await _post(rig, {}, b"{}"))[0] == 503


async def test_a_verified_notification_of_an_earlier_sandbox_is_no_longer_believed(tmp_path: Path, rig: Rig) -> None:
    """F12: a platform with other keys is another platform, whatever it says of itself."""
    other = SandboxWeChatPay(keys_dir=tmp_path / "other")
    order = await _pay(rig, {"no_notify": True})
    paid = rig.sandbox._book.get(order.id)
    headers, body = other._seals.notification(paid, Faults(), rig.clock.now().timestamp())
    assert (await _post(rig, headers, body))[0] == 401
    headers["Wechatpay-Serial"] = str(rig.provider._config.public_key_id)
    assert (await _post(rig, headers, body))[0] == 401
    assert not rig.inbox.rows
