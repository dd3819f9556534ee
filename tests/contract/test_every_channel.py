"""Every way a notice can go out, through every bad day, over real sockets: the next rung, bounded tries, one message.

A channel without a row here fails `test_no_channel_is_left_out`.
"""

from __future__ import annotations

import ast
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

import bot.channels
from bot.channels.apprise_url import ANYWHERE
from prepaid.domain.notices import MAX_ATTEMPTS, Notice, NoticeKind, NoticeState
from prepaid.domain.people import Address
from prepaid.domain.preferences import Preferences
from prepaid.ports import ReceiptingSender, Sender
from prepaid.storage.driver import Database
from prepaid.usecases import deliver_notices as delivery
from prepaid.usecases.dead_letters import dead_letters
from prepaid.usecases.deliver_notices import deliver_notices
from prepaid.usecases.gather_facts import warning_crossing
from prepaid.usecases.set_preferences import set_preferences
from prepaid.usecases.tell import Crossing, tell_account
from tests.fakes.building import Building, RecordingSender, build
from tests.fakes.clock import ManualClock
from tests.fakes.front import Front, Weather, in_front
from tests.fakes.ways_out import WAYS, Way

BAD_DAYS = [day for day in Weather if day is not Weather.FINE]
PROMPT_S = 0.5
"""How long a channel may take in tests where it never answers."""


TLS_TWINS = {"barks", "ntfys", "gotifys"}
"""The same code as without the "s", over TLS."""
NO_PLAIN_KIND = {"mailtos", "matrixs", "hassios"}
"""Only over TLS, and a failure is the library's same False."""
NOT_CARRIED = {"_blueprint.py", "browser.py", "terminal.py"}
"""The page and the console of ours, which nothing can refuse, and what is only copied."""
PARTS_OF_TELEGRAM = {"telegram_show.py", "telegram_threads.py"}
"""What the channel itself shows through."""


def sends(path: Path) -> bool:
    """Whether a class of the file is a `Sender`, or a `Channel` of `bot.delivery`."""
    methods = [each for each in ast.walk(ast.parse(path.read_text())) if isinstance(each, ast.AsyncFunctionDef)]
    names = {each.name: {argument.arg for argument in (*each.args.args, *each.args.kwonlyargs)} for each in methods}
    return "notice" in names.get("send", set()) or "reference" in names.get("show", set())


def test_no_channel_is_left_out() -> None:
    """N2: whatever can send a notice has a row above, and so has each kind of push service with a server of its own."""
    sending = {path.name for path in Path(bot.channels.__file__).parent.glob("*.py") if sends(path)}
    tested = {"telegram.py", "wechat_sender.py", "wechat_mini.py", "sms_aliyun.py", "webhook.py", "apprise_url.py"}
    assert sending - NOT_CARRIED - PARTS_OF_TELEGRAM == tested
    kinds = {name.partition(" ")[2] for name in WAYS if name.startswith("apprise")}
    assert kinds | TLS_TWINS | NO_PLAIN_KIND == ANYWHERE


@dataclass
class Place:
    """A flat without credit whose tenant is reached by the channel of the row first."""

    building: Building
    front: Front
    way: Way
    chat: RecordingSender

    async def warn(self) -> None:
        """The warning that a cut has to wait for."""
        store = self.building.business.store
        account = await store.sites.account("acc-1")
        assert account is not None
        crossing = Crossing(NoticeKind.BALANCE_GONE, warning_crossing(await store.ledger.head("acc-1"), account))
        params: dict[str, str | int | bool | None] = {
            "balance_micro": -1_000_000,
            "at": self.building.clock.now().isoformat(),
        }
        assert await tell_account(self.building.business, account, self.building.site, crossing, params) == 1

    async def round(self, *, with_chat: bool) -> int:
        """One round of the outbox."""
        senders: dict[str, Sender] = {"way": self.way.sender}
        if with_chat:
            senders["chat"] = self.chat
        return await deliver_notices(self.building.business, senders)

    async def row(self) -> Notice:
        """The warning."""
        (row,) = await self.building.business.store.notices.of_account("acc-1", 5)
        return row

    async def until_ended(self, *, with_chat: bool) -> Notice:
        """Rounds until the row has an end, which comes within bounds."""
        for _ in range(4 * MAX_ATTEMPTS):
            await self.round(with_chat=with_chat)
            if self.way.told is not None:
                await self.way.told()
            row = await self.row()
            if row.state is not NoticeState.QUEUED:
                return row
            assert await self.building.warned_at(1) is None
            assert row.next_at is not None
            self.building.clock.at = max(row.next_at, self.building.clock.now()) + timedelta(milliseconds=1)
        raise AssertionError("the row never ended")


@pytest.fixture(params=list(WAYS))
async def place(request: pytest.FixtureRequest, database: Database, clock: ManualClock) -> AsyncIterator[Place]:
    """The flat, once for each row."""
    building = await build(database, clock)
    tenant = await building.flat(1)
    async with in_front() as front, WAYS[request.param](building, front) as way:
        await building.business.store.people.add_address(tenant.id, Address(channel="way", user=way.user))
        await set_preferences(building.business, tenant, Preferences(channels=("way", "chat")))
        place = Place(building, front, way, RecordingSender())
        await place.warn()
        yield place
        await front.become(Weather.FINE)


async def test_a_good_day_is_one_message(place: Place) -> None:
    """N1: told once, by the channel that the person chose; the receipt, where there is one, ends it."""
    row = await place.until_ended(with_chat=True)
    assert (row.state, place.way.shown(), place.chat.sent) == (NoticeState.DELIVERED, 1, [])
    assert await place.building.warned_at(1) == row.done_at
    assert await place.round(with_chat=True) == 0
    assert place.way.shown() == 1


@pytest.mark.parametrize("day", BAD_DAYS)
async def test_a_bad_day_is_the_next_rung(place: Place, day: Weather, monkeypatch: pytest.MonkeyPatch) -> None:
    """N2: turned away, broken, silent or not there: the next channel tells in the same round."""
    monkeypatch.setattr(delivery, "SEND_S", PROMPT_S)
    await place.front.become(day)
    assert await place.round(with_chat=True) == 1
    assert len(place.chat.sent) == 1
    row = await place.row()
    assert row.state is NoticeState.DELIVERED
    assert await place.building.warned_at(1) == row.done_at


@pytest.mark.parametrize("day", [Weather.BUSY, Weather.BROKEN, Weather.NOBODY_THERE])
async def test_bad_days_without_an_end_are_a_dead_letter(place: Place, day: Weather) -> None:
    """N2: with no other channel the tries are bounded, the staff see what reached nobody, and the warning has ended."""
    await place.front.become(day)
    row = await place.until_ended(with_chat=False)
    assert (row.state, row.attempts, place.way.shown()) == (NoticeState.EXHAUSTED, MAX_ATTEMPTS, 0)
    (letter,) = await dead_letters(place.building.business, await place.building.operator())
    assert (letter.label, letter.why, letter.attempts) == ("101", row.why, MAX_ATTEMPTS)
    assert await place.building.warned_at(1) == row.done_at


@pytest.mark.parametrize("day", BAD_DAYS)
async def test_a_bad_day_that_ends_is_told_after_it(
    place: Place, day: Weather, monkeypatch: pytest.MonkeyPatch
) -> None:
    """N1: the row comes again on the same channel; where messages have an id of their own nobody sees two."""
    monkeypatch.setattr(delivery, "SEND_S", PROMPT_S)
    await place.front.become(day)
    assert await place.round(with_chat=False) == 0
    assert (await place.row()).attempts == 1
    monkeypatch.undo()
    await place.front.become(Weather.FINE)
    place.building.clock.advance(seconds=5)
    row = await place.until_ended(with_chat=False)
    assert row.state is NoticeState.DELIVERED
    doubled = day is Weather.ANSWER_LOST and not place.way.knows_again
    assert 1 <= place.way.shown() <= (2 if doubled else 1)


async def test_a_refusal_for_good_is_not_asked_again(place: Place) -> None:
    """N2: blocked, gone or without a yes: the next channel tells, and without one the row ends at once."""
    place.way.refuse()
    row = await place.until_ended(with_chat=False)
    assert row.state is NoticeState.EXHAUSTED
    assert row.attempts == (1 if place.way.tells_refusals else MAX_ATTEMPTS)
    assert place.way.shown() == 0
    assert len(await dead_letters(place.building.business, await place.building.operator())) == 1
    assert await place.building.warned_at(1) == row.done_at


async def test_a_late_no_is_the_next_rung(place: Place) -> None:
    """N2: what a channel took and says later to have lost is told by the next one, once, and only then it has ended."""
    if place.way.lose is None:
        assert await place.round(with_chat=True) == 1, "without receipts a message that was taken has ended"
        return
    assert isinstance(place.way.sender, ReceiptingSender)
    place.way.lose()
    assert await place.round(with_chat=True) == 0
    assert (await place.building.warned_at(1), place.chat.sent) == (None, [])
    row = await place.until_ended(with_chat=True)
    assert (row.state, len(place.chat.sent)) == (NoticeState.DELIVERED, 1)
    assert await place.building.warned_at(1) == row.done_at
