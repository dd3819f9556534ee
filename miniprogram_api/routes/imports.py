"""Accounts and meters taken over from rows, CSV or a workbook: looked at or written, as a file in chat (O2, A2)."""

from __future__ import annotations

from typing import Final

from miniprogram_api.contract import Ask
from miniprogram_api.models.imports import (
    BadRowOut,
    CsvWish,
    FileWish,
    ImportedOut,
    ImportWish,
    account_row,
    imported_out,
    meter_row,
)
from miniprogram_api.routes.declared import staff_write
from miniprogram_api.routes.reports import MEDIA
from prepaid.domain.imports import Imported
from prepaid.usecases.take_list import LIST_BYTES_MAX, take_content, take_rows

BYTES_MAX: Final = 1 << 20
LONG_S: Final = 30.0
FILE: Final = "list.csv"
WORKBOOK: Final = "list.xlsx"


async def _rows(ask: Ask) -> ImportedOut:
    wish = ask.body(ImportWish)
    imported = await take_rows(
        ask.business,
        ask.actor,
        [account_row(line, row) for line, row in enumerate(wish.accounts, 1)],
        [meter_row(line, row) for line, row in enumerate(wish.meters, 1)],
        dry_run=wish.dry_run,
        skip_bad=wish.skip_bad,
    )
    return _said(ask, imported)


async def _csv(ask: Ask) -> ImportedOut:
    wish = ask.body(CsvWish)
    content = wish.csv.encode("utf-8", "replace")
    imported = await take_content(ask.business, ask.actor, FILE, content, dry_run=wish.dry_run, skip_bad=wish.skip_bad)
    return _said(ask, imported)


async def _xlsx(ask: Ask) -> ImportedOut:
    wish = ask.query(FileWish)
    dry_run, skip_bad = wish.dry_run == "true", wish.skip_bad == "true"
    imported = await take_content(ask.business, ask.actor, WORKBOOK, ask.file, dry_run=dry_run, skip_bad=skip_bad)
    return _said(ask, imported)


def _said(ask: Ask, imported: Imported) -> ImportedOut:
    say = ask.parts.words.text
    bad = [
        BadRowOut(
            table=row.file,
            line=row.line,
            column=row.column,
            key=row.key,
            words=say(ask.language, row.key, **row.params),
        )
        for row in imported.bad
    ]
    return imported_out(imported, bad)


ROUTES = (
    staff_write(
        "imports",
        "importRows",
        "Take over accounts and meters, or see what that would do",
        _rows,
        ImportedOut,
        body=ImportWish,
        waits_s=LONG_S,
        bytes_max=BYTES_MAX,
    ),
    staff_write(
        "imports/csv",
        "importCsv",
        "The same from the text of a CSV file",
        _csv,
        ImportedOut,
        body=CsvWish,
        waits_s=LONG_S,
        bytes_max=BYTES_MAX,
    ),
    staff_write(
        "imports/xlsx",
        "importXlsx",
        "The same from a workbook, which is the body; its sheets may hold accounts and meters",
        _xlsx,
        ImportedOut,
        query=FileWish,
        takes=MEDIA["xlsx"],
        waits_s=LONG_S,
        bytes_max=LIST_BYTES_MAX,
    ),
)
