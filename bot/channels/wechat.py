"""The WeChat official account: hears people, answers within WeChat's five seconds or after them, and carries notices.

It knows the transport only: what is said is the conversation's business, how it looks the renderer's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

import structlog
from aiohttp import web

from bot.channels.webhook_body import read_body
from bot.channels.wechat_allowances import Allowances
from bot.channels.wechat_api import WeChatApi
from bot.channels.wechat_files import Files
from bot.channels.wechat_heard import Heard, read
from bot.channels.wechat_media import Media
from bot.channels.wechat_menu import buttons, is_same
from bot.channels.wechat_pace import WeChatPace
from bot.channels.wechat_receipts import Receipts
from bot.channels.wechat_seal import ForgedError, Seal
from bot.channels.wechat_sender import Messages, WeChatSender
from bot.channels.wechat_templates import Templates
from bot.channels.wechat_turns import Claims, FullError, Push, Turns
from bot.channels.wechat_xml import Envelope, MalformedError
from bot.conversations.inbound import Inbound
from bot.conversations.parts import Part
from bot.delivery import Papers
from prepaid.domain.errors import Refused, Trouble
from prepaid.ports import Sessions, SharedWindows

WEBHOOK_PATH = "/wechat/messages"
MAX_BODY_BYTES = 64 * 1024
BODY_S = 5.0
HANDLE_S = 60.0
DRAIN_S = 5.0
FIRST_RETRY_S, LAST_RETRY_S = 1.0, 300.0
_log = structlog.get_logger()


class Conversation(Protocol):
    """What the channel needs of the conversation."""

    async def hear(self, inbound: Inbound) -> Sequence[Part]:
        """The answer to what was heard."""
        ...


class WeChatChannel:
    """One official account. Serve its `routes`, and `run` it in a task of its own."""

    def __init__(
        self,
        conversation: Conversation,
        sessions: Sessions,
        claims: Claims,
        *,
        app_id: str,
        seal: Seal,
        api: WeChatApi,
        now: Callable[[], datetime],
        templates: Templates | None = None,
        public_url: str = "",
        shared: SharedWindows | None = None,
    ) -> None:
        self._conversation = conversation
        self._seal = seal
        self._api = api
        self._allowances = Allowances(sessions, app_id, now)
        self._receipts = Receipts(sessions, app_id, now)
        self._files = Files(sessions, app_id, public_url)
        self._media = Media(api, self._files)
        self._pace = WeChatPace(now, shared)
        self._messages = Messages(api, self._allowances, self._media, self._pace)
        self._turns = Turns(sessions, claims, app_id)
        self._templates = templates or {}

    def routes(self) -> list[web.RouteDef]:
        """The server URL that is entered in WeChat's console, and where links to files lead."""
        ours = [web.get(WEBHOOK_PATH, self._verify), web.post(WEBHOOK_PATH, self._receive)]
        return [*ours, *self._files.routes()]

    def sender(self, papers: Papers | None = None) -> WeChatSender:
        """What the outbox is given."""
        return WeChatSender(self._api, self._allowances, self._receipts, self._templates, self._messages, papers=papers)

    async def fetch(self, reference: str) -> bytes:
        """A picture that somebody sent; other things cannot be fetched. Raises `Refused` or `TryAgain`."""
        if not reference:
            raise Refused("refused.no_files")
        return await self._api.fetch_picture(reference)

    async def run(self, stop: asyncio.Event) -> None:
        """Offers the menu and then waits for `stop`; messages come in by the routes meanwhile."""
        try:
            await self._offer_menu(stop)
            await stop.wait()
        finally:
            await self._turns.close(within_s=DRAIN_S)
            await self._media.close()
            await self._api.close()

    async def _offer_menu(self, stop: asyncio.Event) -> None:
        """Sets the menu unless it stands. WeChat being away or refusing us is only waited for."""
        wait_s = FIRST_RETRY_S
        while not stop.is_set():
            try:
                if not is_same(await self._api.menu(), buttons()):
                    await self._api.set_menu(buttons())
            except Trouble as trouble:
                _log.warning("wechat_menu_not_set", trouble=trouble.key, code=trouble.params.get("code"))
            else:
                _log.info("wechat_open")
                return
            try:
                async with asyncio.timeout(wait_s):
                    await stop.wait()
            except TimeoutError:
                wait_s = min(LAST_RETRY_S, wait_s * 2)

    async def _verify(self, request: web.Request) -> web.Response:
        try:
            return web.Response(text=self._seal.echo(request.query))
        except ForgedError:
            return web.Response(status=403)

    async def _receive(self, request: web.Request) -> web.Response:
        """Takes one message. An empty 200 tells WeChat that there is nothing to say; 503 brings the message again."""
        try:
            # Before a byte of the body is read; the body's own signature follows (A4).
            self._seal.check(request.query)
            message = self._seal.open(
                request.query, await read_body(request, most_bytes=MAX_BODY_BYTES, within_s=BODY_S)
            )
            heard = read(message)
        except ForgedError:
            return web.Response(status=403)
        except MalformedError:
            return web.Response(status=400)
        except web.HTTPException as refused:
            return web.Response(status=refused.status)
        await self._note(heard)
        if heard.inbound is None:
            return web.Response()
        try:
            reply = await self._turns.answer(heard.key, lambda: self._answer(heard), self._push_to(heard.user))
        except FullError:
            _log.warning("wechat_no_room")
            return web.Response(status=503)
        return self._passive(message, reply)

    def _passive(self, message: Envelope, reply: str | None) -> web.Response:
        if not reply:
            return web.Response()
        return web.Response(text=self._seal.reply(message, reply), content_type="application/xml")

    async def _note(self, heard: Heard) -> None:
        """What the message allows us to send, whether it is answered or not."""
        if heard.left:
            await self._allowances.shut(heard.user)
        elif heard.said:
            await self._allowances.words(heard.user, heard.key)
        elif heard.acted:
            await self._allowances.act(heard.user, heard.key)
        if heard.receipt is not None:
            await self._receipts.told(heard.receipt[0], arrived=heard.receipt[1])
        for template, yes in heard.answers:
            await self._allowances.answered(heard.user, template, heard.key, yes=yes)

    async def _answer(self, heard: Heard) -> list[str]:
        if heard.inbound is None:
            return []
        async with asyncio.timeout(HANDLE_S):
            parts = await self._conversation.hear(heard.inbound)
            return await self._media.messages(parts) if parts else []

    def _push_to(self, user: str) -> Push:
        async def push(messages: Sequence[str]) -> None:
            await self._messages.send(user, messages)

        return push
