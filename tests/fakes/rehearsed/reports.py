"""Reports on the stage: a week of one site with something of everything, its finances, and sites side by side."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from bot.conversations.parts import File
from bot.conversations.report_kinds import RULES, Made, Report, make_file_of
from bot.conversations.topics.reports import SendReport, ShowReport
from prepaid.domain.accounts import Site
from prepaid.domain.calendar import SiteCalendar
from prepaid.domain.errors import not_found
from prepaid.domain.finance import AccountFinance, Finance
from prepaid.domain.load import Load, Odd
from prepaid.domain.mail_outs import ReportKind
from prepaid.domain.tariffs import FlatTariff, Utility
from prepaid.usecases.compare_site import Bar, SiteTotal, UseReport
from prepaid.usecases.place_losses import Allocation, Share
from prepaid.usecases.site_use import MeterUse, SiteUse
from prepaid.usecases.spans import before, span_of, spoken_span
from prepaid.usecases.usage_report import Losses, UsageRank, UsageReport
from tests.fakes.rights import COUNTS, STAFF, right

SITE = Site(
    id="maple",
    name="枫丹苑",
    path="acme/maple",
    calendar=SiteCalendar(time_zone="Asia/Shanghai"),
    tariff=FlatTariff(id="t", price_micro_per_kwh=600_000),
)
WEEK = "2026-W47"
DAY_WH = (31_500, 30_200, 29_800, 33_100, 35_400, 41_900, 40_300)


def use(name: str) -> UseReport:
    """A week: one room without a lease, one odd hour, one silent meter."""
    span = span_of(SITE, name)
    odd = Odd(at=span.since + timedelta(hours=51), energy_wh=7_200, usual_wh=400)
    loads = {
        "101": Load(energy_wh=140_000, base_w=120, night_permille=180, odd=(odd,)),
        "102": Load(energy_wh=98_200, base_w=90, night_permille=210),
        "103": Load(energy_wh=4_000),
        "104": None,
    }
    meters = tuple(
        MeterUse(
            meter_id=f"m-{label}",
            label=label,
            account_id=None if label == "103" else f"a{label}",
            utility=Utility.ELECTRICITY,
            first_wh=None if load is None else 1_000,
            last_wh=None if load is None else 1_000 + load.energy_wh,
            load=load,
            empty=label == "103",
        )
        for label, load in loads.items()
    )
    days = tuple((span.since + timedelta(days=place), wh) for place, wh in enumerate(DAY_WH))
    whole = SiteUse(
        site_id=SITE.id,
        name=SITE.name,
        time_zone="Asia/Shanghai",
        span=span,
        meters=meters,
        whole=Load(energy_wh=242_200, base_w=640, night_permille=205),
        by_day_wh=days,
        by_hour_wh=(),
    )
    return UseReport(
        site_id=SITE.id,
        name=SITE.name,
        time_zone="Asia/Shanghai",
        span=span,
        bars=tuple(Bar(start=start, energy_wh=wh, before_wh=wh * 9 // 10) for start, wh in days),
        energy_wh=242_200,
        water_l=18_500,
        before_wh=217_900,
        year_ago_wh=251_000,
        use=whole,
    )


def finance(month: str) -> Finance:
    """Two accounts, one of them in debt for a week."""
    since = datetime(2026, 10, 31, 16, tzinfo=UTC)
    moved = {"top_up:wechat_pay": 100_000_000, "top_up:desk": 50_000_000, "refund": -20_000_000}
    rich = AccountFinance(
        account_id="a101",
        label="101",
        opening_micro=12_500_000,
        closing_micro=78_500_000,
        entries=4,
        columns=Counter(moved | {"consumption": -64_000_000}),
        energy_wh=Counter({"peak": 60_000, "flat": 40_000}),
        by_day_micro=Counter({0: 100_000_000, 3: -30_000_000, 7: -4_000_000}),
    )
    poor = AccountFinance(
        account_id="a102",
        label="102",
        closing_micro=-1_250_000,
        columns=Counter({"consumption": -1_250_000}),
        energy_wh=Counter({"flat": 2_000}),
        by_day_micro=Counter({5: -1_250_000}),
        owes_since=since + timedelta(days=26),
    )
    return Finance(
        site_id=SITE.id,
        name=SITE.name,
        currency="CNY",
        month=month,
        since=since,
        until=since + timedelta(days=30),
        accounts=(rich, poor),
        days=tuple(date(2026, 11, day) for day in range(1, 9)),
    )


def ranking(month: str) -> UsageReport:
    """Fourteen rooms, of which a picture shows twelve."""
    ranks = tuple(
        UsageRank(
            rank=place,
            account_id=f"a{100 + place}",
            label=str(100 + place),
            energy_wh=200_000 // place,
            water_l=0,
            amount_micro=120_000_000 // place,
            before_wh=180_000 // place,
            year_ago_wh=None,
        )
        for place in range(1, 15)
    )
    return UsageReport(
        site_id=SITE.id,
        month=month,
        ranks=ranks,
        energy_wh=sum(each.energy_wh for each in ranks),
        water_l=0,
        amount_micro=sum(each.amount_micro for each in ranks),
    )


def report_of(kind: ReportKind, span: str) -> Report:
    """What the use case of a kind would say."""
    if kind is ReportKind.FINANCE:
        return finance(span)
    if kind is ReportKind.RANK:
        return ranking(span)
    if kind is ReportKind.LOSSES:
        meters = {"m-101": 140_000, "m-102": 98_200}
        return (Losses(main_meter_id="main", month=span, main_wh=250_000, meters_wh=meters, silent=("m-104",)),)
    if kind in RULES:
        shares = (
            Share(account_id="a101", label="101", own_wh=140_000, share_wh=5_900),
            Share(account_id="a102", label="102", own_wh=98_200, share_wh=5_900),
        )
        return (Allocation(main_meter_id="main", span=span, rule=RULES[kind], main_wh=250_000, shares=shares),)
    if kind is ReportKind.SITES:
        first = SiteTotal(site_id="maple", name="枫丹苑", energy_wh=242_200, water_l=18_500, before_wh=217_900)
        return (first, replace(first, site_id="oak", name="橡树里", energy_wh=120_000, before_wh=0))
    return use(span)


def made(kind: ReportKind, when: str, now: datetime) -> Made:
    """A report as the performer makes it."""
    span = spoken_span(SITE, now, when)
    report = report_of(kind, span.name)
    earlier = before(SITE, span).name
    return Made(kind=kind, site_id=SITE.id, name=SITE.name, span=span.name, before=earlier, report=report)


def _show(stage: Any, user: str, effect: ShowReport) -> Made:
    del user
    if effect.site_id not in ("maple", ""):
        raise not_found()
    return made(effect.kind, effect.when, stage.now)


def _send(stage: Any, user: str, effect: SendReport) -> File:
    return make_file_of(
        "zh", _show(stage, user, ShowReport(site_id="maple", kind=effect.kind, when=effect.when)), "csv"
    )


ANSWERS = {ShowReport: _show, SendReport: _send}
SCRIPTS = {
    "report": (
        ("admin", "上周用电报表 枫丹苑"),
        ("admin", "/report 财务 2026-11 maple"),
        ("admin", "/report maple:odd 2026-W47"),
        ("admin", "空房用电"),
        ("admin", "/report maple:empty 2026-11"),
        ("admin", "/report losses maple"),
        ("admin", "按面积分摊 2026-11 枫丹苑 报表"),
        ("admin", "/report ranking last month 枫丹苑"),
        ("admin", "小区对比"),
        ("admin", "this month's consumption"),
        ("admin", "和去年同月比"),
        ("admin", "show me the losses of maple for october 2026"),
    ),
}
_MONTH = "2026-03"
RIGHTS = (
    # Of the kinds that anybody at the site may see the one that asks the store least; the others have tests of theirs.
    right("report", lambda on: ShowReport(site_id=on.site_id, kind=ReportKind.LOSSES, when=_MONTH), STAFF),
    right("report", lambda on: SendReport(site_id=on.site_id, kind=ReportKind.LOSSES, when=_MONTH, form="csv"), STAFF),
    right("report", lambda on: ShowReport(site_id=on.site_id, kind=ReportKind.FINANCE, when=_MONTH), COUNTS),
)
