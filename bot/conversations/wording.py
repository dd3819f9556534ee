"""Supply states and ledger entries in words, shared by what tenants and staff are shown."""

from __future__ import annotations

from collections.abc import Mapping

from bot.conversations.parts import Row
from bot.texts import has, text
from prepaid.domain.finance import TOP_UP
from prepaid.domain.supply import HoldKind, Outcome
from prepaid.usecases.name_people import As, Named
from prepaid.usecases.views import AccountRow, SupplyView


def band_words(language: str, band: str) -> str:
    """A band of a tariff as people call it; a name of one's own stays as it is."""
    key = f"band.{band}"
    return text(language, key) if has(key) else band


def column_words(language: str, column: str, *, short: bool = False) -> str:
    """A column of a finance report (`prepaid.domain.finance`): what moved, and of a top-up where it came from."""
    kind, _, source = column.partition(":")
    if kind == TOP_UP:
        key = f"report.source.{source.partition(':')[0]}"
        name = text(language, key) if has(key) else source
        return name if short else text(language, "report.top_up", source=name)
    key = f"report.column_{kind}"
    return text(language, key) if has(key) else kind


def supply_state(language: str, supply: SupplyView | AccountRow) -> str:
    """One short phrase: what the relay said, and what is under way."""
    if supply.silent:
        return text(language, "supply.silent")
    if supply.on is None:
        return text(language, "supply.unseen")
    if supply.on == supply.wanted_on:
        return text(language, "supply.on" if supply.on else "supply.off")
    if supply.outcome is Outcome.UNCONFIRMED:
        return text(language, "supply.on_stuck" if supply.wanted_on else "supply.off_stuck")
    return text(language, "supply.turning_on" if supply.wanted_on else "supply.turning_off")


def hold_mark(language: str, hold: HoldKind | None) -> str:
    """A word for a hold, or nothing."""
    return "" if hold is None else text(language, f"hold.{hold}")


def supply_rows(language: str, supplies: tuple[SupplyView, ...]) -> tuple[Row, ...]:
    """A row for each supply; the meter's id only where there are several, the reason when it is off."""
    rows: list[Row] = []
    for supply in supplies:
        label = text(language, "row.supply" if len(supplies) == 1 else "row.supply_of", meter_id=supply.meter_id)
        words = [supply_state(language, supply), hold_mark(language, supply.hold)]
        if supply.on is False or not supply.wanted_on:
            words.append(text(language, supply.reason) if has(supply.reason) else "")
        rows.append(Row(label=label, value=text(language, "figure.separator").join(word for word in words if word)))
    return tuple(rows)


def who_words(language: str, number: str, names: Mapping[str, Named]) -> str:
    """Somebody as the staff know them; whoever is no person by what they are, such as the clock."""
    named = names.get(number)
    if named is None:
        kind, _, about = number.partition(":")
        return text(language, f"who.by_{kind}", about=about) if has(f"who.by_{kind}") else number
    if named.known_as is As.YOU:
        return text(language, "who.you")
    role = text(language, f"role.{named.role}") if named.role is not None else ""
    what = text(language, f"who.{named.known_as}", role=role, place=named.place)
    where = named.place if named.known_as in (As.STAFF, As.GROUP) else ""
    told = (what, where, text(language, "who.mark", mark=named.mark))
    return text(language, "figure.separator").join(word for word in told if word)
