"""The running demo in real Chromium: a tenant goes dark, pays in the page, and the window is lit again."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.async_api import ConsoleMessage, Page, Request, async_playwright, expect

from tests.fakes.running_demo import RunningDemo, nothing_left, running_demo

CHROMIUM = Path(os.environ.get("CHATWATT_CHROMIUM", "/usr/bin/chromium"))
CHROMIUM_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
DARK_MS = 120_000
LIGHT_MS = 60_000
SOON_MS = 30_000
"""Long, for machines that are busy with other things; what is seen ends the wait."""
expect.set_options(timeout=SOON_MS)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.timeout(420),
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no Chromium at {CHROMIUM}"),
]


@pytest.fixture
async def demo(tmp_path: Path) -> AsyncIterator[RunningDemo]:
    """The program, with loads fast enough for a test."""
    async with running_demo(tmp_path, "--speed", "1500") as running:
        yield running
    await nothing_left(tmp_path)


@pytest.fixture
async def page(demo: RunningDemo) -> AsyncIterator[Page]:
    """A wide page. Afterwards: no complaint on its console, and nothing was asked of anybody but the demo."""
    complaints: list[str] = []
    asked: set[str] = set()

    def complain(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            complaints.append(message.text)

    def ask(request: Request) -> None:
        if not request.url.startswith("data:"):
            asked.add(urlsplit(request.url).hostname or request.url)

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(CHROMIUM_FLAGS))
        page = await browser.new_page(viewport={"width": 1600, "height": 1000})
        page.on("console", complain)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", ask)
        await page.goto(demo.url)
        yield page
        await browser.close()
    assert complaints == []
    assert asked == {"127.0.0.1"}


async def say(page: Page, user: str, words: str) -> None:
    """Types into a user's column."""
    await page.fill(f"#column-{user} input:not([type=file])", words)
    await page.press(f"#column-{user} input:not([type=file])", "Enter")


async def test_dark_paid_and_lit_again(page: Page) -> None:
    """O1, S1: warned, dark, recharged by typing and pressing, one message up to "power is on", and the lamp is lit."""
    tenant = page.locator("#column-tenant-a")
    await expect(tenant).to_have_attribute("data-power", "on", timeout=SOON_MS)
    await expect(tenant).to_have_attribute("data-power", "off", timeout=DARK_MS)
    await expect(tenant.locator(".text.warning, .table.warning").first).to_be_visible()
    await expect(tenant.locator(".text.trouble")).to_be_visible(timeout=SOON_MS)
    await expect(page.locator("#column-admin [data-tenant=tenant-a]")).to_have_attribute("data-power", "off")
    await say(page, "tenant-a", "充值 50")
    await tenant.get_by_role("button", name="确认充值", exact=True).click()
    await tenant.locator("button[data-pay]").click()
    await expect(tenant.locator(".thread[data-stage=power_on]")).to_be_visible(timeout=LIGHT_MS)
    await expect(tenant).to_have_attribute("data-power", "on", timeout=LIGHT_MS)
    await expect(tenant.locator(".thread")).to_have_count(1)
    await expect(tenant.locator(".thread li.done")).to_have_count(await tenant.locator(".thread li").count())
    await expect(tenant.locator(".figure-big")).to_have_text(re.compile(r"^¥\d"))
    for neighbour in ("tenant-b", "tenant-c"):
        await expect(page.locator(f"#column-{neighbour}")).to_have_attribute("data-power", "on")


async def test_the_admin_sees_the_house_and_each_speaks_a_language(page: Page) -> None:
    """A2, T1: the overview lists every room with its balance; a tenant's chat follows a change of language; phones."""
    await say(page, "admin", "总览")
    rows = page.locator("#column-admin .list .item")
    await expect(rows).to_have_count(3)
    for room in ("101", "102", "103"):
        await expect(rows.filter(has_text=room)).to_be_visible()
    await _the_link_opens_the_page(page)
    await page.locator("#column-tenant-a .speak").click()
    await expect(page.locator("#column-tenant-a .send")).to_have_text("Send")
    await say(page, "tenant-a", "balance")
    await expect(page.locator("#column-tenant-a .table").last).to_contain_text("Balance")
    await _the_api_is_tried_from_its_page(page)
    await _a_phone_shows_one_person_at_a_time(page)


async def _the_api_is_tried_from_its_page(page: Page) -> None:
    """A5, W1: the bot's link logs in once and its code leaves the address; a button stands in for wx.login."""
    await say(page, "tenant-b", "login code")
    link = page.locator("#column-tenant-b .text", has_text="#login=").last
    found = re.search(r"http://\S+#login=\w+", await link.inner_text())
    assert found is not None
    browser = page.context.browser
    assert browser is not None
    guide = await browser.new_page()
    wrong: list[str] = []
    guide.on("console", lambda said: wrong.append(said.text) if said.type in {"error", "warning"} else None)
    guide.on("pageerror", lambda error: wrong.append(str(error)))
    guide.on("request", lambda sent: None if _is_here(sent) else wrong.append(f"asked {sent.url}"))
    await guide.goto(found[0])
    await expect(guide.locator("#said")).to_contain_text("Logged in: 102 (maple-102)")
    assert "login" not in guide.url
    await guide.get_by_role("button", name="wx.login as 101").click()
    await expect(guide.locator("#said")).to_contain_text("Logged in: 101 (maple-101)")
    await guide.get_by_role("button", name="me", exact=True).click()
    await guide.get_by_role("button", name="get /api/v1/me", exact=False).first.click()
    await guide.get_by_role("button", name="Try it out").first.click()
    await guide.get_by_role("button", name="Execute").first.click()
    await expect(guide.locator(".responses-table .highlight-code").first).to_contain_text("maple-101")
    await guide.close()
    assert wrong == []


def _is_here(sent: Request) -> bool:
    return sent.url.startswith("data:") or urlsplit(sent.url).hostname == "127.0.0.1"


async def _the_link_opens_the_page(page: Page) -> None:
    """The overview's link, clicked in the admin's chat, opens the page of the house, and it is live."""
    async with page.expect_popup() as opening:
        await page.locator("#column-admin a[href*='/overview/open/']").click()
    board = await opening.value
    await expect(board.locator("h1")).to_have_text("Maple Court")
    await expect(board.locator("body")).to_have_attribute("data-link", "live")
    await expect(board.locator("[data-live='meters@demo/maple-court']").first).to_have_text("9")
    await board.close()


async def _a_phone_shows_one_person_at_a_time(page: Page) -> None:
    """At a phone's width the columns are tabs, a payment code fits, and nothing sticks out sideways."""
    await page.set_viewport_size({"width": 390, "height": 844})
    await expect(page.locator(".column:visible")).to_have_count(1)
    await page.locator(".tab").nth(1).click()
    await expect(page.locator("#column-tenant-b")).to_be_visible()
    await say(page, "tenant-b", "recharge 20")
    await page.locator("#column-tenant-b .press.primary").last.click()
    await expect(page.locator("#column-tenant-b .qr")).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    wide = "[...document.querySelectorAll('#column-tenant-b .log *')].every(e => e.scrollWidth <= innerWidth)"
    assert await page.evaluate(wide)
