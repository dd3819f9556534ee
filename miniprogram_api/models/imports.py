"""Lists of accounts and meters that are taken over."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from miniprogram_api.models.common import Given, Shown, whole
from prepaid.domain.imports import AccountRow, Imported, MeterRow
from prepaid.usecases.take_list import LIST_ROWS_MAX

Identifier = Annotated[str, Field(min_length=1, max_length=64, examples=["a-101"])]
CSV_CHARS_MAX = 300_000


class AccountRowIn(Given):
    """One prepaid account. `place` is its path below the site."""

    account: Identifier
    site: Identifier
    place: str = Field(min_length=1, max_length=300, examples=["b1/101"])
    label: str = Field(default="", max_length=40, description="Empty: the last part of its place")
    protected: bool = False
    overdraft_micro: Annotated[int, Field(ge=0, le=100_000_000_000), BeforeValidator(whole)] = 0


class MeterRowIn(Given):
    """One meter, the account that pays for it, and where it hangs on a bus."""

    meter: Identifier
    account: Identifier
    gateway: Identifier
    unit: Annotated[int, Field(ge=1, le=247), BeforeValidator(whole)]
    profile: Identifier
    serial: str | None = Field(default=None, max_length=32)
    rated_current_a: Annotated[int, Field(ge=1, le=1_000), BeforeValidator(whole)] = 60
    register_wraps_wh: Annotated[int, Field(ge=1, le=10**12), BeforeValidator(whole)] | None = None


class ImportWish(Given):
    """Rows of both kinds. `dry_run` writes nothing; `skip_bad` takes the good rows although others are bad."""

    accounts: list[AccountRowIn] = Field(default=[], max_length=LIST_ROWS_MAX)
    meters: list[MeterRowIn] = Field(default=[], max_length=LIST_ROWS_MAX)
    dry_run: bool
    skip_bad: bool = False


class CsvWish(Given):
    """One table, of accounts or of meters, with headings in English or Chinese, as text of a CSV file."""

    csv: str = Field(
        min_length=1, max_length=CSV_CHARS_MAX, examples=["account,site,place,label\na-101,maple,b1/101,101\n"]
    )
    dry_run: bool
    skip_bad: bool = False


class FileWish(Given):
    """What is to become of a file that is the body. `dry_run` writes nothing; `skip_bad` takes the good rows."""

    dry_run: Literal["true", "false"] = Field(examples=["true"])
    skip_bad: Literal["true", "false"] = "false"


class BadRowOut(Shown):
    """A row that cannot be taken. Lines of a file count as it shows them, from 1; rows of a request from 1."""

    table: str = Field(description="accounts or meters")
    line: int
    column: str = Field(description="The column by its English heading")
    key: str
    words: str


class ImportedOut(Shown):
    """What the import did, or would do. `done`: it is written."""

    accounts: int
    meters: int
    unchanged: int
    bad: list[BadRowOut]
    done: bool


def account_row(line: int, row: AccountRowIn) -> AccountRow:
    """One account."""
    label = row.label or row.place.rpartition("/")[2]
    return AccountRow(line=line, **{**row.model_dump(), "label": label})


def meter_row(line: int, row: MeterRowIn) -> MeterRow:
    """One meter."""
    return MeterRow(line=line, **row.model_dump())


def imported_out(imported: Imported, bad: list[BadRowOut]) -> ImportedOut:
    """What became of it; `bad` in words."""
    return ImportedOut(
        accounts=imported.accounts,
        meters=imported.meters,
        unchanged=imported.unchanged,
        bad=bad,
        done=imported.done,
    )
