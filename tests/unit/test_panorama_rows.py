"""A building counted by its rows and by the rooms and meters made of them: the overview's figures are the same (A2)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from prepaid.domain.panorama import Building, Known, PointRow, RoomRow, SupplyRow

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
STALE = NOW - timedelta(minutes=15)
ACCOUNTS = ("a", "b", "c", "d")
METERS = ("m1", "m2", "m3", "m4", "m5")
MICRO = st.integers(-3, 3)

room_rows = st.lists(
    st.builds(
        lambda account, utility, floor, warn, closed: (account, f"x/{account}", account, utility, floor, warn, closed),
        st.sampled_from(ACCOUNTS),
        st.sampled_from(("", "water")),
        MICRO,
        MICRO,
        st.booleans(),
    ),
    unique_by=lambda row: row[0],
)
point_rows = st.lists(
    st.builds(
        lambda meter, account, utility, power, age_min: (
            meter,
            f"x/{meter}",
            "gw",
            account,
            utility,
            power,
            None if age_min is None else (NOW - timedelta(minutes=age_min)).replace(tzinfo=None),
        ),
        st.sampled_from(METERS),
        st.sampled_from((None, *ACCOUNTS)),
        st.sampled_from(("", "electricity", "water")),
        st.sampled_from((None, 0, 700)),
        st.sampled_from((None, 1, 15, 16)),
    ),
    unique_by=lambda row: row[0],
)
supply_rows = st.tuples(
    st.booleans(), st.just(""), st.sampled_from((None, True, False)), st.booleans(), st.sampled_from(("", "hold"))
)
known = st.builds(
    Known,
    supplies=st.dictionaries(st.sampled_from(METERS), supply_rows),
    used=st.dictionaries(st.sampled_from(METERS), st.integers(-5, 50)),
    silent=st.dictionaries(st.sampled_from(METERS), st.just(NOW)),
    ends=st.dictionaries(st.sampled_from(ACCOUNTS), st.tuples(st.integers(1, 9), MICRO)),
)


@settings(max_examples=200)
@given(room_rows, point_rows, known)
def test_rows_count_as_what_is_made_of_them(rooms: list[RoomRow], points: list[PointRow], read: Known) -> None:
    """A2, N4: looking into a building changes none of its figures."""
    building = Building(path="x", site_id="s", known=read, room_rows=rooms, point_rows=points)
    building.count(STALE)
    by_rows = building.tally
    assert len(building.rooms) == len(rooms)
    assert len(building.points) == len(points)
    building.count(STALE)
    assert building.tally == by_rows


def test_a_small_building_by_hand() -> None:
    """The figures of a small building, worked out by hand."""
    supply: SupplyRow = (True, "", False, True, "")
    read = Known(supplies={"m1": supply}, used={"m1": 9}, silent={"m1": NOW}, ends={"a": (3, -2), "b": (1, 5)})
    at = (NOW - timedelta(minutes=1)).replace(tzinfo=None)
    building = Building(
        path="x",
        site_id="s",
        known=read,
        room_rows=[
            ("a", "x/a", "a", "", 0, 1, False),
            ("b", "x/b", "b", "", 0, 5, False),
            ("c", "x/c", "c", "", 0, 0, True),
        ],
        point_rows=[("m1", "x/a", "gw", "a", "", 700, at)],
    )
    building.count(STALE)
    tally = building.tally
    assert (tally.rooms, tally.debtors, tally.warned, tally.balance_micro, tally.arrears_micro) == (2, 1, 1, 5, 2)
    assert (tally.meters, tally.off, tally.stuck, tally.silent, tally.power_w, tally.used_wh) == (1, 1, 1, 1, 700, 9)
