"""Reads one message or event: who said what, by which key it is known, and what it allows us to send. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from bot.channels.wechat_xml import Envelope, MalformedError
from bot.conversations.inbound import MAX_HEARD_CHARS, Attached, Inbound, Thing
from bot.conversations.parts import MAX_ACTION_BYTES
from bot.texts.catalogue import language_for

CHANNEL = "wechat"
REFUSED_CODE = "43101"
"""The person has refused messages of this template."""
WHAT_ELSE = "/help"
"""What a message without a word is taken for."""
_ID = re.compile(r"[A-Za-z0-9_@.-]{1,64}", re.ASCII)
_SCENE = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_MEDIA = re.compile(r"[A-Za-z0-9_-]{1,256}", re.ASCII)
_NUMBER = re.compile(r"\d{1,20}", re.ASCII)
_QR_PREFIX = "qrscene_"
_SUBSCRIPTIONS = frozenset({"subscribe_msg_popup_event", "subscribe_msg_change_event"})
_THINGS: Mapping[str, Thing] = {
    "image": Thing.PHOTO,
    "voice": Thing.VOICE,
    "location": Thing.PLACE,
    "file": Thing.DOCUMENT,
    "video": Thing.OTHER,
    "shortvideo": Thing.OTHER,
    "link": Thing.OTHER,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """One message. `inbound` is None for what is not answered.

    `said` tells a message, which opens two days for five messages of ours, from a press or a scan, which opens a minute
    for three. `answers` are a person's yes (True) or no to each template of subscription messages; `receipt` is the
    number of a template message and whether it arrived.
    """

    user: str
    key: str
    inbound: Inbound | None = None
    said: bool = False
    acted: bool = False
    left: bool = False
    answers: tuple[tuple[str, bool], ...] = ()
    receipt: tuple[str, bool] | None = None


def read(message: Envelope) -> Heard:
    """What was heard. Raises `MalformedError` for a message without a sender."""
    user = message.get("FromUserName")
    if not _ID.fullmatch(user) or not _ID.fullmatch(message.get("ToUserName")):
        raise MalformedError("no sender")
    kind = message.get("MsgType").lower()
    if kind == "event":
        return _event(message, user)
    words = (message.get("Content") or message.get("Recognition"))[:MAX_HEARD_CHARS] or None
    if words is None and kind == "text":
        words = WHAT_ELSE
    # Words that were recognised in a voice message are all of it.
    thing = _THINGS.get(kind) if words is None else None
    attached = None if thing is None else Attached(thing=thing, reference=_picture(message, thing))
    inbound = _inbound(user, text=words, attached=attached)
    return Heard(user=user, key=_key(message, user), said=True, inbound=inbound)


def _picture(message: Envelope, thing: Thing) -> str:
    """The number by which a picture can be fetched for three days; nothing else that people send is fetched."""
    number = message.get("MediaId")
    return number if thing is Thing.PHOTO and _MEDIA.fullmatch(number) else ""


def _event(message: Envelope, user: str) -> Heard:
    name, detail, key = message.get("Event").lower(), message.get("EventKey"), _key(message, user)
    if name in {"subscribe", "scan"}:
        inbound = _inbound(user, text=_start(detail.removeprefix(_QR_PREFIX)))
        return Heard(user=user, key=key, acted=True, inbound=inbound)
    if name == "click":
        fits = detail.isascii() and 0 < len(detail) <= MAX_ACTION_BYTES
        return Heard(user=user, key=key, acted=True, inbound=_inbound(user, action=detail if fits else None))
    if name == "subscribe_msg_sent_event":
        return Heard(user=user, key=key, answers=_unwanted(message))
    if name in _SUBSCRIPTIONS:
        return Heard(user=user, key=key, answers=_answers(message))
    if name == "templatesendjobfinish":
        # The number of the message comes as MsgID here, not as MsgId.
        number, status = message.get("MsgID"), message.get("Status").lower()
        receipt = (number, status == "success") if _NUMBER.fullmatch(number) else None
        return Heard(user=user, key=key, receipt=receipt)
    return Heard(user=user, key=key, left=name == "unsubscribe")


def _start(scene: str) -> str:
    """The words of a deep link: a scene carries a bind code."""
    return f"/start {scene}" if _SCENE.fullmatch(scene) else "/start"


def _answers(message: Envelope) -> tuple[tuple[str, bool], ...]:
    return tuple(
        (each["TemplateId"], each.get("SubscribeStatusString") == "accept")
        for each in message.lists
        if _SCENE.fullmatch(each.get("TemplateId", ""))
    )


def _unwanted(message: Envelope) -> tuple[tuple[str, bool], ...]:
    """What became of subscription messages: a refusal by the person is a no to the template, whatever was counted."""
    return tuple(
        (each["TemplateId"], False)
        for each in message.lists
        if _SCENE.fullmatch(each.get("TemplateId", "")) and each.get("ErrorCode") == REFUSED_CODE
    )


def _key(message: Envelope, user: str) -> str:
    """The number of a message; an event has none and is known by who did what when."""
    number = message.get("MsgId")
    names = ("CreateTime", "Event", "EventKey")
    told = (user, number) if number else (user, *(message.get(name) for name in names))
    return hashlib.sha256("\0".join(told).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _inbound(
    user: str, *, text: str | None = None, action: str | None = None, attached: Attached | None = None
) -> Inbound | None:
    if text is None and action is None and attached is None:
        return None
    return Inbound(
        channel=CHANNEL,
        user=user,
        text=text,
        action=action,
        language=language_for("zh_CN"),
        numbered=True,
        attached=attached,
    )
