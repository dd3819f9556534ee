"""Profiles and the codec: published frames byte for byte, exact figures, and slips found when a file is loaded."""

from __future__ import annotations

from fractions import Fraction
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meters import codec
from meters.codec import Decode, Order
from meters.links import requests
from meters.links.rtu import with_crc
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
