"""What a bus expects of a transaction, and when two reads are made one."""

from __future__ import annotations

import pytest

from meters.lines import probe_of
from meters.links import requests
from meters.profile import Profile
from meters.profiles import load_profile, parse_profile, profile_names
from meters.ranges import asks_of
from meters.timing import Pace

YAML = """
name: two_reads
maker: nobody
model: two reads with a gap
sources: ["made up for this test"]
serial: {{baud: 9600, format: 8N1, unit: 1}}
max_registers: {most}
turnaround_ms: 30
gaps_readable: {readable}
reads:
  - {{function: 3, address: {second}, count: 6}}
  - {{function: 3, address: 0, count: 4}}
registers:
  - {{measures: energy_wh, address: {second}, decode: u32, scale: 10}}
  - {{measures: voltage_mv, address: 2, decode: u16, scale: 100}}
"""


def profile(*, second: int, readable: bool = True, most: int = 60) -> Profile:
    """Two reads, the later one named first."""
    text = YAML.format(second=second, readable="true" if readable else "false", most=most)
    return parse_profile(text, name="two_reads")


@pytest.mark.parametrize(
    ("baud", "form", "count", "turnaround_ms", "milliseconds"),
    [(2400, "8E1", 2, 20, 130), (9600, "8N1", 10, 20, 62), (9600, "8N1", 60, 50, 196), (19200, "8N1", 125, 20, 161)],
)
def test_a_read_takes_what_the_serial_line_takes(
    baud: int, form: str, count: int, turnaround_ms: int, milliseconds: int
) -> None:
    """F31: how long to wait for a meter that was never heard follows from its line."""
    pace = Pace(baud=baud, form=form, turnaround_s=turnaround_ms / 1000)
    assert round(1000 * pace.transaction_s(requests.read(3, 0, count))) == pytest.approx(milliseconds, abs=1)


@pytest.mark.parametrize(("baud", "registers"), [(2400, 13), (9600, 24), (19200, 38)])
def test_a_gap_is_read_along_while_it_is_cheaper_than_a_second_read(baud: int, registers: int) -> None:
    """F31: thirty milliseconds of turnaround are worth so many registers."""
    assert Pace(baud=baud).gap_registers == registers


def test_two_reads_with_a_cheap_gap_become_one_and_say_the_same() -> None:
    """S11: the replies are cut apart again, so that the profile understands them as if they had come alone."""
    merged = profile(second=20)
    (ask,) = asks_of(merged, Pace(baud=9600))
    assert ask.request == requests.read(3, 0, 26)
    words = [*range(100, 126)]
    reply = bytes((3, 52)) + b"".join(word.to_bytes(2, "big") for word in words)
    replies = dict(ask.replies(reply))
    assert replies[0] == bytes((3, 12)) + b"".join(word.to_bytes(2, "big") for word in words[20:])
    assert replies[1] == bytes((3, 8)) + b"".join(word.to_bytes(2, "big") for word in words[:4])
    values = merged.understand([replies[0], replies[1]], 1)
    assert values.billed == (120 * 65536 + 121) * 10


@pytest.mark.parametrize("apart", [profile(second=20, readable=False), profile(second=29), profile(second=20, most=25)])
def test_reads_stay_apart_where_the_gap_is_dear_forbidden_or_too_long(apart: Profile) -> None:
    """S11: a meter that rejects one register rejects the whole read."""
    assert [ask.request for ask in asks_of(apart, Pace(baud=9600))] == [read.request for read in apart.reads]


@pytest.mark.parametrize("name", profile_names())
def test_every_model_can_be_probed_and_polled(name: str) -> None:
    """S4, S11: no probe looks like another read of its model, and every read of a poll is asked for once."""
    model = load_profile(name)
    pace = Pace(baud=model.serial.baud, form=model.serial.format)
    parts = [number for ask in asks_of(model, pace) for number, _, _ in ask.parts]
    assert sorted(parts) == list(range(len(model.reads)))
    others = [read.request for read in (*model.reads[1:], *model.slow_reads)]
    assert all(
        probe_of(model).reply_bytes != other.reply_bytes for other in others if other.pdu[0] == probe_of(model).pdu[0]
    )
