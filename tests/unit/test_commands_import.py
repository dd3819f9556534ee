"""Lists from spreadsheets: every bad row by line and reason, nothing half written, twice is once."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path
from xml.sax.saxutils import escape

import pytest

from bot.texts import LANGUAGES, text
from chatwatt.embedded import StoreUris
from chatwatt.importing.rows import account_rows, meter_rows
from chatwatt.importing.tables import FILE_BYTES_MAX, ROWS_MAX, read_table
from prepaid.domain.access import Action, Actor
from prepaid.domain.accounts import AccountStatus
from prepaid.domain.errors import Refused
from prepaid.domain.imports import Imported
from prepaid.domain.tariffs import Utility
from prepaid.storage.driver import Database
from prepaid.usecases.import_places import import_places
from tests.fakes.building import Building, build
from tests.fakes.clock import ManualClock
from tests.fakes.running_demo import run_program

IMPORTER = Actor(id="import", system=True)
ACCOUNTS = """account,site,place,label,protected,overdraft_yuan
a-1,maple,b1/101,101,no,
a-2,maple,b1/102,,yes,12.50
"""
METERS = """meter,account,gateway,unit,profile,serial,rated_current_a,register_wraps_kwh
m-1,a-1,gw-1,1,test,,,
m-2,a-2,gw-1,2,test,0042,40,1000000
"""


@pytest.fixture
async def building(database: Database, clock: ManualClock) -> Building:
    """A site and a gateway, and nobody there yet."""
    return await build(database, clock)


def written(directory: Path, name: str, content: str, encoding: str = "utf-8") -> Path:
    """A file."""
    path = directory / name
    path.write_bytes(content.encode(encoding))
    return path


def spreadsheet(path: Path, rows: list[list[str | int]]) -> Path:
    """The smallest XLSX that a spreadsheet program would open."""
    cells = "".join(
        "<row>"
        + "".join(
            f"<c><v>{cell}</v></c>" if isinstance(cell, int) else f'<c t="inlineStr"><is><t>{escape(cell)}</t></is></c>'
            for cell in row
        )
        + "</row>"
        for row in rows
    )
    main_ns = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    rel_ns = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package_ns = "http://schemas.openxmlformats.org/package/2006"
    kinds = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr(
            "[Content_Types].xml",
            f'<Types xmlns="{package_ns}/content-types"><Default Extension="rels" '
            'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            f'<Override PartName="/xl/workbook.xml" ContentType="{kinds}.sheet.main+xml"/>'
            f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{kinds}.worksheet+xml"/></Types>',
        )
        packed.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{package_ns}/relationships"><Relationship Id="rId1" '
            f'Type="{rel_ns}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        )
        packed.writestr(
            "xl/_rels/workbook.xml.rels",
            f'<Relationships xmlns="{package_ns}/relationships"><Relationship Id="rId1" '
            f'Type="{rel_ns}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        )
        packed.writestr(
            "xl/workbook.xml",
            f'<workbook {main_ns} xmlns:r="{rel_ns}"><sheets><sheet name="s" sheetId="1" r:id="rId1"/></sheets>'
            "</workbook>",
        )
        packed.writestr("xl/worksheets/sheet1.xml", f"<worksheet {main_ns}><sheetData>{cells}</sheetData></worksheet>")
    return path


async def taken(building: Building, accounts: Path, meters: Path, *, dry: bool = False, skip: bool = False) -> Imported:
    """One run of the import."""
    good_accounts, bad_accounts = account_rows(accounts)
    good_meters, bad_meters = meter_rows(meters)
    return await import_places(
        building.business,
        IMPORTER,
        good_accounts,
        good_meters,
        profiles={"test": Utility.ELECTRICITY, "water": Utility.WATER},
        unreadable=[*bad_accounts, *bad_meters],
        dry_run=dry,
        skip_bad=skip,
    )


async def test_a_list_becomes_accounts_meters_and_supplies(building: Building, tmp_path: Path) -> None:
    """A3: each row is there as it was written, with a line in the trail; the second time nothing is left to do."""
    files = written(tmp_path, "a.csv", ACCOUNTS), written(tmp_path, "m.csv", METERS)
    dry = await taken(building, *files, dry=True)
    assert (dry.accounts, dry.meters, dry.bad, dry.done) == (2, 2, (), False)
    store = building.business.store
    assert await store.sites.account("a-1") is None
    first = await taken(building, *files)
    assert (first.accounts, first.meters, first.done) == (2, 2, True)
    account, meter = await store.sites.account("a-2"), await store.meters.get("m-2")
    assert account is not None
    assert meter is not None
    assert (account.path, account.label, account.protected, account.overdraft_micro) == (
        "acme/maple/b1/102",
        "102",
        True,
        12_500_000,
    )
    assert (meter.serial, meter.unit, meter.rated_current_a, meter.register_wraps_wh) == ("0042", 2, 40, 10**9)
    assert await store.supplies.get("m-2") is not None
    assert len(await store.audit.latest("acme/maple", 10)) == 4
    again = await taken(building, *files)
    assert (again.accounts, again.meters, again.unchanged) == (0, 0, 4)
    assert len(await store.audit.latest("acme/maple", 10)) == 4


async def test_what_was_lived_through_survives_a_second_import(building: Building, tmp_path: Path) -> None:
    """F37, M11: a changed list describes a meter anew; its watermark, its money and its relay's state stay."""
    files = written(tmp_path, "a.csv", ACCOUNTS), written(tmp_path, "m.csv", METERS)
    await taken(building, *files)
    store = building.business.store
    before = await store.meters.get("m-1")
    assert before is not None
    await building.give("a-1", 5_000_000, "x")
    changed = written(tmp_path, "m2.csv", METERS.replace("m-1,a-1,gw-1,1,test,,", "m-1,a-1,gw-1,9,test,77,"))
    result = await taken(building, files[0], changed)
    after = await store.meters.get("m-1")
    assert (result.meters, result.unchanged) == (1, 3)
    assert after == replace(before, unit=9, serial="77")
    assert (await store.ledger.head("a-1")).balance_micro == 5_000_000


BAD = [
    ("a", "a-3,elm,b1/103,,,", "refused.import_no_site"),
    ("a", "a-1,maple,b1/999,,,", "refused.import_account_elsewhere"),
    ("a", "a-9,maple,b1/109,,,", "refused.import_account_closed"),
    ("a", "a-2,maple,b1/102,,,", "refused.import_twice"),
    ("a", ",maple,b1/104,,,", "refused.import_missing"),
    ("a", "a 5,maple,b1/104,,,", "refused.import_value"),
    ("a", "a-5,maple,../104,,,", "refused.import_value"),
    ("a", "a-5,maple,b1/104,,maybe,", "refused.import_value"),
    ("a", "a-5,maple,b1/104,,,-3", "refused.import_value"),
    ("a", "a-5,maple,b1/104,,,1e99", "refused.import_value"),
    ("m", "m-3,a-404,gw-1,3,test,,,", "refused.import_no_account"),
    ("m", "m-3,a-1,gw-9,3,test,,,", "refused.import_no_gateway"),
    ("m", "m-3,a-1,gw-1,3,unheard,,,", "refused.import_no_profile"),
    ("m", "m-2,a-1,gw-1,3,test,,,", "refused.import_twice"),
    ("m", "m-old,a-1,gw-1,8,test,,,", "refused.import_meter_taken"),
    ("m", "met-1,acc-1,gw-1,8,test,other,,", "refused.import_other_serial"),
    ("m", "m-3,a-1,gw-1,2,test,,,", "refused.import_place_taken"),
    ("m", "m-3,a-1,gw-1,8,test,,,", "refused.import_place_taken"),
    ("m", "m-3,a-1,gw-1,248,test,,,", "refused.import_value"),
    ("m", "m-3,a-1,gw-1,1.5,test,,,", "refused.import_value"),
    ("m", "m-3,a-1,gw-1,,test,,,", "refused.import_missing"),
]


@pytest.mark.parametrize(("file", "row", "key"), BAD, ids=[f"{key[8:]}:{row[:12]}" for _, row, key in BAD])
async def test_a_bad_row_is_named_and_nothing_is_written(
    building: Building, tmp_path: Path, file: str, row: str, key: str
) -> None:
    """F37: the line and the reason, in words of both languages; the good rows wait too unless told otherwise."""
    store = building.business.store
    await building.flat(1)
    old = await store.meters.get("met-1")
    assert old is not None
    await store.meters.add(replace(old, unit=8, serial="s-1"))
    await store.meters.add(replace(old, id="m-old", unit=7, account_id="acc-1"))
    closed = await store.sites.account("acc-1")
    assert closed is not None
    await store.sites.save_account(replace(closed, id="a-9", path="acme/maple/b1/109", status=AccountStatus.CLOSED))
    await store.sites.save_account(replace(closed, id="a-1", path="acme/maple/b1/101"))
    texts = {"a": ACCOUNTS, "m": METERS}
    texts[file] += row + "\n"
    files = written(tmp_path, "a.csv", texts["a"]), written(tmp_path, "m.csv", texts["m"])
    refused = await taken(building, *files)
    (bad,) = refused.bad
    assert (bad.key, bad.line, bad.file[0], refused.done) == (key, 4, file, False)
    assert all(text(language, bad.key, **bad.params) for language in LANGUAGES)
    assert await store.sites.account("a-2") is None
    skipped = await taken(building, *files, skip=True)
    assert skipped.done
    assert await store.sites.account("a-2") is not None


async def test_a_freed_meter_begins_anew_with_its_next_account(building: Building, tmp_path: Path) -> None:
    """M11: what a freed meter counted before is nobody's bill."""
    await building.flat(1)
    await building.read(1, 1_000)
    store = building.business.store
    meter = await store.meters.get("met-1")
    assert meter is not None
    assert await store.meters.assign("met-1", "acc-1", None, None)
    files = (
        written(tmp_path, "a.csv", ACCOUNTS),
        written(tmp_path, "m.csv", METERS.splitlines()[0] + "\nmet-1,a-1,gw-1,1,test,,,\n"),
    )
    assert (await taken(building, *files)).done
    await building.read(1, 1_300)
    await building.read(1, 1_400)
    assert (await store.ledger.head("a-1")).balance_micro == -100 * 600


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030"])
def test_chinese_headings_and_encodings_are_read(tmp_path: Path, encoding: str) -> None:
    """P7: as Excel on Chinese Windows saves it, and as everything else does."""
    headings = ",".join(text("zh", f"import.{name}") for name in ("place", "site", "account", "label", "protected"))
    room = text("zh", "import.label")
    path = written(tmp_path, "a.csv", f"{headings}\nb1/101,maple,a-1,{room},{text('zh', 'import.yes')}\n", encoding)
    (row,), bad = account_rows(path)
    assert bad == []
    assert (row.account, row.label, row.protected, row.line) == ("a-1", room, True, 2)


def test_a_workbook_is_read_like_a_list(tmp_path: Path) -> None:
    """P7: figures that a spreadsheet made of room numbers are room numbers again, and empty rows do not count."""
    path = spreadsheet(
        tmp_path / "a.xlsx", [["account", "site", "place"], [7001, "maple", 101], ["", "", ""], ["a-2", "maple", "102"]]
    )
    rows, bad = account_rows(path)
    assert bad == []
    assert [(row.account, row.place, row.line) for row in rows] == [("7001", "101", 2), ("a-2", "102", 4)]


@pytest.mark.parametrize(
    ("name", "content", "key"),
    [
        ("a.csv", b"", "refused.import_empty"),
        ("a.csv", b"\xff\xfe\x00\x41", "refused.import_encoding"),
        ("a.csv", b'account,site,place\n"a,b\n', "refused.import_csv"),
        ("a.csv", b"account,site\n1,2\n", "refused.import_column"),
        ("a.csv", b"x\n" * (ROWS_MAX + 1), "refused.import_too_large"),
        ("a.xlsx", b"no zip", "refused.import_spreadsheet"),
        ("a.csv", b"x" * (FILE_BYTES_MAX + 1), "refused.import_too_large"),
    ],
)
def test_a_file_that_is_no_list_is_refused(tmp_path: Path, name: str, content: bytes, key: str) -> None:
    """Y3, Y7: with words of its own, before anything is looked at twice."""
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(Refused, match=key):
        account_rows(path)
    with pytest.raises(Refused, match=r"refused\.import_file"):
        read_table(tmp_path / "missing.csv")


async def test_only_who_may_open_accounts_imports(building: Building, tmp_path: Path) -> None:
    """A2, A8: the use case asks who is importing; a foreign site is no site."""
    rows, _ = account_rows(written(tmp_path, "a.csv", ACCOUNTS))
    stranger = await building.operator(scope="other")
    refused = await import_places(building.business, stranger, rows, [], profiles={})
    assert {bad.key for bad in refused.bad} == {"refused.import_no_site"}
    assert Action.OPEN_ACCOUNT
    operator = await building.operator()
    assert (await import_places(building.business, operator, rows, [], profiles={})).done


async def test_the_command_says_what_is_wrong(
    building: Building, shared_database: Database, tmp_path: Path, store_uris: StoreUris
) -> None:
    """P7: file, line and reason in the person's language; the last line is JSON; 1 when a row is bad."""
    settings = {
        "CHATWATT_MONGODB_URI": store_uris.mongodb_uri,
        "CHATWATT_REDIS_URL": store_uris.redis_uri,
        "CHATWATT_DATABASE": shared_database.name,
        "LC_ALL": "en",
    }
    profiled = METERS.replace(",test,", ",hiking_dds238_2_zn_sr,") + "m-3,a-9,gw-1,3,x\n"
    files = [str(written(tmp_path, "a.csv", ACCOUNTS)), str(written(tmp_path, "m.csv", profiled))]
    code, out, err = await run_program("import", *files, settings=settings)
    assert code == 1, err
    lines = out.splitlines()
    assert lines[-2] == "m.csv:4: There is no account a-9."
    assert json.loads(lines[-1]) == {"accounts": 2, "meters": 2, "unchanged": 0, "bad": 1, "written": False}
    _, out, _ = await run_program("import", *files, "--skip-bad", settings=settings)
    assert json.loads(out.splitlines()[-1])["written"]
    code, _, err = await run_program("import", files[0], str(tmp_path / "none.csv"), settings=settings)
    assert code == 2
    assert "none.csv cannot be read" in err
