"""Settings: the parameters of a room's meters, and one of them changed by a yes and read back (S4, S5, S11)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.conversations import flows
from bot.conversations.effects import Effect
from bot.conversations.form import Data, Form, Question, words
from bot.conversations.inbound import Turn
from bot.conversations.openings import for_room
from bot.conversations.parts import KeyValueTable, Look, Row, Tone
from bot.conversations.reply import Reply, say
from bot.conversations.session import Session
from bot.conversations.topic import Topic
from bot.conversations.vocabulary import Audience, Intent, Wants
from bot.texts import text
from prepaid.domain.accounts import Account
from prepaid.domain.errors import Refused
from prepaid.domain.field_requests import Setting
from prepaid.usecases.ask_field import set_meter
from prepaid.usecases.field_of_account import CHAT_METER_WITHIN_S, settings_of_account

MOST_DIGITS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowSettings(Effect):
    """Every setting of the room's meters, as the devices say them now."""

    account_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetMeter(Effect):
    """Writes one setting of one meter, once."""

    meter_id: str
    name: str
    value: int


def _change(heard: str) -> str:
    """A name and a whole number ("limit_w 3000"), after the meter's number where there are several."""
    plain = words(heard).replace("=", " ").replace(":", " ").replace("：", " ").split()
    value = plain[-1].removeprefix("-") if len(plain) in (2, 3) else ""
    if not (value.isdecimal() and value.isascii()) or len(value) > MOST_DIGITS:
        raise Refused("refused.setting_unreadable", text=heard.strip()[:30])
    return " ".join(plain)


def _ready(turn: Turn, session: Session, data: Data) -> Reply:
    *meter, name, value = str(data["change"]).split()
    known = str(data["meters"]).split()
    meter_id = meter[0] if meter else known[0] if len(known) == 1 else ""
    if meter_id not in known:
        problem = Refused("refused.setting_which_meter", meters=", ".join(known))
        return FORM.ask(turn, session, {key: each for key, each in data.items() if key != "change"}, problem)
    prompt = text(turn.actor.language, "settings.confirm", meter_id=meter_id, name=name, figure=value)
    return flows.ask_confirm(
        turn, session, "settings", prompt, Look.DANGER, meter_id=meter_id, name=name, figure=int(value)
    )


FORM = Form(name="settings", questions=(Question(name="change", read=_change),), done=_ready)


def _of_room(turn: Turn, session: Session, account: Account) -> Reply:
    del turn
    return Reply(session=session, effects=(ShowSettings(account_id=account.id),))


def _shown(effect: ShowSettings, value: Sequence[tuple[str, Sequence[Setting]]], turn: Turn, session: Session) -> Reply:
    """A table for each meter, then the question for a change where anything can be written."""
    del effect
    language = turn.actor.language
    tables = tuple(_table(language, meter_id, found) for meter_id, found in value)
    if not any(setting.writable for _, found in value for setting in found):
        only = (say(language, "settings.read_only"),) if any(found for _, found in value) else ()
        return Reply(session=session, parts=(*tables, *only))
    asked = FORM.ask(turn, session, {"meters": " ".join(meter_id for meter_id, _ in value)})
    return Reply(session=asked.session, parts=(*tables, *asked.parts))


def _table(language: str, meter_id: str, found: Sequence[Setting]) -> KeyValueTable:
    rows = tuple(Row(label=setting.name, value=_words(language, setting)) for setting in found)
    note = "" if rows else text(language, "settings.none")
    return KeyValueTable(title=text(language, "settings.title", meter_id=meter_id), rows=rows, note=note)


def _words(language: str, setting: Setting) -> str:
    """The value with its unit, and what may be written."""
    figure = text(language, "settings.no_value") if setting.value is None else f"{setting.value} {setting.unit}".strip()
    if not setting.writable:
        return figure
    may = text(language, "settings.may", low=str(setting.low), high=str(setting.high))
    return text(language, "figure.separator").join((figure, may))


def _set(effect: SetMeter, value: Setting, turn: Turn, session: Session) -> Reply:
    language = turn.actor.language
    figure = f"{value.value} {value.unit}".strip()
    done = say(language, "settings.done", Tone.GOOD, meter_id=effect.meter_id, name=value.name, figure=figure)
    return Reply(session=session, parts=(done,))


TOPIC = Topic(
    intents=(
        Intent(
            name="settings",
            audience=Audience.STAFF,
            commands=("settings", "电表参数", "表参数"),
            phrases=(
                r"(?:查看|查|修改|改)?(?:电表|水表)?参数\s*(?P<arg>[^\s].{0,40})",
                r"(?:meter )?settings (?:of )?(?P<arg>.{1,40})",
            ),
            wants=Wants.ROOM,
        ),
    ),
    openings={"settings": for_room("settings")},
    confirmed={
        "confirm.settings": lambda d: SetMeter(
            meter_id=str(d["meter_id"]), name=str(d["name"]), value=int(d["figure"])
        ),
    },
    steps={FORM.step: FORM.heard},
    after_found={"settings": _of_room},
    performers={
        ShowSettings: lambda e, on: settings_of_account(on.business, on.actor, e.account_id),
        SetMeter: lambda e, on: set_meter(
            on.business, on.actor, e.meter_id, e.name, e.value, within_s=CHAT_METER_WITHIN_S
        ),
    },
    presenters={ShowSettings: _shown, SetMeter: _set},
)
