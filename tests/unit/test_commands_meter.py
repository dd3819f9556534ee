"""`chatwatt meter`: an engineer on site looks, reads, commissions and switches through the worker that runs."""

from __future__ import annotations

import asyncio
import json
from argparse import Namespace
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from bench._estate import SITE_PATH, Flat, add_flat, add_gateways, add_site
from chatwatt.cli import parser
from chatwatt.clock import SystemClock
from meters.profiles import load_profile
from meters.worker import Worker
from prepaid.domain.access import Actor, Grant, Role
from prepaid.domain.errors import Refused
from prepaid.ports import Business
from prepaid.storage.driver import Database
from prepaid.storage.mongo import store_over
from prepaid.storage.wakeups import LocalWakeups
from sandbox.meters import SandboxGateway
from tests.fakes.bus_worker import until_it

pytestmark = pytest.mark.timeout(300)

PROFILE = "acrel_ddsy1352"
HOME = Flat(gateway=0, unit=1)
STAFF = Actor(id="op", grants=(Grant(Role.OPERATOR, SITE_PATH),))


@dataclass(slots=True)
class Site:
    """One bus with a meter that was entered and not yet commissioned, its worker at work, and what commands print."""

    business: Business
    bus: SandboxGateway
    said: list[str] = field(default_factory=list)

    async def run(self, *words: str, actor: Actor = STAFF) -> int:
        """One command as typed."""
        arguments: Namespace = parser(("meter",)).parse_args(("meter", *words))
        self.said.clear()
        work: Any = arguments.run.args[0]
        code: int = await work(self.business, actor, arguments, self.said.append)
        return code

    async def serial(self) -> str | None:
        """What is bound."""
        meter = await self.business.store.meters.get(HOME.meter_id)
        assert meter is not None
        return meter.serial


@pytest.fixture
async def site(database: Database, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Site]:
    """Over real TCP and the real store."""
    monkeypatch.setenv("LC_ALL", "en")
    clock = SystemClock()
    business = Business(store=store_over(database, clock), clock=clock, wakeups=LocalWakeups(), providers={})
    async with AsyncExitStack() as stack:
        bus = SandboxGateway(profile=load_profile(PROFILE), units=(1,), baud=0)
        bus.faults.timeout_s = 0.02
        await bus.start()
        stack.push_async_callback(bus.stop)
        await add_site(business, operations_a_day=100, no_off_after_on_s=0)
        await add_gateways(business, [bus.port])
        await add_flat(business, HOME, balance_micro=50_000_000, on=True, poll_every_s=1)
        await database.collection("meters").update_one({"_id": HOME.meter_id}, {"$set": {"profile": PROFILE}})
        stop = asyncio.Event()
        worker = asyncio.create_task(Worker(business, owner="w:1").run(stop))
        stack.push_async_callback(asyncio.wait_for, worker, 30)
        stack.callback(stop.set)

        async def read() -> bool:
            meter = await business.store.meters.get(HOME.meter_id)
            return meter is not None and meter.last is not None

        await until_it(read, within_s=60)
        yield Site(business, bus)


async def test_an_engineer_commissions_a_meter(site: Site) -> None:
    """S11, A8: scan, commission, read, switch, watch; then the device is exchanged and the next look refuses it."""
    assert await site.run("scan", "gw-0", "--units", "1-4", "--profile", PROFILE, "--json") == 0
    found = json.loads(site.said[0])
    assert (found["through"], [seen["unit"] for seen in found["seen"]]) == (4, [1])
    assert await site.serial() is None
    assert site.bus.meter(1).writes == 0

    assert await site.run("commission", HOME.meter_id) == 0
    bound = await site.serial()
    assert bound == found["seen"][0]["serial"]
    assert site.said[-1] == f"All checks passed; serial number {bound} is bound."

    assert await site.run("switch", HOME.meter_id, "off", "--reason", "works") == 0
    assert site.said == ["Switched off, and confirmed by reading back."]
    assert site.bus.meter(1).relay_closed is False
    assert await site.run("read", HOME.meter_id) == 0
    assert "relay\toff" in site.said
    assert await site.run("switch", HOME.meter_id, "on", "--reason", "works done") == 0
    assert site.bus.meter(1).relay_closed is True

    assert await site.run("watch", "gw-0", "--once", "--json") == 0
    row = json.loads(site.said[0])[0]
    assert (row["meter"], row["wanted"], row["relay"], row["profile"]) == (HOME.meter_id, "on", "on", PROFILE)

    assert await site.run("settings", HOME.meter_id) == 0
    assert [line.split("\t")[0] for line in site.said] == [each.name for each in load_profile(PROFILE).parameters]
    assert site.said[0].endswith("read only")
    with pytest.raises(Refused, match="setting_read_only"):
        await site.run("set", HOME.meter_id, "max_power", "5")

    site.bus.meter(1).swap("20990001")
    assert await site.run("read", HOME.meter_id) == 1
    assert site.said[-1] == "failed\tserial"
    with pytest.raises(Refused, match="commission_other_device"):
        await site.run("commission", HOME.meter_id)
    assert await site.serial() == bound


async def test_the_command_asks_the_use_cases(site: Site) -> None:
    """A2, A8: with --as, somebody from elsewhere gets the answer that a missing meter gets; slips are told at once."""
    stranger = replace(STAFF, grants=(Grant(Role.OWNER, "bench/other"),))
    words = (
        ("read",),
        ("commission",),
        ("settings",),
        ("set", "max_power", "5"),
        ("watch", "--once"),
        ("switch", "off", "--reason", "x"),
        ("scan",),
    )
    for name, *rest in words:
        for named in ("gw-0", "gw-9") if name == "scan" else (HOME.meter_id, "met-404"):
            with pytest.raises(Refused, match=r"refused\.not_found"):
                await site.run(name, named, *rest, actor=stranger)
    for slip, said in (
        (("scan", "gw-0", "--units", "1..4"), "scan_units"),
        (("scan", "gw-0", "--units", "1-200"), "scan_units"),
        (("scan", "gw-0", "--profile", "compere_kpm31"), "template"),
        (("switch", HOME.meter_id, "off", "--reason", " "), "reason_missing"),
    ):
        with pytest.raises(Refused, match=said):
            await site.run(*slip)
    assert site.bus.meter(1).writes == 0
