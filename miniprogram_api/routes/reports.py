"""Reports for staff: figures, the same as files, and the trail of one account (A2, A3)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from pydantic import BaseModel

from miniprogram_api.contract import Ask, Blob, Route
from miniprogram_api.models.common import from_instant_cursor
from miniprogram_api.models.reports import (
    ExportWish,
    FinanceOut,
    LossesOut,
    LossesWish,
    MonthWish,
    ReconciliationsOut,
    UsageReportOut,
    finance_out,
    losses_out,
    reconciliation_out,
    usage_out,
)
from miniprogram_api.models.staff import AuditPage, TrailWish, audit_page
from prepaid.domain.errors import not_found
from prepaid.usecases.finance_report import finance_report
from prepaid.usecases.recent_runs import recent_runs
from prepaid.usecases.search_audit import search_audit
from prepaid.usecases.usage_report import show_losses, usage_report

MEDIA: Final = {
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
LONG_S: Final = 40.0
"""A month of many accounts is read to its end."""


async def _finance(ask: Ask) -> FinanceOut:
    month = ask.query(MonthWish).month
    return finance_out(await finance_report(ask.business, ask.actor, ask.path["site_id"], month))


async def _usage(ask: Ask) -> UsageReportOut:
    month = ask.query(MonthWish).month
    return usage_out(await usage_report(ask.business, ask.actor, ask.path["site_id"], month))


async def _losses(ask: Ask) -> LossesOut:
    month = ask.query(LossesWish).month
    return losses_out(await show_losses(ask.business, ask.actor, ask.path["meter_id"], month))


async def _export_finance(ask: Ask) -> Blob:
    wish = ask.query(ExportWish)
    found = await finance_report(ask.business, ask.actor, ask.path["site_id"], wish.month)
    if ask.parts.paper is None:
        raise not_found()
    content = await ask.parts.paper.finance(ask.language, found, wish.format)
    return file_of(content, f"finance-{found.month}", wish.format)


async def _export_usage(ask: Ask) -> Blob:
    wish = ask.query(ExportWish)
    found = await usage_report(ask.business, ask.actor, ask.path["site_id"], wish.month)
    if ask.parts.paper is None:
        raise not_found()
    content = await ask.parts.paper.usage(ask.language, found, wish.format)
    return file_of(content, f"usage-{found.month}", wish.format)


def file_of(content: bytes, name: str, kind: str) -> Blob:
    """A file to download; `kind` is "csv" or "xlsx"."""
    return Blob(content=content, media_type=MEDIA[kind], name=f"{name}.{kind}")


async def _reconciliations(ask: Ask) -> ReconciliationsOut:
    found = await recent_runs(ask.business, ask.actor)
    return ReconciliationsOut(reconciliations=[reconciliation_out(run, shares) for run, shares in found])


async def _audit(ask: Ask) -> AuditPage:
    wish = ask.query(TrailWish)
    until, skip = from_instant_cursor(wish.cursor)
    account_id = ask.path["account_id"]
    found = await search_audit(ask.business, ask.actor, account_id, limit=wish.limit, until=until, skip=skip)
    return audit_page(found, wish.limit, until, skip)


def report_route(
    path: str,
    name: str,
    summary: str,
    handle: Callable[[Ask], Awaitable[BaseModel | None]],
    answers: type[BaseModel] | None,
    *,
    query: type[BaseModel] | None = None,
) -> Route:
    """A reading of `/admin/...`; without a model of its answer it gives files."""
    return Route(
        method="GET",
        path=f"/admin/{path}",
        name=name,
        summary=summary,
        tag="reports",
        handle=handle,
        query=query,
        answers=answers,
        media_types=() if answers is not None else tuple(MEDIA.values()),
        volatile=frozenset({"until"}),
        waits_s=LONG_S,
    )


ROUTES = (
    report_route(
        "sites/{site_id}/reports/finance",
        "getFinanceReport",
        "Balances, what moved them, energy by band, debts by age",
        _finance,
        FinanceOut,
        query=MonthWish,
    ),
    report_route(
        "sites/{site_id}/reports/usage",
        "getUsageReport",
        "Who used how much, beside the month before and the year before",
        _usage,
        UsageReportOut,
        query=MonthWish,
    ),
    report_route(
        "sites/{site_id}/exports/finance",
        "exportFinance",
        "The finance of a month as a file",
        _export_finance,
        None,
        query=ExportWish,
    ),
    report_route(
        "sites/{site_id}/exports/usage",
        "exportUsage",
        "The use of a month as a file",
        _export_usage,
        None,
        query=ExportWish,
    ),
    report_route(
        "meters/{meter_id}/losses",
        "getLosses",
        "What a main meter's bus lost in a month",
        _losses,
        LossesOut,
        query=LossesWish,
    ),
    report_route(
        "reconciliations",
        "listReconciliations",
        "The latest comparison with each provider's bill",
        _reconciliations,
        ReconciliationsOut,
    ),
    report_route(
        "accounts/{account_id}/audit",
        "searchAudit",
        "Who did what to an account, and what was refused",
        _audit,
        AuditPage,
        query=TrailWish,
    ),
)
