"""Mistakes in a profile: each is named by its line and field, in both languages, and none reaches a bus."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.texts import has, text
from meters.profile_files import CUSTOM, MOST_BYTES, PLAIN, Mistake, look, read
from meters.profiles import look_also_in
from prepaid.domain.errors import Refused
from tests.house import ROOT

BLUEPRINT = (ROOT / "meters" / "profiles" / "_blueprint.yaml").read_text(encoding="utf-8")
RELAY = "write: {function: 16, address: 0x0101, closed: 1, open: 0}"

# What is changed in the blueprint, and what must be said about it: the field and the kind of mistake.
MISTAKES = {
    "unknown key": ("maker: Nobody", "makr: Nobody", "makr", "extra_forbidden"),
    "missing key": ("maker: Nobody\n", "", "maker", "missing"),
    "twice": ("maker: Nobody", "maker: Nobody\nmaker: Somebody", "maker", "double"),
    "empty": ("maker: Nobody", "maker:", "maker", "empty"),
    "a word for a number": ("max_registers: 60", "max_registers: many", "max_registers", "wrong_kind"),
    "a truth for a number": ("address: 0x0005", "address: true", "registers[4].address", "wrong_kind"),
    "too large": ("address: 0x0005", "address: 0x10005", "registers[4].address", "out_of_range"),
    "no such order": ("order: CDAB", "order: ACBD", "registers[2].order", "no_such_choice"),
    "no such kind": ("utility: electricity", "kind: boiler\nutility: electricity", "kind", "no_such_choice"),
    "capital letters": ("name: my_meter", "name: MyMeter", "name", "string_pattern_mismatch"),
    "nobody is named": ('  - "Example 1 manual, version 1.2, pages 7 to 9"', "  []", "sources", "wrong_length"),
    "pulse": (RELAY, RELAY.replace("closed: 1", "closed: 1, pulse_ms: 200"), "relay.write", "pulse_refused"),
    "toggle": (RELAY, RELAY.replace("open: 0", "open: 1"), "relay.write", "same_order"),
    "two lengths": (RELAY, RELAY.replace("open: 0", "open: [0, 0]"), "relay.write", "order_lengths"),
    "two words by function 6": (
        RELAY,
        RELAY.replace("function: 16", "function: 6").replace("1, open: 0", "[1, 1], open: [0, 0]"),
        "relay.write",
        "one_value",
    ),
    "states alike": ("mask: 0x0001", "mask: 0x0002", "relay.read_back", "same_state"),
    "allow without an order": ("restore: direct", "restore: allow", "relay", "allow_unknown"),
    "forbidden relay": ("- 0x0210", "- 0x0101", "relay.write.address", "switch_forbidden"),
    "blind and seeing": (
        "relay:\n  write",
        "blind_relay: {function: 6, address: 1, closed: 1, open: 0}\nrelay:\n  write",
        "blind_relay",
        "blind_and_seeing",
    ),
    "forbidden parameter": ("- 0x0210", "- 0x0400", "parameters[1]", "parameter_forbidden"),
    "forbidden clock": ("- 0x0210", "- 0x0301", "clock.address", "clock_forbidden"),
    "a clock without minutes": ("hour, minute,", "hour, nothing,", "clock", "clock_pieces"),
    "longer than allowed": ("max_registers: 60", "max_registers: 13", "reads[1]", "read_too_long"),
    "uneven": ("address: 0x0100, count: 4", "address: 0x0101, count: 4", "reads[2]", "read_uneven"),
    "reads alike": ("address: 0x0000, count: 14", "address: 0x0000, count: 4", "reads[2]", "reads_alike"),
    "outside": ("address: 0x0008, decode: u32", "address: 0x0080, decode: u32", "bands.peak.address", "outside_reads"),
    "no function said": (
        "function: 4, address: 0x0000, d",
        "address: 0x0000, d",
        "registers[6].address",
        "which_function",
    ),
    "twice measured": ("measures: power_w", "measures: current_ma", "registers[5].measures", "figure_twice"),
    "nothing to bill": ("measures: energy_wh", "measures: reactive_var", "registers", "not_billed"),
    "energy and water": ("measures: power_w", "measures: volume_l", "registers[5].measures", "utility_mixed"),
    "half a ratio": ("ct: {address: 0x000C, decode: u16, scale: 1}", "ct: {decode: u16}", "ratios.ct", "ratio_one_way"),
    "half a check": ("mask: 0xFF00, shift: 8, equals: unit", "mask: 0xFF00", "checks[1]", "check_one_way"),
    "a check of nothing": (
        "measures: voltage_mv, between",
        "measures: flow_lph, between",
        "first_look[1].measures",
        "check_unread",
    ),
    "not yaml": ("reads:", "reads: ][", "", "yaml"),
}


def mistakes(changed: str, *, name: str = "my_meter") -> dict[str, Mistake]:
    """What is found in a text, by field."""
    return {mistake.place: mistake for mistake in look(changed, name=name).mistakes}


@pytest.mark.parametrize("slip", MISTAKES)
def test_each_mistake_is_named_by_its_field_and_line(slip: str) -> None:
    """A person who writes a profile is told where it is wrong and why, and nothing wrong is loaded."""
    old, new, place, code = MISTAKES[slip]
    assert old in BLUEPRINT
    changed = BLUEPRINT.replace(old, new, 1)
    if slip == "uneven":
        changed = changed.replace("even_addresses: false", "even_addresses: true")
    found = mistakes(changed)
    assert place in found, found
    assert found[place].code == code, found
    first_changed = next(
        number
        for number, (was, now) in enumerate(zip(BLUEPRINT.splitlines(), changed.splitlines(), strict=False), start=1)
        if was != now
    )
    # A mistake of a whole block is told where the block begins; a missing or a second one has no line of its own.
    if code in {"wrong_kind", "out_of_range", "no_such_choice", "empty", "extra_forbidden", "outside_reads"}:
        assert found[place].line == first_changed
    with pytest.raises(Refused) as told:
        read(changed, name="my_meter")
    assert told.value.key == "refused.profile_wrong"


def test_all_mistakes_are_named_at_once() -> None:
    """A file is mended in one go: three slips are three sentences."""
    changed = BLUEPRINT.replace("address: 0x0008", "address: 0x0080").replace("- 0x0210", "- 0x0101")
    changed = changed.replace("max_registers: 60", "max_registers: 13")
    assert {"bands.peak.address", "relay.write.address", "reads[1]"} <= mistakes(changed).keys()


def test_the_blueprint_is_sound() -> None:
    """What people copy is right."""
    assert look(BLUEPRINT, name="my_meter").mistakes == ()
    assert mistakes(BLUEPRINT, name="another")["name"].code == "other_name"


BOMB = "a: &a [x, x]\n" + "".join(
    f"{b}: &{b} [*{a}, *{a}, *{a}, *{a}]\n" for a, b in itertools.pairwise("abcdefghijklmn")
)


@pytest.mark.parametrize(
    "text_", [BOMB, "[" * 5_000, "", "just words", "- a\n- list", "a: *nothing", "x: " + "y" * MOST_BYTES]
)
def test_what_is_no_profile_is_told(text_: str) -> None:
    """Y3: an empty file, a list, a dangling reference or an endless one is a mistake in line 1, not an error."""
    looked = look(text_, name="x")
    assert looked.device is None
    assert [mistake.line for mistake in looked.mistakes] == [1]


LINES = BLUEPRINT.splitlines()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, len(LINES) - 1), st.text(max_size=12), st.sampled_from(["cut", "put", "begin", "end"]))
def test_whatever_is_typed_the_answer_is_a_list_of_mistakes(line: int, typed: str, how: str) -> None:
    """Y7: a slip of the hand anywhere in a file is a sound file or mistakes with lines, never an error of ours."""
    changed = {
        "cut": [*LINES[:line], *LINES[line + 1 :]],
        "put": [*LINES[:line], typed, *LINES[line + 1 :]],
        "begin": [*LINES[:line], typed + LINES[line], *LINES[line + 1 :]],
        "end": [*LINES[:line], LINES[line] + typed, *LINES[line + 1 :]],
    }[how]
    looked = look("\n".join(changed), name="my_meter")
    assert (looked.device is None) == bool(looked.mistakes)
    for mistake in looked.mistakes:
        assert 1 <= mistake.line <= len(changed) + 1
        assert text("zh", f"profile_mistake.{mistake.code}", **mistake.params)


def test_every_kind_of_mistake_is_tried_and_has_its_words() -> None:
    """Whatever can be wrong is said in both languages, with its figures."""
    assert all(has(f"profile_mistake.{code}") for code in CUSTOM | PLAIN)
    tried = {code for *_, code in MISTAKES.values()}
    elsewhere = {"not_a_profile", "other_name", "outside_within", "slow_ratio", "too_large", "two_switches"}
    assert tried | elsewhere == CUSTOM | PLAIN
    said = {text(language, "profile_mistake.reads_alike") for language in ("zh", "en")}
    assert len(said) == 2


def test_a_slow_figure_with_a_ratio_and_two_switches_are_refused() -> None:
    """The rest of what can be wrong: ratios that a slow read could not know, a relay and a valve in one meter."""
    slow = BLUEPRINT.replace("{measures: frequency_mhz, function: 4", "{measures: current_l2_ma, function: 4")
    assert mistakes(slow)["registers[6]"].code == "slow_ratio"
    valve = BLUEPRINT.replace("relay:\n  write", "VALVE\nrelay:\n  write").replace(
        "VALVE",
        "valve: {write: {function: 6, address: 0x0103, open: 1, shut: 2}, settle_ms: 0,"
        " read_back: {function: 3, address: 0x0103, open: 1, shut: 2}}",
    )
    assert mistakes(valve)["valve"].code == "two_switches"
    within = BLUEPRINT.replace("mask: 0x0001, closed", "within: {address: 0x0102, count: 2}, mask: 0x0001, closed")
    assert mistakes(within)["relay.read_back"].code == "outside_within"


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    """A slip in CHATWATT_PROFILES stops the program at its start, not a bus in the night."""
    with pytest.raises(Refused) as told:
        look_also_in(tmp_path / "nowhere")
    assert told.value.key == "refused.profile_folder"
