"""`chatwatt check` and `chatwatt audit` on embedded stores: what they print and what they return."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import pytest

from chatwatt.settings import Settings
from chatwatt.wiring import open_runtime
from prepaid.domain.ledger import Kind, Line, Posting, customer
from prepaid.domain.metering import Gateway
from tests.fakes.running_demo import nothing_left, run_program

FIGURES = ("accounts", "entries", "sum", "mismatches", "chain_breaks")
pytestmark = pytest.mark.timeout(300)


async def _listens_nowhere() -> int:
    """A port that was free a moment ago and is closed now."""
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    port = int(server.sockets[0].getsockname()[1])
    server.close()
    await server.wait_closed()
    return port


async def test_check_says_ok_line_by_line(tmp_path: Path) -> None:
    """A fresh directory with embedded stores is fine: a line for each part, each ok, exit code 0."""
    code, out, err = await run_program("check", settings={"CHATWATT_DATA": str(tmp_path)})
    lines = [line.split(maxsplit=2) for line in out.splitlines()]
    assert code == 0, err
    assert {line[0] for line in lines} >= {"mongodb", "redis", "sites", "payments", "profiles", "gateways"}
    assert {line[1] for line in lines} == {"ok"}
    await nothing_left(tmp_path)


async def test_check_names_what_does_not_answer(tmp_path: Path) -> None:
    """A gateway that cannot be reached fails its own line and the whole check, and the other lines still stand."""
    gateway = Gateway(id="g", site_id="s", transport="tcp", host="127.0.0.1", port=await _listens_nowhere())
    async with open_runtime(Settings(data=tmp_path)) as runtime:
        await runtime.store.sites.save_gateway(gateway)
    code, out, _ = await run_program("check", settings={"CHATWATT_DATA": str(tmp_path)})
    assert code == 1
    assert re.search(r"^gateways +FAILED ", out, re.MULTILINE)
    assert re.search(r"^mongodb +ok ", out, re.MULTILINE)
    await nothing_left(tmp_path)


async def test_audit_is_clean_on_empty_books_and_finds_a_changed_entry(tmp_path: Path) -> None:
    """M2, M14: the last line is JSON; 0 when all holds, 1 when somebody changed a stored entry behind our back."""
    code, out, err = await run_program("audit", settings={"CHATWATT_DATA": str(tmp_path)})
    assert code == 0, err
    assert json.loads(out.splitlines()[-1]) == dict.fromkeys(FIGURES, 0)
    await _forge(tmp_path)
    code, out, err = await run_program("audit", settings={"CHATWATT_DATA": str(tmp_path)})
    assert code == 1, err
    found = json.loads(out.splitlines()[-1])
    assert (found["accounts"], found["entries"]) == (1, 2)
    assert found["chain_breaks"] > 0
    await nothing_left(tmp_path)


async def _forge(data: Path) -> None:
    """Posts two entries and changes the reason of the first behind the ledger's back."""
    async with open_runtime(Settings(data=data)) as runtime:
        for number in (1, 2):
            await runtime.store.ledger.post(
                Posting(
                    account_id="a",
                    idem=f"k{number}",
                    kind=Kind.ADJUSTMENT,
                    lines=(Line(customer("a"), 100), Line("adjustments:test", -100)),
                    effective_at=runtime.clock.now(),
                    actor="test",
                    reason="reason.opening",
                )
            )
        await runtime.database.collection("entries").update_one({"idem": "k1"}, {"$set": {"hash": "0" * 64}})
