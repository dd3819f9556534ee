"""The chat page in real Chromium: tenants and an admin side by side, a top-up lights the window."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web
from playwright.async_api import ConsoleMessage, FilePayload, Page, async_playwright, expect

from bot.channels.browser import BrowserAct, BrowserChannel, BrowserUser
from bot.conversations.parts import Text
from bot.delivery import NoticeSender
from prepaid.domain.notices import Notice, NoticeKind, Stage
from prepaid.domain.orders import Order
from prepaid.domain.people import Address, Person
from tests.fakes.rehearsed_chat import AT, ZONE, RehearsedChat

CHROMIUM = Path(os.environ.get("CHATWATT_CHROMIUM", "/usr/bin/chromium"))
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no Chromium at {CHROMIUM}"),
]
USERS = (
    BrowserUser(id="anna", label="101 · Anna", language="en"),
    BrowserUser(id="ben", label="102 · Ben", language="en"),
    BrowserUser(id="admin", label="Admin", language="en", staff=True),
)
STAGES = (Stage.PAID, Stage.CREDITED, Stage.SWITCHING, Stage.POWER_ON)


class House:
    """The page's server: the rehearsed conversation, a payer, and the notices that follow a payment."""

    def __init__(self) -> None:
        self.stage = RehearsedChat(on_topup=self._ordered)
        self.unplugged = False
        acts = [BrowserAct(name="gateway", call=self.plug, staff=True)]
        self.channel = BrowserChannel(self.stage, USERS, status=self.status, pay=self.pay, acts=acts)
        self.sender = NoticeSender(self.channel)
        self.order: Order | None = None
        self.url = ""
        self._runner: web.AppRunner | None = None
        self._port = 0

    async def start(self) -> None:
        """Listens; after `stop`, on the same port as before."""
        app = web.Application()
        app.add_routes(self.channel.routes())
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True).start()
        self._port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self._port}/chat"

    async def stop(self) -> None:
        """Goes away, open pages and all."""
        await self.channel.close()
        if self._runner is not None:
            await self._runner.cleanup()

    async def status(self, user: str) -> dict[str, object]:
        """The lamp, and what was done to the house."""
        return {**await self.stage.status(user), "acts": {"gateway": self.unplugged}}

    async def plug(self, user: str) -> None:
        """Pulls the plug, or puts it back."""
        assert user == "admin"
        self.unplugged = not self.unplugged

    async def pay(self, uri: str) -> bool:
        """Pays the order on show: the notices come and the light goes on."""
        order = self.order
        if order is None or order.pay_uri != uri:
            return False
        for seconds, stage in enumerate(STAGES, start=1):
            await self._tell(order, stage, seconds)
        room = self.stage.rooms[order.account_id]
        room.on, room.balance_micro = True, 48_760_000
        return True

    async def _ordered(self, order: Order) -> None:
        self.order = order

    async def _tell(self, order: Order, stage: Stage, seconds: int) -> None:
        at = AT + timedelta(seconds=seconds)
        row = Notice(
            id=f"{order.id}:{stage}",
            kind=NoticeKind.PAYMENT_THREAD,
            person_id=order.person_id,
            account_id=order.account_id,
            at=at,
            thread=order.id,
            stage=stage,
            params={
                "label": "102",
                "time_zone": ZONE,
                "amount_micro": 50_000_000,
                "balance_micro": 48_760_000,
                "at": at.isoformat(),
                "was_off": True,
            },
        )
        address = Address(channel="browser", user="ben")
        await self.sender.send(address, row, Person(id=order.person_id, language="en"), reference=None)


@pytest.fixture
async def house() -> AsyncIterator[House]:
    """A server of the test's own."""
    house = House()
    await house.start()
    yield house
    await house.stop()


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    """A page whose every console error fails the test."""
    complaints: list[str] = []

    def complain(message: ConsoleMessage) -> None:
        if message.type == "error" and "WebSocket" not in message.text:
            complaints.append(message.text)

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        page = await browser.new_page(viewport={"width": 1440, "height": 900})
        page.on("console", complain)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        yield page
        await browser.close()
    assert not complaints


async def say(page: Page, user: str, words: str) -> None:
    """Types into a user's column."""
    await page.fill(f"#column-{user} input:not([type=file])", words)
    await page.press(f"#column-{user} input:not([type=file])", "Enter")


async def test_a_top_up_in_the_chat_lights_the_window(page: Page, house: House) -> None:
    """FEATURES N3, O3: after a sandbox payment one message goes through its steps and the dark window is lit."""
    await page.goto(house.url)
    column = page.locator("#column-ben")
    await expect(column).to_have_attribute("data-power", "off")
    await say(page, "ben", "recharge 50")
    await column.get_by_role("button", name="Yes, top up").click()
    await column.get_by_role("button", name="Pay in the sandbox").click()
    await expect(column).to_have_attribute("data-power", "on")
    await expect(column.locator(".thread")).to_have_count(1)
    await expect(column.locator(".thread li").last).to_contain_text("Power is on")
    await expect(column.locator(".thread li").last).to_contain_text("18:30:04")
    await expect(column.locator(".qr")).to_have_count(0)
    await expect(column.locator(".figure-big")).to_have_text("¥48.76")
    await expect(page.locator("#column-anna .thread")).to_have_count(0)


async def test_the_skins_are_what_the_channels_show(page: Page, house: House) -> None:
    """T2: an answer as Telegram and as WeChat show it, its data, a button of the house; numbers count on WeChat."""
    await page.goto(house.url)
    column, skins = page.locator("#column-ben"), page.locator("#skins")
    await say(page, "ben", "recharge 50")
    await skins.get_by_role("button", name="Telegram").click()
    await expect(column.locator(".key").first).to_have_text("Yes, top up")
    await column.locator(".message.bot .stamp button").click()
    await page.locator("#inspector").get_by_role("button", name="Telegram").click()
    await expect(page.locator("#inspector pre")).to_contain_text('"callback_data"')
    await page.keyboard.press("Escape")
    await expect(page.locator("#inspector")).to_be_hidden()
    await skins.get_by_role("button", name="WeChat").click()
    await expect(column.locator(".bubble").last).to_contain_text("1. Yes, top up")
    await expect(column.locator(".key")).to_have_count(0)
    await say(page, "ben", "1")
    await expect(column.locator("button[data-pay]")).to_be_visible()
    await page.reload()
    await expect(skins.get_by_role("button", name="WeChat")).to_have_attribute("aria-pressed", "true")
    await expect(column.locator(".acts button")).to_have_count(0)
    plug = page.locator("#column-admin .acts button")
    await plug.click()
    await expect(plug).to_have_text("Plug the gateway in")
    assert house.unplugged


async def test_columns_speak_their_own_language(page: Page, house: House) -> None:
    """T1: the switch changes one person's language, and the others keep theirs."""
    await page.goto(house.url)
    await page.locator("#column-ben .speak").click()
    await expect(page.locator("#column-ben .speak")).to_have_text("English")
    await expect(page.locator("#column-anna .send")).to_have_text("Send")


async def test_the_admin_sees_every_window(page: Page, house: House) -> None:
    """A1: the control room's house shows which flats are lit; the chat answers its words and takes a list."""
    await page.goto(house.url)
    await expect(page.locator("#column-admin [data-tenant=anna]")).to_have_attribute("data-power", "on")
    await expect(page.locator("#column-admin [data-tenant=ben]")).to_have_attribute("data-power", "off")
    await page.locator("#column-admin .quick button").first.click()
    await expect(page.locator("#column-admin .list .item")).to_have_count(2)
    sheet: FilePayload = {"name": "rooms.csv", "mimeType": "text/csv", "buffer": b"account,site,place"}
    await page.locator("#column-admin input[type=file]").set_input_files(sheet)
    await expect(page.locator("#column-admin .log")).to_contain_text("rooms.csv")
    await expect(page.locator("#column-admin .log .press").first).to_be_visible()


async def test_the_page_survives_a_restart(page: Page, house: House) -> None:
    """Y1: when the server goes and comes back, the page reconnects by itself and replays what it missed."""
    await page.goto(house.url)
    await expect(page.locator("#column-anna .dot")).to_have_class("dot connected")
    await house.stop()
    await expect(page.locator("#column-anna .dot")).to_have_class("dot offline")
    await house.channel.show("anna", (Text(body="You were away"),), reference=None)
    await house.start()
    await expect(page.locator("#column-anna .dot")).to_have_class("dot connected", timeout=15_000)
    await expect(page.locator("#column-anna .log")).to_contain_text("You were away")
    await say(page, "anna", "balance")
    await expect(page.locator("#column-anna .table")).to_be_visible()


async def test_markup_in_words_stays_words(page: Page, house: House) -> None:
    """A7: whatever a person types is shown as text and never runs."""
    await page.goto(house.url)
    await say(page, "anna", "<img src=x onerror=alert(1)>")
    await expect(page.locator("#column-anna .message.me")).to_contain_text("<img src=x")
    await expect(page.locator("#column-anna .log img")).to_have_count(0)


async def test_a_phone_shows_one_column_and_tabs(page: Page, house: House) -> None:
    """T1: on a narrow screen the columns become tabs, and nothing sticks out sideways."""
    await page.set_viewport_size({"width": 390, "height": 844})
    await page.goto(house.url)
    await expect(page.locator(".column:visible")).to_have_count(1)
    await page.locator(".tab").nth(1).click()
    await expect(page.locator("#column-ben")).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
