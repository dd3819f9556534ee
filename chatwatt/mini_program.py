"""The mini-program's subscribe messages, where the operator has set them up."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from bot.channels.wechat_api import WeChatApi
from bot.channels.wechat_mini import CHANNEL, MiniSender
from bot.channels.wechat_templates import Templates
from chatwatt.settings import Settings
from chatwatt.wechat_template_file import templates_in
from chatwatt.wiring import Runtime
from prepaid.ports import Sender


def mini_templates(settings: Settings) -> Templates:
    """By kind of notice; none without an app and a file. Raises `Refused("refused.wechat_templates")`."""
    return templates_in(settings.mini_templates_file) if settings.mini_appid else {}


@asynccontextmanager
async def open_mini(runtime: Runtime) -> AsyncIterator[Mapping[str, Sender]]:
    """The sender, by its channel; nothing without templates."""
    settings = runtime.settings
    templates, secret = mini_templates(settings), settings.mini_secret
    if not templates or secret is None:
        yield {}
        return
    api = WeChatApi(
        runtime.sessions,
        runtime.claims,
        app_id=settings.mini_appid,
        secret=secret.get_secret_value(),
        now=runtime.clock.now,
        base_url=settings.mini_api,
    )
    sender = MiniSender(api, runtime.store.quotas, templates, page=settings.mini_page)
    try:
        yield {CHANNEL: sender}
    finally:
        await sender.close()
