"""The Telegram channel when Telegram refuses, floods, is silent or away, and what never reaches a log."""

from __future__ import annotations

import asyncio
import logging
import socket
import traceback

import pytest
import structlog

from bot.channels.telegram import TelegramChannel
from bot.channels.telegram_pace import TelegramPace
from bot.conversations.parts import Text
from prepaid.domain.errors import Refused, Trouble, TryAgain
from sandbox.telegram import TOKEN, TelegramSandbox
from tests.contract.test_telegram_story import PlainSessions, Script, channel_for, running

HELLO = [Text(body="hello")]


def free_port() -> int:
    """A port where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_a_flood_warning_silences_every_sender() -> None:
    """Y3: after a 429 nothing is sent until Telegram's time is up, then everything arrives once."""
    async with TelegramSandbox() as sandbox:
        channel = channel_for(sandbox, Script(), PlainSessions())
        async with running(channel):
            await sandbox.wait_calls("getUpdates", 1)
            for user in (7, 8, 9):
                sandbox.screen(user)
            sandbox.flood(1.0)
            began_at = asyncio.get_running_loop().time()
            await asyncio.gather(*(channel.show(str(user), HELLO, reference=None) for user in (7, 8, 9)))
            sends = [call for call in sandbox.calls if call.method == "sendMessage"]
            refused = [call for call in sends if call.code == 429]
            # Calls that were on their way together may all be refused; none follows them before its time.
            assert 1 <= len(refused) <= 3
            assert all(call.at < began_at + 0.5 for call in refused)
            assert [sandbox.screen(user).texts for user in (7, 8, 9)] == [["hello"]] * 3


async def test_a_pause_that_is_too_long_leaves_the_message_to_the_outbox() -> None:
    """Y3: a send does not wait longer than its bound; the row is tried again later."""
    async with TelegramSandbox() as sandbox:
        channel = channel_for(sandbox, Script(), PlainSessions(), pace=TelegramPace(max_wait_s=0.5))
        async with running(channel):
            await sandbox.wait_calls("getUpdates", 1)
            sandbox.screen(7)
            sandbox.flood(30.0)
            with pytest.raises(TryAgain):
                await channel.show("7", HELLO, reference=None)
            with pytest.raises(TryAgain):
                await channel.show("8", HELLO, reference=None)
            assert len([call for call in sandbox.calls if call.method == "sendMessage"]) == 1


@pytest.mark.parametrize(
    ("code", "kind"), [(403, Refused), (400, Refused), (500, TryAgain), (502, TryAgain), (401, TryAgain), (0, TryAgain)]
)
async def test_refusals_are_final_and_outages_are_not(code: int, kind: type[Trouble]) -> None:
    """Y7: every answer of Telegram has its kind, so that the outbox goes on or tries again; 0 is no answer at all."""
    async with TelegramSandbox() as sandbox:
        channel = channel_for(sandbox, Script(), PlainSessions())
        async with running(channel):
            await sandbox.wait_calls("getUpdates", 1)
            sandbox.screen(7)
            sandbox.fail("sendMessage", code)
            with pytest.raises(kind):
                await channel.show("7", HELLO, reference=None)
            await channel.show("7", HELLO, reference=None)


async def test_a_blocked_or_unknown_chat_is_unreachable() -> None:
    """A person who blocked the bot, or never wrote to it, is refused for good and says so."""
    async with TelegramSandbox() as sandbox:
        channel = channel_for(sandbox, Script(), PlainSessions())
        async with running(channel):
            await sandbox.wait_calls("getUpdates", 1)
            sandbox.screen(7)
            sandbox.block(7)
            for user in ("7", "8"):
                with pytest.raises(Refused) as refused:
                    await channel.show(user, HELLO, reference=None)
                assert refused.value.key == "refused.no_channel"


async def test_telegram_away_at_the_start_and_later_is_only_waited_for() -> None:
    """F36: the channel starts without Telegram, goes on when it comes, and again after it was lost."""
    sandbox, tenant_id = TelegramSandbox(port=free_port()), 7
    tenant = sandbox.user(tenant_id)
    channel = channel_for(sandbox, Script(), PlainSessions())
    async with running(channel):
        with pytest.raises(TryAgain):
            await channel.show("7", HELLO, reference=None)
        for words in ("first", "second"):
            await sandbox.start()
            await tenant.say(words)
            await tenant.wait_message(lambda m, words=words: m.text == f"heard {words}")  # type: ignore[misc]
            await sandbox.stop()
        with pytest.raises(TryAgain):
            await channel.show("7", HELLO, reference=None)


async def trouble_of_showing(channel: TelegramChannel) -> str:
    """Everything that an error report would print."""
    with pytest.raises(Trouble) as raised:
        await channel.show("7", HELLO, reference=None)
    trouble = raised.value
    assert trouble.__cause__ is None
    assert trouble.__context__ is None
    return "".join(traceback.format_exception(trouble)) + repr(trouble) + repr(trouble.params)


async def test_the_token_is_in_no_log_and_no_error(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """A7: neither a refused token, nor an outage, nor a debug log says the token."""
    caplog.set_level(logging.DEBUG)
    troubles: list[str] = []
    async with TelegramSandbox(token="1:another") as sandbox:
        channel = channel_for(sandbox, Script(), PlainSessions(), token=TOKEN)
        with structlog.testing.capture_logs() as entries:
            async with running(channel):
                await sandbox.wait_calls("getMe", 2)
                troubles.append(await trouble_of_showing(channel))
                await sandbox.stop()
                troubles.append(await trouble_of_showing(channel))
    said = "".join([caplog.text, *map(str, entries), *troubles, repr(channel._bot), *capsys.readouterr()])
    secret = TOKEN.split(":")[1]
    assert secret not in said
    assert "telegram_lost" in said
