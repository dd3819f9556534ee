"""Planned outages: previewed, announced and called off by the staff, listed for everybody whom they touch (N2)."""

from __future__ import annotations

from miniprogram_api.contract import Ask, Route
from miniprogram_api.models.outages import (
    OutageOut,
    OutagePlanIn,
    OutagePlanOut,
    OutagesOut,
    OutageWishIn,
    outage_line_out,
    outage_out,
    wish_of,
)
from miniprogram_api.models.people import audience_out
from miniprogram_api.routes.declared import staff_write
from prepaid.domain.notices import NoticeKind
from prepaid.domain.outages import words_key
from prepaid.usecases.outage_lines import outage_lines
from prepaid.usecases.plan_outage import call_off_outage, plan_outage, preview_outage, words_of


async def _list(ask: Ask) -> OutagesOut:
    return OutagesOut(outages=[outage_line_out(line) for line in await outage_lines(ask.business, ask.actor)])


async def _preview(ask: Ask) -> OutagePlanOut:
    """With the message as those read it who use Chinese, and those who use English."""
    wish = wish_of(ask.path["site_id"], ask.body(OutageWishIn))
    plan = await preview_outage(ask.business, ask.actor, wish)
    params = words_of(plan.audience.site, plan.audience.path, plan.wish)
    zone, key = plan.audience.site.calendar.time_zone, words_key(NoticeKind.OUTAGE_PLANNED, params["utility"])
    said = {each: ask.parts.words.text(each, key, **params, time_zone=zone) for each in ("zh", "en")}
    return OutagePlanOut(
        audience=audience_out(plan.audience, said), others=[outage_out(other) for other in plan.others]
    )


async def _plan(ask: Ask) -> OutageOut:
    wish = ask.body(OutagePlanIn)
    planned = await plan_outage(ask.business, ask.actor, wish_of(ask.path["site_id"], wish), key=wish.key)
    return outage_out(planned)


async def _call_off(ask: Ask) -> OutageOut:
    return outage_out(await call_off_outage(ask.business, ask.actor, ask.path["outage_id"]))


ROUTES = (
    Route(
        method="GET",
        path="/outages",
        name="listOutages",
        summary="Planned outages that touch one's accounts, or one's places",
        tag="messages",
        handle=_list,
        answers=OutagesOut,
    ),
    staff_write(
        "sites/{site_id}/outages/preview",
        "previewOutage",
        "Who would be told of a planned outage, and what exactly",
        _preview,
        OutagePlanOut,
        body=OutageWishIn,
    ),
    staff_write(
        "sites/{site_id}/outages",
        "planOutage",
        "Announce an outage: everybody of the place is told now and reminded before it, once for each key",
        _plan,
        OutageOut,
        body=OutagePlanIn,
    ),
    staff_write(
        "outages/{outage_id}/calling-off",
        "callOffOutage",
        "It will not be, or it is over before its time: everybody is told",
        _call_off,
        OutageOut,
    ),
)
