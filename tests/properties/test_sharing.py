"""What is common is shared out to the last unit, whatever the weights."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prepaid.domain.errors import Refused
from prepaid.domain.sharing import shared

WEIGHTS = st.lists(st.integers(0, 10**9), min_size=1, max_size=12)


@settings(max_examples=80, deadline=None)
@given(total=st.integers(-(10**12), 10**12), given_weights=WEIGHTS.filter(any))
def test_shares_add_up_and_each_is_its_part_but_for_a_unit(total: int, given_weights: list[int]) -> None:
    """A2: the shares are the total, each is within a unit of its exact part, and who weighs nothing gets nothing."""
    weights = {f"room {place}": weight for place, weight in enumerate(given_weights)}
    shares, whole = shared(total, weights), sum(weights.values())
    assert sum(shares.values()) == total
    assert shares.keys() == weights.keys()
    for name, share in shares.items():
        assert abs(share * whole - total * weights[name]) < whole
        assert weights[name] or not share


@pytest.mark.parametrize("weights", [{}, {"a": 0}, {"a": 2, "b": -1}])
def test_without_weights_nothing_is_shared(weights: dict[str, int]) -> None:
    """A2: nobody to share among, or a negative weight, is refused instead of guessed."""
    with pytest.raises(Refused, match=r"refused\.share_weights"):
        shared(5, weights)


def test_what_is_left_goes_to_the_largest_remainders() -> None:
    """A2: 100 among three alike is 34, 33, 33 by name; by 1, 2 and 4 it is 14, 29 and 57."""
    assert shared(100, {"b": 1, "a": 1, "c": 1}) == {"a": 34, "b": 33, "c": 33}
    assert shared(100, {"a": 1, "b": 2, "c": 4}) == {"a": 14, "b": 29, "c": 57}
    assert shared(-100, {"a": 1, "b": 2, "c": 4}) == {"a": -14, "b": -29, "c": -57}
