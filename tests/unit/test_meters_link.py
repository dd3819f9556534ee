"""The strict link against a hostile slave: no wrong reading and no falsely confirmed write, on both framings."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from meters.links import requests
from meters.links.errors import ExceptionReply, LinkDown, NoReply, WriteUnanswered
from meters.links.link import Link
from meters.links.mbap import MbapLink
from meters.links.rtu import RtuLink
from meters.links.tcp import connect
from prepaid.domain.errors import TryAgain, Unknown
from tests.fakes.hostile_slave import Answer, HostileSlave, Script, hostile_slave, mbap, rtu

UNIT = 5
READ = requests.read(requests.READ_HOLDING, 0x10, 2)
WRITE = requests.write(requests.WRITE_REGISTERS, 0x1A, [0])
GOOD_READ = bytes((3, 4, 0, 1, 0, 2))
GOOD_WRITE = bytes((16, 0, 0x1A, 0, 1))
SHORT_S = 0.15
Framed = Callable[[bytes, int, bytes], bytes]


def frame_mbap(asked: bytes, unit: int, pdu: bytes) -> bytes:
    """A reply under the transaction that was asked."""
    return mbap(int.from_bytes(asked[:2], "big"), unit, pdu)


def frame_rtu(asked: bytes, unit: int, pdu: bytes) -> bytes:
    """A reply without a transaction."""
    del asked
    return rtu(unit, pdu)


@pytest.fixture(params=["mbap", "rtu"])
def framing(request: pytest.FixtureRequest) -> str:
    """Both framings."""
    return str(request.param)


@pytest.fixture
def framed(framing: str) -> Framed:
    """How the slave frames its replies."""
    return frame_mbap if framing == "mbap" else frame_rtu


@asynccontextmanager
async def linked(framing: str, *scripts: Script, quiet_s: float = 0.3) -> AsyncIterator[tuple[Link, HostileSlave]]:
    """A link to a slave with these scripts."""
    async with hostile_slave(*scripts) as slave:
        make = MbapLink if framing == "mbap" else RtuLink
        link = await connect("127.0.0.1", slave.port, timeout_s=2, make=lambda: make(quiet_s=quiet_s))
        try:
            yield link, slave
        finally:
            link.close()
            await asyncio.wait_for(link.closed.wait(), 2)


def at_once(make: Callable[[bytes], bytes]) -> Script:
    """One answer without a pause."""
    return lambda asked: [(0.0, make(asked))]


async def test_a_good_reply_is_taken(framing: str, framed: Framed) -> None:
    """A right reply gives its registers."""
    async with linked(framing, at_once(lambda asked: framed(asked, UNIT, GOOD_READ))) as (link, _):
        assert requests.words(await link.ask(UNIT, READ, timeout_s=10)) == (1, 2)


WRONG_READS = {
    "another unit": (UNIT + 1, GOOD_READ),
    "another function": (UNIT, bytes((4,)) + GOOD_READ[1:]),
    "too short": (UNIT, bytes((3, 2, 0, 1))),
    "too long": (UNIT, bytes((3, 6, 0, 1, 0, 2, 0, 3))),
    "a byte count that says more": (UNIT, bytes((3, 6, 0, 1, 0, 2))),
    "a byte count that says less": (UNIT, bytes((3, 2, 0, 1, 0, 2))),
    "the echo of a write": (UNIT, GOOD_WRITE),
    "another function's exception": (UNIT, bytes((0x90, 2))),
}


@pytest.mark.parametrize("case", WRONG_READS)
async def test_a_wrong_reply_is_no_reading(framing: str, framed: Framed, case: str) -> None:
    """S11: a reply is used only if unit, function and length match; otherwise the read was not answered."""
    unit, pdu = WRONG_READS[case]
    async with linked(framing, at_once(lambda asked: framed(asked, unit, pdu))) as (link, _):
        with pytest.raises(NoReply):
            await link.ask(UNIT, READ, timeout_s=SHORT_S)
        assert link.counts.replies == 0


WRONG_ECHOES = {
    "another value": (UNIT, bytes((16, 0, 0x1A, 0, 2))),
    "another address": (UNIT, bytes((16, 0, 0x1B, 0, 1))),
    "another unit": (UNIT + 1, GOOD_WRITE),
    "a read's reply": (UNIT, GOOD_READ),
    "too short": (UNIT, GOOD_WRITE[:-1]),
    "too long": (UNIT, GOOD_WRITE + b"\0"),
}


@pytest.mark.parametrize("case", WRONG_ECHOES)
async def test_a_wrong_echo_confirms_nothing(framing: str, framed: Framed, case: str) -> None:
    """S4: a write is unknown unless its own echo came; it leaves once."""
    unit, pdu = WRONG_ECHOES[case]
    async with linked(framing, at_once(lambda asked: framed(asked, unit, pdu))) as (link, slave):
        with pytest.raises(WriteUnanswered):
            await link.ask(UNIT, WRITE, timeout_s=SHORT_S)
        assert len(slave.received) == 1


async def test_the_value_of_a_single_write_must_come_back(framing: str, framed: Framed) -> None:
    """S4: the echo of function 6 with the opposite value is no confirmation."""
    off = requests.write(requests.WRITE_REGISTER, 0x1A, [0])
    async with linked(framing, at_once(lambda asked: framed(asked, UNIT, bytes((6, 0, 0x1A, 0, 1))))) as (link, _):
        with pytest.raises(Unknown):
            await link.ask(UNIT, off, timeout_s=SHORT_S)


async def test_silence_is_try_again_for_a_read_and_unknown_for_a_write(framing: str) -> None:
    """S5: nothing is sent twice, and only a read may simply be tried again."""
    async with linked(framing, lambda _: []) as (link, slave):
        with pytest.raises(TryAgain):
            await link.ask(UNIT, READ, timeout_s=SHORT_S)
        with pytest.raises(Unknown):
            await link.ask(UNIT, WRITE, timeout_s=SHORT_S)
        assert len(slave.received) == 2


async def test_each_request_has_its_own_time(framing: str, framed: Framed) -> None:
    """S5: a short time after a long one ends early, and a long one after a short one outlasts the end of the short."""

    def good(asked: bytes) -> Answer:
        return [(0.0, framed(asked, UNIT, GOOD_READ))]

    def late(asked: bytes) -> Answer:
        return [(4 * SHORT_S, framed(asked, UNIT, GOOD_READ))]

    async with linked(framing, good, good, late, lambda _: []) as (link, _):
        await link.ask(UNIT, READ, timeout_s=600)
        await link.ask(UNIT, READ, timeout_s=2 * SHORT_S)
        assert requests.words(await link.ask(UNIT, READ, timeout_s=600)) == (1, 2)
        with pytest.raises(NoReply):
            await asyncio.wait_for(link.ask(UNIT, READ, timeout_s=SHORT_S), 30)
        assert link.counts.timeouts == 1


async def test_a_lost_connection_ends_the_wait_at_once(framing: str) -> None:
    """The one in flight learns of the loss now and not at its timeout; a write stays unknown."""
    async with linked(framing, lambda _: [(0.0, None)]) as (link, _):
        with pytest.raises(WriteUnanswered):
            await asyncio.wait_for(link.ask(UNIT, WRITE, timeout_s=60), 5)
        with pytest.raises(LinkDown):
            await link.ask(UNIT, READ, timeout_s=60)


async def test_noise_split_and_merged_frames_do_no_harm(framing: str, framed: Framed) -> None:
    """F27: noise before, a frame in single bytes, a foreign frame glued to ours: ours is found."""

    def answer(asked: bytes) -> Answer:
        stray = framed(asked, UNIT + 1, GOOD_READ)
        whole = b"\xff\x00HB" + stray + framed(asked, UNIT, GOOD_READ)
        return [(0.001, whole[at : at + 1]) for at in range(len(whole))]

    async with linked(framing, answer) as (link, _):
        assert requests.words(await link.ask(UNIT, READ, timeout_s=2)) == (1, 2)
        assert link.counts.skipped_bytes > 0


async def test_an_exception_reply_is_told_with_its_code(framing: str, framed: Framed) -> None:
    """F28: busy, no path, illegal address: the code is kept."""
    async with linked(framing, at_once(lambda asked: framed(asked, UNIT, bytes((0x83, 0x0B))))) as (link, _):
        with pytest.raises(ExceptionReply) as told:
            await link.ask(UNIT, READ, timeout_s=10)
        assert told.value.code == 0x0B
        assert told.value.from_gateway


async def test_a_late_reply_is_never_taken_for_the_next_one(framing: str, framed: Framed) -> None:
    """F25: the reply to the first read comes late, while the second is due: the second gets its own figures."""
    second = bytes((3, 4, 0, 7, 0, 8))
    scripts: list[Script] = [
        lambda asked: [(0.25, framed(asked, UNIT, GOOD_READ))],
        lambda asked: [(0.05, framed(asked, UNIT, second))],
    ]
    async with linked(framing, *scripts, quiet_s=0.6) as (link, _):
        with pytest.raises(NoReply):
            await link.ask(UNIT, READ, timeout_s=SHORT_S)
        assert requests.words(await link.ask(UNIT, READ, timeout_s=10)) == (7, 8)


async def test_a_late_reply_of_another_unit_passes_while_one_is_asked() -> None:
    """F25: on RTU the late reply is dropped by its shape, and its unit may be asked again at once."""
    scripts: list[Script] = [
        lambda _: [],
        lambda _: [(0.0, rtu(UNIT, GOOD_READ)), (0.0, rtu(6, bytes((3, 4, 0, 3, 0, 4))))],
    ]
    async with linked("rtu", *scripts, quiet_s=30) as (link, _):
        with pytest.raises(NoReply):
            await link.ask(UNIT, READ, timeout_s=SHORT_S)
        assert link.tainted(UNIT) > 0
        assert requests.words(await link.ask(6, READ, timeout_s=10)) == (3, 4)
        assert link.counts.late == 1
        assert link.tainted(UNIT) == 0


async def test_a_bad_crc_is_no_reply() -> None:
    """F27: one flipped bit anywhere, and the frame is not there."""
    good = rtu(UNIT, GOOD_READ)
    for at in range(len(good)):
        bad = good[:at] + bytes((good[at] ^ 0x10,)) + good[at + 1 :]
        async with linked("rtu", lambda _, bad=bad: [(0.0, bad)]) as (link, _):  # type: ignore[misc]
            with pytest.raises(NoReply):
                await link.ask(UNIT, READ, timeout_s=0.05)


async def test_a_cancelled_request_taints_its_unit() -> None:
    """F4: whoever gives up waiting leaves a reply on the wire, and it must not be the next one's."""
    async with linked("rtu", lambda _: [], quiet_s=30) as (link, _):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(link.ask(UNIT, READ, timeout_s=60), SHORT_S)
        assert link.tainted(UNIT) > 0


async def test_the_gate_holds_a_frame_back(framing: str) -> None:
    """S5: what the gate refuses in the last moment never reaches the wire."""

    def shut() -> None:
        raise TryAgain("try_again.test")

    async with linked(framing, lambda _: []) as (link, slave):
        with pytest.raises(TryAgain):
            await link.ask(UNIT, WRITE, timeout_s=1, gate=shut)
        with pytest.raises(NoReply):
            await link.ask(UNIT, READ, timeout_s=SHORT_S)
        assert len(slave.received) == 1


async def test_asking_a_closed_link_never_freezes_the_loop(framing: str) -> None:
    """F31: whoever asks again and again right after the end lets the loop tell that the connection is gone."""
    async with linked(framing, lambda _: []) as (link, _):
        link.close()
        async with asyncio.timeout(5):
            while not link.closed.is_set():
                with pytest.raises(LinkDown):
                    await link.ask(UNIT, READ, timeout_s=60)
