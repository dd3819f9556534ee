"""The calls to WeChat over real HTTP: one token for all, renewed once when refused, every answer put in its class."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import pytest
from structlog.testing import capture_logs

from bot.channels.wechat_api import WeChatApi
from bot.channels.wechat_templates import templates_from
from prepaid.domain.errors import Refused, Trouble, TryAgain, Unknown
from sandbox.wechat import APP_ID, APP_SECRET, TOKEN_S, WeChatSandbox
from tests.contract.test_telegram_story import PlainSessions
from tests.fakes.clock import ManualClock
from tests.fakes.wechat_rig import PlainClaims

SEND, TEMPLATE = "message/custom/send", "message/template/send"


@dataclass(frozen=True, slots=True)
class Line:
    """Two processes of one account, and WeChat."""

    sandbox: WeChatSandbox
    apis: tuple[WeChatApi, WeChatApi]
    clock: ManualClock

    def calls(self, path: str) -> list[int]:
        """The codes with which calls of `path` were answered."""
        return [code for called, code in self.sandbox.calls if called == path]


@pytest.fixture
async def line(clock: ManualClock) -> AsyncIterator[Line]:
    """A follower who has just written, and nobody who has a token yet."""
    sessions, claims = PlainSessions(), PlainClaims()
    async with WeChatSandbox(clock.now) as sandbox:
        sandbox.templates = {"t": {"thing1"}}
        person = sandbox.follower("o-1")
        person.follows = True
        person.words.until, person.words.left = sandbox.now_s() + 48 * 3600, 100
        apis = [
            WeChatApi(
                sessions,
                claims,
                app_id=APP_ID,
                secret=APP_SECRET,
                now=clock.now,
                base_url=sandbox.api_base,
                timeout_s=30.0,
            )
            for _ in range(2)
        ]
        yield Line(sandbox, (apis[0], apis[1]), clock)
        for api in apis:
            await api.close()


async def test_one_token_serves_all_until_it_is_old(line: Line) -> None:
    """Y2: twenty first calls in two processes fetch one token, and the next is fetched before that one ends."""
    await asyncio.gather(*(api.send_text("o-1", "hi") for api in line.apis * 10))
    assert line.calls("stable_token") == [0]
    assert line.calls(SEND) == [0] * 20
    line.clock.advance(seconds=TOKEN_S - 301)
    await line.apis[0].send_text("o-1", "hi")
    assert len(line.calls("stable_token")) == 1
    line.clock.advance(seconds=2)
    await asyncio.gather(*(api.send_text("o-1", "hi") for api in line.apis))
    assert len(line.calls("stable_token")) == 2
    assert line.sandbox.tokens.issued == 2


async def test_a_refused_token_is_renewed_once(line: Line) -> None:
    """Y3: when somebody else renewed the token, one renewal mends all; where it never helps, two tries are the end."""
    await line.apis[0].send_text("o-1", "hi")
    line.sandbox.revoke_tokens()
    await asyncio.gather(*(api.send_text("o-1", "hi") for api in line.apis * 5))
    assert line.sandbox.tokens.issued == 2
    assert line.sandbox.tokens.forced == 0
    line.sandbox.calls.clear()
    line.sandbox.fail(SEND, 40001, times=50)
    for _ in range(3):
        with pytest.raises(TryAgain):
            await line.apis[0].send_text("o-1", "hi")
    assert len(line.calls(SEND)) <= 6
    assert line.sandbox.tokens.forced == 1


CODES: dict[int, type[Trouble]] = {
    -1: TryAgain,
    40003: Refused,
    40013: TryAgain,
    40164: TryAgain,
    43004: Refused,
    43101: Refused,
    43117: TryAgain,
    45002: Refused,
    45009: TryAgain,
    45015: Refused,
    45047: Refused,
    47003: Refused,
    48001: TryAgain,
}


async def test_every_answer_has_its_class(line: Line) -> None:
    """Y7: what passes or is the operator's to mend waits, what this person will never take is refused."""
    for code, wanted in CODES.items():
        line.sandbox.fail(SEND, code)
        with pytest.raises(wanted) as raised:
            await line.apis[0].send_text("o-1", "hi")
        assert raised.value.params["code"] == code


async def test_silence_is_not_a_no_and_no_trouble_holds_a_secret(clock: ManualClock) -> None:
    """M9, A7: an unanswered message is unknown unless it can be repeated; no log and no error has token or secret."""
    sessions, claims = PlainSessions(), PlainClaims()
    said = ""
    async with WeChatSandbox(clock.now) as sandbox:
        sandbox.templates = {"t": {"thing1"}}
        base_url = sandbox.api_base

        def opened(secret: str, timeout_s: float) -> WeChatApi:
            return WeChatApi(
                sessions, claims, app_id=APP_ID, secret=secret, now=clock.now, base_url=base_url, timeout_s=timeout_s
            )

        good, hasty, wrong = opened(APP_SECRET, 30.0), opened(APP_SECRET, 0.3), opened("wrong-secret-entirely", 30.0)
        with capture_logs() as logs:
            said += await refused(wrong.warm, TryAgain)
            await good.warm()
            sandbox.fail(SEND, 0)
            said += await refused(lambda: hasty.send_text("o-1", "hi"), Unknown)
            sandbox.fail(TEMPLATE, 0)
            said += await refused(lambda: hasty.send_template("o-1", "t", {"thing1": "x"}, message_id="m"), TryAgain)
            said += await refused(lambda: good.send_text("o-2", "hi"), Refused)
        secrets = [sandbox.tokens.stable, APP_SECRET, "wrong-secret-entirely"]
    with capture_logs() as more:
        said += await refused(lambda: good.send_text("o-1", "hi"), TryAgain, Unknown)
    for api in (good, hasty, wrong):
        await api.close()
    everything = f"{said}{logs}{more}"
    assert "TryAgain" in everything
    assert not any(secret in everything for secret in secrets)


async def refused(call: Callable[[], Awaitable[object]], *wanted: type[Trouble]) -> str:
    """Makes a call that is refused; the whole trace of it."""
    with pytest.raises(wanted) as raised:
        await call()
    return "".join(traceback.format_exception(raised.value)) + repr(raised.value.params)


@pytest.mark.parametrize(
    "data",
    [
        [],
        {"no_such_notice": {"template": "template-1234", "fields": {"thing1": "x"}}},
        {"default": {"template": "template-1234"}},
        {"default": {"template": "short", "fields": {"thing1": "x"}}},
        {"default": {"template": "template-1234", "fields": {"Thing": "x"}}},
        {"default": {"template": "template-1234", "fields": {"thing1": "{label.__class__}"}}},
        {"default": {"template": "template-1234", "fields": {"thing1": "{0}"}}},
        {"default": {"template": "template-1234", "fields": {"thing1": "{"}}},
        {"default": {"template": "template-1234", "fields": {"thing1": "x"}, "link": "x"}},
    ],
)
def test_a_wrong_templates_file_is_refused(data: object) -> None:
    """Bad input gets a clear error: the entry that is wrong is named, and no pattern reaches further than a figure."""
    with pytest.raises(Refused) as raised:
        templates_from(data)
    assert raised.value.key == "refused.wechat_templates"
