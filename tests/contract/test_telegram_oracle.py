"""What we send to Telegram, read by aiogram's models: a library of other people, in a folder of its own.

Our stand-in and our channel could share a mistake about the Bot API; these models are made from its documentation.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from bot.channels.telegram_bot import make_bot, set_menus
from bot.channels.telegram_menus import menus
from bot.channels.telegram_show import Screens
from bot.conversations.parts import Part, PayQR, make_file
from sandbox.telegram import TelegramSandbox
from tests.conformance.test_conversations import replies
from tests.contract.test_telegram_webhook import OpenPace
from tests.fakes.tool_folder import run, tool_folder
from tests.house import ROOT

LIBRARY = ("aiogram==3.31.0", "magic-filter>=1.0.12,<1.1", "aiofiles>=23.2.1,<26")
"""Without what they need in turn, which is all of ours."""
READER = ROOT / "tests" / "fakes" / "aiogram_reader.py"
INTENTS = ("help", "balance", "usage", "recharge", "overview", "cut", "history", "tonight")


Call = tuple[str, dict[str, Any]]


@pytest.fixture
async def library() -> Path:
    """The folder with aiogram, installed once; without the package index there is nothing to compare with."""
    return await tool_folder(LIBRARY, alone=True)


async def _sent() -> list[Call]:
    """Every call that the channel makes for some of each kind of answer, as it arrives."""
    async with TelegramSandbox() as sandbox:
        sandbox.screen(7)
        bot = make_bot(sandbox.token, api_base=sandbox.api_base, timeout_s=30.0)
        screens = Screens(bot, OpenPace())
        await bot.initialize()
        await set_menus(bot, menus())
        await bot.raw_updates(0, poll_s=0)
        await bot.set_webhook("https://power.example/telegram", secret_token="made-up", allowed_updates=["message"])
        for intent in INTENTS:
            shown = None
            for _, _, parts in await replies(intent):
                shown = await screens.show("7", parts, reference=shown, bulk=False)
        extras: list[Part] = [
            make_file("bill.csv", "text/csv", b"a,b", "October"),
            PayQR(uri="weixin://x", amount="¥1.00", order_id="1", caption="Scan"),
        ]
        await screens.show("7", extras, reference=None, bulk=False)
        await screens.answer_press("1")
        assert await bot.file_bytes(sandbox.files.keep(b"a,b")) == b"a,b"
        await screens.close()
        await bot.delete_webhook()
        await bot.shutdown()
        return [(call.method, _as_read(call.params)) for call in sandbox.calls]


def _as_read(params: dict[str, Any]) -> dict[str, Any]:
    """Files by a number, as one that Telegram knows already: the models take no bytes."""
    return {name: "AgACAgI" if isinstance(value, bytes) else value for name, value in params.items()}


async def _read(library: Path, calls: list[Call]) -> list[str]:
    code, out, err = await run(sys.executable, str(READER), str(library), told=json.dumps(calls, default=str).encode())
    assert code == 0, err.decode()
    complaints: list[str] = json.loads(out)
    return complaints


async def test_everything_that_we_send_is_what_the_models_read(library: Path) -> None:
    """FEATURES T2: each method's parameters are known and of their kinds, keyboards and menus to the last button."""
    calls = await _sent()
    assert {
        "sendMessage",
        "editMessageText",
        "sendPhoto",
        "sendDocument",
        "setMyCommands",
        "setWebhook",
        "getFile",
    } <= {method for method, _ in calls}
    wrong: list[Call] = [
        ("sendMessage", {"chat_id": "7", "text": "x", "parse_mood": "HTML"}),
        ("sendMessage", {"chat_id": "7"}),
        ("sendMessage", {"chat_id": "7", "text": "x", "reply_markup": {"inline_keyboard": [[{"label": "x"}]]}}),
    ]
    # One run, because the library is slow to start: it complains about the wrong ones at the end and nothing else.
    complaints = await _read(library, [*calls, *wrong])
    numbers = {int(complaint.split()[0]) for complaint in complaints}
    assert numbers == set(range(len(calls), len(calls) + len(wrong))), complaints
