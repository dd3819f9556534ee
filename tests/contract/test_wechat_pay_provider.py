"""The product's WeChat Pay client against the sandbox, over real HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web

from payments.providers.wechat_pay import WeChatPay
from prepaid.domain.errors import InvariantBroken, Refused, TryAgain, Unknown
from prepaid.domain.orders import Payment
from sandbox.keys import wechat_pay_keys
from sandbox.wechat_pay import SandboxWeChatPay
from sandbox.wechat_pay_orders import ApiError
from tests.fakes.payment_rig import Rig, SteppedClock, fresh_keys_dir, payment_rig, serve


@pytest.fixture
def keys_dir(tmp_path: Path) -> Path:
    return fresh_keys_dir(tmp_path)


@pytest.fixture
async def rig(keys_dir: Path) -> AsyncIterator[Rig]:
    async with payment_rig(keys_dir) as made:
        yield made


async def test_an_order_is_opened_paid_and_found(rig: Rig) -> None:
    """M4: what the payer paid is what a query says: amount, order, merchant."""
    order = rig.order()
    code_url = await rig.provider.create(order, "3-201")
    assert code_url.startswith("weixin://wxpay/")
    assert await rig.provider.query(order) is None
    paid = rig.sandbox.pay(code_url)
    payment = await rig.provider.query(order)
    assert payment is not None
    expected = Payment(
        provider="wechat_pay",
        merchant_id=rig.provider.merchant.merchant_id,
        app_id=rig.provider.merchant.app_id,
        order_id=order.id,
        txn_id=paid.transaction_id,
        amount_fen=2000,
        currency="CNY",
        paid_at=payment.paid_at,
    )
    assert payment == expected
    assert abs(payment.paid_at - rig.clock.now()) < timedelta(seconds=30)


async def test_asking_again_gives_another_code_for_the_same_order(rig: Rig) -> None:
    """M9: the same order asked twice is one order: either code pays it, and only once."""
    order = rig.order()
    first, second = await rig.provider.create(order, "3-201"), await rig.provider.create(order, "3-201")
    assert first != second
    rig.sandbox.pay(first)
    with pytest.raises(ApiError, match="ORDERPAID"):
        rig.sandbox.pay(second)


async def test_another_amount_for_the_same_order_is_refused(rig: Rig) -> None:
    """M15: the same number with other content is refused, with the provider's code and nothing of its text."""
    order = rig.order()
    await rig.provider.create(order, "3-201")
    with pytest.raises(Refused) as caught:
        await rig.provider.create(replace(order, amount_fen=2100), "3-201")
    assert caught.value.key == "refused.provider"
    assert caught.value.params == {"provider": "wechat_pay", "code": "INVALID_REQUEST"}


async def test_an_order_that_is_paid_is_asked_about_and_not_refused(rig: Rig) -> None:
    """M9: "already paid" on opening an order means: ask."""
    order = rig.order()
    rig.sandbox.pay(await rig.provider.create(order, "3-201"))
    with pytest.raises(Unknown, match=r"unknown\.provider"):
        await rig.provider.create(order, "3-201")


async def test_closing_makes_an_order_unpayable(rig: Rig) -> None:
    """M8: a closed order cannot be paid; closing it twice, or one that never arrived, is fine."""
    order = rig.order()
    code_url = await rig.provider.create(order, "3-201")
    assert await rig.provider.close(order) is True
    assert await rig.provider.close(order) is True
    assert await rig.provider.query(order) is None
    with pytest.raises(ApiError, match="ORDER_CLOSED"):
        rig.sandbox.pay(code_url)
    assert await rig.provider.close(rig.order()) is True
    with pytest.raises(Refused):
        await rig.provider.create(order, "3-201")


async def test_closing_a_paid_order_says_that_it_is_paid(rig: Rig) -> None:
    """M8: money that came first wins over the closing."""
    order = rig.order()
    rig.sandbox.pay(await rig.provider.create(order, "3-201"))
    assert await rig.provider.close(order) is False


async def test_paid_after_closing_is_still_found(rig: Rig) -> None:
    """M8, F9: a payment that crossed the closing is found by asking."""
    order = rig.order()
    code_url = await rig.provider.create(order, "3-201")
    await rig.provider.close(order)
    rig.sandbox.pay(code_url, force=True)
    payment = await rig.provider.query(order)
    assert payment is not None
    assert payment.success


async def test_an_order_that_never_arrived_is_unpaid(rig: Rig) -> None:
    """M9: a number that the provider does not know has no payment."""
    assert await rig.provider.query(rig.order()) is None


async def test_an_expired_order_cannot_be_paid(rig: Rig) -> None:
    """M8: the last moment to pay travels with the order."""
    order = rig.order()
    code_url = await rig.provider.create(order, "3-201")
    rig.clock.ahead = timedelta(hours=2, seconds=1)
    with pytest.raises(ApiError, match="ORDER_CLOSED"):
        rig.sandbox.pay(code_url)


@pytest.mark.parametrize(
    "faults",
    [
        {"answer_status": 500},
        {"answer_status_after": 500},
        {"answer_status_after": 502},
        {"lose_answer": True},
        {"answer_probe": True},
        {"answer_unknown_serial": True},
        {"answer_bad_signature": True},
        {"answer_shift_s": -400},
        {"answer_shift_s": 400},
    ],
    ids=str,
)
async def test_what_is_unclear_after_sending_is_unknown(rig: Rig, faults: dict[str, object]) -> None:
    """M9, F17: a lost, unsigned, stale or 5xx answer is `Unknown`, and the same order can be asked about afterwards."""
    order = rig.order()
    rig.sandbox.faults.replace(faults)
    with pytest.raises(Unknown) as caught:
        await rig.provider.create(order, "3-201")
    assert caught.value.key == "unknown.provider"
    with pytest.raises(Unknown):
        await rig.provider.close(order)
    rig.sandbox.faults.replace({})
    assert await rig.provider.query(order) is None


async def test_a_busy_provider_is_tried_again(rig: Rig) -> None:
    """F17: 429 means that nothing has happened."""
    rig.sandbox.faults.replace({"answer_status": 429})
    with pytest.raises(TryAgain, match=r"try_again\.provider"):
        await rig.provider.create(rig.order(), "3-201")


async def test_a_slow_provider_is_unknown_in_time(keys_dir: Path) -> None:
    """M9, F17: every wait has an end, and a timeout after success is not a failure."""
    async with payment_rig(keys_dir, timeout_s=2.0) as rig:
        order = rig.order()
        rig.sandbox.faults.replace({"answer_delay_s": 30.0, "answer_times": 1})
        with pytest.raises(Unknown):
            await rig.provider.create(order, "3-201")
        assert (await rig.provider.create(order, "3-201")).startswith("weixin://")


async def test_no_connection_means_that_nothing_happened(keys_dir: Path) -> None:
    """M9: when nothing was sent, the person can simply try again."""
    async with payment_rig(keys_dir) as rig:
        order = rig.order()
        await rig.sandbox.aclose()
        with pytest.raises(TryAgain, match=r"try_again\.provider"):
            await rig.provider.create(order, "3-201")


async def test_the_backup_domain_is_asked_when_the_first_cannot_be_reached(rig: Rig, unused_tcp_port: int) -> None:
    """The official second domain carries on when no connection to the first can be made."""
    config = rig.sandbox.merchant_config(rig.notify_url).model_copy(
        update={"base_url": f"http://127.0.0.1:{unused_tcp_port}", "backup_url": rig.sandbox.base_url}
    )
    provider = WeChatPay(config, rig.clock)
    try:
        assert (await provider.create(rig.order(), "3-201")).startswith("weixin://")
    finally:
        await provider.aclose()


async def test_a_clock_that_is_wrong_is_noticed(rig: Rig) -> None:
    """F33: the provider refuses a request that is five minutes off; nothing is opened."""
    provider_clock = SteppedClock()
    provider_clock.ahead = timedelta(minutes=6)
    provider = WeChatPay(rig.sandbox.merchant_config(rig.notify_url), provider_clock)
    try:
        with pytest.raises(Refused) as caught:
            await provider.create(rig.order(), "3-201")
        assert caught.value.params["code"] == "SIGN_ERROR"
    finally:
        await provider.aclose()


async def test_an_oversized_answer_is_not_swallowed(rig: Rig) -> None:
    """Y3: an answer larger than any real one is not read to its end."""

    async def flood(_request: web.Request) -> web.Response:
        return web.Response(body=b"x" * (1 << 20))

    async with serve([web.route("*", "/{anything:.*}", flood)]) as base:
        config = rig.sandbox.merchant_config(rig.notify_url).model_copy(update={"base_url": base})
        provider = WeChatPay(config, rig.clock)
        try:
            with pytest.raises(Unknown) as caught:
                await provider.create(rig.order(), "3-201")
            assert caught.value.params["why"] == "too_large"
        finally:
            await provider.aclose()


async def test_a_proxy_s_error_page_is_not_the_provider_s_no(rig: Rig) -> None:
    """M9: a 4xx without WeChat Pay's own code does not end an order."""

    async def page(_request: web.Request) -> web.Response:
        return web.Response(status=403, text="<html>blocked</html>")

    async with serve([web.route("*", "/{anything:.*}", page)]) as base:
        config = rig.sandbox.merchant_config(rig.notify_url).model_copy(update={"base_url": base})
        provider = WeChatPay(config, rig.clock)
        try:
            with pytest.raises(Unknown):
                await provider.query(rig.order())
        finally:
            await provider.aclose()


async def test_an_odd_order_number_never_leaves_the_house(rig: Rig) -> None:
    """A4: only plain characters go into a signed path."""
    with pytest.raises(InvariantBroken):
        await rig.provider.query(rig.order(id="a/b?c=d|e"))


async def test_many_questions_at_once_are_all_answered(rig: Rig) -> None:
    """Y3: the connections are bounded and nobody is turned away."""
    order = rig.order()
    await rig.provider.create(order, "3-201")
    assert await asyncio.gather(*(rig.provider.query(order) for _ in range(60))) == [None] * 60


async def test_the_sandbox_keeps_orders_and_keys_over_a_restart(tmp_path: Path) -> None:
    """Y1: a demo that is restarted goes on: same merchant, same orders, and the notification is made up for."""
    async with payment_rig(tmp_path) as first:
        order = first.order()
        code_url = await first.provider.create(order, "3-201")
        first.sandbox.faults.replace({"no_notify": True})
        first.sandbox.pay(code_url)
        merchant = first.provider.merchant
    async with payment_rig(tmp_path) as second:
        assert second.provider.merchant == merchant
        answers = await second.sandbox.wait_answers(1)
        assert answers[0].out_trade_no == order.id
        payment = await second.provider.query(order)
        assert payment is not None


def test_the_sandbox_s_keys_are_for_its_owner_s_eyes(tmp_path: Path) -> None:
    """A7: key files are readable by their owner only, and made once."""
    first = wechat_pay_keys(tmp_path / "var")
    assert wechat_pay_keys(tmp_path / "var") == first
    assert [path.stat().st_mode & 0o777 for path in (tmp_path / "var").iterdir()] == [0o600]
    assert (tmp_path / "var").stat().st_mode & 0o777 == 0o700


async def test_the_payer_pays_in_a_browser(rig: Rig) -> None:
    """The payer's page shows amount, merchant and purpose; its button pays; markup in a label stays text."""
    order = rig.order()
    code_url = await rig.provider.create(order, "<b>3-201</b>")
    async with rig.client.get(rig.sandbox.payer_url(code_url)) as response:
        page = await response.text()
    assert "20.00 CNY" in page
    assert "&lt;b&gt;3-201" in page
    assert "<b>" not in page
    async with rig.client.post(f"{rig.sandbox.base_url}/sandbox/pay", json={"code_url": code_url}) as response:
        assert response.status == 200
    async with rig.client.post(f"{rig.sandbox.base_url}/sandbox/pay", json={"code_url": code_url}) as response:
        assert response.status == 409
    answers = await rig.sandbox.wait_answers(1)
    assert [answer.status for answer in answers] == [204]


async def test_faults_can_be_set_over_http(rig: Rig) -> None:
    """A fault that is misspelt is an error, not a silence."""
    url = f"{rig.sandbox.base_url}/sandbox/faults"
    async with rig.client.post(url, json={"answer_status": 429}) as response:
        assert (await response.json())["answer_status"] == 429
    for wrong in ({"answer_statsu": 1}, {"copies": "many"}):
        async with rig.client.post(url, json=wrong) as response:
            assert response.status == 400
    async with rig.client.post(url, data=json.dumps({}), headers={"Content-Type": "text/plain"}) as response:
        assert response.status == 415


async def test_the_sandbox_refuses_what_is_not_signed(rig: Rig) -> None:
    """The sandbox is as strict as the real one, or it would prove nothing."""
    url = f"{rig.sandbox.base_url}/v3/pay/transactions/out-trade-no/cw123456/close"
    async with rig.client.post(url, json={"mchid": rig.provider.merchant.merchant_id}) as response:
        assert response.status == 401


async def test_the_sandbox_ends_in_time(tmp_path: Path) -> None:
    """Y3: closing ends deliveries that would go on for a day."""
    sandbox = SandboxWeChatPay(keys_dir=tmp_path, retry_scale=1.0)
    await sandbox.start()
    provider = WeChatPay(sandbox.merchant_config("http://127.0.0.1:9/notify/wechat_pay"), SteppedClock())
    rig = Rig(sandbox, provider, None, "", None, SteppedClock())  # type: ignore[arg-type]
    sandbox.pay(await provider.create(rig.order(), "3-201"))
    await sandbox.wait_answers(1)
    await provider.aclose()
    async with asyncio.timeout(5):
        await sandbox.aclose()
