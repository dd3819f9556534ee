"""Whatever a person types, reading it never raises and never takes long."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.conversations.amounts import looks_like_amount, read_fen
from bot.conversations.core import handle
from bot.conversations.inbound import Inbound, Turn
from bot.conversations.intents import is_no, is_yes, nearest, read, read_action
from bot.conversations.parts import from_json, menu_of, to_json
from bot.conversations.session import Flow, Session, session_from_plain
from bot.rendering import plain, telegram_html, wechat_text
from prepaid.domain.access import Actor, Grant, Role
from prepaid.domain.errors import Refused

AT = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
LIMIT_S = 2.0
WORDS = st.sampled_from(
    [
        "余额",
        "充值",
        "充",
        "块",
        "元",
        "一百",
        "万",
        "点",
        "balance",
        "how much ",
        "recharge ",
        "/",
        "@",
        "断电",
        " ",
        "1",
        "０",
        "。",
    ]
)
TYPED = st.one_of(st.text(max_size=600), st.lists(WORDS, max_size=200).map("".join))
TENANT = Actor(id="p1", accounts=frozenset({"a1"}))
STAFF = Actor(id="p2", grants=(Grant(Role.OPERATOR, "acme"),), language="en")
STRANGER = Actor(id="p3", language="en")
STEPS = st.sampled_from(["recharge.amount", "bind.code", "room", "reason", "confirm.recharge", "confirm.cut"])
DATA: dict[str, str | int] = {"account_id": "a1", "label": "101", "amount_fen": 100, "then": "cut", "reason": "x"}


@given(TYPED)
def test_reading_never_raises_and_ends(words: str) -> None:
    """Any text is read; no pattern runs away on it, by the processor's own time."""
    began = time.thread_time()
    read(words)
    read_action(words)
    is_yes(words)
    is_no(words)
    nearest(words, staff=True)
    looks_like_amount(words)
    assert time.thread_time() - began < LIMIT_S


@given(TYPED)
def test_an_amount_is_a_positive_integer_or_refused(words: str) -> None:
    """Money read from text is integer fen, or refused."""
    try:
        fen = read_fen(words)
    except Refused:
        return
    assert type(fen) is int
    assert fen >= 0


@settings(max_examples=200)
@given(
    words=TYPED,
    step=st.none() | STEPS,
    actor=st.sampled_from([TENANT, STAFF, STRANGER]),
    press=st.booleans(),
    numbered=st.booleans(),
)
def test_any_message_in_any_state_gets_a_reply(
    words: str, step: str | None, actor: Actor, press: bool, numbered: bool
) -> None:
    """A conversation always answers or acts, in every state, and its reply renders everywhere."""
    flow = Flow(step=step, number=3, since=AT, data=DATA) if step else None
    session = Session(flow=flow, turns=3)
    inbound = Inbound(
        channel="test",
        user="u",
        text=None if press else words,
        action=(words or "x") if press else None,
        numbered=numbered,
    )
    reply = handle(Turn(inbound=inbound, actor=actor, at=AT), session)
    assert reply.parts or reply.effects
    assert [from_json(to_json(part)) for part in reply.parts] == list(reply.parts)
    kept = session_from_plain(reply.session.with_menu(reply.parts).to_plain()).menu
    assert [b.action for b in kept] == [b.action for b in menu_of(reply.parts)][:30]
    for render in (plain.render, wechat_text.render, telegram_html.render):
        assert render(reply.parts) or not reply.parts


@given(
    st.dictionaries(
        st.sampled_from(["account_id", "flow", "menu", "turns"]),
        st.recursive(
            st.none() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3), max_leaves=5
        ),
    )
)
def test_a_broken_session_starts_afresh(state: dict[str, object]) -> None:
    """Y2: whatever the session store gives back, the conversation goes on."""
    assert isinstance(session_from_plain(state), Session)
