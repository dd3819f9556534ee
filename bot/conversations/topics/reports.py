"""Reports of a site for the staff: a picture, the figures behind it, and the file, for any span (A2)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from bot.conversations import desk
from bot.conversations.desk import PickSite
from bot.conversations.effects import Effect
from bot.conversations.inbound import Turn
from bot.conversations.parts import File
from bot.conversations.perform import Situation
from bot.conversations.reply import Reply, choose, press
from bot.conversations.report_kinds import Made, make, make_file_of, parts_of
from bot.conversations.report_words import ALONE, PLEASE, SAID, WHENS_SAID, form_in, gist, understood
from bot.conversations.session import Session
from bot.conversations.topic import Topic
from bot.conversations.vocabulary import Audience, Intent, Wants
from bot.rendering.sheets import MEDIA_TYPES
from bot.texts import text
from prepaid.domain.mail_outs import SHARES, Every, ReportForm, ReportKind
from prepaid.usecases.find_sites import SiteLine


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
        form, said = form_in(argument)
        kind, when, name = understood(said)
        rest = f"{kind} {when} {form}" if form else f"{kind} {when}"
    if rest.startswith(f"{ReportKind.SITES} "):
        return Reply(session=session, effects=(_effect("", rest),))
    return Reply(session=session, effects=(PickSite(text=name, then="report", rest=rest),))


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


_SHOW = "(?:查看|看看|看|出|发)?"
TOPIC = Topic(
    intents=(
        Intent(
            name="report",
            hints=(
                r"报表|报告|用[了掉]?多少[电度]|用[电水]量?|线损|损耗|排[名行]|公摊|分摊",
                r"同比|环比|(?:和|跟|比|与)(?:上个?|去)(?:月|周|年)",
                r"\b(?:reports?|exports?|usage|consumption|losses|ranking|kwh)\b|how much .*\b(?:use|used|using)\b",
                r"compared? (?:with|to)|\b(?:base|standby|night) (?:load|use)\b",
            ),
            gist=gist,
            audience=Audience.STAFF,
            commands=("report", "reports", "报表", "报告"),
            phrases=(
                # First what is read fast: a sentence without these words is none of these.
                rf"(?=.*报[表告]){_SHOW}(?P<arg>.{{0,30}}(?:{SAID}).{{0,30}}(?:报表|报告)(?: .{{1,30}}|吧)?)",
                rf"{PLEASE}(?P<arg>(?:the )?(?:{SAID}) (?:.{{0,60}} )?reports?(?: .{{1,60}})?)",
                r"(?P<arg>(?:.{0,20}的)?(?:线损|空房用电|异常用电|用量排名|用电排名|用电排行)(?: .{1,30})?|小区对比)",
                rf"(?:show )?(?:me )?(?P<arg>(?:the )?(?:(?:{WHENS_SAID}) )?(?:{ALONE})(?: .{{1,60}})?)",
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
