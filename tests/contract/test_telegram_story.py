"""The Telegram channel over real HTTP against the strict stand-in: a tenant's story, order, repeats and groups."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from bot.channels.telegram import TelegramChannel
from bot.channels.telegram_intake import Unreachable
from bot.conversations.inbound import Attached, Inbound, Thing
from bot.conversations.parts import (
    Button,
    Buttons,
    KeyValueTable,
    Link,
    Part,
    PayQR,
    ProgressThread,
    Row,
    Step,
    StepState,
    Text,
)
from sandbox.telegram import TelegramSandbox

GROUP = -100_200


class PlainSessions:
    """Session state in a dictionary, as it would outlive a process."""

    def __init__(self) -> None:
        self.kept: dict[str, Mapping[str, object]] = {}

    async def load(self, key: str) -> Mapping[str, object]:
        return self.kept.get(key, {})

    async def save(self, key: str, state: Mapping[str, object], *, ttl_s: int) -> None:
        self.kept[key] = state


class Script:
    """A conversation that answers by a table and remembers what it heard."""

    def __init__(self) -> None:
        self.heard: list[Inbound] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def hear(self, inbound: Inbound) -> Sequence[Part]:
        self.heard.append(inbound)
        if inbound.text == "slow":
            await self.gate.wait()
        if not inbound.private:
            return [Text(body="in private please")]
        return ANSWERS.get(inbound.action or inbound.text or "", [Text(body=f"heard {inbound.text}")])


def thread(stage: str, *, uri: str | None = None) -> list[Part]:
    """The payment thread at a stage, with its QR code while it is to be paid."""
    done = StepState.DONE if stage == "paid" else StepState.DOING
    steps = (Step(text="payment", state=done, clock="12:00:00"),)
    parts: list[Part] = [ProgressThread(thread="cw1", stage=stage, title=f"Top-up {stage}", lines=steps)]
    if uri is not None:
        parts.append(PayQR(uri=uri, amount="¥50.00", order_id="cw1", caption="Scan to pay"))
    return parts


ANSWERS: dict[str, Sequence[Part]] = {
    "/help": [Buttons(prompt="What now?", buttons=(Button(label="Balance", action="balance"),))],
    "/start ABCD2345": [Text(body="Bound to <101> & more")],
    "balance": [KeyValueTable(title="Room 101", rows=(Row(label="Balance", value="¥12.34"),))],
    "/topup 50": [
        Buttons(
            prompt="Top up ¥50.00?", buttons=(Button(label="Yes", action="yes:3"), Button(label="No", action="no:3"))
        )
    ],
    "yes:3": thread("waiting", uri="weixin://wxpay/bizpayurl?pr=abc"),
}


def channel_for(
    sandbox: TelegramSandbox, conversation: Script, sessions: PlainSessions, **more: Any
) -> TelegramChannel:
    """A channel in polling mode that tries again soon."""
    return TelegramChannel(
        conversation,
        sessions,
        token=more.pop("token", sandbox.token),
        api_base=sandbox.api_base,
        poll_s=1,
        timeout_s=2.0,
        unreachable=Unreachable(first_s=0.01, last_s=0.05),
        **more,
    )


@asynccontextmanager
async def running(channel: TelegramChannel) -> AsyncIterator[None]:
    """Runs a channel and stops it in order."""
    stop = asyncio.Event()
    task = asyncio.create_task(channel.run(stop))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(task, 10)


@pytest.fixture
async def sandbox() -> AsyncIterator[TelegramSandbox]:
    """Telegram on a free port."""
    async with TelegramSandbox() as running_sandbox:
        yield running_sandbox


async def test_a_tenant_binds_asks_and_tops_up(sandbox: TelegramSandbox) -> None:
    """One chat, from the first help to the QR code, all through buttons and commands; presses are answered."""
    script, tenant = Script(), sandbox.user(7)
    async with running(channel_for(sandbox, script, PlainSessions())):
        await tenant.say("/help")
        await tenant.wait_message(lambda m: m.labels == ["Balance"])
        await tenant.say("/start ABCD2345")
        bound = await tenant.wait_message(lambda m: "Bound" in m.text)
        assert bound.text == "Bound to <101> & more"
        await tenant.press("Balance")
        await tenant.wait_message(lambda m: "¥12.34" in m.text)
        assert await tenant.wait_answer(1) == ""
        await tenant.say("/topup 50")
        await tenant.wait_message(lambda m: "Yes" in m.labels)
        await tenant.press("Yes")
        await tenant.wait_message(lambda m: "Top-up waiting" in m.text)
        await tenant.wait_message(lambda m: m.photo is not None and "¥50.00" in m.text)
        await sandbox.wait_confirmed()
    assert [(heard.channel, heard.user, heard.private) for heard in script.heard] == [("telegram", "7", True)] * 5
    assert script.heard[0].language == "zh"


async def test_the_payment_thread_edits_itself_and_takes_its_code_away(sandbox: TelegramSandbox) -> None:
    """The thread stays one message; once it is paid, nobody can scan its code again."""
    tenant = sandbox.user(7)
    channel = channel_for(sandbox, Script(), PlainSessions())
    async with running(channel):
        await tenant.say("hello")
        await tenant.wait_message(lambda m: "heard" in m.text)
        reference = await channel.show("7", thread("waiting", uri="weixin://pay"), reference=None)
        first = await tenant.wait_message(lambda m: "waiting" in m.text)
        again = await channel.show("7", thread("waiting", uri="weixin://pay"), reference=reference)
        assert again == reference
        assert await channel.show("7", thread("paid"), reference=reference) == str(first.id)
        paid = await tenant.wait_message(lambda m: "paid" in m.text)
    assert (paid.id, paid.edits) == (first.id, 1)
    assert [message.photo for message in tenant.screen.newest()] == [None, None]


async def test_notices_go_on_in_the_message_that_the_conversation_began(sandbox: TelegramSandbox) -> None:
    """The answer to a confirmed top-up and the notices after it are one message, also after a restart."""
    tenant, sessions = sandbox.user(7), PlainSessions()
    async with running(channel_for(sandbox, Script(), sessions)):
        await tenant.say("yes:3")
        begun = await tenant.wait_message(lambda m: "Top-up waiting" in m.text)
        await tenant.wait_message(lambda m: m.photo is not None)
        await sandbox.wait_confirmed()
    channel = channel_for(sandbox, Script(), sessions)
    async with running(channel):
        await sandbox.wait_calls("getMe", 2)
        await asyncio.gather(*(channel.show("7", thread("paid"), reference=None) for _ in range(3)))
    assert [(message.id, message.edits) for message in tenant.screen.newest()] == [(begun.id, 1)]


async def test_a_deleted_thread_message_is_sent_anew(sandbox: TelegramSandbox) -> None:
    """A thread whose message the person deleted goes on in a new message."""
    tenant = sandbox.user(7)
    channel = channel_for(sandbox, Script(), PlainSessions())
    async with running(channel):
        await tenant.say("hello")
        await tenant.wait_message(lambda m: "heard" in m.text)
        reference = await channel.show("7", thread("waiting"), reference=None)
        tenant.screen.shown.clear()
        moved = await channel.show("7", thread("paid"), reference=reference)
        assert moved != reference
        assert await channel.show("7", thread("waiting"), reference="of another release") != moved


async def test_a_repeated_update_is_handled_once(sandbox: TelegramSandbox) -> None:
    """A4: an update that Telegram brings twice, also after a restart, is answered once."""
    script, sessions, tenant = Script(), PlainSessions(), sandbox.user(7)
    body = {"message_id": 1, "date": 1, "chat": tenant.screen.chat, "from": tenant.as_json, "text": "once"}
    update = {"update_id": 50_000, "message": body}
    async with running(channel_for(sandbox, script, sessions)):
        await sandbox.deliver_again(update)
        await sandbox.deliver_again(update)
        await tenant.wait_message(lambda m: "once" in m.text)
        await sandbox.wait_confirmed()
    async with running(channel_for(sandbox, script, sessions)):
        await sandbox.deliver_again(update)
        await sandbox.wait_confirmed()
    assert [heard.text for heard in script.heard] == ["once"]
    assert tenant.screen.texts == ["heard once"]


async def test_the_order_of_a_chat_is_kept_while_others_go_on(sandbox: TelegramSandbox) -> None:
    """What one person says is answered in order, and a slow answer keeps nobody else waiting."""
    script, slow, quick = Script(), sandbox.user(7), sandbox.user(8)
    script.gate.clear()
    async with running(channel_for(sandbox, script, PlainSessions())):
        await slow.say("slow")
        await slow.say("second")
        await quick.say("quick")
        await quick.wait_message(lambda m: m.text == "heard quick")
        assert slow.screen.texts == []
        script.gate.set()
        await slow.wait_message(lambda m: m.text == "heard second")
    assert slow.screen.texts == ["heard slow", "heard second"]


async def test_a_group_gets_an_answer_only_when_it_asks_and_never_in_private_terms(sandbox: TelegramSandbox) -> None:
    """A1: in a group only commands and mentions are heard, and they are heard as not private."""
    script, tenant = Script(), sandbox.user(7)
    async with running(channel_for(sandbox, script, PlainSessions())):
        await tenant.say("nice weather", group=GROUP)
        await tenant.say("/balance@other_bot", group=GROUP)
        await tenant.say("/balance@chatwatt_bot", group=GROUP)
        await tenant.wait_message(lambda m: m.text == "in private please", group=GROUP)
        await tenant.press_data("balance", 1, group=GROUP)
        assert await tenant.wait_answer(1, 30.0)
        await sandbox.wait_confirmed()
    heard = [(inbound.text, inbound.action, inbound.private) for inbound in script.heard]
    assert heard == [("/balance", None, False)]  # A press of what we never offered is refused at the button.


async def test_an_odd_update_stops_nobody(sandbox: TelegramSandbox) -> None:
    """An update that cannot be read is passed over, and a sticker is heard as one."""
    script, tenant = Script(), sandbox.user(7)
    async with running(channel_for(sandbox, script, PlainSessions())):
        await sandbox.deliver("message", {"chat": {"id": 7}, "from": "nobody"})
        await sandbox.deliver("poll_answer", {"what": "ever"})
        picture = {"file_id": "f", "file_unique_id": "u", "width": 1, "height": 1}
        sticker = {**picture, "is_animated": False, "is_video": False, "type": "regular"}
        base = {"message_id": 1, "date": 1, "chat": tenant.screen.chat, "from": tenant.as_json}
        await sandbox.deliver("message", {**base, "sticker": sticker})
        await tenant.wait_message(lambda m: m.text == "heard None")
        await sandbox.wait_confirmed()
    assert [heard.attached for heard in script.heard] == [Attached(thing=Thing.OTHER)]


async def test_menus_are_set_for_each_language(sandbox: TelegramSandbox) -> None:
    """The command menu exists in Chinese and, for everybody else, in English; setting it again changes nothing."""
    for _ in range(2):
        async with running(channel_for(sandbox, Script(), PlainSessions())):
            await sandbox.wait_calls("getUpdates", 1)
    names = {key: {command["command"] for command in menu} for key, menu in sandbox.commands.items()}
    assert set(names) == {("all_private_chats", ""), ("all_private_chats", "zh")}
    assert all({"balance", "recharge", "help"} <= commands for commands in names.values())
    assert all("cut" not in commands for commands in names.values())
    assert sandbox.commands["all_private_chats", ""] != sandbox.commands["all_private_chats", "zh"]


@pytest.mark.parametrize(
    ("url", "chat", "button"),
    [
        ("https://power.example/overview/open/x", 7, {"web_app": {"url": "https://power.example/overview/open/x"}}),
        ("https://power.example/overview/open/x", GROUP, {"url": "https://power.example/overview/open/x"}),
        ("http://power.example/overview/open/x", 7, {"url": "http://power.example/overview/open/x"}),
        ("http://127.0.0.1:8080/overview/open/x", 7, None),
        ("https://localhost/overview/open/x", 7, None),
        ("https://10.0.0.7/overview/open/x", GROUP, None),
    ],
)
async def test_a_page_is_opened_in_the_chat_where_telegram_can(
    sandbox: TelegramSandbox, url: str, chat: int, button: dict[str, object] | None
) -> None:
    """FEATURES A6: inside a private chat over https, by a plain link elsewhere; the address also stands in words."""
    screen = sandbox.screen(chat)
    channel = channel_for(sandbox, Script(), PlainSessions())
    async with running(channel):
        await sandbox.wait_calls("getUpdates", 1)
        await channel.show(str(chat), [Link(label="Open", url=url, page=True)], reference=None)
    (shown,) = screen.newest()
    assert shown.text == url
    assert shown.keyboard == ([] if button is None else [[{"text": "Open", **button}]])
