"""Every query that the store is ever sent finds its documents by an index: asked of the server's own explain."""

from __future__ import annotations

import dataclasses
import inspect
import secrets
from collections.abc import AsyncIterator, Mapping
from itertools import combinations
from typing import Any

import pytest
from pymongo.errors import OperationFailure

from chatwatt.embedded import StoreUris
from prepaid.domain.access import CLOCK
from prepaid.domain.errors import InvariantBroken, Trouble
from prepaid.ports import Store
from prepaid.storage.driver import Database, DriverName, connect
from prepaid.storage.mongo import open_store
from prepaid.usecases.audit_ledger import audit_ledger
from prepaid.usecases.change_register import finish_changes
from prepaid.usecases.chase_orders import chase_orders
from prepaid.usecases.decide_held_reading import held_readings
from prepaid.usecases.deliver_notices import deliver_notices
from prepaid.usecases.overview import overview
from prepaid.usecases.review_supplies import review_supplies
from prepaid.usecases.start_topup import start_topup
from prepaid.usecases.take_notification import take_notification
from prepaid.usecases.work_inbox import work_inbox
from tests.fakes.building import RecordingSender, build
from tests.fakes.clock import ManualClock
from tests.fakes.listening import Listener, arguments_of

READ_WHOLE = {
    "sites": "a landlord's sites are few, and all are wanted",
    "gateways": "one for some thirty meters; all are wanted",
    "entries": "the audit replays everything, once a night",
    "ledger_heads": "the same",
    "job_notes": "one row for each job",
}
"""Collections that are read whole on purpose, by an empty filter."""
SORTS_WHAT_IS_FEW = {
    ("orders", "state"): "orders under way",
    ("inbox", "done"): "notifications not worked yet",
    ("supplies", "wanted.on"): "supplies that are off by rule",
    ("refunds", "step"): "refunds under way",
    ("closings", "step"): "move-outs under way",
    ("receipts", "entered"): "receipts that a crash left",
    ("approvals", "state"): "requests that nobody has answered",
    ("staff_requests", "state"): "requests of tenants that nobody has seen to",
}
"""Sorted queries with a limit whose matches are bounded by what they select (`collection, field`), not by a range."""
BY_INDEX = {"IXSCAN", "IDHACK", "EXPRESS_IXSCAN", "EXPRESS_CLUSTERED_IXSCAN"}
ARGUMENTS: dict[str, Any] = {"limit": 10, "site_time_zone": "Asia/Shanghai", "window_s": 60, "prefix": "a:b:"}


@pytest.fixture
def listener() -> Listener:
    """Ears."""
    return Listener()


@pytest.fixture
async def heard_database(store_uris: StoreUris, driver_name: DriverName, listener: Listener) -> AsyncIterator[Database]:
    """A database that is listened to."""
    name = f"test_{secrets.token_hex(6)}"
    database = connect(store_uris.mongodb_uri, name, driver=driver_name, listeners=[listener])
    yield database
    await database.close()


def _methods(store: Store) -> list[tuple[str, Any]]:
    """Every method of every collection, those of the implementation included."""
    ports = [getattr(store, each.name) for each in dataclasses.fields(store)]
    return [
        (f"{type(port).__name__}.{name}", method)
        for port in ports
        for name, method in inspect.getmembers(port, inspect.ismethod)
        if not name.startswith("_") and name != "migrate"
    ]


async def _call(method: Any) -> None:
    """Runs it; made-up rows may be refused or not be found, but their filters were sent."""
    positional, named = arguments_of(method, ARGUMENTS)
    answer = method(*positional, **named)
    try:
        if inspect.isasyncgen(answer):
            async for _ in answer:
                pass
        else:
            await answer
    except (Trouble, InvariantBroken, OperationFailure):
        return


def _stages(plan: Mapping[str, Any]) -> set[str]:
    inner = plan.get("inputStages") or ([plan["inputStage"]] if "inputStage" in plan else [])
    return {str(plan.get("stage"))}.union(*(_stages(each) for each in inner))


def _by_id(query: Mapping[str, Any]) -> bool:
    """Equality on `_id` (or `$in`), which every server answers by key; a `$or` beside it spoils it."""
    key = query.get("_id")
    simple = isinstance(key, str) or (isinstance(key, Mapping) and set(key) == {"$in"})
    return simple and "$or" not in query and "$and" not in query


async def _indexed(database: Database, collection: str, query: Mapping[str, Any]) -> bool:
    """Whether the whole filter, or else a part of what it demands, is answered from an index.

    The embedded store's explain does not see that it narrows by an index and then filters; its finds do (measured).
    """
    if _by_id(query):
        return True
    parts = [query]
    if not any(key.startswith("$") for key in query):
        parts += [dict(some) for size in range(len(query) - 1, 0, -1) for some in combinations(query.items(), size)]
    for part in parts:
        asked = {"find": collection, "filter": part}
        plan = await database.command({"explain": asked, "verbosity": "queryPlanner"})
        stages = _stages(plan["queryPlanner"]["winningPlan"])
        if "COLLSCAN" not in stages and stages & BY_INDEX:
            return True
    return False


def _unbounded(heard: Mapping[str, Any]) -> bool:
    """A sorted query with a limit reads all that it matches: it needs a range on what it sorts by."""
    if not heard["sort"] or not heard["limit"]:
        return False
    query, first = heard["filter"], next(iter(heard["sort"]))
    few = any((heard["collection"], field) in SORTS_WHAT_IS_FEW for field in query)
    return not few and not isinstance(query.get(first), Mapping)


async def _complaints(database: Database, listener: Listener) -> list[str]:
    complaints = []
    for heard in list(listener.heard.values()):
        where, query = heard["collection"], heard["filter"]
        whole = not query and where in READ_WHOLE
        if not whole and not await _indexed(database, where, query):
            complaints.append(f"{heard['operation']} {where} {query}: full scan")
        if _unbounded(heard):
            complaints.append(f"{where} {query} sorted by {heard['sort']}: no bound")
        if "_id" in heard["sort"] or (isinstance(query.get("_id"), Mapping) and not _by_id(query)):
            complaints.append(f"{where} {query}: a range or an order of _id is a full scan")
    return complaints


async def test_each_collection_is_made_by_one_part_alone(heard_database: Database, listener: Listener) -> None:
    """M1: parts make their collections side by side, and of two that make the same one the rules of one may be lost."""
    store = await open_store(heard_database, ManualClock())
    makers: dict[str, set[str]] = {}
    for part in {
        id(getattr(store, each.name)): getattr(store, each.name) for each in dataclasses.fields(store)
    }.values():
        listener.makes.clear()
        await part.migrate()
        for collection in listener.makes:
            makers.setdefault(collection, set()).add(type(part).__name__)
    assert len(makers) > 30
    assert {name: parts for name, parts in makers.items() if len(parts) > 1} == {}


async def test_every_query_uses_an_index(heard_database: Database, listener: Listener) -> None:
    """Y3: no query of the store grows with the whole of a collection, unless reading it whole is the point."""
    store = await open_store(heard_database, ManualClock())
    listener.heard.clear()  # A migration may read everything, once.
    for _name, method in _methods(store):
        await _call(method)
    complaints = await _complaints(heard_database, listener)
    assert len(listener.heard) > 50
    assert not complaints, "\n" + "\n".join(complaints)


async def test_what_use_cases_send_uses_an_index(heard_database: Database, listener: Listener) -> None:
    """Y3: the same for what is really sent while a building lives: readings, doubts, money, cuts and restores."""
    building = await build(heard_database, ManualClock())
    listener.heard.clear()
    tenant = await building.flat(1, balance_micro=50_000)
    operator = await building.operator()
    for register in (1_000, 1_100, 1_200, 5, 1_300, 1_301):
        await building.read(1, register, advance_s=3_600)
        await deliver_notices(building.business, {"chat": RecordingSender()})
    order = await start_topup(building.business, tenant, "acc-1", 5_000, provider="testpay")
    await take_notification(building.business, building.row(building.payment(order)))
    await work_inbox(building.business)
    await chase_orders(building.business)
    await review_supplies(building.business)
    await overview(building.business, operator)
    await held_readings(building.business, operator)
    await finish_changes(building.business)
    await audit_ledger(building.business, CLOCK)
    complaints = await _complaints(heard_database, listener)
    assert len(listener.heard) > 30
    assert not complaints, "\n" + "\n".join(complaints)


async def test_the_check_sees_a_full_scan(heard_database: Database) -> None:
    """Y3: the check itself is checked: a field without an index, an `$or`, and an order of `_id`."""
    await open_store(heard_database, ManualClock())
    for query in ({"power_w": 3}, {"_id": "x", "$or": [{"held": 1}, {"held": 2}]}, {"_id": {"$gt": "a"}}):
        assert not await _indexed(heard_database, "meters", query)
    assert await _indexed(heard_database, "meters", {"account_id": "x", "held": 0})
    assert _unbounded({"collection": "meters", "filter": {"account_id": "x"}, "sort": {"at": -1}, "limit": 3})
