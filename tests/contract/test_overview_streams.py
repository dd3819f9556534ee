"""The overview page's news under browsers that are many, slow, gone, or not allowed any more."""

from __future__ import annotations

import asyncio
import gc
import socket
import weakref
from collections.abc import AsyncIterator
from dataclasses import replace
from urllib.parse import urlsplit

import aiohttp
import pytest

from miniprogram_api.overview.clients import AGAIN, QUEUE_MOST, Client, event
from miniprogram_api.overview.page import COOKIE
from miniprogram_api.overview.stream import Streams
from miniprogram_api.overview.watch import CLIENTS_OF_ONE, Pace, Watch
from prepaid.domain.access import Actor, Grant, Role
from prepaid.storage.driver import Database
from prepaid.usecases.log_in import log_out_everywhere
from prepaid.usecases.page_sessions import make_page_link, open_page
from tests.fakes.api_house import ApiHouse, api_house
from tests.fakes.clock import ManualClock

SOON_S = 30.0
MEGABYTE = event("figures", {"x": "y" * 1_000_000})


@pytest.fixture
async def house(database: Database, clock: ManualClock) -> AsyncIterator[ApiHouse]:
    """A flat, and streams that look after themselves often."""
    streams = Streams(beat_s=0.1, write_s=0.5, buffer_bytes=4096)
    async with api_house(database, clock, pace=Pace(look_s=0.1, rest_s=0.01), streams=streams) as house:
        await house.building.flat(1, balance_micro=5_000_000)
        yield house


async def cookie_of(house: ApiHouse, actor: Actor) -> str:
    """An open session's cookie."""
    made = await make_page_link(house.parts.business, actor)
    assert made is not None
    return (await open_page(house.parts.business, made.token)).cookie


def stream(house: ApiHouse, cookie: str) -> aiohttp.client._RequestContextManager:
    """The news that this cookie may hear."""
    return house.session.get(f"{house.url}/overview/events?lang=en", headers={"Cookie": f"{COOKIE}={cookie}"})


async def ready(house: ApiHouse, actor: Actor) -> Watch:
    """The actor's watch, when it has read."""
    watch = house.page.hub.watch(actor)
    assert await watch.ready(SOON_S) is not None
    return watch


async def until(answer: aiohttp.ClientResponse, word: bytes) -> bytes:
    """Everything up to a word, within a time."""
    heard = b""
    async with asyncio.timeout(SOON_S):
        async for chunk in answer.content.iter_any():
            heard += chunk
            if word in heard:
                return heard
    raise AssertionError(f"the stream ended after {heard[-200:]!r}")


def test_a_queue_has_a_size() -> None:
    """Y3: a browser that takes nothing keeps a few events at most, and then one word: come again."""
    client = Client("en")
    for _ in range(QUEUE_MOST):
        client.tell(b"news")
    assert client.waiting == QUEUE_MOST
    client.tell(b"one too many")
    client.tell(b"and another")
    assert (client.waiting, client.ended) == (1, True)
    assert asyncio.run(client.next(SOON_S)) == AGAIN


async def test_browsers_that_vanish_leave_nothing(house: ApiHouse) -> None:
    """Y3: a person has so many streams and no more; when they vanish everything of theirs is freed, without a word."""
    viewer = await house.building.operator(role=Role.VIEWER)
    cookie, watch = await cookie_of(house, viewer), await ready(house, viewer)
    answers = [await stream(house, cookie) for _ in range(CLIENTS_OF_ONE)]
    assert {answer.status for answer in answers} == {200}
    async with stream(house, cookie) as refused:
        assert (refused.status, refused.headers["Retry-After"]) == (503, "5")
    kept = [weakref.ref(client) for client in watch.audience._clients]
    assert len(kept) == house.page.hub.clients == CLIENTS_OF_ONE
    for answer in answers:
        answer.close()
    async with asyncio.timeout(SOON_S):
        await house.page.hub.empty.wait()
    assert not watch.persons
    assert len(watch.audience) == 0
    await asyncio.sleep(0)
    gc.collect()
    assert [ref for ref in kept if ref() is not None] == []


async def test_a_slow_browser_holds_up_nobody(house: ApiHouse) -> None:
    """Y3: one that does not read is let go, its neighbour hears all; what waits for it never grows past its queue."""
    viewer = await house.building.operator(role=Role.VIEWER)
    cookie, watch = await cookie_of(house, viewer), await ready(house, viewer)
    where = urlsplit(house.url)
    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.settimeout(0)
        await asyncio.get_running_loop().sock_connect(deaf, (where.hostname, where.port))
        request = f"GET /overview/events?lang=en HTTP/1.1\r\nHost: x\r\nCookie: {COOKIE}={cookie}\r\n\r\n"
        await asyncio.get_running_loop().sock_sendall(deaf, request.encode())
        async with asyncio.timeout(SOON_S):
            while not len(watch.audience):
                await watch.ready(SOON_S)
                await asyncio.sleep(0)
        slow = weakref.ref(next(iter(watch.audience._clients)))
        async with stream(house, cookie) as quick:
            await until(quick, b"retry:")
            for _ in range(QUEUE_MOST - 4):
                watch.audience.tell({"en": MEGABYTE})
                await until(quick, b"\n\n")
            watch.audience.tell({"en": event("last")})
            await until(quick, b"event: last")
            async with asyncio.timeout(SOON_S):
                while slow() in watch.audience._clients:
                    await until(quick, b": beat")
            assert house.page.hub.clients == 1


async def test_lost_rights_end_the_stream(house: ApiHouse) -> None:
    """F37, A2: logged out everywhere it is over, with other roles it begins anew, and nothing is told in between."""
    viewer = await house.building.operator(role=Role.VIEWER)
    cookie = await cookie_of(house, viewer)
    await ready(house, viewer)
    async with stream(house, cookie) as answer:
        people = house.parts.business.store.people
        person = await people.get(viewer.id)
        assert person is not None
        await people.save(replace(person, grants=(Grant(Role.VIEWER, "acme/maple/b1"),)))
        await until(answer, b"event: again")
    async with stream(house, cookie) as answer:
        await log_out_everywhere(house.parts.business, viewer)
        await until(answer, b"event: over")
    async with stream(house, cookie) as answer:
        assert answer.status == 401


async def test_the_end_of_the_program_and_of_interest(house: ApiHouse) -> None:
    """F2, Y3: at the end every browser is told to come again; a watch that nobody looks through ends by itself."""
    viewer = await house.building.operator(role=Role.VIEWER)
    cookie, watch = await cookie_of(house, viewer), await ready(house, viewer)
    house.building.clock.advance(seconds=600)
    async with asyncio.timeout(SOON_S):
        await asyncio.gather(*watch._tasks)
    assert await ready(house, viewer) is not watch
    async with stream(house, cookie) as answer:
        await until(answer, b"retry:")
        house.parts.stopping.set()
        await until(answer, b"event: again")
        assert await answer.content.read() == b""
    async with stream(house, cookie) as answer:
        assert answer.status == 503
