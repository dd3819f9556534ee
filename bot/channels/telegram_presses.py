"""What stands behind a button: its owner, a signature, and its action or the short id of one that is too long.

Telegram carries 64 bytes. The owner stands first and is compared before anything is checked or looked up, so that in
a group nobody learns anything from another's button; the signature keeps what we never offered from being pressed.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64encode
from dataclasses import dataclass

import structlog

from bot.conversations.parts import MAX_ACTION_BYTES
from prepaid.domain.errors import Trouble
from prepaid.ports import Sessions

ANYBODY = "0"
"""Owns the buttons of a notice to a group: whoever presses acts with their own rights."""
KEPT_S = 7 * 24 * 3600
"""As long as a session; an older button of a long action says that it is old."""
TAG_CHARS, ID_CHARS = 8, 16
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_LONG = "#"
"""No intent begins with it."""
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pressed:
    """What a press means: its action, or None with whether the button is somebody else's."""

    action: str | None = None
    foreign: bool = False


class Presses:
    """The buttons of one bot."""

    def __init__(self, sessions: Sessions, token: str) -> None:
        self._sessions = sessions
        self._scope = token.split(":", maxsplit=1)[0]
        self._key = hmac.digest(token.encode(), b"chatwatt buttons", "sha256")

    async def seal(self, owner: str, action: str) -> str:
        """What the button carries; at most 64 bytes."""
        short = owner_mark(owner)
        data = self._sealed(short, action)
        if len(data) <= MAX_ACTION_BYTES:
            return data
        number = hashlib.sha256(action.encode()).hexdigest()[:ID_CHARS]
        try:
            await self._sessions.save(self._kept(number), {"action": action}, ttl_s=KEPT_S)
        except Trouble as trouble:
            # The button then says that it is old, and the word for it still works.
            _log.warning("telegram_button_not_kept", trouble=trouble.key)
        return self._sealed(short, _LONG + number)

    async def open(self, user: str, data: str) -> Pressed:
        """What a press of this person means."""
        owner, _, rest = data.partition(".")
        if owner not in (ANYBODY, owner_mark(user)):
            return Pressed(foreign=True)
        _, _, action = rest.partition(".")
        if not hmac.compare_digest(self._sealed(owner, action).encode(), data.encode("utf-8", "surrogatepass")):
            return Pressed()
        return Pressed(action=await self._long(action[1:]) if action.startswith(_LONG) else action or None)

    async def _long(self, number: str) -> str | None:
        try:
            action = (await self._sessions.load(self._kept(number))).get("action")
        except Trouble:
            return None
        return action if isinstance(action, str) else None

    def _sealed(self, owner: str, action: str) -> str:
        told = f"{owner}.{action}".encode("utf-8", "surrogatepass")
        tag = urlsafe_b64encode(hmac.digest(self._key, told, "sha256"))[:TAG_CHARS].decode()
        return f"{owner}.{tag}.{action}"

    def _kept(self, number: str) -> str:
        return f"telegram:{self._scope}:press:{number}"


def owner_mark(user: str) -> str:
    """A person's number in few signs; anybody's for what is no person, as a group."""
    if not user.isascii() or not user.isdecimal():
        return ANYBODY
    number, mark = int(user), ""
    while number:
        number, digit = divmod(number, len(_DIGITS))
        mark = _DIGITS[digit] + mark
    return mark or ANYBODY
