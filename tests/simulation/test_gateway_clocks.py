"""Clocks of meters: set once a day, away from full hours, point to point, and read back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from meters import profiles
from meters.clocks import FIRST_MINUTE, LAST_MINUTE, due_minute
from meters.profiles import load_profile, profile_text
from tests.fakes.field import PROFILE, WallClock, running_field

WITH_CLOCK = "with_a_clock"
CLOCK = """
clock:
  function: 3
  address: 0x0100
  pieces: [year, month, day, hour, minute, second]
  each: word
  write_function: 16
"""


@dataclass(slots=True)
class LateClock(WallClock):
    """Ten minutes to midnight in Shanghai, and going on."""

    begun: float = 0.0

    def now(self) -> datetime:
        """Now."""
        loop = asyncio.get_running_loop()
        self.begun = self.begun or loop.time()
        return datetime(2026, 11, 25, 15, 50, tzinfo=UTC) + timedelta(seconds=loop.time() - self.begun)


@pytest.fixture
def clock_profile(tmp_path: Path) -> Iterator[str]:
    """The usual model, with a clock."""
    text = profile_text(PROFILE).replace(f"name: {PROFILE}", f"name: {WITH_CLOCK}") + CLOCK
    (tmp_path / f"{WITH_CLOCK}.yaml").write_text(text, encoding="utf-8")
    profiles.look_also_in(tmp_path)
    yield WITH_CLOCK
    profiles.look_also_in(None)


async def test_a_clock_that_is_off_is_set_once_and_read_back(clock_profile: str) -> None:
    """Y4: the meter follows the server's time in the site's zone; one that is right is left alone."""
    async with running_field(units=1, profile=clock_profile) as field:
        field.clock = LateClock()
        owner = field.owner()
        known = load_profile(clock_profile).clock
        assert known is not None
        bus = asyncio.create_task(owner.run())
        try:
            await field.until(lambda: owner.clocks._done.get("m1") == date(2026, 11, 25))
            reply = await owner.bus.read(1, known.request)
            told = known.time_in(reply)
            assert told is not None
            assert abs((told - datetime(2026, 11, 25, 23, 50)).total_seconds()) < 30  # noqa: DTZ001
            assert owner.clocks.due(datetime(2026, 11, 25, 23, 50)) == []  # noqa: DTZ001
        finally:
            bus.cancel()
            await asyncio.gather(bus, return_exceptions=True)


@pytest.mark.parametrize("number", range(40))
def test_no_clock_is_set_near_a_full_hour(number: int) -> None:
    """Y4: each meter has its minute, spread over the day, never in the hour of midnight nor near a full hour."""
    minutes = {due_minute(f"m{number}", date(2026, 11, day)) for day in range(1, 29)}
    assert all(FIRST_MINUTE <= minute % 60 <= LAST_MINUTE for minute in minutes)
    assert all(60 <= minute < 23 * 60 for minute in minutes)
    assert len(minutes) > 20
