"""Planned outages: announced after a look at who is told what, listed for everybody, called off (N2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.conversations import desk, flows
from bot.conversations.effects import Effect
from bot.conversations.form import Data, Form, Question, wish
from bot.conversations.inbound import Turn
from bot.conversations.openings import number_of
from bot.conversations.parts import Item, KeyValueTable, List, Look, Row, Text, Tone
from bot.conversations.perform import Situation
from bot.conversations.reply import Reply, say
from bot.conversations.session import Session
from bot.conversations.span_words import check_span_words, read_span
from bot.conversations.topic import Topic
from bot.conversations.vocabulary import Audience as For
from bot.conversations.vocabulary import Intent
from bot.texts import text
from prepaid.domain.errors import Refused, not_found
from prepaid.domain.notices import NoticeKind
from prepaid.domain.outages import Outage, OutageWish, check_span, utilities_name, words_key
from prepaid.domain.tariffs import Utility
from prepaid.usecases.find_sites import SiteLine
from prepaid.usecases.outage_lines import OutageLine, outage_lines
from prepaid.usecases.plan_outage import MOST_WORDS, OutagePlan, call_off_outage, plan_outage, preview_outage, words_of

ALL = "*"
"""The whole site. No part of a place is called so."""
_OF = {
    "electricity": (Utility.ELECTRICITY,),
    "water": (Utility.WATER,),
    "both": (Utility.ELECTRICITY, Utility.WATER),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewOutage(Effect):
    """Who would be told what."""

    wish: OutageWish


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanOutage(Effect):
    """Tells them."""

    wish: OutageWish
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOutages(Effect):
    """Those that are not over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LookAtOutage(Effect):
    """The one that is to be called off: its id, or its number in the list."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOffOutage(Effect):
    """Tells everybody that it will not be."""

    outage_id: str


def _reason(heard: str) -> str:
    plain = heard.strip()
    if not 0 < len(plain) <= MOST_WORDS:
        raise Refused("refused.outage_reason", most=MOST_WORDS)
    return plain


def _filled(turn: Turn, session: Session, data: Data) -> Reply:
    """A time that cannot be is asked for once more; nothing else is lost."""
    try:
        since, until = read_span(str(data["span"]), turn.at, str(data["zone"]))
        check_span(since, until, turn.at)
    except Refused as problem:
        return FORM.ask(turn, session, {name: value for name, value in data.items() if name != "span"}, problem)
    effect = PreviewOutage(
        wish=OutageWish(
            site_id=str(data["site_id"]),
            part="" if data["part"] == ALL else str(data["part"]),
            utilities=_OF[str(data["of"])],
            since=since,
            until=until,
            reason=str(data["why"]),
        )
    )
    return Reply(session=session, effects=(effect,))


def _utility(heard: str) -> str:
    del heard
    raise Refused("refused.outage_of_what")


FORM = Form(
    name="outage",
    questions=(
        Question(name="of", picks=tuple((f"outage.{name}", name) for name in _OF), read=_utility),
        Question(name="part", free=True, names=True, picks=(("broadcast.all", ALL),)),
        Question(name="why", read=_reason, free=True),
        Question(name="span", read=check_span_words),
    ),
    done=_filled,
)


def _of_site(turn: Turn, session: Session, site: SiteLine, rest: str) -> Reply:
    known = {"part": rest} if rest else {}
    return FORM.ask(turn, session, {"site_id": site.site_id, "name": site.name, "zone": site.time_zone, **known})


def _previewed(effect: PreviewOutage, value: OutagePlan, turn: Turn, session: Session) -> Reply:
    """How many, and the notice as those read it who use Chinese, and those who use English."""
    del effect
    language, planned, audience = turn.actor.language, value.wish, value.audience
    zone = audience.site.calendar.time_zone
    said = words_of(audience.site, audience.path, planned)
    of = said["utility"]
    rows = [
        Row(label=text(language, "broadcast.place"), value=said["label"]),
        Row(label=text(language, "broadcast.people"), value=str(len(audience.people))),
        Row(label=text(language, "broadcast.rooms"), value=str(audience.rooms)),
        Row(label=text(language, "broadcast.silent"), value=str(audience.silent)),
        *(
            Row(
                label=text(language, f"broadcast.in_{other}"),
                value=text(other, words_key(NoticeKind.OUTAGE_PLANNED, of), **said, time_zone=zone),
            )
            for other in ("zh", "en")
        ),
        *(Row(label=text(language, "outage.also"), value=_when(language, other, zone)) for other in value.others),
    ]
    table = KeyValueTable(title=text(language, "outage.title"), rows=tuple(rows), note=text(language, "outage.note"))
    asked = flows.ask_confirm(
        turn,
        session,
        "outage",
        text(language, "outage.confirm", count=len(audience.people)),
        Look.DANGER,
        site_id=planned.site_id,
        part=planned.part,
        of=of,
        since=planned.since.isoformat(),
        until=planned.until.isoformat(),
        why=planned.reason,
        key=wish(turn)[-20:],
    )
    return Reply(session=asked.session, parts=(table, *asked.parts))


def _confirmed(data: Data) -> Effect:
    planned = OutageWish(
        site_id=str(data["site_id"]),
        part=str(data["part"]),
        utilities=_OF[str(data["of"])],
        since=datetime.fromisoformat(str(data["since"])),
        until=datetime.fromisoformat(str(data["until"])),
        reason=str(data["why"]),
    )
    return PlanOutage(wish=planned, key=str(data["key"]))


def _when(language: str, outage: Outage, zone: str) -> str:
    key = f"outage.line.{utilities_name(outage.utilities)}"
    return text(language, key, from_at=outage.since, to_at=outage.until, reason=outage.reason, time_zone=zone)


def _planned(effect: PlanOutage, value: Outage, turn: Turn, session: Session) -> Reply:
    del effect, value
    return Reply(session=session, parts=(say(turn.actor.language, "outage.done", Tone.GOOD),))


def _listed(effect: ListOutages, value: Sequence[OutageLine], turn: Turn, session: Session) -> Reply:
    del effect
    language = turn.actor.language
    if not value:
        return Reply(session=session, parts=(say(language, "outages.none", Tone.GOOD),))
    items = tuple(
        Item(
            label=line.place,
            detail=_when(language, line.outage, line.time_zone),
            action=desk.action("calloff", line.outage.id) if line.may_call_off else "",
        )
        for line in value
    )
    note = text(language, "outages.call_off") if any(line.may_call_off for line in value) else ""
    return Reply(session=session, parts=(List(title=text(language, "outages.title"), items=items, note=note),))


def _looked(effect: LookAtOutage, value: OutageLine, turn: Turn, session: Session) -> Reply:
    del effect
    language = turn.actor.language
    told = Text(body=f"{value.place}: {_when(language, value.outage, value.time_zone)}")
    asked = flows.ask_confirm(
        turn, session, "calloff", text(language, "outage.call_off"), Look.DANGER, outage_id=value.outage.id
    )
    return Reply(session=asked.session, parts=(told, *asked.parts))


def _called_off(effect: CallOffOutage, value: Outage, turn: Turn, session: Session) -> Reply:
    del effect, value
    return Reply(session=session, parts=(say(turn.actor.language, "outage.called_off", Tone.GOOD),))


async def _one(on: Situation, name: str) -> OutageLine:
    lines = [line for line in await outage_lines(on.business, on.actor) if line.may_call_off]
    number = number_of(name)
    if number is not None and 0 < number <= len(lines):
        return lines[number - 1]
    found = next((line for line in lines if line.outage.id == name), None)
    if found is None:
        raise not_found()
    return found


def _ask_list(turn: Turn, session: Session, argument: str) -> Reply:
    del turn, argument
    return Reply(session=session, effects=(ListOutages(),))


def _ask_call_off(turn: Turn, session: Session, argument: str) -> Reply:
    del turn
    effect: Effect = LookAtOutage(name=argument.strip()) if argument.strip() else ListOutages()
    return Reply(session=session, effects=(effect,))


TOPIC = Topic(
    intents=(
        Intent(
            name="outage",
            hints=(
                r"(?:计划|安排|发布).{0,3}停[水电]",
                r"(?:plan|schedule) .*(?:outage|shutdown)",
            ),
            audience=For.STAFF,
            commands=("outage", "计划停电", "计划停水", "停电通知", "停水通知"),
            phrases=(
                r"(?:发布|公告|安排|通知)(?:计划)?停[水电](?:通知|公告)?|(?:计划)?停[水电]通知",
                r"(?:plan|announce) (?:an )?outage(?: (?:in|at|of) (?P<arg>.{1,40}))?",
                r"planned outage(?: (?:in|at|of) (?P<arg>.{1,40}))?",
            ),
        ),
        Intent(
            name="outages",
            hints=(
                r"(?:什么时候|几点|多久|何时|今天|明天|后天|周末).{0,6}(?:[来停]|恢复)[水电]|停[水电](?:计划|通知)|检修",
                r"outage|(?:planned|maintenance) (?:work|cut|stop)",
                r"when .*(?:power|electricity|water) .*(?:back|return|off)",
            ),
            audience=For.ANYONE,
            commands=("outages", "停电计划", "停水计划"),
            phrases=(
                r"(?:什么时候|有没有|最近有没有|今天|明天)(?:会|要)?停[水电](?:吗|计划|通知)?|(?:查看|看看?)停[水电](?:计划|通知)",
                r"(?:any |planned |upcoming )?outages|(?:when )?is there an outage",
            ),
        ),
        Intent(
            name="calloff",
            audience=For.STAFF,
            commands=("calloff", "取消停电", "取消停水"),
            phrases=(r"取消停[水电](?:计划|通知)?", r"call off (?:the )?outage(?: (?P<arg>\d{1,2}))?"),
            in_help=False,
        ),
    ),
    openings={"outage": desk.for_site("outage"), "outages": _ask_list, "calloff": _ask_call_off},
    confirmed={
        "confirm.outage": _confirmed,
        "confirm.calloff": lambda d: CallOffOutage(outage_id=str(d["outage_id"])),
    },
    steps={FORM.step: FORM.heard},
    picked={FORM.step: FORM.picked},
    after_site={"outage": _of_site},
    performers={
        PreviewOutage: lambda e, on: preview_outage(on.business, on.actor, e.wish),
        PlanOutage: lambda e, on: plan_outage(on.business, on.actor, e.wish, key=e.key),
        ListOutages: lambda _, on: outage_lines(on.business, on.actor),
        LookAtOutage: lambda e, on: _one(on, e.name),
        CallOffOutage: lambda e, on: call_off_outage(on.business, on.actor, e.outage_id),
    },
    presenters={
        PreviewOutage: _previewed,
        PlanOutage: _planned,
        ListOutages: _listed,
        LookAtOutage: _looked,
        CallOffOutage: _called_off,
    },
)
