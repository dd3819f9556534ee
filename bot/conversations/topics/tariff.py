"""Tariff: a site's price lists and their versions, and a new one in words (A6).

A list is said in one line (one price, or bands with their hours, and steps), then from when; it is shown beside the one
in force and on last month's readings, and agreed to by a second person exactly as it was shown.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from bot.conversations import desk, flows
from bot.conversations.effects import Effect
from bot.conversations.form import REASON, Data, Form, Question, wish
from bot.conversations.inbound import Turn
from bot.conversations.parts import KeyValueTable, Look, Part, Row, Tone
from bot.conversations.perform import Situation
from bot.conversations.price_rows import sheet_table, since_words
from bot.conversations.price_words import read_price_list
from bot.conversations.reply import Reply, say
from bot.conversations.session import Session
from bot.conversations.topic import Topic
from bot.conversations.vocabulary import Audience, Intent
from bot.texts import text
from prepaid.domain.approvals import Approval
from prepaid.domain.errors import Refused
from prepaid.domain.tariffs import Utility, tariff_from_text, tariff_text
from prepaid.domain.tariffs.wish import check_wish
from prepaid.usecases.change_tariff import PreviewLine, TariffPreview, change_tariff
from prepaid.usecases.draft_tariff import (
    Begins,
    SiteTariffs,
    TariffDraft,
    draft_tariff,
    named,
    site_tariffs,
)
from prepaid.usecases.find_sites import SiteLine

MOST_LINES = 5
_DAY = re.compile(r"(?P<year>20\d\d)[-/.年](?P<month>\d{1,2})[-/.月](?P<day>\d{1,2})日?", re.ASCII)
_DAY_TROUBLE = frozenset({"refused.tariff_past", "refused.day_unreadable"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowTariffs(Effect):
    """The price lists of a site."""

    site_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewTariff(Effect):
    """The list that was said, beside the one in force, and what last month would have cost."""

    site_id: str
    name: str
    said: str
    begins: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeTariff(Effect):
    """Asks a second person for exactly this version, which is a tariff as text (`tariff_text`)."""

    site_id: str
    utility: str
    version: str
    name: str
    why: str


def _said(heard: str) -> str:
    """The words of a price list without a gap; they are read again where the list in force is known."""
    check_wish(read_price_list(heard))
    return heard.strip()


def _begins(heard: str) -> str:
    """A day such as 2026-12-01, as the store writes it."""
    typed = _DAY.fullmatch(heard.strip())
    if typed is None:
        raise Refused("refused.day_unreadable", text=heard.strip()[:20])
    return f"{typed['year']}-{int(typed['month']):02}-{int(typed['day']):02}"


def _listed(turn: Turn, session: Session, data: Data) -> Reply:
    del turn
    effect = PreviewTariff(
        site_id=str(data["site_id"]), name=str(data["name"]), said=str(data["said"]), begins=str(data["begins"])
    )
    return Reply(session=session, effects=(effect,))


def _ready(turn: Turn, session: Session, data: Data) -> Reply:
    prompt = text(turn.actor.language, "tariff.confirm", name=data["name"], start=data["start"], words=data["why"])
    return flows.ask_confirm(turn, session, "tariff", prompt, Look.DANGER, wish=wish(turn)[-20:], **data)


LIST = Form(
    name="tariff",
    questions=(
        Question(name="said", read=_said, free=True),
        Question(
            name="begins",
            read=_begins,
            picks=(("tariff.at_once", str(Begins.AT_ONCE)), ("tariff.next_month", str(Begins.NEXT_MONTH))),
        ),
    ),
    done=_listed,
)
WHY = Form(name="tariff_why", questions=(REASON,), done=_ready)


def _of_site(turn: Turn, session: Session, site: SiteLine, rest: str) -> Reply:
    del turn, rest
    return Reply(session=session, effects=(ShowTariffs(site_id=site.site_id),))


def _shown(effect: ShowTariffs, value: SiteTariffs, turn: Turn, session: Session) -> Reply:
    """Every list with its versions, and the question for a new one."""
    language = turn.actor.language
    tables: list[Part] = [sheet_table(language, each, value.time_zone, name=value.name) for each in value.sheets]
    if not tables:
        tables.append(say(language, "prices.none", Tone.WARNING, label=value.name))
    asked = LIST.ask(turn, session, {"site_id": effect.site_id, "name": value.name})
    return Reply(session=asked.session, parts=(*tables, *asked.parts))


async def _drafted(on: Situation, effect: PreviewTariff) -> TariffDraft | Refused:
    """A list that cannot be, or a day that has begun, is asked for again."""
    try:
        return await draft_tariff(on.business, on.actor, effect.site_id, read_price_list(effect.said), effect.begins)
    except Refused as problem:
        if problem.key == "refused.not_found":
            raise
        return problem


def _previewed(effect: PreviewTariff, value: TariffDraft | Refused, turn: Turn, session: Session) -> Reply:
    """What is asked for, what holds now, and the sum of last month's rooms with those whom it changes most."""
    about: dict[str, str | int] = {"site_id": effect.site_id, "name": effect.name}
    if isinstance(value, Refused):
        known = {**about, "said": effect.said} if value.key in _DAY_TROUBLE else about
        return LIST.ask(turn, session, known, value)
    language = turn.actor.language
    tables = [sheet_table(language, value.after, value.time_zone, name=effect.name)]
    if value.before is not None:
        tables.append(sheet_table(language, value.before, value.time_zone, name=effect.name))
    start = since_words(language, value.after, value.time_zone)
    version = tariff_text(value.after.version)
    asked = WHY.ask(turn, session, {**about, "version": version, "utility": value.after.utility, "start": start})
    return Reply(session=asked.session, parts=(*tables, _month(language, effect.name, value.preview), *asked.parts))


def _month(language: str, name: str, value: TariffPreview) -> KeyValueTable:
    most = sorted(value.lines, key=lambda line: -abs(line.after_micro - line.before_micro))[:MOST_LINES]
    sums = (sum(line.before_micro for line in value.lines), sum(line.after_micro for line in value.lines))
    rows = (
        Row(label=text(language, "tariff.all", count=len(value.lines)), value=_change(language, *sums)),
        *(Row(label=line.label, value=_line(language, line)) for line in most),
    )
    title = text(language, "tariff.title", name=name, month=value.month)
    return KeyValueTable(title=title, rows=rows, note=text(language, "tariff.note", count=value.accounts))


def _change(language: str, before_micro: int, after_micro: int) -> str:
    return text(language, "tariff.change", before_micro=before_micro, after_micro=after_micro)


def _line(language: str, line: PreviewLine) -> str:
    energy = text(language, "figure.energy", energy_wh=line.energy_wh)
    return text(language, "figure.separator").join((energy, _change(language, line.before_micro, line.after_micro)))


async def _ask(on: Situation, effect: ChangeTariff) -> Approval:
    version = named(tariff_from_text(effect.version), effect.name)
    return await change_tariff(
        on.business, on.actor, effect.site_id, version, why=effect.why, utility=Utility(effect.utility)
    )


def _asked(effect: ChangeTariff, value: Approval, turn: Turn, session: Session) -> Reply:
    del effect
    return Reply(session=session, parts=(desk.waits(turn, value),))


TOPIC = Topic(
    intents=(
        Intent(
            name="tariff",
            hints=(
                r"[改调换].{0,4}[电水]?价",
                r"(?:change|raise|lower|new|set) .*\b(?:prices?|tariffs?)\b",
            ),
            audience=Audience.STAFF,
            commands=("tariff", "改电价", "电价调整", "改水价", "价目版本"),
            phrases=(r"(?:修改|调整|变更)(?:电价|水价|价目)", r"change (?:the )?(?:tariff|price)s?"),
        ),
    ),
    openings={"tariff": desk.for_site("tariff")},
    confirmed={
        "confirm.tariff": lambda d: ChangeTariff(
            site_id=str(d["site_id"]),
            utility=str(d["utility"]),
            version=str(d["version"]),
            name=f"chat-{d['wish']}",
            why=str(d["why"]),
        ),
    },
    steps={LIST.step: LIST.heard, WHY.step: WHY.heard},
    picked={LIST.step: LIST.picked},
    after_site={"tariff": _of_site},
    performers={
        ShowTariffs: lambda e, on: site_tariffs(on.business, on.actor, e.site_id),
        PreviewTariff: lambda e, on: _drafted(on, e),
        ChangeTariff: lambda e, on: _ask(on, e),
    },
    presenters={ShowTariffs: _shown, PreviewTariff: _previewed, ChangeTariff: _asked},
)
