"""The chat in a terminal: a WebSocket client of the chat page's endpoint, also for transcripts.

A script is a text file: `> words` says something, `! label` presses the newest button with that label, `< words` waits
until a new message holds those words, `#` and empty lines are for the reader. The first line that fails ends it.
`@path` in the place of words sends a file. Lines from a pipe are said one after the other, each answered first.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from prompt_toolkit import PromptSession
from prompt_toolkit.patch_stdout import patch_stdout

from bot.channels.browser_link import MAX_MESSAGE_BYTES
from bot.conversations.parts import Part, from_json, menu_of
from bot.rendering.plain import render

WAIT_S = 15.0
"""How long a script waits for the words that it expects."""
CONNECT_S = 10.0
QUIET_S = 0.5
"""A piped line has its whole answer when nothing more came for so long."""
PENDING = 500
"""Messages that may wait to be read by a script."""
SERVER_MESSAGE_BYTES = 4 * 1024 * 1024
"""A history of 200 messages with codes fits; what is larger is no answer of ours."""


class Lost(Exception):
    """The server went away, or never was there."""


@dataclass(slots=True)
class Talk:
    """One open conversation: what arrives is printed and queued, numbers press the last menu."""

    socket: aiohttp.ClientWebSocketResponse
    post: Callable[[str, bytes], Awaitable[bool]]
    """Sends a file of that name; False when it is not taken."""
    heard: asyncio.Queue[str | None] = field(default_factory=lambda: asyncio.Queue(PENDING))
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    actions: dict[str, str] = field(default_factory=dict)
    menu: tuple[tuple[str, str], ...] = ()

    async def listen(self) -> None:
        """Reads until the server closes."""
        async for message in self.socket:
            if message.type is aiohttp.WSMsgType.TEXT:
                self._received(json.loads(message.data))
        self._queue(None)

    async def say(self, words: str) -> None:
        """Sends words or a file ("@path"), or presses the button whose number was typed."""
        if words.startswith("@"):
            await self._attach(Path(words[1:].strip()))
            return
        place = int(words) if words.isdecimal() and len(words) <= 2 else 0  # noqa: PLR2004 - a menu of 99 at most
        if 1 <= place <= len(self.menu):
            label, action = self.menu[place - 1]
            await self._send({"press": action, "label": label})
            return
        await self._send({"say": words})

    async def _attach(self, path: Path) -> None:
        """What cannot be read or sent is said here; the conversation goes on."""
        try:
            content = await asyncio.to_thread(path.read_bytes)
        except OSError as trouble:
            print(f"{path}: {trouble.strerror}\n", file=sys.stderr)  # noqa: T201
            return
        if not await self.post(path.name, content):
            print(f"{path}: not taken\n", file=sys.stderr)  # noqa: T201

    async def press(self, label: str) -> bool:
        """Presses the newest button with that label; False when none was shown."""
        action = self.actions.get(label)
        if action is None:
            return False
        await self._send({"press": action, "label": label})
        return True

    async def _send(self, data: Mapping[str, str]) -> None:
        body = json.dumps(data, ensure_ascii=False)
        if len(body.encode()) <= MAX_MESSAGE_BYTES:
            await self.socket.send_str(body)

    def _received(self, data: Mapping[str, Any]) -> None:
        if data["type"] == "hello":
            self.ready.set()
        if data["type"] not in ("message", "edit") or data["message"]["from"] != "bot":
            return
        parts: list[Part] = [from_json(part) for part in data["message"]["parts"]]
        pressable = menu_of(parts)
        self.actions |= {button.label: button.action for button in pressable}
        if pressable:
            self.menu = tuple((button.label, button.action) for button in pressable)
        words = render(parts)
        print(f"{words}\n")  # noqa: T201 - this is the terminal
        self._queue(words)

    def _queue(self, words: str | None) -> None:
        """The oldest message makes room; in a terminal nobody but a script reads this queue."""
        if self.heard.full():
            self.heard.get_nowait()
        self.heard.put_nowait(words)


async def chat(url: str, user: str, *, script: Path | None = None) -> int:
    """Talks as `user` to the chat page at `url` ("http://127.0.0.1:8080"). Returns the exit code.

    0: the person left or the whole script held; 1: a line of the script did not hold; 2: no server there.
    """
    try:
        async with _talk(url, user) as talk:
            if script is not None:
                return await play(talk, await asyncio.to_thread(script.read_text, encoding="utf-8"))
            await (_by_hand(talk) if sys.stdin.isatty() else _piped(talk))
            return 0
    except (aiohttp.ClientError, Lost, TimeoutError) as trouble:
        print(f"chatwatt: {url}: {trouble or type(trouble).__name__}", file=sys.stderr)  # noqa: T201
        return 2


async def play(talk: Talk, script: str) -> int:
    """Plays a transcript; prints the line that did not hold and returns 1."""
    for number, line in enumerate(script.splitlines(), start=1):
        sign, _, words = line.strip().partition(" ")
        if sign in ("", "#") or sign.startswith("#"):
            continue
        if not await _line(talk, sign, words.strip()):
            print(f"line {number} did not hold: {line}", file=sys.stderr)  # noqa: T201
            return 1
    return 0


async def _line(talk: Talk, sign: str, words: str) -> bool:
    if sign == ">":
        await talk.say(words)
        return True
    if sign == "!":
        return await _until_pressed(talk, words)
    return sign == "<" and await _expect(talk, words)


async def _expect(talk: Talk, words: str) -> bool:
    """Whether a message with those words comes in time. Messages before it are passed over."""
    try:
        async with asyncio.timeout(WAIT_S):
            while True:
                heard = await talk.heard.get()
                if heard is None:
                    return False
                if words in heard:
                    return True
    except TimeoutError:
        return False


async def _until_pressed(talk: Talk, label: str) -> bool:
    """Presses the button as soon as it was shown, if it is in time."""
    try:
        async with asyncio.timeout(WAIT_S):
            while not await talk.press(label):
                if await talk.heard.get() is None:
                    return False
    except TimeoutError:
        return False
    return True


async def _by_hand(talk: Talk) -> None:
    """Reads lines until the person leaves (Ctrl-D) or the server does."""
    prompt: PromptSession[str] = PromptSession("› ")
    with patch_stdout():
        while not talk.socket.closed:
            try:
                words = (await prompt.prompt_async()).strip()
            except (EOFError, KeyboardInterrupt):
                return
            if words:
                await talk.say(words)
    raise Lost("the connection was closed")


async def _piped(talk: Talk) -> None:
    """Says each line and waits for its answer, as far as one comes."""
    while line := await asyncio.to_thread(sys.stdin.readline):
        if not line.strip():
            continue
        print(f"› {line.strip()}\n")  # noqa: T201
        await talk.say(line.strip())
        wait_s = WAIT_S
        while await _hears(talk, wait_s):
            wait_s = QUIET_S


async def _hears(talk: Talk, wait_s: float) -> bool:
    """Whether another message comes in time. Raises `Lost` when the server goes away."""
    try:
        async with asyncio.timeout(wait_s):
            if await talk.heard.get() is None:
                raise Lost("the connection was closed")
    except TimeoutError:
        return False
    return True


@asynccontextmanager
async def _talk(url: str, user: str) -> AsyncIterator[Talk]:
    timeout = aiohttp.ClientTimeout(total=None, connect=CONNECT_S)
    async with (
        aiohttp.ClientSession(timeout=timeout) as session,
        session.ws_connect(
            f"{url.rstrip('/')}/chat/ws", params={"user": user}, heartbeat=20.0, max_msg_size=SERVER_MESSAGE_BYTES
        ) as socket,
    ):

        async def post(name: str, content: bytes) -> bool:
            query = {"user": user, "name": name}
            async with session.post(f"{url.rstrip('/')}/chat/file", params=query, data=content) as answer:
                return answer.ok

        talk = Talk(socket, post)
        listening = asyncio.create_task(talk.listen())
        try:
            async with asyncio.timeout(CONNECT_S):
                await talk.ready.wait()
            yield talk
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
