"""Why an entry costs what it costs: its interval, registers, bands, prices, and what was carried (T2)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from prepaid.domain.access import Action, Actor
from prepaid.domain.accounts import Account
from prepaid.domain.errors import not_found
from prepaid.domain.ledger import Entry, Kind, Line
from prepaid.domain.pacing import ReadPace
from prepaid.domain.tariffs import FREE, PricedLine, lines_from_text
from prepaid.domain.tariffs.timeline import millis, moment
from prepaid.ports import Business
from prepaid.usecases.authorize import reach_account, site_of
from prepaid.usecases.pace_reads import pace_reads

NANO_PER_MICRO = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedLine:
    """Energy at one price. `kind` is "use", "free" or "sewage"; `block` counts steps from 1, 0 where none holds."""

    kind: str
    since: datetime
    until: datetime
    from_wh: int
    to_wh: int
    band: str
    block: int
    price_micro: int
    exact_nano: int
    tariff: str

    @property
    def energy_wh(self) -> int:
        """Wh, or litres of water."""
        return self.to_wh - self.from_wh


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """An entry and its lines: `Σ exact_nano + brought_nano = amount_micro * 1000 + carried_nano`, exactly."""

    account_id: str
    seq: int
    kind: Kind
    at: datetime
    reason: str
    amount_micro: int
    """What use costs: positive. For entries that are no use, what the balance changed by."""
    meter_id: str | None
    since: datetime | None
    until: datetime | None
    from_wh: int
    to_wh: int
    lines: tuple[ExplainedLine, ...]
    brought_nano: int
    """What earlier charges left over from rounding."""
    carried_nano: int
    """What this one leaves to the next; at most half a micro-yuan."""
    postings: tuple[Line, ...]
    pace: ReadPace | None = None
    """How often the meter is read now, and what can be used beyond zero between two readings."""


async def explain(business: Business, actor: Actor, account_id: str, entry_seq: int) -> Explanation:
    """The entry's explanation; a foreign account and a missing entry answer alike (A1)."""
    account = await reach_account(business, actor, account_id, Action.SEE_ACCOUNT)
    entry = await business.store.ledger.entry(account.id, entry_seq)
    if entry is None:
        raise not_found()
    return replace(explanation(entry), pace=await _pace(business, account, entry))


async def _pace(business: Business, account: Account, entry: Entry) -> ReadPace | None:
    """Of the meter that the entry bills, while it still is the account's. It is of now, unlike all else here."""
    meters = await business.store.meters.of_account(account.id)
    site = await site_of(business, account)
    return (await pace_reads(business, site, meters)).get(str(entry.ref.get("meter", "")))


def explanation(entry: Entry) -> Explanation:
    """Everything from the entry itself: a later tariff or calendar never changes what it says (M12)."""
    ref = entry.ref
    used = entry.kind is Kind.CONSUMPTION and "to_wh" in ref
    amount = -entry.delta_micro if used else entry.delta_micro
    lines = tuple(_lines(entry)) if used else ()
    carried = _carried(ref) if used else 0
    return Explanation(
        account_id=entry.account_id,
        seq=entry.seq,
        kind=entry.kind,
        at=entry.at,
        reason=entry.reason,
        amount_micro=amount,
        meter_id=str(ref["meter"]) if used else None,
        since=_instant(ref["from_at"]) if used else None,
        until=_instant(ref["to_at"]) if used else None,
        from_wh=int(ref["from_wh"]) if used else 0,
        to_wh=int(ref["to_wh"]) if used else 0,
        lines=lines,
        brought_nano=amount * NANO_PER_MICRO + carried - sum(line.exact_nano for line in lines) if used else 0,
        carried_nano=carried,
        postings=entry.lines,
    )


def _lines(entry: Entry) -> Iterator[ExplainedLine]:
    register = int(entry.ref["from_wh"])
    for line in _priced(entry):
        yield _explained(line, register)
        if line.sewage_micro:
            yield _explained(line, register, sewage=True)
        register += line.energy_wh


def _priced(entry: Entry) -> list[PricedLine]:
    """The stored lines. Entries from before they were kept had one flat price, which their amount tells."""
    ref = entry.ref
    start = int(ref.get("lines_at", millis(_instant(ref["from_at"]))))
    tariff, text = str(ref["tariff"]), ref.get("lines")
    if text is not None:
        return lines_from_text(str(text), start_ms=start, tariff=tariff)
    energy = int(ref["to_wh"]) - int(ref["from_wh"])
    price = -entry.delta_micro * NANO_PER_MICRO // energy if energy else 0
    return [PricedLine(start, millis(_instant(ref["to_at"])), energy, "flat", 0, price, 0, tariff)]


def _explained(line: PricedLine, register: int, *, sewage: bool = False) -> ExplainedLine:
    price = line.sewage_micro if sewage else line.price_micro
    kind = "sewage" if sewage else "free" if line.block == FREE else "use"
    return ExplainedLine(
        kind=kind,
        since=moment(line.since_ms),
        until=moment(line.until_ms),
        from_wh=register,
        to_wh=register + line.energy_wh,
        band=line.band,
        block=line.block + 1,
        price_micro=price,
        exact_nano=line.energy_wh * price,
        tariff=line.tariff,
    )


def _carried(ref: Mapping[str, str | int]) -> int:
    exact = ref.get("exact_nano")
    return 0 if exact is None else int(exact) - int(ref["charged_micro"]) * NANO_PER_MICRO


def _instant(text: str | int) -> datetime:
    return datetime.fromisoformat(str(text))
