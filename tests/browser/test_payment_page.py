"""The payment page in real Chromium: from the link to "the power is on", on desk and phone, in both languages."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, ConsoleMessage, Page, Request, async_playwright, expect

from prepaid.domain.orders import Merchant
from prepaid.domain.supply import Reported, Wanted
from prepaid.storage.driver import Database
from prepaid.usecases.credit_payment import credit_payment
from prepaid.usecases.pay_links import make_pay_link
from prepaid.usecases.record_switch import record_switch
from tests.fakes.api_house import ApiHouse, api_house
from tests.fakes.building import ScriptedProvider
from tests.fakes.clock import ManualClock

CHROMIUM = Path(os.environ.get("CHATWATT_CHROMIUM", "/usr/bin/chromium"))
SHOTS = os.environ.get("CHATWATT_SCREENSHOTS", "")
"""A folder to keep pictures of the page in."""
WAIT_MS = 60_000
PROVIDERS = ("alipay", "wechat_pay")
PHONE = {"width": 390, "height": 760}
pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(240),
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no Chromium at {CHROMIUM}"),
]


def provider(name: str) -> ScriptedProvider:
    """One that gives codes."""
    merchant = Merchant(provider=name, merchant_id="m-1", app_id="app-1")
    return ScriptedProvider(name=name, merchant=merchant, on_create=lambda order: f"weixin://pay/{order.id}")


@pytest.fixture
async def house(database: Database, clock: ManualClock) -> AsyncIterator[ApiHouse]:
    """A building with two ways to pay."""
    async with api_house(
        database, clock, business={"providers": {name: provider(name) for name in PROVIDERS}}
    ) as house:
        yield house


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """Chromium."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        yield browser
        await browser.close()


async def opened(browser: Browser, url: str, complaints: list[str], **look: object) -> Page:
    """A page that keeps what its console says and what it asks of anybody but us."""
    page = await browser.new_page(**look)  # type: ignore[arg-type]

    def complain(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and "410" not in message.text:
            complaints.append(message.text)

    def ask(request: Request) -> None:
        if not request.url.startswith("data:") and urlsplit(request.url).hostname != "127.0.0.1":
            complaints.append(f"asked {request.url}")

    page.on("console", complain)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", ask)
    await page.goto(url)
    return page


async def accessible(page: Page, complaints: list[str]) -> None:
    """What axe finds serious or worse."""
    found = await Axe().run(page)
    complaints += [
        f"axe: {violation['id']}: {[node['html'] for node in violation['nodes']]}"
        for violation in found.response["violations"]
        if violation["impact"] in {"serious", "critical"}
    ]


async def shoot(page: Page, name: str) -> None:
    """Keeps a picture if somebody wants one."""
    if SHOTS:
        await page.screenshot(path=Path(SHOTS) / f"{name}.png")


async def dark(house: ApiHouse) -> str:
    """A link for a flat without power, whose amount the payer chooses."""
    tenant = await house.building.flat(1, balance_micro=-1_000_000)
    now, supplies = house.building.clock.now(), house.parts.business.store.supplies
    await supplies.want("met-1", 0, Wanted(on=False, generation=1, reason="rule.no_credit", at=now))
    await supplies.saw("met-1", Reported(on=False, at=now))
    return f"{house.url}/pay/{(await make_pay_link(house.parts.business, tenant, 'acc-1')).token}"


async def test_from_the_link_to_the_light(house: ApiHouse, browser: Browser) -> None:
    """P7, S1, A1: somebody without an account chooses, scans, and sees it through; a link that was used shows that."""
    complaints: list[str] = []
    url = await dark(house)
    phone = await opened(
        browser, url, complaints, viewport=PHONE, locale="zh-CN", user_agent="Mozilla/5.0 (iPhone) MicroMessenger/8.0"
    )
    await expect(phone.get_by_role("button", name="微信支付")).to_be_visible()
    await expect(phone.locator(".for")).to_have_text("Maple Court · 101")
    assert await phone.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await accessible(phone, complaints)
    await shoot(phone, "pay-phone-zh")
    desk = await opened(browser, url, complaints, viewport={"width": 1100, "height": 760}, locale="en-GB")
    await desk.get_by_role("textbox").fill("0.50")
    await desk.get_by_role("button", name="WeChat Pay").click()
    await expect(desk.locator(".said")).to_have_text("Please enter an amount from ¥1.00 to ¥5,000.00")
    await desk.get_by_role("button", name="¥100", exact=True).click()
    await desk.get_by_role("button", name="WeChat Pay").click()
    await expect(desk.locator(".code img")).to_be_visible(timeout=WAIT_MS)
    await expect(desk.locator(".amount")).to_have_text("¥100.00")
    await expect(desk.locator(".steps .now")).to_have_text("Pay")
    await accessible(desk, complaints)
    await shoot(desk, "pay-desk-en")
    orders = await house.parts.business.store.orders.of_account("acc-1", 5)
    merchant = {"provider": "wechat_pay"}
    await credit_payment(house.parts.business, house.building.payment(orders[0], **merchant))
    await expect(desk.locator("body")).to_have_attribute("data-stage", "switching", timeout=WAIT_MS)
    await expect(desk.locator(".code")).to_be_hidden()
    reported = Reported(on=True, at=house.building.clock.now())
    await record_switch(house.parts.business, "met-1", 2, reported)
    await expect(desk.locator("body")).to_have_attribute("data-stage", "power_on", timeout=WAIT_MS)
    await expect(desk.locator(".steps .done")).to_have_count(4)
    await expect(desk.locator(".until")).to_be_hidden()
    await shoot(desk, "pay-done-en")
    await phone.reload()
    await expect(phone.locator(".said")).to_have_text("已送电")
    await expect(phone.locator(".ways")).to_be_hidden()
    await shoot(phone, "pay-done-zh")
    assert complaints == []


async def test_a_link_that_ended_says_so_in_both_languages(house: ApiHouse, browser: Browser) -> None:
    """P7, T1: expired, and made up: one sentence, no way to pay, and the switch of languages works."""
    complaints: list[str] = []
    url = await dark(house)
    house.building.clock.advance(days=4)
    page = await opened(browser, url, complaints, viewport=PHONE, locale="zh-CN", color_scheme="dark")
    await expect(page.locator(".said")).to_contain_text("链接")
    await accessible(page, complaints)
    await shoot(page, "pay-expired-zh")
    await page.get_by_role("link", name="English").click()
    await expect(page.locator(".said")).to_contain_text("link")
    await expect(page.locator(".ways")).to_be_hidden()
    assert "127.0.0.1" in page.url
    assert complaints == []


AGENTS = {
    "wechat": "Mozilla/5.0 (Linux; Android 14; Mobile) AppleWebKit/537.36 MicroMessenger/8.0.50.2701",
    "alipay": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AliApp(AP/10.6.60) AlipayClient/10.6.60",
    "phone": "Mozilla/5.0 (Linux; Android 14; Mobile) AppleWebKit/537.36 Chrome/130.0 Mobile Safari/537.36",
    "desk": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/130.0 Safari/537.36",
}
WAYS = {
    ("wechat", "wechat_pay"): "qr",
    ("wechat", "alipay"): "qr",
    ("alipay", "alipay"): "wap",
    ("alipay", "wechat_pay"): "qr",
    ("phone", "wechat_pay"): "wap",
    ("phone", "alipay"): "wap",
    ("desk", "wechat_pay"): "qr",
    ("desk", "alipay"): "qr",
}
"""WeChat opens no provider's page, its own included; Alipay opens its own; a phone's browser jumps; a desk scans."""


async def test_each_browser_is_paid_in_by_the_way_that_works_there(house: ApiHouse, browser: Browser) -> None:
    """P7: in WeChat, in Alipay, in a phone's browser and on a desk, with either provider: a code, or the jump."""
    complaints: list[str] = []
    jump = f"{house.url}/api/v1/docs/favicon-32x32.png"
    for name in PROVIDERS:
        scripted = house.parts.business.providers[name]
        assert isinstance(scripted, ScriptedProvider)
        scripted.on_create = lambda order: jump if order.way == "wap" else f"weixin://pay/{order.id}"
    seen = {}
    for unit, (agent, name) in enumerate(WAYS, start=1):
        tenant = await house.building.flat(unit, balance_micro=1_000_000)
        link = await make_pay_link(house.parts.business, tenant, f"acc-{unit}", amount_fen=5_000)
        look = {"locale": "zh-CN", "user_agent": AGENTS[agent], "viewport": PHONE}
        page = await opened(browser, f"{house.url}/pay/{link.token}", complaints, **look)
        label = {"wechat_pay": "微信支付", "alipay": "支付宝"}[name]
        await page.get_by_role("button", name=label).click()
        if WAYS[agent, name] == "wap":
            await page.wait_for_url(jump, timeout=WAIT_MS)
            complaints[:] = [each for each in complaints if "404" not in each]  # The bare file has no icon.
        else:
            await expect(page.locator(".code img")).to_be_visible(timeout=WAIT_MS)
            await expect(page.locator(".code p")).not_to_be_empty()
            await expect(page.locator(".code .open")).to_be_hidden()
        await shoot(page, f"pay-{agent}-{name}")
        (order,) = await house.parts.business.store.orders.of_account(f"acc-{unit}", 5)
        assert order.provider == name
        seen[agent, name] = str(order.way)
        await page.close()
    assert seen == WAYS
    assert complaints == []
