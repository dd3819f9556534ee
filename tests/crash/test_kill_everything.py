"""The whole program is killed at bad moments around a payment, and started again on what it left behind."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from chatwatt.clock import SystemClock
from chatwatt.demo.seed import FLATS, Flat
from chatwatt.demo.tenant import ScriptedPerson
from prepaid.domain.ledger import Entry, Kind
from prepaid.domain.notices import Stage
from prepaid.ports import Store
from prepaid.storage.driver import connect
from prepaid.storage.mongo import open_store
from tests.fakes.running_demo import RunningDemo, audit, nothing_left, running_demo

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

DRY, RICH, PROTECTED = FLATS
CREDITED_S_MAX = 60.0
"""M4's own figure."""

Moment = Callable[[Path, ScriptedPerson, str], Awaitable[None]]
"""Waits for the moment at which to die, in the life of the order with that number."""


async def at_once(_data: Path, _tenant: ScriptedPerson, _order_id: str) -> None:
    """Dies right after the press, maybe before the provider has heard of it."""


async def paid(data: Path, _tenant: ScriptedPerson, order_id: str) -> None:
    """Dies when the provider has the money and is about to tell us."""
    await _provider_says(data, order_id, "transaction_id")


async def acknowledged(data: Path, _tenant: ScriptedPerson, order_id: str) -> None:
    """Dies right after the provider got its 2xx."""
    await _provider_says(data, order_id, "notified")


async def credited(_data: Path, tenant: ScriptedPerson, order_id: str) -> None:
    """Dies when the tenant has just been told."""
    stages = {Stage.CREDITED_STILL_ON, Stage.CREDITED}
    await tenant.sees(lambda part: part.get("thread") == order_id and part["stage"] in stages, within_s=60)


MOMENTS: tuple[Moment, ...] = (at_once, paid, acknowledged, credited, acknowledged)


async def test_every_acknowledged_payment_is_credited_once_whenever_we_die(tmp_path: Path) -> None:
    """M4, M7, Y1: killed at each moment of a payment, over and over, nothing is lost, doubled or undone."""
    seen: Mapping[str, int] = {}
    for number, moment in enumerate(MOMENTS):
        async with running_demo(tmp_path) as demo, _books(tmp_path) as store:
            seen = await _went_forward(store, seen)
            await _pay(demo, yuan=11 + number, until=moment)
            await demo.kill()
        await nothing_left(tmp_path)
    async with running_demo(tmp_path) as demo, _books(tmp_path) as store:
        await _went_forward(store, seen)
        orders = [order for order in _sandbox_orders(tmp_path) if order["transaction_id"]]
        assert len(orders) >= len(MOMENTS) - 1
        await _all_credited(demo, store, orders)
        topups = await _topups(store, RICH)
        assert sorted(entry.delta_micro for entry in topups) == sorted(order["total"] * 10_000 for order in orders)
        assert len({entry.idem for entry in topups}) == len(topups)
        assert await demo.interrupt(within_s=60) == 0
    await nothing_left(tmp_path)
    code, last = await audit(tmp_path)
    assert (code, last["sum"], last["mismatches"], last["chain_breaks"]) == (0, 0, 0, 0)


async def test_the_light_comes_back_though_we_died_after_the_payment(tmp_path: Path) -> None:
    """S1, S13: a flat that was dark and paid is lit by the next start, which works out anew what is wanted."""
    async with running_demo(tmp_path, "--speed", "2000") as demo:
        async with demo.person(DRY.user.id) as tenant:
            await tenant.sees(lambda part: part["kind"] == "text" and part["tone"] == "trouble", within_s=60)
        await _pay(demo, yuan=50, until=acknowledged, flat=DRY)
        await demo.kill()
    await nothing_left(tmp_path)
    async with running_demo(tmp_path) as demo, _books(tmp_path) as store, demo.person(DRY.user.id) as tenant:
        async with asyncio.timeout(120):
            while not await _lit(store, DRY):
                await _a_moment(tenant)
        assert [entry.delta_micro for entry in await _topups(store, DRY)] == [50_000_000]
    await nothing_left(tmp_path)


async def test_ctrl_c_ends_it_in_order(tmp_path: Path) -> None:
    """F2: SIGINT with pages open ends the demo within 15 s, with code 0, and leaves no process."""
    async with running_demo(tmp_path) as demo, demo.person("admin") as admin, demo.person(RICH.user.id) as tenant:
        await admin.say("总览")
        await admin.sees(lambda part: part["kind"] == "list", within_s=60)
        await tenant.say("balance")
        await tenant.sees(lambda part: part["kind"] == "table", within_s=60)
        since = time.monotonic()
        assert await demo.interrupt(within_s=60) == 0
        assert time.monotonic() - since < 15
    await nothing_left(tmp_path)


async def _pay(demo: RunningDemo, *, yuan: int, until: Moment, flat: Flat = RICH) -> None:
    async with demo.person(flat.user.id) as tenant:
        await tenant.say(f"recharge {yuan}")
        asked = await tenant.sees(_asks_for_a_yes, within_s=60)
        await tenant.press(asked["buttons"][0])
        code = await tenant.sees(lambda part: part["kind"] == "pay_qr" and f"{yuan}.00" in part["amount"], within_s=60)
        await tenant.pay(code["uri"])
        await until(demo.data, tenant, str(code["order_id"]))


@asynccontextmanager
async def _books(data: Path) -> AsyncIterator[Store]:
    """The running demo's own database, read from outside, so that not the product is asked about itself."""
    log = (data / "logs" / "mongodb.log").read_text(encoding="utf-8")
    port = re.findall(r"listening on 127\.0\.0\.1:(\d+)", log)[-1]
    database = connect(f"mongodb://127.0.0.1:{port}/", "demo")
    try:
        yield await open_store(database, SystemClock())
    finally:
        await database.close()


async def _went_forward(store: Store, before: Mapping[str, int]) -> Mapping[str, int]:
    """Registers and watermarks now; none of them may be behind what was seen before."""
    now: dict[str, int] = {}
    for flat in FLATS:
        meter = await store.meters.get(flat.meter_id)
        assert meter is not None
        now[f"{flat.meter_id} last"] = meter.last.energy_wh if meter.last else 0
        now[f"{flat.meter_id} watermark"] = meter.watermark.energy_wh if meter.watermark else 0
        now[f"{flat.account_id} entries"] = (await store.ledger.head(flat.account_id)).seq
    behind = {name: (value, now[name]) for name, value in before.items() if now[name] < value}
    assert behind == {}
    return now


async def _all_credited(demo: RunningDemo, store: Store, orders: list[dict[str, Any]]) -> None:
    async with asyncio.timeout(CREDITED_S_MAX), demo.person(RICH.user.id) as tenant:
        for order in orders:
            while await _state(store, str(order["out_trade_no"])) != "credited":
                await _a_moment(tenant)


async def _state(store: Store, order_id: str) -> str:
    order = await store.orders.get(order_id)
    assert order is not None, "the provider knows an order that we do not"
    return str(order.state)


async def _a_moment(tenant: ScriptedPerson) -> None:
    """Until the next news of a payment, or for half a second."""
    tenant.forget()
    try:
        await tenant.sees(lambda part: part["kind"] == "thread", within_s=0.5)
    except TimeoutError:
        return


async def _topups(store: Store, flat: Flat) -> list[Entry]:
    entries = [entry async for entry in store.ledger.replay()]
    return [entry for entry in entries if entry.account_id == flat.account_id and entry.kind is Kind.TOP_UP]


async def _lit(store: Store, flat: Flat) -> bool:
    """Whether the relay was read back closed."""
    supply = await store.supplies.get(flat.meter_id)
    return supply is not None and supply.reported is not None and supply.reported.on


def _sandbox_orders(data: Path) -> list[dict[str, Any]]:
    """What the provider has on record. Its file is replaced in one step, so it is never half written."""
    kept: list[dict[str, Any]] = json.loads((data / "sandbox" / "wechat_pay_orders.json").read_text(encoding="utf-8"))
    return kept


async def _provider_says(data: Path, order_id: str, field: str) -> None:
    """Until that field of the order is set."""

    def says() -> bool:
        return any(order[field] for order in _sandbox_orders(data) if order["out_trade_no"] == order_id)

    async with asyncio.timeout(60):
        # A file tells nobody that it has changed, so it is read over and over for this short while.
        while not says():  # noqa: ASYNC110
            await asyncio.sleep(0)


def _asks_for_a_yes(part: Mapping[str, Any]) -> bool:
    return part["kind"] == "buttons" and str(part["buttons"][0]["action"]).startswith("yes:")
