"""Profiles and the codec: published frames byte for byte, exact figures, and slips found when a file is loaded."""

from __future__ import annotations

from datetime import datetime
from fractions import Fraction
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meters import codec
from meters.clock_parts import Clock
from meters.codec import Decode, Order
from meters.links import requests
from meters.links.rtu import with_crc
from meters.parts import Identity, Register
from meters.profile import Measures, Relay
from meters.profiles import load_profile, parse_profile
from prepaid.domain.errors import Refused

HIKING = "hiking_dds238_2_zn_sr"


def hiking_relay() -> Relay:
    """The relay of the first model."""
    relay = load_profile(HIKING).relay
    assert relay is not None
    return relay


@pytest.mark.parametrize(
    ("pdu", "published"),
    [
        (hiking_relay().request(on=False).pdu, "01 10 00 1A 00 01 02 00 00"),
        (hiking_relay().request(on=True).pdu, "01 10 00 1A 00 01 02 00 01"),
        (hiking_relay().read_back.request.pdu, "01 03 00 1A 00 01"),
    ],
)
def test_the_published_frames_come_out_byte_for_byte(pdu: bytes, published: str) -> None:
    """The maker's relay frames and ours are the same bytes."""
    assert b"\x01" + pdu == bytes.fromhex(published)


def test_the_published_float_frame_is_understood() -> None:
    """SDM120 manual: 43 66 33 34 in function 4 is 230.2 V, and its request has the printed CRC."""
    asked = with_crc(b"\x01" + requests.read(requests.READ_INPUT, 0, 2).pdu)
    assert asked == bytes.fromhex("01 04 00 00 00 02 71 CB")
    answered = bytes.fromhex("01 04 04 43 66 33 34 1B 38")
    assert with_crc(answered[:-2]) == answered
    number = codec.raw(requests.words(answered[1:-2]), Decode.FLOAT32, Order.ABCD)
    assert number is not None
    assert codec.scaled(number, Fraction(10)) == 2302


@pytest.mark.parametrize(
    ("order", "words"),
    [
        (Order.ABCD, (0x0102, 0x0304)),
        (Order.CDAB, (0x0304, 0x0102)),
        (Order.BADC, (0x0201, 0x0403)),
        (Order.DCBA, (0x0403, 0x0201)),
    ],
)
def test_all_four_orders_are_understood(order: Order, words: tuple[int, int]) -> None:
    """F30: the same number in every order that meters use."""
    assert codec.raw(words, Decode.U32, order) == 0x01020304


@given(st.integers(-(2**31), 2**31 - 1), st.sampled_from(Order))
def test_what_is_encoded_is_decoded(number: int, order: Order) -> None:
    """A signed number survives each order."""
    assert codec.raw(codec.encode(Fraction(number), Decode.I32, order), Decode.I32, order) == number


@given(st.integers(0, 2**32 - 2))
def test_a_larger_register_never_gives_less_energy(number: int) -> None:
    """M11: scaling is exact, so what is billed between two registers is never negative."""
    scale = Fraction("2.5")
    assert codec.scaled(Fraction(number + 1), scale) >= codec.scaled(Fraction(number), scale)


def test_a_float_that_is_no_number_is_no_value() -> None:
    """F30: NaN and infinity are not energy."""
    assert codec.raw((0x7FC0, 0), Decode.FLOAT32, Order.ABCD) is None
    assert codec.raw((0x7F80, 0), Decode.FLOAT32, Order.ABCD) is None


def test_a_poll_is_understood_in_integer_units() -> None:
    """Import of 0x00012345 hundredths is 745650 Wh; negative power is signed; the relay is in the same read."""
    words = [0] * 27
    words[0x0A], words[0x0B] = 0x0001, 0x2345
    words[0x0C], words[0x0D], words[0x0E], words[0x11] = 2301, 512, 0xFF9C, 5001
    words[0x15], words[0x1A] = 0x0701, 1
    values = load_profile(HIKING).values([words], 7)
    assert values.measured[Measures.ENERGY_WH] == 0x12345 * 10
    assert values.measured[Measures.VOLTAGE_MV] == 230_100
    assert values.measured[Measures.CURRENT_MA] == 5_120
    assert values.measured[Measures.POWER_W] == -100
    assert values.relay_on is True
    assert values.failed_checks == ()


def test_another_meter_at_the_address_is_noticed() -> None:
    """S11: the meter says its own address in every reading; a word order that changed is noticed as well."""
    words = [0] * 27
    words[0x15], words[0x0C], words[0x11] = 0x0801, 2301, 5001
    assert load_profile(HIKING).values([words], 7).failed_checks == ("own_address",)


def test_a_relay_word_that_means_nothing_is_no_state() -> None:
    """S4: only the two words of the manual are states."""
    assert hiking_relay().read_back.state([2]) is None


@given(st.floats(width=32, allow_nan=False, allow_infinity=False, min_value=0, max_value=2e9), st.sampled_from(Order))
def test_the_quick_reader_says_what_the_careful_one_says(value: float, order: Order) -> None:
    """M11: a float register is scaled exactly, whatever way it is read."""
    held = codec.encode(Fraction(value), Decode.FLOAT32, order)
    number = codec.raw(held, Decode.FLOAT32, order)
    assert number is not None
    quick = codec.reader(2, Decode.FLOAT32, order, Fraction(1000))
    assert quick(b"\0\0" + codec.packed(held)) == codec.scaled(number, Fraction(1000))


@pytest.mark.parametrize("decode", [kind for kind in Decode if not codec.is_float(kind)])
@pytest.mark.parametrize("order", Order)
def test_every_counter_wraps_as_the_meter_does(decode: Decode, order: Order) -> None:
    """F30: one more than the largest number is 0, in every kind of register and every order."""
    most = codec.span(decode)
    assert most is not None
    held = codec.encode(Fraction(most), decode, order)
    assert codec.raw(held, decode, order) == 0
    assert len(held) == codec.width(decode)
    read_it = codec.reader(0, decode, order, Fraction(10))
    assert read_it(codec.packed(codec.encode(Fraction(97), decode, order))) == 970


def test_a_bcd_that_is_no_number_is_no_value() -> None:
    """F30: a register of 0xABCD is not a reading."""
    assert codec.raw((0xABCD,), Decode.BCD16, Order.ABCD) is None
    assert codec.reader(0, Decode.BCD16, Order.ABCD, Fraction(1))(b"\xab\xcd") is None


def test_a_tenth_in_a_file_is_a_tenth() -> None:
    """M1: scales are exact fractions, however they are written."""
    for written in (0.1, "0.1", "1/10"):
        told = {"measures": "energy_wh", "address": 0, "decode": "u16", "scale": written}
        assert Register.model_validate(told).scale == Fraction(1, 10)


def test_ratios_of_the_meter_make_its_figures_real() -> None:
    """M11: behind transformers the bill is that of the line; a meter that names no ratio bills nothing."""
    profile = load_profile("chint_dtsu666")
    energy = codec.encode(Fraction("12.5"), Decode.FLOAT32, Order.ABCD)
    volts = codec.encode(Fraction(2301), Decode.FLOAT32, Order.ABCD)
    rest = [[*energy, *[0] * 6], [0] * 4]
    values = profile.values([[40, 10], [*volts, *[0] * 12], *rest], 1)
    assert values.billed == 500_000
    assert values.measured[Measures.VOLTAGE_MV] == 230_100
    blind = profile.values([[0, 10], [*volts, *[0] * 12], *rest], 1)
    assert blind.billed is None
    assert blind.failed_checks == ("ratio",)


@pytest.mark.parametrize(
    ("told", "words", "serial"),
    [
        ({"decode": "number", "digits": 8}, (0x0012, 0xD687), "01234567"),
        ({"decode": "number"}, (0, 0), None),
        ({"decode": "bcd"}, (0x2026, 0x1125), "20261125"),
        ({"decode": "bcd"}, (0xFFFF, 0xFFFF), None),
        ({"decode": "ascii"}, (0x4142, 0x3700), "AB7"),
        ({"decode": "ascii", "order": "BADC"}, (0x4241, 0x0037), "AB7"),
        ({"decode": "ascii"}, (0x0000, 0x0000), None),
    ],
)
def test_serial_numbers_are_read_as_they_stand_on_the_plate(
    told: dict[str, object], words: tuple[int, int], serial: str | None
) -> None:
    """S11: number, BCD or letters become one text; emptiness is no number."""
    identity = Identity.model_validate({"function": 3, "address": 0, "count": 2, **told})
    assert identity.serial_of(words) == serial


@pytest.mark.parametrize("decode", ["binary", "bcd"])
@pytest.mark.parametrize("each", ["byte", "word"])
def test_a_clock_says_the_time_that_it_was_set_to(decode: str, each: str) -> None:
    """Y4: what is written is what is read; nonsense in the registers is no time."""
    pieces = ["year", "month", "day", "weekday", "hour", "minute", "second", "nothing"]
    told = {"function": 3, "address": 0, "pieces": pieces, "each": each, "decode": decode, "write_function": 16}
    clock = Clock.model_validate(told)
    at = datetime(2026, 11, 29, 23, 59, 58)  # noqa: DTZ001 - local time, as the meter has it; a Sunday
    assert clock.time_of(clock.words(at)) == at
    request = clock.write(at)
    assert request is not None
    assert codec.unpacked(request.pdu[6:]) == clock.words(at)
    assert clock.time_of([0xFFFF] * clock.count) is None


def test_an_unknown_model_is_refused() -> None:
    """A slip in a meter's record is told, and no path is opened by it."""
    for name in ("no_such_model", "../profile"):
        with pytest.raises(Refused):
            load_profile(name)


SLIPS = {
    "forbidden relay": ("- 0x0015", "- 0x001A"),
    "unknown key": ("maker:", "color: red\nmaker:"),
    "no billed register": ("measures: energy_wh", "measures: frequency_mhz"),
    "register outside the read": ("address: 0x000A, decode", "address: 0x0040, decode"),
    "read too long": ("count: 27", "count: 60"),
    "same state twice": ("closed: 1, open: 0", "closed: 1, open: 1"),
    "reads that look alike": ("count: 27}", "count: 27}\n  - {function: 3, address: 0x0040, count: 1}"),
    "another name": ("name: hiking_dds238_2_zn_sr", "name: hiking"),
    "not yaml": ("reads:", "reads: ]["),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_in_a_file_is_found_when_it_is_loaded(slip: str) -> None:
    """A wrong profile never reaches a bus."""
    text = resources.files("meters.profiles").joinpath(f"{HIKING}.yaml").read_text(encoding="utf-8")
    old, new = SLIPS[slip]
    assert old in text
    with pytest.raises(Refused) as told:
        parse_profile(text.replace(old, new, 1), name=HIKING)
    assert told.value.key == "refused.profile_wrong"


def test_coils_are_read_and_written_too() -> None:
    """Functions 5 and 1, the commonest relay of other models, byte for byte as the Modbus specification has them."""
    assert requests.write(requests.WRITE_COIL, 0xAC, [1]).pdu == bytes.fromhex("05 00 AC FF 00")
    assert requests.read(requests.READ_COILS, 0x13, 0x13).pdu == bytes.fromhex("01 00 13 00 13")
    assert requests.bits(bytes.fromhex("01 03 CD 6B 05"), 19)[:4] == (1, 0, 1, 1)
