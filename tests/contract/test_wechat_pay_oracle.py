"""An independent client of WeChat Pay, `wechatpayv3`, against our sandbox and our notifications.

If product and sandbox shared a mistake, their own tests would not see it; this library was written by other people.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from sandbox.wechat_pay_faults import Faults
from tests.fakes.payment_rig import Rig, fresh_keys_dir, payment_rig

oracle = pytest.importorskip("wechatpayv3.async_", reason="the independent library wechatpayv3[async] is not installed")


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with payment_rig(fresh_keys_dir(tmp_path)) as made:
        yield made


@asynccontextmanager
async def _client(rig: Rig) -> AsyncIterator[Any]:
    config = rig.sandbox.merchant_config(rig.notify_url)
    client = oracle.AsyncWeChatPay(
        wechatpay_type=oracle.WeChatPayType.NATIVE,
        mchid=config.mchid,
        private_key=config.merchant_private_key_pem,
        cert_serial_no=config.merchant_serial,
        apiv3_key=config.api_v3_key,
        appid=config.appid,
        notify_url=config.notify_url,
        public_key=config.public_key_pem,
        public_key_id=config.public_key_id,
    )
    client._core._gate_way = rig.sandbox.base_url
    async with client:
        yield client


async def test_its_orders_queries_and_closings_are_taken_and_verified(rig: Rig) -> None:
    """The sandbox checks and signs as another implementation expects: order, query, close."""
    order = rig.order()
    async with _client(rig) as client:
        status, text = await client.pay(
            description="3-201", out_trade_no=order.id, amount={"total": 2000, "currency": "CNY"}
        )
        assert status == 200
        assert json.loads(text)["code_url"].startswith("weixin://")
        status, text = await client.query(out_trade_no=order.id)
        assert (status, json.loads(text)["trade_state"]) == (200, "NOTPAY")
        status, _ = await client.close(out_trade_no=order.id)
        assert status == 204


async def test_it_reads_our_notifications_as_we_do(rig: Rig) -> None:
    """A4: the same headers and bytes mean the same payment to both; a probe means nothing to either."""
    order = rig.order()
    rig.sandbox.faults.replace({"no_notify": True})
    rig.sandbox.pay(await rig.provider.create(order, "3-201"))
    paid = rig.sandbox._book.get(order.id)
    now_s = rig.clock.now().timestamp()
    async with _client(rig) as client:
        headers, body = rig.sandbox._seals.notification(paid, Faults(), now_s)
        theirs = client.callback(headers=headers, body=body.decode())
        ours = rig.provider.read_notification(headers, body).payment
        assert theirs["event_type"] == "TRANSACTION.SUCCESS"
        assert ours is not None
        assert theirs["resource"]["transaction_id"] == ours.txn_id
        assert theirs["resource"]["amount"]["total"] == ours.amount_fen
        headers, body = rig.sandbox._seals.notification(paid, Faults(probe=True), now_s)
        assert client.callback(headers=headers, body=body.decode()) is None
