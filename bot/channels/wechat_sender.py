"""Carries notices to people on WeChat: free messages while their window is open, then the operator's templates."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from functools import partial

from bot.channels.wechat_allowances import Allowances
from bot.channels.wechat_api import WeChatApi
from bot.channels.wechat_media import Media, picture_in
from bot.channels.wechat_pace import WeChatPace
from bot.channels.wechat_receipts import WITHIN_S, Receipts, reference_of
from bot.channels.wechat_templates import Template, Templates, message_id, template_for
from bot.channels.wechat_trouble import NOT_SUBSCRIBED, is_window_closed
from bot.conversations.parts import Part
from bot.delivery import NoticeSender, Papers, notice_parts
from bot.pace import NOTICE_WAIT_S, waiting_at_most
from bot.rendering.wechat_text import render
from bot.texts import language_for
from prepaid.domain.delivery import Receipt, lane_of
from prepaid.domain.errors import Refused, TryAgain, Unknown
from prepaid.domain.notices import Lane, Notice, Stage
from prepaid.domain.people import Address, Person

SEND_S = 9.0
"""Shorter than the outbox waits for a channel, so that it hears from us what came of it."""


class Messages:
    """Free messages: what `NoticeSender` shows notices through, and where the rest of a long answer goes."""

    def __init__(self, api: WeChatApi, allowances: Allowances, media: Media, pace: WeChatPace) -> None:
        self._api = api
        self._allowances = allowances
        self._media = media
        self._pace = pace

    @property
    def pace(self) -> WeChatPace:
        """What every message to WeChat goes through."""
        return self._pace

    async def show(self, user: str, parts: Sequence[Part], *, reference: str | None, bulk: bool = False) -> str:
        """Sends the parts as new messages: nothing can be edited here. Raises `Refused`, `TryAgain` or `Unknown`."""
        del reference
        await self.send(user, await self._media.messages(parts), bulk=bulk)
        return ""

    async def send(self, user: str, messages: Sequence[str], *, bulk: bool = False) -> None:
        """Sends within the person's window. Raises `Refused` with WeChat's code when that is closed."""
        for message in messages:
            if not await self._allowances.has_room(user):
                raise Refused("refused.no_channel", code=CLOSED)
            try:
                await self._pace.call(user, partial(self._send_one, user, message), bulk=bulk)
            except Refused as refused:
                if is_window_closed(refused):
                    await self._allowances.shut(user)
                raise

    async def _send_one(self, user: str, message: str) -> None:
        taken = await self._allowances.take(user)
        picture = picture_in(message)
        try:
            await (self._api.send_picture(user, picture) if picture else self._api.send_text(user, message))
        except TryAgain:
            await self._allowances.put_back(user, taken)
            raise


CLOSED = 45015
"""What WeChat would say to a message outside of the window."""


class WeChatSender(NoticeSender):
    """`prepaid.ports.Sender` over an official account."""

    receipt_within_s = WITHIN_S

    def __init__(
        self,
        api: WeChatApi,
        allowances: Allowances,
        receipts: Receipts,
        templates: Templates,
        messages: Messages,
        *,
        papers: Papers | None = None,
    ) -> None:
        super().__init__(messages, buttons=False, papers=papers)
        self._pace = messages.pace
        self._api = api
        self._allowances = allowances
        self._receipts = receipts
        self._templates = templates

    async def send(self, address: Address, notice: Notice, person: Person, *, reference: str | None) -> str:
        """Delivers. Raises `TryAgain`, `Unknown`, or `Refused` when neither window nor template takes it."""
        if notice.stage is Stage.WAITING:
            # The answer to "yes, top up" has shown it, and a second copy would use up the window.
            return reference or ""
        try:
            async with asyncio.timeout(SEND_S):
                with waiting_at_most(NOTICE_WAIT_S):
                    return await self._send(address, notice, person, reference=reference)
        except TimeoutError:
            raise Unknown("unknown.channel", kind="TimeoutError") from None

    async def receipt(self, address: Address, reference: str, sent_at: datetime) -> Receipt:
        """What became of a template message."""
        del address
        return await self._receipts.of(reference, sent_at)

    async def _send(self, address: Address, notice: Notice, person: Person, *, reference: str | None) -> str:
        try:
            return await super().send(address, notice, person, reference=reference)
        except Refused as refused:
            template = template_for(self._templates, notice.kind)
            if template is None or not is_window_closed(refused):
                raise
        return await self._by_template(template, address.user, notice, language_for(person.language))

    async def _by_template(self, template: Template, user: str, notice: Notice, language: str) -> str:
        words = " ".join(render(notice_parts(notice, language, buttons=False)))
        data = template.data(notice, words, language)
        bulk = lane_of(notice.kind) is Lane.BULK
        if not template.subscription:
            send = partial(self._api.send_template, user, template.id, data, message_id=message_id(notice, user))
            number = await self._pace.template(user, send, bulk=bulk)
            return reference_of(number) if number else ""
        if not await self._allowances.take_yes(user, template.id):
            raise Refused("refused.no_channel", code=NOT_SUBSCRIBED)
        try:
            send_one = partial(self._api.send_subscription, user, template.id, data)
            await self._pace.call(user, send_one, bulk=bulk)
        except Refused as refused:
            if refused.params.get("code") == NOT_SUBSCRIBED:
                await self._allowances.refused(user, template.id)
            raise
        except TryAgain:
            await self._allowances.put_back_yes(user, template.id)
            raise
        return ""
