"""Notices to whatever `apprise` can reach: ntfy, Bark, Gotify, DingTalk, Feishu, WeCom, Twilio, e-mail and others.

The URL is the recipient's own and a secret: it is sealed in the store. Only kinds of service on the lists below are
taken. The library resolves names itself, so where it goes is looked at as it connects (`bot.public_only`). It follows
no redirects, and URLs that would have it read a file of ours, or fetch one, are refused.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable
from typing import Any

from bot.delivery import notice_parts
from bot.outgoing import MOST_ADDRESS, Sealer, checked_url
from bot.public_only import public_only
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
_FROM_FILES = ("template", "pgp_key", "pgp_privkey")
"""What services read from a file or fetch from a URL."""
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
        notify = await _in_thread(self._open, url)
        if notify is None:
            raise Refused("refused.address_malformed")
        body = render(notice_parts(notice, language, buttons=False))
        title = str(notice.params.get("label", ""))
        if not await _in_thread(self._notify, notify, title, body):
            raise TryAgain("try_again.channel")
        return ""

    def _notify(self, notify: Notify, title: str, body: str) -> bool:
        if self._private:
            return notify(title, body)
        with public_only():
            return notify(title, body)


_in_thread = asyncio.to_thread
"""The library waits for answers, and takes a second to load."""


def _opened(url: str) -> Notify | None:
    import apprise  # noqa: PLC0415 - a large library that only who uses it waits for

    logging.getLogger("apprise").disabled = True  # Its lines name the address.
    service: Any = apprise.Apprise.instantiate(url, suppress_exceptions=True)
    if service is None or any(getattr(service, name, None) for name in _FROM_FILES):
        return None
    service.redirects = False
    return lambda title, body: bool(service.notify(body=body, title=title))
