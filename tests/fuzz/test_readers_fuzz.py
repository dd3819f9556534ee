"""Any bytes to any reader of what payment providers send: a value or a `NotificationProblem`, never anything else.

`make fuzz` goes on for as long as one likes, guided by coverage.
"""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prepaid.ports import InboxRow
from tests.fuzz.readers import READERS, REFUND, SEEDS, TRANSACTION, read

MANY = settings(max_examples=40, deadline=None)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def changed(draw: st.DrawFn) -> bytes:
    """A genuine message with a piece of it replaced."""
    seed = draw(st.sampled_from(SEEDS))
    at = draw(st.integers(0, len(seed)))
    return seed[:at] + draw(st.binary(max_size=24)) + seed[at + draw(st.integers(0, 24)) :]


@pytest.mark.parametrize("name", READERS)
@MANY
@given(raw=st.binary(max_size=400) | changed())
def test_any_bytes_are_read_or_refused(name: str, raw: bytes) -> None:
    """F14: garbage, bombs, huge numbers, another charset: refused as what they are."""
    read(name, raw)


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("raw", SEEDS, ids=range(len(SEEDS)))
def test_known_trouble_is_read_or_refused(name: str, raw: bytes) -> None:
    """F14: nested brackets, endless numbers, entities and GBK to every reader."""
    read(name, raw)


@MANY
@given(name=st.sampled_from(sorted(TRANSACTION)), value=JSON)
def test_a_payment_is_what_was_signed_or_nothing(name: str, value: object) -> None:
    """M6, F13: with any value in any field, what is read has whole fen above zero; nothing else comes out."""
    row = read("wechat_pay payment", json.dumps({**TRANSACTION, name: value}).encode())
    assert row is None or (isinstance(row, InboxRow) and row.payment is not None and row.payment.amount_fen > 0)


@MANY
@given(name=st.sampled_from(sorted(REFUND)), value=JSON)
def test_news_of_a_refund_is_never_a_payment(name: str, value: object) -> None:
    """M4, M10: whatever stands in it, a refund's notification credits nothing."""
    row = read("wechat_pay refund news", json.dumps({**REFUND, name: value}).encode())
    assert row is None or (isinstance(row, InboxRow) and row.payment is None and bool(row.refund_id))
