"""One user's side of the chat page: the bounded history, the edits, and the open links that are told of both."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from bot.channels.browser_link import Link
from bot.conversations.inbound import Inbound
from bot.conversations.parts import Part, PayQR, thread_of, to_json
from bot.rendering.looks import looks, qr_uri
from prepaid.domain.notices import STAGE_ORDER, Stage

KEPT = 200
KEPT_FILES = 3
BOOT = secrets.token_hex(3)
"""References outlive this process in the outbox's memory of threads, and must never mean another message there."""
Message = dict[str, Any]


@dataclass(slots=True, kw_only=True)
class Room:
    """Messages and links of one user."""

    user_id: str
    language: str
    links: set[Link] = field(default_factory=set)
    files: OrderedDict[str, bytes] = field(default_factory=OrderedDict)
    """The latest files that the user sent, each under a name of ours."""
    _messages: OrderedDict[str, Message] = field(default_factory=OrderedDict)
    _threads: dict[str, str] = field(default_factory=dict)
    _count: int = 0

    def history(self) -> list[Message]:
        """What a page that connects is shown."""
        return list(self._messages.values())

    def said(self, words: str, inbound: Inbound) -> None:
        """Keeps and shows what the user said, and how the conversation hears it."""
        parts = [{"kind": "text", "body": words}]
        self._keep({"ref": self._next(), "from": "me", "at": _now(), "parts": parts, "inbound": asdict(inbound)})

    def take(self, content: bytes) -> str:
        """Keeps a file for a while; returns what it is known by."""
        reference = secrets.token_urlsafe(12)
        self.files[reference] = content
        while len(self.files) > KEPT_FILES:
            self.files.popitem(last=False)
        return reference

    def show(self, parts: Sequence[Part], *, reference: str | None) -> str:
        """Adds a message, or replaces one; a payment thread replaces the message that shows it and never goes back."""
        thread = thread_of(parts)
        ref = reference or (self._threads.get(thread.thread) if thread else None) or self._next()
        old = self._messages.get(ref)
        if thread is not None:
            self._threads[thread.thread] = ref
            if old is not None and _rank(old, thread.thread) > STAGE_ORDER.index(Stage(thread.stage)):
                return ref
        at = old["at"] if old else _now()
        shown = [_as_json(part) for part in parts]
        self._keep({"ref": ref, "from": "bot", "at": at, "parts": shown, "looks": looks(parts)})
        return ref

    def speak(self, language: str | None) -> None:
        """Changes the page's own words when the person changed their language."""
        if language is not None and language != self.language:
            self.language = language
            self.push({"type": "language", "language": language})

    def payable(self) -> frozenset[str]:
        """The payment codes on show."""
        shown = (part for message in self._messages.values() for part in message["parts"])
        return frozenset(part["uri"] for part in shown if part["kind"] == "pay_qr")

    def push(self, data: Mapping[str, Any]) -> None:
        """Sends to every open page of this user."""
        for link in self.links:
            link.push(data)

    def _next(self) -> str:
        self._count += 1
        return f"m{BOOT}-{self._count}"

    def _keep(self, message: Message) -> None:
        kind = "edit" if message["ref"] in self._messages else "message"
        self._messages[message["ref"]] = message
        while len(self._messages) > KEPT:
            gone, _ = self._messages.popitem(last=False)
            self._threads = {thread: ref for thread, ref in self._threads.items() if ref != gone}
        self.push({"type": kind, "message": message})


def _as_json(part: Part) -> Message:
    data = to_json(part)
    return {**data, "svg": qr_uri(part.uri)} if isinstance(part, PayQR) else data


def _rank(message: Message, thread: str) -> int:
    """The stage of that thread that a message shows; -1 for one that shows another, or none."""
    stages = [part["stage"] for part in message["parts"] if part["kind"] == "thread" and part["thread"] == thread]
    return max((STAGE_ORDER.index(Stage(stage)) for stage in stages), default=-1)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
