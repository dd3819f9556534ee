"""Turns one sweep of a bus into history, money and supply decisions. Resumable: the same sweep again changes nothing.

Order matters for a crash between any two steps: entry, then its notices, then the watermark. A restart meets the entry
by its key (`use:<meter>:<start>`), takes the interval that was stored, and goes on from there (M11, M12). Each step is
taken for the whole sweep at once, because a store has more time for one bulk than for many small writes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog

from prepaid.domain.accounts import Account, Site
from prepaid.domain.errors import InvariantBroken, Refused
from prepaid.domain.ledger import Entry, Head, Posting
from prepaid.domain.metering import Doubt, Judged, Meter, Reading, Sweep, judge
from prepaid.domain.notices import NoticeKind, crossed_levels
from prepaid.domain.registers import HeldReading, case_id
from prepaid.domain.supply import Reported, Supply
from prepaid.ports import Business
from prepaid.usecases.decide_supply import decide_supply
from prepaid.usecases.report_alarms import report_alarms
from prepaid.usecases.running_outage import running_outage
from prepaid.usecases.tell import Crossing, tell_account, tell_staff
from prepaid.usecases.usage_posting import first_mark, mark_after, nothing_posting, usage_posting

log = structlog.get_logger()

DEAR_MICRO_PER_KWH = 20_000_000
"""More than a kWh (or a cubic metre) costs anywhere: below this nothing needs to be priced to see that it is little."""
REPORT_EVERY = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a sweep is judged against, read once for all its readings."""

    meters: Mapping[str, Meter]
    supplies: Mapping[str, Supply]
    sites: Mapping[str, Site]
    accounts: Mapping[str, Account]
    heads: Mapping[str, Head]
    """What the account rows know of the balances."""

    def site(self, meter: Meter) -> Site:
        """Where the meter is."""
        return self.sites[meter.site_id]

    def account(self, meter: Meter) -> Account | None:
        """Who pays for it, if anybody. Somebody who is named must exist."""
        if meter.account_id is None:
            return None
        account = self.accounts.get(meter.account_id)
        if account is None:
            raise InvariantBroken(f"meter {meter.id} has no account")
        return account


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """One interval of one meter that is due."""

    meter: Meter
    site: Site
    account: Account
    posting: Posting


async def settle_readings(business: Business, sweep: Sweep) -> None:
    """Judges, keeps and bills the readings of a sweep, notes silent meters, decides the supply of who is touched."""
    store = business.store
    scene = await _scene(business, sweep)
    await _note_silence(business, scene.meters, sweep)
    judged = [
        judge(scene.meters[reading.meter_id], reading) for reading in sweep.readings if reading.meter_id in scene.meters
    ]
    good = [each.reading for each in judged if each.doubt is None]
    await report_alarms(business, scene.meters, scene.sites, scene.accounts, good)
    await asyncio.gather(
        store.meters.saw([(reading, scene.meters[reading.meter_id].fresh_run + 1) for reading in good]),
        _keep(business, scene, good),
    )
    await _hold_doubtful(business, scene, judged)
    await _end_doubts(business, scene, good)
    await _report_relays(business, scene, good)
    await _bill(business, scene, good)
    for account_id in await _undecided(business, scene, [each.reading.meter_id for each in judged]):
        await decide_supply(business, account_id)


async def _scene(business: Business, sweep: Sweep) -> Scene:
    store = business.store
    found, supplies = await asyncio.gather(
        store.meters.on_gateway(sweep.gateway_id), store.supplies.on_gateway(sweep.gateway_id)
    )
    read = {reading.meter_id for reading in sweep.readings}
    payers = sorted({meter.account_id for meter in found if meter.account_id is not None and meter.id in read})
    names = sorted({meter.site_id for meter in found})
    accounts, sites = await asyncio.gather(
        store.sites.accounts(payers), asyncio.gather(*(store.sites.site(name) for name in names))
    )
    heads = await store.ledger.cached(payers)
    return Scene(
        meters={meter.id: meter for meter in found},
        supplies={supply.meter_id: supply for supply in supplies},
        sites={site.id: site for site in sites if site is not None},
        accounts={account.id: account for account in accounts},
        heads=heads,
    )


async def _undecided(business: Business, scene: Scene, meter_ids: Sequence[str]) -> Iterable[str]:
    """Accounts for whom a decision may change something, by the balance that the account rows know.

    A row that lags behind its chain is put right by the next entry; whoever it hides is found by the review of
    supplies until then. What is decided, is decided from the chain itself.
    """
    supplies = [supply for meter_id in meter_ids if (supply := scene.supplies.get(meter_id)) is not None]
    touched = [supply for supply in supplies if supply.account_id in scene.accounts]
    heads = await business.store.ledger.cached(sorted({supply.account_id for supply in touched if supply.account_id}))
    undecided: dict[str, None] = {}
    for supply in touched:
        account = scene.accounts[supply.account_id or ""]
        credit = heads[account.id].balance_micro > account.floor_micro
        if supply.hold is not None or supply.wanted.on != credit:
            undecided[account.id] = None
    return undecided


async def _keep(business: Business, scene: Scene, good: Sequence[Reading]) -> None:
    by_zone: dict[str, list[Reading]] = {}
    for reading in good:
        zone = scene.site(scene.meters[reading.meter_id]).calendar.time_zone
        by_zone.setdefault(zone, []).append(reading)
    for zone, readings in by_zone.items():
        await business.store.readings.keep(readings, zone)


async def _note_silence(business: Business, meters: Mapping[str, Meter], sweep: Sweep) -> None:
    answered = [r.meter_id for r in sweep.readings if r.meter_id in meters and meters[r.meter_id].silent_since]
    if answered:
        await business.store.meters.silent(answered, None)
    newly = [meter_id for meter_id in sweep.silent if meter_id in meters and not meters[meter_id].silent_since]
    if newly:
        await business.store.meters.silent(newly, business.clock.now())
        await _tell_silence(business, [meters[meter_id] for meter_id in newly])


async def _tell_silence(business: Business, newly: Sequence[Meter]) -> None:
    """One word a day for each meter: one that comes and goes must not bury the others (A5)."""
    for meter in newly:
        site = await business.store.sites.site(meter.site_id)
        if site is not None:
            log.warning("meter_down", meter=meter.id)
            if await running_outage(business, site.id, meter.path, meter.utility) is not None:
                continue  # As announced. Whatever is still silent afterwards is told then.
            crossing = Crossing(NoticeKind.METER_DOWN, f"{meter.id}:{business.clock.now():%Y-%m-%d}")
            account = await business.store.sites.account(meter.account_id) if meter.account_id else None
            await tell_staff(business, site, crossing, {"meter_id": meter.id}, account=account)


async def _report_relays(business: Business, scene: Scene, good: Sequence[Reading]) -> None:
    for reading in good:
        if reading.relay_on is not None and _is_news(scene.supplies.get(reading.meter_id), reading):
            await business.store.supplies.saw(reading.meter_id, Reported(on=reading.relay_on, at=reading.at))


def _is_news(supply: Supply | None, reading: Reading) -> bool:
    """A relay state that is known and not old is not written again with every poll."""
    known = supply.reported if supply is not None else None
    return known is None or known.on != reading.relay_on or reading.at - known.at >= REPORT_EVERY


async def _hold_doubtful(business: Business, scene: Scene, judged: Sequence[Judged]) -> None:
    for each in judged:
        meter = scene.meters[each.reading.meter_id]
        if each.doubt is not None:
            await _hold(business, meter, scene.site(meter), each, each.doubt)


async def _end_doubts(business: Business, scene: Scene, good: Sequence[Reading]) -> None:
    for meter in (scene.meters[reading.meter_id] for reading in good):
        if meter.held > 0:
            await business.store.registers.passed(meter.id, business.clock.now())


async def _hold(business: Business, meter: Meter, site: Site, judged: Judged, doubt: Doubt) -> None:
    """Implausible: not billed, no reason to cut, and an admin decides what the register did (S10)."""
    reading = judged.reading
    if doubt is Doubt.OUT_OF_ORDER:
        return  # A late answer of an earlier sweep is no news.
    if judged.again:
        await business.store.registers.held_again(meter.id, reading)
    else:
        await business.store.registers.hold(_case(meter, doubt, reading))
    await business.store.meters.held(meter.id, meter.register_epoch, doubt, reading)
    if meter.held == 0:
        log.warning("reading_held", meter=meter.id, doubt=doubt)
        crossing = Crossing(NoticeKind.READING_HELD, f"{meter.id}:{reading.at.isoformat()}")
        account = await business.store.sites.account(meter.account_id) if meter.account_id else None
        await tell_staff(business, site, crossing, {"meter_id": meter.id, "doubt": doubt}, account=account)


def _case(meter: Meter, doubt: Doubt, reading: Reading) -> HeldReading:
    return HeldReading(
        id=case_id(meter.id, reading),
        meter_id=meter.id,
        site_id=meter.site_id,
        path=meter.path,
        doubt=doubt,
        before=meter.last,
        first=reading,
        latest=reading,
    )


async def _bill(business: Business, scene: Scene, good: Sequence[Reading]) -> None:
    """First readings open a watermark; what is due is posted, told, and only then moves its watermark on."""
    metered = [(scene.meters[reading.meter_id], reading) for reading in good]
    opened = [(m.id, None, first_mark(scene.site(m), r)) for m, r in metered if m.account_id and m.watermark is None]
    await business.store.meters.move_watermarks(opened)
    bills = [bill for meter, reading in metered if (bill := _due(scene, meter, reading)) is not None]
    while bills:
        # An account with several meters is billed for one after the other: a bulk holds one entry of a chain.
        turn = {bill.account.id: bill for bill in reversed(bills)}
        await _settle(business, list(turn.values()))
        bills = [bill for bill in bills if turn[bill.account.id] is not bill]


async def _settle(business: Business, bills: Sequence[Bill]) -> None:
    entries = await _post(business, [bill.posting for bill in bills])
    for bill, entry in zip(bills, entries, strict=True):
        await _warn_low(business, bill.account, bill.site, entry)
    moves = [(b.meter.id, b.meter.watermark, mark_after(e)) for b, e in zip(bills, entries, strict=True)]
    await business.store.meters.move_watermarks(moves)


async def settle_to_the_end(business: Business, meter: Meter, account: Account, site: Site) -> None:
    """Bills a meter that is about to be freed up to its last reading, however short the interval (T5).

    Where nothing is due an entry of nothing takes the interval's key: a sweep that still holds the old watermark meets
    it and bills nothing to whoever has moved out.
    """
    mark, last = meter.watermark, meter.last
    if mark is None or last is None:
        return
    charged = usage_posting(meter, account, site, last)
    entry = (await _post(business, [charged or nothing_posting(meter, account, site, mark)]))[0]
    await business.store.meters.move_watermark(meter.id, mark, mark_after(entry))


def _due(scene: Scene, meter: Meter, reading: Reading) -> Bill | None:
    """The bill of the interval up to `reading`, or None when it is too short or not worth a micro-yuan.

    No interval is too short once it uses up what is left: the account would be overdrawn and nobody would see it.
    """
    account, mark, site = scene.account(meter), meter.watermark, scene.site(meter)
    if account is None or mark is None or reading.energy_wh <= mark.energy_wh:
        return None
    early = (reading.at - mark.at).total_seconds() < site.policy.settle_every_s
    if early and not _may_use_up(scene, account, reading.energy_wh - mark.energy_wh):
        return None
    posting = usage_posting(meter, account, site, reading)
    if posting is not None and early and _foreseen_micro(scene, posting) < _credit(scene, account):
        return None
    return None if posting is None else Bill(meter=meter, site=site, account=account, posting=posting)


def _foreseen_micro(scene: Scene, posting: Posting) -> int:
    """What the interval costs after what the account row has counted; the chain itself decides when it is posted."""
    if posting.metered is None:
        return -posting.delta_micro
    return posting.metered.charge(scene.heads[posting.account_id].counted).amount_micro


def _credit(scene: Scene, account: Account) -> int:
    return scene.heads[account.id].balance_micro - account.floor_micro


def _may_use_up(scene: Scene, account: Account, energy_wh: int) -> bool:
    """Whether so much could take an account that has credit to its floor, by a price that is dear enough for any."""
    credit = _credit(scene, account)
    return credit > 0 and energy_wh * DEAR_MICRO_PER_KWH // 1000 >= credit


async def _post(business: Business, postings: Sequence[Posting]) -> Sequence[Entry]:
    """Posts, or takes the entry that an earlier run stored for the same start with another end."""
    outcomes = await business.store.ledger.post_many(postings)
    return [
        outcome if isinstance(outcome, Entry) else await _stored(business, posting, outcome)
        for posting, outcome in zip(postings, outcomes, strict=True)
    ]


async def _stored(business: Business, posting: Posting, refused: Refused) -> Entry:
    stored = await business.store.ledger.by_idem(posting.account_id, posting.idem)
    if refused.key != "refused.idempotency_conflict" or stored is None:
        raise refused
    return stored


async def _warn_low(business: Business, account: Account, site: Site, entry: Entry) -> None:
    before = entry.balance_micro - entry.delta_micro
    levels = crossed_levels(account.low_levels(site), before, entry.balance_micro)
    if levels:
        lowest = min(levels)
        params = {"level_micro": lowest, "balance_micro": entry.balance_micro}
        crossing = Crossing(NoticeKind.LOW_BALANCE, f"{lowest}:{entry.seq}")
        await tell_account(business, account, site, crossing, params)
