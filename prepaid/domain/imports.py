"""What a list of accounts and meters may say, row by row; what is wrong with a row is a text key with its figures."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

IDENTIFIER = re.compile(r"\w[\w.-]{0,63}")
PLACE = re.compile(r"\w[\w.-]{0,63}(/\w[\w.-]{0,63}){0,5}")


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRow:
    """One prepaid account. `place` is its path below the site: "b1/101"."""

    line: int
    account: str
    site: str
    place: str
    label: str
    protected: bool = False
    overdraft_micro: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterRow:
    """One meter, the account that pays for it, and where it hangs on a bus."""

    line: int
    meter: str
    account: str
    gateway: str
    unit: int
    profile: str
    serial: str | None = None
    rated_current_a: int = 60
    register_wraps_wh: int | None = None


_COLUMNS = {
    "refused.import_no_site": "site",
    "refused.import_account_elsewhere": "place",
    "refused.import_account_closed": "account",
    "refused.import_no_account": "account",
    "refused.import_no_gateway": "gateway",
    "refused.import_no_profile": "profile",
    "refused.import_other_serial": "serial",
    "refused.import_place_taken": "unit",
}
"""What is wrong where a row alone makes sense; what is not named here is wrong about what the row is for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BadRow:
    """A row that cannot be taken, and why, as a text key."""

    file: str
    line: int
    key: str
    params: Mapping[str, str | int] = field(default_factory=dict)

    @property
    def column(self) -> str:
        """The column whose value is wrong, by its English heading."""
        named = self.params.get("column") or _COLUMNS.get(self.key) or self.file.removesuffix("s")
        return str(named)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceLists:
    """What a file lists, and its rows that make no sense."""

    accounts: tuple[AccountRow, ...] = ()
    meters: tuple[MeterRow, ...] = ()
    bad: tuple[BadRow, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What an import did, or would do."""

    accounts: int = 0
    meters: int = 0
    unchanged: int = 0
    bad: tuple[BadRow, ...] = ()
    done: bool = False


def bad_names(row: AccountRow | MeterRow) -> BadRow | None:
    """The first name in a row that no list may hold, None when all are well."""
    if isinstance(row, AccountRow):
        file, names = "accounts", {"account": row.account, "site": row.site}
        if not PLACE.fullmatch(row.place):
            return _bad_value(file, row.line, "place", row.place)
    else:
        names = {"meter": row.meter, "account": row.account, "gateway": row.gateway, "profile": row.profile}
        file = "meters"
    wrong = next((column for column, value in names.items() if not IDENTIFIER.fullmatch(value)), None)
    return None if wrong is None else _bad_value(file, row.line, wrong, names[wrong])


def _bad_value(file: str, line: int, column: str, value: str) -> BadRow:
    return BadRow(file=file, line=line, key="refused.import_value", params={"column": column, "value": value[:40]})
