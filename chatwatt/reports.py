"""The comparison with a provider's bill on paper: text, CSV and XLSX, which a spreadsheet opens without running them.

Amounts are yuan with two decimals, made from fen by whole numbers. A cell that a spreadsheet would take for a formula
is defused in CSV by an apostrophe; in XLSX texts are written as texts.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

from bot.texts import text
from prepaid.domain.reconcile import Item, Run, Share

Cell = str | int | Decimal | None
Row = tuple[Cell, ...]

COLUMNS = (
    "kind",
    "transaction",
    "order",
    "refund",
    "site",
    "account",
    "ours",
    "theirs",
    "ledger",
    "fee",
    "difference",
)
SUMS = ("site", "items", "payments", "refunds", "fees", "clearing", "difference", "gaps")
_STARTS_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def yuan(amount_fen: int) -> Decimal:
    """Exact."""
    return Decimal(amount_fen).scaleb(-2).quantize(Decimal("0.01"))


def head(language: str, names: Sequence[str]) -> tuple[str, ...]:
    """The names of columns in the reader's language."""
    return tuple(text(language, f"report.{name}") for name in names)


def item_rows(language: str, items: Sequence[Item]) -> list[Row]:
    """One row for each item, those that differ first."""
    ordered = sorted(items, key=lambda item: (item.gap is None, item.kind, item.order_id, item.refund_id))
    return [
        (
            text(language, f"report.kind_{item.kind}"),
            item.txn_id,
            item.order_id,
            item.refund_id,
            item.site_id or "",
            item.account_id or "",
            None if item.ours_fen is None else yuan(item.ours_fen),
            None if item.theirs_fen is None else yuan(item.theirs_fen),
            yuan(item.ledger_fen),
            yuan(item.fee_fen),
            text(language, item.gap) if item.gap else "",
        )
        for item in ordered
    ]


def sum_rows(language: str, run: Run) -> list[Row]:
    """The whole, then each site, then what belongs to the merchant alone."""
    whole = Share(site_id=text(language, "report.all"), totals=run.totals)
    return [
        (
            share.site_id or text(language, "report.merchant"),
            share.totals.items,
            yuan(share.totals.payments_fen),
            yuan(share.totals.refunds_fen),
            yuan(share.totals.fees_fen),
            yuan(share.totals.clearing_fen),
            yuan(share.totals.difference_fen),
            share.totals.gaps,
        )
        for share in (whole, *run.shares)
    ]


def as_text(language: str, run: Run, items: Sequence[Item]) -> str:
    """Sums, then the items that differ, in columns that a program can read too."""
    differing = [item for item in items if item.gap]
    rows: list[Row] = [head(language, SUMS), *sum_rows(language, run)]
    if differing:
        rows += [(), head(language, COLUMNS), *item_rows(language, differing)]
    return "".join("\t".join(_plain(cell) for cell in row) + "\n" for row in rows)


def write_csv(path: Path, language: str, items: Sequence[Item]) -> None:
    """Every item, with the mark that tells a spreadsheet that it is UTF-8."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    for row in [head(language, COLUMNS), *item_rows(language, items)]:
        writer.writerow([_defused(cell) for cell in row])
    path.write_bytes(out.getvalue().encode("utf-8-sig"))


def write_xlsx(path: Path, language: str, run: Run, items: Sequence[Item]) -> None:
    """One sheet of sums and one of items."""
    import xlsxwriter  # noqa: PLC0415 - only who wants a sheet waits for it

    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(str(path), options) as book:
        money = book.add_format({"num_format": "0.00"})
        bold = book.add_format({"bold": True})
        for name, names, rows in (
            ("report.sums", SUMS, sum_rows(language, run)),
            ("report.items", COLUMNS, item_rows(language, items)),
        ):
            sheet = book.add_worksheet(text(language, name))
            sheet.freeze_panes(1, 0)
            sheet.set_column(0, len(names) - 1, 18)
            for column, title in enumerate(head(language, names)):
                sheet.write_string(0, column, title, bold)
            for line, row in enumerate(rows, start=1):
                for column, cell in enumerate(row):
                    if isinstance(cell, Decimal):
                        sheet.write_number(line, column, cell, money)
                    elif isinstance(cell, int):
                        sheet.write_number(line, column, cell)
                    elif cell:
                        sheet.write_string(line, column, cell)


def _plain(cell: Cell) -> str:
    return "" if cell is None else str(cell).replace("\t", " ").replace("\n", " ")


def _defused(cell: Cell) -> str:
    """A negative amount is ours and stays a number; whatever came from outside is text."""
    if isinstance(cell, str) and cell.startswith(_STARTS_FORMULA):
        return f"'{cell}"
    return "" if cell is None else str(cell)
