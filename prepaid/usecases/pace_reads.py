"""Which meters are read more often than usual, because the account behind them is near zero."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from prepaid.domain.accounts import Account, Site
from prepaid.domain.metering import Meter
from prepaid.domain.pacing import ReadPace, burn_micro_h, read_pace
from prepaid.ports import Business
from prepaid.usecases.prices import carry_of, pricer_of


async def pace_reads(business: Business, site: Site, meters: Sequence[Meter]) -> Mapping[str, ReadPace]:
    """The pace of each meter that somebody pays for, by the balances that the account rows know.

    An account's credit is shared by its meters, so each is paced by what all of them draw together.
    """
    payers = sorted({meter.account_id for meter in meters if meter.account_id is not None})
    accounts, heads = await asyncio.gather(business.store.sites.accounts(payers), business.store.ledger.cached(payers))
    paces: dict[str, ReadPace] = {}
    for account in accounts:
        own = [meter for meter in meters if meter.account_id == account.id]
        burn = sum(_burn(business, site, account, meter) for meter in own)
        credit = heads[account.id].balance_micro - account.floor_micro
        paces |= {meter.id: read_pace(credit, burn, meter.poll_every_s) for meter in own}
    return paces


def _burn(business: Business, site: Site, account: Account, meter: Meter) -> int:
    power_w = meter.last.power_w if meter.last is not None else None
    pricer = pricer_of(site, account, meter.utility)
    if not power_w or pricer is None:
        return 0
    return burn_micro_h(power_w * meter.load_scale, pricer.price_now(business.clock.now(), carry_of(meter.watermark)))
