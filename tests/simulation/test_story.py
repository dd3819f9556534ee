"""The whole story, told by the program itself: warned, dark, paid, light, with the database killed or not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.fakes.running_demo import audit, nothing_left, run_program

pytestmark = [pytest.mark.slow, pytest.mark.timeout(480)]


@pytest.mark.parametrize("kill_store", [False, True], ids=["calm", "kill-store"])
async def test_the_story_holds(tmp_path: Path, kill_store: bool) -> None:
    """S1, S7, Y1: dark only after the warning, light within seconds of paying, clean books, nothing left running."""
    options = ("--kill-store",) if kill_store else ()
    code, out, err = await run_program("demo", "--story", "--json", "--data", str(tmp_path), *options, within_s=180)
    told = json.loads(out.splitlines()[-1])
    assert code == 0, (told, err)
    assert told["held"] is True
    assert told["warned_before_cut"] is True
    assert told["ledger_sum_micro"] == 0
    assert told["seconds"] < 60
    assert 0 < told["paid_to_light_s"] < 30
    kills = [step for step in told["steps"] if step["step"].startswith("kill -9")]
    assert len(kills) == (2 if kill_store else 0)
    await nothing_left(tmp_path)
    code, last = await audit(tmp_path)
    assert code == 0
    assert (last["sum"], last["mismatches"], last["chain_breaks"]) == (0, 0, 0)
    assert last["entries"] > 0
    await nothing_left(tmp_path)


async def test_a_story_that_breaks_is_told_as_broken(tmp_path: Path) -> None:
    """O1: the story's exit code can be trusted: loads too slow to empty the account make it fail, and it says where."""
    options = ("--story", "--json", "--speed", "1", "--data", str(tmp_path))
    code, out, _ = await run_program("demo", *options, within_s=180)
    told = json.loads(out.splitlines()[-1])
    assert code == 1
    assert told["held"] is False
    assert "the light is on" in told["broken"]
    await nothing_left(tmp_path)
