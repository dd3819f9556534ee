"""The people in the stand-in for Telegram: what each sees on the screen, and how they type and press."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from sandbox.telegram_files import SentFiles


@dataclass(slots=True)
class Shown:
    """One message of the bot as a person sees it now. `touched` grows with every change in the whole sandbox."""

    id: int
    text: str
    html: str
    keyboard: list[list[dict[str, Any]]]
    photo: bytes | None
    touched: int
    edits: int = 0

    @property
    def labels(self) -> list[str]:
        """What can be pressed."""
        return [button["text"] for row in self.keyboard for button in row]

    def data_of(self, label: str) -> str | None:
        """What pressing `label` sends."""
        return next((b.get("callback_data") for row in self.keyboard for b in row if b["text"] == label), None)


@dataclass(slots=True)
class Screen:
    """One chat: a private one or a group."""

    chat: dict[str, Any]
    shown: dict[int, Shown] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)
    """Every text that the bot sent here, also those edited or deleted since."""

    def newest(self) -> list[Shown]:
        """The messages, last changed first."""
        return sorted(self.shown.values(), key=lambda message: -message.touched)


class World(Protocol):
    """What a person needs of the sandbox."""

    changed: asyncio.Condition
    files: SentFiles

    def screen(self, chat_id: int) -> Screen: ...
    def ticks(self) -> int: ...
    async def deliver(self, kind: str, body: dict[str, Any]) -> int: ...


class SandboxUser:
    """A person who chats with the bot."""

    def __init__(self, world: World, user_id: int, language: str) -> None:
        self._world = world
        self.id = user_id
        self.as_json = {"id": user_id, "is_bot": False, "first_name": "Guest", "language_code": language}
        self.answers: list[str] = []
        """Texts of answered button presses, in order; empty for a silent answer."""
        self.waiting_presses: set[str] = set()
        self._mark = 0

    @property
    def screen(self) -> Screen:
        """The private chat with the bot."""
        return self._world.screen(self.id)

    async def say(self, text: str, *, group: int | None = None) -> int:
        """Types a text, in private or in a group. Returns the update id."""
        message: dict[str, Any] = {"text": text}
        if text.startswith("/"):
            message["entities"] = [{"type": "bot_command", "offset": 0, "length": len(text.split(maxsplit=1)[0])}]
        return await self.send(message, group=group)

    async def send_file(self, name: str, content: bytes, *, caption: str = "", group: int | None = None) -> int:
        """Sends a file as a document. Returns the update id."""
        number = self._world.files.keep(content)
        document = {"file_id": number, "file_unique_id": f"u{number}", "file_name": name, "file_size": len(content)}
        return await self.send({"document": document, **({"caption": caption} if caption else {})}, group=group)

    async def send_photo(self, content: bytes, *, caption: str = "") -> int:
        """Sends a picture, which comes in two sizes. Returns the update id."""
        small, large = self._world.files.keep(b"small"), self._world.files.keep(content)
        sizes = [
            {"file_id": small, "file_unique_id": f"u{small}", "width": 90, "height": 67, "file_size": 5},
            {"file_id": large, "file_unique_id": f"u{large}", "width": 1280, "height": 960, "file_size": len(content)},
        ]
        return await self.send({"photo": sizes, **({"caption": caption} if caption else {})})

    async def send(self, body: dict[str, Any], *, group: int | None = None) -> int:
        """Sends a message with anything in it. Returns the update id."""
        self._mark = self._world.ticks()
        screen = self._world.screen(self.id if group is None else group)
        message: dict[str, Any] = {
            "message_id": self._world.ticks() + 1_000_000,
            "date": 1_700_000_000,
            "chat": screen.chat,
            "from": self.as_json,
            **body,
        }
        return await self._world.deliver("message", message)

    async def press(self, label: str) -> int:
        """Presses the button with that label, on the newest message that has it. Returns the update id."""
        for message in self.screen.newest():
            data = message.data_of(label)
            if data is not None:
                return await self.press_data(data, message.id)
        labels = [message.labels for message in self.screen.newest()]
        raise AssertionError(f"no button {label!r} among {labels}")

    async def press_data(self, data: str, message_id: int, *, group: int | None = None) -> int:
        """Presses a button by what it sends, as a forged or a stale one would."""
        self._mark = self._world.ticks()
        press_id = f"press{self.id}x{self._world.ticks()}"
        self.waiting_presses.add(press_id)
        chat = self._world.screen(self.id if group is None else group).chat
        message = {"message_id": message_id, "date": 1_700_000_000, "chat": chat, "text": "?"}
        body = {"id": press_id, "from": self.as_json, "message": message, "chat_instance": "1", "data": data}
        return await self._world.deliver("callback_query", body)

    async def wait_message(
        self, predicate: Callable[[Shown], bool], timeout_s: float = 5.0, *, group: int | None = None
    ) -> Shown:
        """Waits for a message that came or changed since this person last did something."""
        screen = self._world.screen(self.id if group is None else group)

        def found() -> Shown | None:
            return next((m for m in screen.newest() if m.touched > self._mark and predicate(m)), None)

        try:
            async with asyncio.timeout(timeout_s), self._world.changed:
                await self._world.changed.wait_for(lambda: found() is not None)
        except TimeoutError:
            seen = [message.text for message in screen.newest()]
            raise AssertionError(f"the message did not come; on the screen: {seen}") from None
        message = found()
        assert message is not None  # noqa: S101  the condition above has just held
        return message

    async def wait_answer(self, count: int, timeout_s: float = 5.0) -> str:
        """Waits until `count` presses have been answered; returns the last answer."""
        async with asyncio.timeout(timeout_s), self._world.changed:
            await self._world.changed.wait_for(lambda: len(self.answers) >= count)
        return self.answers[-1]
