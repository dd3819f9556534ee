"""What the staff does in chat, over the real use cases and store: two persons, one act, and what is in the books."""

from __future__ import annotations

import re

import pytest

from bot.conversations.inbound import Inbound
from bot.conversations.runner import Conversation
from bot.rendering.plain import render
from prepaid.domain.access import Role
from prepaid.domain.tariffs import plan_of
from prepaid.storage.driver import Database
from tests.fakes.building import SITE, Building, build
from tests.fakes.clock import ManualClock
from tests.unit.test_bot_runner import KeptSessions

FIRST, SECOND, TELLER = f"staff-acme-{Role.OWNER}", f"staff-acme-{Role.MANAGER}", f"staff-acme-{Role.FINANCE}"


@pytest.fixture
async def building(database: Database, clock: ManualClock) -> Building:
    """One flat in debt; an owner, a manager and a teller."""
    building = await build(database, clock)
    await building.flat(1, balance_micro=-5_000_000)
    for role in (Role.OWNER, Role.MANAGER, Role.FINANCE):
        await building.operator(role=role)
    return building


class Desk:
    """Says words and reads the answer."""

    def __init__(self, building: Building) -> None:
        self._conversation = Conversation(building.business, KeptSessions(), provider="testpay")

    async def say(self, user: str, *words: str) -> str:
        """The answer to the last of the words."""
        shown = ""
        for each in words:
            parts = await self._conversation.hear(Inbound(channel="chat", user=user, text=each))
            shown = render(parts)
        return shown

    async def press(self, user: str, *actions: str) -> str:
        """The answer to the last of the buttons."""
        shown = ""
        for each in actions:
            shown = render(await self._conversation.hear(Inbound(channel="chat", user=user, action=each)))
        return shown


async def test_cash_above_the_limit_waits_for_another_person(building: Building) -> None:
    """A6, M5: a large sum is credited once, by the word of a second person who saw exactly what it is."""
    desk = Desk(building)
    assert "101" in await desk.say(TELLER, "arrears")
    asked = await desk.say(TELLER, "take cash for 101", "1200", "cash", "yes")
    number = re.findall(r"ap_[0-9a-f]+", asked)[0]
    assert await building.balance_micro(1) == -5_000_000
    own = await desk.say(TELLER, f"approve {number}")
    assert "another person" in own
    assert "¥1,200.00" in await desk.say(FIRST, f"approve {number}")
    assert "done" in await desk.say(FIRST, "agree")
    assert await building.balance_micro(1) == 1_195_000_000
    assert "Do you agree" not in await desk.say(SECOND, f"approve {number}")
    assert "Nobody owes" in await desk.say(TELLER, "arrears")
    assert "¥1,200.00" in await desk.say(TELLER, "desk list")


async def test_a_price_is_shown_agreed_to_and_in_force(building: Building) -> None:
    """A6, M12: the version that a second person agreed to in chat is the newest of the site's plan."""
    desk = Desk(building)
    words = ("0.62, above 200 0.70", "as soon as it is agreed to", "the grid asks more", "yes")
    asked = await desk.say(FIRST, "change the price", *words)
    number = re.findall(r"ap_[0-9a-f]+", asked)[0]
    await desk.say(SECOND, f"approve {number}")
    assert "done" in await desk.say(SECOND, "yes")
    site = await building.business.store.sites.site(SITE)
    assert site is not None
    newest = plan_of(site.tariff).versions[-1]
    assert [(step.above_wh, step.prices[0].price_micro) for step in newest.steps] == [(0, 620_000), (200_000, 700_000)]


async def test_a_gap_in_a_price_list_is_named_at_once(building: Building) -> None:
    """A6: no day is asked for a list that leaves hours without a price, and the list is asked for again."""
    desk = Desk(building)
    shown = await desk.say(FIRST, "change the price", "peak 0.86 8-11 18-23, valley 0.31 23-7")
    assert "no price from 07:00 to 08:00" in shown
    assert "as soon as" not in shown
    assert "from when?" in await desk.say(FIRST, "peak 0.86 8-11 18-23, valley 0.31 23-7, flat 0.56")


async def test_a_declined_correction_moves_nothing(building: Building) -> None:
    """A6: the second person says no with a reason, and the balance stays; the trail shows who asked what."""
    desk = Desk(building)
    asked = await desk.say(TELLER, "adjust 101", "-300", "goodwill", "typed wrongly", "yes")
    number = re.findall(r"ap_[0-9a-f]+", asked)[0]
    assert "Declined" in await desk.say(FIRST, f"/decline {number}", "the sign is wrong")
    assert await building.balance_micro(1) == -5_000_000
    assert "Nothing waits" in await desk.say(SECOND, "approvals")
