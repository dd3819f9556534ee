"""Units that call: who is let in, how they say who they are, and that their heartbeats never cost a reply."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from meters.links import files, registration, requests
from meters.links.dial_in import DialIn, DoorSettings, Listener
from meters.links.errors import LinkDown
from meters.links.link import Link
from prepaid.domain.errors import Refused
from tests.fakes.calling_unit import REGISTRATION, Wrap, called, gateway, open_door
from tests.fakes.certificates import Authority
from tests.fakes.hostile_device import value

READ = requests.read(requests.READ_HOLDING, 0x40, 10)
TRUTH = tuple(value(3, at) for at in range(0x40, 0x4A))
HELLO = b"REG:a\r\n"


async def read(link: Link, *, timeout_s: float = 2.0) -> tuple[int, ...]:
    """One reading of unit 3."""
    return requests.words(await link.ask(3, READ, timeout_s=timeout_s))


async def link_to(door: DialIn, name: str = "a") -> Link:
    """The link of that unit, soon."""
    return await door.link(f"g-{name}", timeout_s=5)


async def test_the_owner_of_the_bus_waits_for_the_call() -> None:
    """`link` gives the link as soon as the unit has called, and has an end when it does not."""
    async with open_door(gateway("a")) as door:
        with pytest.raises(LinkDown):
            await door.link("g-a", timeout_s=0.05)
        waiting = asyncio.create_task(link_to(door))
        async with called(door) as unit:
            unit.serve()
            unit.say(HELLO)
            assert await read(await waiting) == TRUTH


def _halves(reply: bytes, between: bytes) -> Iterable[bytes]:
    return (reply[:9] + between + reply[9:],)


STREAMS: dict[str, Wrap] = {
    "a heartbeat before": lambda reply: (b"HB" + reply,),
    "a heartbeat behind": lambda reply: (reply + b"\xfe\xfe",),
    "heartbeats round it, in packets of their own": lambda reply: (b"HB", b"\xfe\xfe", reply, b"HB"),
    "a heartbeat in its midst": lambda reply: _halves(reply, b"\xfe\xfe"),
    "halves with a heartbeat between": lambda reply: (reply[:9], b"HB", reply[9:]),
    "the registration before every packet": lambda reply: (HELLO + reply,),
    "the registration before every half": lambda reply: (HELLO + reply[:7], HELLO + reply[7:]),
    "single bytes": lambda reply: tuple(bytes((byte,)) for byte in reply),
}


@pytest.mark.parametrize("stream", STREAMS)
async def test_nothing_that_a_unit_adds_costs_a_reply(stream: str) -> None:
    """F27: heartbeats and registrations before, between, behind and within replies; the reading is right."""
    async with open_door(gateway("a")) as door, called(door) as unit:
        unit.serve(STREAMS[stream])
        unit.say(HELLO)
        link = await link_to(door)
        assert [await read(link) for _ in range(3)] == [TRUTH] * 3
        assert link.counts.timeouts == 0


async def test_a_reply_that_holds_the_bytes_of_a_heartbeat_is_whole() -> None:
    """A heartbeat is only taken out where the frame is right without it: registers may say the same bytes."""
    beat = value(3, 0x42).to_bytes(2, "big")
    listener = Listener(port=0, host="127.0.0.1", registration=REGISTRATION, heartbeats=(beat, b"\0"))
    async with open_door(gateway("a"), listeners=[listener]) as door, called(door) as unit:
        unit.serve(lambda reply: (beat + reply[:8], reply[8:] + beat))
        unit.say(HELLO)
        assert await read(await link_to(door)) == TRUTH


HELLOS = {
    "in one piece": [HELLO],
    "in pieces": [b"RE", b"G:", b"a", b"\r", b"\n"],
    "behind heartbeats": [b"HB\xfe\xfeHB", HELLO],
    "glued to a heartbeat": [b"HB" + HELLO + b"HB"],
}


@pytest.mark.parametrize("hello", HELLOS)
async def test_a_registration_is_found_however_it_comes(hello: str) -> None:
    """The first bytes may be cut and mixed with heartbeats."""
    async with open_door(gateway("a")) as door, called(door) as unit:
        unit.serve()
        for piece in HELLOS[hello]:
            unit.say(piece)
            await unit.writer.drain()
            await asyncio.sleep(0)
        assert await read(await link_to(door)) == TRUTH


async def test_a_registration_in_hex() -> None:
    """A unit with a binary id is known by its hex."""
    template = registration.from_hex("AA 55 {6} 0D0A")
    listener = Listener(port=0, host="127.0.0.1", registration=template)
    async with open_door(gateway("0102030405ff"), listeners=[listener]) as door, called(door) as unit:
        unit.serve()
        unit.say(bytes.fromhex("AA550102030405FF0D0A"))
        assert await read(await link_to(door, "0102030405ff")) == TRUTH


@pytest.mark.parametrize("template", ["", "AA55", "AA{0}", "{6}{6}", "xyz{6}", "AA5{6}"])
def test_a_template_without_one_id_is_refused(template: str) -> None:
    """A slip in the file is found when it is read."""
    with pytest.raises(Refused):
        registration.from_hex(template)


@pytest.mark.parametrize("pattern", ["", "REG", "(?P<id>", r"REG:(\w+)", r"(?P<id>\w*)", "注册(?P<id>\\w+)"])
def test_a_pattern_without_an_id_is_refused(pattern: str) -> None:
    """The same for regular expressions, and for such as match nothing at all."""
    with pytest.raises(Refused):
        registration.from_text(pattern)


async def test_the_newest_call_takes_over() -> None:
    """F31: a half-open predecessor is closed when its unit calls again, and its owner gets the new link."""
    async with open_door(gateway("a")) as door, called(door) as old, called(door) as new:
        old.say(HELLO)
        first = await link_to(door)
        new.serve()
        new.say(HELLO)
        await asyncio.wait_for(first.closed.wait(), 5)
        assert await old.hung_up()
        assert await read(await link_to(door)) == TRUTH


async def test_strangers_and_units_of_others_are_sent_away() -> None:
    """A unit is let in only if its gateway is known, of this kind, and of a site that may call at this port."""
    listener = Listener(port=0, host="127.0.0.1", registration=REGISTRATION, sites=frozenset({"s1"}))
    known = [gateway("other", site="s2"), gateway("meter", transport="acrel_4g"), gateway("twin"), gateway("a")]
    twin = replace(gateway("twin"), id="g-twin-2")
    async with open_door(*known, twin, listeners=[listener]) as door:
        for name in (b"nobody", b"other", b"meter", b"twin"):
            async with called(door) as unit:
                unit.say(b"REG:" + name + b"\r\n")
                assert await unit.hung_up()
        async with called(door) as unit:
            unit.say(HELLO)
            assert await link_to(door)


async def test_a_gateway_that_is_no_longer_known_is_hung_up_on() -> None:
    """Who is taken off the list is off the line."""
    async with open_door(gateway("a")) as door, called(door) as unit:
        unit.say(HELLO)
        link = await link_to(door)
        door.know([])
        await asyncio.wait_for(link.closed.wait(), 5)


async def test_who_says_nothing_or_nonsense_is_sent_away() -> None:
    """F31: registering has an end in time and in length."""
    async with open_door(settings=DoorSettings(register_s=0.1)) as door, called(door) as silent, called(door) as noisy:
        noisy.say(b"GET / HTTP/1.1\r\n" * 40)
        assert await silent.hung_up()
        assert await noisy.hung_up()
        assert not door.waiting


async def test_a_crowd_before_the_door_has_a_size() -> None:
    """Y3: so many connections may wait to register, and no more."""
    async with open_door(settings=DoorSettings(waiting_most=1)) as door, called(door) as first:
        first.say(b"RE")
        async with called(door) as second:
            assert await second.hung_up()
        assert not await first.hung_up(within_s=0.05)


async def test_one_address_calls_only_so_often() -> None:
    """Y3: who hammers is turned away without a word."""
    async with open_door(gateway("a"), settings=DoorSettings(calls_per_minute=2)) as door:
        for _ in range(2):
            async with called(door) as unit:
                unit.say(HELLO)
                await link_to(door)
        async with called(door) as third:
            assert await third.hung_up()


async def test_a_silent_call_is_half_open() -> None:
    """F31: without a byte for the idle time the call is ended, and with heartbeats it is not."""
    settings = DoorSettings(idle_s=0.25)
    async with (
        open_door(gateway("a"), gateway("b"), settings=settings) as door,
        called(door) as dead,
        called(door) as alive,
    ):
        alive.say(b"REG:b\r\n")
        dead.say(HELLO)
        lively = await link_to(door, "b")
        beats = asyncio.create_task(_beat(alive.say))
        await asyncio.wait_for((await link_to(door)).closed.wait(), 5)
        assert not lively.closed.is_set()
        beats.cancel()


async def _beat(say: Callable[[bytes], None]) -> None:
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    while True:
        say(b"HB")
        loop.call_later(0.05, stopped.set)
        await stopped.wait()
        stopped.clear()


async def test_a_unit_that_nobody_serves_is_sent_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """The owner may sit at another door: who is not fetched within a while is hung up on and calls again."""
    monkeypatch.setattr("meters.links.caller.UNSERVED_S", 0.1)
    async with open_door(gateway("a")) as door, called(door) as unit:
        unit.say(HELLO)
        assert await unit.hung_up()


async def test_a_unit_is_served_where_it_called() -> None:
    """S7: this process may own the bus while the unit is here, for a while after, and not before it has called."""
    async with open_door(gateway("a")) as door:
        assert not door.serves("g-a")
        async with called(door) as unit:
            unit.say(HELLO)
            link = await link_to(door)
            assert door.serves("g-a")
        await asyncio.wait_for(link.closed.wait(), 5)
        assert door.serves("g-a")
        door._left_at["g-a"] -= 21
        assert not door.serves("g-a")
        door._opened_at -= 65
        assert not door.serves("g-a")
        assert door.serves("g-never-called")


async def test_calls_are_watched_by_the_kernel_too() -> None:
    """F31: keepalive and a limit on unacknowledged bytes find a dead peer; small frames leave at once."""
    async with open_door(gateway("a")) as door, called(door) as unit:
        unit.say(HELLO)
        link = await link_to(door)
        assert link._transport is not None
        stream = link._transport.get_extra_info("socket")
        assert stream.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert stream.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert stream.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 20_000


async def test_units_may_call_over_tls(tmp_path: Path) -> None:
    """A port with TLS takes units whose certificate the named authority signed, and nobody else."""
    authority, stranger = Authority(tmp_path), Authority(tmp_path, "stranger")
    context = files.called(authority.sign("door"))
    listener = Listener(port=0, host="127.0.0.1", registration=REGISTRATION, tls=context)
    async with open_door(gateway("a"), listeners=[listener]) as door:
        async with called(door, tls=files.calling(authority.sign("unit"))) as unit:
            unit.serve()
            unit.say(HELLO)
            assert await read(await link_to(door)) == TRUTH
        foreign = stranger.sign("foreign")
        lenient = files.calling(replace(foreign, ca_file=str(authority.ca_file)))
        async with called(door, tls=lenient) as unit:
            unit.say(HELLO)
            assert await unit.hung_up()


async def test_a_port_that_is_taken_is_refused() -> None:
    """Starting says so, and nothing listens by halves."""
    async with open_door() as door:
        second = DialIn([Listener(port=door.ports[0], host="127.0.0.1", registration=REGISTRATION)])
        with pytest.raises(Refused):
            await second.open()
