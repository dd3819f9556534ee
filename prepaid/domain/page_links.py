"""Links that open a page for one person of the staff, and what a browser keeps of it afterwards.

A link is good for minutes and once. What it opens is a session: a row that can be ended, and a sealed number in a
cookie. Neither is good for the other or for anything else, since each kind has its own seal. A seal is checked before
anything is looked up, so guessing costs us nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from prepaid.domain.errors import Refused
from prepaid.domain.people import code_hash

LINK_TTL: Final = timedelta(minutes=10)
SESSION_TTL: Final = timedelta(hours=12)
LINKS_MOST: Final = 20
"""Links that one person may ask for in ten minutes."""
WAY: Final = "overview"
"""How a session's login came about."""

Kind = Literal["link", "session"]
_TOKEN = re.compile(r"^(?P<id>[0-9a-f]{20})(?P<end>[0-9a-f]{8})(?P<seal>[0-9a-f]{40})$", re.ASCII)


def new_page_id() -> str:
    """80 random bits."""
    return secrets.token_hex(10)


def page_code_hash(link_id: str) -> str:
    """What is kept of a link; it is neither a code that logs in nor one that binds."""
    return code_hash(f"page:{link_id}")


def seal(key: bytes, kind: Kind, number: str, until: datetime) -> str:
    """The token: 68 hexadecimal digits, which every chat takes for a part of the address."""
    body = f"{number}{int(until.timestamp()):08x}"
    return body + _seal(key, kind, body)


def unseal(key: bytes, kind: Kind, token: str, now: datetime) -> tuple[str, datetime]:
    """The number and its end. Raises `Refused`: "refused.page_link" for a bad seal, "refused.page_link_over"."""
    match = _TOKEN.match(token)
    if match is None:
        raise Refused("refused.page_link")
    body = match["id"] + match["end"]
    if not hmac.compare_digest(_seal(key, kind, body), match["seal"]):
        raise Refused("refused.page_link")
    until = datetime.fromtimestamp(int(match["end"], 16), UTC)
    if now >= until:
        raise Refused("refused.page_link_over")
    return match["id"], until


def _seal(key: bytes, kind: Kind, body: str) -> str:
    return hmac.new(key, f"chatwatt page {kind}\n{body}".encode(), hashlib.sha256).hexdigest()[:40]
