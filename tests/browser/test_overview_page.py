"""The overview page in real Chromium: from the admin's chat to a cut that is seen live, on desk and phone."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, async_playwright, expect

from bot.conversations.inbound import Inbound
from bot.conversations.parts import Link
from bot.conversations.runner import Conversation
from miniprogram_api.overview.stream import Streams
from miniprogram_api.overview.watch import Pace
from prepaid.domain.access import Actor, Role
from prepaid.domain.metering import Reading
from prepaid.domain.supply import Reported, Wanted
from prepaid.storage.driver import Database
from prepaid.usecases.record_switch import record_switch
from tests.fakes.api_house import ApiHouse, api_house
from tests.fakes.clock import ManualClock

CHROMIUM = Path(os.environ.get("CHATWATT_CHROMIUM", "/usr/bin/chromium"))
SHOTS = os.environ.get("CHATWATT_SCREENSHOTS", "")
"""A folder to keep pictures of the page in."""
WAIT_MS = 60_000
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1200, "height": 900}
STAFF = "staff-acme-manager"
HALVES = 18
"""Half days of readings."""
pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(240),
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no Chromium at {CHROMIUM}"),
]


class NoSessions:
    """A chat that remembers nothing."""

    async def load(self, key: str) -> dict[str, object]:
        return {}

    async def save(self, key: str, session: object, *, ttl_s: int) -> None: ...


@pytest.fixture
async def house(database: Database, clock: ManualClock) -> AsyncIterator[ApiHouse]:
    """Six flats, two with days of readings: four in credit, one dark and in arrears, one that does not answer."""
    pace = Pace(look_s=0.5, rest_s=0.01, money_s=0.01)
    async with api_house(
        database, clock, pace=pace, streams=Streams(beat_s=0.5), public_url="http://127.0.0.1"
    ) as house:
        for unit, micro in enumerate((86_400_000, 42_150_000, 19_000_000, -7_350_000, 130_000_000, 3_200_000), start=1):
            await house.building.flat(unit, balance_micro=micro)
            await house.parts.business.store.supplies.saw(f"met-{unit}", Reported(on=unit != 4, at=clock.now()))
        await _history(house, units=(1, 2))
        await house.parts.business.store.meters.silent(["met-6"], clock.now() - timedelta(hours=3))
        await house.building.paid(Actor(id="t", accounts=frozenset({"acc-1"})), 1, 5_000)
        yield house


async def _history(house: ApiHouse, *, units: Sequence[int]) -> None:
    """A reading at each noon and midnight of some days, up to now, and what the meters say now."""
    store, now = house.parts.business.store, house.building.clock.now()
    for unit in units:
        wh = [100_000 * unit + sum(1_500 + 350 * ((past * unit) % 7) for past in range(half)) for half in range(HALVES)]
        readings = [
            Reading(
                meter_id=f"met-{unit}",
                at=now - timedelta(hours=12 * (HALVES - 1 - half)),
                energy_wh=register,
                power_w=840 * unit,
                relay_on=True,
            )
            for half, register in enumerate(wh)
        ]
        await store.readings.keep(readings, "Asia/Shanghai")
        await store.meters.saw([(readings[-1], 3)])
    await store.readings.close_days(now - timedelta(hours=28), 100)


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """Chromium."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        yield browser
        await browser.close()


async def link_from_chat(house: ApiHouse) -> str:
    """What the bot answers to the manager's "overview"."""
    await house.building.operator(role=Role.MANAGER)
    conversation = Conversation(house.parts.business, NoSessions(), provider="testpay", public_url=house.url)
    parts = await conversation.hear(Inbound(channel="chat", user=STAFF, text="overview"))
    links = [part.url for part in parts if isinstance(part, Link) and "/overview/open/" in part.url]
    assert len(links) == 1
    return links[0]


async def opened(browser: Browser, house: ApiHouse, complaints: list[str], **look: object) -> Page:
    """The page as the link opens it; its console's complaints and questions to others are kept."""
    page = await browser.new_page(**look)  # type: ignore[arg-type]
    page.on(
        "console", lambda message: complaints.append(message.text) if message.type in {"error", "warning"} else None
    )
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "request",
        lambda request: None if request.url.startswith(house.url) else complaints.append(f"asked {request.url}"),
    )
    await page.goto(await link_from_chat(house))
    await expect(page.locator("h1")).to_have_text("Maple Court", timeout=WAIT_MS)
    async with asyncio.timeout(60):
        await house.page.hub.watches[0].settled.wait()
    await expect(page.locator(".chart svg")).to_be_visible(timeout=WAIT_MS)
    return page


async def accessible(page: Page, complaints: list[str]) -> None:
    """What axe finds serious or worse."""
    found = await Axe().run(page)
    complaints += [
        f"axe: {violation['id']}: {[node['html'] for node in violation['nodes']]}"
        for violation in found.response["violations"]
        if violation["impact"] in {"serious", "critical"}
    ]


async def shoot(page: Page, name: str, *, whole: bool = False) -> None:
    """Keeps a picture if somebody wants one."""
    if SHOTS:
        await page.screenshot(path=Path(SHOTS) / f"{name}.png", full_page=whole)


async def _the_latest_days_and_paper(phone: Page, desk: Page) -> None:
    """The chart on a phone shows its last days first; on paper the page has its day and nothing to press."""
    chart = phone.locator(".chart")
    assert await chart.evaluate("each => each.scrollWidth - each.clientWidth - each.scrollLeft <= 1")
    assert await chart.evaluate("each => each.scrollLeft > 0")
    await desk.evaluate("window.print = () => { document.body.dataset.printed = 'yes' }")
    await desk.get_by_role("button", name="Print", exact=True).click()
    await expect(desk.locator("body")).to_have_attribute("data-printed", "yes")
    await desk.emulate_media(media="print")
    await expect(desk.locator(".as-of")).to_contain_text("2 Mar 2026 12:00:00")
    await expect(desk.locator(".print")).to_be_hidden()
    await expect(desk.locator(".speak")).to_be_hidden()
    await desk.emulate_media(media="screen")


async def test_a_cut_is_seen_on_desk_and_phone(house: ApiHouse, browser: Browser) -> None:
    """A2, A6, S4: the chat's link opens the page, a cut changes it before our eyes, axe finds nothing."""
    complaints: list[str] = []
    desk = await opened(browser, house, complaints, viewport=DESK, locale="en-GB")
    phone = await opened(browser, house, complaints, viewport=PHONE, locale="zh-CN")
    await phone.locator(".speak").click()
    await expect(phone.locator("h2#tonight, h2[id^=night]").first).to_contain_text("今晚")
    for page in (desk, phone):
        await expect(page.locator(".live")).to_have_text(re.compile("live|实时"), timeout=WAIT_MS)
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        await accessible(page, complaints)
    await _the_latest_days_and_paper(phone, desk)
    await shoot(desk, "overview-desk-en")
    await shoot(phone, "overview-phone-zh")
    await desk.get_by_role("link", name="b1", exact=True).click()
    row = desk.locator("tr", has=desk.get_by_role("link", name="102", exact=True))
    await expect(row.locator(".state")).to_have_attribute("data-state", "on")
    await expect(desk.locator(".live")).to_have_text("live", timeout=WAIT_MS)
    business, now = house.parts.business, house.building.clock.now()
    await business.store.supplies.want("met-2", 0, Wanted(on=False, generation=1, reason="rule.no_credit", at=now))
    await record_switch(business, "met-2", 1, Reported(on=False, at=now))
    await expect(row.locator(".state")).to_have_attribute("data-state", "off", timeout=WAIT_MS)
    await expect(row.locator(".state")).to_have_text("Off")
    await expect(row).to_contain_text("credit")
    await expect(phone.locator("[data-live='off@acme/maple']").first).to_have_text("2", timeout=WAIT_MS)
    await accessible(desk, complaints)
    await shoot(desk, "overview-building-en")
    await phone.get_by_role("link", name="b1", exact=True).click()
    await phone.get_by_role("link", name="104", exact=True).first.click()
    await expect(phone.locator("h1")).to_have_text("104")
    await accessible(phone, complaints)
    await shoot(phone, "overview-room-zh")
    await desk.get_by_role("button", name="Leave").click()
    await expect(desk.locator("[role=alert]")).to_be_visible()
    await desk.goto(f"{house.url}/overview")
    await expect(desk.locator("[role=alert]")).to_be_visible()
    await expect(phone.locator(".live")).to_have_text(re.compile("实时"))
    assert [each for each in complaints if "401" not in each] == []
