"""Reports of a site for the staff: a picture, the figures behind it, and the file, for any span (A2)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass

from bot.conversations import desk
from bot.conversations.desk import PickSite
from bot.conversations.effects import Effect
from bot.conversations.inbound import Turn
from bot.conversations.parts import File
from bot.conversations.perform import Situation
from bot.conversations.reply import Reply, choose, press
from bot.conversations.report_kinds import Made, make, make_file_of, parts_of
from bot.conversations.session import Session
from bot.conversations.topic import Topic
from bot.conversations.vocabulary import Audience, Intent, Wants
from bot.rendering.sheets import MEDIA_TYPES
from bot.texts import text
from prepaid.domain.mail_outs import SHARES, Every, ReportForm, ReportKind
from prepaid.usecases.find_sites import SiteLine

_KINDS: Mapping[ReportKind, str] = {
    ReportKind.FINANCE: r"finance|money|财务|资金|收支|收入",
    ReportKind.RANK: r"rank(?:ing)?s?|用量排名|排名|排行",
    ReportKind.SHARE_USE: r"shares? by use|按用量(?:公摊|分摊)|(?:公摊|分摊)按用量",
    ReportKind.SHARE_AREA: r"shares? by area|按面积(?:公摊|分摊)|(?:公摊|分摊)按面积",
    ReportKind.SHARE: r"shares?(?: of common(?: parts)?)?|(?:按户)?(?:公摊|分摊)",
    ReportKind.LOSSES: r"loss(?:es)?|线损|损耗",
    ReportKind.ODD: r"unusual(?: use)?|abnormal(?: use)?|odd|异常(?:用电)?",
    ReportKind.EMPTY: r"empty(?: rooms?)?|vacant(?: rooms?)?|空房(?:用电)?",
    ReportKind.SITES: r"(?:compare )?sites(?: compared)?|comparison|小区对比|对比",
    ReportKind.USE: r"use|usage|consumption|用电(?:分析)?|用量|能耗",
}
_WHENS: Mapping[str, str] = {
    "last_month": r"last[ _]month(?:'s)?|上个?月",
    "last_week": r"last[ _]week(?:'s)?|上个?[周星]期?",
    "last_year": r"last[ _]year(?:'s)?|去年|上一?年",
    "yesterday": r"yesterday(?:'s)?|昨[天日]",
    "today": r"today(?:'s)?|daily|day|今[天日]|日报|当日",
    "week": r"(?:this )?week(?:'s)?|weekly|[本这]个?[周星]期?|周报",
    "month": r"(?:this )?month(?:'s)?|monthly|[本这]个?月|月报",
    "year": r"(?:this )?year(?:'s)?|yearly|[今本]年|年报",
}
_NAMED = re.compile(r"20\d\d-w\d\d|20\d\d-\d\d-\d\d|20\d\d-\d\d|20\d\d(?!\d)")
_CHINESE = re.compile(r"(20\d\d)年(?:(\d{1,2})月(?:(\d{1,2})[日号])?)?")
_FILLER = re.compile(r"\b(?:of|for|the|at|in|report|please)\b|的|报[表告]")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowReport(Effect):
    """One report. `when` is a span's name or how people call it; `site_id` is "" for all sites side by side."""

    site_id: str
    kind: ReportKind
    when: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SendReport(Effect):
    """The same as a file: `form` is "xlsx" or "csv"."""

    site_id: str
    kind: ReportKind
    when: str
    form: str


def _begin(turn: Turn, session: Session, argument: str) -> Reply:
    """A button says "<site>:<kind> <span> [form]"; people say kind, span and place in any order."""
    del turn
    name, colon, rest = argument.partition(":")
    if not colon:
        kind, when, name = understood(argument)
        rest = f"{kind} {when}"
    if rest.startswith(f"{ReportKind.SITES} "):
        return Reply(session=session, effects=(_effect("", rest),))
    return Reply(session=session, effects=(PickSite(text=name, then="report", rest=rest),))


def understood(heard: str) -> tuple[ReportKind, str, str]:
    """(kind, span, what is left: the place)."""
    said = _CHINESE.sub(_in_digits, heard.casefold())
    when, said = _taken(_WHENS, said)
    named = _NAMED.search(said)
    if named is not None:
        when, said = named[0].upper(), said.replace(named[0], " ", 1)
    kind, said = _taken({str(kind): words for kind, words in _KINDS.items()}, said)
    place = " ".join(_FILLER.sub(" ", said).split())
    return ReportKind(kind or ReportKind.USE), when, place


def _taken(table: Mapping[str, str], said: str) -> tuple[str, str]:
    """The first entry whose words are said, and what is left without them."""
    for name, words in table.items():
        pattern = rf"(?<![a-z])(?:{words})(?![a-z])"
        if re.search(pattern, said):
            return name, re.sub(pattern, " ", said, count=1)
    return "", said


def _in_digits(found: re.Match[str]) -> str:
    return "-".join(f"{int(part):02}" for part in found.groups() if part)


def _effect(site_id: str, rest: str) -> ShowReport | SendReport:
    kind, _, more = rest.partition(" ")
    when, _, form = more.partition(" ")
    when = when.upper() if when.startswith("20") else when
    known = ReportKind(kind) if kind in [*ReportKind] else ReportKind.USE
    if form in MEDIA_TYPES:
        return SendReport(site_id=site_id, kind=known, when=when, form=form)
    return ShowReport(site_id=site_id, kind=known, when=when)


def _of_site(turn: Turn, session: Session, site: SiteLine, rest: str) -> Reply:
    del turn
    return Reply(session=session, effects=(_effect(site.site_id, rest),))


async def _show(on: Situation, effect: ShowReport) -> Made:
    return await make(on.business, on.actor, effect.site_id, effect.kind, effect.when)


async def _send(on: Situation, effect: SendReport) -> File:
    """The file, made off the event loop."""
    made = await make(on.business, on.actor, effect.site_id, effect.kind, effect.when)
    return await asyncio.to_thread(make_file_of, on.actor.language, made, effect.form)


def _shown(effect: ShowReport, value: Made, turn: Turn, session: Session) -> Reply:
    language = turn.actor.language
    site, span = effect.site_id, value.span
    apart = value.kind in SHARES or value.kind is ReportKind.LOSSES
    others = [kind for kind in ReportKind if kind is not value.kind and (apart or kind not in SHARES)]
    targets = [(f"report.kind.{kind}", _action(site, f"{kind} {span}")) for kind in others]
    targets += [(f"button.{form}", _action(site, f"{value.kind} {span} {form}")) for form in MEDIA_TYPES]
    targets += [
        (f"button.every_{every}", desk.action("mailout", site, f"{value.kind} {every} {ReportForm.PICTURE}"))
        for every in Every
    ]
    if value.before:
        targets.append(("report.span_back", _action(site, f"{value.kind} {value.before}")))
    buttons = [press(language, key, action) for key, action in targets if action]
    prompt = (choose(text(language, "report.others"), language, *buttons),) if buttons else ()
    return Reply(session=session, parts=(*parts_of(language, value), *prompt))


def _action(site_id: str, rest: str) -> str:
    return desk.action("report", site_id, rest)


def _sent(effect: SendReport, value: File, turn: Turn, session: Session) -> Reply:
    del effect, turn
    return Reply(session=session, parts=(value,))


_SAID = "|".join((*_KINDS.values(), *_WHENS.values()))
TOPIC = Topic(
    intents=(
        Intent(
            name="report",
            hints=(
                r"报表|报告",
                r"\breports?\b|\bexports?\b",
            ),
            audience=Audience.STAFF,
            commands=("report", "reports", "报表", "报告"),
            phrases=(
                rf"(?:查看|看看|看|出|发)?(?P<arg>.{{0,20}}(?:{_SAID}).{{0,12}}(?:报表|报告)(?: .{{1,20}})?)",
                rf"(?:show |send )?(?:me )?(?:the )?(?P<arg>(?:{_SAID}).{{0,40}} report(?: (?:of|for) .{{1,20}})?)",
                r"(?P<arg>(?:线损|空房用电|异常用电|用量排名)(?: .{1,20})?|小区对比)",
                r"(?P<arg>(?:按户|按用量|按面积)?(?:公摊|分摊)(?: .{1,20})?)",
            ),
            wants=Wants.PERIOD,
        ),
    ),
    openings={"report": _begin},
    after_site={"report": _of_site},
    performers={
        ShowReport: lambda e, on: _show(on, e),
        SendReport: lambda e, on: _send(on, e),
    },
    presenters={ShowReport: _shown, SendReport: _sent},
)
