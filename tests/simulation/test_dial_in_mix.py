"""A hundred units that call, with everything that mobile networks do to them at once."""

from __future__ import annotations

import os
import resource
import sys

import pytest

from tests.fakes.dial_in_mix import run_mix

UNITS = 100
SECONDS = float(os.environ.get("CHATWATT_TEST_MIX_S", "20"))


@pytest.mark.slow
@pytest.mark.timeout(240 + 2 * SECONDS)
async def test_a_hundred_units_and_not_one_wrong_figure() -> None:
    """S4, S11 (F24, F25, F27, F31): drops, late, split and garbled replies, heartbeats anywhere: nothing wrong.

    `CHATWATT_TEST_MIX_S` makes it longer; `-s` shows the figures.
    """
    before = resource.getrusage(resource.RUSAGE_SELF)
    tally = await run_mix(units=UNITS, seconds=SECONDS)
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    sys.stderr.write(f"{tally} cpu_s={cpu_s:.1f}\n")
    assert (tally.wrong, tally.false_acks) == (0, 0)
    assert tally.good > tally.failed > 0  # How many come late is the machine's matter too.
    assert tally.acked > 0
    assert len(tally.injected) >= 8
