"""The program dies at every write of the main job, is started again, and ends where an undisturbed one ends."""

from __future__ import annotations

import asyncio
import json
import sys

import pytest

from chatwatt.embedded import StoreUris
from tests.crash.scenarios import SCENARIOS

RUN_S_MAX = 600.0
"""A quiet machine needs 10 to 40 s; one that shares its cores with others many times as long."""
LEAST_POINTS = {
    "settlement": 40,
    "cut": 20,
    "top_up": 30,
    "late_payment": 14,
    "dispute": 8,
    "refund_news": 8,
    "reconcile": 14,
    "agreed_by_two": 6,
}
PARTS = {"settlement": 4, "cut": 2, "top_up": 2, "reconcile": 3, "move_out": 4}
"""The longest are shared by several processes."""


@pytest.mark.slow
@pytest.mark.timeout(RUN_S_MAX + 10)
@pytest.mark.parametrize(
    ("scenario", "part"), [(scenario, part) for scenario in SCENARIOS for part in range(PARTS.get(scenario, 1))]
)
async def test_dying_at_any_write_ends_as_not_dying(store_uris: StoreUris, scenario: str, part: int) -> None:
    """Y1, M2, M4, M11, S13, N1 (F1): SIGKILL at each write, first and second passage; money, light and words agree."""
    share = (str(part), str(PARTS.get(scenario, 1)))
    command = (sys.executable, "-m", "tests.crash.driver", scenario, store_uris.mongodb_uri, *share)
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    async with asyncio.timeout(RUN_S_MAX):
        out, _ = await process.communicate()
    report = json.loads(out.decode().splitlines()[-1])
    assert report["differing"] == []
    assert process.returncode == 0
    assert report["points"] >= LEAST_POINTS.get(scenario, 1)
    assert report["deaths"] > report["points"] / 2
    assert report["expected"]["audit"]["sum"] == 0
