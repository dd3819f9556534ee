"""Binds a person to an account by a one-time code, and unbinds at once (A5)."""

from __future__ import annotations

from prepaid.domain.access import Actor, Grant
from prepaid.domain.accounts import Account, AccountStatus
from prepaid.domain.errors import Refused, not_found
from prepaid.domain.people import CODE_TRIES, CODE_TTL_S, code_hash
from prepaid.ports import TOPIC_STAFF, Business
from prepaid.usecases.authorize import intent, record
from prepaid.usecases.wallets import wallets_of


async def bind_chat(business: Business, actor: Actor, code: str, *, chat: str) -> Account | Grant:
    """Binds the actor to an account, or gives the role of an invitation, whichever the code stands for.

    `chat` names the conversation ("telegram:42") whose tries are counted.

    Raises `Refused("refused.code_wrong")` for a wrong, used or expired code, all alike, and
    `Refused("refused.too_many_tries")` after five wrong ones from one chat in ten minutes.
    """
    people, now = business.store.people, business.clock.now()
    if await people.count_try(f"chat:{chat}", now, CODE_TTL_S) > CODE_TRIES:
        await record(business, actor, "bind_chat", chat, refused="refused.too_many_tries")
        raise Refused("refused.too_many_tries")
    row = await people.code(code_hash(code))
    alive = row is not None and now < row.expires_at and not row.for_group
    if row is None or not alive or not await people.use_code(row.hash, actor.id):
        await record(business, actor, "bind_chat", chat, refused="refused.code_wrong")
        raise Refused("refused.code_wrong")
    if row.grant is not None:
        async with intent(business, actor, "accept_role", row.grant.scope, after=f"{actor.id}:{row.grant.role}"):
            await people.grant(actor.id, row.grant)
        await business.wakeups.wake(TOPIC_STAFF)
        return row.grant
    account = await business.store.sites.account(row.account_id)
    if account is None or account.status is AccountStatus.CLOSED:
        raise not_found()
    async with intent(business, actor, "bind_chat", account.path, after=actor.id):
        for wallet in await wallets_of(business, account):
            if wallet.status is not AccountStatus.CLOSED:
                await people.bind(actor.id, wallet.id)
    await _renting(business, actor)
    return account


async def unbind_chat(business: Business, actor: Actor, account_id: str) -> None:
    """Ends the actor's own binding, to every wallet of the tenancy; takes effect with the next message."""
    if account_id not in actor.accounts:
        raise not_found()
    account = await business.store.sites.account(account_id)
    wallets = [account_id] if account is None else [each.id for each in await wallets_of(business, account)]
    async with intent(business, actor, "unbind_chat", account_id, before=actor.id):
        for wallet_id in wallets:
            await business.store.people.unbind(actor.id, wallet_id)
    await _renting(business, actor)


async def _renting(business: Business, actor: Actor) -> None:
    """What is kept for chats of the staff depends on whether they rent as well."""
    if actor.is_staff:
        await business.wakeups.wake(TOPIC_STAFF)
