"""Every way a notice can go out, through every bad day, over real sockets: the next rung, bounded tries, one message.

A channel without a row here fails `test_no_channel_is_left_out`.
"""

from __future__ import annotations

import ast
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web

import bot.channels
from bot.channels.apprise_url import ANYWHERE, AppriseSender
from bot.channels.sms_aliyun import AliyunSms, SmsSender
from bot.channels.telegram import TelegramChannel
from bot.channels.webhook import WebhookSender
from bot.channels.wechat import WEBHOOK_PATH, WeChatChannel
from bot.channels.wechat_api import WeChatApi
from bot.channels.wechat_mini import MiniSender
from bot.channels.wechat_seal import Seal
from bot.channels.wechat_templates import templates_from
from bot.delivery import NoticeSender
from bot.outgoing import Sealer, open_session
from chatwatt.wechat_checks import Alone
from prepaid.domain.notices import MAX_ATTEMPTS, Notice, NoticeKind, NoticeState
from prepaid.domain.people import Address
from prepaid.domain.preferences import Preferences
from prepaid.ports import AddressKeeper, ReceiptingSender, Sender
from prepaid.storage.driver import Database
from prepaid.usecases import deliver_notices as delivery
from prepaid.usecases.dead_letters import dead_letters
from prepaid.usecases.deliver_notices import deliver_notices
from prepaid.usecases.gather_facts import gather_facts, warning_crossing
from prepaid.usecases.set_preferences import set_preferences
from prepaid.usecases.tell import Crossing, tell_account
from sandbox import sms_box
from sandbox.sms_box import ARRIVED, LOST, SmsBox
from sandbox.telegram import TelegramSandbox
from sandbox.wechat import AES_KEY, APP_ID, APP_SECRET, TOKEN, WeChatSandbox
from sandbox.wechat_mini import APPID, SECRET, SandboxWeChatMini
from sandbox.wechat_people import Window
from tests.contract.test_telegram_story import PlainSessions, Script, running
from tests.fakes.building import Building, RecordingSender, build
from tests.fakes.clock import ManualClock
from tests.fakes.front import Front, Weather, in_front
from tests.fakes.wechat_rig import PlainClaims, served

SEALER = Sealer(b"k" * 32)
TEMPLATE = "tmpl-balance-gone"
FIELDS = {"thing1": "{label}", "thing2": "{text}"}
BAD_DAYS = [day for day in Weather if day is not Weather.FINE]
PROMPT_S = 0.5
"""How long a channel may take in tests where it never answers."""


@dataclass(kw_only=True)
class Way:
    """One channel as it is used: what people saw of it, and what has it refuse somebody for good."""

    sender: Sender
    user: str
    shown: Callable[[], int]
    refuse: Callable[[], None]
    knows_again: bool = False
    """A message that comes twice is shown once, for it has an id of its own."""
    tells_refusals: bool = True
    lose: Callable[[], None] | None = None
    """Has messages that were taken never arrive, where the provider says so later."""
    told: Callable[[], Awaitable[None]] | None = None
    """Waits until the provider has said by itself what became of messages."""


Opened = AbstractAsyncContextManager[Way]


class Unhurried:
    """A pace without limits: what it is asked for is another test's."""

    async def admit(self, chat: str, *, bulk: bool) -> None:
        """At once."""

    async def pause(self, seconds: float) -> None:
        """Noted by nobody."""


@asynccontextmanager
async def telegram(building: Building, front: Front) -> AsyncIterator[Way]:
    """The bot; a person may block it."""
    del building
    async with TelegramSandbox() as sandbox:
        front.upstream, front.marks = sandbox.api_base, ("/sendMessage",)
        sandbox.screen(7)
        channel = TelegramChannel(
            Script(),
            PlainSessions(),
            token=sandbox.token,
            api_base=front.url,
            timeout_s=5.0,
            pace=Unhurried(),
            poll_s=1,
        )
        async with running(channel):
            await sandbox.wait_calls("getUpdates", 1)
            yield Way(
                sender=NoticeSender(channel),
                user="7",
                shown=lambda: len(sandbox.screen(7).texts),
                refuse=lambda: sandbox.block(7),
            )


def wechat(kind: str) -> Callable[[Building, Front], Opened]:
    """An official account; `kind` is by which of its three sorts of message the person can be reached."""

    @asynccontextmanager
    async def opened(building: Building, front: Front) -> AsyncIterator[Way]:
        now = building.clock.now
        async with WeChatSandbox(now) as sandbox:
            front.upstream = sandbox.api_base
            front.marks = ("/message/custom/send",) if kind == "service" else (f"/message/{kind}/",)
            sandbox.templates = {TEMPLATE: set(FIELDS)}
            person = sandbox.follower("o-1")
            person.follows = True
            if kind == "service":
                person.words = Window(sandbox.now_s() + 10_000, 5)
            person.yeses[TEMPLATE] = 20
            sessions, claims = PlainSessions(), PlainClaims()
            api = WeChatApi(sessions, claims, app_id=APP_ID, secret=APP_SECRET, now=now, base_url=front.url)
            entry = {"template": TEMPLATE, "fields": FIELDS, "subscription": kind == "subscribe"}
            channel = WeChatChannel(
                Script(),
                sessions,
                claims,
                app_id=APP_ID,
                seal=Seal(app_id=APP_ID, token=TOKEN, aes_key=AES_KEY, now=now),
                api=api,
                now=now,
                templates={} if kind == "service" else templates_from({"balance_gone": entry}),
            )

            def refuse() -> None:
                person.follows = False

            def lose() -> None:
                person.mutes = True

            async with served(channel.routes()) as base:
                sandbox.server_url = base + WEBHOOK_PATH
                try:
                    yield Way(
                        sender=channel.sender(),
                        user="o-1",
                        shown=lambda: len(person.shown),
                        refuse=refuse,
                        knows_again=kind == "template",
                        lose=lose if kind == "template" else None,
                        told=sandbox.told,
                    )
                finally:
                    await api.close()

    return opened


@asynccontextmanager
async def mini(building: Building, front: Front) -> AsyncIterator[Way]:
    """A mini-program; a person may have said no."""
    async with SandboxWeChatMini() as sandbox:
        front.upstream, front.marks = sandbox.base_url, ("/message/subscribe/",)
        sandbox.templates[TEMPLATE] = set(FIELDS)
        sandbox.yeses["o-1", TEMPLATE] = 20
        (person,) = await building.business.store.people.of_account("acc-1")
        for _ in range(20):
            await building.business.store.quotas.add(person.id, TEMPLATE, 100)
        api = WeChatApi(Alone(), Alone(), app_id=APPID, secret=SECRET, now=building.clock.now, base_url=front.url)
        templates = templates_from({"balance_gone": {"template": TEMPLATE, "fields": FIELDS}})
        sender = MiniSender(api, building.business.store.quotas, templates)
        try:
            yield Way(sender=sender, user="o-1", shown=lambda: len(sandbox.sent), refuse=sandbox.yeses.clear)
        finally:
            await sender.close()


@asynccontextmanager
async def sms(building: Building, front: Front) -> AsyncIterator[Way]:
    """Short messages; a number may be none."""
    box = SmsBox(state=ARRIVED)
    async with sms_box.serve(box) as url, open_session(private=True) as session:
        front.upstream, front.marks = url.rstrip("/"), ("Action=SendSms",)
        account = AliyunSms(
            key_id=box.key_id,
            key_secret=box.key_secret,
            sign="chatwatt",
            templates={"balance_gone": "SMS_1"},
            url=f"{front.url}/",
        )
        sender = SmsSender(session, SEALER, account, building.clock)

        def lose() -> None:
            box.state = LOST

        yield Way(
            sender=sender,
            user=await address(sender, "13812345678"),
            shown=lambda: len(box.messages),
            refuse=lambda: box.faults.append("isv.MOBILE_NUMBER_ILLEGAL"),
            lose=lose,
        )


@asynccontextmanager
async def webhook(building: Building, front: Front) -> AsyncIterator[Way]:
    """A program of the recipient's, which drops what it knows and may be gone."""
    del building
    ids: list[str] = []
    gone = False

    async def handle(request: web.Request) -> web.Response:
        if gone:
            return web.json_response({}, status=410)
        ids.append(request.headers["X-Chatwatt-Id"])
        return web.json_response({})

    def refuse() -> None:
        nonlocal gone
        gone = True

    async with served([web.post("/hook", handle)]) as url, open_session(private=True) as session:
        front.upstream = url
        sender = WebhookSender(session, SEALER, private=True)
        yield Way(
            sender=sender,
            user=await address(sender, f"{front.url}/hook"),
            shown=lambda: len(set(ids)),
            refuse=refuse,
            knows_again=True,
        )


def apprise(kind: str) -> Callable[[Building, Front], Opened]:
    """A push service; the library says of a failure only that it was one."""

    @asynccontextmanager
    async def opened(building: Building, front: Front) -> AsyncIterator[Way]:
        del building
        came: list[str] = []
        gone = False

        async def handle(request: web.Request) -> web.Response:
            if gone:
                return web.json_response({}, status=403)
            came.append(request.path)
            return web.json_response({"id": "1"})

        def refuse() -> None:
            nonlocal gone
            gone = True

        async with served([web.route("*", "/{tail:.*}", handle)]) as url:
            front.upstream = url
            sender = AppriseSender(SEALER, private=True)
            given = f"{front.url.replace('http', kind)}/token"
            yield Way(
                sender=sender,
                user=await address(sender, given),
                shown=lambda: len(came),
                refuse=refuse,
                tells_refusals=False,
            )

    return opened


WAYS: dict[str, Callable[[Building, Front], Opened]] = {
    "telegram": telegram,
    "wechat service": wechat("service"),
    "wechat template": wechat("template"),
    "wechat subscription": wechat("subscribe"),
    "wechat_mini": mini,
    "sms": sms,
    "webhook": webhook,
    "apprise bark": apprise("bark"),
    "apprise ntfy": apprise("ntfy"),
    "apprise gotify": apprise("gotify"),
}
TLS_TWINS = {"barks", "ntfys", "gotifys"}
"""The same code as without the "s", over TLS."""
NO_PLAIN_KIND = {"mailtos", "matrixs", "hassios"}
"""Only over TLS, and a failure is the library's same False."""
NOT_CARRIED = {"_blueprint.py", "browser.py", "terminal.py"}
"""The page and the console of ours, which nothing can refuse, and what is only copied."""
PARTS_OF_TELEGRAM = {"telegram_show.py", "telegram_threads.py"}
"""What the channel itself shows through."""


def sends(path: Path) -> bool:
    """Whether a class of the file is a `Sender`, or a `Channel` of `bot.delivery`."""
    methods = [each for each in ast.walk(ast.parse(path.read_text())) if isinstance(each, ast.AsyncFunctionDef)]
    names = {each.name: {argument.arg for argument in (*each.args.args, *each.args.kwonlyargs)} for each in methods}
    return "notice" in names.get("send", set()) or "reference" in names.get("show", set())


def test_no_channel_is_left_out() -> None:
    """N2: whatever can send a notice has a row above, and so has each kind of push service with a server of its own."""
    sending = {path.name for path in Path(bot.channels.__file__).parent.glob("*.py") if sends(path)}
    tested = {"telegram.py", "wechat_sender.py", "wechat_mini.py", "sms_aliyun.py", "webhook.py", "apprise_url.py"}
    assert sending - NOT_CARRIED - PARTS_OF_TELEGRAM == tested
    kinds = {name.partition(" ")[2] for name in WAYS if name.startswith("apprise")}
    assert kinds | TLS_TWINS | NO_PLAIN_KIND == ANYWHERE


async def address(sender: AddressKeeper, given: str) -> str:
    """As it is stored."""
    return (await sender.accept(given)).user


@dataclass
class Place:
    """A flat without credit whose tenant is reached by the channel of the row first."""

    building: Building
    front: Front
    way: Way
    chat: RecordingSender

    async def warn(self) -> None:
        """The warning that a cut has to wait for."""
        store = self.building.business.store
        account = await store.sites.account("acc-1")
        assert account is not None
        crossing = Crossing(NoticeKind.BALANCE_GONE, warning_crossing(await store.ledger.head("acc-1"), account))
        params: dict[str, str | int | bool | None] = {
            "balance_micro": -1_000_000,
            "at": self.building.clock.now().isoformat(),
        }
        assert await tell_account(self.building.business, account, self.building.site, crossing, params) == 1

    async def round(self, *, with_chat: bool) -> int:
        """One round of the outbox."""
        senders: dict[str, Sender] = {"way": self.way.sender}
        if with_chat:
            senders["chat"] = self.chat
        return await deliver_notices(self.building.business, senders)

    async def row(self) -> Notice:
        """The warning."""
        (row,) = await self.building.business.store.notices.of_account("acc-1", 5)
        return row

    async def until_ended(self, *, with_chat: bool) -> Notice:
        """Rounds until the row has an end, which comes within bounds."""
        for _ in range(4 * MAX_ATTEMPTS):
            await self.round(with_chat=with_chat)
            if self.way.told is not None:
                await self.way.told()
            row = await self.row()
            if row.state is not NoticeState.QUEUED:
                return row
            assert await self.warned_at() is None
            assert row.next_at is not None
            self.building.clock.at = max(row.next_at, self.building.clock.now()) + timedelta(milliseconds=1)
        raise AssertionError("the row never ended")

    async def warned_at(self) -> object:
        """What the policy of cuts takes for the end of the warning."""
        store = self.building.business.store
        account = await store.sites.account("acc-1")
        (meter,) = await store.meters.of_account("acc-1")
        assert account is not None
        supply = await self.building.supply(1)
        facts = await gather_facts(self.building.business, account, self.building.site, meter, supply)
        return facts.warned_at


@pytest.fixture(params=list(WAYS))
async def place(request: pytest.FixtureRequest, database: Database, clock: ManualClock) -> AsyncIterator[Place]:
    """The flat, once for each row."""
    building = await build(database, clock)
    tenant = await building.flat(1)
    async with in_front() as front, WAYS[request.param](building, front) as way:
        await building.business.store.people.add_address(tenant.id, Address(channel="way", user=way.user))
        await set_preferences(building.business, tenant, Preferences(channels=("way", "chat")))
        place = Place(building, front, way, RecordingSender())
        await place.warn()
        yield place
        await front.become(Weather.FINE)


async def test_a_good_day_is_one_message(place: Place) -> None:
    """N1: told once, by the channel that the person chose; the receipt, where there is one, ends it."""
    row = await place.until_ended(with_chat=True)
    assert (row.state, place.way.shown(), place.chat.sent) == (NoticeState.DELIVERED, 1, [])
    assert await place.warned_at() == row.done_at
    assert await place.round(with_chat=True) == 0
    assert place.way.shown() == 1


@pytest.mark.parametrize("day", BAD_DAYS)
async def test_a_bad_day_is_the_next_rung(place: Place, day: Weather, monkeypatch: pytest.MonkeyPatch) -> None:
    """N2: turned away, broken, silent or not there: the next channel tells in the same round."""
    monkeypatch.setattr(delivery, "SEND_S", PROMPT_S)
    await place.front.become(day)
    assert await place.round(with_chat=True) == 1
    assert len(place.chat.sent) == 1
    row = await place.row()
    assert row.state is NoticeState.DELIVERED
    assert await place.warned_at() == row.done_at


@pytest.mark.parametrize("day", [Weather.BUSY, Weather.BROKEN, Weather.NOBODY_THERE])
async def test_bad_days_without_an_end_are_a_dead_letter(place: Place, day: Weather) -> None:
    """N2: with no other channel the tries are bounded, the staff see what reached nobody, and the warning has ended."""
    await place.front.become(day)
    row = await place.until_ended(with_chat=False)
    assert (row.state, row.attempts, place.way.shown()) == (NoticeState.EXHAUSTED, MAX_ATTEMPTS, 0)
    (letter,) = await dead_letters(place.building.business, await place.building.operator())
    assert (letter.label, letter.why, letter.attempts) == ("101", row.why, MAX_ATTEMPTS)
    assert await place.warned_at() == row.done_at


@pytest.mark.parametrize("day", BAD_DAYS)
async def test_a_bad_day_that_ends_is_told_after_it(
    place: Place, day: Weather, monkeypatch: pytest.MonkeyPatch
) -> None:
    """N1: the row comes again on the same channel; where messages have an id of their own nobody sees two."""
    monkeypatch.setattr(delivery, "SEND_S", PROMPT_S)
    await place.front.become(day)
    assert await place.round(with_chat=False) == 0
    assert (await place.row()).attempts == 1
    monkeypatch.undo()
    await place.front.become(Weather.FINE)
    place.building.clock.advance(seconds=5)
    row = await place.until_ended(with_chat=False)
    assert row.state is NoticeState.DELIVERED
    doubled = day is Weather.ANSWER_LOST and not place.way.knows_again
    assert 1 <= place.way.shown() <= (2 if doubled else 1)


async def test_a_refusal_for_good_is_not_asked_again(place: Place) -> None:
    """N2: blocked, gone or without a yes: the next channel tells, and without one the row ends at once."""
    place.way.refuse()
    row = await place.until_ended(with_chat=False)
    assert row.state is NoticeState.EXHAUSTED
    assert row.attempts == (1 if place.way.tells_refusals else MAX_ATTEMPTS)
    assert place.way.shown() == 0
    assert len(await dead_letters(place.building.business, await place.building.operator())) == 1
    assert await place.warned_at() == row.done_at


async def test_a_late_no_is_the_next_rung(place: Place) -> None:
    """N2: what a channel took and says later to have lost is told by the next one, once, and only then it has ended."""
    if place.way.lose is None:
        assert await place.round(with_chat=True) == 1, "without receipts a message that was taken has ended"
        return
    assert isinstance(place.way.sender, ReceiptingSender)
    place.way.lose()
    assert await place.round(with_chat=True) == 0
    assert (await place.warned_at(), place.chat.sent) == (None, [])
    row = await place.until_ended(with_chat=True)
    assert (row.state, len(place.chat.sent)) == (NoticeState.DELIVERED, 1)
    assert await place.warned_at() == row.done_at
