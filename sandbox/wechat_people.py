"""The followers in the stand-in for WeChat: what each sees, what each allows, and how they write, press and scan."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

WORDS_S, WORDS_MESSAGES = 48 * 3600, 5
ACT_S, ACT_MESSAGES = 60, 3


@dataclass(frozen=True, slots=True)
class Shown:
    """One message of the account: "reply", "service", "template" or "subscription", and its words or its picture."""

    way: str
    text: str
    picture: bytes = b""


@dataclass(slots=True)
class Window:
    """Until when how many free messages may come."""

    until: float = 0.0
    left: int = 0

    def take(self, now_s: float) -> bool:
        """Uses one up, if there is one."""
        if now_s >= self.until or self.left < 1:
            return False
        self.left -= 1
        return True


class World(Protocol):
    """What a follower needs of the sandbox."""

    changed: asyncio.Condition
    account: str

    def now_s(self) -> int: ...
    def number(self) -> int: ...
    def picture_of(self, content: bytes) -> str: ...
    def scene_of(self, ticket: str) -> str: ...
    async def deliver(self, openid: str, xml: str) -> None: ...


@dataclass(slots=True)
class Follower:
    """A person with WeChat."""

    world: World
    openid: str
    follows: bool = False
    mutes: bool = False
    """The person takes no template messages of the account; WeChat says so in an event only."""
    shown: list[Shown] = field(default_factory=list)
    words: Window = field(default_factory=Window)
    acts: Window = field(default_factory=Window)
    yeses: dict[str, int] = field(default_factory=dict)
    """Subscription messages that the person has agreed to, by template."""

    @property
    def texts(self) -> list[str]:
        """What was seen, first to last."""
        return [message.text for message in self.shown]

    async def say(self, words: str, *, number: int | None = None) -> None:
        """Writes to the account; returns when WeChat has stopped asking."""
        self.words = Window(self.world.now_s() + WORDS_S, WORDS_MESSAGES)
        message_id = self.world.number() if number is None else number
        await self.world.deliver(
            self.openid, self._xml("text", _tag("Content", words) + f"<MsgId>{message_id}</MsgId>")
        )

    async def send_picture(self, content: bytes) -> None:
        """Sends a picture; the account gets the number by which it can be fetched."""
        self.words = Window(self.world.now_s() + WORDS_S, WORDS_MESSAGES)
        number = self.world.picture_of(content)
        told = _tag("PicUrl", "http://mmbiz.example/x") + _tag("MediaId", number)
        await self.world.deliver(self.openid, self._xml("image", f"{told}<MsgId>{self.world.number()}</MsgId>"))

    async def follow(self, ticket: str = "") -> None:
        """Follows the account, by scanning a code with a ticket or by finding it."""
        scene = self.world.scene_of(ticket) if ticket else ""
        if self.follows:
            await self._event("SCAN", _tag("EventKey", scene) + _tag("Ticket", ticket))
            return
        self.follows = True
        key = f"qrscene_{scene}" if scene else ""
        await self._event("subscribe", _tag("EventKey", key) + _tag("Ticket", ticket))

    async def leave(self) -> None:
        """Follows no more."""
        self.follows = False
        self.words, self.acts = Window(), Window()
        await self._event("unsubscribe", _tag("EventKey", ""), opens=False)

    async def press(self, key: str) -> None:
        """Presses the menu."""
        await self._event("CLICK", _tag("EventKey", key))

    async def subscribe_once(self, template: str, *, yes: bool = True) -> None:
        """Answers the question whether one message of a template may come."""
        if yes:
            self.yeses[template] = self.yeses.get(template, 0) + 1
        status = "accept" if yes else "reject"
        inner = _tag("TemplateId", template) + _tag("SubscribeStatusString", status) + "<PopupScene>2</PopupScene>"
        name = "SubscribeMsgPopupEvent"
        await self._event("subscribe_msg_popup_event", f"<{name}><List>{inner}</List></{name}>", opens=False)

    async def turned_down(self, template: str) -> None:
        """WeChat tells the account that a subscription message was refused by the person's settings."""
        self.yeses[template] = 0
        inner = (
            _tag("TemplateId", template)
            + "<MsgID>1</MsgID><ErrorCode>43101</ErrorCode>"
            + _tag("ErrorStatus", "reject")
        )
        name = "SubscribeMsgSentEvent"
        await self._event("subscribe_msg_sent_event", f"<{name}><List>{inner}</List></{name}>", opens=False)

    async def told(self, number: int) -> None:
        """WeChat tells the account what became of a template message."""
        status = "failed:user block" if self.mutes else "success"
        await self._event("TEMPLATESENDJOBFINISH", f"<MsgID>{number}</MsgID>{_tag('Status', status)}", opens=False)

    async def wait(self, wanted: Callable[[Shown], bool], *, within_s: float = 60.0) -> Shown:
        """The first message that is wanted, now or later. Raises `TimeoutError`."""
        async with asyncio.timeout(within_s), self.world.changed:
            while True:
                found = next((message for message in self.shown if wanted(message)), None)
                if found is not None:
                    return found
                await self.world.changed.wait()

    async def _event(self, name: str, detail: str, *, opens: bool = True) -> None:
        if opens:
            self.acts = Window(self.world.now_s() + ACT_S, ACT_MESSAGES)
        await self.world.deliver(self.openid, self._xml("event", _tag("Event", name) + detail))

    def _xml(self, kind: str, detail: str) -> str:
        head = _tag("ToUserName", self.world.account) + _tag("FromUserName", self.openid)
        return f"<xml>{head}<CreateTime>{self.world.now_s()}</CreateTime>{_tag('MsgType', kind)}{detail}</xml>"


def _tag(name: str, text: str) -> str:
    safe = text.replace("]]>", "]]]]><![CDATA[>")
    return f"<{name}><![CDATA[{safe}]]></{name}>"
