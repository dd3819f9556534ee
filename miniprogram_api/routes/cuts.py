"""Tonight's list and what changes it, and cuts that only two persons can order: as in chat (A6, S2, S8)."""

from __future__ import annotations

from collections.abc import Sequence

from miniprogram_api.contract import Ask
from miniprogram_api.models.cuts import (
    BulkCutWish,
    MassCutWish,
    TonightLine,
    TonightOut,
    WeatherOut,
    WeatherWish,
    tonight_line,
    tonight_out,
)
from miniprogram_api.models.staff import ApprovalOut, approval_out
from miniprogram_api.routes.declared import staff_read, staff_write
from prepaid.usecases.allow_mass_cut import allow_mass_cut
from prepaid.usecases.bulk_cut import bulk_cut
from prepaid.usecases.set_weather_hold import set_weather_hold
from prepaid.usecases.tonight import TonightRow, tonight


async def _tonight(ask: Ask) -> TonightOut:
    found = await tonight(ask.business, ask.actor, ask.path["site_id"])
    return tonight_out(found, _lines(ask, found.cut), _lines(ask, found.spared))


def _lines(ask: Ask, rows: Sequence[TonightRow]) -> list[TonightLine]:
    words = ask.parts.words
    return [tonight_line(row, words.text(ask.language, row.rule) if words.has(row.rule) else row.rule) for row in rows]


async def _mass_cut(ask: Ask) -> ApprovalOut:
    wish = ask.body(MassCutWish)
    found = await allow_mass_cut(ask.business, ask.actor, ask.path["site_id"], until=wish.until, why=wish.why)
    return approval_out(found)


async def _weather(ask: Ask) -> WeatherOut:
    wish = ask.body(WeatherWish)
    site = await set_weather_hold(ask.business, ask.actor, ask.path["site_id"], until=wish.until, reason=wish.why)
    return WeatherOut(site_id=site.id, until=site.calendar.weather_hold_until)


async def _bulk_cut(ask: Ask) -> ApprovalOut:
    wish = ask.body(BulkCutWish)
    return approval_out(await bulk_cut(ask.business, ask.actor, wish.account_ids, reason=wish.reason))


ROUTES = (
    staff_read(
        "sites/{site_id}/tonight",
        "getTonight",
        "Who is cut tonight, and by which rule: a dry run",
        _tonight,
        TonightOut,
    ),
    staff_write(
        "sites/{site_id}/mass-cut",
        "askMassCut",
        "Ask a second person to let more than the site's share be cut",
        _mass_cut,
        ApprovalOut,
        body=MassCutWish,
    ),
    staff_write(
        "sites/{site_id}/weather-hold",
        "setWeatherHold",
        "Cut nobody on the site by rule until then, or end that",
        _weather,
        WeatherOut,
        body=WeatherWish,
        method="PUT",
    ),
    staff_write(
        "bulk-cut",
        "askBulkCut",
        "Ask a second person to cut all these accounts",
        _bulk_cut,
        ApprovalOut,
        body=BulkCutWish,
    ),
)
