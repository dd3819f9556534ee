"""A list of rooms and meters sent in Telegram: looked at, shown with what is wrong, and written by a yes."""

from __future__ import annotations

from pathlib import Path

from prepaid.domain.access import Grant, Role
from prepaid.usecases.take_list import LIST_BYTES_MAX, LIST_ROWS_MAX
from sandbox.telegram_people import SandboxUser
from tests.contract.test_telegram_story import GROUP
from tests.contract.test_telegram_tenant import House, bind, house
from tests.unit.test_commands_import import ACCOUNTS, METERS, spreadsheet

__all__ = ["house"]
WAIT_S = 30.0
PROFILED = METERS.replace(",test,", ",hiking_dds238_2_zn_sr,").replace("gw-1,", "gw-1,1")


async def _staff(house: House, user: int, role: Role = Role.OPERATOR, scope: str = "acme/maple") -> SandboxUser:
    """Somebody with a role who writes from Telegram."""
    people = house.building.business.store.people
    person = await people.at("telegram", str(user), language="en")
    await people.grant(person.id, Grant(role, scope))
    return house.sandbox.user(user, language="en")


async def test_a_list_is_looked_at_and_then_written(house: House, tmp_path: Path) -> None:
    """A3, F37, FEATURES A1: nothing is written before the yes; a workbook brings rooms and meters; twice is once."""
    sites, meters = house.building.business.store.sites, house.building.business.store.meters
    admin = await _staff(house, 21)
    await admin.send_file("../../rooms\n.exe", ("\ufeff" + ACCOUNTS + "a-9,elm,b1/103,,,\n").encode())
    seen = await admin.wait_message(lambda m: "Write only the others, 2 accounts" in m.text, WAIT_S)
    assert any("There is no site elm" in text for text in house.sandbox.screen(21).texts)
    assert await sites.account("a-1") is None
    await admin.press(seen.labels[0])
    await admin.wait_message(lambda m: "Imported: ../../rooms.exe" in m.text, WAIT_S)
    assert await sites.account("a-1") is not None
    assert await sites.account("a-9") is None
    rows = [line.split(",") for line in PROFILED.splitlines()]
    book = spreadsheet(tmp_path / "m.xlsx", [list(row) for row in rows]).read_bytes()
    await admin.send_file("m.csv", book)
    await admin.wait_message(lambda m: "Write 0 accounts and 2 meters?" in m.text, WAIT_S)
    await admin.say("yes")
    await admin.wait_message(lambda m: "Imported: m.csv" in m.text, WAIT_S)
    meter = await meters.get("m-2")
    assert meter is not None
    assert (meter.account_id, meter.serial) == ("a-2", "0042")
    await admin.send_file("m.csv", book)
    await admin.wait_message(lambda m: "there already" in m.text, WAIT_S)


async def test_a_list_from_whom_it_does_not_concern_is_not_even_fetched(house: House) -> None:
    """A1, A2, A8: a tenant, a viewer and another building's operator write nothing; the first two cost no download."""
    await bind(house)
    viewer, stranger = await _staff(house, 22, Role.VIEWER), await _staff(house, 23, scope="acme/other")
    await house.tenant.send_file("a.csv", ACCOUNTS.encode())
    await house.tenant.wait_message(lambda m: "you have none" in m.text, WAIT_S)
    await viewer.send_file("a.csv", ACCOUNTS.encode())
    await viewer.wait_message(lambda m: "find" in m.text or "not" in m.text, WAIT_S)
    assert house.sandbox.files.fetched == []
    await stranger.send_file("a.csv", ACCOUNTS.encode())
    await stranger.wait_message(lambda m: "No row can be written" in m.text, WAIT_S)
    assert await house.building.business.store.sites.account("a-1") is None
    admin = await _staff(house, 21)
    await admin.send_file("a.csv", ACCOUNTS.encode(), group=GROUP)  # Said to nobody, in nobody's group.
    await admin.say("/help")
    await admin.wait_message(lambda m: bool(m.labels), WAIT_S)
    assert house.sandbox.screen(GROUP).texts == []


async def test_a_file_that_is_no_list_is_told_so(house: House, tmp_path: Path) -> None:
    """Y3, Y7: too large, gone, too long or no list at all: each has its own sentence, and the next one is heard."""
    admin = await _staff(house, 21)
    for name, content, wanted in (
        ("big.csv", b"x" * (LIST_BYTES_MAX + 1), "at most 2 MB"),
        ("long.csv", b"account,site,place\n" * (LIST_ROWS_MAX + 2), "1000 rows"),
        ("cat.xlsx", b"PK\x03\x04 no workbook", "no spreadsheet"),
        ("cat.jpg", b"\xff\xd8\xff\xe0\x00\x10JFIF", "cat.jpg"),
    ):
        await admin.send_file(name, content)
        await admin.wait_message(lambda m, wanted=wanted: wanted in m.text, WAIT_S)  # type: ignore[misc]
    assert len(house.sandbox.files.fetched) == 3
    gone = {"document": {"file_id": "gone", "file_unique_id": "g", "file_name": "a.csv"}}
    await admin.send(gone)
    await admin.wait_message(lambda m: "no longer be fetched" in m.text, WAIT_S)
    house.sandbox.fail("getFile", 500)
    await admin.send_file("a.csv", ACCOUNTS.encode())
    await admin.wait_message(lambda m: "cannot be fetched right now" in m.text, WAIT_S)
    await house.sandbox.wait_confirmed(WAIT_S)
