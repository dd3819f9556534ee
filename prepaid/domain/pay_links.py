"""Pay-for-me links: signed, for one payment, with an end. Whoever holds one may pay and sees the place only (P7).

The token carries the link's number, its end and a seal over both. The seal is checked before anything is looked up, so
guessing costs us nothing; what the link is good for stands in its row, so it can be taken back.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from prepaid.domain.errors import Refused

TTL = timedelta(days=3)
TTL_MOST = timedelta(days=30)
TTL_LEAST = timedelta(minutes=10)
KEY_BYTES_LEAST = 32
OPEN_MOST = 20
"""Live links of one account."""
TRIES_AN_HOUR = 30
"""Orders that may be asked for by one link in an hour."""

_TOKEN = re.compile(r"^(?P<id>[0-9a-f]{20})(?P<end>[0-9a-f]{8})(?P<seal>[0-9A-Za-z_-]{27})$", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class PayLink:
    """One link. The order that it is bound to is the only one that it can pay."""

    id: str
    account_id: str
    site_id: str
    made_by: str
    made_at: datetime
    expires_at: datetime
    amount_fen: int | None = None
    """None: whoever pays chooses."""
    order_id: str | None = None
    revoked: bool = False


def new_link_id() -> str:
    """80 random bits."""
    return secrets.token_hex(10)


def seal(key: bytes, link: PayLink) -> str:
    """The token of a link: 55 of `[0-9A-Za-z_-]`, which a URL takes as it is."""
    body = f"{link.id}{int(link.expires_at.timestamp()):08x}"
    return body + _seal(key, body)


def unseal(key: bytes, token: str, now: datetime) -> str:
    """The link's number. Raises `Refused`: "refused.pay_link_unknown" for a bad seal, "refused.pay_link_expired"."""
    match = _TOKEN.match(token)
    if match is None:
        raise Refused("refused.pay_link_unknown")
    body = match["id"] + match["end"]
    if not hmac.compare_digest(_seal(key, body), match["seal"]):
        raise Refused("refused.pay_link_unknown")
    if now >= datetime.fromtimestamp(int(match["end"], 16), UTC):
        raise Refused("refused.pay_link_expired")
    return match["id"]


def read_key(text: str) -> bytes:
    """A key as it is kept: base64 of at least 32 bytes, or `Refused("refused.pay_link_key")`."""
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise Refused("refused.pay_link_key") from None
    if len(key) < KEY_BYTES_LEAST:
        raise Refused("refused.pay_link_key")
    return key


def new_key() -> str:
    """A fresh key as it is kept."""
    return base64.b64encode(secrets.token_bytes(KEY_BYTES_LEAST)).decode()


def check_ttl(ttl: timedelta) -> timedelta:
    """How long a link may live, or `Refused("refused.pay_link_ttl")`."""
    if not TTL_LEAST <= ttl <= TTL_MOST:
        raise Refused("refused.pay_link_ttl")
    return ttl


def _seal(key: bytes, body: str) -> str:
    digest = hmac.new(key, b"chatwatt pay link\n" + body.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest[:20]).decode().rstrip("=")
