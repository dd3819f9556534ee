"""A tenant and the real business over Telegram: the real conversation, the real stores, the strict stand-in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest

from bot.channels.telegram import TelegramChannel
from bot.channels.telegram_intake import Unreachable
from bot.conversations.runner import Conversation
from bot.delivery import NoticeSender
from chatwatt.importing.reader import SentLists
from prepaid.domain.notices import Notice, NoticeKind
from prepaid.storage.driver import Database
from prepaid.storage.redis_connection import connect_redis
from prepaid.storage.sessions import RedisSessions
from prepaid.usecases.deliver_notices import deliver_notices
from prepaid.usecases.issue_bind_code import issue_bind_code
from prepaid.usecases.take_notification import take_notification
from prepaid.usecases.work_inbox import work_inbox
from sandbox.telegram import TelegramSandbox
from sandbox.telegram_people import SandboxUser
from tests.contract.test_telegram_story import GROUP, running
from tests.fakes.building import Building, build
from tests.fakes.clock import ManualClock


@dataclass(frozen=True, slots=True)
class House:
    """The building with a flat, a person without a binding, and Telegram between them."""

    building: Building
    channel: TelegramChannel
    sandbox: TelegramSandbox
    tenant: SandboxUser
    code: str

    async def carry_notices(self) -> int:
        """One round of the outbox over this channel."""
        return await deliver_notices(self.building.business, {"telegram": NoticeSender(self.channel)})


@pytest.fixture
async def house(database: Database, clock: ManualClock, redis_url: str, redis_prefix: str) -> AsyncIterator[House]:
    """Flat 101 with 12.34 yuan; its bind code is in the tenant's hand."""
    building = await build(database, clock)
    await building.flat(1, balance_micro=12_340_000, tenant=False)
    code = await issue_bind_code(building.business, await building.operator(), "acc-1")
    redis = connect_redis(redis_url)
    sessions = RedisSessions(redis, prefix=redis_prefix)
    building.business = replace(building.business, lists=SentLists())
    conversation = Conversation(building.business, sessions, provider="testpay")
    async with TelegramSandbox() as sandbox:
        channel = TelegramChannel(
            conversation,
            sessions,
            token=sandbox.token,
            api_base=sandbox.api_base,
            poll_s=1,
            unreachable=Unreachable(first_s=0.01, last_s=0.05),
        )
        conversation.take_files("telegram", channel.fetch)
        async with running(channel):
            yield House(building, channel, sandbox, sandbox.user(7, language="en-GB"), code)
    await redis.aclose()


async def bind(house: House) -> None:
    """The tenant opens the deep link of the code."""
    await house.tenant.say(f"/start {house.code}")
    await house.tenant.wait_message(lambda m: "101" in m.text)


async def test_a_tenant_binds_looks_and_pays_in_one_thread(house: House) -> None:
    """N4, FEATURES N3: deep link, balance, top-up with a confirmation, and a thread that edits itself to its end."""
    tenant = house.tenant
    await bind(house)
    await tenant.say("/balance")
    await tenant.wait_message(lambda m: "¥12.34" in m.text)
    await tenant.say("/recharge 50")
    asked = await tenant.wait_message(lambda m: "¥50.00" in m.text and len(m.labels) == 2)
    await tenant.press(asked.labels[0])
    qr = await tenant.wait_message(lambda m: m.photo is not None)
    waiting = await tenant.wait_message(lambda m: "pay:cw" in m.text)
    assert "¥50.00" in qr.text
    await house.sandbox.wait_confirmed()
    await pay(house, waiting.text.split("pay:")[1].split()[0])
    while await house.carry_notices():
        pass
    ended = await tenant.wait_message(lambda m: m.id == waiting.id and "¥62.34" in m.text)
    assert ended.edits >= 1
    assert sum("pay:cw" in text for text in tenant.screen.texts) == 1
    assert all(message.photo is None for message in tenant.screen.newest())


async def test_use_comes_as_a_picture_and_the_bill_as_a_file(house: House) -> None:
    """T1: the chart is a photograph, the month's lines are a document that a spreadsheet opens."""
    tenant = house.tenant
    await bind(house)
    await house.building.read(1, 10_000)
    await house.building.read(1, 12_500, advance_s=3_600)
    await tenant.say("/usage")
    chart = await tenant.wait_message(lambda m: m.photo is not None)
    assert "101" in chart.text
    await tenant.say("monthly bill")
    bill = await tenant.wait_message(lambda m: "Balance after" in m.text)
    await tenant.press(next(label for label in bill.labels if "Excel" in label))
    sheet = await tenant.wait_message(lambda m: m.photo is not None and m.photo.startswith(b"PK"))
    assert "101" in sheet.text


async def pay(house: House, order_id: str) -> None:
    """The provider says that the order was paid, and the money is credited."""
    building = house.building
    order = await building.business.store.orders.get(order_id)
    assert order is not None
    assert await take_notification(building.business, building.row(building.payment(order)))
    assert await work_inbox(building.business) == 1


async def test_a_stranger_sees_nothing_and_a_group_hears_no_balance(house: House) -> None:
    """A1: without a binding there is no balance, and in a group there is none even with one."""
    stranger = house.sandbox.user(8, language="en")
    await stranger.say("/balance")
    await stranger.wait_message(lambda m: "bind" in m.text.lower())
    await bind(house)
    await house.tenant.say("/balance@chatwatt_bot", group=GROUP)
    await house.tenant.wait_message(lambda m: bool(m.text), group=GROUP)
    await house.sandbox.wait_confirmed()
    said = [*stranger.screen.texts, *house.sandbox.screen(GROUP).texts]
    assert len(said) == 2
    assert all("12.34" not in text for text in said)


async def test_a_person_who_blocked_the_bot_holds_up_nobody(house: House) -> None:
    """N1: a notice to a blocked chat ends exhausted and the others are delivered in the same round."""
    await bind(house)
    other = house.sandbox.user(8, language="en")
    await other.say("/help")
    await other.wait_message(lambda m: bool(m.text))
    await house.sandbox.wait_confirmed()
    house.sandbox.block(7)
    business = house.building.business
    for user in ("7", "8"):
        person = await business.store.people.at("telegram", user, language="en")
        params = {
            "gateway_id": "gw-1",
            "at": business.clock.now().isoformat(),
            "time_zone": "Asia/Shanghai",
            "label": "101",
        }
        await business.store.notices.queue(
            Notice(
                id=f"n{user}",
                kind=NoticeKind.GATEWAY_BACK,
                person_id=person.id,
                account_id=None,
                at=business.clock.now(),
                params=params,
            )
        )
    assert await house.carry_notices() == 1
    await other.wait_message(lambda m: "gw-1" in m.text)
    assert await house.carry_notices() == 0
