"""The conversation over the real use cases and store: what a person says, what they see, what is in the ledger."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pytest
from structlog.testing import capture_logs

from bot.conversations.inbound import Inbound
from bot.conversations.parts import Part, PayQR, menu_of
from bot.conversations.runner import Conversation
from bot.rendering.plain import render
from prepaid.domain.errors import TryAgain
from prepaid.domain.orders import OrderState
from prepaid.storage.driver import Database
from tests.fakes.building import Building, build
from tests.fakes.clock import ManualClock


@dataclass
class KeptSessions:
    """Sessions in a dictionary; away when told to be."""

    kept: dict[str, Mapping[str, object]] = field(default_factory=dict)
    away: bool = False

    async def load(self, key: str) -> Mapping[str, object]:
        if self.away:
            raise TryAgain("try_again.store")
        return self.kept.get(key, {})

    async def save(self, key: str, state: Mapping[str, object], *, ttl_s: int) -> None:
        if self.away:
            raise TryAgain("try_again.store")
        self.kept[key] = state


@pytest.fixture
async def building(database: Database, clock: ManualClock) -> Building:
    """Two flats with money."""
    building = await build(database, clock)
    await building.flat(1, balance_micro=12_340_000)
    await building.flat(2, balance_micro=99_000_000)
    await building.operator()
    return building


@pytest.fixture
def sessions() -> KeptSessions:
    """Empty."""
    return KeptSessions()


@pytest.fixture
def conversation(building: Building, sessions: KeptSessions) -> Conversation:
    """Over the real store."""
    return Conversation(building.business, sessions, provider="testpay")


async def say(conversation: Conversation, user: str, words: str) -> list[Part]:
    """One message in English."""
    return await conversation.hear(Inbound(channel="chat", user=user, text=words, language="en"))


async def test_balance_and_recharge_from_end_to_end(conversation: Conversation, building: Building) -> None:
    """M16: the balance shown is the ledger's; a confirmed top-up is an order with the code that is shown."""
    assert "¥12.34" in render(await say(conversation, "tenant-1", "balance"))
    await say(conversation, "tenant-1", "recharge 50")
    parts = await say(conversation, "tenant-1", "yes")
    code = next(part for part in parts if isinstance(part, PayQR))
    order = await building.business.store.orders.get(code.order_id)
    assert order is not None
    assert (order.amount_fen, order.state, order.pay_uri) == (5_000, OrderState.PENDING, code.uri)


async def test_two_quick_yeses_open_one_order(conversation: Conversation, building: Building) -> None:
    """M15: messages of one chat are heard one after the other, so a double tap is one order."""
    asked = await say(conversation, "tenant-1", "recharge 50")
    yes = Inbound(channel="chat", user="tenant-1", action=menu_of(asked)[0].action)
    await asyncio.gather(conversation.hear(yes), conversation.hear(yes))
    assert len(await building.business.store.orders.of_account("acc-1", 10)) == 1


async def test_another_flat_and_no_flat_get_the_same_answer(conversation: Conversation) -> None:
    """A1: a tenant cannot tell another's account from none, by no route of the chat."""
    for route in ("use:{}", "use:{}:recharge:10", "use:{}:history"):
        foreign = await conversation.hear(Inbound(channel="chat", user="tenant-1", action=route.format("acc-2")))
        missing = await conversation.hear(Inbound(channel="chat", user="tenant-1", action=route.format("acc-x")))
        assert foreign == missing


async def test_staff_bind_a_newcomer(conversation: Conversation) -> None:
    """A5: a code from the staff binds a newcomer's chat once, and only once."""
    issued = render(await say(conversation, "staff-acme-operator", "code 101"))
    code = issued.split(": ")[1].split("\n")[0]
    assert "¥12.34" in render(await say(conversation, "newcomer", f"bind {code}"))
    assert "wrong" in render(await say(conversation, "somebody", f"bind {code}"))


async def test_an_operator_cuts_and_the_wish_is_on_record(conversation: Conversation, building: Building) -> None:
    """A3: a cut by chat needs reason and yes; the wanted state then names the person."""
    for words in ("cut 101", "burnt cable", "yes"):
        parts = await say(conversation, "staff-acme-operator", words)
    assert "101" in render(parts)
    supply = await building.supply(1)
    assert (supply.wanted.on, supply.wanted.by_hand) == (False, True)


async def test_every_intent_answers_over_the_real_store(conversation: Conversation) -> None:
    """T1, A1: each word has an answer that is no trouble."""
    for words in ("balance", "usage", "history", "accounts", "help", "language", "start", "cancel"):
        assert await say(conversation, "tenant-1", words)
    for words in (
        "overview",
        "find 102",
        "protect 102",
        "for a reason",
        "yes",
        "release 102",
        "yes",
        "restore 102",
        "yes",
    ):
        said = render(await say(conversation, "staff-acme-operator", words))
        assert "wrong on our side" not in said
        assert "10" in said


async def test_sessions_away_cost_the_question_not_the_answer(
    conversation: Conversation, sessions: KeptSessions
) -> None:
    """Y2: without the session store a question is forgotten, and everything else still answers."""
    sessions.away = True
    assert "¥12.34" in render(await say(conversation, "tenant-1", "balance"))


async def test_our_own_bug_is_answered_with_a_reference(building: Building, sessions: KeptSessions) -> None:
    """A7: whatever breaks, the person gets an answer with a reference and the log has the same one."""
    broken = replace(building.business, store=None)  # type: ignore[arg-type]
    conversation = Conversation(broken, sessions, provider="testpay")
    with capture_logs() as logs:
        words = render(await say(conversation, "tenant-1", "balance"))
    assert logs[0]["event"] == "conversation_failed"
    assert logs[0]["reference"] in words


async def test_a_wait_has_an_end(building: Building, sessions: KeptSessions) -> None:
    """Y3: an answer that takes too long is given up, and the person is told."""

    class Stuck(KeptSessions):
        async def load(self, key: str) -> Mapping[str, object]:
            await asyncio.Event().wait()
            return {}

    conversation = Conversation(building.business, Stuck(), provider="testpay", within_s=0.05)
    assert "try again" in render(await say(conversation, "tenant-1", "balance"))


async def test_the_channel_learns_the_language(conversation: Conversation) -> None:
    """T1: a change of language is known to the channel at once."""
    await say(conversation, "tenant-1", "language zh")
    assert conversation.language_of("chat", "tenant-1") == "zh"
