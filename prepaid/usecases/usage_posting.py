"""Between a watermark and a reading lies a posting; behind the stored entry lies the next watermark.

The entry's reference holds all that pricing goes on from and the priced lines themselves. So a crash is resumed from
what is stored, and an entry explains itself whatever becomes of its tariff (M11, M12, T2).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from prepaid.domain.accounts import Account, Site
from prepaid.domain.ledger import REVENUE, Entry, Kind, Line, Posting, customer
from prepaid.domain.metering import Meter, Reading, Watermark
from prepaid.domain.tariffs import Point, Priced, lines_text, plan_of, point
from prepaid.usecases.prices import carry_of, pricer_of, pricing_of

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


def first_mark(site: Site, reading: Reading) -> Watermark:
    """Billing begins here."""
    month = site.calendar.month(reading.at)
    return Watermark(at=reading.at, energy_wh=reading.energy_wh, period=month, bands=reading.bands)


def usage_posting(meter: Meter, account: Account, site: Site, reading: Reading) -> Posting | None:
    """The posting of the interval up to `reading`, or None while it is not worth a micro-yuan.

    Free energy is posted too, with a charge of nothing: its key keeps two billers from billing it twice.
    """
    mark, pricer = meter.watermark, pricer_of(site, account, meter.utility)
    if pricer is None:
        log.warning("meter_without_tariff", meter=meter.id, utility=meter.utility)
    if mark is None or pricer is None or reading.energy_wh < mark.energy_wh or reading.at < mark.at:
        return None
    interval = _Interval(meter=meter, account=account, site=site, mark=mark)
    priced = pricer.price(interval.start, point(reading.at, reading.energy_wh, reading.bands), carry_of(mark))
    free = bool(priced.lines) and not any(line.exact_nano for line in priced.lines)
    if priced.charge_micro <= 0 and not free:
        return None
    return _posting(interval, _ref(interval, reading, priced))


def nothing_posting(meter: Meter, account: Account, site: Site, mark: Watermark) -> Posting:
    """A posting of nothing that takes the key of the interval which would begin at `mark`."""
    still = Reading(meter_id=meter.id, at=mark.at, energy_wh=mark.energy_wh, bands=mark.bands)
    interval = _Interval(meter=meter, account=account, site=site, mark=mark)
    return _posting(interval, _ref(interval, still, Priced(0, [], carry_of(mark))))


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
    )


def key_of(at: datetime) -> str:
    """An instant in keys and references."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds")


def _posting(interval: _Interval, ref: Mapping[str, str | int]) -> Posting:
    meter, mark, account = interval.meter, interval.mark, interval.account
    charge = int(ref["charged_micro"]) - mark.charged_micro
    return Posting(
        account_id=account.id,
        idem=f"use:{meter.id}:{key_of(mark.at)}",
        kind=Kind.CONSUMPTION,
        lines=(Line(customer(account.id), -charge), Line(f"{REVENUE}{meter.utility}", charge)),
        effective_at=datetime.fromisoformat(str(ref["to_at"])),
        actor=f"meter:{meter.id}",
        reason="reason.consumption",
        currency=interval.site.currency,
        ref=ref,
    )


def _ref(interval: _Interval, reading: Reading, priced: Priced) -> dict[str, str | int]:
    mark, start, carry = interval.mark, interval.start, priced.carry
    version = priced.lines[-1].tariff if priced.lines else interval.version(reading.at)
    ref: dict[str, str | int] = {
        "meter": interval.meter.id,
        "from_at": key_of(mark.at),
        "to_at": key_of(reading.at),
        "from_wh": mark.energy_wh,
        "to_wh": reading.energy_wh,
        "period": carry.month,
        "period_wh": carry.month_wh,
        "year": carry.year,
        "year_wh": carry.year_wh,
        "charged_micro": carry.charged_micro,
        "exact_nano": carry.exact_nano,
        "tariff": version,
        "lines": lines_text(priced.lines, start_ms=start.at_ms, tariff=version),
    }
    if start.at_ms != point(mark.at, 0).at_ms:
        ref["lines_at"] = start.at_ms
    if reading.bands is not None:
        ref["bands"] = json.dumps(dict(reading.bands), sort_keys=True, separators=(",", ":"))
    return ref
