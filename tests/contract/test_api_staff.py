"""What staff do over the API from end to end: prices by two persons, devices asked, lists taken over, words to all."""

from __future__ import annotations

import asyncio
from typing import Any

from prepaid.domain.access import Role
from prepaid.domain.errors import Unknown
from prepaid.domain.field_requests import Answer, FieldKind, FieldRequest
from prepaid.domain.supply import Reported
from prepaid.storage.driver import Database
from prepaid.usecases.bind_chat import unbind_chat
from prepaid.usecases.carry_out import resume_approvals
from prepaid.usecases.record_switch import record_switch
from prepaid.usecases.start_topup import start_topup
from tests.fakes.api_house import Answer as Reply
from tests.fakes.api_house import ApiHouse, api_house
from tests.fakes.bus_owner import DEVICE, owner
from tests.fakes.clock import ManualClock

FLAT = {"id": "flat-2", "steps": [{"prices": [{"price_micro": 900_000}]}]}
ROW = {"account": "a-9", "site": "maple", "place": "b9/901"}
METER = {"meter": "m-9", "account": "a-9", "gateway": "gw-1", "unit": 99, "profile": "hiking_dds238_2_zn_sr"}


async def hands(house: ApiHouse) -> tuple[str, str]:
    """Access tokens of two managers."""
    bosses = [await house.building.operator(role=role) for role in (Role.MANAGER, Role.OWNER)]
    first, second = [(await house.tokens(boss)).access for boss in bosses]
    return first, second


async def asked(house: ApiHouse, token: str, what: str, body: Any = None, *, key: str = "") -> Reply:
    """A request of the staff: method and path."""
    method, _, path = what.partition(" ")
    headers = {"Idempotency-Key": key} if key else {}
    return await house.call(method, f"/admin/{path}", token=token, body=body, headers=headers)


def lost(request: FieldRequest) -> Answer:
    """The device says its settings, and what is written to it may have arrived."""
    if request.kind is FieldKind.SET:
        return Answer(trouble=Unknown("unknown.setting", name=request.setting))
    return DEVICE


async def test_a_price_is_tried_proposed_and_agreed_to_by_another(database: Database, clock: ManualClock) -> None:
    """A6, M12: a preview changes nothing, the proposer cannot agree, and the second person's word is in force."""
    async with api_house(database, clock) as house:
        await house.building.flat(1, balance_micro=7_000_000)
        first, second = await hands(house)
        before = await asked(house, first, "GET sites/maple/tariffs")
        tried = await asked(house, first, "POST sites/maple/tariffs/preview", {"version": FLAT})
        assert [line["account_id"] for line in tried.body["lines"]] == ["acc-1"]
        assert (await asked(house, first, "GET sites/maple/tariffs")).body == before.body
        proposed = await asked(house, first, "POST sites/maple/tariffs", {"version": FLAT, "why": "coal"})
        where, digest = f"approvals/{proposed.body['approval_id']}/approve", {"digest": proposed.body["digest"]}
        assert (await asked(house, first, f"POST {where}", digest)).status == 422
        assert (await asked(house, second, f"POST {where}", digest)).status == 200
        clock.advance(seconds=120)
        await resume_approvals(house.parts.business)
        shown = await house.call("GET", "/accounts/acc-1/prices", token=first)
        assert shown.body["sheets"][0]["version"]["steps"][0]["prices"] == [{"band": "flat", "price_micro": 900_000}]
        plan = (await asked(house, first, "GET sites/maple/tariffs")).body["plans"][0]
        assert (plan["in_force"], plan["versions"][-1]["id"]) == ("flat-2", "flat-2")


async def test_the_devices_answer_and_a_lost_write_is_unknown(database: Database, clock: ManualClock) -> None:
    """S4, S5: readings and settings are the device's words; nobody says that a write failed that may have been done."""
    async with api_house(database, clock) as house:
        await house.building.flat(1)
        token, _ = await hands(house)
        async with owner(house.parts.business, DEVICE) as taken:
            read = await asked(house, token, "POST accounts/acc-1/readings", key="read-00001")
            again = await asked(house, token, "POST accounts/acc-1/readings", key="read-00001")
            assert (read.body["meters"][0]["figures"], again.body, len(taken)) == ({"energy_wh": 5}, read.body, 1)
            found = await asked(house, token, "POST gateways/gw-1/scan", {"first": 1, "last": 2})
            assert (found.body["through"], len(found.body["devices"])) == (2, 1)
            settings = (await asked(house, token, "GET meters/met-1/settings")).body["settings"]
            assert settings == [
                {"name": "limit_w", "value": 500, "unit": "W", "low": 100, "high": 900, "writable": True}
            ]
            written = await asked(house, token, "PUT meters/met-1/settings/limit_w", {"value": 500})
            assert (written.status, written.body["value"]) == (200, 500)
            assert (await asked(house, token, "PUT meters/met-1/settings/limit_w", {"value": 5})).status == 422
        async with owner(house.parts.business, lost):
            answer = await asked(house, token, "PUT meters/met-1/settings/limit_w", {"value": 500})
            assert (answer.status, answer.body["key"]) == (504, "unknown.setting")


async def test_a_list_is_looked_at_and_taken_over_once(database: Database, clock: ManualClock) -> None:
    """A2, A3: a dry run writes nothing, a bad row keeps all out, twice is harmless, others' sites are not there."""
    async with api_house(database, clock) as house:
        await house.building.flat(1)
        token, _ = await hands(house)
        wish: dict[str, Any] = {"accounts": [ROW], "meters": [METER], "dry_run": True}
        seen = await asked(house, token, "POST imports", wish)
        assert (seen.body["accounts"], seen.body["meters"], seen.body["done"]) == (1, 1, False)
        assert await house.parts.business.store.sites.account("a-9") is None
        bad = {**ROW, "account": "a-8", "site": "oak"}
        odd = {**ROW, "account": "a 7"}
        refused = await asked(house, token, "POST imports", {"accounts": [ROW, bad, odd], "dry_run": False})
        assert [(each["line"], each["key"]) for each in refused.body["bad"]] == [
            (2, "refused.import_no_site"),
            (3, "refused.import_value"),
        ]
        assert refused.body["done"] is False
        taken = await asked(house, token, "POST imports", {**wish, "dry_run": False})
        assert (taken.body["bad"], taken.body["done"]) == ([], True)
        table = "account,site,place,label\na-9,maple,b9/901,901\n"
        again = await asked(house, token, "POST imports/csv", {"csv": table, "dry_run": False})
        assert (again.body["accounts"], again.body["unchanged"]) == (0, 1)
        large = {"csv": "x" * 290_000, "dry_run": True}
        assert (await asked(house, token, "POST imports/csv", large)).status == 422
        assert (await asked(house, token, "POST bulk-cut", {"account_ids": ["x" * 40_000]})).status == 413


async def test_words_to_all_are_shown_first_and_said_once(database: Database, clock: ManualClock) -> None:
    """N1, A6: the preview tells nobody, the same key tells nobody twice, and a desk's key moves money once."""
    async with api_house(database, clock) as house:
        await house.building.flat(1, balance_micro=7_000_000)
        token, _ = await hands(house)
        words = {"words": "The lift is repaired."}
        preview = await asked(house, token, "POST sites/maple/broadcast/preview", words)
        assert (preview.body["people"], sorted(preview.body["said"])) == (1, ["en", "zh"])
        once = {**words, "key": "lift-1"}
        told = [await asked(house, token, "POST sites/maple/broadcast", once) for _ in range(2)]
        assert [each.body["new"] for each in told] == [1, 0]
        wish: dict[str, Any] = {"amount_fen": -100, "cause": "other", "key": "k-1", "why": "twice"}
        moved = await asyncio.gather(*(asked(house, token, "POST accounts/acc-1/adjustments", wish) for _ in "ab"))
        assert len({each.body["entry"]["seq"] for each in moved if each.status == 200}) == 1
        seq = next(each.body["entry"]["seq"] for each in moved if each.status == 200)
        undone = await asked(house, token, f"POST accounts/acc-1/entries/{seq}/reversal", {"why": "it was right"})
        assert undone.body["entry"]["balance_micro"] == 7_000_000
        left = (await asked(house, token, "GET accounts/acc-1/reversible")).body["entries"]
        assert seq not in [each["seq"] for each in left]


async def test_a_cut_is_followed_until_the_relay_says_so(database: Database, clock: ManualClock) -> None:
    """S4: after a cut the supply is on its way until a read-back confirms it; whoever waits is told at once."""
    async with api_house(database, clock) as house:
        await house.building.flat(1, balance_micro=7_000_000)
        token, _ = await hands(house)
        await asked(house, token, "POST accounts/acc-1/supply", {"action": "cut", "reason": "a leak"})
        where = "/accounts/acc-1/supply?seen=switching&wait_s=25"
        assert (await house.call("GET", "/accounts/acc-1/supply", token=token)).body["way"] == "switching"
        waits = asyncio.create_task(house.call("GET", where, token=token))
        supply = await house.building.supply(1)
        await record_switch(house.parts.business, "met-1", supply.wanted.generation, Reported(on=False, at=clock.now()))
        found = (await waits).body
        assert (found["way"], found["supplies"][0]["on"]) == ("as_wanted", False)


async def pages(house: ApiHouse, token: str, path: str, field: str) -> list[dict[str, Any]]:
    """All rows of a list, three at a time."""
    rows: list[dict[str, Any]] = []
    cursor = ""
    for _ in range(12):
        page = (await house.call("GET", f"{path}limit=3{cursor}", token=token)).body
        rows += page[field]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    return rows


async def test_what_grows_for_ever_is_read_page_by_page(database: Database, clock: ManualClock) -> None:
    """A3: of trail and orders nothing is left out or shown twice, though many are of one instant."""
    async with api_house(database, clock) as house:
        tenant = await house.building.flat(1)
        token, _ = await hands(house)
        for number in range(7):
            clock.advance(seconds=number // 4)
            wish = {"action": "protect", "reason": f"works {number}"}
            assert (await asked(house, token, "POST accounts/acc-1/supply", wish)).status == 200
        trail = await pages(house, token, "/admin/audit?path=acme/maple/b1/101&", "records")
        said = [each["reason"] for each in trail if each["reason"]]
        assert sorted(said) == [f"works {number}" for number in range(7)]
        assert (await asked(house, token, "GET audit?path=acme&cursor=bm9uZQ")).status == 422
        await unbind_chat(house.parts.business, tenant, "acc-1")  # Is written about the number, not the place.
        whole = (await asked(house, token, "GET accounts/acc-1/audit?limit=100")).body
        assert {each["subject"] for each in whole["records"]} >= {"acme/maple/b1/101", "acc-1"}
        assert await pages(house, token, "/admin/accounts/acc-1/audit?", "records") == whole["records"]
        assert (whole["next"], len(whole["records"]) > len(trail)) == (None, True)
        assert (await asked(house, token, "GET accounts/acc-1/audit?cursor=bm9uZQ")).status == 422
        opened = [
            (await start_topup(house.parts.business, tenant, "acc-1", 5_000 + 100 * each, provider="testpay")).id
            for each in range(4)
        ]
        orders = await pages(house, token, "/accounts/acc-1/orders?", "orders")
        assert sorted(each["order_id"] for each in orders) == sorted(opened)
