"""A program logs in for a person, goes on from there, and is logged out (A1, A5).

Who the person is was proved before: by a channel's own word (a WeChat code, Telegram's signed data) or by a code that
the person asked for in chat.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime

import structlog

from prepaid.domain.access import Actor
from prepaid.domain.errors import Refused
from prepaid.domain.logins import (
    ACCESS_TTL,
    LOGIN_CODE_TTL,
    LOGIN_TRIES,
    REFRESH_TTL,
    Login,
    LoginCode,
    login_code_hash,
    new_login_id,
    read_access,
    read_refresh,
    seal_access,
    seal_refresh,
)
from prepaid.domain.people import CODE_TTL_S, new_code
from prepaid.ports import Business
from prepaid.usecases.authorize import record
from prepaid.usecases.greet import greet

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """What a program holds of a login."""

    access: str
    refresh: str
    access_until: datetime
    refresh_until: datetime
    person_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedIn:
    """Who asks, with the rights of this moment, and by which login."""

    actor: Actor
    login_id: str


async def log_in(business: Business, channel: str, user: str, *, language: str) -> Tokens:
    """Logs in the person at an address that its channel vouches for; made on first contact, bound to nothing."""
    _key(business)
    person = await greet(business, channel, user, language=language)
    return await _opened(business, person.id, channel)


async def issue_login_code(business: Business, actor: Actor) -> str:
    """A code that logs in whoever asked for it: once, within five minutes. Only its hash is kept."""
    _key(business)
    code = new_code()
    until = business.clock.now() + LOGIN_CODE_TTL
    await business.store.logins.add_code(
        LoginCode(hash=login_code_hash(code), person_id=actor.id, expires_at=until),
    )
    return code


async def log_in_by_code(business: Business, code: str, *, where: str) -> Tokens:
    """Logs in by a code from chat. `where` names the place whose tries are counted.

    Raises `Refused`: "refused.code_wrong" for a wrong, used or expired code, all alike, and "refused.too_many_tries".
    """
    _key(business)
    now, nobody = business.clock.now(), Actor(id="nobody")
    if await business.store.people.count_try(f"login:{where}", now, CODE_TTL_S) > LOGIN_TRIES:
        await record(business, nobody, "log_in", "login", refused="refused.too_many_tries")
        raise Refused("refused.too_many_tries")
    person_id = await business.store.logins.use_code(login_code_hash(code), now)
    if person_id is None:
        await record(business, nobody, "log_in", "login", refused="refused.code_wrong")
        raise Refused("refused.code_wrong")
    return await _opened(business, person_id, "code")


async def refresh(business: Business, token: str) -> Tokens:
    """New tokens for a refresh token, which is used up by it.

    One that was used before ends the login: either it or its successor was stolen, and nobody can say which.
    """
    held = read_refresh(_key(business), token)
    now, logins = business.clock.now(), business.store.logins
    login = await logins.get(held.login_id)
    if login is None or login.revoked or now >= login.expires_at:
        raise Refused("refused.token_expired")
    if await logins.rotate(login.id, held.rotation, now + REFRESH_TTL):
        return _tokens(business, login, held.rotation + 1)
    await logins.revoke(login.id)
    log.warning("refresh_token_reused", login=login.id)
    await record(business, Actor(id=login.person_id), "refresh", login.id, refused="refused.token_reused")
    raise Refused("refused.token_reused")


async def who_is(business: Business, token: str) -> LoggedIn:
    """Whose access token it is, with the bindings and roles of this moment (F37)."""
    access = read_access(_key(business), token, business.clock.now())
    login, person = await asyncio.gather(
        business.store.logins.get(access.login_id), business.store.people.get(access.person_id)
    )
    if login is None or login.revoked or person is None:
        raise Refused("refused.token_expired")
    return LoggedIn(actor=person.actor(), login_id=login.id)


async def log_out(business: Business, caller: LoggedIn) -> None:
    """Ends this login, at once."""
    await business.store.logins.revoke(caller.login_id)


async def log_out_everywhere(business: Business, actor: Actor) -> None:
    """Ends every login of the person, at once."""
    await business.store.logins.revoke_all(actor.id)
    await record(business, actor, "log_out_everywhere", actor.id)


async def _opened(business: Business, person_id: str, way: str) -> Tokens:
    now = business.clock.now()
    login = Login(id=new_login_id(), person_id=person_id, way=way, made_at=now, expires_at=now + REFRESH_TTL)
    await business.store.logins.open(login)
    return _tokens(business, login, 0)


def _tokens(business: Business, login: Login, rotation: int) -> Tokens:
    key, now = _key(business), business.clock.now()
    return Tokens(
        access=seal_access(key, login, now + ACCESS_TTL),
        refresh=seal_refresh(key, login.id, rotation),
        access_until=(now + ACCESS_TTL).replace(microsecond=0),
        refresh_until=now + REFRESH_TTL,
        person_id=login.person_id,
    )


def _key(business: Business) -> bytes:
    if not business.api_key:
        raise Refused("refused.api_off")
    return business.api_key
