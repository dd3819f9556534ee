"""Who is speaking: WeChat's signatures, their age, and the encryption of security mode. Nothing here waits.

Source: developers.weixin.qq.com, receiving messages and the encryption and decryption of messages.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import struct
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import datetime

from wechatpy.crypto import WeChatCrypto
from wechatpy.exceptions import WeChatException
from wechatpy.replies import TextReply

from bot.channels.wechat_xml import Envelope, MalformedError, read_xml

FRESH_S = 300
REMEMBERED = 10_000
MAX_ECHO_CHARS = 256
_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_STAMP = re.compile(r"\d{1,12}", re.ASCII)
_UNREADABLE = (WeChatException, ValueError, TypeError, IndexError, OverflowError, struct.error)

Query = Mapping[str, str]


class ForgedError(Exception):
    """Nobody who knows our secrets has sent this, or not lately."""


class Seal:
    """The secrets of one official account. Without `aes_key` messages come in the clear, signed but for their body.

    `now` is the clock by which a signature is too old or too new.
    """

    def __init__(self, *, app_id: str, token: str, aes_key: str | None, now: Callable[[], datetime]) -> None:
        self._token = token
        self._now = now
        self._crypto = WeChatCrypto(token, aes_key, app_id) if aes_key else None
        self._bodies: OrderedDict[str, bytes] = OrderedDict()

    def check(self, query: Query) -> None:
        """Raises `ForgedError` unless the address was signed, and lately. Needs no body, so none is read before."""
        self._fresh(query)
        _same(query.get("signature", ""), address_signature(self._token, query["timestamp"], query.get("nonce", "")))

    def echo(self, query: Query) -> str:
        """The answer that proves to WeChat that we know the token."""
        self.check(query)
        return query.get("echostr", "")[:MAX_ECHO_CHARS]

    def open(self, query: Query, body: bytes) -> Envelope:
        """The message. Raises `ForgedError` or `MalformedError`."""
        self.check(query)
        outer = read_xml(_decoded(body))
        if self._crypto is None:
            self._first_body(query, body)
            return outer
        sealed, signature = outer.get("Encrypt"), query.get("msg_signature", "")
        _same(signature, _signature(self._token, query["timestamp"], query.get("nonce", ""), sealed))
        try:
            inner = self._crypto.decrypt_message(
                {"Encrypt": sealed}, signature, query["timestamp"], query.get("nonce", "")
            )
        except _UNREADABLE:
            # Rightly signed and still not readable: another account's message, or a key that does not fit.
            raise ForgedError from None
        return read_xml(inner)

    def reply(self, message: Envelope, text: str) -> str:
        """A passive reply to `message`, sealed as it came."""
        reply = TextReply(
            source=message.get("ToUserName"),
            target=message.get("FromUserName"),
            content=within_cdata(text),
            time=int(self._now().timestamp()),
        ).render()
        if self._crypto is None:
            return str(reply)
        stamp = str(int(self._now().timestamp()))
        return str(self._crypto.encrypt_message(reply, secrets.token_hex(8), stamp))

    def _fresh(self, query: Query) -> None:
        stamp = query.get("timestamp", "")
        if not _STAMP.fullmatch(stamp) or abs(self._now().timestamp() - int(stamp)) > FRESH_S:
            raise ForgedError

    def _first_body(self, query: Query, body: bytes) -> None:
        """In the clear a signature does not cover the body, so each is good for the first body that came with it."""
        known = self._bodies.setdefault(query["signature"], hashlib.sha256(body).digest())
        while len(self._bodies) > REMEMBERED:
            self._bodies.popitem(last=False)
        if known != hashlib.sha256(body).digest():
            raise ForgedError


def within_cdata(text: str) -> str:
    """Words that stay inside a CDATA section, whatever they are: its end is split, and what XML cannot hold is left."""
    return _NOT_IN_XML.sub("", text).replace("]]>", "]]]]><![CDATA[>")


def address_signature(token: str, timestamp: str, nonce: str) -> str:
    """How WeChat signs the address that it calls."""
    return _signature(token, timestamp, nonce)


def _signature(*pieces: str) -> str:
    joined = "".join(sorted(pieces)).encode("utf-8", "surrogatepass")
    return hashlib.sha1(joined).hexdigest()  # noqa: S324 - WeChat's choice


def _same(given: str, wanted: str) -> None:
    if not hmac.compare_digest(given.encode("utf-8", "surrogatepass"), wanted.encode()):
        raise ForgedError


def _decoded(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        raise MalformedError("not UTF-8") from None
