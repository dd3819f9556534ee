"""Makes accounts and meters of table rows. A column is found by its name in English or Chinese, in any order."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TypeVar

from bot.texts import LANGUAGES, text
from chatwatt.importing.tables import Table, read_table
from prepaid.domain.errors import Refused
from prepaid.domain.imports import IDENTIFIER, PLACE, AccountRow, BadRow, MeterRow, PlaceLists
from prepaid.domain.money import MICRO_PER_YUAN

Row = TypeVar("Row")
Cells = dict[str, str]

ACCOUNT_COLUMNS = ("account", "site", "place", "label", "protected", "overdraft_yuan")
METER_COLUMNS = ("meter", "account", "gateway", "unit", "profile", "serial", "rated_current_a", "register_wraps_kwh")
OPTIONAL = {"label", "protected", "overdraft_yuan", "serial", "rated_current_a", "register_wraps_kwh"}
UNIT_MAX = 247
CURRENT_A_MAX = 1_000
OVERDRAFT_YUAN_MAX = 100_000
WRAPS_KWH_MAX = 10**9


def account_rows(path: Path) -> tuple[list[AccountRow], list[BadRow]]:
    """The accounts of a file, and the rows that are none."""
    return _rows("accounts", read_table(path), ACCOUNT_COLUMNS, _account)


def meter_rows(path: Path) -> tuple[list[MeterRow], list[BadRow]]:
    """The meters of a file, and the rows that are none."""
    return _rows("meters", read_table(path), METER_COLUMNS, _meter)


def place_lists(tables: Sequence[Table]) -> PlaceLists:
    """The accounts and meters of several tables. One with a column for meters lists meters, any other accounts."""
    accounts: list[AccountRow] = []
    meters: list[MeterRow] = []
    bad: list[BadRow] = []
    for table in tables:
        if _place_of("meter", table) is not None:
            more_meters, worse = _rows("meters", table, METER_COLUMNS, _meter)
            meters += more_meters
        else:
            more_accounts, worse = _rows("accounts", table, ACCOUNT_COLUMNS, _account)
            accounts += more_accounts
        bad += worse
    return PlaceLists(accounts=tuple(accounts), meters=tuple(meters), bad=tuple(bad))


def _rows(
    file: str, table: Table, columns: Sequence[str], make: Callable[[int, Cells], Row]
) -> tuple[list[Row], list[BadRow]]:
    found = _columns(file, table, columns)
    rows: list[Row] = []
    bad: list[BadRow] = []
    for line, values in table.lines:
        cells = {name: values[at] if at < len(values) else "" for name, at in found.items()}
        try:
            rows.append(make(line, cells))
        except Refused as refused:
            params = {name: value for name, value in refused.params.items() if isinstance(value, str | int)}
            bad.append(BadRow(file=file, line=line, key=refused.key, params=params))
    return rows, bad


def _columns(file: str, table: Table, columns: Sequence[str]) -> dict[str, int]:
    """Where each column stands. Raises `Refused("refused.import_column")` for one that is missing."""
    found: dict[str, int] = {}
    for column in columns:
        at = _place_of(column, table)
        if at is not None:
            found[column] = at
        elif column not in OPTIONAL:
            raise Refused("refused.import_column", file=file, column=column)
    return found


def _place_of(column: str, table: Table) -> int | None:
    names = {column, *(text(language, f"import.{column}").lower() for language in LANGUAGES)}
    return next((at for at, heading in enumerate(table.headings) if heading.strip().lower() in names), None)


def _account(line: int, cells: Cells) -> AccountRow:
    place = _matching(cells, "place", PLACE)
    return AccountRow(
        line=line,
        account=_matching(cells, "account", IDENTIFIER),
        site=_matching(cells, "site", IDENTIFIER),
        place=place,
        label=cells.get("label") or place.rpartition("/")[2],
        protected=_yes(cells, "protected"),
        overdraft_micro=int(_number(cells, "overdraft_yuan", 0, OVERDRAFT_YUAN_MAX) * MICRO_PER_YUAN),
    )


def _meter(line: int, cells: Cells) -> MeterRow:
    wraps_kwh = _number(cells, "register_wraps_kwh", 0, WRAPS_KWH_MAX)
    return MeterRow(
        line=line,
        meter=_matching(cells, "meter", IDENTIFIER),
        account=_matching(cells, "account", IDENTIFIER),
        gateway=_matching(cells, "gateway", IDENTIFIER),
        unit=_whole(cells, "unit", 1, UNIT_MAX),
        profile=_matching(cells, "profile", IDENTIFIER),
        serial=cells.get("serial") or None,
        rated_current_a=_whole(cells, "rated_current_a", 1, CURRENT_A_MAX) if cells.get("rated_current_a") else 60,
        register_wraps_wh=int(wraps_kwh * 1000) or None,
    )


def _matching(cells: Cells, column: str, pattern: re.Pattern[str]) -> str:
    value = cells.get(column, "")
    if not value:
        raise Refused("refused.import_missing", column=column)
    if not pattern.fullmatch(value):
        raise Refused("refused.import_value", column=column, value=value[:40])
    return value


def _whole(cells: Cells, column: str, least: int, most: int) -> int:
    number = _number(cells, column, least, most, needed=True)
    if number != int(number):
        raise Refused("refused.import_value", column=column, value=cells[column][:40])
    return int(number)


def _number(cells: Cells, column: str, least: int, most: int, *, needed: bool = False) -> Decimal:
    value = cells.get(column, "")
    if not value and not needed:
        return Decimal(0)
    if not value:
        raise Refused("refused.import_missing", column=column)
    try:
        number = Decimal(value)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or not least <= number <= most:
        raise Refused("refused.import_value", column=column, value=value[:40])
    return number


def _yes(cells: Cells, column: str) -> bool:
    value = cells.get(column, "").lower()
    for word, meant in (("yes", True), ("no", False)):
        if value in {word, word[0], str(int(meant)), *(text(each, f"import.{word}").lower() for each in LANGUAGES)}:
            return meant
    if value:
        raise Refused("refused.import_value", column=column, value=value[:40])
    return False
