"""`python -m tests.crash.driver SCENARIO MONGODB_URI`: dies at every point of a scenario, recovers, compares.

One process forks a child for each run, so that imports are paid once. Prints one JSON line.
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
from importlib import import_module
from pathlib import Path
from typing import Any

from chatwatt import logs
from prepaid.storage.driver import connect
from tests.crash.points import Fuse
from tests.crash.scenarios import SCENARIOS, digest, open_stage, prepare, recover

SECOND_PASSAGE_EVERY = 4
"""Each fourth point is also met a second time: the recovery dies there once more."""


def main(scenario: str, uri: str) -> int:
    """0 when every run ended as the undisturbed one."""
    import_module("motor.motor_asyncio")  # Once here, rather than once in each child.
    logs.configure(level="CRITICAL")
    before, act = SCENARIOS[scenario]

    async def disturbed(name: str, at: int) -> int:
        database = connect(uri, name)
        fuse = Fuse()
        stage = await open_stage(database, fuse, fresh=True)
        await before(stage)
        fuse.at, fuse.passed = at, 0
        await act(stage)
        await database.close()
        return fuse.passed

    async def recovered(name: str, at: int) -> dict[str, Any]:
        database = connect(uri, name)
        fuse = Fuse()
        stage = await open_stage(database, fuse, fresh=False)
        fuse.at = at
        await recover(stage, act)
        result = await digest(stage)
        await database.close()
        return result

    name = f"crash_{secrets.token_hex(6)}"

    async def made() -> None:
        database = connect(uri, name)
        await prepare(database)
        await database.close()

    _child(made)

    def run(points: tuple[int, int]) -> Any:
        first, second = points
        died = _child(lambda: disturbed(name, first))
        if second:
            _child(lambda: recovered(name, second))
        return died, _child(lambda: recovered(name, 0))

    total, expected = run((0, 0))
    differing = []
    plan = [(at, 0) for at in range(1, total + 1)]
    plan += [(at, at) for at in range(1, total + 1, SECOND_PASSAGE_EVERY)]
    for points in plan:
        died, got = run(points)
        if died is not None or got != expected:
            differing.append({"points": points, "got": got})
    sys.stdout.write(
        json.dumps({"scenario": scenario, "points": len(plan), "expected": expected, "differing": differing[:3]}) + "\n"
    )
    return 1 if differing else 0


def _child(work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
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
    raise SystemExit(main(sys.argv[1], sys.argv[2]))
