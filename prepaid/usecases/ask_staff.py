"""A tenant turns to the staff of their site: for help, for protection, or to move out. The staff is told, nothing else.

What follows is the staff's own use case: holding a supply, closing an account. The tenant's wish is on record (A3).
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from prepaid.domain.access import Action, Actor
from prepaid.domain.accounts import AccountStatus
from prepaid.domain.errors import Refused
from prepaid.domain.notices import NoticeKind
from prepaid.ports import Business
from prepaid.usecases.authorize import intent, reach_account, site_of
from prepaid.usecases.tell import Crossing, tell_staff

WISHES_AN_HOUR = 5
WINDOW_S = 3600
MAX_WORDS = 300


class Wish(StrEnum):
    """What is asked for."""

    HELP = "help"
    PROTECTION = "protection"
    MOVE_OUT = "move_out"


_KINDS = {
    Wish.HELP: NoticeKind.HELP_ASKED,
    Wish.PROTECTION: NoticeKind.PROTECTION_ASKED,
    Wish.MOVE_OUT: NoticeKind.MOVE_OUT_ASKED,
}


async def ask_staff(business: Business, actor: Actor, account_id: str, wish: Wish, *, words: str) -> datetime:
    """Tells the staff over the account's site; returns when.

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
    crossing = Crossing(_KINDS[wish], f"{actor.id}:{int(now.timestamp() * 1000)}")
    async with intent(business, actor, f"ask_{wish}", account.path):
        if not await tell_staff(business, site, crossing, {"why": said, "room": account.label}, account=account):
            raise Refused("refused.nobody_to_ask")
    return now
