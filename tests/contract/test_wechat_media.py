"""Pictures and files to people on WeChat, over real HTTP with the strict stand-in on the other side."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

import aiohttp
import pytest

from bot.channels.wechat_api import SEND, UPLOAD, WeChatApi
from bot.channels.wechat_files import MOST_PIECES, PIECE_CHARS
from bot.conversations.inbound import Inbound
from bot.conversations.parts import Chart, File, Part, Point, Text, make_file
from bot.rendering.capabilities import BARS
from bot.rendering.charts import png
from prepaid.domain.errors import Refused
from sandbox.wechat import APP_ID, APP_SECRET, WeChatSandbox
from tests.contract.test_telegram_story import PlainSessions
from tests.fakes.clock import ManualClock
from tests.fakes.wechat_rig import Account, PlainClaims, account

PUBLIC = "https://power.example"
POINTS = tuple(Point(label=str(day), value=day * 100, text="") for day in range(1, 8))
CHART = Chart(title="101 · 近 7 天", points=POINTS, summary="共 2.80 kWh")
BILL = make_file("账单 2026-10.csv", "text/csv; charset=utf-8", b"\xef\xbb\xbfday,fen\r\n" * 2_000, "2026-10 账单")


class Told:
    """A conversation that answers with the same parts."""

    def __init__(self, *parts: Part) -> None:
        self._parts = parts

    async def hear(self, inbound: Inbound) -> Sequence[Part]:
        del inbound
        return self._parts


async def asked(wechat: Account) -> list[str]:
    """Somebody asks; the words of the answer."""
    person = wechat.sandbox.follower("o-1")
    person.follows = True
    await person.say("用电")
    return person.texts


async def test_a_chart_comes_as_a_picture_and_a_bill_as_a_link(clock: ManualClock) -> None:
    """T2, A1: the words first, then the picture that was drawn; the link gives the file, and no other name does."""
    sessions = PlainSessions()
    conversation = Told(CHART, BILL, Text(body="\x02picture:made-up"))
    async with account(conversation, sessions, PlainClaims(), clock, public_url=PUBLIC) as wechat:
        await asked(wechat)
        person = wechat.sandbox.follower("o-1")
        shown = await person.wait(lambda message: bool(message.picture))
        assert (shown.way, shown.picture) == ("service", png(CHART))
        words = person.shown[0].text
        assert CHART.summary in words
        assert not set(BARS.strip()) & set(words)
        assert "\x02" not in words
        link = next(word for word in words.split() if word.startswith(PUBLIC))
        base = wechat.sandbox.server_url.removesuffix(urlsplit(wechat.sandbox.server_url).path)
        path = urlsplit(link).path
        async with aiohttp.ClientSession() as http:
            async with http.get(base + path) as answer:
                assert await answer.read() == BILL.content()
                assert answer.content_type == "text/csv"
                assert answer.headers["Content-Disposition"].startswith("attachment; filename*=UTF-8''")
            token = path.split("/")[3]
            for wrong in (path.replace(token, token[::-1]), path.replace(token, "x"), path.replace(token, "..")):
                async with http.get(base + wrong) as answer:
                    assert answer.status == 404
            sessions.kept = {key: kept for key, kept in sessions.kept.items() if not key.endswith(":0")}
            async with http.get(base + path) as answer:
                assert answer.status == 404
                assert "link is over" in await answer.text()
        assert wechat.sandbox.complaints == []


HUGE = File(name="huge.csv", media_type="text/csv", data="AAAA" * (MOST_PIECES * PIECE_CHARS // 4 + 1), caption="huge")


@pytest.mark.parametrize(("code", "url"), [(-1, PUBLIC), (45009, "")])
async def test_what_cannot_be_sent_is_told_in_words(clock: ManualClock, code: int, url: str) -> None:
    """T2, Y3: when WeChat takes no picture the bars are letters; a file without a link is named."""
    async with account(Told(CHART, HUGE), PlainSessions(), PlainClaims(), clock, public_url=url) as wechat:
        wechat.sandbox.fail("media/upload", code)
        (words,) = await asked(wechat)
        assert "█" in words
        assert "huge (huge.csv)" in words
        assert wechat.sandbox.complaints == []


async def test_a_picture_is_taken_by_its_number_for_three_days(clock: ManualClock) -> None:
    """Y3: a refused token is renewed and the picture uploaded again; an old or unknown number is refused."""
    async with WeChatSandbox(clock.now) as sandbox:
        person = sandbox.follower("o-1")
        person.follows = True
        person.words.until, person.words.left = sandbox.now_s() + 10 * 24 * 3600, 100
        api = WeChatApi(
            PlainSessions(),
            PlainClaims(),
            app_id=APP_ID,
            secret=APP_SECRET,
            now=clock.now,
            base_url=sandbox.api_base,
            timeout_s=30.0,
        )
        await api.warm()
        sandbox.revoke_tokens()
        number = await api.upload_picture(png(CHART))
        await api.send_picture("o-1", number)
        assert [each.picture for each in person.shown] == [png(CHART)]
        with pytest.raises(Refused):
            await api.upload_picture(b"GIF89a")
        with pytest.raises(Refused):
            await api.send_picture("o-1", "another")
        clock.advance(seconds=3 * 24 * 3600)
        with pytest.raises(Refused):
            await api.send_picture("o-1", number)
        await api.close()
        assert [path for path, code in sandbox.calls if code == 40001] == [UPLOAD.removeprefix("/cgi-bin/")]
        assert [code for path, code in sandbox.calls if path == SEND.removeprefix("/cgi-bin/")] == [0, 40007, 40007]
