"""The real program at SIGTERM: what was asked is answered, live pages are told to come again, and it ends in time."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace

import pytest

from chatwatt.api import LATER_S
from chatwatt.clock import SystemClock
from chatwatt.embedded import StoreUris
from chatwatt.web import SHUTDOWN_S
from miniprogram_api.overview.page import COOKIE
from prepaid.domain.pay_links import new_key, read_key
from prepaid.storage.driver import Database
from prepaid.usecases.log_in import issue_login_code, log_in_by_code
from prepaid.usecases.page_sessions import make_page_link, open_page
from prepaid.usecases.start_topup import start_topup
from tests.fakes.building import build
from tests.fakes.clock import ManualClock
from tests.fakes.running_demo import PROGRAM, environment

START_S_MAX = 60.0
END_S_MAX = SHUTDOWN_S + LATER_S + 5.0
SOON_S = 30.0
WAITING = 5
pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A running program and who may ask it."""

    process: asyncio.subprocess.Process
    port: int
    token: str
    cookie: str
    order: str
    said: list[bytes] = field(default_factory=list)
    """Its log, line by line."""

    async def begin(self, stack: AsyncExitStack, head: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Sends a request, and returns once the program has begun with it, which it says by asking for the rest."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        stack.callback(writer.close)
        writer.write(f"{head}\r\nHost: localhost\r\nAccept-Language: en\r\nExpect: 100-continue\r\n\r\n".encode())
        async with asyncio.timeout(SOON_S):
            assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        return reader, writer

    async def asks(self, stack: AsyncExitStack, what: str) -> asyncio.StreamReader:
        """Asks something about the flat."""
        path = f"/api/v1/accounts/acc-1/{what}"
        return (await self.begin(stack, f"GET {path} HTTP/1.1\r\nAuthorization: Bearer {self.token}"))[0]

    async def waits(self, stack: AsyncExitStack) -> asyncio.StreamReader:
        """Waits for news of the order, for longer than the program will live."""
        path = f"/api/v1/orders/{self.order}?seen=waiting&wait_s=25"
        return (await self.begin(stack, f"GET {path} HTTP/1.1\r\nAuthorization: Bearer {self.token}"))[0]

    async def never_sends(self, stack: AsyncExitStack) -> None:
        """Announces a body and sends the beginning of it."""
        head = "POST /api/v1/login/code HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 40"
        (await self.begin(stack, head))[1].write(b'{"code":')

    async def watches(self, stack: AsyncExitStack) -> asyncio.StreamReader:
        """Looks at the overview, and has heard the first of it."""
        head = f"GET /overview/events?lang=en HTTP/1.1\r\nCookie: {COOKIE}={self.cookie}"
        reader, _ = await self.begin(stack, head)
        async with asyncio.timeout(SOON_S):
            await reader.readuntil(b"retry:")
        return reader


@pytest.fixture
async def program(shared_database: Database, store_uris: StoreUris, redis_url: str) -> AsyncIterator[Running]:
    """`chatwatt all` over a flat with an order that waits, a tenant's login and an admin's page."""
    key = new_key()
    token, cookie, order = await _prepared(shared_database, key)
    settings = {
        "CHATWATT_MONGODB_URI": store_uris.mongodb_uri,
        "CHATWATT_REDIS_URL": redis_url,
        "CHATWATT_DATABASE": shared_database.name,
        "CHATWATT_PORT": "0",
        "CHATWATT_API_KEY": key,
        "CHATWATT_LOG_FORMAT": "json",
    }
    process = await asyncio.create_subprocess_exec(
        *PROGRAM, "all", stderr=asyncio.subprocess.PIPE, env=environment(settings)
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(START_S_MAX):
            port = await _port(process.stderr)
        running = Running(process=process, port=port, token=token, cookie=cookie, order=order)
        async with asyncio.TaskGroup() as group:
            group.create_task(_listen(process.stderr, running.said))
            try:
                yield running
            finally:
                if process.returncode is None:
                    process.kill()
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _prepared(database: Database, key: str) -> tuple[str, str, str]:
    """A tenant's token, an admin's cookie and an order, all of this moment, which is the program's too."""
    building = await build(database, ManualClock(at=SystemClock().now()))
    business = replace(building.business, api_key=read_key(key))
    tenant, admin = await building.flat(1, balance_micro=7_000_000), await building.operator()
    tokens = await log_in_by_code(business, await issue_login_code(business, tenant), where="test")
    link = await make_page_link(business, admin)
    assert link is not None
    session = await open_page(business, link.token)
    order = await start_topup(business, tenant, "acc-1", 7_000, provider="testpay")
    return tokens.access, session.cookie, order.id


async def _port(log: asyncio.StreamReader) -> int:
    """Where it listens, from the line that says so."""
    while line := await log.readline():
        if b'"web_open"' in line:
            return int(json.loads(line)["port"])
    raise AssertionError("it ended before it listened")


async def _listen(log: asyncio.StreamReader, said: list[bytes]) -> None:
    while line := await log.readline():
        said.append(line)


def _is_fault(line: bytes) -> bool:
    """Whether a line tells of a fault of the program. Of Redis or a gateway that answers late it only warns."""
    return b"Traceback" in line or (line.startswith(b"{") and json.loads(line)["level"] in {"error", "critical"})


async def _status(reader: asyncio.StreamReader) -> int:
    """How a question was answered."""
    return int((await reader.readline()).split()[1])


async def _refused(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionRefusedError:
        return True
    writer.close()
    return False


async def test_the_program_answers_what_it_was_asked_and_ends(program: Running) -> None:
    """F2, Y3: questions, long polls and live pages are seen to the end; a body that never comes is given up in time."""
    async with AsyncExitStack() as stack:
        held = [await program.waits(stack) for _ in range(WAITING)]
        page = await program.watches(stack)
        await program.never_sends(stack)
        asked = [await program.asks(stack, path) for path in ("balance", "usage?step=day", "entries")]
        program.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(END_S_MAX):
            assert [await _status(reader) for reader in (*asked, *held)] == [200] * (len(asked) + WAITING)
            await page.readuntil(b"event: again")
            assert await program.process.wait() == 0
        assert await _refused(program.port)
    assert [line for line in program.said if _is_fault(line)] == []
