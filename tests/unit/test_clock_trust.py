"""The wall clock is doubted after a jump, and believed again after it ran evenly."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from prepaid.domain.clock_trust import ClockTrust

START = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)


def ask(trust: ClockTrust, mono_s: int, *, off_ms: int = 0) -> bool:
    """Whether the clock is doubted `mono_s` seconds on, with the wall clock off by so much."""
    return trust.doubtful(START + timedelta(seconds=mono_s, milliseconds=off_ms), 1_000 + mono_s)


@pytest.mark.parametrize("off_ms", [-86_400_000, -3_600_000, -5_001, 5_001, 3_600_000])
def test_a_jump_is_doubted_until_the_clock_was_steady(off_ms: int) -> None:
    """Y4, F33: forwards or back, from the first question after it, for ten even minutes."""
    trust = ClockTrust()
    assert not ask(trust, 0)
    assert ask(trust, 0, off_ms=off_ms)
    assert ask(trust, 599, off_ms=off_ms)
    assert not ask(trust, 600, off_ms=off_ms)


@pytest.mark.parametrize("off_ms", [-5_000, 5_000])
def test_a_step_within_the_tolerance_is_none(off_ms: int) -> None:
    """Y4: a time server's small correction suspends nothing."""
    trust = ClockTrust()
    assert not ask(trust, 0)
    assert not ask(trust, 1, off_ms=off_ms)


def test_a_clock_that_is_pulled_slowly_is_followed() -> None:
    """Y4: 500 parts in a million over a week is no jump, however often one asks."""
    trust = ClockTrust()
    assert not any(ask(trust, minute * 60, off_ms=minute * 30) for minute in range(7 * 24 * 60))


def test_many_small_steps_are_a_jump_in_the_end() -> None:
    """Y4: four seconds every minute is no time server's work."""
    trust = ClockTrust()
    assert any(ask(trust, minute * 60, off_ms=minute * 4_000) for minute in range(5))


def test_a_second_jump_begins_the_wait_anew() -> None:
    """Y4: back again is another jump."""
    trust = ClockTrust()
    ask(trust, 0)
    assert ask(trust, 300, off_ms=60_000)
    assert ask(trust, 600)
    assert ask(trust, 1_199)
    assert not ask(trust, 1_200)


def test_a_person_may_say_that_the_clock_is_right() -> None:
    """Y4: trusted at once, from the present offset on."""
    trust = ClockTrust()
    ask(trust, 0)
    assert ask(trust, 1, off_ms=60_000)
    trust.trust()
    assert not ask(trust, 2, off_ms=60_000)
    assert ask(trust, 3)
