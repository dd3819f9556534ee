"""Devices: what is silent, and another meter in place of an old one with both registers (M11)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bot.conversations import desk, flows
from bot.conversations.effects import Effect
from bot.conversations.form import REASON, Data, Form, Question
from bot.conversations.inbound import Turn
from bot.conversations.openings import for_room
from bot.conversations.parts import Item, List, Look, Tone
from bot.conversations.reply import Reply, say
from bot.conversations.session import Session
from bot.conversations.topic import Topic
from bot.conversations.vocabulary import Audience, Intent, Wants
from bot.texts import text
from prepaid.domain.accounts import Account
from prepaid.domain.errors import Refused
from prepaid.domain.metering import Meter
from prepaid.domain.registers import RegisterChange
from prepaid.usecases.field_state import Silent, meters_of_room, silent_devices
from prepaid.usecases.replace_meter import NewDevice, replace_meter

NOT_READ = -1
_SERIAL = re.compile(r"[0-9A-Za-z-]{1,32}", re.ASCII)
_REGISTER = re.compile(r"(?P<kwh>\d{1,9})(?:[.](?P<rest>\d{1,3}))?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowSilent(Effect):
    """Gateways and meters that do not answer."""

    page: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class MetersOfRoom(Effect):
    """Which meter is to be replaced."""

    account_id: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaceMeter(Effect):
    """Goes on with another device. `final_wh` -1: the old one cannot be read."""

    meter_id: str
    serial: str
    first_wh: int
    final_wh: int
    why: str


def _serial(heard: str) -> str:
    plain = heard.strip()
    if not _SERIAL.fullmatch(plain):
        raise Refused("refused.serial_unreadable", text=plain[:20])
    return plain


def _register(heard: str) -> int:
    """A register as it shows kWh, in Wh; no floats."""
    shown = _REGISTER.fullmatch(heard.strip().casefold().removesuffix("kwh").strip())
    if shown is None:
        raise Refused("refused.register_unreadable", text=heard.strip()[:20])
    return int(shown["kwh"]) * 1000 + int((shown["rest"] or "0").ljust(3, "0"))


def _ready(turn: Turn, session: Session, data: Data) -> Reply:
    key = "replace.confirm_burnt" if data["final_wh"] == NOT_READ else "replace.confirm"
    prompt = text(turn.actor.language, key, **{**data, "words": data["why"]})
    return flows.ask_confirm(turn, session, "replace", prompt, Look.DANGER, **data)


FORM = Form(
    name="replace",
    questions=(
        Question(name="final_wh", read=_register, picks=(("replace.not_read", NOT_READ),)),
        Question(name="serial", read=_serial),
        Question(name="first_wh", read=_register),
        REASON,
    ),
    done=_ready,
)


def _begin(turn: Turn, session: Session, argument: str) -> Reply:
    """A pressed meter comes as "meter:<id>"; anything else is a room."""
    kind, _, meter_id = argument.partition(":")
    if kind == "meter" and meter_id:
        return FORM.ask(turn, session, {"meter_id": meter_id})
    return for_room("replace")(turn, session, argument)


def _of_room(turn: Turn, session: Session, account: Account) -> Reply:
    del turn
    return Reply(session=session, effects=(MetersOfRoom(account_id=account.id, label=account.label),))


def _which(effect: MetersOfRoom, value: Sequence[Meter], turn: Turn, session: Session) -> Reply:
    if len(value) == 1:
        return FORM.ask(turn, session, {"meter_id": value[0].id})
    language = turn.actor.language
    items = tuple(
        Item(label=meter.id, value=meter.serial or "", action=desk.action("replace", "meter", meter.id))
        for meter in value[: desk.PAGE_ROWS]
    )
    title = text(language, "replace.which", label=effect.label)
    return Reply(session=session, parts=(List(title=title, items=items, hint=text(language, "menu.hint")),))


def _replaced(effect: ReplaceMeter, value: RegisterChange, turn: Turn, session: Session) -> Reply:
    del value
    words = say(turn.actor.language, "replace.done", Tone.GOOD, meter_id=effect.meter_id, serial=effect.serial)
    return Reply(session=session, parts=(words,))


def _silent(effect: ShowSilent, value: Sequence[Silent], turn: Turn, session: Session) -> Reply:
    language = turn.actor.language
    if not value:
        return Reply(session=session, parts=(say(language, "down.none", Tone.GOOD),))
    items = [_item(language, line) for line in value]
    return Reply(session=session, parts=(desk.paged(language, "down.title", items, effect.page, "down"),))


def _item(language: str, line: Silent) -> Item:
    since = text(language, "down.since", since=line.since, time_zone=line.time_zone)
    if line.meter_id:
        return Item(label=line.place, value=line.meter_id, detail=since)
    gateway = text(language, "down.gateway", gateway_id=line.gateway_id, count=line.meters)
    return Item(label=gateway, detail=since)


TOPIC = Topic(
    intents=(
        Intent(
            name="down",
            hints=(
                r"离线|掉线|断线|失联",
                r"\b(?:offline|unreachable|silent)\b|(?:gateways?|meters?) .*\b(?:down|dead)\b",
            ),
            audience=Audience.STAFF,
            commands=("down", "离线"),
            phrases=(
                r"(?:查看|看)?(?:离线|掉线|断线|失联)(?:的)?(?:设备|网关|电表)?(?:列表)?",
                r"(?:which|what) (?:meters |gateways |devices )?(?:are|is) (?:down|silent|offline)",
            ),
            wants=Wants.PAGE,
        ),
        Intent(
            name="replace",
            audience=Audience.STAFF,
            commands=("replace", "换表"),
            phrases=(
                r"(?:更换电表|换电表|换表)\s*(?P<arg>[^\s].{0,40})",
                r"replace (?:the )?meter (?:of |in )?(?P<arg>.{1,40})",
            ),
            wants=Wants.ROOM,
        ),
    ),
    openings={
        "down": lambda _, session, page: Reply(session=session, effects=(ShowSilent(page=desk.page_of(page)),)),
        "replace": _begin,
    },
    confirmed={
        "confirm.replace": lambda d: ReplaceMeter(
            meter_id=str(d["meter_id"]),
            serial=str(d["serial"]),
            first_wh=int(d["first_wh"]),
            final_wh=int(d["final_wh"]),
            why=str(d["why"]),
        ),
    },
    steps={FORM.step: FORM.heard},
    picked={FORM.step: FORM.picked},
    after_found={"replace": _of_room},
    performers={
        ShowSilent: lambda _, on: silent_devices(on.business, on.actor),
        MetersOfRoom: lambda e, on: meters_of_room(on.business, on.actor, e.account_id),
        ReplaceMeter: lambda e, on: replace_meter(
            on.business,
            on.actor,
            e.meter_id,
            NewDevice(serial=e.serial, first_wh=e.first_wh),
            e.why,
            final_wh=None if e.final_wh == NOT_READ else e.final_wh,
        ),
    },
    presenters={ShowSilent: _silent, MetersOfRoom: _which, ReplaceMeter: _replaced},
)
