"""`python -m tests.crash.driver SCENARIO MONGODB_URI [PART OF]`: dies at every point of a scenario, recovers, compares.

PART, from 0, of OF takes each OF-th death, so that several processes share a long scenario. One process forks a child
for each run, so that imports are paid once. Prints one JSON line.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any

import bson
from bson.codec_options import CodecOptions

from chatwatt import logs
from prepaid.storage.driver import connect
from tests.crash.points import Fuse
from tests.crash.scenarios import SCENARIOS, Act, digest, open_stage, prepare, recover, reset

AWARE: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=True)
SECOND_PASSAGE_EVERY = 6
"""Each sixth death is also met a second time: the recovery dies there once more."""


@dataclass(slots=True)
class Trial:
    """One scenario on one database; each of its runs starts from the same house."""

    uri: str
    name: str
    before: Act
    act: Act
    snapshot: bytes = b""

    async def furnish(self) -> str:
        """What went before, undisturbed; returns all of its documents."""
        database = connect(self.uri, self.name)
        rows = await prepare(database, self.before)
        await database.close()
        return bson.encode({"rows": rows}).hex()

    async def disturbed(self, at: int) -> list[str]:
        """The act, which dies at point `at`. Returns the names of the points passed."""
        database = connect(self.uri, self.name)
        await reset(database, bson.decode(self.snapshot, AWARE)["rows"])
        fuse = Fuse()
        stage = await open_stage(database, fuse)
        fuse.at = at
        await self.act(stage)
        await database.close()
        return fuse.names

    async def recovered(self, at: int) -> dict[str, Any]:
        """The restart, which dies at point `at` itself if that is not 0; else what it came to."""
        database = connect(self.uri, self.name)
        fuse = Fuse()
        stage = await open_stage(database, fuse)
        fuse.at = at
        await recover(stage, self.act)
        result = await digest(stage)
        await database.close()
        return result

    def run(self, first: int, second: int) -> Any:
        """(names of the points passed, or None for a death; the state at the end)."""
        died = in_child(lambda: self.disturbed(first))
        if second:
            in_child(lambda: self.recovered(second))
        return died, in_child(lambda: self.recovered(0))


def main(scenario: str, uri: str, part: int = 0, of: int = 1) -> int:
    """0 when every run ended as the undisturbed one."""
    logs.configure(level="CRITICAL")
    import_module("motor.motor_asyncio")  # Once here, rather than once in each child.
    trial = Trial(uri, f"crash_{secrets.token_hex(6)}", *SCENARIOS[scenario])
    trial.snapshot = bytes.fromhex(in_child(trial.furnish))
    names, expected = trial.run(0, 0)
    deaths = distinct(names)
    plan = [(at, 0) for at in deaths]
    plan += [(at, at) for at in deaths[::SECOND_PASSAGE_EVERY]]
    differing = []
    for points in plan[part::of]:
        died, got = trial.run(*points)
        if died is not None or got != expected:
            differing.append({"points": points, "got": got})
    counts = {"points": len(names), "deaths": len(plan)}
    report = {"scenario": scenario, **counts, "expected": expected, "differing": differing[:3]}
    sys.stdout.write(json.dumps(report) + "\n")
    return 1 if differing else 0


def distinct(names: list[str]) -> list[int]:
    """The points, counted from 1, at which dying leaves something that no other leaves.

    Between the end of one write and the beginning of the next lie only reads, so dying at either leaves the same.
    """
    doubled = (here.startswith("before") and last.startswith("after") for last, here in pairwise(names))
    return [1, *(at for at, same in enumerate(doubled, start=2) if not same)]


def in_child(work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """Runs in a fork; returns its result, or None when it was killed. Any other end is an error."""
    with tempfile.TemporaryDirectory() as directory:
        answer = Path(directory) / "answer"
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                answer.write_text(json.dumps(asyncio.run(work())))
                code = 0
            except BaseException:  # noqa: BLE001 - the parent is told by the exit code
                traceback.print_exc()
            finally:
                os._exit(code)
        _, status = os.waitpid(pid, 0)
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
            return None
        if status != 0:
            raise RuntimeError("a run ended in an error of its own")
        return json.loads(answer.read_text())


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])))
