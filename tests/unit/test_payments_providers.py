"""Every way to pay keeps the same promises: the modules below `payments.providers` are found by themselves."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from payments.problems import NotificationProblem
from payments.providers import Provider, build, names
from prepaid.domain.errors import Refused, TryAgain
from prepaid.domain.orders import Order, new_order_id
from prepaid.ports import PaymentProvider
from sandbox.alipay import SandboxAlipay
from sandbox.wechat_pay import SandboxWeChatPay
from tests.fakes.alipay_rig import fresh_alipay_dir
from tests.fakes.payment_rig import SteppedClock, fresh_keys_dir

BLUEPRINT = "_blueprint"
EVERY = [*names(), BLUEPRINT]
CLOCK = SteppedClock()


def _wechat_pay_settings(directory: Path) -> dict[str, object]:
    """A merchant whose provider cannot be reached: nothing listens on port 9."""
    sandbox = SandboxWeChatPay(keys_dir=fresh_keys_dir(directory))
    sandbox.base_url = "http://127.0.0.1:9"
    return sandbox.merchant_config("http://127.0.0.1:9/notify/wechat_pay").model_dump()


def _alipay_settings(directory: Path) -> dict[str, object]:
    sandbox = SandboxAlipay(keys_dir=fresh_alipay_dir(directory))
    sandbox.base_url = "http://127.0.0.1:9"
    return sandbox.merchant_config("http://127.0.0.1:9/notify/alipay").model_dump()


OFFLINE: Mapping[str, Callable[[Path], dict[str, object]]] = {
    "alipay": _alipay_settings,
    "wechat_pay": _wechat_pay_settings,
}
"""Settings of each provider under which it can connect to nobody."""


def _order(name: str) -> Order:
    now = CLOCK.now()
    return Order(
        id=new_order_id(now),
        account_id="a1",
        site_id="s1",
        person_id="p1",
        provider=name,
        amount_fen=100,
        created_at=now,
        expires_at=now + timedelta(hours=2),
    )


@asynccontextmanager
async def _offline(name: str, directory: Path) -> AsyncIterator[Provider]:
    settings = OFFLINE[name](directory) if name != BLUEPRINT else {}
    provider: Provider = import_module(f"payments.providers.{name}").build(settings, CLOCK)
    yield provider
    await provider.aclose()


def test_every_provider_can_be_tried_offline() -> None:
    """A new provider brings the settings that these tests need."""
    assert set(OFFLINE) == set(names())
    assert "wechat_pay" in names()
    assert not [name for name in names() if name.startswith("wechat_pay_")]


@pytest.mark.parametrize("name", EVERY)
async def test_a_provider_has_the_shape_of_the_port(name: str, tmp_path: Path) -> None:
    """Each method of the port is there, with its parameters, awaited where the port's is, and described."""
    async with _offline(name, tmp_path) as provider:
        for method in ("create", "query", "close", "aclose", "read_notification"):
            wanted, given = getattr(Provider, method), getattr(type(provider), method)
            assert list(inspect.signature(given).parameters) == list(inspect.signature(wanted).parameters)
            assert inspect.iscoroutinefunction(given) == inspect.iscoroutinefunction(wanted)
            assert inspect.getdoc(given)


@pytest.mark.parametrize("name", EVERY)
async def test_a_provider_is_called_what_its_module_is_called(name: str, tmp_path: Path) -> None:
    """Its name stands in orders and clearing accounts, and its merchant is a merchant of its own."""
    async with _offline(name, tmp_path) as provider:
        assert provider.name == name
        assert provider.merchant.provider == name
        port: PaymentProvider = provider
        assert port is provider


@pytest.mark.parametrize("name", names())
async def test_a_provider_that_cannot_be_reached_says_so(name: str, tmp_path: Path) -> None:
    """M9: without a connection nothing has happened: `TryAgain`, and it can be closed twice."""
    async with _offline(name, tmp_path) as provider:
        calls: list[Any] = [
            provider.create(_order(name), "x"),
            provider.query(_order(name)),
            provider.close(_order(name)),
        ]
        for call in calls:
            with pytest.raises(TryAgain, match=r"try_again\.provider"):
                await call
        await provider.aclose()


@pytest.mark.parametrize("name", EVERY)
async def test_a_provider_believes_nothing_unsigned(name: str, tmp_path: Path) -> None:
    """A4: an unsigned message is a `NotificationProblem` with a 4xx."""
    async with _offline(name, tmp_path) as provider:
        for raw in (b"", b"{}", b"\xff", b"a=b&c=d"):
            with pytest.raises(NotificationProblem) as caught:
                provider.read_notification({}, raw)
            assert caught.value.status // 100 == 4


@pytest.mark.parametrize("name", names())
def test_a_provider_without_settings_names_what_is_missing(name: str) -> None:
    """Settings are checked at once; the message names fields and never holds values."""
    with pytest.raises(Refused) as caught:
        build(name, {"surprise": "secret-value"}, CLOCK)
    assert caught.value.key == "refused.provider_not_set_up"
    assert caught.value.params["provider"] == name
    assert "secret-value" not in repr(caught.value.params)


async def test_the_blueprint_takes_no_money() -> None:
    """A copy that is not finished refuses everything."""
    provider: Provider = import_module("payments.providers._blueprint").build({}, CLOCK)
    for call in (provider.create(_order("x"), "x"), provider.query(_order("x")), provider.close(_order("x"))):
        with pytest.raises(Refused, match=r"refused\.provider_not_set_up"):
            await call


@pytest.mark.parametrize("name", ["alipay2", "_blueprint", "wechat_pay_crypto", "os", "../x", ""])
def test_only_providers_can_be_built(name: str) -> None:
    """A name from a settings file imports nothing but a provider."""
    with pytest.raises(Refused, match=r"refused\.provider_unknown"):
        build(name, {}, CLOCK)
