"""The frame of the benchmarks: what it finds, what it prints, and the figures that it computes."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from bench import _frame
from bench.__main__ import main
from bench._frame import Benchmark, Limit, as_json, as_table, percentile
from bench.pay_to_light import minimum_s
from meters.profiles import load_profile


async def _figures() -> Mapping[str, int | float]:
    return {"rate_per_s": 1_234, "p95_ms": 12.5, "ratio": 0.5}


def _made() -> Benchmark:
    limits = {"p95_ms": Limit("<=", 20.0), "ratio": Limit(">=", 0.7)}
    return Benchmark(name="made", about="A made-up one.", run=_figures, limits=limits)


def test_every_benchmark_of_the_folder_is_found_and_says_what_it_measures() -> None:
    """A new file in the folder is a new benchmark; helpers, which begin with an underscore, are none."""
    assert {"pay_to_light", "settle"} <= set(_frame.names())
    for name in _frame.names():
        assert not name.startswith("_")
        assert _frame.load(name).about.endswith(".")


def test_figures_are_one_line_of_json() -> None:
    """A program that reads the figures gets one line, with the benchmark's name and every figure."""
    benchmark = _made()
    line = as_json(benchmark, _frame.measure(benchmark))
    assert "\n" not in line
    assert json.loads(line) == {"bench": "made", "rate_per_s": 1234, "p95_ms": 12.5, "ratio": 0.5}


def test_the_table_names_the_limits_that_are_missed() -> None:
    """A figure on the wrong side of its limit stands out; one without a limit is only shown."""
    benchmark = _made()
    table = as_table(benchmark, _frame.measure(benchmark)).splitlines()
    assert "ok (<= 20)" in next(row for row in table if "p95_ms" in row)
    assert "MISSED (>= 0.7)" in next(row for row in table if "ratio" in row)
    assert "1,234" in next(row for row in table if "rate_per_s" in row)
    assert not any(word in next(row for row in table if "rate_per_s" in row) for word in ("ok", "MISSED"))


@pytest.mark.parametrize(("share", "value"), [(0.0, 1), (0.5, 50), (0.95, 95), (0.99, 99), (1.0, 100)])
def test_a_percentile_is_a_value_that_was_measured(share: float, value: int) -> None:
    """Nearest rank: the smallest value that this share of all values does not exceed."""
    assert percentile(list(range(100, 0, -1)), share) == value


def test_the_physical_minimum_is_that_of_the_frames() -> None:
    """At 9600 8N1 with 30 ms turnaround: write 11 and 8 bytes, read back 8 and 7, and half a poll of 8 and 59."""
    char_s, silence_s, turnaround_s = 10 / 9600, 35 / 9600, 0.03
    write_s = (11 + 8) * char_s + 2 * silence_s + turnaround_s
    read_s = (8 + 7) * char_s + 2 * silence_s + turnaround_s
    poll_s = (8 + 59) * char_s + 2 * silence_s + turnaround_s
    profile = load_profile("hiking_dds238_2_zn_sr")
    assert minimum_s(profile, 9600, 0.0) == pytest.approx(write_s + read_s)
    assert minimum_s(profile, 9600, 1.0) == pytest.approx(write_s + read_s + poll_s / 2)


def test_the_list_names_every_benchmark(capsys: pytest.CaptureFixture[str]) -> None:
    """`python -m bench --list` measures nothing and lists everything."""
    assert main(["--list"]) == 0
    assert {line.split()[0] for line in capsys.readouterr().out.splitlines()} == set(_frame.names())


def test_an_unknown_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """A slip in a name ends with a sentence that repeats it, not with silence."""
    with pytest.raises(SystemExit):
        main(["no_such_benchmark"])
    assert "no such benchmark: no_such_benchmark" in capsys.readouterr().err
