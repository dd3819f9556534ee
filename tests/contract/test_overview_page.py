"""The overview page over a real server: who gets in, what each sees of it, and what it is told while it looks."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from dataclasses import replace

import aiohttp
import pytest

from chatwatt.api import CatalogueWords
from miniprogram_api.overview.figures import Figures
from miniprogram_api.overview.page import COOKIE
from miniprogram_api.overview.show import TICKETS_MOST
from miniprogram_api.overview.stream import Streams
from miniprogram_api.overview.watch import Pace
from prepaid.domain.access import Actor, Role
from prepaid.domain.accounts import Account
from prepaid.domain.errors import Refused
from prepaid.domain.supply import Reported, Wanted
from prepaid.domain.tickets import MoneyKind, MoneyTicket
from prepaid.storage.driver import Database
from prepaid.usecases.page_sessions import make_page_link
from prepaid.usecases.record_switch import record_switch
from tests.fakes.api_house import ApiHouse, api_house
from tests.fakes.clock import ManualClock

QUICK = Pace(look_s=0.2, rest_s=0.01, money_s=0.01)
SOON_S = 30.0


@pytest.fixture
async def house(database: Database, clock: ManualClock) -> AsyncIterator[ApiHouse]:
    """Three flats in one building: one in credit, one that owes and is dark, one without a meter that answers."""
    async with api_house(
        database, clock, pace=QUICK, streams=Streams(beat_s=0.2), public_url="http://127.0.0.1"
    ) as house:
        for unit, micro in ((1, 80_000_000), (2, -5_000_000), (3, 1_000_000)):
            await house.building.flat(unit, balance_micro=micro)
        store, now = house.parts.business.store, clock.now()
        for unit, on in ((1, True), (2, False), (3, True)):
            await store.supplies.saw(f"met-{unit}", Reported(on=on, at=now))
        await store.meters.silent(["met-3"], now)
        yield house


async def link_of(house: ApiHouse, actor: Actor) -> str:
    """The path of a fresh link."""
    made = await make_page_link(house.parts.business, actor)
    assert made is not None
    return f"{house.url}/overview/open/{made.token}"


async def browser(house: ApiHouse, actor: Actor) -> aiohttp.ClientSession:
    """A browser in which the actor's link was opened."""
    session = aiohttp.ClientSession(
        cookie_jar=aiohttp.CookieJar(unsafe=True), timeout=aiohttp.ClientTimeout(total=SOON_S)
    )
    async with session.post(await link_of(house, actor)) as answer:
        assert answer.status == 200
    return session


async def body(session: aiohttp.ClientSession, url: str, status: int = 200) -> str:
    """A page's text."""
    async with session.get(url) as answer:
        assert answer.status == status
        return await answer.text()


async def test_a_link_opens_once_and_only_by_a_press(house: ApiHouse, caplog: pytest.LogCaptureFixture) -> None:
    """A2, A4, A7: fetching uses nothing up, a press does; used, late, tampered and made-up links tell nothing."""
    admin = await house.building.operator()
    url = await link_of(house, admin)
    house.page.parts = replace(house.parts, public_url="https://power.example")
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        assert 'method="post"' in await body(session, url)
        async with session.post(url, headers={"Sec-Fetch-Site": "cross-site"}) as answer:
            assert answer.status == 404
        async with session.post(url, allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Location"]) == (303, "/overview")
            cookie = answer.cookies[COOKIE]
            assert (cookie["httponly"], cookie["secure"], cookie["samesite"]) == (True, True, "Strict")
            assert cookie["path"] == "/overview"
        async with session.post(url, allow_redirects=False) as answer:
            assert answer.status == 410
            assert "Set-Cookie" not in answer.headers
    late = await link_of(house, admin)
    house.building.clock.advance(minutes=11)
    first = "0" if not late.endswith("0") else "1"
    async with aiohttp.ClientSession() as stranger:
        for wrong, status in ((late, 410), (late[:-1] + first, 404), (f"{house.url}/overview/open/x", 404)):
            assert "Maple" not in await body(stranger, wrong, status)
            async with stranger.post(wrong) as answer:
                assert answer.status == status
        for path in ("", "/events", "/export.csv"):
            assert "Maple" not in await body(stranger, f"{house.url}/overview{path}", 401)
    assert url.rsplit("/", 1)[1] not in caplog.text


async def test_each_sees_their_places_and_no_more(house: ApiHouse) -> None:
    """A2, A8: the page shows what the roles reach; money and tickets only to whoever audits; foreign is as missing."""
    building, store = house.building, house.parts.business.store
    await store.sites.save_site(replace(building.site, id="oak", name="Oak Yard", path="acme/oak"))
    await store.sites.save_account(Account(id="oak-1", site_id="oak", path="acme/oak/b9/901", label="901"))
    people = {
        "owner": await building.operator(scope="acme", role=Role.OWNER),
        "viewer": await building.operator(scope="acme/maple", role=Role.VIEWER),
        "caretaker": await building.operator(scope="acme/maple/b1/102", role=Role.OPERATOR),
    }
    said = {}
    for name, actor in people.items():
        async with await browser(house, actor) as session:
            await body(session, f"{house.url}/overview")
            await everything_read(house, actor)
            said[name] = await body(
                session,
                f"{house.url}/overview?lang=en&at=acme/maple" if name == "owner" else f"{house.url}/overview?lang=en",
            )
            foreign = await body(
                session, f"{house.url}/overview?lang=en&at=acme/oak/b9/901", 200 if name == "owner" else 404
            )
            missing = await body(session, f"{house.url}/overview?lang=en&at=acme/oak/b9/999", 404)
            assert (foreign == missing) is (name != "owner")
            if name == "caretaker":
                assert 'id="rooms"' not in said[name]
                assert "-¥5.00" in await body(session, f"{house.url}/overview?at=acme/maple/b1")
    assert 'data-live="on@acme/maple">2</b>' in said["owner"]
    assert 'data-live="off@acme/maple">1</span>' in said["owner"]
    assert 'data-live="arrears@acme/maple">¥5.00</b>' in said["owner"]
    assert 'data-live="silent@acme/maple">1</b>' in said["viewer"]
    assert 'data-live="on@acme/maple">0</b>' in said["caretaker"]
    assert 'data-live="off@acme/maple">1</span>' in said["caretaker"]
    assert 'id="money"' not in said["viewer"]
    with pytest.raises(Refused):
        await make_page_link(house.parts.business, Actor(id="p-tenant", accounts=frozenset({"acc-1"})))


async def everything_read(house: ApiHouse, actor: Actor) -> None:
    """Until the slow part of a watch has been read as well."""
    async with asyncio.timeout(SOON_S):
        await house.page.hub.watch(actor).settled.wait()


async def test_the_audit_s_part_and_the_sheets(house: ApiHouse) -> None:
    """A2, A4: money in by provider, tonight's list by rule, devices down, and the same rooms as CSV and XLSX."""
    building = house.building
    tenant = Actor(id="t", accounts=frozenset({"acc-1"}))
    await building.paid(tenant, 1, 5_000)
    finance = await building.operator(scope="acme/maple", role=Role.FINANCE)
    async with await browser(house, finance) as session:
        await body(session, f"{house.url}/overview")
        await everything_read(house, finance)
        page = await body(session, f"{house.url}/overview?lang=en")
        assert page.count("¥50.00") >= 4
        assert 'id="money"' in page
        assert "1 spared" in page
        assert "met-3" in page
        assert "离线设备" in await body(session, f"{house.url}/overview?lang=zh")
        room = await body(session, f"{house.url}/overview?lang=en&at=acme/maple/b1/102")
        assert "met-2" in room
        sheet = await body(session, f"{house.url}/overview/export.csv?lang=en&at=acme/maple/b1")
        rows = list(csv.reader(io.StringIO(sheet.lstrip("\ufeff"))))
        assert [row[2] for row in rows] == ["Room", "102", "103", "101"]
        assert [row[5] for row in rows[1:]] == ["-5.00", "1.00", "130.00"]
        async with session.get(f"{house.url}/overview/export.xlsx") as answer:
            assert (await answer.read())[:2] == b"PK"


async def test_what_comes_later_says_so_and_what_is_much_is_counted(house: ApiHouse) -> None:
    """A6, N4: a sentence stands for what is still read; tickets past the list are counted; nothing has no scale."""
    finance = await house.building.operator(scope="acme/maple", role=Role.FINANCE)
    now, tickets = house.building.clock.now(), house.parts.business.store.money_tickets
    for number in range(TICKETS_MOST + 3):
        ticket = MoneyTicket(
            id=f"t{number}",
            kind=MoneyKind.CLAIM,
            provider="testpay",
            why="ticket.claim",
            opened_at=now,
            path="acme/maple",
        )
        await tickets.add(ticket)
    async with await browser(house, finance) as session:
        await everything_read(house, finance)
        watch = house.page.hub.watch(finance)
        days, watch.beside.days = watch.beside.days, None
        early = await body(session, f"{house.url}/overview?lang=en")
        assert "They appear by themselves" in early
        assert "Tickets</dt>" not in early
        assert "读完自动显示" in await body(session, f"{house.url}/overview?lang=zh")
        watch.beside.days = days
        page = await body(session, f"{house.url}/overview?lang=en")
        assert "They appear by themselves" not in page
        assert f">{TICKETS_MOST + 3}</b>" in page
        assert "and 3 more" in page
        assert "No money has come in this month." in page
        assert "¥0.00000" not in page
        assert 'data-live="day">2 Mar 2026<' in page


@pytest.mark.parametrize(
    ("now", "before", "said"),
    [(1_240, 1_000, "x (+24 %)"), (100, 300, "x (-67 %)"), (300, 300, "x (+0 %)"), (5, 0, "x"), (400_000, 300, "x")],
)
def test_a_trend_is_a_share_of_what_was(now: int, before: int, said: str) -> None:
    """N4: more and less say their sign; a month beside one in which nobody lived there is no comparison."""
    assert Figures(CatalogueWords(), "en").beside("x", now, before) == said


async def events(answer: aiohttp.ClientResponse) -> AsyncIterator[str]:
    """The names of what comes, with the data."""
    kind = ""
    async for line in answer.content:
        text = line.decode().rstrip("\n")
        if text.startswith("event: "):
            kind = text[7:]
        elif text.startswith("data: "):
            yield f"{kind} {text[6:]}"


async def test_a_cut_is_seen_at_once(house: ApiHouse) -> None:
    """A6, S4: the relay's own word reaches every open page as the figures that it changes, each in its language."""
    viewer = await house.building.operator(scope="acme/maple", role=Role.VIEWER)
    store = house.parts.business.store
    async with await browser(house, viewer) as session:
        await body(session, f"{house.url}/overview")
        await everything_read(house, viewer)
        async with (
            session.get(f"{house.url}/overview/events?lang=en") as english,
            session.get(f"{house.url}/overview/events?lang=zh") as chinese,
        ):
            await store.supplies.want(
                "met-1", 0, Wanted(on=False, generation=1, reason="rule.no_credit", at=house.building.clock.now())
            )
            await record_switch(house.parts.business, "met-1", 1, Reported(on=False, at=house.building.clock.now()))
            for answer, word in ((english, "Off"), (chinese, "已断电")):
                async for news in events(answer):
                    if f'"state@acme/maple/b1/101":"{word}"' in news:
                        assert '"off@acme/maple":"2"' in news
                        break
    async with asyncio.timeout(SOON_S):
        await house.page.hub.empty.wait()
