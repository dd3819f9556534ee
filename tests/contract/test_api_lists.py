"""A workbook of rooms and meters sent to the API: looked at, refused by row and column, and taken over once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from bot.rendering.tables import Cell, Sheet, xlsx_bytes
from miniprogram_api.routes.reports import MEDIA
from prepaid.domain.access import Role
from prepaid.usecases.take_list import LIST_BYTES_MAX, LIST_ROWS_MAX
from tests.fakes.api_house import Answer, ApiHouse

ACCOUNTS = ("account", "site", "place", "label")
METERS = ("meter", "account", "gateway", "unit", "profile")
PROFILE = "hiking_dds238_2_zn_sr"


def workbook(accounts: Sequence[tuple[Cell, ...]] = (), meters: Sequence[tuple[Cell, ...]] = ()) -> bytes:
    """Two sheets, one without the other where it has no rows."""
    tables = (("rooms", ACCOUNTS, accounts), ("meters", METERS, meters))
    return xlsx_bytes([Sheet(name, head, tuple(rows)) for name, head, rows in tables if rows])


async def sent(house: ApiHouse, token: str, raw: bytes, how: str, *, key: str = "", kind: str = "xlsx") -> Answer:
    """The file as the body."""
    headers = {"Content-Type": MEDIA.get(kind, kind)} | ({"Idempotency-Key": key} if key else {})
    return await house.call("POST", f"/admin/imports/xlsx?{how}", token=token, raw=raw, headers=headers)


@pytest.fixture
async def operator(house: ApiHouse) -> str:
    """Who may open accounts in one building's site."""
    await house.building.flat(1)
    person = await house.building.operator(scope="acme/maple", role=Role.OPERATOR)
    return (await house.tokens(person)).access


async def test_a_workbook_is_looked_at_and_taken_over_once(house: ApiHouse, operator: str) -> None:
    """A3, M15, F37: a preview writes nothing; one key is one answer to this file and wish; twice is harmless."""
    book = workbook([("a-9", "maple", "b9/901", "901")], [("m-9", "a-9", "gw-1", 99, PROFILE)])
    store = house.parts.business.store
    seen = await sent(house, operator, book, "dry_run=true")
    assert (seen.body["accounts"], seen.body["meters"], seen.body["bad"], seen.body["done"]) == (1, 1, [], False)
    assert await store.sites.account("a-9") is None
    taken = await sent(house, operator, book, "dry_run=false", key="list-0001")
    assert (taken.status, taken.body["done"]) == (200, True)
    meter = await store.meters.get("m-9")
    assert meter is not None
    assert (meter.account_id, meter.unit) == ("a-9", 99)
    assert (await sent(house, operator, book, "dry_run=false", key="list-0001")).body == taken.body
    conflict = "refused.idempotency_conflict"
    assert (await sent(house, operator, book, "dry_run=true", key="list-0001")).body["key"] == conflict
    # Bytes that are no text count as well: as text these two files would be one.
    assert (await sent(house, operator, book + b"\xff", "dry_run=true", key="list-0003")).status == 200
    assert (await sent(house, operator, book + b"\xfe", "dry_run=true", key="list-0003")).body["key"] == conflict
    again = await sent(house, operator, book, "dry_run=false", key="list-0002")
    assert (again.body["accounts"], again.body["meters"], again.body["unchanged"]) == (0, 0, 2)
    lines = await store.audit.latest("acme/maple/b9", 20)
    assert {line.action for line in lines} == {"import_account", "import_meter"}


async def test_every_bad_row_is_named_by_row_and_column(house: ApiHouse, operator: str) -> None:
    """A2, O2: what is wrong stands at its sheet's line and column; others' sites are as those that are not there."""
    await house.parts.business.store.sites.save_site(replace(house.building.site, id="oak", name="Oak", path="umbra"))
    book = workbook(
        [
            ("a-9", "maple", "b9/901", ""),
            ("a 8", "maple", "b9/902", ""),
            ("a-7", "oak", "b1/1", ""),
            ("a-6", "", "1", ""),
        ],
        [("m-9", "a-9", "gw-1", 400, PROFILE), ("m-8", "a-9", "gw-x", 9, PROFILE), ("m-7", "a-9", "gw-1", 1, PROFILE)],
    )
    refused = await sent(house, operator, book, "dry_run=false")
    found = [(each["table"], each["line"], each["column"]) for each in refused.body["bad"]]
    assert found == [
        *(("accounts", 3, "account"), ("accounts", 4, "site"), ("accounts", 5, "site")),
        *(("meters", 2, "unit"), ("meters", 3, "gateway"), ("meters", 4, "unit")),
    ]
    assert all(each["words"] and "{" not in each["words"] for each in refused.body["bad"])
    assert (refused.body["done"], await house.parts.business.store.sites.account("a-9")) == (False, None)
    good = await sent(house, operator, book, "dry_run=false&skip_bad=true")
    assert (good.body["accounts"], good.body["meters"], good.body["done"]) == (1, 0, True)
    headless = xlsx_bytes([Sheet("rooms", ("account", "site"), (("a-5", "maple"),))])
    answer = await sent(house, operator, headless, "dry_run=true")
    assert (answer.status, answer.body["key"]) == (422, "refused.import_column")
    assert "place" in answer.body["detail"]


async def test_what_is_no_list_or_too_much_is_turned_away(house: ApiHouse, operator: str) -> None:
    """Y3, A8: another kind, no workbook, too many rows or bytes, a wish half said; a viewer learns nothing."""
    book = workbook([("a-9", "maple", "b9/901", "")])
    many = workbook([(f"a-{each}", "maple", f"b9/{each}", "") for each in range(LIST_ROWS_MAX + 1)])
    large = await sent(house, operator, b"\0" * (LIST_BYTES_MAX + 1), "dry_run=true")
    for answer, status, key in (
        (large, 413, "refused.request_large"),
        (await sent(house, operator, many, "dry_run=true"), 422, "refused.list_too_large"),
        (await sent(house, operator, b"PK\x03\x04", "dry_run=true"), 422, "refused.import_spreadsheet"),
        (await sent(house, operator, b"", "dry_run=true"), 422, "refused.import_empty"),
        (await sent(house, operator, book, "dry_run=true", kind="text/plain"), 415, "refused.request_type"),
        (await sent(house, operator, book, ""), 400, "refused.request_unreadable"),
        (await sent(house, operator, book, "dry_run=maybe"), 400, "refused.request_unreadable"),
    ):
        assert (answer.status, answer.body["key"]) == (status, key)
    viewer = await house.building.operator(scope="acme/maple", role=Role.VIEWER)
    for raw in (book, b"PK\x03\x04"):
        none = await sent(house, (await house.tokens(viewer)).access, raw, "dry_run=false")
        assert (none.status, none.body["key"]) == (404, "refused.not_found")
