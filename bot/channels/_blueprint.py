"""A channel to copy: what any chat network needs to carry chatwatt's conversations. Replace each step, keep the order.

1. Receive: authenticate the bytes before looking at them (A4), drop what came twice, answer the network quickly.
2. Hear: put what was said into an `Inbound` and hand it to the conversation; one message at a time for a chat.
3. Show: render the parts within the network's means; `show` returns a reference that a later call can edit.
4. Trouble: a network that is away is `TryAgain`, a user who blocked us is `Refused`, and nothing is swallowed.
5. Wire: the app gives the channel its settings, mounts `routes()`, and puts `NoticeSender(channel)` among the senders.

This one is complete: it serves a signed JSON webhook and posts rendered text back to a URL, which is what many house
systems and door panels want. Buttons become numbers there, so `numbered=True` and `NoticeSender(..., buttons=False)`.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Protocol

import aiohttp
from aiohttp import web

from bot.conversations.inbound import Inbound
from bot.conversations.parts import Part
from bot.rendering.plain import render
from prepaid.domain.errors import Refused, TryAgain

MAX_BODY_BYTES = 64 * 1024
REMEMBERED = 10_000
SEND_WITHIN_S = 10.0
NAME = "webhook"


class Hears(Protocol):
    """What a channel needs of a conversation."""

    async def hear(self, inbound: Inbound) -> list[Part]: ...


class WebhookChannel:
    """Hears `{"id", "user", "text"}` signed with HMAC-SHA256 over the body, answers with `{"user", "text"}`."""

    def __init__(self, conversation: Hears, *, secret: bytes, post_to: str, session: aiohttp.ClientSession) -> None:
        self._conversation = conversation
        self._secret = secret
        self._post_to = post_to
        self._session = session
        self._seen: OrderedDict[str, None] = OrderedDict()

    def routes(self) -> list[web.RouteDef]:
        """What the app mounts."""
        return [web.post(f"/{NAME}", self._receive)]

    async def show(self, user: str, parts: Sequence[Part], *, reference: str | None, bulk: bool = False) -> str:
        """Posts the rendered parts. Raises `TryAgain` when the other side is away, `Refused` for an unknown user."""
        # This network cannot edit, so a thread's next stage is simply a new message; and it names no limits.
        del reference, bulk
        body = json.dumps({"user": user, "text": render(parts)}, ensure_ascii=False).encode()
        headers = {"Content-Type": "application/json", "X-Signature": self._sign(body)}
        timeout = aiohttp.ClientTimeout(total=SEND_WITHIN_S)
        try:
            async with self._session.post(self._post_to, data=body, headers=headers, timeout=timeout) as answer:
                status = answer.status
        except (aiohttp.ClientError, TimeoutError) as trouble:
            raise TryAgain("try_again.channel") from trouble
        if status in (web.HTTPNotFound.status_code, web.HTTPGone.status_code):
            raise Refused("refused.no_channel")
        if status >= web.HTTPBadRequest.status_code:
            raise TryAgain("try_again.channel")
        return ""

    async def _receive(self, request: web.Request) -> web.Response:
        length = request.content_length
        if length is None or length > MAX_BODY_BYTES:
            raise web.HTTPRequestEntityTooLarge(MAX_BODY_BYTES, length or 0)
        body = await request.read()
        # The signature is over the bytes as they came, before anything parses them (A4).
        if not hmac.compare_digest(self._sign(body), request.headers.get("X-Signature", "")):
            raise web.HTTPUnauthorized
        message = _message(body)
        if self._is_new(message["id"]):
            await self._answer(message["user"], message["text"])
        return web.Response(status=204)

    async def _answer(self, user: str, text: str) -> None:
        parts = await self._conversation.hear(Inbound(channel=NAME, user=user, text=text, numbered=True))
        if parts:
            await self.show(user, parts, reference=None)

    def _is_new(self, message_id: str) -> bool:
        if message_id in self._seen:
            return False
        self._seen[message_id] = None
        while len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        return True

    def _sign(self, body: bytes) -> str:
        return hmac.new(self._secret, body, hashlib.sha256).hexdigest()


def _message(body: bytes) -> dict[str, str]:
    """The three fields, or a 400."""
    try:
        data: Any = json.loads(body)
        message = {name: data[name] for name in ("id", "user", "text")}
    except (ValueError, KeyError, TypeError):
        raise web.HTTPBadRequest from None
    if not all(isinstance(value, str) for value in message.values()):
        raise web.HTTPBadRequest
    return message
