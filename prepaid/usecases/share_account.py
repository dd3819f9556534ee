"""Several people of one account: somebody bound to it invites others, sees who they are, and lets them go (T1, A5)."""

from __future__ import annotations

from dataclasses import dataclass

from prepaid.domain.access import Action, Actor
from prepaid.domain.accounts import Account, AccountStatus
from prepaid.domain.errors import Refused, not_found
from prepaid.domain.notices import NoticeKind
from prepaid.domain.people import CODE_TTL_S
from prepaid.ports import Business
from prepaid.usecases.authorize import intent, reach_account, record, site_of
from prepaid.usecases.issue_bind_code import fresh_code
from prepaid.usecases.tell import Crossing, tell_persons
from prepaid.usecases.wallets import wallets_of

MOST_PEOPLE = 10
CODES_IN_TTL = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """Somebody bound to the account. No name is known: which chat they use is all there is."""

    person_id: str
    channel: str
    is_me: bool


async def members_of(business: Business, actor: Actor, account_id: str) -> tuple[Member, ...]:
    """Everybody bound to the account, the actor first."""
    account = await reach_account(business, actor, account_id, Action.SHARE_ACCOUNT)
    people = await business.store.people.of_account(account.id)
    members = [
        Member(
            person_id=person.id,
            channel=person.addresses[0].channel if person.addresses else "",
            is_me=person.id == actor.id,
        )
        for person in people
    ]
    return tuple(sorted(members, key=lambda member: (not member.is_me, member.person_id)))


async def invite_member(business: Business, actor: Actor, account_id: str) -> str:
    """A one-time code for one more person, valid for ten minutes.

    Raises `Refused`: "refused.account_closed", "refused.too_many_people", "refused.too_many_tries" after five codes in
    ten minutes.
    """
    account = await reach_account(business, actor, account_id, Action.SHARE_ACCOUNT)
    if account.status is AccountStatus.CLOSED:
        raise Refused("refused.account_closed")
    if len(await business.store.people.of_account(account.id)) >= MOST_PEOPLE:
        raise Refused("refused.too_many_people", most=MOST_PEOPLE)
    if await business.store.people.count_try(f"invite:{account.id}", business.clock.now(), CODE_TTL_S) > CODES_IN_TTL:
        raise Refused("refused.too_many_tries")
    return await fresh_code(business, actor, account)


async def remove_member(business: Business, actor: Actor, account_id: str, person_id: str) -> None:
    """Ends somebody else's binding at once, to every wallet of the tenancy, and tells them.

    Somebody who is not bound to the account answers like an account that is not there (A1). One's own binding ends by
    `unbind_chat`: here it is refused.
    """
    account = await reach_account(business, actor, account_id, Action.SHARE_ACCOUNT)
    if person_id == actor.id:
        raise Refused("refused.remove_oneself")
    if person_id not in {person.id for person in await business.store.people.of_account(account.id)}:
        await record(business, actor, Action.SHARE_ACCOUNT, person_id, refused="refused.not_found")
        raise not_found()
    async with intent(business, actor, "remove_member", account.path, before=person_id):
        for wallet in await wallets_of(business, account):
            await business.store.people.unbind(person_id, wallet.id)
    await _tell(business, account, person_id)


async def _tell(business: Business, account: Account, person_id: str) -> None:
    site, now = await site_of(business, account), business.clock.now()
    crossing = Crossing(NoticeKind.MEMBER_REMOVED, f"{int(now.timestamp() * 1000)}")
    await tell_persons(business, site, [person_id], crossing, {}, account=account)
