"""Subscribe messages of a mini-program against a strict stand-in: one message for each yes, and the ladder goes on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bot.channels.wechat_api import WeChatApi
from bot.channels.wechat_mini import CHANNEL, MiniSender
from bot.channels.wechat_templates import templates_from
from chatwatt.wechat_checks import Alone
from prepaid.domain.errors import Refused
from prepaid.domain.notices import NoticeKind
from prepaid.domain.people import Address
from prepaid.domain.preferences import Preferences
from prepaid.ports import Sender
from prepaid.storage.driver import Database
from prepaid.usecases.deliver_notices import deliver_notices
from prepaid.usecases.set_preferences import set_preferences
from prepaid.usecases.show_alerts import show_alerts
from prepaid.usecases.subscriptions import MOST_LEFT, Answer, report_answers, show_quotas
from prepaid.usecases.tell import Crossing, tell_account
from sandbox.wechat_mini import APPID, BUSY, SECRET, SandboxWeChatMini
from tests.fakes.building import Building, RecordingSender, build
from tests.fakes.clock import ManualClock

LOW = "tmpl-low-1234"
TEMPLATES = templates_from(
    {
        "low_balance": {
            "template": LOW,
            "fields": {"thing1": "{label}", "amount2": "{balance_micro}", "thing3": "{text}"},
        }
    }
)


@asynccontextmanager
async def mini(building: Building) -> AsyncIterator[tuple[SandboxWeChatMini, MiniSender]]:
    """The sender and WeChat's side of it."""
    async with SandboxWeChatMini() as wechat:
        wechat.templates[LOW] = {"thing1", "amount2", "thing3"}
        api = WeChatApi(
            Alone(),
            Alone(),
            app_id=APPID,
            secret=SECRET,
            now=building.clock.now,
            base_url=wechat.base_url,
            timeout_s=30.0,
        )
        sender = MiniSender(api, building.business.store.quotas, TEMPLATES, page="pages/rooms/rooms")
        try:
            yield wechat, sender
        finally:
            await sender.close()


async def tell(building: Building, key: str) -> None:
    """One warning to the people of 101."""
    account = await building.business.store.sites.account("acc-1")
    assert account is not None
    crossing = Crossing(NoticeKind.LOW_BALANCE, key)
    params = {"balance_micro": 4_000_000, "level_micro": 5_000_000}
    await tell_account(building.business, account, building.site, crossing, params)


async def test_each_yes_is_one_message_and_without_one_the_next_channel_tells(
    database: Database, clock: ManualClock
) -> None:
    """N1, N2: a report of two yeses brings two messages; the third warning goes to the next rung, unasked."""
    building = await build(database, clock)
    tenant = await building.flat(1)
    await building.business.store.people.add_address(tenant.id, Address(channel=CHANNEL, user="openid-1"))
    await set_preferences(building.business, tenant, Preferences(channels=(CHANNEL, "chat")))
    chat = RecordingSender()
    async with mini(building) as (wechat, sender):
        senders: dict[str, Sender] = {CHANNEL: sender, "chat": chat}
        for _ in range(2):
            wechat.yeses["openid-1", LOW] += 1
            await report_answers(building.business, tenant, {LOW: Answer.ACCEPT}, {LOW})
        wechat.fail(BUSY)
        await tell(building, "busy")
        await deliver_notices(building.business, senders)
        assert await show_quotas(building.business, tenant) == {LOW: 2}
        wechat.fail(None)
        for key in ("a", "b", "c"):
            await tell(building, key)
            await deliver_notices(building.business, senders)
        values = [values["thing1"] for _, _, values in wechat.sent]
        assert values == ["101", "101"]
        assert [notice.id.split(":")[2] for _, notice, _ in chat.sent] == ["busy", "c"]
        assert await show_quotas(building.business, tenant) == {LOW: 0}
        assert (await show_alerts(building.business, tenant, "acc-1")).messages_left == 0


async def test_a_count_that_is_wrong_costs_one_call_and_never_grows_for_ever(
    database: Database, clock: ManualClock
) -> None:
    """N1, Y3: WeChat's no sets the count to none; a count has a top; templates of others are refused."""
    building = await build(database, clock)
    tenant = await building.flat(1)
    business = building.business
    await business.store.people.add_address(tenant.id, Address(channel=CHANNEL, user="openid-1"))
    async with mini(building) as (wechat, sender):
        for _ in range(3):
            await report_answers(business, tenant, {LOW: Answer.ACCEPT}, {LOW})
        await tell(building, "a")
        await deliver_notices(business, {CHANNEL: sender})
        assert (wechat.sent, await show_quotas(business, tenant)) == ([], {LOW: 0})
    for _ in range(MOST_LEFT + 2):
        await business.store.quotas.add(tenant.id, LOW, MOST_LEFT)
    assert await show_quotas(business, tenant) == {LOW: MOST_LEFT}
    assert await report_answers(business, tenant, {LOW: Answer.REJECT}, {LOW}) == {LOW: MOST_LEFT}
    assert await report_answers(business, tenant, {LOW: Answer.BAN}, {LOW}) == {LOW: 0}
    with pytest.raises(Refused):
        await report_answers(business, tenant, {"tmpl-other-1": Answer.ACCEPT}, {LOW})
