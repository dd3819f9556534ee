"""Work for every account of every site, once each local day, in batches; a crash begins the day again (Y5)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date
from typing import Protocol

from prepaid.domain.accounts import Account, Site
from prepaid.ports import Business

BATCH = 100


class Days(Protocol):
    """Which local days are over and done."""

    async def complete(self, site_id: str, day: str) -> None:
        """All accounts of the site are done for that day."""
        ...

    async def newest_day(self, site_id: str) -> str | None:
        """The newest complete day of a site."""
        ...


async def once_a_day(
    business: Business,
    days: Days,
    wanted: Callable[[Account], bool],
    work: Callable[[Site, list[Account], date], Awaitable[None]],
    may_go_on: Callable[[], Awaitable[bool]],
) -> int:
    """Returns for how many accounts `work` was done. `may_go_on` is asked before each batch."""
    done = 0
    for site in await business.store.sites.sites():
        today = site.calendar.local(business.clock.now()).date()
        newest = await days.newest_day(site.id)
        if newest is not None and newest >= today.isoformat():
            continue
        found = await business.store.sites.accounts_below(site.path)
        accounts = [each for each in found if each.site_id == site.id and wanted(each)]
        for first in range(0, len(accounts), BATCH):
            if not await may_go_on():
                return done
            some = accounts[first : first + BATCH]
            await work(site, some, today)
            done += len(some)
        await days.complete(site.id, today.isoformat())
    return done
