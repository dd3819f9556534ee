"""Every way a notice goes out, each with its provider's stand-in behind a front that has bad days."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from aiohttp import web

from bot.channels.apprise_url import AppriseSender
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
from prepaid.ports import AddressKeeper, Sender
from sandbox import sms_box
from sandbox.sms_box import ARRIVED, LOST, SmsBox
from sandbox.telegram import TelegramSandbox
from sandbox.wechat import AES_KEY, APP_ID, APP_SECRET, TOKEN, WeChatSandbox
from sandbox.wechat_mini import APPID, SECRET, SandboxWeChatMini
from sandbox.wechat_people import Window
from tests.contract.test_telegram_story import PlainSessions, Script, running
from tests.fakes.building import Building
from tests.fakes.front import Front
from tests.fakes.wechat_rig import PlainClaims, served

SEALER = Sealer(b"k" * 32)
TEMPLATE = "tmpl-balance-gone"
FIELDS = {"thing1": "{label}", "thing2": "{text}"}


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


async def address(sender: AddressKeeper, given: str) -> str:
    """As it is stored."""
    return (await sender.accept(given)).user


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

            async with served(channel.routes()) as base:
                sandbox.server_url = base + WEBHOOK_PATH
                try:
                    yield Way(
                        sender=channel.sender(),
                        user="o-1",
                        shown=lambda: len(person.shown),
                        refuse=lambda: setattr(person, "follows", False),
                        knows_again=kind == "template",
                        lose=(lambda: setattr(person, "mutes", True)) if kind == "template" else None,
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
