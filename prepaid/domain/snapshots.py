"""What the books and the meters said at local midnight: kept once, so that a later change of the past shows. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from prepaid.domain.ledger import Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """The last reading of a meter before midnight, in Wh or litres."""

    meter_id: str
    at: datetime
    energy_wh: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One account at one local midnight. `id` is "account:day", so that a day is kept once."""

    id: str
    account_id: str
    site_id: str
    day: str
    """The local day that begins, "2026-11-26"."""
    at: datetime
    balance_micro: int
    seq: int
    """The newest entry before midnight; 0 for none."""
    registers: tuple[Register, ...] = ()


def snapshot_id(account_id: str, day: str) -> str:
    """One for each account and day."""
    return f"{account_id}:{day}"


def newest_before(entries: Iterable[Entry], at: datetime) -> Entry | None:
    """The newest entry made before an instant, of entries in order of `seq`, newest first."""
    return next((entry for entry in entries if entry.at < at), None)


class Held:
    """Holds snapshots against a replay of the ledger: balances of the past must come out as they were (M2)."""

    def __init__(self, snapshots: Sequence[Snapshot]) -> None:
        self._snapshots = {each.account_id: each for each in snapshots}
        self._found: dict[str, tuple[int, int]] = {}

    def feed(self, entry: Entry) -> None:
        """Entries of each account in order of `seq`."""
        snapshot = self._snapshots.get(entry.account_id)
        if snapshot is not None and entry.at < snapshot.at:
            self._found[entry.account_id] = (entry.seq, entry.balance_micro)

    def broken(self) -> int:
        """How many balances the ledger no longer tells as it did."""
        return sum(
            self._found.get(account_id, (0, 0)) != (each.seq, each.balance_micro)
            for account_id, each in self._snapshots.items()
        )
