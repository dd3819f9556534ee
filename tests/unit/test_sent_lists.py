"""Files from people whom nobody vouches for: read apart from us, within bounds, by what they are."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from chatwatt.importing import workbook
from chatwatt.importing.reader import SentLists
from prepaid.domain.errors import Refused
from tests.unit.test_commands_import import ACCOUNTS, METERS, spreadsheet

FAR = b'<sheetData><row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'


def _altered(book: bytes, *, sheet: bytes, more: dict[str, bytes] | None = None) -> bytes:
    """The workbook with another beginning of its sheet, and with more parts."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(book)) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.infolist():
            new.writestr(part.filename, old.read(part).replace(b"<sheetData>", sheet))
        for name, content in (more or {}).items():
            new.writestr(name, content)
    return made.getvalue()


async def test_a_workbook_that_wants_all_memory_takes_only_its_reader_down(tmp_path: Path) -> None:
    """Y3: two cells at the ends of a sheet ask for half a terabyte; the sender hears that it is no list, we live on."""
    good = spreadsheet(tmp_path / "a.xlsx", [["account", "site", "place"], ["a-1", "maple", "101"]]).read_bytes()
    bomb = _altered(good, sheet=FAR)
    with pytest.raises(Refused, match=r"import_spreadsheet"):
        await SentLists().read("a.xlsx", bomb, rows_max=100)
    (row,) = (await SentLists().read("a.csv", good, rows_max=100)).accounts
    assert (row.account, row.place) == ("a-1", "101")


def test_what_a_workbook_says_of_its_size_is_never_believed(tmp_path: Path) -> None:
    """Y3: more than the limit is refused before it is unpacked, and a lie about it is found out by the checksum."""
    good = spreadsheet(tmp_path / "a.xlsx", [["account", "site", "place"]]).read_bytes()
    padded = _altered(good, sheet=b"<sheetData>", more={"xl/media/big.bin": b"\0" * 5_000_000})
    assert len(padded) < 20_000
    with pytest.raises(Refused, match=r"import_too_large"):
        workbook.sheets(padded, rows_max=10, unpacked_max=1_000_000)
    honest, liar = (5_000_000).to_bytes(4, "little"), (10).to_bytes(4, "little")
    assert padded.count(honest) == 2
    with pytest.raises(Refused, match=r"import_spreadsheet"):
        workbook.sheets(padded.replace(honest, liar), rows_max=10, unpacked_max=1_000_000)


async def test_each_table_is_taken_for_what_its_columns_say() -> None:
    """FEATURES P7: accounts and meters are told apart by their headings, bad lines have numbers."""
    lists = SentLists()
    accounts = await lists.read("meters.csv", ACCOUNTS.encode("utf-8-sig"), rows_max=10)
    assert ([row.account for row in accounts.accounts], accounts.meters) == (["a-1", "a-2"], ())
    meters = await lists.read("accounts.csv", (METERS + "m-3,a-1,gw-1,0,test,,,\n").encode("gbk"), rows_max=10)
    assert ([row.meter for row in meters.meters], meters.accounts) == (["m-1", "m-2"], ())
    assert [(bad.file, bad.line, bad.key) for bad in meters.bad] == [("meters", 4, "refused.import_value")]
    with pytest.raises(Refused, match=r"import_too_large"):
        await lists.read("a.csv", ACCOUNTS.encode(), rows_max=2)
    assert "hiking_dds238_2_zn_sr" in await lists.models()
