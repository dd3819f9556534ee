"""Short messages, webhooks and push services over real HTTP: signatures, bad days, late receipts, secret addresses."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import timedelta

import aiohttp
import pytest
from aiohttp import web

from bot.channels.apprise_url import AppriseSender, Notify
from bot.channels.sms_aliyun import AliyunSms, SmsSender, signature
from bot.channels.webhook import WebhookSender
from bot.outgoing import PublicResolver, Sealer, is_public, open_session
from chatwatt.web import serve
from prepaid.domain.delivery import Receipt
from prepaid.domain.errors import Refused, TryAgain, Unknown
from prepaid.domain.notices import Notice, NoticeKind, NoticeState, Stage
from prepaid.domain.people import Address, Person
from prepaid.domain.preferences import Preferences
from prepaid.ports import Sender
from prepaid.storage.driver import Database
from prepaid.usecases.add_contact import add_contact, drop_contact
from prepaid.usecases.deliver_notices import deliver_notices
from prepaid.usecases.set_preferences import set_preferences
from prepaid.usecases.tell import Crossing, tell_account
from sandbox import sms_box
from sandbox.sms_box import ARRIVED, LOST, WAITING, SmsBox
from tests.fakes.building import Building, RecordingSender, build
from tests.fakes.clock import EPOCH, ManualClock

SEALER = Sealer(b"k" * 32)
PHONE = "138 1234 5678"
TEMPLATES = {"cut_done": "SMS_1", "low_balance": "SMS_2", "payment_thread.power_on": "SMS_3"}
PERSON = Person(id="p1", language="zh")


def notice(kind: NoticeKind = NoticeKind.CUT_DONE, stage: Stage | None = None) -> Notice:
    """A row of the outbox."""
    params: dict[str, str | int | bool | None] = {
        "label": "Flat 7",
        "time_zone": "Asia/Shanghai",
        "balance_micro": -1_230_000,
        "at": EPOCH.isoformat(),
    }
    return Notice(id=f"{kind}:1", kind=kind, person_id="p1", account_id="a", at=EPOCH, params=params, stage=stage)


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """A client that may reach loopback."""
    async with open_session(private=True) as opened:
        yield opened


@pytest.fixture
async def box() -> AsyncIterator[tuple[SmsBox, AliyunSms]]:
    """The sandbox, and an account there."""
    sandbox = SmsBox()
    async with sms_box.serve(sandbox) as url:
        account = AliyunSms(
            key_id=sandbox.key_id, key_secret=sandbox.key_secret, sign="chatwatt", templates=TEMPLATES, url=url
        )
        yield sandbox, account


@dataclass
class Hook:
    """A program that is told; it checks signatures as our page says that one should."""

    secret: str = ""
    answers: deque[int] = field(default_factory=deque)
    heard: list[dict[str, object]] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    hang: asyncio.Event | None = None

    async def handle(self, request: web.Request) -> web.Response:
        if self.hang is not None:
            await self.hang.wait()
        body, stamp = await request.read(), request.headers["X-Chatwatt-Timestamp"]
        mac = hmac.new(self.secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
        assert request.headers["X-Chatwatt-Signature"] == f"v1={mac}"
        self.heard.append(json.loads(body))
        self.ids.append(request.headers["X-Chatwatt-Id"])
        return web.Response(status=self.answers.popleft() if self.answers else 204)


def test_aliyuns_own_example_of_a_signature() -> None:
    """The RPC signature is the one that Aliyun's documentation works out for its example request."""
    fields = {
        "Timestamp": "2016-02-23T12:46:24Z",
        "Format": "XML",
        "AccessKeyId": "testid",
        "Action": "DescribeRegions",
        "SignatureMethod": "HMAC-SHA1",
        "SignatureNonce": "3ee8c1b8-83d3-44af-a94f-4e0ad82fd6cf",
        "Version": "2014-05-26",
        "SignatureVersion": "1.0",
    }
    assert signature("GET", fields, "testsecret") == "OLeaidS1JvxuMvnyHOwuJ+uX5qY="


async def test_a_short_message_on_good_and_bad_days(
    session: aiohttp.ClientSession, box: tuple[SmsBox, AliyunSms]
) -> None:
    """N1: signed, with the approved template; later, refused and unknown are told apart; a receipt may come late."""
    sandbox, account = box
    sender = SmsSender(session, SEALER, account, ManualClock())
    address = Address(channel="sms", user=(await sender.accept(PHONE)).user)
    assert "1381234" not in address.user
    reference = await sender.send(address, notice(), PERSON, reference=None)
    (sms,) = sandbox.messages
    assert (sms.phone, sms.template, sms.variables["room"]) == ("13812345678", "SMS_1", "Flat 7")
    assert set(sms.variables) == {"room", "balance", "time"}
    for state, receipt in ((WAITING, Receipt.UNKNOWN), (LOST, Receipt.LOST), (ARRIVED, Receipt.ARRIVED)):
        sandbox.state = state
        assert await sender.receipt(address, reference, EPOCH) is receipt
    faults: list[tuple[int | str, type[Exception]]] = [
        (429, TryAgain),
        (503, TryAgain),
        ("isv.BUSINESS_LIMIT_CONTROL", TryAgain),
        ("isp.SYSTEM_ERROR", TryAgain),
        ("isv.MOBILE_NUMBER_ILLEGAL", Refused),
    ]
    for fault, trouble in faults:
        sandbox.faults.append(fault)
        with pytest.raises(trouble):
            await sender.send(address, notice(), PERSON, reference=None)
    with pytest.raises(Refused, match=r"refused\.no_template"):
        await sender.send(address, notice(NoticeKind.PAYMENT_THREAD, Stage.WAITING), PERSON, reference=None)
    assert len(sandbox.messages) == 1
    for wrong in ("12345", "028 1234567", "+1 212 555 0100"):
        with pytest.raises(Refused, match=r"refused\.phone"):
            await sender.accept(wrong)


async def test_a_dead_or_silent_server_is_told_apart(
    box: tuple[SmsBox, AliyunSms], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A timeout is not a failure: nobody there is "later", no answer is "unknown"."""
    sandbox, account = box
    monkeypatch.setattr("bot.outgoing.TIMEOUT", aiohttp.ClientTimeout(total=0.3))
    async with open_session(private=True) as hasty:
        sender = SmsSender(hasty, SEALER, account, ManualClock())
        address = Address(channel="sms", user=(await sender.accept(PHONE)).user)
        sandbox.faults.append("hang")
        with pytest.raises(Unknown):
            await sender.send(address, notice(), PERSON, reference=None)
        gone = SmsSender(
            hasty,
            SEALER,
            AliyunSms(key_id="k", key_secret="s", sign="c", templates=TEMPLATES, url="http://127.0.0.1:9/"),
            ManualClock(),
        )
        with pytest.raises(TryAgain):
            await gone.send(address, notice(), PERSON, reference=None)


async def test_a_webhook_is_signed_and_its_answers_are_understood(session: aiohttp.ClientSession) -> None:
    """N1: the receiver can check who sent it and whether it came before; 4xx refuses, 429 and 5xx come again."""
    hook = Hook()
    async with serve([web.post("/hook", hook.handle)], host="127.0.0.1", port=0) as port:
        sender = WebhookSender(session, SEALER, private=True)
        accepted = await sender.accept(f"http://127.0.0.1:{port}/hook")
        hook.secret, address = accepted.secret, Address(channel="webhook", user=accepted.user)
        for _ in range(2):
            await sender.send(address, notice(), PERSON, reference=None)
        assert len(set(hook.ids)) == 1
        assert hook.heard[0]["kind"] == "cut_done"
        assert hook.heard[0]["figures"]["balance_micro"] == -1_230_000  # type: ignore[index]
        assert "Flat 7" in str(hook.heard[0]["text"])
        for status, trouble in ((429, TryAgain), (500, TryAgain), (410, Refused), (302, Refused), (400, Refused)):
            hook.answers.append(status)
            with pytest.raises(trouble):
                await sender.send(address, notice(), PERSON, reference=None)
    other = WebhookSender(session, Sealer(b"o" * 32), private=True)
    with pytest.raises(Refused, match=r"refused\.address_unreadable"):
        await other.send(address, notice(), PERSON, reference=None)


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/x",
        "https://10.0.0.3/x",
        "https://[::1]/x",
        "https://[::ffff:192.168.1.1]/",
        "https://169.254.169.254/latest/meta-data",
        "https://localhost/x",
        "https://meter.local/x",
        "https://0x7f000001/",
        "https://127.1/",
        "http://example.com/",
        "file:///etc/passwd",
        "https://exa mple.com:99999/",
        "https:///x",
    ],
)
async def test_no_address_leads_into_our_own_network(session: aiohttp.ClientSession, url: str) -> None:
    """A5: an address that names a private network, or is of another kind, is refused before anything is sent."""
    with pytest.raises(Refused):
        await WebhookSender(session, SEALER, private=False).accept(url)
    with pytest.raises(Refused):
        await AppriseSender(SEALER, private=False).accept(url.replace("https", "ntfys"))


async def test_a_name_that_resolves_inwards_leads_nowhere() -> None:
    """A5: what a public name resolves to is looked at when connecting, so that it cannot change in between."""
    with pytest.raises(OSError, match="private"):
        await PublicResolver().resolve("localhost", 443)
    assert is_public("1.1.1.1")
    assert not is_public("100.64.0.1")


async def test_push_services_are_taken_by_kind_and_kept_sealed() -> None:
    """A5: only services on the list are taken, and the stored address shows nothing of the URL; a failure is later."""
    sent: list[tuple[str, str]] = []
    works = True

    def opener(url: str) -> Notify:
        assert url == "ntfys://push.example.org/topic"

        def notify(title: str, body: str) -> bool:
            sent.append((title, body))
            return works

        return notify

    sender = AppriseSender(SEALER, private=True, opener=opener)
    accepted = await sender.accept("ntfys://push.example.org/topic")
    assert "example" not in accepted.user
    address = Address(channel="apprise", user=accepted.user)
    await sender.send(address, notice(), PERSON, reference=None)
    await sender.send(address, notice(NoticeKind.PAYMENT_THREAD, Stage.WAITING), PERSON, reference=None)
    assert [title for title, _ in sent] == ["Flat 7"]
    works = False
    with pytest.raises(TryAgain):
        await sender.send(address, notice(), PERSON, reference=None)
    for wrong in ("exec://rm", "syslog://", "json://example.org", "windows://"):
        with pytest.raises(Refused):
            await AppriseSender(SEALER, private=True).accept(wrong)
    assert (await AppriseSender(SEALER, private=True).accept("bark://push.example.org/key")).user


async def test_a_late_receipt_falls_to_the_next_channel(
    database: Database, clock: ManualClock, session: aiohttp.ClientSession, box: tuple[SmsBox, AliyunSms]
) -> None:
    """N2: a person adds a number, prefers it; no receipt in time, so the chat tells too; the number can go again."""
    sandbox, account = box
    building: Building = await build(database, clock)
    actor = await building.flat(1)
    chat, sms = RecordingSender(), SmsSender(session, SEALER, account, clock)
    senders: dict[str, Sender] = {"chat": chat, "sms": sms}
    building.business = replace(building.business, contacts={"sms": sms})
    with pytest.raises(Refused, match=r"refused\.message_channel"):
        await add_contact(building.business, actor, "chat", "x")
    await add_contact(building.business, actor, "sms", PHONE)
    await set_preferences(building.business, actor, Preferences(channels=("sms",)))
    flat = await building.business.store.sites.account("acc-1")
    assert flat is not None
    params = {"balance_micro": 0}
    await tell_account(building.business, flat, building.site, Crossing(NoticeKind.CUT_DONE, "c1"), params)
    assert await deliver_notices(building.business, senders) == 0
    assert len(sandbox.messages) == 1
    clock.advance(seconds=11)
    assert await deliver_notices(building.business, senders) == 0
    assert (sandbox.asked, len(chat.sent)) == (1, 0)
    clock.at += timedelta(seconds=sms.receipt_within_s)
    assert await deliver_notices(building.business, senders) == 1
    assert len(chat.sent) == 1
    (row,) = await building.business.store.notices.of_account("acc-1", 5)
    assert row.state is NoticeState.DELIVERED
    assert await drop_contact(building.business, actor, "sms") == 1
    with pytest.raises(Refused, match=r"refused\.last_address"):
        await drop_contact(building.business, actor, "chat")
