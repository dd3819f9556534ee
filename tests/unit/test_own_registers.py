"""Pure rules: registers by band, an account's counters, and use that is priced in its place in the chain."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from prepaid.domain.charges import Charge
from prepaid.domain.errors import InvariantBroken, Refused
from prepaid.domain.ledger import Head, Kind, Line, Posting, chain, customer, hash_of, same_request
from prepaid.domain.metering import Doubt, Meter, Reading, judge
from prepaid.domain.tariffs import Band, Carry, counted_from_text, counted_text, together, unwrapped
from prepaid.domain.tariffs.own_registers import agree, comparable, grown_by_band
from prepaid.domain.tariffs.pricing import laid_by

AT = datetime(2026, 3, 2, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        ({"peak": 1}, {"peak": 2}, True),
        ({"peak": 0, "flat": 0}, {"flat": 0, "peak": 0}, True),
        (None, {"peak": 2}, False),
        ({"peak": 1}, None, False),
        ({}, {}, False),
        ({"peak": 1}, {"peak": 2, "flat": 1}, False),
        ({"night": 1}, {"night": 2}, False),
        ({"night": 1, "peak": 1}, {"night": 2, "peak": 1}, False),
    ],
)
def test_registers_are_compared_like_with_like(
    before: dict[str, int] | None, after: dict[str, int] | None, same: bool
) -> None:
    """M12: the same registers on both ends, all of bands that there are."""
    assert comparable(before, after) is same


@pytest.mark.parametrize(
    ("after", "grown", "fits"),
    [
        ({"peak": 111, "flat": 57}, 108, True),
        ({"peak": 111, "flat": 57}, 138, True),
        ({"peak": 111, "flat": 57}, 139, False),
        ({"peak": 111, "flat": 57}, 78, True),
        ({"peak": 111, "flat": 57}, 77, False),
        ({"peak": 10, "flat": 158}, 108, False),
        ({"peak": 11, "flat": 49}, 0, True),
    ],
)
def test_a_digit_for_each_register_is_no_contradiction(after: dict[str, int], grown: int, fits: bool) -> None:
    """S10: three registers of 0.01 kWh may be 30 Wh apart, and none may fall."""
    assert agree({"peak": 11, "flat": 49}, after, grown) is fits


@pytest.mark.parametrize(("off", "fits"), [(3_000, True), (3_001, False)])
def test_a_coarse_display_tells_its_digit(off: int, fits: bool) -> None:
    """S10: where all figures are whole kilowatt-hours, so is the digit that may be missing."""
    assert agree({"peak": 5_000, "flat": 7_000}, {"peak": 6_000, "flat": 9_000}, 3_000 + off) is fits


@pytest.mark.parametrize(("off", "fits"), [(200_000, True), (200_001, False)])
def test_a_digit_has_an_end(off: int, fits: bool) -> None:
    """S10: registers that happen to be round explain so much and no more."""
    assert agree({"peak": 0}, {"peak": 5_000_000}, 5_000_000 + off) is fits


def test_a_register_that_fell_is_unwrapped_where_its_width_is_known() -> None:
    """M11: and only that one; a new register begins at nought."""
    before = {"peak": 990, "flat": 50}
    after = {"peak": 10, "flat": 50, "valley": 3}
    assert unwrapped(before, after, 1_000) == {"peak": 1_010, "flat": 50, "valley": 3}
    assert unwrapped(before, after, None) == after
    assert unwrapped(None, after, 1_000) == after
    assert unwrapped(before, None, 1_000) is None


def test_a_digits_difference_falls_on_the_largest() -> None:
    """M13: what is billed by band adds up to the total, and no band goes below nothing."""
    before = {"peak": 0, "flat": 0, "valley": 0}
    assert grown_by_band(before, {"valley": 90, "peak": 20, "flat": 5}, 120) == {"peak": 20, "flat": 5, "valley": 95}
    assert grown_by_band(before, {"valley": 9, "peak": 4, "flat": 0}, 2) == {"peak": 2, "flat": 0, "valley": 0}
    assert list(grown_by_band(before, {"valley": 9, "peak": 4, "flat": 0}, 13)) == [Band.PEAK, Band.FLAT, Band.VALLEY]


METER = Meter(
    id="m",
    site_id="s",
    path="o/s/1",
    gateway_id="g",
    unit=1,
    profile="-",
    register_wraps_wh=100_000,
    last=Reading(meter_id="m", at=AT, energy_wh=5_021, bands={"peak": 4_010, "flat": 1_011}),
)


def later(total_wh: int, bands: dict[str, int] | None) -> Reading:
    """An hour after the last."""
    return Reading(meter_id="m", at=AT + timedelta(hours=1), energy_wh=total_wh, bands=bands)


@pytest.mark.parametrize(
    ("reading", "doubt"),
    [
        (later(5_121, {"peak": 4_080, "flat": 1_041}), None),
        (later(5_121, {"peak": 4_010, "flat": 1_011}), Doubt.BANDS),
        (later(5_121, {"peak": 4_000, "flat": 1_121}), Doubt.BANDS),
        (later(5_121, None), None),
        (later(5_121, {"peak": 9}), None),
        (later(4_000, {"peak": 4_010, "flat": 1_011}), Doubt.RESET),
    ],
)
def test_registers_that_do_not_add_up_are_doubted(reading: Reading, doubt: Doubt | None) -> None:
    """S10: where they can be compared at all; what is wrong with the total comes first."""
    judged = judge(METER, reading)
    assert (judged.doubt, judged.again) == (doubt, False)
    assert judged.reading == reading


def test_the_same_contradiction_again_is_no_new_case() -> None:
    """S10: held while it lasts, and over by itself; registers are kept in the digits of today."""
    held = replace(METER, doubt=Doubt.BANDS, doubted=later(5_121, {"peak": 4_010, "flat": 1_011}))
    assert judge(held, later(5_131, {"peak": 4_010, "flat": 1_011})).again
    assert judge(held, later(5_121, {"peak": 4_080, "flat": 1_041})).doubt is None
    coarse = replace(METER, register_exponent=1)
    assert judge(coarse, later(512, {"peak": 408, "flat": 104})).reading.bands == {"peak": 4_080, "flat": 1_040}
    wrapped = replace(METER, last=replace(METER.last or later(0, None), bands={"peak": 99_990, "flat": 1_011}))
    assert judge(wrapped, later(5_121, {"peak": 60, "flat": 1_041})).doubt is None


def test_joined_counters_lie_by_period() -> None:
    """M12: the newer month goes on, the older one lies by; what is exact and charged adds up."""
    one = Carry(10, 1, "2026-03", 5, "2026-01-01", 7, (("2026-02", 2),))
    other = Carry(20, 2, "2026-04", 6, "2026-01-01", 8, (("2026-02", 3), ("2025-01-01", 4)))
    both = Carry(30, 3, "2026-04", 6, "2026-01-01", 15, (("2026-02", 5), ("2026-03", 5), ("2025-01-01", 4)))
    assert together(one, other) == together(other, one) == both
    assert counted_from_text(counted_text({"water": both})) == {"water": both}
    assert counted_from_text("") == {}
    assert counted_text({"b": Carry(), "a": Carry()}) == '{"a":[0,0,"",0,"",0,[]],"b":[0,0,"",0,"",0,[]]}'


def test_few_periods_are_kept() -> None:
    """M12: three months and a year before the newest, the newest of each, and none in which nothing was used."""
    months = {f"2026-0{month}": month for month in (5, 4, 3, 2)}
    years = {"2024-01-01": 1, "2025-01-01": 2}
    kept = (("2026-03", 3), ("2026-04", 4), ("2026-05", 5), ("2025-01-01", 2))
    assert laid_by({**months, **years, "2026-06": 0}) == kept


class Doubling:
    """Costs twice what its counters say."""

    def charge(self, counted: str) -> Charge:
        """The text is a number."""
        before = int(counted or 1)
        return Charge(2 * before, {"tariff": "t"}, str(before + 1))


def use(**changes: object) -> Posting:
    """A use without a price yet."""
    posting = Posting(
        account_id="a",
        idem="k",
        kind=Kind.CONSUMPTION,
        lines=(Line(customer("a"), 0), Line("revenue:x", 0)),
        effective_at=AT,
        actor="t",
        reason="r",
        ref={"to_wh": 5},
        metered=Doubling(),
    )
    return replace(posting, **changes)  # type: ignore[arg-type]


def test_use_is_priced_where_it_is_chained() -> None:
    """M2, M12: behind the counters of the head; what is no use carries them on; the hash covers them."""
    first = chain(use(), Head(counted="7", balance_micro=100), AT)
    assert first.lines == (Line(customer("a"), -14), Line("revenue:x", 14))
    assert (first.delta_micro, first.balance_micro, first.counted) == (-14, 86, "8")
    assert first.ref == {"to_wh": 5, "tariff": "t"}
    assert first.head.counted == "8"
    paid = replace(use(), metered=None, lines=(Line(customer("a"), 9), Line("adjustments:x", -9)))
    second = chain(paid, first.head, AT)
    assert (second.balance_micro, second.counted, second.ref) == (95, "8", {"to_wh": 5})
    assert hash_of(replace(second, counted="9")) != second.hash == hash_of(second)
    assert hash_of(replace(second, counted="")) != second.hash


def test_an_interval_is_the_request_and_its_price_is_not() -> None:
    """M15: the same interval behind other counters is the same request; another end is another."""
    entry = chain(use(), Head(), AT)
    assert same_request(entry, use()) is entry
    assert chain(use(), Head(counted="7"), AT).request_hash == entry.request_hash
    with pytest.raises(Refused, match="idempotency_conflict"):
        same_request(entry, use(ref={"to_wh": 6}))
    with pytest.raises(Refused, match="idempotency_conflict"):
        same_request(entry, use(metered=None))


@pytest.mark.parametrize(
    "lines",
    [
        (Line(customer("a"), -1), Line("revenue:x", 1)),
        (Line(customer("a"), 0), Line("revenue:x", 1), Line("fees:x", -1)),
    ],
)
def test_use_has_no_price_before_it_is_chained(lines: tuple[Line, ...]) -> None:
    """M1: two lines that say who pays whom, and no amount."""
    with pytest.raises(InvariantBroken, match="before it was priced"):
        use(lines=lines)
