"""Push services over the real library and real sockets: no name, redirect or option leads into a private network."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from bot import public_only as guard
from bot.channels.apprise_url import AppriseSender
from bot.outgoing import Sealer
from bot.public_only import PrivateAddress, public_only
from prepaid.domain.errors import Refused, TryAgain
from prepaid.domain.notices import Notice, NoticeKind
from prepaid.domain.people import Address, Person
from tests.fakes.clock import EPOCH

SEALER = Sealer(b"k" * 32)
PERSON = Person(id="p1", language="en")
PARAMS: dict[str, str | int | bool | None] = {
    "label": "Flat 7",
    "time_zone": "Asia/Shanghai",
    "balance_micro": 1_230_000,
    "at": EPOCH.isoformat(),
}
NOTICE = Notice(id="restored:1", kind=NoticeKind.RESTORED, person_id="p1", account_id="a", at=EPOCH, params=PARAMS)
PUBLIC, PRIVATE = "127.0.0.1", "::1"
"""Where the test's servers are; the tests that need a public one say that the first of them is one."""


@dataclass
class Server:
    """Counts who came, and perhaps sends them on."""

    port: int = 0
    to: str = ""
    came: list[str] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        self.came.append(request.path)
        return web.Response(status=307, headers={"Location": self.to}) if self.to else web.json_response({"id": "1"})


@asynccontextmanager
async def serving(host: str) -> AsyncIterator[Server]:
    """Every path, on a free port."""
    server, app = Server(), web.Application()
    app.router.add_route("*", "/{tail:.*}", server.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, 0).start()
        server.port = runner.addresses[0][1]
        yield server
    finally:
        await runner.cleanup()


@pytest.fixture
async def outside() -> AsyncIterator[Server]:
    """A server that the tests may call public."""
    async with serving(PUBLIC) as server:
        yield server


@pytest.fixture
async def inside() -> AsyncIterator[Server]:
    """A server in our own network."""
    async with serving(PRIVATE) as server:
        yield server


@pytest.fixture
def one_is_public(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first loopback address stands for the internet, and every other one is private."""
    monkeypatch.setattr(guard, "is_public", lambda host: host == PUBLIC)


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What `push.example.org` resolves to, one answer after the other, the last one for good."""
    answers: list[str] = []
    real: Callable[..., Any] = socket.getaddrinfo

    def lookup(host: Any, port: Any, *args: Any, **named: Any) -> Any:
        if host == "inside.example.org":
            return real(PRIVATE, port, *args, **named)
        if host != "push.example.org":
            return real(host, port, *args, **named)
        return real(answers.pop(0) if len(answers) > 1 else answers[0], port, *args, **named)

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    return answers


async def tell(url: str, *, private: bool = False) -> str:
    """One notice to an address that was accepted."""
    sender = AppriseSender(SEALER, private=private)
    accepted = await sender.accept(url)
    return await sender.send(Address(channel="apprise", user=accepted.user), NOTICE, PERSON, reference=None)


@pytest.mark.usefixtures("one_is_public")
@pytest.mark.parametrize("kind", ["bark", "ntfy", "gotify"])
async def test_a_name_that_changes_its_answer_leads_nowhere(
    outside: Server, inside: Server, resolver: list[str], kind: str
) -> None:
    """A5: a name that was public when it was looked at is looked at again as the library connects."""
    resolver.append(PUBLIC)
    assert await tell(f"{kind}://push.example.org:{outside.port}/token") == ""
    assert len(outside.came) == 1
    resolver[:] = [PUBLIC, PRIVATE]
    socket.getaddrinfo("push.example.org", inside.port)
    with pytest.raises(TryAgain):
        await tell(f"{kind}://push.example.org:{inside.port}/token")
    assert inside.came == []


@pytest.mark.usefixtures("one_is_public")
@pytest.mark.parametrize("asked", ["", "?redirect=yes"])
async def test_a_redirect_is_not_followed(outside: Server, inside: Server, resolver: list[str], asked: str) -> None:
    """A5: a public server that sends us on into a private network is a failure, whatever the URL says of redirects."""
    resolver.append(PUBLIC)
    outside.to = f"http://[{PRIVATE}]:{inside.port}/latest/meta-data"
    for private in (False, True):
        with pytest.raises(TryAgain):
            await tell(f"bark://push.example.org:{outside.port}/token{asked}", private=private)
    assert len(outside.came) == 2
    assert inside.came == []


@pytest.mark.usefixtures("one_is_public")
async def test_a_mail_server_named_in_an_option_is_looked_at_too(resolver: list[str]) -> None:
    """A5: the host of a mail's URL is public, and its option names the one that is really connected to."""
    resolver.append(PUBLIC)
    reached = asyncio.Event()

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del reader
        reached.set()
        writer.close()

    server = await asyncio.start_server(greet, PRIVATE, 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        url = f"mailtos://me:word@push.example.org:{port}/?smtp=inside.example.org&from=me@push.example.org&to=you@example.org"
        with pytest.raises(TryAgain):
            await tell(url)
        assert not reached.is_set()
        with pytest.raises(TryAgain):
            await tell(url, private=True)
        assert reached.is_set()


@pytest.mark.parametrize(
    "url",
    [
        "discord://1234567890/abcdefghijklmnop?template=/etc/passwd",
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/?template=http://169.254.169.254/",
        "tgram://123456789:abcdefg_hijklmnop/12315544/?template=/etc/passwd",
        "mailtos://me:word@example.org?pgppub=/etc/passwd",
        "mailtos://me:word@example.org?pgpprv=/etc/passwd",
    ],
)
async def test_no_url_has_a_file_of_ours_read(url: str) -> None:
    """A5: a URL whose service would read a file, or fetch one, is none."""
    without = url.partition("?")[0]
    assert (await AppriseSender(SEALER, private=True).accept(without)).user
    with pytest.raises(Refused, match=r"refused\.address_malformed"):
        await AppriseSender(SEALER, private=True).accept(url)


def test_every_kind_of_connection_is_looked_at(tmp_path: Any) -> None:
    """A5: streams, datagrams and socket files; outside of the guard nothing changes."""
    with socket.create_server((PUBLIC, 0)) as server:
        there = server.getsockname()
        with public_only():
            with socket.socket() as plain, pytest.raises(PrivateAddress):
                plain.connect(there)
            with socket.socket(type=socket.SOCK_DGRAM) as datagram, pytest.raises(PrivateAddress):
                datagram.sendto(b"x", there)
            with socket.socket(socket.AF_UNIX) as local, pytest.raises(PrivateAddress):
                local.connect(str(tmp_path / "s"))
        with socket.create_connection(there):
            pass
