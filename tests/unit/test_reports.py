"""The comparison on paper: text, CSV and XLSX that open without running anything; and the key that seals links."""

from __future__ import annotations

import csv
import io
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from python_calamine import load_workbook

from bot.texts import has
from chatwatt.commands.reconcile import check_out, compare
from chatwatt.link_key import FILE_NAME, link_key
from chatwatt.reports import COLUMNS, SUMS, as_text, item_rows, write_csv, write_xlsx, yuan
from chatwatt.settings import Settings
from prepaid.domain.bills import BillKind, BillRow
from prepaid.domain.errors import Refused
from prepaid.domain.pay_links import new_key, read_key
from prepaid.domain.reconcile import Gap, Item, Run, shares, totals
from prepaid.storage.driver import Database
from tests.fakes.building import build
from tests.fakes.clock import EPOCH, ManualClock

EVIL = '=HYPERLINK("http://x","y")'
ITEMS = (
    Item(
        kind=BillKind.PAYMENT,
        txn_id="4200001",
        order_id="cw1",
        site_id="maple",
        account_id="acc-1",
        ours_fen=5_000,
        theirs_fen=5_000,
        ledger_fen=5_000,
        fee_fen=30,
    ),
    Item(kind=BillKind.PAYMENT, txn_id=EVIL, order_id="@SUM(A1)", theirs_fen=1, gap=Gap.NO_ORDER),
    Item(
        kind=BillKind.REFUND,
        txn_id="4200001",
        order_id="cw1",
        refund_id="-rf1",
        ours_fen=7,
        theirs_fen=7,
        ledger_fen=7,
        fee_fen=-1,
    ),
)
RUN = Run(
    id="testpay:m-1:2026-03-02",
    provider="testpay",
    merchant_id="m-1",
    day="2026-03-02",
    ran_at=EPOCH,
    totals=totals(ITEMS),
    shares=shares(ITEMS, ["maple", "oak"]),
)


def test_amounts_are_exact() -> None:
    """M1: fen become yuan by whole numbers, to the largest and below zero."""
    assert [str(yuan(fen)) for fen in (0, 1, 5_000, -1, 10**16 + 1)] == [
        "0.00",
        "0.01",
        "50.00",
        "-0.01",
        "100000000000000.01",
    ]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_word_of_a_report_is_there(language: str) -> None:
    """M17: columns, sheets and each kind of difference have words in both languages."""
    wanted = [*COLUMNS, *SUMS, "sums", "items", "all", "merchant", *(f"kind_{kind}" for kind in BillKind)]
    assert not [name for name in wanted if not has(f"report.{name}")]
    assert not [gap for gap in Gap if not has(gap)]
    assert has("gap.no_bill")
    assert len(item_rows(language, ITEMS)) == 3


def test_text_shows_sums_and_what_differs() -> None:
    """M17: the whole, each site, the merchant's own, and only the items that differ."""
    lines = as_text("en", RUN, ITEMS).splitlines()
    assert lines[1].split("\t")[:4] == ["all", "3", "50.01", "0.07"]
    assert [each.split("\t")[0] for each in lines[2:5]] == ["maple", "oak", "merchant"]
    assert "4200001\tcw1" not in "\n".join(lines)
    assert "a payment on the bill has no order here" in lines[-1]


def test_csv_opens_as_it_is_and_runs_nothing(tmp_path: Path) -> None:
    """A4: UTF-8 with its mark; cells from outside that look like formulas are text; our negative sums stay numbers."""
    path = tmp_path / "day.csv"
    write_csv(path, "zh", ITEMS)
    raw = path.read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(raw.decode("utf-8-sig"))))
    assert len(rows) == 4
    cells = [cell for row in rows[1:] for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "@", "\t"))]
    assert f"'{EVIL}" in cells
    assert "'-rf1" in cells
    assert "-0.01" in cells


def test_xlsx_has_numbers_as_numbers_and_texts_as_texts(tmp_path: Path) -> None:
    """M17, A4: amounts add up in the sheet; long numbers keep every digit; no cell is a formula or a link."""
    path = tmp_path / "day.xlsx"
    write_xlsx(path, "en", RUN, ITEMS)
    book = load_workbook(path)
    sums, items = (book.get_sheet_by_name(name).to_python() for name in ("Sums", "items"))
    assert sums[1][2] == pytest.approx(50.01)
    assert [row[1] for row in items[1:]] == [EVIL, "4200001", "4200001"]
    assert sum(Decimal(str(row[7])) for row in items[1:]) == Decimal("50.08")


def test_a_report_of_another_kind_is_refused() -> None:
    """Y7: asked before anything is fetched."""
    with pytest.raises(Refused, match="report_format"):
        check_out(Path("day.pdf"))
    check_out(None)


async def test_the_command_compares_writes_and_says(database: Database, clock: ManualClock, tmp_path: Path) -> None:
    """M17: 0 when all agrees, 1 when something differs; the last line is JSON; the file holds every item."""
    building = await build(database, clock)
    tenant = await building.flat(1)
    order = await building.paid(tenant, 1, 5_000)
    row = BillRow(
        kind=BillKind.PAYMENT, txn_id=f"txn-{order.id}", order_id=order.id, amount_fen=5_000, at=order.created_at
    )
    building.provider.bills = {date(2026, 3, 2): (row,), date(2026, 3, 1): ()}
    clock.set(clock.now().replace(day=3))
    said: list[str] = []
    out = tmp_path / "day.csv"
    assert await compare(building.business, "", None, out, said.append) == 0
    figures = json.loads(said[-1])
    assert (figures["day"], figures["items"], figures["gaps"], figures["difference_fen"]) == ("2026-03-02", 1, 0, 0)
    assert order.id in out.read_text(encoding="utf-8-sig")
    building.provider.bills[date(2026, 3, 2)] = (replace(row, amount_fen=4_999),)
    assert await compare(building.business, "testpay", date(2026, 3, 2), None, said.append) == 1
    assert json.loads(said[-1])["tickets"] == 1
    with pytest.raises(Refused, match="provider_has_no_bill"):
        await compare(replace(building.business, providers={}), "", None, None, said.append)


def test_the_key_of_links_is_made_once_and_for_its_owner(tmp_path: Path) -> None:
    """A4, A7: made at the first start, the same ever after, readable by its owner alone; a setting wins."""
    settings = Settings(data=tmp_path)
    with ThreadPoolExecutor() as pool:
        made = list(pool.map(lambda _: link_key(settings, embedded=True), range(4)))
    assert len(set(made)) == 1
    assert len(made[0]) == 32
    assert (tmp_path / FILE_NAME).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]
    given = new_key()
    assert link_key(Settings.model_validate({"data": tmp_path, "pay_link_key": given}), embedded=True) == read_key(
        given
    )
    assert link_key(settings, embedded=False) == b""
