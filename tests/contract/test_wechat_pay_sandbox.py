"""The controls of the WeChat Pay sandbox over HTTP, and the sandbox as a process of its own."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from payments.providers.wechat_pay import WeChatPay
from prepaid.domain.errors import Refused
from prepaid.domain.orders import PayWay
from prepaid.domain.refunds import RefundState
from sandbox.wechat_pay import SandboxWeChatPay
from sandbox.wechat_pay_courier import RETRIES_S
from sandbox.wechat_pay_faults import Faults
from tests.fakes.payment_rig import Rig, SteppedClock, fresh_keys_dir, payment_rig


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with payment_rig(fresh_keys_dir(tmp_path)) as made:
        yield made


async def _control(rig: Rig, path: str, **wish: Any) -> tuple[int, Any]:
    async with rig.client.post(f"{rig.sandbox.base_url}/sandbox/{path}", json=wish) as response:
        return response.status, await response.json()


async def test_a_whole_story_by_the_controls(rig: Rig) -> None:
    """Pay, tell again, refund by hand, and read what the merchant said: everything that a test in process can do."""
    order = rig.order()
    code_url = await rig.provider.create(order, "3-201")
    assert (await _control(rig, "pay", code_url=code_url))[0] == 200
    await rig.sandbox.wait_answers(1)
    assert (await _control(rig, "tell", out_trade_no=order.id))[0] == 200
    await rig.sandbox.wait_answers(2)
    assert (await _control(rig, "faults", refund_ends=None))[1]["refund_ends"] is None
    await rig.provider.refund(order, "rf-control", 500, "x")
    assert await _control(rig, "refund", out_refund_no="rf-control", status="CLOSED") == (200, {"status": "CLOSED"})
    assert await rig.provider.query_refund(order, "rf-control") is RefundState.FAILED
    assert (await _control(rig, "refund", out_refund_no="rf-control", status="SUCCESS"))[0] == 409
    await rig.sandbox.wait_answers(3)
    async with rig.client.get(f"{rig.sandbox.base_url}/sandbox/answers") as response:
        said = await response.json()
    assert [(answer["status"], answer["out_refund_no"]) for answer in said] == [
        (204, ""),
        (204, ""),
        (204, "rf-control"),
    ]


async def test_a_new_certificate_by_the_controls(rig: Rig) -> None:
    """The next certificate appears beside the old one, and signs when it is told to."""
    status, answer = await _control(rig, "certificates", sign_with=True)
    assert status == 200
    assert len(rig.sandbox._seals.certificates()["data"]) == 2
    assert rig.sandbox._seals.headers(b"", 0, serial=None)["Wechatpay-Serial"] == answer["serial"]


async def test_every_fault_can_be_set_and_is_off_again(rig: Rig) -> None:
    """What is not named is off: a test never inherits another's trouble."""
    wanted: dict[str, Any] = {"copies": 3, "wrong_total": 5, "bill_extras": 2, "answer_code": "NOT_ENOUGH"}
    status, shown = await _control(rig, "faults", **wanted)
    assert (status, shown) == (200, asdict(Faults()) | wanted)
    assert await _control(rig, "faults") == (200, asdict(Faults()))


async def test_the_payer_cancels(rig: Rig) -> None:
    """The page's cancel pays nothing, and the order stays payable until it is closed."""
    order = rig.order(way=PayWay.WAP, payer_ip="203.0.113.7")
    url = await rig.provider.create(order, "3-201")
    async with rig.client.get(url) as response:
        assert 'class="cancel"' in await response.text()
    assert await rig.provider.query(order) is None
    assert await rig.provider.close(order) is True
    async with rig.client.get(url) as response:
        assert "disabled" in await response.text()


def test_the_repeats_are_the_official_ones() -> None:
    """15 repeats in 24 h 4 min, scaled by the sandbox's clock."""
    assert (len(RETRIES_S), sum(RETRIES_S)) == (15, 24 * 3600 + 4 * 60)


async def test_a_request_for_an_unknown_key_is_refused(rig: Rig) -> None:
    """The sandbox signs with a key that it has, or says no; it never signs with another than was asked for."""
    config = rig.sandbox.merchant_config(rig.notify_url).model_copy(update={"public_key_id": "PUB_KEY_ID_SANDBOX0"})
    provider = WeChatPay(config, rig.clock)
    try:
        with pytest.raises(Refused, match=r"refused\.provider"):
            await provider.query(rig.order())
    finally:
        await provider.aclose()


async def test_the_sandbox_runs_by_itself(tmp_path: Path) -> None:
    """A process of its own: it prints where it listens, makes its keys, serves a merchant, and ends when told to."""
    keys = fresh_keys_dir(tmp_path)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sandbox.wechat_pay_process", "--data", str(keys), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(30):
            base_url = (await process.stdout.readline()).decode().strip()
        known = SandboxWeChatPay(keys_dir=keys)
        known.base_url = base_url
        provider = WeChatPay(known.merchant_config("http://127.0.0.1:9/notify/wechat_pay"), SteppedClock())
        rig = Rig(known, provider, None, "", None, SteppedClock())  # type: ignore[arg-type]
        order = rig.order()
        code_url = await provider.create(order, "3-201")
        url = f"{base_url}/sandbox/pay"
        async with aiohttp.ClientSession() as client, client.post(url, json={"code_url": code_url}) as response:
            assert response.status == 200
        payment = await provider.query(order)
        assert payment is not None
        await provider.aclose()
    finally:
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(20):
            assert await process.wait() == 0
