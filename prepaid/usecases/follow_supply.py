"""How far an account's supplies are on the way to what is wanted, waiting a while for news (S4).

A relay confirms or does not, so whoever switches asks here what came of it. A time that runs out says nothing.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import StrEnum

from prepaid.domain.access import Action, Actor
from prepaid.domain.accounts import Account
from prepaid.domain.supply import Outcome
from prepaid.ports import Business, topic_site
from prepaid.usecases.authorize import reach_account
from prepaid.usecases.supply_views import supply_views
from prepaid.usecases.views import SupplyView

WAIT_S_MAX = 25.0
LOOK_EVERY_S = 2.0
"""A hint may be lost, so whoever waits looks by himself now and then (Y2)."""


class Way(StrEnum):
    """How far they are: the first of these that is true of any supply."""

    UNCONFIRMED = "unconfirmed"
    """A device was told and did not confirm it: nobody knows."""
    SWITCHING = "switching"
    WAITING = "waiting"
    """Somebody has to press a button at the meter."""
    AS_WANTED = "as_wanted"


_WAYS = {
    Outcome.UNCONFIRMED: Way.UNCONFIRMED,
    Outcome.PENDING: Way.SWITCHING,
    Outcome.WAITING: Way.WAITING,
    Outcome.CONFIRMED: Way.AS_WANTED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SupplyProgress:
    """The supplies as they are, and how far they are together."""

    way: Way
    supplies: tuple[SupplyView, ...]


async def follow_supply(
    business: Business,
    actor: Actor,
    account_id: str,
    *,
    seen: str | None = None,
    wait_s: float = 0,
    stopping: asyncio.Event | None = None,
) -> SupplyProgress:
    """The progress; with `seen`, waits up to `wait_s` for another. Foreign and missing answer alike (A1)."""
    account = await reach_account(business, actor, account_id, Action.SEE_ACCOUNT)
    end_s = business.clock.monotonic() + min(wait_s, WAIT_S_MAX)
    async with business.wakeups.waiter(topic_site(account.site_id)) as waiter:
        while True:
            found = await _progress(business, account)
            left_s = end_s - business.clock.monotonic()
            if seen is None or found.way != seen or left_s <= 0 or (stopping is not None and stopping.is_set()):
                return found
            await waiter.wait(min(left_s, LOOK_EVERY_S))


async def _progress(business: Business, account: Account) -> SupplyProgress:
    supplies = await supply_views(business, account)
    ways = {_WAYS[view.outcome] for view in supplies}
    return SupplyProgress(way=next((way for way in Way if way in ways), Way.AS_WANTED), supplies=supplies)
