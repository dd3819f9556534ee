"""Reads together everything that `supply.decide` looks at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypedDict

from prepaid.domain.accounts import Account, Site
from prepaid.domain.ledger import Head
from prepaid.domain.metering import Meter
from prepaid.domain.notices import Notice, NoticeKind, NoticeState
from prepaid.domain.supply import Facts, Supply
from prepaid.ports import Business

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteCuts:
    """What the supplies of a site share: how many were cut lately, and how many there are."""

    last_hour: int
    last_day: int
    supplies: int


async def gather_facts(
    business: Business, account: Account, site: Site, meter: Meter, supply: Supply, *, cuts: SiteCuts | None = None
) -> Facts:
    """The facts about one meter's supply now. Raises `TryAgain` when the store cannot be read (then nothing is cut).

    `cuts` are those of the site, for whoever looks at many of its supplies at once and changes none.
    """
    store, now = business.store, business.clock.now()
    head = await store.ledger.head(account.id)
    warned_at, queued = await _notice(business, account, warning_crossing(head, account))
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
        reminded_at=await _reminders(business, account, site, head) if warned_at is not None else (),
        protected_customer=account.protected,
        gateway_down=meter.silent_since is not None,
        store_or_clock_doubtful=clock_doubtful(business),
        operations_today=supply.operations if supply.operations_day == day_of(site, now) else 0,
        mass_cut_until=site.mass_cut_until,
        **(await _blast(business, site, supply, now, cuts) if head.balance_micro <= account.floor_micro else {}),
    )


def balance_facts(account: Account, head: Head, supply: Supply) -> Facts:
    """What holds, hands and the balance decide alone. All else is in doubt, so that no cut can come of it."""
    return Facts(
        balance_micro=head.balance_micro,
        floor_micro=account.floor_micro,
        supply=supply,
        reading_at=None,
        fresh_run=0,
        reading_held=False,
        money_on_its_way=True,
        warned_at=None,
        warning_queued=False,
        protected_customer=account.protected,
        gateway_down=False,
        store_or_clock_doubtful=True,
    )


def clock_doubtful(business: Business) -> bool:
    """Whether the wall clock jumped lately, so that nobody knows which hours are protected (Y4)."""
    trust, clock = business.trust, business.clock
    return trust is not None and trust.doubtful(clock.now(), clock.monotonic())


def day_of(site: Site, at: datetime) -> str:
    """The site's local day, for counting operations."""
    return f"{site.calendar.local(at):%Y-%m-%d}"


def warning_crossing(head: Head, account: Account, rung: int = 0) -> str:
    """One ladder of balance-gone notices for each time that credit was last added, or emergency credit taken."""
    emergency = f"e{account.emergency_at:%Y%m%d%H%M%S}" if account.emergency_at is not None else ""
    return f"c{head.credit_seq}{emergency}" + (f"r{rung}" if rung else "")


async def _reminders(business: Business, account: Account, site: Site, head: Head) -> tuple[datetime | None, ...]:
    """When each reminder in the outbox was delivered or exhausted, in order of the ladder."""
    done: list[datetime | None] = []
    for rung, _ in enumerate(site.policy.reminder_leads_s, start=1):
        at, queued = await _notice(business, account, warning_crossing(head, account, rung))
        if not queued:
            break
        done.append(at)
    return tuple(done)


async def _notice(business: Business, account: Account, crossing: str) -> tuple[datetime | None, bool]:
    """(when the notice was delivered or its ways exhausted, whether it is in the outbox at all)."""
    prefix = f"{NoticeKind.BALANCE_GONE}:{account.id}:{crossing}:"
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


class _Blast(TypedDict, total=False):
    cuts_last_hour: int
    cuts_last_day: int
    site_supplies: int


async def _blast(business: Business, site: Site, supply: Supply, now: datetime, cuts: SiteCuts | None) -> _Blast:
    """What the limits on cutting off many at once look at; only asked for whoever is out of credit."""
    cuts = cuts or await site_cuts(business, site, now)
    return _Blast(
        cuts_last_hour=cuts.last_hour - _is_own(supply, now - HOUR),
        cuts_last_day=cuts.last_day - _is_own(supply, now - DAY),
        site_supplies=cuts.supplies,
    )


async def site_cuts(business: Business, site: Site, now: datetime) -> SiteCuts:
    """The cuts of a site lately, and how many supplies it has."""
    return SiteCuts(
        last_hour=await business.store.supplies.cuts_since(site.id, now - HOUR),
        last_day=await business.store.supplies.cuts_since(site.id, now - DAY),
        supplies=await business.store.supplies.count_on_site(site.id),
    )


def _is_own(supply: Supply, since: datetime) -> bool:
    """Whether the supply itself was cut since then: it does not count against itself."""
    return not supply.wanted.on and supply.wanted.at >= since
