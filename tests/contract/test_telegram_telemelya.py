"""A tenant's whole story over HTTP with telemelya, a stand-in for Telegram that nobody here wrote.

`make telegram-peer` installs it and runs this; elsewhere it is skipped until that was done once.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.channels.telegram import WEBHOOK_PATH, Mode, TelegramChannel
from bot.channels.telegram_intake import Unreachable
from bot.conversations.runner import Conversation
from bot.delivery import NoticeSender
from prepaid.storage.driver import Database
from prepaid.storage.redis_connection import connect_redis
from prepaid.storage.sessions import RedisSessions
from prepaid.usecases.deliver_notices import deliver_notices
from prepaid.usecases.issue_bind_code import issue_bind_code
from prepaid.usecases.take_notification import take_notification
from prepaid.usecases.work_inbox import work_inbox
from tests.contract.test_telegram_story import running
from tests.contract.test_telegram_webhook import OpenPace
from tests.fakes.building import Building, build
from tests.fakes.clock import ManualClock
from tests.fakes.telemelya import PACKAGES, SECRET, TOKEN, Answer, Telemelya, relay, telemelya
from tests.fakes.tool_folder import is_there, tool_folder
from tests.fakes.wechat_rig import served


@pytest.fixture
async def folder() -> Path:
    """Where telemelya is."""
    if not is_there(PACKAGES) and "CHATWATT_TEST_TELEMELYA" not in os.environ:
        pytest.skip(f"{PACKAGES[0]} is not installed: make telegram-peer")
    return await tool_folder(PACKAGES, alone=False)


class Opened(Unreachable):
    """Tells when the channel has introduced itself and named its webhook."""

    def __init__(self) -> None:
        super().__init__(first_s=0.01, last_s=0.05)
        self.event = asyncio.Event()

    def answered(self) -> None:
        """Telegram has answered."""
        super().answered()
        self.event.set()


def says(method: str, *words: str) -> Callable[[Answer], bool]:
    """Whether the bot has called that method with these words."""

    def wanted(answer: Answer) -> bool:
        said = str(answer.get("text") or answer.get("caption") or "")
        return answer["method"] == method and all(word in said for word in words)

    return wanted


@dataclass(frozen=True, slots=True)
class House:
    """The building with a flat, Telegram by telemelya, and the channel between them."""

    building: Building
    channel: TelegramChannel
    peer: Telemelya
    code: str

    async def paid(self, order_id: str) -> None:
        """The provider says that the order was paid, the money is credited, and the tenant is told."""
        business = self.building.business
        order = await self.building.order(order_id)
        assert await take_notification(business, self.building.row(self.building.payment(order)))
        assert await work_inbox(business) == 1
        while await deliver_notices(business, {"telegram": NoticeSender(self.channel)}):
            pass


@pytest.fixture
async def house(
    folder: Path, database: Database, clock: ManualClock, redis_url: str, redis_prefix: str
) -> AsyncIterator[House]:
    """Flat 101 with 12.34 yuan; its bind code is in the tenant's hand."""
    building = await build(database, clock)
    await building.flat(1, balance_micro=12_340_000, tenant=False)
    code = await issue_bind_code(building.business, await building.operator(), "acc-1")
    redis, opened, ours = connect_redis(redis_url), Opened(), list[str]()
    sessions = RedisSessions(redis, prefix=redis_prefix)
    async with (
        telemelya(folder, redis_url) as peer,
        served(relay(lambda: ours[0] + WEBHOOK_PATH)) as door,
    ):
        channel = TelegramChannel(
            Conversation(building.business, sessions, provider="testpay"),
            sessions,
            token=TOKEN,
            api_base=peer.url,
            mode=Mode.WEBHOOK,
            webhook_url=f"{door}/relay",
            webhook_secret=SECRET,
            pace=OpenPace(),
            timeout_s=30.0,
            unreachable=opened,
        )
        async with served(channel.routes()) as base, running(channel):
            ours.append(base)
            async with asyncio.timeout(30):
                await opened.event.wait()
            yield House(building, channel, peer, code)
    await redis.aclose()


async def test_a_tenant_binds_looks_and_pays_until_the_end(house: House) -> None:
    """N4, FEATURES N3: deep link, balance, use as a picture, top-up by a button, and the thread that edits itself."""
    peer = house.peer
    await peer.say(command=f"/start {house.code}")
    await peer.wait(says("sendMessage", "101"))
    await peer.say(text="余额")
    await peer.wait(says("sendMessage", "¥12.34"))
    await house.building.read(1, 10_000)
    await house.building.read(1, 12_500, advance_s=3_600)
    await peer.say(command="/usage")
    chart = await peer.wait(says("sendPhoto", "101"))
    assert (await peer.photo(chart["file_id"])).startswith(b"\x89PNG")
    await peer.say(text="充值 50")
    asked = await peer.wait(says("sendMessage", "¥50.00"))
    await peer.say(callback_data=asked["reply_markup"]["inline_keyboard"][0][0]["callback_data"])
    waiting = await peer.wait(says("sendMessage", "pay:cw"))
    code = await peer.wait(says("sendPhoto", "¥50.00"))
    assert (await peer.photo(code["file_id"])).startswith(b"\x89PNG")
    await house.paid(waiting["text"].split("pay:")[1].split("<")[0].split()[0])
    ended = await peer.wait(says("editMessageText", "¥"))
    assert ended["message_id"] == waiting["message_id"]
