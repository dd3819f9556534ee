"""Tells people by subscribe messages of a mini-program: one message for each yes that they gave, and no more (N1).

Source: developers.weixin.qq.com/miniprogram/dev/OpenApiDoc/mp-message-management/subscribe-message/sendMessage.html.
"""

from __future__ import annotations

import asyncio

from bot.channels.wechat_api import WeChatApi
from bot.channels.wechat_templates import Template, Templates, template_for
from bot.channels.wechat_trouble import NOT_SUBSCRIBED
from bot.delivery import notice_parts
from bot.rendering.wechat_text import render
from bot.texts import language_for
from prepaid.domain.errors import Refused, TryAgain
from prepaid.domain.notices import Notice, Stage
from prepaid.domain.people import Address, Person
from prepaid.ports import Quotas

CHANNEL = "wechat_mini"
SEND_S = 9.0
TOLD = frozenset({Stage.POWER_ON, Stage.CREDITED_STILL_ON, Stage.STUCK, Stage.DISPUTED})
"""Of a payment only how it ends: the person looks at the rest in the program, and each message costs a yes."""
MOST_BACK = 100


class MiniSender:
    """`prepaid.ports.Sender` over a mini-program."""

    def __init__(self, api: WeChatApi, quotas: Quotas, templates: Templates, *, page: str = "") -> None:
        self._api = api
        self._quotas = quotas
        self._templates = templates
        self._page = page

    async def send(self, address: Address, notice: Notice, person: Person, *, reference: str | None) -> str:
        """Delivers and uses up a yes. Raises `Refused` without a template or a yes, `TryAgain`, `Unknown`."""
        if notice.stage is not None and notice.stage not in TOLD:
            return reference or ""
        template = template_for(self._templates, notice.kind)
        if template is None:
            raise Refused("refused.no_channel")
        if not await self._quotas.take(person.id, template.id):
            raise Refused("refused.no_channel", code=NOT_SUBSCRIBED)
        try:
            async with asyncio.timeout(SEND_S):
                await self._send(template, address.user, notice, language_for(person.language))
        except Refused as refused:
            if refused.params.get("code") == NOT_SUBSCRIBED:
                await self._quotas.clear(person.id, template.id)
            raise
        except TryAgain:
            # Nothing was sent, so the yes is still there.
            await self._quotas.add(person.id, template.id, MOST_BACK)
            raise
        return ""

    async def close(self) -> None:
        """Closes the connections."""
        await self._api.close()

    async def _send(self, template: Template, openid: str, notice: Notice, language: str) -> None:
        words = " ".join(render(notice_parts(notice, language, buttons=False)))
        data = template.data(notice, words, language)
        await self._api.send_mini(openid, template.id, data, page=self._page, language=language)
