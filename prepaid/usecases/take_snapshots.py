"""Keeps what every account's balance and registers were at its site's last local midnight, once (Y5).

It looks back, so a scheduler that was away at midnight keeps the same figures as one that was there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import date, datetime

from prepaid.domain.accounts import Account, AccountStatus, Site
from prepaid.domain.snapshots import Register, Snapshot, newest_before, snapshot_id
from prepaid.ports import Business
from prepaid.usecases.once_a_day import once_a_day

PAGE = 20
AT_ONCE = 10


async def take_snapshots(business: Business, may_go_on: Callable[[], Awaitable[bool]]) -> int:
    """Returns how many accounts were kept. `may_go_on` is asked before each batch."""
    snapshots = business.store.snapshots

    async def keep(site: Site, accounts: list[Account], day: date) -> None:
        await snapshots.keep(await _taken(business, site, accounts, day))

    def is_open(account: Account) -> bool:
        return account.status is not AccountStatus.CLOSED

    return await once_a_day(business, snapshots, is_open, keep, may_go_on)


async def _taken(business: Business, site: Site, accounts: Sequence[Account], day: date) -> list[Snapshot]:
    room, midnight = asyncio.Semaphore(AT_ONCE), site.calendar.midnight(day)

    async def one(account: Account) -> Snapshot:
        async with room:
            seq, balance_micro = await _balance_at(business, account.id, midnight)
            registers = await _registers(business, account.id, midnight)
        return Snapshot(
            id=snapshot_id(account.id, day.isoformat()),
            account_id=account.id,
            site_id=site.id,
            day=day.isoformat(),
            at=midnight,
            balance_micro=balance_micro,
            seq=seq,
            registers=registers,
        )

    return list(await asyncio.gather(*map(one, accounts)))


async def _balance_at(business: Business, account_id: str, at: datetime) -> tuple[int, int]:
    """(seq, balance) before an instant, from the end of the chain backwards."""
    before: int | None = None
    while True:
        page = await business.store.ledger.latest(account_id, PAGE, before_seq=before)
        entry = newest_before(page, at)
        if entry is not None:
            return entry.seq, entry.balance_micro
        if len(page) < PAGE:
            return 0, 0
        before = page[-1].seq


async def _registers(business: Business, account_id: str, at: datetime) -> tuple[Register, ...]:
    meters = await business.store.meters.of_account(account_id)
    found = await business.store.readings.before([meter.id for meter in meters], at)
    return tuple(
        Register(meter_id=meter_id, at=read_at, energy_wh=energy_wh)
        for meter_id, (read_at, energy_wh) in sorted(found.items())
    )
