"""Reads together everything that `supply.decide` looks at."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from prepaid.domain.accounts import Account, Site
from prepaid.domain.ledger import Head
from prepaid.domain.metering import Meter
from prepaid.domain.notices import Notice, NoticeKind, NoticeState
from prepaid.domain.supply import Facts, Supply
from prepaid.ports import Business


async def gather_facts(business: Business, account: Account, site: Site, meter: Meter, supply: Supply) -> Facts:
    """The facts about one meter's supply now. Raises `TryAgain` when the store cannot be read (then nothing is cut)."""
    store, now = business.store, business.clock.now()
    head = await store.ledger.head(account.id)
    warned_at, queued = await _warning(business, account, head)
    orders_open = await store.orders.unsettled(account.id)
    return Facts(
        balance_micro=head.balance_micro,
        floor_micro=account.floor_micro,
        supply=supply,
        reading_at=meter.last.at if meter.last else None,
        fresh_run=meter.fresh_run,
        reading_held=meter.held > 0,
        money_on_its_way=orders_open or await store.inbox.waiting_for_account(account.id),
        warned_at=warned_at,
        warning_queued=queued,
        protected_customer=account.protected,
        gateway_down=meter.silent_since is not None,
        cuts_last_hour=await _cuts(business, site, supply, now),
        operations_today=supply.operations if supply.operations_day == day_of(site, now) else 0,
    )


def day_of(site: Site, at: datetime) -> str:
    """The site's local day, for counting operations."""
    return f"{site.calendar.local(at):%Y-%m-%d}"


def warning_crossing(head: Head) -> str:
    """One balance-gone warning for each time that credit was last added."""
    return f"c{head.credit_seq}"


async def _warning(business: Business, account: Account, head: Head) -> tuple[datetime | None, bool]:
    """(when the warning was delivered or its ladder exhausted, whether it is in the outbox at all)."""
    prefix = f"{NoticeKind.BALANCE_GONE}:{account.id}:{warning_crossing(head)}:"
    rows = await business.store.notices.find(prefix)
    if not rows:
        return None, False
    delivered = [row.done_at for row in rows if row.state is NoticeState.DELIVERED and row.done_at]
    if delivered:
        return min(delivered), True
    return _exhausted(rows), True


def _exhausted(rows: Sequence[Notice]) -> datetime | None:
    """When the last row gave up, if every row did."""
    ends = [row.done_at for row in rows if row.state is NoticeState.EXHAUSTED and row.done_at]
    return max(ends) if len(ends) == len(rows) else None


async def _cuts(business: Business, site: Site, supply: Supply, now: datetime) -> int:
    """Other supplies of the site cut in the last hour; the one in question does not count against itself."""
    since = now - timedelta(hours=1)
    own = not supply.wanted.on and supply.wanted.at >= since
    return await business.store.supplies.cuts_since(site.id, since) - own
