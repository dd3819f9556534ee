"""A tenant and the real business over WeChat: the real conversation and stores, wechatpy and strict rules across."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from bot.channels.wechat_receipts import WITHIN_S, Receipts, reference_of
from bot.channels.wechat_templates import templates_from
from bot.conversations.runner import Conversation
from bot.texts import text
from chatwatt.commands.labels import DAY_S, labels_of, rooms_of
from chatwatt.labels import sheet
from prepaid.domain.delivery import Receipt
from prepaid.domain.errors import Refused
from prepaid.domain.notices import Notice, NoticeKind
from prepaid.domain.people import CODE_TTL_S, Address
from prepaid.domain.supply import Reported
from prepaid.ports import Sender
from prepaid.storage.claims import RedisClaims
from prepaid.storage.driver import Database
from prepaid.storage.redis_connection import connect_redis
from prepaid.storage.sessions import RedisSessions
from prepaid.usecases.deliver_notices import RECEIPT_EVERY_S, deliver_notices
from prepaid.usecases.issue_bind_code import issue_bind_code
from prepaid.usecases.record_switch import record_switch
from prepaid.usecases.take_notification import take_notification
from prepaid.usecases.work_inbox import work_inbox
from sandbox.wechat_people import Follower
from tests.contract.test_telegram_story import PlainSessions
from tests.fakes.building import Building, RecordingSender, build
from tests.fakes.clock import ManualClock
from tests.fakes.wechat_rig import Account, account

TEMPLATE, ASKED, ANY = "low_balance_template", "restored_template", "any_other_template"
TEMPLATES = templates_from(
    {
        "low_balance": {
            "template": TEMPLATE,
            "fields": {"thing1": "{label}", "amount2": "{balance_micro}", "time3": "{at}", "thing4": "{text}"},
        },
        "restored": {"template": ASKED, "subscription": True, "fields": {"thing1": "{label}", "thing2": "{text}"}},
        "default": {"template": ANY, "fields": {"thing1": "{label}", "thing2": "{text}"}},
    }
)


@dataclass(frozen=True, slots=True)
class House:
    """The building with a flat, a person without a binding, and WeChat between them."""

    building: Building
    wechat: Account
    tenant: Follower
    clock: ManualClock

    async def carry_notices(self) -> int:
        """A round of the outbox over this channel, and another when WeChat has told what became of the first."""
        senders = {"wechat": self.wechat.channel.sender()}
        delivered = await deliver_notices(self.building.business, senders)
        await self.wechat.sandbox.told()
        self.clock.advance(seconds=RECEIPT_EVERY_S)
        return delivered + await deliver_notices(self.building.business, senders)

    async def bind(self) -> None:
        """The tenant scans the code that the landlord shows, and follows."""
        code = await issue_bind_code(self.building.business, await self.building.operator(), "acc-1")
        ticket = await self.wechat.api.ticket(code, lasts_s=CODE_TTL_S)
        await self.tenant.follow(ticket.ticket)

    async def switched(self, *, on: bool) -> None:
        """The owner of the bus does what is wanted, and reads it back."""
        supply = await self.building.supply(1)
        assert supply.wanted.on is on
        reported = Reported(on=on, at=self.clock.now())
        await record_switch(self.building.business, supply.meter_id, supply.wanted.generation, reported)

    async def notice(self, kind: NoticeKind, number: int) -> None:
        """Queues a notice to the tenant."""
        person = await self.building.business.store.people.at("wechat", self.tenant.openid, language="zh")
        now = self.clock.now()
        params: dict[str, str | int | bool | None] = {
            "at": now.isoformat(),
            "time_zone": "Asia/Shanghai",
            "label": "Room 101 beyond the long corridor",
            "balance_micro": 4_560_000,
            "level_micro": 5_000_000,
        }
        await self.building.business.store.notices.queue(
            Notice(
                id=f"n{number}", kind=kind, person_id=person.id, account_id="acc-1", at=now, params=params, next_at=now
            )
        )


@pytest.fixture
async def house(database: Database, clock: ManualClock, redis_url: str, redis_prefix: str) -> AsyncIterator[House]:
    """Flat 101 with 0.12 yuan, and a tenant who does not follow yet."""
    building = await build(database, clock)
    await building.flat(1, balance_micro=120_000, tenant=False)
    redis = connect_redis(redis_url)
    sessions = RedisSessions(redis, prefix=redis_prefix)
    conversation = Conversation(building.business, sessions, provider="testpay")
    claims = RedisClaims(redis, prefix=redis_prefix)
    async with account(conversation, sessions, claims, clock, templates=TEMPLATES) as wechat:
        wechat.sandbox.templates = {
            TEMPLATE: {"thing1", "amount2", "time3", "thing4"},
            ASKED: {"thing1", "thing2"},
            ANY: {"thing1", "thing2"},
        }
        yield House(building, wechat, wechat.sandbox.follower("o-tenant-7"), clock)
        assert wechat.sandbox.complaints == []
    await redis.aclose()


async def test_a_tenant_scans_binds_and_pays_until_the_power_is_on(house: House) -> None:
    """S1, N2, N4: scan, bind, warned and cut, top-up by numbers, and the thread up to "power is on", each once."""
    tenant, building = house.tenant, house.building
    assert await house.wechat.sandbox.verify_url()
    await house.bind()
    assert "101" in tenant.texts[-1]
    await tenant.press("balance")
    assert "¥0.12" in tenant.texts[-1]
    await building.read(1, 1_000)
    await building.read(1, 1_300)
    assert await house.carry_notices()
    await building.read(1, 1_310)
    await building.read(1, 1_320)
    await house.switched(on=False)
    assert await house.carry_notices()
    # A press opens one minute only, so what came later came by template.
    assert [message.way for message in tenant.shown] == ["reply", "reply", "template", "template"]
    await tenant.say("充值 50")
    assert "¥50.00" in tenant.texts[-1]
    await tenant.say("1")
    waiting = tenant.texts[-1]
    order = await building.order(waiting.split("pay:")[1].split()[0])
    assert await take_notification(building.business, building.row(building.payment(order)))
    assert await work_inbox(building.business) == 1
    await house.switched(on=True)
    while await house.carry_notices():
        pass
    told = [message.text for message in tenant.shown if message.way == "service"]
    assert sum(text("zh", "thread.power_on.done") in each for each in told) == 1
    assert sum("pay:cw" in each for each in tenant.texts) == 1


async def test_a_notice_goes_free_while_it_may_then_by_template_and_only_once(house: House) -> None:
    """N1: five free messages within two days, then the operator's template, which a repeated try does not double."""
    await house.bind()
    await house.tenant.say("余额")
    for number in range(6):
        await house.notice(NoticeKind.LOW_BALANCE, number)
    while await house.carry_notices():
        pass
    ways = [message.way for message in house.tenant.shown]
    # A scan had opened three and the words five: eight are free.
    assert ways == ["reply", "reply", *["service"] * 6]
    house.clock.advance(hours=49)
    await house.notice(NoticeKind.LOW_BALANCE, 10)
    house.wechat.sandbox.fail("message/template/send", -1)
    assert await house.carry_notices() == 0
    house.clock.advance(seconds=30)
    assert await house.carry_notices() == 1
    last = house.tenant.shown[-1]
    assert last.way == "template"
    assert "¥4.56" in last.text


async def test_a_subscription_is_sent_for_each_yes_and_no_more(house: House) -> None:
    """N1: one message for each yes that the person gave, however often WeChat tells of it; else it is exhausted."""
    await house.bind()
    for _ in range(2):
        await house.tenant.subscribe_once(ASKED)  # In one second: the second one is a repetition.
    house.clock.advance(hours=49)
    for number in (1, 2):
        await house.notice(NoticeKind.RESTORED, number)
    assert await house.carry_notices() == 1
    assert [message.way for message in house.tenant.shown][-1] == "subscription"
    house.clock.advance(hours=1)
    assert await house.carry_notices() == 0
    await house.tenant.subscribe_once(ASKED)
    await house.notice(NoticeKind.RESTORED, 3)
    assert await house.carry_notices() == 1
    house.clock.advance(hours=1)
    await house.tenant.subscribe_once(ASKED)
    await house.tenant.turned_down(ASKED)
    await house.notice(NoticeKind.RESTORED, 4)
    assert await house.carry_notices() == 0


async def test_a_template_that_is_blocked_goes_on_to_the_next_channel(house: House) -> None:
    """N2: WeChat tells later that a person takes no templates, and then the next channel is tried, once."""
    await house.bind()
    business, recorder = house.building.business, RecordingSender()
    person = await business.store.people.at("wechat", house.tenant.openid, language="zh")
    assert await business.store.people.add_address(person.id, Address(channel="chat", user="next"))
    house.tenant.mutes = True
    house.clock.advance(hours=49)
    await house.notice(NoticeKind.LOW_BALANCE, 1)
    senders: dict[str, Sender] = {"wechat": house.wechat.channel.sender(), "chat": recorder}
    assert await deliver_notices(business, senders) == 0
    assert recorder.sent == []
    await house.wechat.sandbox.told()
    house.clock.advance(seconds=RECEIPT_EVERY_S)
    assert await deliver_notices(business, senders) == 1
    assert [user for user, _, _ in recorder.sent] == ["next"]
    assert all(message.way != "template" for message in house.tenant.shown)


async def test_silence_about_a_template_is_a_yes_in_the_end(clock: ManualClock) -> None:
    """Y2: a receipt that was lost with Redis sends nobody a second message on another channel."""
    receipts = Receipts(PlainSessions(), "app", clock.now)
    sent_at = clock.now()
    assert await receipts.of(reference_of("1"), sent_at) is Receipt.UNKNOWN
    clock.advance(seconds=WITHIN_S - 30)
    assert await receipts.of(reference_of("1"), sent_at) is Receipt.ARRIVED
    await receipts.told("1", arrived=False)
    assert await receipts.of(reference_of("1"), sent_at) is Receipt.LOST


async def test_an_old_code_binds_nobody_and_who_has_left_is_not_written_to(house: House) -> None:
    """A5, N1: a code that is over binds nothing, and to a person who follows no more every notice ends exhausted."""
    code = await issue_bind_code(house.building.business, await house.building.operator(), "acc-1")
    ticket = await house.wechat.api.ticket(code, lasts_s=7 * 24 * 3600)
    house.clock.advance(seconds=CODE_TTL_S + 1)
    await house.tenant.follow(ticket.ticket)
    await house.tenant.press("balance")
    assert all("0.12" not in text for text in house.tenant.texts)
    await house.tenant.leave()
    before = len(house.tenant.shown)
    await house.notice(NoticeKind.RESTORED, 1)
    assert await house.carry_notices() == 0
    assert len(house.tenant.shown) == before


async def test_a_printed_label_binds_the_first_who_scans_it(house: House) -> None:
    """A5: a label's code is scanned into a binding once, holds for its days, and is made for free rooms only."""
    business, sandbox = house.building.business, house.wechat.sandbox
    await house.building.flat(2, balance_micro=5_000_000, tenant=True)
    assert [room.id for room in await rooms_of(business, "acme/maple", everybody=True)] == ["acc-1", "acc-2"]
    with pytest.raises(Refused, match=r"refused\.not_found"):
        await rooms_of(business, "acme/elm", everybody=True)
    rooms = await rooms_of(business, "acme/maple", everybody=False)
    assert [room.id for room in rooms] == ["acc-1"]
    (label,) = await labels_of(business, rooms, 14 * DAY_S, bot="maple_bot", wechat=house.wechat.api)
    assert dict(label.links)["telegram"] == f"https://t.me/maple_bot?start={label.code}"
    assert sheet([label] * 9, "zh").startswith(b"%PDF-")
    house.clock.advance(days=13)
    ticket = sandbox.behind(dict(label.links)["wechat"])
    await house.tenant.follow(ticket)
    assert "101" in house.tenant.texts[-1]
    late = sandbox.follower("o-late-8")
    await late.follow(ticket)
    await late.press("balance")
    assert all("0.12" not in words for words in late.texts)
    assert await rooms_of(business, "acme/maple", everybody=False) == []
