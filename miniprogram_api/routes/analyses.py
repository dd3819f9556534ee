"""Analyses for staff: use in bars, losses, common parts and sites compared, as figures and as files (A2, M7)."""

from __future__ import annotations

from miniprogram_api.contract import Ask, Blob
from miniprogram_api.models.analyses import (
    AllocationOut,
    FileKind,
    ShareFileWish,
    ShareWish,
    SiteLossesOut,
    SitesComparedOut,
    SitesFileWish,
    SitesWish,
    SpanFileWish,
    SpanWish,
    UseReportOut,
    allocation_out,
    site_losses_out,
    sites_out,
    use_out,
)
from miniprogram_api.parts import Analysis
from miniprogram_api.routes.reports import file_of, report_route
from prepaid.domain.errors import not_found
from prepaid.usecases.compare_site import compare_sites, use_report
from prepaid.usecases.place_losses import share_common, site_losses
from prepaid.usecases.spans import named_span


async def _span(ask: Ask, wanted: str | None) -> str:
    """The span's name; by default the running month of the site. Whether one sees the site is decided there too."""
    return (await named_span(ask.business, ask.actor, ask.path["site_id"], wanted or "month")).name


async def _use(ask: Ask) -> UseReportOut:
    span = await _span(ask, ask.query(SpanWish).span)
    return use_out(await use_report(ask.business, ask.actor, ask.path["site_id"], span))


async def _losses(ask: Ask) -> SiteLossesOut:
    span = await _span(ask, ask.query(SpanWish).span)
    return site_losses_out(span, await site_losses(ask.business, ask.actor, ask.path["site_id"], span))


async def _share(ask: Ask) -> AllocationOut:
    wish = ask.query(ShareWish)
    return allocation_out(await share_common(ask.business, ask.actor, ask.path["meter_id"], wish.span, wish.rule))


async def _sites(ask: Ask) -> SitesComparedOut:
    span = ask.query(SitesWish).span
    return sites_out(span, await compare_sites(ask.business, ask.actor, span))


async def _export_use(ask: Ask) -> Blob:
    wish = ask.query(SpanFileWish)
    span = await _span(ask, wish.span)
    found = await use_report(ask.business, ask.actor, ask.path["site_id"], span)
    return await _paper(ask, found, f"use-{span}", wish.format)


async def _export_losses(ask: Ask) -> Blob:
    wish = ask.query(SpanFileWish)
    span = await _span(ask, wish.span)
    found = await site_losses(ask.business, ask.actor, ask.path["site_id"], span)
    return await _paper(ask, found, f"losses-{span}", wish.format)


async def _export_share(ask: Ask) -> Blob:
    wish = ask.query(ShareFileWish)
    found = await share_common(ask.business, ask.actor, ask.path["meter_id"], wish.span, wish.rule)
    return await _paper(ask, found, f"share-{found.span}", wish.format)


async def _export_sites(ask: Ask) -> Blob:
    wish = ask.query(SitesFileWish)
    found = await compare_sites(ask.business, ask.actor, wish.span)
    return await _paper(ask, found, f"sites-{wish.span}", wish.format)


async def _paper(ask: Ask, found: Analysis, name: str, kind: FileKind) -> Blob:
    if ask.parts.paper is None:
        raise not_found()
    return file_of(await ask.parts.paper.analysis(ask.language, found, kind), name, kind)


ROUTES = (
    report_route(
        "sites/{site_id}/reports/use",
        "getUseReport",
        "A day, week, month or year by the registers: bars, base load, night, odd hours, empty rooms",
        _use,
        UseReportOut,
        query=SpanWish,
    ),
    report_route(
        "sites/{site_id}/reports/losses",
        "getSiteLosses",
        "What is lost behind each main meter of a site",
        _losses,
        SiteLossesOut,
        query=SpanWish,
    ),
    report_route(
        "meters/{meter_id}/share",
        "getShare",
        "What is common behind a main meter, shared out among the rooms",
        _share,
        AllocationOut,
        query=ShareWish,
    ),
    report_route(
        "reports/sites",
        "compareSites",
        "The sites in one's reach side by side",
        _sites,
        SitesComparedOut,
        query=SitesWish,
    ),
    report_route(
        "sites/{site_id}/exports/use", "exportUse", "The use of a span as a file", _export_use, None, query=SpanFileWish
    ),
    report_route(
        "sites/{site_id}/exports/losses",
        "exportSiteLosses",
        "The losses of a site as a file",
        _export_losses,
        None,
        query=SpanFileWish,
    ),
    report_route(
        "meters/{meter_id}/exports/share",
        "exportShare",
        "The shares of what is common as a file",
        _export_share,
        None,
        query=ShareFileWish,
    ),
    report_route(
        "exports/sites", "exportSites", "Sites side by side as a file", _export_sites, None, query=SitesFileWish
    ),
)
