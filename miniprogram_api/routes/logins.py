"""Logging in, going on, and logging out."""

from __future__ import annotations

from miniprogram_api.contract import Ask, Route
from miniprogram_api.models.logins import CodeLogin, RefreshWish, TelegramLogin, TokenPair, WeChatLogin, pair_of
from miniprogram_api.proofs.telegram import telegram_user
from prepaid.domain.errors import Refused
from prepaid.usecases.log_in import log_in, log_in_by_code, log_out, log_out_everywhere, refresh

WECHAT_CHANNEL = "wechat_mini"
"""Where a person of the mini-program is known: an openid is good for one app."""


async def _wechat(ask: Ask) -> TokenPair:
    if ask.parts.wechat is None:
        raise Refused("refused.login_way")
    openid = await ask.parts.wechat.openid(ask.body(WeChatLogin).code)
    return pair_of(await log_in(ask.business, WECHAT_CHANNEL, openid, language=ask.language))


async def _telegram(ask: Ask) -> TokenPair:
    if not ask.parts.telegram_token:
        raise Refused("refused.login_way")
    init_data, now = ask.body(TelegramLogin).init_data, ask.business.clock.now()
    user = telegram_user(init_data, ask.parts.telegram_token, now)
    return pair_of(await log_in(ask.business, "telegram", user, language=ask.language))


async def _code(ask: Ask) -> TokenPair:
    return pair_of(await log_in_by_code(ask.business, ask.body(CodeLogin).code, where=ask.address))


async def _refresh(ask: Ask) -> TokenPair:
    return pair_of(await refresh(ask.business, ask.body(RefreshWish).refresh_token))


async def _out(ask: Ask) -> None:
    await log_out(ask.business, ask.who)


async def _out_everywhere(ask: Ask) -> None:
    await log_out_everywhere(ask.business, ask.actor)


ROUTES = (
    Route(
        method="POST",
        path="/login/wechat",
        name="logInByWeChat",
        summary="Log in with the code of wx.login",
        tag="login",
        handle=_wechat,
        body=WeChatLogin,
        answers=TokenPair,
        is_open=True,
        keeps_reply=False,
    ),
    Route(
        method="POST",
        path="/login/telegram",
        name="logInByTelegram",
        summary="Log in with initData of a Telegram Web App",
        tag="login",
        handle=_telegram,
        body=TelegramLogin,
        answers=TokenPair,
        is_open=True,
        keeps_reply=False,
    ),
    Route(
        method="POST",
        path="/login/code",
        name="logInByCode",
        summary="Log in with a code from the chat",
        tag="login",
        handle=_code,
        body=CodeLogin,
        answers=TokenPair,
        is_open=True,
        keeps_reply=False,
    ),
    Route(
        method="POST",
        path="/login/refresh",
        name="refreshTokens",
        summary="New tokens for a refresh token, once",
        tag="login",
        handle=_refresh,
        body=RefreshWish,
        answers=TokenPair,
        is_open=True,
        keeps_reply=False,
    ),
    Route(
        method="POST",
        path="/logout",
        name="logOut",
        summary="End this login",
        tag="login",
        handle=_out,
        keeps_reply=False,
    ),
    Route(
        method="POST",
        path="/logout/everywhere",
        name="logOutEverywhere",
        summary="End every login of the person",
        tag="login",
        handle=_out_everywhere,
        keeps_reply=False,
    ),
)
