"""An independent client of WeChat Pay, `wechatpayv3`, against our sandbox and our notifications.

If product and sandbox shared a mistake, their own tests would not see it; this library was written by other people. It
plays the merchant by its synchronous and by its asynchronous client, with the public key and with certificates.
"""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from payments.problems import NotificationProblem
from payments.providers.wechat_pay_bills import read_fund_flow, read_trade_bill
from payments.providers.wechat_pay_config import KeyMode
from payments.providers.wechat_pay_crypto import payment_message, verify
from payments.providers.wechat_pay_ways import CHINA
from prepaid.domain.orders import PayWay
from sandbox.wechat_pay_faults import Faults
from tests.fakes.payment_rig import Rig, fresh_keys_dir, payment_rig

asynchronous = pytest.importorskip(
    "wechatpayv3.async_", reason="the independent library wechatpayv3[async] is not installed"
)
synchronous = pytest.importorskip("wechatpayv3")

KINDS = [(kind, mode) for kind in ("async", "sync") for mode in (KeyMode.PUBLIC_KEY, KeyMode.CERTIFICATES)]
WAYS = {"NATIVE": "code_url", "JSAPI": "prepay_id", "MINIPROG": "prepay_id", "H5": "h5_url", "APP": "prepay_id"}
PAYER: dict[str, dict[str, Any]] = {
    "JSAPI": {"payer": {"openid": "oUpF8uMuAJO"}},
    "MINIPROG": {"payer": {"openid": "oUpF8uMuAJO"}},
    "H5": {"scene_info": {"payer_client_ip": "203.0.113.7", "h5_info": {"type": "Wap"}}},
}


@dataclass
class Oracle:
    """The library's client, called the same way whether it is asynchronous or not."""

    client: Any
    types: Any
    rig: Rig

    async def __call__(self, name: str, **arguments: Any) -> tuple[int, Any]:
        """Status and text of one call."""
        method = getattr(self.client, name)
        if inspect.iscoroutinefunction(method):
            status, text = await method(**arguments)
        else:
            status, text = await asyncio.to_thread(method, **arguments)
        return status, text

    async def pay(self, way: str, out_trade_no: str, total: int = 2000) -> dict[str, Any]:
        """An order by that way."""
        status, text = await self(
            "pay",
            description="3-201",
            out_trade_no=out_trade_no,
            amount={"total": total, "currency": "CNY"},
            pay_type=self.types[way],
            **PAYER.get(way, {}),
        )
        assert status == 200
        answer: dict[str, Any] = json.loads(text)
        return answer

    def callback(self, headers: dict[str, str], body: bytes) -> Any:
        """What it makes of a notification; whatever it raises means no."""
        try:
            return self.client.callback(headers=headers, body=body.decode())
        except Exception:  # noqa: BLE001 - the library raises bare exceptions for what it does not believe
            return None


@asynccontextmanager
async def _oracle(directory: Path, kind: str, mode: KeyMode, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Oracle]:
    async with AsyncExitStack() as stack:
        rig = await stack.enter_async_context(payment_rig(fresh_keys_dir(directory)))
        module, name = (asynchronous, "AsyncWeChatPay") if kind == "async" else (synchronous, "WeChatPay")
        core = import_module(f"{module.__name__}.core")
        # Its gateway is a constant that certificate mode uses while it is being constructed.
        gateway = property(lambda _self: rig.sandbox.base_url, lambda _self, _value: None)
        monkeypatch.setattr(core.AsyncCore if kind == "async" else core.Core, "_gate_way", gateway, raising=False)
        config = rig.sandbox.merchant_config(rig.notify_url)
        by_key = mode is KeyMode.PUBLIC_KEY
        client = await asyncio.to_thread(
            getattr(module, name),
            wechatpay_type=module.WeChatPayType.NATIVE,
            mchid=config.mchid,
            private_key=config.merchant_private_key_pem,
            cert_serial_no=config.merchant_serial,
            apiv3_key=config.api_v3_key,
            appid=config.appid,
            notify_url=config.notify_url,
            public_key=config.public_key_pem if by_key else None,
            public_key_id=config.public_key_id if by_key else None,
            timeout=(5, 10),
        )
        if kind == "async":
            await stack.enter_async_context(client)
        yield Oracle(client, module.WeChatPayType, rig)


@pytest.fixture(params=KINDS, ids=lambda param: f"{param[0]}-{param[1]}")
async def oracle(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Oracle]:
    kind, mode = request.param
    async with _oracle(tmp_path, kind, mode, monkeypatch) as made:
        yield made


async def test_orders_by_every_way_queries_and_closings(oracle: Oracle) -> None:
    """The sandbox checks and signs as another implementation expects: orders, queries by both numbers, closing."""
    for way, field in WAYS.items():
        number = oracle.rig.order().id
        answer = await oracle.pay(way, number)
        assert set(answer) == {field}
        status, text = await oracle("query", out_trade_no=number)
        assert (status, json.loads(text)["trade_state"]) == (200, "NOTPAY")
        if way == "NATIVE":
            assert (await oracle("close", out_trade_no=number))[0] == 204
            continue
        paid = oracle.rig.sandbox.pay(answer[field])
        status, text = await oracle("query", transaction_id=paid.transaction_id)
        assert (status, json.loads(text)["out_trade_no"]) == (200, number)


async def test_refunds(oracle: Oracle) -> None:
    """Refund and its query; the same number again is the same refund."""
    number = oracle.rig.order().id
    oracle.rig.sandbox.pay((await oracle.pay("NATIVE", number))["code_url"])
    amount = {"refund": 700, "total": 2000, "currency": "CNY"}
    for _ in range(2):
        status, text = await oracle("refund", out_refund_no="rf1", amount=amount, out_trade_no=number)
        assert (status, json.loads(text)["out_refund_no"]) == (200, "rf1")
    await oracle.rig.sandbox.wait_answers(2)
    status, text = await oracle("query_refund", out_refund_no="rf1")
    assert (status, json.loads(text)["status"]) == (200, "SUCCESS")
    assert (await oracle("query_refund", out_refund_no="rf2"))[0] == 404


async def test_bills(oracle: Oracle) -> None:
    """Both bills, downloaded by the library and read by our readers; the digest is of the uncompressed file."""
    number = oracle.rig.order().id
    oracle.rig.sandbox.pay((await oracle.pay("NATIVE", number))["code_url"])
    oracle.rig.sandbox.faults.replace({"bill_early": True})
    day = oracle.rig.clock.now().astimezone(CHINA).date()
    files = []
    for name in ("trade_bill", "fundflow_bill"):
        status, text = await oracle(name, bill_date=day.isoformat(), tar_type="")
        assert status == 200
        answer = json.loads(text)
        status, content = await oracle("download_bill", url=answer["download_url"])
        raw = content if isinstance(content, bytes) else content.encode()
        assert status == 200
        assert hashlib.sha1(raw, usedforsecurity=False).hexdigest() == answer["hash_value"]
        files.append(raw)
    assert [row.order_id for row in read_trade_bill(files[0], day).rows] == [number]
    assert {row.ref for row in read_fund_flow(files[1])} == {number}


async def test_its_callback_reads_our_notifications_as_we_do(oracle: Oracle) -> None:
    """A4: the same headers and bytes mean the same payment or refund to both; what is not genuine means nothing."""
    rig, order = oracle.rig, oracle.rig.order()
    rig.sandbox.faults.replace({"no_notify": True})
    rig.sandbox.pay(await rig.provider.create(order, "3-201"))
    paid, now_s = rig.sandbox._book.get(order.id), rig.clock.now().timestamp()
    percent = 0 if oracle.client._core._public_key else 100
    headers, body = rig.sandbox._seals.notification(paid, Faults(certificate_percent=percent), now_s)
    theirs, ours = oracle.callback(headers, body), rig.provider.read_notification(headers, body).payment
    assert ours is not None
    assert theirs["event_type"] == "TRANSACTION.SUCCESS"
    assert theirs["resource"]["transaction_id"] == ours.txn_id
    assert theirs["resource"]["amount"]["total"] == ours.amount_fen
    for fault in ("probe", "bad_signature", "reserialise"):
        wrong = Faults(certificate_percent=percent)
        setattr(wrong, fault, True)
        headers, body = rig.sandbox._seals.notification(paid, wrong, now_s)
        assert oracle.callback(headers, body) is None
        with pytest.raises(NotificationProblem):
            rig.provider.read_notification(headers, body)


async def test_its_callback_reads_the_news_of_a_refund(oracle: Oracle) -> None:
    """M10: a refund's notification names the same refund to both."""
    rig, order = oracle.rig, oracle.rig.order()
    rig.sandbox.pay(await rig.provider.create(order, "3-201"))
    await rig.sandbox.wait_answers(1)
    rig.sandbox.faults.replace({"refund_ends": None})
    await rig.provider.refund(order, "rf-oracle-1", 700, "x")
    rig.sandbox.end_refund("rf-oracle-1", "SUCCESS")
    percent = 0 if oracle.client._core._public_key else 100
    headers, body = rig.sandbox._seals.notification(
        rig.sandbox.refund("rf-oracle-1"), Faults(certificate_percent=percent), rig.clock.now().timestamp()
    )
    theirs, ours = oracle.callback(headers, body), rig.provider.read_notification(headers, body)
    assert theirs["resource"]["out_refund_no"] == ours.refund_id == "rf-oracle-1"
    assert (theirs["event_type"], ours.payment) == (ours.kind, None)


async def test_it_signs_a_payment_in_wechat_as_we_do(oracle: Oracle) -> None:
    """The library's signature over the same four values is the one in our parameters of `wx.requestPayment`."""
    rig = oracle.rig
    given = json.loads(await rig.provider.create(rig.order(way=PayWay.IN_APP, payer="oUpF8uMuAJO"), "3-201"))
    values = [given["appId"], given["timeStamp"], given["nonceStr"], given["package"]]
    assert oracle.client.sign(values) == given["paySign"]
    assert verify(rig.sandbox._keys.merchant_key.public_key(), payment_message(*values), given["paySign"])
