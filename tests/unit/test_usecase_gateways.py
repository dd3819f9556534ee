"""Describing gateways: who may, that a gateway never changes its site, and that old descriptions stay readable."""

from __future__ import annotations

from dataclasses import replace

import pytest

from meters.links.opening import TRANSPORTS, Ways
from prepaid.domain.access import CLOCK, Actor, Grant, Role
from prepaid.domain.errors import Refused
from prepaid.domain.metering import Gateway, LinkOptions
from prepaid.storage.driver import Database
from prepaid.usecases.describe_gateway import describe_gateway
from tests.fakes.building import SITE, build
from tests.fakes.clock import ManualClock

DTU = Gateway(id="dtu-7", site_id=SITE, transport="dial_in", options=LinkOptions(caller_id="8600"))


async def test_a_description_is_kept_whole(database: Database, clock: ManualClock) -> None:
    """A3: every field comes back as it was given, the second description wins, and the trail names who gave it."""
    building = await build(database, clock)
    site = await building.business.store.sites.site(SITE)
    assert site is not None
    operator = Actor(id="op", grants=(Grant(Role.OPERATOR, site.path),))
    for gateway in (DTU, replace(DTU, transport="serial", options=LinkOptions(device="/dev/ttyUSB0", form="8E1"))):
        await describe_gateway(building.business, operator, gateway)
        assert await building.business.store.sites.gateway(DTU.id) == gateway
    trail = [row async for row in database.collection("audit_trail").find({"action": "describe_gateway"})]
    assert [(row["actor"], row["after"]) for row in trail] == [("op", "dial_in"), ("op", "serial")]


async def test_nobody_describes_gateways_of_others(database: Database, clock: ManualClock) -> None:
    """A1, A2: without a role there, with too small a one, or for a site that is not there: the same answer."""
    building = await build(database, clock)
    nobody = Actor(id="n", grants=(Grant(Role.OPERATOR, "elsewhere"),))
    viewer = Actor(id="v", grants=(Grant(Role.VIEWER, ""),))
    for actor, gateway in ((nobody, DTU), (viewer, DTU), (CLOCK, replace(DTU, site_id="absent"))):
        with pytest.raises(Refused) as told:
            await describe_gateway(building.business, actor, gateway)
        assert told.value.key == "refused.not_found"
    assert await building.business.store.sites.gateway(DTU.id) is None


async def test_a_description_from_before_there_were_options_is_read(database: Database, clock: ManualClock) -> None:
    """F7: a row of an older program has no options, and its gateway none."""
    building = await build(database, clock)
    row = {"_id": "old", "site_id": SITE, "transport": "tcp", "host": "10.0.0.1", "port": 502, "baud": 9600}
    await database.collection("gateways").insert_one(row)
    stored = await building.business.store.sites.gateway("old")
    assert stored is not None
    assert stored.options == LinkOptions()


@pytest.mark.parametrize("transport", [*sorted(TRANSPORTS), "pigeon"])
def test_what_could_never_be_reached_is_refused(transport: str) -> None:
    """Without a host, a serial port or certificates a description says nothing; a unit that calls needs none."""
    gateway = Gateway(id="g", site_id="s", transport=transport)
    if transport in {"dial_in", "acrel_4g"}:
        Ways().check(gateway)
        return
    with pytest.raises(Refused):
        Ways().check(gateway)
