"""The send limits of the Telegram channel, on a clock of the test's own."""

from __future__ import annotations

import pytest

from bot.channels.telegram_pace import MAX_CHATS, LocalPace, SharedPace
from prepaid.domain.errors import TryAgain


class Hand:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        return self.at


def granted(pace: LocalPace, hand: Hand, chats: list[str], *, seconds: float, bulk: bool = False) -> int:
    """How many messages leave within `seconds` when every chat always has one waiting."""
    count, until = 0, hand.at + seconds
    while hand.at < until:
        count += sum(pace._take(chat, bulk=bulk) <= 0 for chat in chats)
        hand.at += 0.01
    return count


def test_one_chat_gets_a_short_burst_and_then_one_a_second() -> None:
    """Telegram allows one message a second in a chat."""
    hand = Hand()
    assert 12 <= granted(LocalPace(monotonic=hand), hand, ["7"], seconds=10) <= 13


def test_a_group_gets_twenty_a_minute() -> None:
    """Telegram allows twenty messages a minute in a group, whose id is negative."""
    hand = Hand()
    assert 20 <= granted(LocalPace(monotonic=hand), hand, ["-7"], seconds=60) <= 23


@pytest.mark.parametrize(("bulk", "per_s"), [(False, 30), (True, 25)])
def test_a_bot_sends_no_more_than_its_rate(bulk: bool, per_s: int) -> None:
    """However many chats wait, a bot sends 30 a second, of which notices take 25 at most."""
    hand = Hand()
    chats = [str(number) for number in range(2_000)]
    assert per_s * 4 <= granted(LocalPace(monotonic=hand), hand, chats[:400], seconds=4, bulk=bulk) <= per_s * 5 + 1


async def test_a_pause_stops_everybody_and_never_gets_shorter() -> None:
    """A 429 counts for all chats; a shorter one does not end a longer one."""
    hand = Hand()
    pace = LocalPace(monotonic=hand)
    await pace.pause(5)
    await pace.pause(1)
    assert granted(pace, hand, ["7", "8"], seconds=4.9) == 0
    assert granted(pace, hand, ["7", "8"], seconds=0.3) == 6


async def test_waiting_has_an_end() -> None:
    """Y3: a message that would wait too long is tried again by the outbox; one that waits a little is sent."""
    pace = LocalPace(max_wait_s=0.2)
    await pace.pause(0.05)
    await pace.admit("7", bulk=True)
    await pace.pause(60)
    with pytest.raises(TryAgain):
        await pace.admit("7", bulk=True)


def test_quiet_chats_are_forgotten() -> None:
    """Y3: what is kept for each chat stays bounded."""
    hand = Hand()
    pace = LocalPace(monotonic=hand)
    for number in range(MAX_CHATS * 2):
        pace._take(str(number), bulk=False)
        hand.at += 0.05
    assert len(pace._chats) <= MAX_CHATS


class Bucket:
    """A shared bucket that says how long to wait, once for each figure given."""

    def __init__(self, *waits_ms: int) -> None:
        self.waits_ms = list(waits_ms)
        self.keys: list[str] = []

    async def __call__(self, key: str, *, count: int, period_s: int, burst: int) -> int:
        self.keys.append(key)
        return self.waits_ms.pop(0) if self.waits_ms else 0


async def test_a_shared_pace_asks_every_bucket_again_after_a_wait() -> None:
    """Two processes with one token share the chat's, the notices' and the bot's bucket."""
    bucket = Bucket(5, 0)
    await SharedPace(bucket, "1").admit("7", bulk=True)
    prefix = "telegram:1:"
    assert bucket.keys == [f"{prefix}chat:7", f"{prefix}chat:7", f"{prefix}bulk", f"{prefix}all"]


async def test_a_shared_pace_does_not_wait_for_ever() -> None:
    """Y3: a shared bucket that is empty for too long leaves the message to the outbox."""
    pace = SharedPace(Bucket(60_000), "1", max_wait_s=0.5)
    with pytest.raises(TryAgain):
        await pace.admit("7", bulk=False)
    await pace.pause(60)
    with pytest.raises(TryAgain):
        await pace.admit("8", bulk=False)
