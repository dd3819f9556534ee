"""The kinds of report: which use case makes each, and how it becomes parts and a file. For chats and for mail-outs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.conversations import report_parts as show
from bot.conversations.parts import MAX_FILE_BYTES, File, Part, make_file
from bot.rendering import report_tables as paper
from bot.rendering.sheets import MEDIA_TYPES
from bot.rendering.tables import Sheet, csv_bytes, xlsx_bytes
from bot.texts import text
from prepaid.domain.access import Actor
from prepaid.domain.errors import InvariantBroken, Refused
from prepaid.domain.finance import Finance
from prepaid.domain.mail_outs import MONTHLY, ReportKind
from prepaid.domain.sharing import Rule
from prepaid.ports import Business
from prepaid.usecases.compare_site import SiteTotal, UseReport, compare_sites, use_report
from prepaid.usecases.finance_report import finance_report
from prepaid.usecases.find_sites import find_sites
from prepaid.usecases.place_losses import Allocation, site_losses, site_shares
from prepaid.usecases.spans import Length, Span, before, reach_site, spoken_span
from prepaid.usecases.usage_report import Losses, UsageReport, usage_report

Report = UseReport | Finance | UsageReport | tuple[Losses, ...] | tuple[SiteTotal, ...] | tuple[Allocation, ...]
RULES = {ReportKind.SHARE: Rule.EQUAL, ReportKind.SHARE_USE: Rule.USE, ReportKind.SHARE_AREA: Rule.AREA}
"""By what a report of shares divides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A report. `span` and `before` are the names of its span and of the one before."""

    kind: ReportKind
    site_id: str
    name: str
    span: str
    before: str
    report: Report


async def make(business: Business, actor: Actor, site_id: str, kind: ReportKind, when: str) -> Made:
    """Calls the use case, which decides whether the actor may. `Refused` for a span that the kind has none of."""
    if kind is ReportKind.SITES and not site_id:
        # Any of the person's sites tells the time: sites of one operator share their clock, nearly always.
        site_id = (await find_sites(business, actor, ""))[0].site_id
    site = await reach_site(business, actor, site_id)
    span = spoken_span(site, business.clock.now(), when)
    if kind in MONTHLY and span.length is not Length.MONTH:
        raise Refused("refused.report_month")
    report = await _report(business, actor, site_id, kind, span)
    earlier = before(site, span).name
    return Made(kind=kind, site_id=site_id, name=site.name, span=span.name, before=earlier, report=report)


async def _report(business: Business, actor: Actor, site_id: str, kind: ReportKind, span: Span) -> Report:
    if kind is ReportKind.FINANCE:
        return await finance_report(business, actor, site_id, span.name)
    if kind is ReportKind.RANK:
        return await usage_report(business, actor, site_id, span.name)
    if kind is ReportKind.LOSSES:
        return await site_losses(business, actor, site_id, span.name)
    if kind in RULES:
        return await site_shares(business, actor, site_id, span.name, RULES[kind])
    if kind is ReportKind.SITES:
        return await compare_sites(business, actor, span.name)
    return await use_report(business, actor, site_id, span.name)


def parts_of(language: str, made: Made) -> tuple[Part, ...]:
    """Pictures and tables in one language."""
    report = made.report
    if isinstance(report, Finance):
        return show.finance_parts(language, report)
    if isinstance(report, UsageReport):
        return show.rank_parts(language, report, made.name)
    if isinstance(report, UseReport):
        of_use = {ReportKind.ODD: show.odd_parts, ReportKind.EMPTY: show.empty_parts}
        return of_use.get(made.kind, show.use_parts)(language, report)
    if made.kind in RULES:
        shares = [each for each in report if isinstance(each, Allocation)]
        return show.share_parts(language, shares, made.name, made.kind)
    if made.kind is ReportKind.LOSSES:
        return show.losses_parts(language, [each for each in report if isinstance(each, Losses)], made.name)
    return show.sites_parts(language, [each for each in report if isinstance(each, SiteTotal)], made.span)


def make_file_of(language: str, made: Made, form: str) -> File:
    """The tables as XLSX or CSV. `Refused` where they are more than a chat carries."""
    tables = _sheets(language, made)
    content = xlsx_bytes(tables) if form == "xlsx" else csv_bytes(tables)
    if len(content) > MAX_FILE_BYTES:
        raise Refused("refused.report_large")
    kind = text(language, f"report.kind.{made.kind}")
    caption = text(language, "report.title", name=made.name, kind=kind, span=made.span)
    return make_file(f"{made.site_id}-{made.kind}-{made.span}.{form}", MEDIA_TYPES[form], content, caption)


def _sheets(language: str, made: Made) -> Sequence[Sheet]:
    report = made.report
    if isinstance(report, Finance):
        return paper.finance_sheets(language, report)
    if isinstance(report, UsageReport):
        return paper.usage_sheets(language, report)
    if isinstance(report, UseReport):
        # What was asked for comes first: it is what a spreadsheet opens with.
        use, *others = paper.use_sheets(language, report)
        asked = {ReportKind.ODD: 1, ReportKind.EMPTY: 2}.get(made.kind)
        first = [others.pop(asked)] if asked is not None and asked < len(others) else []
        return (*first, use, *others)
    if made.kind is ReportKind.LOSSES:
        return paper.site_losses_sheets(language, [each for each in report if isinstance(each, Losses)])
    if made.kind in RULES:
        return paper.site_share_sheets(language, [each for each in report if isinstance(each, Allocation)])
    if made.kind is ReportKind.SITES:
        return paper.sites_sheets(language, [each for each in report if isinstance(each, SiteTotal)])
    raise InvariantBroken(f"no paper for {made.kind}")
