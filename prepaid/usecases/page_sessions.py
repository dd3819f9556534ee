"""Opens the overview page for the person who asked for it in chat, and knows them again by their browser (A2, A6).

The rights are those of each moment: whoever loses a role sees nothing more at the next look (F37).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from prepaid.domain.access import Action, Actor
from prepaid.domain.errors import Refused, not_found
from prepaid.domain.logins import Login, LoginCode
from prepaid.domain.page_links import (
    LINK_TTL,
    LINKS_MOST,
    SESSION_TTL,
    WAY,
    new_page_id,
    page_code_hash,
    seal,
    unseal,
)
from prepaid.ports import Business
from prepaid.usecases.authorize import record, scopes


@dataclass(frozen=True, slots=True, kw_only=True)
class PageLink:
    """A link that was made. `token` is its secret."""

    token: str
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PageSession:
    """A session that was opened. `cookie` is its secret."""

    cookie: str
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """Who looks, with the rights of this moment."""

    actor: Actor
    login_id: str
    until: datetime


async def make_page_link(business: Business, actor: Actor) -> PageLink | None:
    """A link for the actor, once, for ten minutes; None where no key is set. Raises `Refused` for who sees no site."""
    if not scopes(actor, Action.SEE_SITE):
        await record(business, actor, Action.SEE_SITE, "overview", refused="refused.not_found")
        raise not_found()
    if not business.api_key:
        return None
    now = business.clock.now()
    window_s = int(LINK_TTL.total_seconds())
    if await business.store.people.count_try(f"page:{actor.id}", now, window_s) > LINKS_MOST:
        raise Refused("refused.too_many_links")
    number, until = new_page_id(), (now + LINK_TTL).replace(microsecond=0)
    code = LoginCode(hash=page_code_hash(number), person_id=actor.id, expires_at=until)
    await business.store.logins.add_code(code)
    return PageLink(token=seal(business.api_key, "link", number, until), until=until)


def check_page_link(business: Business, token: str) -> None:
    """Whether the seal is ours and the time is not over. Looks nothing up and uses nothing up."""
    unseal(_key(business), "link", token, business.clock.now())


async def open_page(business: Business, token: str) -> PageSession:
    """Uses the link up. Raises `Refused`: "refused.page_link", "refused.page_link_over" for one used or too old."""
    now = business.clock.now()
    number, _ = unseal(_key(business), "link", token, now)
    person_id = await business.store.logins.use_code(page_code_hash(number), now)
    if person_id is None:
        await record(business, Actor(id="nobody"), "open_page", "overview", refused="refused.page_link_over")
        raise Refused("refused.page_link_over")
    until = (now + SESSION_TTL).replace(microsecond=0)
    login = Login(id=new_page_id(), person_id=person_id, way=WAY, made_at=now, expires_at=until)
    await business.store.logins.open(login)
    await record(business, Actor(id=person_id), "open_page", "overview")
    return PageSession(cookie=seal(_key(business), "session", login.id, until), until=until)


async def page_viewer(business: Business, cookie: str) -> Viewer:
    """Whose session it is. Raises `Refused("refused.page_session")` for none, an ended one, or lost rights."""
    now = business.clock.now()
    try:
        login_id, until = unseal(_key(business), "session", cookie, now)
    except Refused:
        raise Refused("refused.page_session") from None
    login = await business.store.logins.get(login_id)
    if login is None or login.revoked or login.way != WAY or now >= login.expires_at:
        raise Refused("refused.page_session")
    person = await business.store.people.get(login.person_id)
    if person is None or not scopes(person.actor(), Action.SEE_SITE):
        raise Refused("refused.page_session")
    return Viewer(actor=person.actor(), login_id=login.id, until=until)


async def close_page(business: Business, cookie: str) -> None:
    """Ends the session, at once. One that is over already is no trouble."""
    try:
        viewer = await page_viewer(business, cookie)
    except Refused:
        return
    await business.store.logins.revoke(viewer.login_id)


def _key(business: Business) -> bytes:
    if not business.api_key:
        raise Refused("refused.page_link")
    return business.api_key
