"""Logins and tokens."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from miniprogram_api.models.common import Given, Shown
from prepaid.usecases.log_in import Tokens


class WeChatLogin(Given):
    """The code of `wx.login`."""

    code: str = Field(min_length=1, max_length=128, examples=["0a3Xyz000abcde1HV3pq0abcdefXyz0A"])


class TelegramLogin(Given):
    """`initData` of a Telegram Web App, as it is."""

    init_data: str = Field(min_length=1, max_length=4096, examples=["auth_date=1767225600&hash=5f"])


class CodeLogin(Given):
    """A code that the person asked for in chat ("log in")."""

    code: str = Field(min_length=8, max_length=16, examples=["7K2MQ4XA"])


class RefreshWish(Given):
    """A refresh token, good for one use."""

    refresh_token: str = Field(min_length=1, max_length=300, examples=["r.lg_5f.5f"])


class TokenPair(Shown):
    """What a program keeps of a login. Send the access token as `Authorization: Bearer ...`."""

    access_token: str
    token_type: str = "Bearer"  # noqa: S105 - the name of the scheme
    expires_at: datetime = Field(description="When the access token ends")
    refresh_token: str = Field(description="For new tokens, once; used a second time it ends the login")
    refresh_expires_at: datetime


def pair_of(tokens: Tokens) -> TokenPair:
    """As the contract shows them."""
    return TokenPair(
        access_token=tokens.access,
        expires_at=tokens.access_until,
        refresh_token=tokens.refresh,
        refresh_expires_at=tokens.refresh_until,
    )
