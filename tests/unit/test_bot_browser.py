"""The chat page's endpoint: only local pages get in, history replays, a thread is one message, all is bounded."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from bot.channels import browser_link, terminal
from bot.channels.browser import MOST_FILE_BYTES, BrowserAct, BrowserChannel, BrowserUser
from bot.channels.browser_link import MAX_MESSAGE_BYTES
from bot.channels.browser_room import KEPT, KEPT_FILES, Room
from bot.channels.terminal import chat
from bot.conversations.parts import Part, ProgressThread, Step, StepState, Text
from prepaid.domain.errors import Refused
from prepaid.domain.notices import Stage
from tests.fakes.rehearsed_chat import RehearsedChat

USERS = (BrowserUser(id="anna", label="101"), BrowserUser(id="ben", label="102", language="en"))
WAIT_S = 5


@dataclass
class Page:
    """The channel on a port of its own."""

    stage: RehearsedChat
    channel: BrowserChannel
    port: int
    client: aiohttp.ClientSession
    paid: list[str] = field(default_factory=list)
    done: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    async def open(self, user: str = "ben", **headers: str) -> aiohttp.ClientWebSocketResponse:
        """A socket of a user."""
        return await self.client.ws_connect(f"{self.url}/chat/ws?user={user}", headers=headers)


@pytest.fixture
async def page(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Page]:
    """The channel over the rehearsed conversation."""
    monkeypatch.setattr(browser_link, "STATUS_EVERY_S", 0.01)
    stage = RehearsedChat()
    paid: list[str] = []

    async def pay(uri: str) -> bool:
        paid.append(uri)
        return True

    done: list[str] = []

    async def act(user: str) -> None:
        done.append(user)

    acts = [BrowserAct(name="load", call=act), BrowserAct(name="gateway", call=act, staff=True)]
    channel = BrowserChannel(stage, USERS, status=stage.status, pay=pay, acts=acts)
    app = web.Application()
    app.add_routes(channel.routes())
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with aiohttp.ClientSession() as client:
        yield Page(stage, channel, runner.addresses[0][1], client, paid, done)
    await channel.close()
    await runner.cleanup()


async def until(socket: aiohttp.ClientWebSocketResponse, kind: str, **wanted: str) -> dict[str, Any]:
    """The next message of that type (and, for messages, that sender)."""
    async with asyncio.timeout(WAIT_S):
        while True:
            data: dict[str, Any] = json.loads(await socket.receive_str())
            if data["type"] == kind and wanted.items() <= data.get("message", {}).items():
                return data


def thread(stage: str) -> ProgressThread:
    """A payment thread at a stage."""
    return ProgressThread(thread="t1", stage=stage, title="t", lines=(Step(text=stage, state=StepState.DONE),))


async def test_what_is_said_is_answered(page: Page) -> None:
    """FEATURES O3: a word typed on the page is answered by the conversation."""
    socket = await page.open()
    await socket.send_json({"say": "balance"})
    answer = await until(socket, "message", **{"from": "bot"})
    assert answer["message"]["parts"][0]["kind"] == "table"


async def test_a_page_that_comes_back_sees_what_it_missed(page: Page) -> None:
    """Y1: the history replays on every connection, bounded to the newest."""
    for number in range(KEPT + 5):
        await page.channel.show("ben", [Text(body=str(number))], reference=None)
    hello = await until(await page.open(), "hello")
    bodies = [message["parts"][0]["body"] for message in hello["history"]]
    assert bodies == [str(number) for number in range(5, KEPT + 5)]


async def test_a_thread_is_one_message_and_never_goes_back(page: Page) -> None:
    """FEATURES N3: whoever shows the thread edits the one message, and a late row is ignored."""
    first = await page.channel.show("ben", [thread("waiting")], reference=None)
    assert await page.channel.show("ben", [thread("power_on")], reference=None) == first
    assert await page.channel.show("ben", [thread("paid")], reference=first) == first
    hello = await until(await page.open(), "hello")
    assert [message["parts"][0]["stage"] for message in hello["history"]] == ["power_on"]


async def test_the_lamp_is_pushed_when_it_changes(page: Page) -> None:
    """FEATURES O3: the page is told of the supply once, and again only when it changes."""
    socket = await page.open()
    assert (await until(socket, "status"))["status"]["on"] is False
    page.stage.rooms["a102"].on = True
    assert (await until(socket, "status"))["status"]["on"] is True


async def test_a_number_is_a_button_where_buttons_are_numbers(page: Page) -> None:
    """FEATURES T2: with WeChat's look a bare "1" means the first button; every answer carries all looks."""
    socket = await page.open()
    await socket.send_json({"say": "recharge 50", "skin": "wechat"})
    heard = await until(socket, "message", **{"from": "me"})
    assert heard["message"]["inbound"]["numbered"] is True
    asked = (await until(socket, "message", **{"from": "bot"}))["message"]["looks"]
    assert asked["telegram"][0]["keyboard"][0][0]["text"] in asked["wechat"][0]["text"]
    await socket.send_json({"say": "1", "skin": "wechat"})
    shown = (await until(socket, "message", **{"from": "bot"}))["message"]["looks"]
    assert [list(each) for each in shown["telegram"]][-1] == ["photo", "caption"]


async def test_a_column_does_to_the_house_only_what_it_has_buttons_for(page: Page) -> None:
    """A8: the staff's buttons work in the staff's column alone, and what has no button does nothing."""
    socket = await page.open()
    for name in ("gateway", "nothing", "load"):
        await socket.send_json({"act": name})
    await socket.send_json({"say": "balance"})
    await until(socket, "message", **{"from": "bot"})
    assert page.done == ["ben"]


async def test_only_a_code_on_show_can_be_paid(page: Page) -> None:
    """The page pays what it was shown and nothing else."""
    socket = await page.open()
    await socket.send_json({"pay": "http://127.0.0.1:1/evil"})
    for words in ("recharge 50", "yes"):
        await socket.send_json({"say": words})
        answer = await until(socket, "message", **{"from": "bot"})
    code = answer["message"]["parts"][0]
    assert code["svg"].startswith("data:image/svg+xml")
    await socket.send_json({"pay": code["uri"]})
    await until(socket, "paid")
    assert page.paid == [code["uri"]]


async def test_the_page_changes_its_language(page: Page) -> None:
    """T1: the page's own words follow the person's language."""
    socket = await page.open()
    await socket.send_json({"press": "language:zh", "label": "x"})
    assert (await until(socket, "language"))["language"] == "zh"


@pytest.mark.parametrize("headers", [{"Origin": "http://evil.example"}, {"Host": "evil.example"}])
async def test_foreign_pages_are_kept_out(page: Page, headers: dict[str, str]) -> None:
    """A4: neither another site's page nor another name for our address opens a socket."""
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await page.open(**headers)
    assert refused.value.status == 403


async def test_the_own_page_gets_in(page: Page) -> None:
    """A4: our own page's origin is let in."""
    assert await until(await page.open(Origin=page.url), "hello")


async def test_unknown_users_and_files_are_not_there(page: Page) -> None:
    """Only configured users and listed files exist."""
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await page.open("nobody")
    async with page.client.get(f"{page.url}/chat/static/..%2Fbrowser.py") as answer:
        assert answer.status == 404
    with pytest.raises(Refused):
        await page.channel.show("nobody", [Text(body="x")], reference=None)


async def test_the_page_allows_nothing_from_outside(page: Page) -> None:
    """A7: the policy allows our own scripts and styles only, and the files name no other host."""
    async with page.client.get(f"{page.url}/chat") as answer:
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert "unsafe" not in answer.headers["Content-Security-Policy"]
    for path in (Path(browser_link.__file__).parent / "browser_static").iterdir():
        assert "https://" not in path.read_text(encoding="utf-8").replace("http://www.w3.org", "")


@pytest.mark.parametrize("sent", ["no json", "[1]", "{}", '{"say": 5}', '{"pay": "x"}'])
async def test_nonsense_is_ignored(page: Page, sent: str) -> None:
    """Y3: what is no message of ours is passed over, and the talk goes on."""
    socket = await page.open()
    await socket.send_str(sent)
    await socket.send_json({"say": "balance"})
    assert await until(socket, "message", **{"from": "bot"})


async def test_a_huge_message_ends_the_link(page: Page) -> None:
    """Y3: a message over the limit closes the socket."""
    socket = await page.open()
    await until(socket, "hello")
    await socket.send_str("x" * (MAX_MESSAGE_BYTES + 1))
    async with asyncio.timeout(WAIT_S):
        while not socket.closed:
            await socket.receive()
    assert socket.close_code == aiohttp.WSCloseCode.MESSAGE_TOO_BIG


SCRIPT = """# A tenant tops up.
> balance
< -¥1.24
> recharge
! ¥50
< Top up 102 with ¥50.00
> 1
< weixin://
"""


@pytest.mark.parametrize(("script", "code"), [(SCRIPT, 0), ("! no such button", 1), ("? what", 1)])
async def test_the_terminal_plays_a_transcript(
    page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, code: int
) -> None:
    """FEATURES O3: a script talks over the same endpoint and its exit code says whether it held."""
    monkeypatch.setattr(terminal, "WAIT_S", 2.0)
    path = tmp_path / "talk.chat"
    await asyncio.to_thread(path.write_text, script, encoding="utf-8")
    assert await chat(page.url, "ben", script=path) == code


async def test_the_terminal_takes_lines_from_a_pipe(
    page: Page, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """FEATURES O3: each line has its answer before the next is said, and the end of the pipe is a good end."""
    monkeypatch.setattr(terminal, "QUIET_S", 0.05)
    monkeypatch.setattr("sys.stdin", StringIO("balance\n\nhelp\n"))
    assert await chat(page.url, "ben") == 0
    heard = capsys.readouterr().out
    assert heard.index("› balance") < heard.index("-¥1.24") < heard.index("› help")


async def test_the_terminal_sends_a_file(
    page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """T5: a photo goes the way of the page's; one that is not there is said, and the talk goes on."""
    monkeypatch.setattr(terminal, "WAIT_S", 2.0)
    photo = tmp_path / "meter.png"
    await asyncio.to_thread(photo.write_bytes, b"\x89PNG\r\n\x1a\n")
    script = tmp_path / "talk.chat"
    lines = f"> @{tmp_path / 'gone.png'}\n> @{photo}\n< Photos and files\n> balance\n< -¥1.24\n"
    await asyncio.to_thread(script.write_text, lines, encoding="utf-8")
    assert await chat(page.url, "ben", script=script) == 0
    assert "gone.png: No such file" in capsys.readouterr().err


async def test_the_terminal_says_when_nobody_is_there(tmp_path: Path, unused_tcp_port: int) -> None:
    """Y7: no server is exit code 2."""
    assert await chat(f"http://127.0.0.1:{unused_tcp_port}", "ben", script=tmp_path / "x") == 2


def test_a_reference_of_before_a_restart_never_swallows_a_new_thread() -> None:
    """N3: the outbox edits by a reference of an earlier process; the next payment still gets its own message."""

    def thread(order: str, stage: Stage) -> tuple[Part, ...]:
        return (ProgressThread(thread=order, stage=stage, title=order, lines=()),)

    room = Room(user_id="tenant-a", language="en")
    for number in range(1, 6):
        room.show(thread("old", Stage.CREDITED_STILL_ON), reference=f"m{number}")
    shown = room.show(thread("new", Stage.WAITING), reference=None)
    newest = next(message for message in room.history() if message["ref"] == shown)
    assert [part["thread"] for part in newest["parts"]] == ["new"]
    assert room.show(thread("old", Stage.PAID), reference="m5") == "m5"
    kept = next(message for message in room.history() if message["ref"] == "m5")
    assert kept["parts"][0]["stage"] == Stage.CREDITED_STILL_ON


async def test_a_file_is_heard_as_one_and_can_be_fetched(page: Page) -> None:
    """Y3, A4: its sender is shown the answer and its bytes can be fetched; strange pages and sizes get no in."""
    url = f"{page.url}/chat/file"
    socket = await page.open("ben")
    async with page.client.post(url, params={"user": "ben", "name": "a\n.csv"}, data=b"x,y") as answer:
        assert answer.status == 204
    mine = (await until(socket, "message", **{"from": "me"}))["message"]
    assert mine["parts"][0]["body"] == "a.csv"
    assert "you have none" in json.dumps((await until(socket, "message", **{"from": "bot"}))["message"])
    assert await page.channel.fetch(mine["inbound"]["attached"]["reference"]) == b"x,y"
    for _ in range(KEPT_FILES):
        await page.client.post(url, params={"user": "ben", "name": "b.csv"}, data=b"z")
    with pytest.raises(Refused, match=r"file_gone"):
        await page.channel.fetch(mine["inbound"]["attached"]["reference"])
    for status, params, headers, body in (
        (404, {"user": "nobody"}, {}, b"x"),
        (403, {"user": "ben"}, {"Origin": "http://evil.example"}, b"x"),
        (403, {"user": "ben"}, {"Host": "evil.example"}, b"x"),
        (413, {"user": "ben"}, {}, b"x" * (MOST_FILE_BYTES + 1)),
    ):
        async with page.client.post(url, params=params, headers=headers, data=io.BytesIO(body)) as answer:
            assert answer.status == status
    await socket.close()
