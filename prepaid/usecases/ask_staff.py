"""A tenant turns to the staff of their site: for help, for protection, to move out. It is kept, and they are told.

The row comes first, so no crash loses what was asked. What follows is the staff's own use case: an answer, holding a
supply, closing an account; until then it stands among what is open (`staff_requests`).
"""

from __future__ import annotations

from datetime import datetime

from prepaid.domain.access import Action, Actor
from prepaid.domain.accounts import AccountStatus
from prepaid.domain.errors import Refused
from prepaid.domain.staff_requests import StaffRequest, Wish, request_id
from prepaid.ports import Business
from prepaid.usecases.authorize import intent, reach_account, site_of
from prepaid.usecases.staff_requests import told_or_later
from prepaid.usecases.tell import staff_label

WISHES_AN_HOUR = 5
WINDOW_S = 3600
MAX_WORDS = 300


async def ask_staff(business: Business, actor: Actor, account_id: str, wish: Wish, *, words: str) -> datetime:
    """Keeps the request and tells the staff over the account's site; returns when it was asked.

    Raises `Refused`: "refused.reason_needed" without words, "refused.account_closed", "refused.too_many_wishes" after
    five in an hour, "refused.nobody_to_ask" where the site has no staff.
    """
    account = await reach_account(business, actor, account_id, Action.ASK_STAFF)
    said = words.strip()
    if not 0 < len(said) <= MAX_WORDS:
        raise Refused("refused.reason_needed")
    if account.status is AccountStatus.CLOSED:
        raise Refused("refused.account_closed")
    now = business.clock.now()
    if await business.store.people.count_try(f"wish:{actor.id}", now, WINDOW_S) > WISHES_AN_HOUR:
        raise Refused("refused.too_many_wishes")
    site = await site_of(business, account)
    request = StaffRequest(
        id=request_id(actor.id, account.id, wish, now),
        wish=wish,
        account_id=account.id,
        site_id=site.id,
        path=account.path,
        label=staff_label(site, account)["label"],
        words=said,
        asked_by=actor.id,
        asked_at=now,
    )
    async with intent(business, actor, f"ask_{wish}", account.path):
        if not await business.store.people.staff_over(site.path):
            raise Refused("refused.nobody_to_ask")
        await told_or_later(business, await business.store.staff_requests.add(request))
    return now
