"""Finds what an actor asks about, or refuses: a foreign and a missing id give the same answer, and are recorded."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol, TypeVar

from prepaid.domain.access import Action, Actor, Subject, covers, may
from prepaid.domain.accounts import Account, Site
from prepaid.domain.errors import InvariantBroken, Refused, not_found
from prepaid.ports import AuditRecord, Business


async def reach_account(business: Business, actor: Actor, account_id: str, action: Action) -> Account:
    """The account, if the actor may do `action` to it; else `Refused("refused.not_found")` (A1, A2)."""
    account = await business.store.sites.account(account_id)
    if account is not None and may(actor, action, Subject(account.path, account.id)):
        return account
    await record(business, actor, action, account_id, refused="refused.not_found")
    raise not_found()


class OfRoom(Protocol):
    """A row about an account: a dispute, a request."""

    @property
    def path(self) -> str: ...
    @property
    def account_id(self) -> str: ...


R = TypeVar("R", bound=OfRoom)


async def reach_row(business: Business, actor: Actor, row: R | None, row_id: str, action: Action) -> R:
    """The row, if there is one and the actor may do `action` to its account; else `Refused("refused.not_found")`."""
    if row is not None and may(actor, action, Subject(row.path, row.account_id)):
        return row
    await record(business, actor, action, row_id, refused="refused.not_found")
    raise not_found()


async def site_of(business: Business, account: Account) -> Site:
    """The account's site, which must exist."""
    site = await business.store.sites.site(account.site_id)
    if site is None:
        raise InvariantBroken(f"account {account.id} has no site")
    return site


async def reach_place(business: Business, actor: Actor, path: str, action: Action, *, named: str | None = None) -> str:
    """The path, if the actor may do `action` there; else `Refused("refused.not_found")`, on record as `named` (A2)."""
    if may(actor, action, Subject(path)):
        return path
    await record(business, actor, action, named or path, refused="refused.not_found")
    raise not_found()


async def as_of_now(business: Business, person_id: str) -> Actor:
    """The person with the roles held at this moment; nobody's roles if the person is gone (F37)."""
    person = await business.store.people.get(person_id)
    return person.actor() if person is not None else Actor(id=person_id)


@asynccontextmanager
async def intent(
    business: Business, actor: Actor, action: str, subject: str, *, reason: str = "", before: str = "", after: str = ""
) -> AsyncIterator[None]:
    """Writes the audit record before the change inside, and marks it done after it, or refused (A3, ADR 0006).

    What a crash or a lost answer leaves is an intent that is not done: never a change without its record.
    """
    line = AuditRecord(
        at=business.clock.now(),
        actor=actor.id,
        action=action,
        subject=subject,
        reason=reason,
        before=before,
        after=after,
    )
    record_id = await business.store.audit.begin(line)
    try:
        yield
    except Refused as refused:
        await business.store.audit.end(record_id, refused=refused.key)
        raise
    await business.store.audit.end(record_id)


def scopes(actor: Actor, action: Action) -> tuple[str, ...]:
    """The subtrees in which staff may do `action`, without those inside another."""
    paths = sorted({grant.scope for grant in actor.grants if may(actor, action, Subject(grant.scope))})
    return tuple(path for path in paths if not any(covers(other, path) for other in paths if other != path))


async def record(
    business: Business,
    actor: Actor,
    action: str,
    subject: str,
    *,
    reason: str = "",
    before: str = "",
    after: str = "",
    refused: str = "",
) -> None:
    """One line of the audit trail (A3)."""
    await business.store.audit.add(
        AuditRecord(
            at=business.clock.now(),
            actor=actor.id,
            action=action,
            subject=subject,
            reason=reason,
            before=before,
            after=after,
            refused=refused,
        )
    )
