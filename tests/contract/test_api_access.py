"""Who gets what through the API: every route, for every role, on own, foreign and missing things (A1, A2, A8)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from miniprogram_api.contract import Route
from miniprogram_api.routes import ROUTES
from prepaid.domain.access import Actor, Grant, Role
from prepaid.domain.accounts import Account
from prepaid.domain.closing import Closing
from prepaid.domain.metering import Gateway, Meter
from prepaid.domain.outages import Outage, Telling
from prepaid.domain.tariffs import Utility
from prepaid.domain.tickets import MoneyKind, MoneyTicket
from prepaid.storage.driver import Database
from prepaid.usecases.dispute_entry import dispute_line
from prepaid.usecases.force_cut import force_cut
from prepaid.usecases.pay_links import make_pay_link
from prepaid.usecases.start_topup import start_topup
from tests.fakes.api_house import ApiHouse, api_house
from tests.fakes.api_rights import CHANGES_ROLES, FOR_ALL, MAY, MISSING, Things, names_things
from tests.fakes.building import GATEWAY, Building
from tests.fakes.bus_owner import DEVICE, owner
from tests.fakes.clock import ManualClock
from tests.fakes.paper import letter

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

STAFF = ("other landlord", "viewer", "finance", "manager")


async def things(house: ApiHouse, unit: int, tenant: Actor, operator: Actor, path: str) -> Things:
    """An order, a link and a request about a flat, and a meter at its place."""
    business = house.parts.business
    order = await start_topup(business, tenant, f"acc-{unit}", 7_000, provider="testpay")
    link = await make_pay_link(business, tenant, f"acc-{unit}")
    approval = await force_cut(business, operator, f"acc-{unit}", reason=f"danger {unit}")
    mate = await business.store.people.at("chat", f"mate-{unit}", language="en")
    await business.store.people.bind(mate.id, f"acc-{unit}")
    await business.store.people.grant(mate.id, Grant(Role.VIEWER, path))
    now = business.clock.now()
    site_id = path.rpartition("/")[2]
    gateway_id = GATEWAY if path.startswith("acme") else f"gw-{site_id}"
    meter = Meter(id=f"main-{unit}", site_id=site_id, path=path, gateway_id=f"gw-{site_id}", unit=1, profile="test")
    await business.store.meters.add(meter)
    closing = Closing(id=f"acc-{unit}", site_id=site_id, path=path, asked_by=operator.id, asked_at=now, reason="moved")
    await business.store.closings.add(closing)
    return Things(
        account_id=f"acc-{unit}",
        order_id=order.id,
        link_id=link.link.id,
        approval_id=approval.id,
        path=path,
        person_id=mate.id,
        site_id=site_id,
        meter_id=meter.id,
        ticket_id=await ticket(house, unit, site_id, path),
        letter_id=await letter(house.building, f"acc-{unit}", "theirs", site_id),
        outage_id=await outage(house.building, f"acc-{unit}", site_id),
        gateway_id=gateway_id,
        dispute_id=(await dispute_line(business, tenant, f"acc-{unit}", 1, why="too much")).id,
    )


async def outage(building: Building, account_id: str, site_id: str) -> str:
    """Works at the flat, announced already."""
    account = await building.business.store.sites.account(account_id)
    assert account is not None
    since = datetime(2100, 1, 1, tzinfo=UTC)
    planned = Outage(
        id=f"outage-{account_id}",
        actor="somebody",
        site_id=site_id,
        path=account.path,
        utilities=(Utility.WATER,),
        since=since,
        until=since + timedelta(hours=1),
        reason="test",
        at=since,
        told=tuple(Telling),
    )
    return (await building.business.store.outages.begin(planned)).id


async def ticket(house: ApiHouse, unit: int, site_id: str, path: str) -> str:
    """Money of the flat that somebody has to look into."""
    now = house.parts.business.clock.now()
    wanted = MoneyTicket(
        id=f"mt_{unit}",
        kind=MoneyKind.CLAIM,
        provider="testpay",
        why="ticket.claim",
        opened_at=now,
        path=path,
        site_id=site_id,
        account_id=f"acc-{unit}",
    )
    return (await house.parts.business.store.money_tickets.add(wanted)).id


async def foreign(house: ApiHouse) -> tuple[Things, Actor]:
    """The same of another landlord, and a manager of theirs."""
    tenant = await house.building.flat(2, balance_micro=9_000_000)
    store = house.parts.business.store
    moved = await store.sites.account("acc-2")
    assert moved is not None
    await store.sites.save_site(replace(house.building.site, id="oak", name="Oak", path="umbra/oak"))
    await store.sites.save_gateway(Gateway(id="gw-oak", site_id="oak", transport="tcp", host="127.0.0.1", port=1))
    await store.sites.save_account(replace(moved, site_id="oak", path="umbra/oak/b1/102"))
    manager = await house.building.operator(scope="umbra", role=Role.MANAGER)
    return await things(house, 2, tenant, manager, "umbra/oak"), manager


def judged(status: int, key: str) -> str:
    """What an answer means: let in (whatever came of it), not logged in, or the one no."""
    if status == 401:
        return "log in"
    return "no" if (status, key) == (404, "refused.not_found") else "in"


async def test_every_route_for_every_role_on_own_foreign_and_missing(database: Database, clock: ManualClock) -> None:
    """A1, A2, A8: a role reaches its own and nothing else, and a foreign thing looks exactly like a missing one."""
    async with api_house(database, clock) as house:
        tenant = await house.building.flat(1, balance_micro=7_000_000)
        theirs, stranger_boss = await foreign(house)
        staff = {role: await house.building.operator(scope="acme/maple", role=role) for role in Role}
        mine = await things(house, 1, tenant, staff[Role.OPERATOR], "acme/maple")
        actors = {
            "stranger": await house.building.flat(3, tenant=False),
            "tenant": tenant,
            "viewer": staff[Role.VIEWER],
            "operator": staff[Role.OPERATOR],
            "finance": staff[Role.FINANCE],
            "manager": staff[Role.MANAGER],
            "other landlord": stranger_boss,
        }
        tokens = {role: (await house.tokens(actor)).access for role, actor in actors.items()} | {"nobody": ""}
        async with owner(house.parts.business, DEVICE, gateways=(GATEWAY, "gw-maple")):
            wrong = await denied(house, tokens, {"foreign": theirs, "missing": MISSING})
            wrong += await allowed(house, tokens, mine)
        assert wrong == []


async def denied(house: ApiHouse, tokens: Mapping[str, str], targets: Mapping[str, Things]) -> list[str]:
    """What was let in on foreign or missing things, and where the two could be told apart."""
    wrong = []
    for route in (each for each in ROUTES if names_things(each.path, each.name) and not each.is_open):
        for role, token in tokens.items():
            if role in STAFF or not token:
                continue  # What is foreign to others is theirs; more of the staff reach no further than one.
            found = {}
            for kind, target in targets.items():
                answer = await house.call(
                    route.method, target.url(route.path, route.name), token=token, **target.sent(route.name)
                )
                found[kind] = (answer.status, {**answer.body, "instance": ""})
                if judged(answer.status, answer.body["key"]) != "no":
                    wrong.append(f"{route.name} for {role} on {kind}: {answer.status} {answer.body}")
            if found["foreign"] != found["missing"]:
                wrong.append(f"{route.name} for {role}: foreign and missing differ: {found}")
    return wrong


def _last(route: Route) -> int:
    """What takes rights away comes after everything else."""
    return CHANGES_ROLES.index(route.name) + 1 if route.name in CHANGES_ROLES else 0


async def allowed(house: ApiHouse, tokens: Mapping[str, str], mine: Things) -> list[str]:
    """Where a role was let in on own things and should not have been, or the reverse."""
    wrong = []
    routes = sorted((each for each in ROUTES if not each.is_open), key=_last)
    for route in routes:
        for role, token in tokens.items():
            if "letter_id" in route.path:  # Whoever mends one ends it.
                mine = replace(mine, letter_id=await letter(house.building, mine.account_id, route.name + role))
            answer = await house.call(
                route.method, mine.url(route.path, route.name), token=token, **mine.sent(route.name)
            )
            key = answer.body["key"] if isinstance(answer.body, dict) and "key" in answer.body else ""
            wanted = "log in" if not token else "in" if route.name in MAY[role] | FOR_ALL else "no"
            if judged(answer.status, key) != wanted and not (token and route.name == "logOutEverywhere"):
                wrong.append(f"{route.name} for {role} on own: {answer.status} {key}, not {wanted}")
            if answer.status >= 500:
                wrong.append(f"{route.name} for {role}: {answer.status}")
    return wrong


async def test_lists_end_at_the_edge_of_ones_reach(database: Database, clock: ManualClock) -> None:
    """A2: overview, sites, accounts, meters and requests of one landlord hold nothing of another, page by page."""
    async with api_house(database, clock) as house:
        tenant = await house.building.flat(1, balance_micro=7_000_000)
        await house.building.flat(4)
        store = house.parts.business.store
        water = Account(
            id="acc-1w", site_id="maple", path="acme/maple/b1/101", label="101", utility="water", tenancy="acc-1"
        )
        await store.sites.save_account(water)
        await foreign(house)
        viewer = await house.building.operator(scope="acme/maple", role=Role.VIEWER)
        token = (await house.tokens(viewer)).access
        seen: list[str] = []
        cursor = ""
        for _ in range(9):
            page = await house.call("GET", f"/admin/accounts?limit=1{cursor}", token=token)
            seen += [each["account_id"] for each in page.body["accounts"]]
            if page.body["next"] is None:
                break
            cursor = f"&cursor={page.body['next']}"
        assert seen == ["acc-1", "acc-1w", "acc-4"]
        meters = await house.call("GET", "/admin/meters", token=token)
        assert [each["meter_id"] for each in meters.body["meters"]] == ["met-1", "met-4"]
        sites = await house.call("GET", "/admin/sites", token=token)
        assert [each["site_id"] for each in sites.body["sites"]] == ["maple"]
        rows = (await house.call("GET", "/admin/overview", token=token)).body["sites"][0]["rows"]
        assert {each["account_id"] for each in rows} == {"acc-1", "acc-1w", "acc-4"}
        mine = (await house.tokens(tenant)).access
        assert (await house.call("GET", "/admin/sites", token=mine)).status == 404
