"""Between a watermark and a reading lies a posting; behind the stored entry lies the next watermark.

The interval is priced when its entry is chained, because steps count what the account has used before (M12, M13). The
entry holds all that pricing goes on from and the priced lines themselves. So a crash is resumed from what is stored,
and an entry explains itself whatever becomes of its tariff (M11, M12, T2).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from prepaid.domain.accounts import Account, Site
from prepaid.domain.charges import Charge
from prepaid.domain.fees import pricing_of
from prepaid.domain.ledger import REVENUE, Entry, Kind, Line, Posting, customer
from prepaid.domain.metering import Meter, Reading, Watermark
from prepaid.domain.tariffs import (
    Point,
    Priced,
    Pricer,
    counted_from_text,
    counted_text,
    lines_text,
    plan_of,
    point,
    unwrapped,
)
from prepaid.usecases.prices import counted_before, pricer_of

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Interval:
    """What is billed: of which meter, to whom, where, and from where on."""

    meter: Meter
    account: Account
    site: Site
    mark: Watermark

    @property
    def start(self) -> Point:
        """Where pricing starts: the last time the register still stood at the watermark.

        What is used after hours of rest is thus priced when it was used, and not spread over the rest.
        """
        mark, last = self.mark, self.meter.last
        idle = last is not None and last.energy_wh == mark.energy_wh and last.at > mark.at
        return point(last.at if last is not None and idle else mark.at, mark.energy_wh, mark.bands)

    def version(self, at: datetime) -> str:
        """The name of the version in force."""
        pricing = pricing_of(self.site, self.account, self.meter.utility)
        return "" if pricing is None else plan_of(pricing).at(at).id


@dataclass(frozen=True, slots=True, kw_only=True)
class _Metered:
    """An interval that waits for its place in the chain. Without a pricer nothing was used."""

    interval: _Interval
    reading: Reading
    pricer: Pricer | None

    def charge(self, counted: str) -> Charge:
        """The charge behind the account's counters, and the counters behind it."""
        mark, utility = self.interval.mark, self.interval.meter.utility
        known = counted_from_text(counted)
        carry = counted_before(known.get(utility), mark)
        priced = Priced(0, [], carry)
        if self.pricer is not None:
            bands = unwrapped(mark.bands, self.reading.bands, self.interval.meter.register_wraps_wh)
            end = point(self.reading.at, self.reading.energy_wh, bands)
            priced = self.pricer.price(self.interval.start, end, carry)
        return Charge(
            amount_micro=priced.charge_micro,
            ref=_priced_ref(self.interval, self.reading, priced),
            counted=counted_text({**known, str(utility): priced.carry}),
        )


def first_mark(site: Site, reading: Reading) -> Watermark:
    """Billing begins here."""
    month = site.calendar.month(reading.at)
    return Watermark(at=reading.at, energy_wh=reading.energy_wh, period=month, bands=reading.bands, on_account=True)


def usage_posting(meter: Meter, account: Account, site: Site, reading: Reading) -> Posting | None:
    """The posting of the interval up to `reading`, or None where nothing was used or no price is known.

    Free energy is posted too, with a charge of nothing: its key keeps two billers from billing it twice.
    """
    mark, pricer = meter.watermark, pricer_of(site, account, meter.utility)
    if pricer is None:
        log.warning("meter_without_tariff", meter=meter.id, utility=meter.utility)
    if mark is None or pricer is None or reading.energy_wh <= mark.energy_wh or reading.at < mark.at:
        return None
    return _posting(_Interval(meter=meter, account=account, site=site, mark=mark), reading, pricer)


def nothing_posting(meter: Meter, account: Account, site: Site, mark: Watermark) -> Posting:
    """A posting of nothing that takes the key of the interval which would begin at `mark`."""
    still = Reading(meter_id=meter.id, at=mark.at, energy_wh=mark.energy_wh, bands=mark.bands)
    return _posting(_Interval(meter=meter, account=account, site=site, mark=mark), still, None)


def mark_after(entry: Entry) -> Watermark:
    """The watermark behind a stored entry. An entry from before exact costs were kept has no remainder."""
    ref = entry.ref
    exact = ref.get("exact_nano")
    bands = ref.get("bands")
    return Watermark(
        at=datetime.fromisoformat(str(ref["to_at"])),
        energy_wh=int(ref["to_wh"]),
        period=str(ref["period"]),
        period_wh=int(ref["period_wh"]),
        charged_micro=int(ref["charged_micro"]),
        exact_nano=None if exact is None else int(exact),
        year=str(ref.get("year", "")),
        year_wh=int(ref.get("year_wh", 0)),
        bands=None if bands is None else json.loads(str(bands)),
        on_account=bool(entry.counted),
    )


def key_of(at: datetime) -> str:
    """An instant in keys and references."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds")


def _posting(interval: _Interval, reading: Reading, pricer: Pricer | None) -> Posting:
    meter, account = interval.meter, interval.account
    return Posting(
        account_id=account.id,
        idem=f"use:{meter.id}:{key_of(interval.mark.at)}",
        kind=Kind.CONSUMPTION,
        lines=(Line(customer(account.id), 0), Line(f"{REVENUE}{meter.utility}", 0)),
        effective_at=datetime.fromisoformat(key_of(reading.at)),
        actor=f"meter:{meter.id}",
        reason="reason.consumption",
        currency=interval.site.currency,
        ref=_interval_ref(interval, reading),
        metered=_Metered(interval=interval, reading=reading, pricer=pricer),
    )


def _interval_ref(interval: _Interval, reading: Reading) -> dict[str, str | int]:
    """What is billed. The key's content: the same interval is the same request, whatever it comes to cost (M15)."""
    mark, start = interval.mark, interval.start
    ref: dict[str, str | int] = {
        "meter": interval.meter.id,
        "from_at": key_of(mark.at),
        "to_at": key_of(reading.at),
        "from_wh": mark.energy_wh,
        "to_wh": reading.energy_wh,
    }
    if start.at_ms != point(mark.at, 0).at_ms:
        ref["lines_at"] = start.at_ms
    if reading.bands is not None:
        ref["bands"] = json.dumps(dict(reading.bands), sort_keys=True, separators=(",", ":"))
    return ref


def _priced_ref(interval: _Interval, reading: Reading, priced: Priced) -> dict[str, str | int]:
    """What it came to, and what the account goes on from."""
    carry = priced.carry
    version = priced.lines[-1].tariff if priced.lines else interval.version(reading.at)
    return {
        "period": carry.month,
        "period_wh": carry.month_wh,
        "year": carry.year,
        "year_wh": carry.year_wh,
        "charged_micro": carry.charged_micro,
        "exact_nano": carry.exact_nano,
        "tariff": version,
        "lines": lines_text(priced.lines, start_ms=interval.start.at_ms, tariff=version),
    }
