"""Notices to a program of the recipient's: an app, home automation. One signed POST for each notice.

`X-Chatwatt-Signature` is `v1=` and the HMAC-SHA256, in hex, of "<timestamp>.<body>" under the secret that the owner of
the address was shown once; `X-Chatwatt-Timestamp` is in seconds; `X-Chatwatt-Id` is the same when a notice comes again.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from functools import lru_cache

import aiohttp
from pydantic_core import to_json
from yarl import URL

from bot.delivery import notice_parts, sentence
from bot.outgoing import OK_BELOW, Sealer, checked_url, post
from bot.rendering.plain import render
from bot.texts import language_for
from prepaid.domain.errors import Refused
from prepaid.domain.notices import Notice
from prepaid.domain.people import Address, Person
from prepaid.ports import Accepted

CHANNEL = "webhook"
GONE = (404, 410)
MOST_OPENED = 2_000
"""Addresses that are kept open in memory."""


class WebhookSender:
    """Implements `Sender` and `AddressKeeper`."""

    def __init__(self, session: aiohttp.ClientSession, sealer: Sealer, *, private: bool) -> None:
        self._session, self._sealer, self._private = session, sealer, private
        self._opened = lru_cache(MOST_OPENED)(self._open)

    async def accept(self, given: str) -> Accepted:
        """Https only (http inside one's own network); the secret is made from the address and our key."""
        schemes = ("http", "https") if self._private else ("https",)
        url = checked_url(given, schemes=schemes, private=self._private)
        return Accepted(self._sealer.seal(url), secret_of(self._sealer.key, url))

    async def send(self, address: Address, notice: Notice, person: Person, *, reference: str | None) -> str:
        """A 2xx is a delivery. Whatever else is no trouble of the moment is a refusal."""
        del reference
        url, secret = self._opened(address.user)
        body, stamp = body_of(notice, person), str(int(time.time()))
        headers = {
            "Content-Type": "application/json",
            "X-Chatwatt-Id": hashlib.sha256(notice.id.encode()).hexdigest()[:32],
            "X-Chatwatt-Timestamp": stamp,
            "X-Chatwatt-Signature": signature(secret, stamp, body),
        }
        status, _ = await post(self._session, url, data=body, headers=headers)
        if status >= OK_BELOW:
            raise Refused("refused.address_gone" if status in GONE else "refused.address_refused")
        return ""

    def _open(self, sealed: str) -> tuple[URL, str]:
        """The address and its secret: to break a seal takes as long as to send."""
        url = self._sealer.open(sealed)
        return URL(url), secret_of(self._sealer.key, url)


def secret_of(key: bytes, url: str) -> str:
    """The secret of one address."""
    return hmac.new(key, f"webhook:{url}".encode(), hashlib.sha256).hexdigest()


def signature(secret: str, stamp: str, body: bytes) -> str:
    """What the receiver computes as well."""
    return "v1=" + hmac.digest(secret.encode(), stamp.encode() + b"." + body, "sha256").hex()


def body_of(notice: Notice, person: Person) -> bytes:
    """The words for people, and the figures behind them for programs."""
    language = language_for(person.language)
    fields = {
        "kind": str(notice.kind),
        "at": notice.at.isoformat(),
        "account": notice.account_id,
        "order": notice.thread,
        "stage": notice.stage,
        "language": language,
        "text": render(notice_parts(notice, language, buttons=False)) if notice.thread else sentence(notice, language),
        "figures": notice.params,
    }
    return to_json(fields)
