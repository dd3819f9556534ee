"""Locks and weather: a maintenance tag on a room and its removal; no cut-offs on a site in bad weather (S2, S12)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from bot.conversations import desk, flows
from bot.conversations.effects import Effect
from bot.conversations.form import REASON, Data, Form, Question, whole
from bot.conversations.inbound import Turn
from bot.conversations.openings import for_room
from bot.conversations.parts import KeyValueTable, Look, Tone
from bot.conversations.reply import Reply, say
from bot.conversations.session import Session
from bot.conversations.topic import Topic
from bot.conversations.vocabulary import Audience, Intent, Wants
from bot.conversations.wording import supply_rows
from bot.texts import text
from prepaid.domain.accounts import Account, Site
from prepaid.domain.errors import Refused
from prepaid.domain.supply import HoldKind
from prepaid.usecases.find_sites import SiteLine
from prepaid.usecases.hold_supply import hold_supply
from prepaid.usecases.set_weather_hold import DAYS_MAX, set_weather_hold
from prepaid.usecases.views import SupplyView

HOURS_PER_DAY = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class TagSupply(Effect):
    """Locks a room for works, or takes the lock away."""

    account_id: str
    label: str
    locked: bool
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldWeather(Effect):
    """No cut-offs by rule on the site for so many hours; 0 ends it."""

    site_id: str
    name: str
    hours: int
    why: str


def _hours(heard: str) -> int:
    hours = whole(heard)
    if hours > DAYS_MAX * HOURS_PER_DAY:
        raise Refused("refused.hold_too_long", days=DAYS_MAX)
    return hours


def _confirmed_as(name: str) -> Form:
    def ready(turn: Turn, session: Session, data: Data) -> Reply:
        prompt = text(turn.actor.language, f"{name}.confirm", label=data["label"], words=data["why"])
        return flows.ask_confirm(turn, session, name, prompt, Look.DANGER, **data)

    return Form(name=name, questions=(REASON,), done=ready)


def _weather_ready(turn: Turn, session: Session, data: Data) -> Reply:
    key = "weather.confirm" if data["hours"] else "weather.confirm_end"
    prompt = text(turn.actor.language, key, name=data["name"], hours=data["hours"], words=data["why"])
    return flows.ask_confirm(turn, session, "weather", prompt, Look.PRIMARY, **data)


TAG, UNTAG = _confirmed_as("tag"), _confirmed_as("untag")
WEATHER = Form(name="weather", questions=(Question(name="hours", read=_hours), REASON), done=_weather_ready)


def _of_room(form: Form, turn: Turn, session: Session, account: Account) -> Reply:
    return form.begin(turn, session, {"account_id": account.id, "label": account.label})


def _of_site(turn: Turn, session: Session, site: SiteLine, rest: str) -> Reply:
    del rest
    return WEATHER.ask(turn, session, {"site_id": site.site_id, "name": site.name})


def _tag(data: Data, *, locked: bool) -> TagSupply:
    return TagSupply(account_id=str(data["account_id"]), label=str(data["label"]), locked=locked, why=str(data["why"]))


def _tagged(effect: TagSupply, value: tuple[SupplyView, ...], turn: Turn, session: Session) -> Reply:
    language = turn.actor.language
    title = text(language, "tag.done" if effect.locked else "untag.done", label=effect.label)
    return Reply(session=session, parts=(KeyValueTable(title=title, rows=supply_rows(language, value)),))


def _weathered(effect: HoldWeather, value: Site, turn: Turn, session: Session) -> Reply:
    until = value.calendar.weather_hold_until
    zone = value.calendar.time_zone
    key = "weather.held" if effect.hours else "weather.ended"
    words = say(turn.actor.language, key, Tone.GOOD, name=value.name, until=until, time_zone=zone)
    return Reply(session=session, parts=(words,))


TOPIC = Topic(
    intents=(
        Intent(
            name="tag",
            audience=Audience.STAFF,
            commands=("tag", "检修挂牌", "挂牌"),
            phrases=(r"(?:检修)?挂牌\s*(?P<arg>[^\s].{0,40})", r"(?:lock out|tag out|tag) (?P<arg>.{1,40})"),
            wants=Wants.ROOM,
        ),
        Intent(
            name="untag",
            audience=Audience.STAFF,
            commands=("untag", "检修摘牌", "摘牌"),
            phrases=(r"(?:检修)?摘牌\s*(?P<arg>[^\s].{0,40})", r"(?:unlock|untag) (?P<arg>.{1,40})"),
            wants=Wants.ROOM,
        ),
        Intent(
            name="weather",
            audience=Audience.STAFF,
            commands=("weather", "天气保电"),
            phrases=(r"(?:恶劣|极端)?天气(?:保电|暂停断电)", r"weather hold"),
        ),
    ),
    openings={"tag": for_room("tag"), "untag": for_room("untag"), "weather": desk.for_site("weather")},
    confirmed={
        "confirm.tag": lambda d: _tag(d, locked=True),
        "confirm.untag": lambda d: _tag(d, locked=False),
        "confirm.weather": lambda d: HoldWeather(
            site_id=str(d["site_id"]), name=str(d["name"]), hours=int(d["hours"]), why=str(d["why"])
        ),
    },
    steps={TAG.step: TAG.heard, UNTAG.step: UNTAG.heard, WEATHER.step: WEATHER.heard},
    after_found={
        "tag": lambda turn, session, account: _of_room(TAG, turn, session, account),
        "untag": lambda turn, session, account: _of_room(UNTAG, turn, session, account),
    },
    after_site={"weather": _of_site},
    performers={
        TagSupply: lambda e, on: hold_supply(
            on.business, on.actor, e.account_id, kind=HoldKind.OFF if e.locked else None, why=e.why, untag=not e.locked
        ),
        HoldWeather: lambda e, on: set_weather_hold(
            on.business,
            on.actor,
            e.site_id,
            until=on.business.clock.now() + timedelta(hours=e.hours) if e.hours else None,
            reason=e.why,
        ),
    },
    presenters={TagSupply: _tagged, HoldWeather: _weathered},
)
