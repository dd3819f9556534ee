"""The ways to pay with WeChat Pay beside the code to scan, and payments found by its own number."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from payments.providers.wechat_pay_crypto import payment_message, verify
from prepaid.domain.errors import Refused, Unknown
from prepaid.domain.orders import Order, PayWay
from prepaid.ports import FindingProvider
from sandbox.wechat_pay_orders import ApiError
from tests.fakes.payment_rig import Rig, fresh_keys_dir, payment_rig

WAYS: dict[PayWay, dict[str, Any]] = {
    PayWay.QR: {},
    PayWay.WAP: {"payer_ip": "203.0.113.7"},
    PayWay.IN_APP: {"payer": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"},
}


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with payment_rig(fresh_keys_dir(tmp_path)) as made:
        yield made


def _order(rig: Rig, way: PayWay) -> Order:
    return rig.order(way=way, **WAYS[way])


@pytest.mark.parametrize("way", PayWay)
async def test_each_way_ends_in_one_payment(rig: Rig, way: PayWay) -> None:
    """M4: whichever way the payer comes, notification, query and search by number tell of the same payment."""
    order = _order(rig, way)
    paid = rig.sandbox.pay(await rig.provider.create(order, "3-201"))
    await rig.sandbox.wait_answers(1)
    (row,) = rig.inbox.rows.values()
    assert row.payment is not None
    assert row.payment.order_id == order.id
    assert row.payment == await rig.provider.query(order)
    assert row.payment == await rig.provider.find(paid.transaction_id)


async def test_the_parameters_for_wechat_are_signed_by_the_merchant(rig: Rig) -> None:
    """A4: `wx.requestPayment` gets exactly its parameters; the signature covers app, time, nonce and package."""
    given = json.loads(await rig.provider.create(_order(rig, PayWay.IN_APP), "3-201"))
    assert set(given) == {"appId", "timeStamp", "nonceStr", "package", "signType", "paySign"}
    assert given["appId"] == rig.provider.merchant.app_id
    assert given["signType"] == "RSA"
    assert given["package"].startswith("prepay_id=wx")
    message = payment_message(given["appId"], given["timeStamp"], given["nonceStr"], given["package"])
    assert verify(rig.sandbox._keys.merchant_key.public_key(), message, given["paySign"])
    with pytest.raises(ApiError, match="SIGN_ERROR"):
        rig.sandbox.pay(json.dumps({**given, "package": "prepay_id=wx0"}))


async def test_a_page_outside_wechat_opens_the_payer_s_page(rig: Rig) -> None:
    """H5 gives an address that a browser can open; the payer pays there."""
    url = await rig.provider.create(_order(rig, PayWay.WAP), "3-201")
    async with rig.client.get(url) as response:
        assert response.status == 200
        assert "20.00 CNY" in await response.text()


@pytest.mark.parametrize(
    ("way", "change"),
    [
        (PayWay.IN_APP, {"payer": None}),
        (PayWay.IN_APP, {"payer": ""}),
        (PayWay.IN_APP, {"payer": "a\nb"}),
        (PayWay.IN_APP, {"payer": "x" * 200}),
        (PayWay.WAP, {"payer_ip": None}),
        (PayWay.WAP, {"payer_ip": "unknown"}),
        (PayWay.WAP, {"payer_ip": "203.0.113.7, 10.0.0.1"}),
    ],
    ids=str,
)
async def test_a_way_without_its_payer_is_refused_here(rig: Rig, way: PayWay, change: dict[str, Any]) -> None:
    """What WeChat Pay would refuse is refused before it is asked, in the person's language."""
    with pytest.raises(Refused, match=r"refused\.pay_way"):
        await rig.provider.create(replace(_order(rig, way), **change), "3-201")
    assert not rig.sandbox._book.all()


async def test_an_order_keeps_its_way(rig: Rig) -> None:
    """M15: the same number by another way is another request, and refused."""
    order = _order(rig, PayWay.QR)
    await rig.provider.create(order, "3-201")
    with pytest.raises(Refused) as caught:
        await rig.provider.create(replace(order, way=PayWay.IN_APP, **WAYS[PayWay.IN_APP]), "3-201")
    assert caught.value.params["code"] == "INVALID_REQUEST"


async def test_a_lost_payment_is_found_by_its_number(rig: Rig) -> None:
    """M4: whoever has the number of a payment finds it; a number of nobody's is None, a malformed one refused."""
    finder: FindingProvider = rig.provider
    assert isinstance(finder, FindingProvider)
    assert await finder.find("4200000000202611250000000000") is None
    for wrong in ("", "1", "4" * 33, "../../etc", "42000000002026112500000000\n0", "４" * 28):
        with pytest.raises(Refused, match=r"refused\.txn_id"):
            await finder.find(wrong)


async def test_an_answer_about_another_payment_is_not_believed(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """F17: a signed answer about another number says nothing about this one."""
    paid = rig.sandbox.pay(await rig.provider.create(rig.order(), "3-201"))
    monkeypatch.setattr(rig.sandbox._book, "by_transaction", lambda _number: paid)
    with pytest.raises(Unknown) as caught:
        await rig.provider.find("4200000000202611250000000000")
    assert caught.value.params["why"] == "other_transaction"
