"""Every room of a place as rows of a sheet."""

from __future__ import annotations

from decimal import Decimal

from miniprogram_api.overview.figures import Figures
from miniprogram_api.parts import Cell, Words
from prepaid.domain.money import MICRO_PER_FEN
from prepaid.usecases.estate import Estate
from prepaid.usecases.estate_views import Level, PlaceView, RoomLine, name_of, room_lines

COLUMNS = ("site", "building", "room", "state", "rule", "balance", "power", "used", "used_l", "silent")


def exported(words: Words, language: str, estate: Estate, view: PlaceView) -> list[list[Cell]]:
    """The heading, then a row for each room: yuan, W, kWh and cubic metres as exact numbers."""
    rows: list[list[Cell]] = [[words.text(language, f"board.column.{name}") for name in COLUMNS]]
    if view.level is Level.ROOM:
        return rows + [_row(words, language, view.sites[0].name, "", line) for line in view.rooms]
    for path in sorted(view.buildings):
        building = estate.buildings[path]
        site = estate.sites[building.site_id]
        name = "" if path == site.path else name_of(path)
        rows += [_row(words, language, site.name, name, line) for line in room_lines(building)]
    return rows


def _row(words: Words, language: str, site: str, building: str, line: RoomLine) -> list[Cell]:
    silent = next((each.silent_since for each in line.points if each.silent_since is not None), None)
    return [
        site,
        building,
        line.label,
        words.text(language, f"board.state.{line.state}"),
        Figures(words, language).rule(line.rule),
        Decimal(line.balance_micro // MICRO_PER_FEN).scaleb(-2) if line.wallets else "",
        sum(each.power_w for each in line.points if not each.water),
        Decimal(line.used_wh).scaleb(-3),
        Decimal(line.used_l).scaleb(-3),
        f"{silent:%Y-%m-%d %H:%M}Z" if silent else "",
    ]
