"""A provider that says "later" again and again, over sockets: every row ends, and what matters goes another way."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import pytest

from bot.channels.telegram_pace import TelegramPace
from bot.channels.wechat_allowances import Allowances
from bot.channels.wechat_api import WeChatApi
from bot.channels.wechat_files import Files
from bot.channels.wechat_media import Media
from bot.channels.wechat_pace import TOO_MANY_CALLS, WeChatPace, wechat_windows
from bot.channels.wechat_receipts import Receipts
from bot.channels.wechat_sender import Messages, WeChatSender
from bot.delivery import NoticeSender
from bot.pace import WindowPace
from prepaid.domain.delivery import PATIENCE
from prepaid.domain.notices import MAX_ATTEMPTS, RETRY_S, Lane, Notice, NoticeKind, NoticeState
from prepaid.domain.people import Address
from prepaid.domain.preferences import Preferences
from prepaid.ports import Sender
from prepaid.storage.driver import Database
from prepaid.usecases.deliver_notices import deliver_notices
from prepaid.usecases.gather_facts import warning_crossing
from prepaid.usecases.set_preferences import set_preferences
from prepaid.usecases.tell import Crossing, tell_account
from sandbox.telegram import TelegramSandbox
from sandbox.wechat import APP_ID, APP_SECRET, WeChatSandbox
from sandbox.wechat_people import Window
from tests.contract.test_telegram_story import PlainSessions, Script, channel_for, running
from tests.fakes.building import Building, RecordingSender, build
from tests.fakes.clock import ManualClock
from tests.fakes.wechat_rig import PlainClaims

FOR_GOOD = 10_000
RETRIES = timedelta(seconds=sum(RETRY_S))


@dataclass
class Crowded:
    """A provider that takes nothing until it is told to."""

    sender: Sender
    user: str
    asked: Callable[[], int]
    """Messages that came as far as the provider."""
    shown: Callable[[], int]
    relent: Callable[[], None]


@asynccontextmanager
async def telegram(clock: ManualClock, silent_s: float = 3_600.0) -> AsyncIterator[Crowded]:
    """A bot that Telegram tells to be silent for so long, each time that it speaks."""
    async with TelegramSandbox() as sandbox:
        pace = TelegramPace(monotonic=clock.monotonic)
        channel = channel_for(sandbox, Script(), PlainSessions(), pace=pace)
        async with running(channel):
            await sandbox.wait_calls("getUpdates", 1)
            screen = sandbox.screen(7)
            sandbox.flood(silent_s)
            yield Crowded(
                sender=NoticeSender(channel),
                user="7",
                asked=lambda: len([call for call in sandbox.calls if call.method == "sendMessage"]),
                shown=lambda: len(screen.texts),
                relent=lambda: sandbox.flood(0.0),
            )


@asynccontextmanager
async def wechat(clock: ManualClock) -> AsyncIterator[Crowded]:
    """An account whose every minute had too many calls."""
    async with WeChatSandbox(clock.now) as sandbox:
        person = sandbox.follower("o-1")
        person.follows = True
        person.words = Window(sandbox.now_s() + 100_000, 5_000)
        sessions, claims = PlainSessions(), PlainClaims()
        pace = WeChatPace(clock.now, pace=WindowPace(wechat_windows, monotonic=clock.monotonic))
        api = WeChatApi(sessions, claims, app_id=APP_ID, secret=APP_SECRET, now=clock.now, base_url=sandbox.api_base)
        allowances = Allowances(sessions, APP_ID, clock.now)
        await allowances.words("o-1", "event-1")
        messages = Messages(api, allowances, Media(api, Files(sessions, APP_ID, "")), pace)
        sender = WeChatSender(api, allowances, Receipts(sessions, APP_ID, clock.now), {}, messages)
        path = "message/custom/send"
        sandbox.fail(path, TOO_MANY_CALLS, times=FOR_GOOD)
        try:
            yield Crowded(
                sender=sender,
                user="o-1",
                asked=lambda: len([call for call, _ in sandbox.calls if call == path]),
                shown=lambda: len(person.shown),
                relent=lambda: sandbox.mend(path),
            )
        finally:
            await api.close()


@dataclass
class Place:
    """A flat without credit, whose tenant chose the crowded provider before the chat."""

    building: Building
    crowded: Crowded
    chat: RecordingSender

    async def tell(self, kind: NoticeKind) -> None:
        """One notice; a balance that is gone under the crossing that a cut waits for."""
        store = self.building.business.store
        account = await store.sites.account("acc-1")
        assert account is not None
        gone = kind is NoticeKind.BALANCE_GONE
        crossing = warning_crossing(await store.ledger.head("acc-1"), account) if gone else "c1"
        params: dict[str, str | int | bool | None] = {
            "balance_micro": -1_000_000,
            "level_micro": 20_000_000,
            "at": self.building.clock.now().isoformat(),
        }
        assert await tell_account(self.building.business, account, self.building.site, Crossing(kind, crossing), params)

    async def row(self) -> Notice:
        """As it stands."""
        (row,) = await self.building.business.store.notices.of_account("acc-1", 5)
        return row

    async def until(self, *, with_chat: bool, at_most: timedelta) -> timedelta:
        """Rounds, each when the row comes again, until it has ended; how long that took by the clock."""
        senders: dict[str, Sender] = {"way": self.crowded.sender, **({"chat": self.chat} if with_chat else {})}
        began = self.building.clock.now()
        while True:
            await deliver_notices(self.building.business, senders)
            row, now = await self.row(), self.building.clock.now()
            if row.state is not NoticeState.QUEUED:
                return now - began
            assert row.next_at is not None
            assert await self.building.warned_at(1) is None
            assert now - began <= at_most, "the row has no end"
            self.building.clock.advance(seconds=max((row.next_at - now).total_seconds(), 0.0) + 0.001)


@pytest.fixture(params=[telegram, wechat], ids=["telegram", "wechat"])
async def place(request: pytest.FixtureRequest, database: Database, clock: ManualClock) -> AsyncIterator[Place]:
    """The flat, once for each provider that may say "later"."""
    building = await build(database, clock)
    tenant = await building.flat(1)
    opened: AbstractAsyncContextManager[Crowded] = request.param(clock)
    async with opened as crowded:
        await building.business.store.people.add_address(tenant.id, Address(channel="way", user=crowded.user))
        await set_preferences(building.business, tenant, Preferences(channels=("way", "chat")))
        yield Place(building, crowded, RecordingSender())


@pytest.mark.parametrize("kind", [NoticeKind.RESTORED, NoticeKind.CUT_DONE, NoticeKind.BALANCE_GONE])
async def test_what_somebody_waits_for_goes_another_way_soon(place: Place, kind: NoticeKind) -> None:
    """N1, N2: "later" for longer than a minute and a half, and the next channel tells; the first is not asked twice."""
    await place.tell(kind)
    passed = await place.until(with_chat=True, at_most=PATIENCE[Lane.PROMPT])
    assert passed <= PATIENCE[Lane.PROMPT]
    row = await place.row()
    assert (row.state, row.attempts, len(place.chat.sent), place.crowded.shown()) == (NoticeState.DELIVERED, 0, 1, 0)
    assert place.crowded.asked() <= 2, "a provider that asks for silence is left in peace"
    if kind is NoticeKind.BALANCE_GONE:
        assert await place.building.warned_at(1) == row.done_at


async def test_a_warning_without_another_way_ends_all_the_same(place: Place) -> None:
    """N2: the cut waits for the warning and the warning has an end: a dead letter after the bounded tries."""
    await place.tell(NoticeKind.BALANCE_GONE)
    most = PATIENCE[Lane.PROMPT] + RETRIES + timedelta(minutes=1)
    await place.until(with_chat=False, at_most=most)
    row = await place.row()
    assert (row.state, row.attempts, row.why) == (NoticeState.EXHAUSTED, MAX_ATTEMPTS, "try_again.channel")
    assert await place.building.warned_at(1) == row.done_at


@pytest.mark.parametrize("place", [telegram], indirect=True, ids=["telegram"])
async def test_what_is_told_to_many_waits_for_hours_and_not_for_ever(place: Place) -> None:
    """N2, Y3: it stays on the channel that the person chose for six hours, asks seldom meanwhile, and then goes on."""
    await place.tell(NoticeKind.LOW_BALANCE)
    passed = await place.until(with_chat=True, at_most=PATIENCE[Lane.BULK])
    assert PATIENCE[Lane.BULK] - timedelta(hours=1, minutes=1) < passed <= PATIENCE[Lane.BULK]
    assert (len(place.chat.sent), place.crowded.shown()) == (1, 0)
    assert place.crowded.asked() <= PATIENCE[Lane.BULK] / timedelta(hours=1) + 1


async def test_a_later_that_passes_is_no_failure(place: Place) -> None:
    """N1: held back and then taken by the channel that was chosen; what was counted for it is a message, not a try."""
    await place.tell(NoticeKind.LOW_BALANCE)
    senders: dict[str, Sender] = {"way": place.crowded.sender, "chat": place.chat}
    assert await deliver_notices(place.building.business, senders) == 0
    row = await place.row()
    assert (row.held_since, row.attempts) == (place.building.clock.now(), 0)
    place.crowded.relent()
    await place.until(with_chat=True, at_most=timedelta(hours=1, minutes=1))
    assert ((await place.row()).state, place.crowded.shown(), place.chat.sent) == (NoticeState.DELIVERED, 1, [])


@pytest.mark.parametrize("place", [partial(telegram, silent_s=15.0)], indirect=True, ids=["telegram"])
async def test_a_pause_longer_than_an_answer_may_take_is_no_failure(place: Place) -> None:
    """N1, N2: silent for a quarter of a minute, the row goes back at once and no other channel tells meanwhile."""
    await place.tell(NoticeKind.RESTORED)
    senders: dict[str, Sender] = {"way": place.crowded.sender, "chat": place.chat}
    assert await deliver_notices(place.building.business, senders) == 0
    row = await place.row()
    assert (row.held_since, row.attempts, place.chat.sent) == (place.building.clock.now(), 0, [])
    place.crowded.relent()
    await place.until(with_chat=True, at_most=timedelta(seconds=20))
    assert ((await place.row()).state, place.crowded.shown(), place.chat.sent) == (NoticeState.DELIVERED, 1, [])
