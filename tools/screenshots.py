"""Makes docs/images from the running demo: `.venv/bin/python tools/screenshots.py [DIRECTORY]`.

Nothing is staged in the page: the demo runs, scripted people live through its main job, and Chromium looks at it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Page, async_playwright

from chatwatt.embedded.ports import free_port

ROOT = Path(__file__).resolve().parents[1]
CHROMIUM = os.environ.get("CHATWATT_CHROMIUM", "/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--hide-scrollbars"]
WIDE = {"width": 1680, "height": 1000}
SMALL = {"width": 1360, "height": 840}
PHONE = {"width": 390, "height": 844}
DARK_MS = 60_000
STEP_MS = 20_000
ZONE = "Asia/Shanghai"
"""Of the site and of those who look at it."""
SAY = {"zh": ("充值 50", "总览", "余额", "用电"), "en": ("recharge 50", "overview", "balance", "usage")}
USERS = ("tenant-a", "tenant-b", "tenant-c", "admin")


async def main(images: Path) -> None:
    """All pictures of the chat page, from two runs of the demo."""
    await asyncio.to_thread(images.mkdir, parents=True, exist_ok=True)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for language in ("zh", "en"):
            page = await browser.new_page(viewport=WIDE, timezone_id=ZONE)  # type: ignore[arg-type]
            async with _demo() as url:
                await page.goto(url)
                await _tell(page, language, images)
            await page.close()
        await browser.close()


async def _tell(page: Page, language: str, images: Path) -> None:
    recharge, overview, balance, usage = SAY[language]
    for user in USERS:
        await _speak(page, user, language)
    await _say(page, "tenant-b", usage)
    await _column_is(page, "tenant-a", "off")
    await page.locator("#column-tenant-a .text.trouble").wait_for(timeout=STEP_MS)
    if language == "zh":
        await _say(page, "admin", overview)
        await _say(page, "tenant-c", balance)
        await _shoot(page, images / "chat-dark.png")
    await _say(page, "tenant-a", recharge)
    await page.locator("#column-tenant-a [data-action^='yes:']").last.click()
    await page.locator("#column-tenant-a button[data-pay]").click()
    await page.locator("#column-tenant-a .thread[data-stage=power_on]").wait_for(timeout=STEP_MS)
    await _column_is(page, "tenant-a", "on")
    await _say(page, "tenant-b", balance)
    if language == "en":
        await _say(page, "tenant-c", balance)
    await _say(page, "admin", overview)
    await _shoot(page, images / f"chat-{language}.png")
    await _skins(page, language, images)
    if language == "zh":
        await page.set_viewport_size(PHONE)  # type: ignore[arg-type]
        await page.locator(".tab").first.click()
        await _shoot(page, images / "chat-phone.png")


async def _skins(page: Page, language: str, images: Path) -> None:
    """The same chats as Telegram and WeChat show them, with a question and a chart in view; and the data behind one."""
    await page.set_viewport_size(SMALL)  # type: ignore[arg-type]
    recharge, _, _, usage = SAY[language]
    await _say(page, "tenant-c", recharge)
    await _say(page, "tenant-b", usage)
    for skin in ("telegram", "wechat"):
        await page.locator(f"#skins [data-name={skin}]").click()
        await _shoot(page, images / f"chat-{skin}-{language}.png")
    if language == "en":
        await page.locator("#skins [data-name=telegram]").click()
        await page.locator("#column-tenant-c .message.bot .stamp button").last.click()
        await page.locator("#inspector .views button").nth(1).click()
        await _shoot(page, images / "chat-data-en.png")
    await page.reload()
    await page.locator("#skins [data-name=own]").click()


async def _speak(page: Page, user: str, language: str) -> None:
    """Presses the language switch of those who speak another."""
    column = page.locator(f"#column-{user}")
    await column.locator(".dot.connected").wait_for(timeout=STEP_MS)
    if await column.get_attribute("lang") != language:
        await column.locator(".speak").click()
        await page.locator(f"#column-{user}[lang={language}]").wait_for(timeout=STEP_MS)


async def _say(page: Page, user: str, words: str) -> None:
    answers = page.locator(f"#column-{user} .message.bot")
    before = await answers.count()
    await page.fill(f"#column-{user} input:not([type=file])", words)
    await page.press(f"#column-{user} input:not([type=file])", "Enter")
    await answers.nth(before).wait_for(timeout=STEP_MS)


async def _column_is(page: Page, user: str, power: str) -> None:
    await page.locator(f"#column-{user}[data-power={power}]").wait_for(timeout=DARK_MS)


async def _shoot(page: Page, path: Path) -> None:
    """Waits for fades to end; the lamp breathes for ever, so animations are shown at their ends."""
    await page.wait_for_timeout(1_500)
    await page.screenshot(path=path, animations="disabled", caret="hide")
    print(f"{path.name}: {path.stat().st_size // 1024} KB")  # noqa: ASYNC240 - a tool for one person


@asynccontextmanager
async def _demo() -> AsyncIterator[str]:
    with tempfile.TemporaryDirectory(prefix="chatwatt-pictures-") as data:
        words = ("demo", "--no-browser", "--speed", "900", "--port", str(free_port()), "--data", data)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "chatwatt", *words, stdout=asyncio.subprocess.PIPE, cwd=ROOT
        )
        try:
            if process.stdout is None:
                raise RuntimeError("no pipe")
            line = (await process.stdout.readline()).decode()
            yield line.split()[1]
        finally:
            process.send_signal(signal.SIGINT)
            await process.wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "images"))
