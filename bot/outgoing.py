"""What channels over plain HTTP share: sealed addresses, addresses inside our own walls refused, trouble classified."""

from __future__ import annotations

import base64
import ipaddress
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from yarl import URL

from prepaid.domain.errors import Refused, TryAgain, Unknown

MOST_ADDRESS = 500
MOST_ANSWER = 64 * 1024
TIMEOUT = aiohttp.ClientTimeout(total=8, connect=4)
TOO_MANY = 429
SERVER_TROUBLE = 500
OK_BELOW = 300


class Sealer:
    """Seals addresses, which may hold a password or be a phone number, so that the store never shows them (A5)."""

    def __init__(self, key: bytes) -> None:
        self.key = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"chatwatt addresses").derive(key)
        self._fernet = Fernet(base64.urlsafe_b64encode(self.key))

    def seal(self, address: str) -> str:
        """The stored form."""
        return self._fernet.encrypt(address.encode()).decode()

    def open(self, sealed: str) -> str:
        """The address. `Refused` for one that another key sealed."""
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken:
            raise Refused("refused.address_unreadable") from None


class PublicResolver(AbstractResolver):
    """Names that lead into private networks lead nowhere, asked at the moment of connecting (no rebinding)."""

    def __init__(self) -> None:
        self._inner = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Only addresses of the public internet."""
        found = await self._inner.resolve(host, port, family)
        public = [each for each in found if is_public(each["host"])]
        if not public:
            raise OSError("private address")
        return public

    async def close(self) -> None:
        """Nothing is open."""
        await self._inner.close()


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None) or found
    return bool(mapped.is_global and not mapped.is_multicast)


def checked_url(given: str, *, schemes: Sequence[str], private: bool) -> str:
    """The URL, or `Refused` for a malformed one, one of another kind, or one that names a private network."""
    url = given.strip()
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        raise Refused("refused.address_malformed") from None
    if len(url) > MOST_ADDRESS or parts.scheme.lower() not in schemes or not host or "\n" in url:
        raise Refused("refused.address_malformed")
    if not private and _inside(host):
        raise Refused("refused.address_private")
    return url


def _inside(host: str) -> bool:
    """A host that is private by its very name. What it resolves to is looked at when connecting."""
    if host == "localhost" or host.endswith((".localhost", ".local", ".internal", ".lan")):
        return True
    try:
        # Browsers and libraries also read 127.1 and 0x7f000001 as addresses.
        literal = str(ipaddress.ip_address(host)) if ":" in host else socket.inet_ntoa(socket.inet_aton(host))
    except (OSError, ValueError):
        return False
    return not is_public(literal)


@asynccontextmanager
async def open_session(*, private: bool) -> AsyncIterator[aiohttp.ClientSession]:
    """A client that ends every wait, and does not reach private networks unless `private`."""
    connector = aiohttp.TCPConnector(limit=200, resolver=None if private else PublicResolver())
    async with aiohttp.ClientSession(connector=connector, timeout=TIMEOUT) as session:
        yield session


async def post(
    session: aiohttp.ClientSession, url: str | URL, *, data: bytes, headers: Mapping[str, str]
) -> tuple[int, bytes]:
    """Posts once, without redirects. `TryAgain`: nothing happened, or later; `Unknown`: no answer in time."""
    try:
        async with session.post(url, data=data, headers=headers, allow_redirects=False) as response:
            body = await response.content.read(MOST_ANSWER)
            status = response.status
    except aiohttp.ClientConnectorError:
        raise TryAgain("try_again.channel") from None
    except (aiohttp.ClientError, TimeoutError, OSError):
        raise Unknown("unknown.channel") from None
    if status == TOO_MANY or status >= SERVER_TROUBLE:
        raise TryAgain("try_again.channel")
    return status, body


def answer_of(body: bytes, loads: Any) -> Mapping[str, Any]:
    """A JSON object, or nothing."""
    try:
        found = loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
