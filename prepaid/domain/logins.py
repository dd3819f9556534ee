"""Logins of programs that act for a person: sealed tokens, and one row for each login that says how far it has come.

An access token is good for minutes and names its login. A refresh token names its login and how often that was
refreshed: the row counts, so a token that was used before is known for what it is, and ends the login (A4, A5).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from prepaid.domain.errors import Refused
from prepaid.domain.people import code_hash

ACCESS_TTL = timedelta(minutes=10)
REFRESH_TTL = timedelta(days=60)
LOGIN_CODE_TTL = timedelta(minutes=5)
LOGIN_TRIES = 40
"""From one address in ten minutes, good ones among them: behind it may be a whole building. A code has 40 bits."""
TOKEN_CHARS_MAX = 300

_ACCESS, _REFRESH = "cwa1", "cwr1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """One login and everything that was refreshed from it. `rotation` counts the refreshes."""

    id: str
    person_id: str
    way: str
    """How the person proved who they are: "wechat_mini", "telegram" or "code"."""
    made_at: datetime
    expires_at: datetime
    rotation: int = 0
    revoked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginCode:
    """A code that a person asked for in chat, good for one login of theirs. Only its hash is kept."""

    hash: str
    person_id: str
    expires_at: datetime
    used: bool = False


@dataclass(frozen=True, slots=True)
class Access:
    """What an access token says."""

    login_id: str
    person_id: str


@dataclass(frozen=True, slots=True)
class Refresh:
    """What a refresh token says."""

    login_id: str
    rotation: int


def new_login_id() -> str:
    """80 random bits."""
    return secrets.token_hex(10)


def login_code_hash(code: str) -> str:
    """What is kept of a code; a code that binds an account is never one that logs in."""
    return code_hash(f"login:{code.strip()}")


def seal_access(key: bytes, login: Login, until: datetime) -> str:
    """A token that is good until then."""
    return _sealed(key, _ACCESS, f"{login.id}:{login.person_id}:{int(until.timestamp())}")


def read_access(key: bytes, token: str, now: datetime) -> Access:
    """What a token says. Raises `Refused`: "refused.token_bad", "refused.token_expired"."""
    login_id, person_id, until = _opened(key, _ACCESS, token)
    if now >= datetime.fromtimestamp(int(until), UTC):
        raise Refused("refused.token_expired")
    return Access(login_id, person_id)


def seal_refresh(key: bytes, login_id: str, rotation: int) -> str:
    """A token for one refresh."""
    return _sealed(key, _REFRESH, f"{login_id}:{rotation}:")


def read_refresh(key: bytes, token: str) -> Refresh:
    """What a token says; whether it may still be used stands in the login's row."""
    login_id, rotation, _ = _opened(key, _REFRESH, token)
    return Refresh(login_id, int(rotation))


def _sealed(key: bytes, kind: str, body: str) -> str:
    packed = base64.urlsafe_b64encode(body.encode()).decode().rstrip("=")
    return f"{kind}.{packed}.{_seal(key, kind, packed)}"


def _opened(key: bytes, kind: str, token: str) -> tuple[str, str, str]:
    """The three fields, once the seal is found to be ours and of this kind."""
    parts = token.split(".") if token.isascii() and len(token) <= TOKEN_CHARS_MAX else []
    if len(parts) != len(("kind", "body", "seal")) or parts[0] != kind:
        raise Refused("refused.token_bad")
    if not hmac.compare_digest(_seal(key, kind, parts[1]), parts[2]):
        raise Refused("refused.token_bad")
    try:
        body = base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)).decode()
        first, second, third = body.split(":")
    except (binascii.Error, ValueError):
        raise Refused("refused.token_bad") from None
    return first, second, third


def _seal(key: bytes, kind: str, packed: str) -> str:
    digest = hmac.new(key, f"chatwatt api {kind}\n{packed}".encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
