"""`chatwatt jobs` on real stores: what it lists, and which jobs it runs by hand."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from chatwatt.embedded import EmbeddedStores, StoreUris
from prepaid.storage.driver import Database
from tests.fakes.building import build
from tests.fakes.clock import ManualClock
from tests.fakes.running_demo import run_program


async def test_jobs_are_listed_and_run_by_hand(
    shared_database: Database, clock: ManualClock, store_uris: StoreUris
) -> None:
    """Last run, next run and result of each; those that carry messages are refused, and it says what to do."""
    building = await build(shared_database, clock)
    await building.business.store.job_runs.note("orders", result="TryAgain", did=0, owner="another")
    await building.business.store.job_runs.note("audit", result="try_again.clocks_apart", did=0, owner="another")
    settings = {
        "CHATWATT_MONGODB_URI": store_uris.mongodb_uri,
        "CHATWATT_REDIS_URL": store_uris.redis_uri,
        "CHATWATT_DATABASE": shared_database.name,
        "LC_ALL": "en",
    }
    code, out, err = await run_program("jobs", settings=settings)
    assert code == 0, err
    head, *lines, last = out.splitlines()
    rows = {cells[0]: cells[1:] for cells in map(str.split, lines)}
    assert head.split() == ["job", "last", "next", "result", "did"]
    assert {"orders", "inbox", "outbox", "outbox_bulk", "certificates"} <= rows.keys()
    assert json.loads(last) == {"jobs": len(rows), "failed": 2}
    instant = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
    ran, following, result, did = rows["orders"]
    assert (result, did) == ("TryAgain", "0")
    assert instant.fullmatch(ran)
    assert instant.fullmatch(following)
    assert following >= ran
    assert rows["outbox"] == ["-", "-", "never", "0"]
    never, planned, result, _ = rows["certificates"]
    assert (never, result) == ("-", "never")
    assert instant.fullmatch(planned)
    assert rows["audit"][2:4] == ["try_again.clocks_apart", "0"]
    assert "look at the time servers" in next(line for line in lines if line.startswith("audit"))
    for _ in range(2):
        code, out, err = await run_program("jobs", "run", "audit", settings=settings)
        assert (code, json.loads(out.splitlines()[-1])) == (0, {"job": "audit", "did": 1}), err
    code, out, err = await run_program("jobs", settings=settings)
    assert next(line.split()[3] for line in out.splitlines() if line.startswith("audit")) == "ok"
    for name, words in (("outbox", "chatwatt serve"), ("outbox_bulk", "chatwatt serve"), ("laundry", "no job laundry")):
        code, _, err = await run_program("jobs", "run", name, settings=settings)
        assert code == 2
        assert words in err


@pytest.mark.parametrize("command", ["jobs", "outbox"])
async def test_looking_needs_no_stop(tmp_path: Path, command: str) -> None:
    """On one machine, where a running `chatwatt all` holds the stores, an operator looks without stopping it."""
    stores = EmbeddedStores(tmp_path / "data")
    await stores.start()
    try:
        code, out, err = await run_program(command, settings={"CHATWATT_DATA": str(tmp_path / "data")})
        assert code == 0, err
        assert json.loads(out.splitlines()[-1])
    finally:
        await stores.stop()
