"""The staff answers whoever lives in a room: words to everybody bound to it, where they can be reached (T2, A2)."""

from __future__ import annotations

from datetime import datetime

from prepaid.domain.access import Action, Actor
from prepaid.domain.accounts import AccountStatus
from prepaid.domain.errors import Refused
from prepaid.domain.notices import NoticeKind
from prepaid.domain.staff_requests import RequestState
from prepaid.ports import Business
from prepaid.usecases.authorize import intent, reach_account, site_of
from prepaid.usecases.staff_requests import end_requests
from prepaid.usecases.tell import Crossing, tell_account

MOST_WORDS = 300
AN_HOUR = 60
WINDOW_S = 3600


async def answer_tenant(
    business: Business, actor: Actor, account_id: str, words: str, *, wish: str, asked_until: datetime | None = None
) -> int:
    """Tells them; returns how many are told. The same `wish` again tells nobody twice (N1).

    What was asked from the room until `asked_until`, or until now, has its answer then; what came later stays open.

    Raises `Refused`: "refused.not_found" outside the actor's reach, "refused.account_closed", "refused.reason_needed"
    for none or too many words, "refused.broadcast_nobody" where nobody is bound, "refused.too_many_wishes" after sixty
    in an hour.
    """
    account = await reach_account(business, actor, account_id, Action.BROADCAST)
    said = words.strip()
    if not 0 < len(said) <= MOST_WORDS:
        raise Refused("refused.reason_needed")
    if account.status is AccountStatus.CLOSED:
        raise Refused("refused.account_closed")
    people = await business.store.people.of_account(account.id)
    if not people:
        raise Refused("refused.broadcast_nobody")
    if await business.store.people.count_try(f"answer:{actor.id}", business.clock.now(), WINDOW_S) > AN_HOUR:
        raise Refused("refused.too_many_wishes")
    crossing = Crossing(NoticeKind.STAFF_ANSWERED, f"{actor.id}:{wish}")
    async with intent(business, actor, "answer_tenant", account.path, reason=said):
        await tell_account(business, account, await site_of(business, account), crossing, {"words": said})
        # Told first: a crash in between leaves it open, and nothing that is open is lost.
        await end_requests(business, actor, account.id, RequestState.ANSWERED, asked_until=asked_until)
    return len(people)
