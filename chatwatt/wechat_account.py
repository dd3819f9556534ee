"""Builds the WeChat official account from its settings. Imported only where one is set up: its libraries are large."""

from __future__ import annotations

import structlog

from bot.channels.wechat import Conversation, WeChatChannel
from bot.channels.wechat_api import WeChatApi
from bot.channels.wechat_seal import Seal
from bot.channels.wechat_templates import Templates
from bot.channels.wechat_turns import Claims
from chatwatt.settings import WeChatSettings
from chatwatt.wechat_template_file import templates_in
from prepaid.domain.errors import Refused
from prepaid.ports import Clock, Sessions, SharedWindows

log = structlog.get_logger()


def account(
    settings: WeChatSettings,
    conversation: Conversation,
    sessions: Sessions,
    claims: Claims,
    clock: Clock,
    *,
    public_url: str = "",
    shared: SharedWindows | None = None,
) -> WeChatChannel:
    """The channel. Raises `Refused` for half a setup."""
    missing = settings.missing()
    if missing:
        raise Refused("refused.settings", fields=", ".join(missing))
    if settings.mode == "plain":
        log.warning("wechat_messages_in_the_clear")
    return WeChatChannel(
        conversation,
        sessions,
        claims,
        app_id=settings.app_id,
        seal=seal(settings, clock),
        api=api(settings, sessions, claims, clock),
        now=clock.now,
        templates=templates(settings),
        public_url=public_url,
        shared=shared,
    )


def seal(settings: WeChatSettings, clock: Clock) -> Seal:
    """The account's signatures and its encryption, which only the plain mode does without."""
    return Seal(
        app_id=settings.app_id,
        token=settings.token.get_secret_value(),
        aes_key=settings.aes_key.get_secret_value() if settings.mode == "safe" else None,
        now=clock.now,
    )


def api(settings: WeChatSettings, sessions: Sessions, claims: Claims, clock: Clock) -> WeChatApi:
    """The account's calls."""
    return WeChatApi(
        sessions,
        claims,
        app_id=settings.app_id,
        secret=settings.secret.get_secret_value(),
        now=clock.now,
        base_url=settings.api,
        proxy=settings.proxy,
    )


def templates(settings: WeChatSettings) -> Templates:
    """The operator's templates; none without a file. Raises `Refused` for a file that cannot be read."""
    return templates_in(settings.templates_file)
