"""Staff hands out a one-time code that binds one chat to one account (A5)."""

from __future__ import annotations

from datetime import timedelta

from prepaid.domain.access import Action, Actor
from prepaid.domain.accounts import Account, AccountStatus
from prepaid.domain.errors import InvariantBroken, Refused
from prepaid.domain.people import CODE_TTL_S, LABEL_CODE_TTL_S, BindCode, code_hash, new_code
from prepaid.ports import Business
from prepaid.usecases.authorize import intent, reach_account


async def issue_bind_code(business: Business, actor: Actor, account_id: str, *, ttl_s: int = CODE_TTL_S) -> str:
    """A fresh code, valid for one person and ten minutes, or for days if it is printed. Only its hash is stored."""
    if not 0 < ttl_s <= LABEL_CODE_TTL_S:
        raise InvariantBroken(f"a bind code lives {LABEL_CODE_TTL_S} s at most")
    account = await reach_account(business, actor, account_id, Action.ISSUE_BIND_CODE)
    if account.status is AccountStatus.CLOSED:
        raise Refused("refused.account_closed")
    return await fresh_code(business, actor, account, ttl_s=ttl_s)


async def fresh_code(business: Business, actor: Actor, account: Account, *, ttl_s: int = CODE_TTL_S) -> str:
    """The code of an account that the caller has reached."""
    code = new_code()
    row = BindCode(
        hash=code_hash(code),
        account_id=account.id,
        expires_at=business.clock.now() + timedelta(seconds=ttl_s),
        issued_by=actor.id,
    )
    async with intent(business, actor, "issue_bind_code", account.path):
        await business.store.people.add_code(row)
    return code
