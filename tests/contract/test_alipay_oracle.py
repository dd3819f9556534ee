"""Alipay's official SDK against our signer and our sandbox.

If product and sandbox shared a mistake, their own tests would not see it; these lines were written by Alipay.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from alipay.aop.api.AlipayClientConfig import AlipayClientConfig
from alipay.aop.api.DefaultAlipayClient import DefaultAlipayClient
from alipay.aop.api.domain.AlipayTradePrecreateModel import AlipayTradePrecreateModel
from alipay.aop.api.domain.AlipayTradeQueryModel import AlipayTradeQueryModel
from alipay.aop.api.domain.AlipayTradeWapPayModel import AlipayTradeWapPayModel
from alipay.aop.api.request.AlipayTradePrecreateRequest import AlipayTradePrecreateRequest
from alipay.aop.api.request.AlipayTradeQueryRequest import AlipayTradeQueryRequest
from alipay.aop.api.request.AlipayTradeWapPayRequest import AlipayTradeWapPayRequest
from alipay.aop.api.util import SignatureUtils
from cryptography.hazmat.primitives import serialization

from payments.providers.alipay_crypto import notification_content, request_content, sign, take_apart
from payments.providers.alipay_notification import parse_form
from sandbox.alipay_faults import Faults
from tests.fakes.alipay_rig import AlipayRig, alipay_rig, fresh_alipay_dir


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[AlipayRig]:
    async with alipay_rig(fresh_alipay_dir(tmp_path)) as made:
        yield made


def _body(pem: str) -> str:
    return "".join(line for line in pem.splitlines() if "-----" not in line)


def _client(rig: AlipayRig, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The SDK, told what a merchant is told. It takes local time for China's, so it is told that time as well."""
    config = AlipayClientConfig()
    config.server_url = f"{rig.sandbox.base_url}/gateway.do"
    config.app_id = rig.sandbox.keys.app_id
    config.app_private_key = _body(
        rig.sandbox.keys.app_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        ).decode()
    )
    config.alipay_public_key = _body(rig.sandbox.keys.alipay_public_pem)
    config.charset, config.sign_type = "utf-8", "RSA2"
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    import time  # noqa: PLC0415 - the zone is set for this test alone

    time.tzset()
    return DefaultAlipayClient(config)


@pytest.fixture(autouse=True)
def _zone(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Puts the machine's zone back."""
    import time  # noqa: PLC0415 - the zone is set back after the environment is

    yield
    monkeypatch.undo()
    time.tzset()


def _precreate(rig: AlipayRig, order_id: str) -> AlipayTradePrecreateRequest:
    model = AlipayTradePrecreateModel()
    model.out_trade_no, model.total_amount, model.subject = order_id, "20.00", "3-201 “电费” 100% + 1"
    request = AlipayTradePrecreateRequest(biz_model=model)
    request.notify_url = rig.notify_url
    return request


async def test_its_requests_are_taken_and_our_answers_verify_there(
    rig: AlipayRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`sdk_execute` signs what the sandbox accepts; `verify_with_rsa` accepts what the sandbox signs."""
    client, order = _client(rig, monkeypatch), rig.order()
    query = AlipayTradeQueryModel()
    query.out_trade_no = order.id
    for request, name, code in (
        (_precreate(rig, order.id), "alipay_trade_precreate_response", "10000"),
        (AlipayTradeQueryRequest(biz_model=query), "alipay_trade_query_response", "40004"),
    ):
        async with rig.client.post(
            f"{rig.sandbox.base_url}/gateway.do",
            data=client.sdk_execute(request).encode(),
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        ) as response:
            raw = await response.read()
        sealed = take_apart(raw, [name])
        assert json.loads(sealed.content)["code"] == code
        assert SignatureUtils.verify_with_rsa(
            _body(rig.sandbox.keys.alipay_public_pem), sealed.content.encode(), sealed.sign
        )


async def test_its_pages_open(rig: AlipayRig, monkeypatch: pytest.MonkeyPatch) -> None:
    """`page_execute` makes an address that the sandbox opens."""
    model = AlipayTradeWapPayModel()
    model.out_trade_no, model.total_amount, model.subject = rig.order().id, "20.00", "3-201"
    model.product_code = "QUICK_WAP_WAY"
    request = AlipayTradeWapPayRequest(biz_model=model)
    request.notify_url = rig.notify_url
    async with rig.client.get(_client(rig, monkeypatch).page_execute(request, "GET")) as page:
        assert page.status == 200


async def test_it_signs_the_same_text_to_the_same_signature(rig: AlipayRig, monkeypatch: pytest.MonkeyPatch) -> None:
    """PKCS#1 v1.5 has one signature for one text: ours and theirs are equal, byte for byte."""
    sent = dict(parse_qsl(_client(rig, monkeypatch).sdk_execute(_precreate(rig, rig.order().id))))
    assert sign(rig.sandbox.keys.app_key, request_content(sent)) == sent["sign"]
    own = {name: value for name, value in sent.items() if name != "sign"}
    assert SignatureUtils.get_sign_content(own).encode() == request_content(sent)


async def test_it_verifies_notifications_as_we_do(rig: AlipayRig) -> None:
    """A4: what `verify_with_rsa` says of the signed text our reader says too; SHA-1, which it takes, we refuse."""
    order = rig.order()
    rig.sandbox.faults.replace({"no_notify": True})
    rig.sandbox.pay(await rig.provider.create(order, "3-201 电费"))
    letter = rig.sandbox.gateway._letter(rig.sandbox.trade(order.id), rig.clock.now(), trade_status="TRADE_SUCCESS")
    public = _body(rig.sandbox.keys.alipay_public_pem)
    for faults, ours in ((Faults(), True), (Faults(sha1=True), False)):
        raw = rig.sandbox.seal(letter, faults)
        fields = parse_form(raw)
        assert SignatureUtils.verify_with_rsa(public, notification_content(fields), fields["sign"].decode())
        async with rig.client.post(rig.notify_url, data=raw) as response:
            assert (response.status == 200) is ours
