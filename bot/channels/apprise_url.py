"""Notices to whatever `apprise` can reach: ntfy, Bark, Gotify, DingTalk, Feishu, WeCom, Twilio, e-mail and others.

The URL is the recipient's own and a secret: it is sealed in the store. Only kinds of service on the lists below are
taken. A server of the recipient's own must not lie in a private network; that is looked up before each message, yet
the library resolves the name again itself.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from bot.delivery import notice_parts
from bot.outgoing import MOST_ADDRESS, PublicResolver, Sealer, checked_url
from bot.rendering.plain import render
from bot.texts import language_for
from prepaid.domain.errors import Refused, TryAgain
from prepaid.domain.notices import Notice, Stage
from prepaid.domain.people import Address, Person
from prepaid.ports import Accepted

CHANNEL = "apprise"
HOSTED = frozenset(
    {"tgram", "dingtalk", "feishu", "wecombot", "twilio", "discord", "slack", "pover", "line", "wxpusher"}
)
"""Services with one known host of their own."""
ANYWHERE = frozenset({"bark", "barks", "ntfy", "ntfys", "gotify", "gotifys", "mailtos", "matrixs", "hassios"})
"""Services that anybody may run: the URL names the host."""
HTTPS_PORT = 443
_SCHEME = re.compile(r"^[a-z][a-z0-9+.-]{1,20}$", re.ASCII)
_SILENT = frozenset({Stage.WAITING, Stage.SWITCHING})
"""Stages of a payment that a channel without edits leaves out."""

Notify = Callable[[str, str], bool]
Open = Callable[[str], Notify | None]
"""Reads a URL; None when it is none."""


class AppriseSender:
    """Implements `Sender` and `AddressKeeper`."""

    def __init__(self, sealer: Sealer, *, private: bool, opener: Open | None = None) -> None:
        self._sealer, self._private, self._open = sealer, private, opener or _opened
        self._resolver = PublicResolver()

    async def accept(self, given: str) -> Accepted:
        """A URL of a kind on the lists that the library can read."""
        url = given.strip()
        scheme = url.partition("://")[0].lower()
        if len(url) > MOST_ADDRESS or not _SCHEME.match(scheme) or scheme not in HOSTED | ANYWHERE:
            raise Refused("refused.address_malformed")
        if scheme in ANYWHERE:
            checked_url(url, schemes=tuple(ANYWHERE), private=self._private)
        if await _in_thread(self._open, url) is None:
            raise Refused("refused.address_malformed")
        return Accepted(self._sealer.seal(url))

    async def send(self, address: Address, notice: Notice, person: Person, *, reference: str | None) -> str:
        """The library says only whether it went well: a failure may pass, so the row comes again, within bounds."""
        if notice.stage in _SILENT:
            return reference or ""
        url, language = self._sealer.open(address.user), language_for(person.language)
        await self._check_host(url)
        notify = await _in_thread(self._open, url)
        if notify is None:
            raise Refused("refused.address_malformed")
        body = render(notice_parts(notice, language, buttons=False))
        title = str(notice.params.get("label", ""))
        if not await _in_thread(notify, title, body):
            raise TryAgain("try_again.channel")
        return ""

    async def _check_host(self, url: str) -> None:
        parts = urlsplit(url)
        if self._private or parts.scheme.lower() not in ANYWHERE or "." not in (parts.hostname or ""):
            return  # A hosted service, or ntfy://topic, which goes to the service's own host.
        try:
            await self._resolver.resolve(parts.hostname or "", parts.port or HTTPS_PORT)
        except OSError:
            raise TryAgain("try_again.channel") from None


_in_thread = asyncio.to_thread
"""The library waits for answers, and takes a second to load."""


def _opened(url: str) -> Notify | None:
    import apprise  # noqa: PLC0415 - a large library that only who uses it waits for

    logging.getLogger("apprise").disabled = True  # Its lines name the address.
    service: Any = apprise.Apprise.instantiate(url, suppress_exceptions=True)
    if service is None:
        return None
    return lambda title, body: bool(service.notify(body=body, title=title))
