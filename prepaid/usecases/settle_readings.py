"""Turns one sweep of a bus into history, money and supply decisions. Resumable: the same sweep again changes nothing.

Order matters for a crash between any two steps: entry, then its notices, then the watermark. A restart meets the entry
by its key (`use:<meter>:<start>`), takes the interval that was stored, and goes on from there (M11, M12).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import structlog

from prepaid.domain.accounts import Account, Site
from prepaid.domain.errors import InvariantBroken, Refused
from prepaid.domain.ledger import Entry, Kind, Line, Posting, customer
from prepaid.domain.metering import Doubt, Judged, Meter, Reading, Sweep, Watermark, judge
from prepaid.domain.notices import NoticeKind, crossed_levels
from prepaid.domain.registers import HeldReading, case_id
from prepaid.domain.supply import Reported, Supply
from prepaid.domain.tariffs import price
from prepaid.ports import Business
from prepaid.usecases.decide_supply import decide_supply
from prepaid.usecases.tell import Crossing, tell_account, tell_staff

log = structlog.get_logger()

REVENUE_ELECTRICITY = "revenue:electricity"
REPORT_EVERY = timedelta(seconds=60)


async def settle_readings(business: Business, sweep: Sweep) -> None:
    """Judges, keeps and bills the readings of a sweep, notes silent meters, decides the supply of who is touched."""
    store = business.store
    meters = {meter.id: meter for meter in await store.meters.on_gateway(sweep.gateway_id)}
    supplies = {supply.meter_id: supply for supply in await store.supplies.on_gateway(sweep.gateway_id)}
    sites = {site.id: site for site in await store.sites.sites()}
    await _note_silence(business, meters, sweep)
    judged = [judge(meters[reading.meter_id], reading) for reading in sweep.readings if reading.meter_id in meters]
    good = [each.reading for each in judged if each.doubt is None]
    await store.meters.saw([(reading, meters[reading.meter_id].fresh_run + 1) for reading in good])
    await _keep(business, good, meters, sites)
    undecided: dict[str, None] = {}
    for each in judged:
        meter = meters[each.reading.meter_id]
        supply = supplies.get(meter.id)
        await _one(business, meter, sites[meter.site_id], supply, each)
        if meter.account_id is not None and await _matters(business, meter.account_id, supply):
            undecided[meter.account_id] = None
    for account_id in undecided:
        await decide_supply(business, account_id)


async def _matters(business: Business, account_id: str, supply: Supply | None) -> bool:
    """Whether a decision can change anything: a supply that is on, with credit, is left on by every rule."""
    if supply is None or not supply.wanted.on or supply.hold is not None:
        return supply is not None
    account = await business.store.sites.account(account_id)
    head = await business.store.ledger.head(account_id)
    return account is not None and head.balance_micro <= account.floor_micro


async def _keep(business: Business, good: Sequence[Reading], meters: dict[str, Meter], sites: dict[str, Site]) -> None:
    by_zone: dict[str, list[Reading]] = {}
    for reading in good:
        zone = sites[meters[reading.meter_id].site_id].calendar.time_zone
        by_zone.setdefault(zone, []).append(reading)
    for zone, readings in by_zone.items():
        await business.store.readings.keep(readings, zone)


async def _note_silence(business: Business, meters: dict[str, Meter], sweep: Sweep) -> None:
    answered = [r.meter_id for r in sweep.readings if r.meter_id in meters and meters[r.meter_id].silent_since]
    if answered:
        await business.store.meters.silent(answered, None)
    newly = [meter_id for meter_id in sweep.silent if meter_id in meters and not meters[meter_id].silent_since]
    if newly:
        await business.store.meters.silent(newly, business.clock.now())


async def _one(business: Business, meter: Meter, site: Site, supply: Supply | None, judged: Judged) -> None:
    reading = judged.reading
    if judged.doubt is not None:
        await _hold(business, meter, site, judged, judged.doubt)
        return
    if meter.held > 0:
        await business.store.registers.passed(meter.id, business.clock.now())
    if reading.relay_on is not None and _is_news(supply, reading):
        await business.store.supplies.saw(meter.id, Reported(on=reading.relay_on, at=reading.at))
    await _bill(business, meter, site, reading)


def _is_news(supply: Supply | None, reading: Reading) -> bool:
    """A relay state that is known and not old is not written again with every poll."""
    known = supply.reported if supply is not None else None
    return known is None or known.on != reading.relay_on or reading.at - known.at >= REPORT_EVERY


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
        await tell_staff(business, site, crossing, {"meter_id": meter.id, "doubt": doubt})


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


async def _bill(business: Business, meter: Meter, site: Site, reading: Reading) -> None:
    mark = meter.watermark
    if meter.account_id is None:
        return
    if mark is None:
        first = Watermark(at=reading.at, energy_wh=reading.energy_wh, period=site.calendar.month(reading.at))
        await business.store.meters.move_watermark(meter.id, None, first)
        return
    account = await business.store.sites.account(meter.account_id)
    if account is None:
        raise InvariantBroken(f"meter {meter.id} has no account")
    if not _due(site, mark, reading):
        return
    posting = _posting(meter, site, mark, reading)
    if posting is None:
        return
    entry = await _post_once(business, posting)
    await _warn_low(business, account, site, entry)
    await business.store.meters.move_watermark(meter.id, mark, _mark_after(site, entry))


def _due(site: Site, mark: Watermark, reading: Reading) -> bool:
    waited = (reading.at - mark.at).total_seconds()
    return reading.energy_wh > mark.energy_wh and waited >= site.policy.settle_every_s


def _posting(meter: Meter, site: Site, mark: Watermark, reading: Reading) -> Posting | None:
    """The posting of one interval, or None while it is not worth a micro-yuan."""
    total_wh = mark.period_wh + reading.energy_wh - mark.energy_wh
    charge = price(site.tariff, total_wh, mark.charged_micro).charge_micro
    if charge <= 0 or meter.account_id is None:
        return None
    return Posting(
        account_id=meter.account_id,
        idem=f"use:{meter.id}:{_key(mark.at)}",
        kind=Kind.CONSUMPTION,
        lines=(Line(customer(meter.account_id), -charge), Line(REVENUE_ELECTRICITY, charge)),
        effective_at=reading.at,
        actor=f"meter:{meter.id}",
        reason="reason.consumption",
        currency=site.currency,
        ref={
            "meter": meter.id,
            "from_at": _key(mark.at),
            "to_at": _key(reading.at),
            "from_wh": mark.energy_wh,
            "to_wh": reading.energy_wh,
            "period": mark.period,
            "period_wh": total_wh,
            "charged_micro": mark.charged_micro + charge,
            "tariff": site.tariff.id,
        },
    )


async def _post_once(business: Business, posting: Posting) -> Entry:
    """Posts, or takes the entry that an earlier run stored for the same start with another end."""
    try:
        return await business.store.ledger.post(posting)
    except Refused as refused:
        stored = await business.store.ledger.by_idem(posting.account_id, posting.idem)
        if refused.key != "refused.idempotency_conflict" or stored is None:
            raise
        return stored


def _mark_after(site: Site, entry: Entry) -> Watermark:
    """The watermark behind a stored entry. An interval that crosses the month closes the old period."""
    ref = entry.ref
    at = datetime.fromisoformat(str(ref["to_at"]))
    period = site.calendar.month(at)
    same = period == ref["period"]
    return Watermark(
        at=at,
        energy_wh=int(ref["to_wh"]),
        period=period,
        period_wh=int(ref["period_wh"]) if same else 0,
        charged_micro=int(ref["charged_micro"]) if same else 0,
    )


async def _warn_low(business: Business, account: Account, site: Site, entry: Entry) -> None:
    before = entry.balance_micro - entry.delta_micro
    levels = crossed_levels(site.policy.low_balance_micro, before, entry.balance_micro)
    if levels:
        lowest = min(levels)
        params = {"level_micro": lowest, "balance_micro": entry.balance_micro}
        crossing = Crossing(NoticeKind.LOW_BALANCE, f"{lowest}:{entry.seq}")
        await tell_account(business, account, site, crossing, params)


def _key(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds")
