"""What an account's counters and a meter's own registers say, to the last unit, and what the ledger keeps of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest

from prepaid.domain.calendar import SiteCalendar
from prepaid.domain.charges import Charge
from prepaid.domain.errors import InvariantBroken
from prepaid.domain.ledger import Entry, Head, Kind, Line, Posting, chain, customer, hash_of
from prepaid.domain.tariffs import Carry, Point, Pricer, TariffPlan, counted_from_text, counted_text, stepped
from prepaid.domain.tariffs.counted import together
from prepaid.domain.tariffs.own_registers import agree, comparable, grown_by_band, unwrapped
from prepaid.domain.tariffs.pricing import laid_by
from prepaid.domain.tariffs.timeline import millis

DAY = 86_400_000
APRIL = millis(datetime(2026, 3, 31, 16, tzinfo=UTC))
NEW_YEAR = APRIL - 90 * DAY
SITE = SiteCalendar(time_zone="Asia/Shanghai", country="")
AT = datetime(2026, 4, 1, tzinfo=UTC)


def test_counters_as_text_are_canonical_and_come_back() -> None:
    """M12: the chain is hashed over this text, so it never changes by itself."""
    one = Carry(1, 2, "2026-04", 3, "2026-01-01", 4, (("2026-03", 5),))
    text = '{"electricity":[1,2,"2026-04",3,"2026-01-01",4,[["2026-03",5]]],"water":[0,0,"",0,"",0,[]]}'
    assert counted_text({"water": Carry(), "electricity": one}) == text
    assert counted_from_text(text) == {"electricity": one, "water": Carry()}
    assert counted_from_text("") == {}
    assert counted_text({}) == "{}"


def test_two_counters_are_added_period_by_period() -> None:
    """M12: the newer month and year are the account's, and what was used in others is laid by."""
    one = Carry(1_400, 1, "2026-03", 10, "2026-01-01", 30, (("2026-02", 7), ("2025-01-01", 9)))
    other = Carry(700, 2, "2026-04", 5, "2026-01-01", 60, (("2026-03", 40),))
    joined = Carry(2_100, 3, "2026-04", 5, "2026-01-01", 90, (("2026-02", 7), ("2026-03", 50), ("2025-01-01", 9)))
    assert together(one, other) == joined == together(other, one)
    assert together(one, Carry()) == one == together(Carry(), one)
    older = Carry(0, 0, "2025-12", 1, "2025-01-01", 2)
    assert together(one, older) == one._replace(past=(("2025-12", 1), ("2026-02", 7), ("2025-01-01", 11)))
    assert together(Carry(month="2026-03", month_wh=4), Carry(month="2026-03", month_wh=5)).month_wh == 9


def test_three_months_and_one_year_are_laid_by() -> None:
    """M12: the newest of each, oldest first, and none that says nothing."""
    months = {f"2026-0{month}": month for month in (5, 2, 4, 1, 3)}
    assert laid_by(months) == (("2026-03", 3), ("2026-04", 4), ("2026-05", 5))
    assert laid_by({"2026-02": 2, "2025-07-01": 8, "2024-07-01": 6}) == (("2026-02", 2), ("2025-07-01", 8))
    assert laid_by({"2026-02": 0, "2026-03": 1, "": 0, "2025-07-01": 0}) == (("2026-03", 1),)


def test_a_meter_that_is_read_late_counts_in_its_own_period() -> None:
    """M12: the month and year step back to it, go on from what was used there, and the newer ones wait."""
    pricer = Pricer(TariffPlan(versions=(stepped("t", {0: 1, 100: 2}),)), SITE)
    carry = Carry(0, 0, "2026-04", 50, "2026-01-01", 70, (("2025-12", 90), ("2025-01-01", 900)))
    late = pricer.price(Point(NEW_YEAR - DAY, 0), Point(NEW_YEAR, 15), carry)
    assert [(line.energy_wh, line.block) for line in late.lines] == [(10, 0), (5, 1)]
    assert late.carry == Carry(20, 0, "2025-12", 105, "2025-01-01", 915, (("2026-04", 50), ("2026-01-01", 70)))
    back = pricer.price(Point(APRIL, 15), Point(APRIL + DAY, 16), late.carry)
    assert back.carry == Carry(21, 0, "2026-04", 51, "2026-01-01", 71, (("2025-12", 105), ("2025-01-01", 915)))


def test_a_charge_is_never_negative() -> None:
    """M13: counters that were joined may be half a micro-yuan ahead; nothing is paid back for use."""
    pricer = Pricer(TariffPlan(versions=(stepped("t", {0: 1}),)), SITE)
    ahead = Carry(999, 2, "2026-04", 0, "2026-01-01", 0)
    result = pricer.price(Point(APRIL, 0), Point(APRIL + DAY, 1), ahead)
    assert (result.charge_micro, result.carry.charged_micro, result.carry.remainder_nano) == (0, 2, -1_000)


def test_registers_compare_where_both_have_the_same() -> None:
    """M11: all of them bands that there are, at least one, and none more on either side."""
    one, two = {"peak": 1}, {"peak": 1, "valley": 2}
    assert comparable(one, {"peak": 9})
    assert comparable(two, two)
    for before, after in ((one, two), (two, one), (None, one), (one, None), ({}, {}), ({"tip": 1}, {"tip": 2})):
        assert not comparable(before, after)


@pytest.mark.parametrize(
    ("before", "after", "most"),
    [
        ((0, 5), (0, 5), 30),
        ((0, 3), (40, 23), 30),
        ((0, 30), (60, 90), 90),
        ((1_000, 3_000), (2_000, 3_000), 3_000),
        ((200_000, 400_000), (200_000, 600_000), 300_000),
    ],
)
def test_registers_agree_up_to_a_digit_for_each_and_the_total(
    before: tuple[int, int], after: tuple[int, int], most: int
) -> None:
    """M11: what a digit is worth the figures tell, from 10 Wh up to 100 kWh."""
    names = ("peak", "valley")
    old, new = dict(zip(names, before, strict=True)), dict(zip(names, after, strict=True))
    grown = sum(after) - sum(before)
    for off, fits in ((most, True), (-most, True), (most + 1, False), (-most - 1, False)):
        assert agree(old, new, grown + off) is fits


def test_a_register_that_fell_does_not_agree() -> None:
    """M11: by a watt-hour is enough; standing still is none."""
    assert agree({"peak": 5, "valley": 5}, {"peak": 5, "valley": 6}, 1)
    assert not agree({"peak": 5, "valley": 5}, {"peak": 4, "valley": 7}, 1)


def test_a_register_that_fell_may_have_rolled_over() -> None:
    """M11: only those that fell, only where the width is known; a band that is new is as it is."""
    assert unwrapped({"peak": 990, "valley": 5}, {"peak": 3, "valley": 5}, 1_000) == {"peak": 1_003, "valley": 5}
    assert unwrapped({"peak": 0}, {"peak": 0, "flat": 0}, 1_000) == {"peak": 0, "flat": 0}
    assert unwrapped({"peak": 9}, {"peak": 3}, None) == {"peak": 3}
    assert unwrapped(None, {"peak": 3}, 1_000) == {"peak": 3}
    assert unwrapped({"peak": 3}, None, 1_000) is None


def test_what_registers_grew_ends_in_the_total() -> None:
    """M11: dearest first, the difference on the largest, never below nothing."""
    before = {"valley": 1, "peak": 2}
    assert list(grown_by_band(before, {"valley": 11, "peak": 7}, 15).items()) == [("peak", 5), ("valley", 10)]
    assert grown_by_band(before, {"valley": 11, "peak": 7}, 17) == {"peak": 5, "valley": 12}
    assert grown_by_band(before, {"valley": 11, "peak": 7}, 3) == {"peak": 3, "valley": 0}


@dataclass(frozen=True, slots=True)
class FixedPrice:
    """An interval that costs so much, whatever was counted, and counts itself."""

    amount_micro: int

    def charge(self, counted: str) -> Charge:
        """The charge."""
        return Charge(self.amount_micro, {"price": 7}, f"{counted}+")


def use(amount_micro: int = 0, metered: FixedPrice | None = None) -> Posting:
    """Use of one interval."""
    return Posting(
        account_id="a",
        idem="use",
        kind=Kind.CONSUMPTION,
        lines=(Line(customer("a"), -amount_micro), Line("revenue:water", amount_micro)),
        effective_at=AT,
        actor="meter:m",
        reason="r",
        ref={"meter": "m"},
        metered=metered,
    )


def chained(posting: Posting) -> Entry:
    """The entry behind a balance of a hundred."""
    return chain(posting, Head(seq=4, balance_micro=100, hash="h", counted="c"), AT)


def test_use_is_priced_where_it_is_chained() -> None:
    """M12: the customer pays what the price says to whom the lines say; reference and counters go on."""
    entry = chained(use(metered=FixedPrice(30)))
    assert entry.lines == (Line("customer:a", -30), Line("revenue:water", 30))
    assert (entry.delta_micro, entry.balance_micro) == (-30, 70)
    assert entry.ref == {"meter": "m", "price": 7}
    assert (entry.counted, entry.head.counted) == ("c+", "c+")
    plain = chained(use(30))
    assert (plain.lines, plain.ref, plain.counted) == (entry.lines, {"meter": "m"}, "c")


def test_counters_are_covered_by_the_hash_where_there_are_any() -> None:
    """M14: nobody changes them unseen; a chain from before they were kept verifies as it did."""
    entry = chained(use(30))
    assert len({hash_of(replace(entry, counted=counted)) for counted in ("c", "d", "")}) == 3
    assert entry.hash == hash_of(entry)


def test_a_request_for_a_price_is_its_interval() -> None:
    """M15: the same interval is the same request whatever it will cost; another interval is another."""
    asked = use(metered=FixedPrice(30))
    assert asked.request_hash == use(metered=FixedPrice(31)).request_hash
    assert asked.request_hash != replace(asked, ref={"meter": "n"}).request_hash
    assert use(30).request_hash == replace(use(30), ref={"meter": "n"}).request_hash


def test_use_that_is_yet_to_be_priced_has_no_price() -> None:
    """M1: two lines of nothing, and no third that could be overlooked."""
    with pytest.raises(InvariantBroken, match=r"^posting use has a price before it was priced$"):
        use(1, FixedPrice(30))
    lines = (Line(customer("a"), 0), Line("revenue:water", 0), Line("fees:x", 0))
    with pytest.raises(InvariantBroken, match="before it was priced"):
        replace(use(metered=FixedPrice(30)), lines=lines)
