"""Figures of places as texts, each under the name that it has on the page, so that one text can be changed there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

from miniprogram_api.parts import Words
from prepaid.domain.beside import change_percent
from prepaid.domain.panorama import Tally
from prepaid.usecases.estate import Change, Estate
from prepaid.usecases.estate_views import RoomLine, room_lines

COUNTS: Final = ("rooms", "meters", "on", "off", "unknown", "stuck", "warned", "silent", "debtors")
KILO: Final = 1000


class Figures:
    """Puts figures into words in one language."""

    def __init__(self, words: Words, language: str) -> None:
        self._words, self._language = words, language

    def of_place(self, path: str, tally: Tally) -> dict[str, str]:
        """The sums of a place."""
        found = {f"{name}@{path}": f"{getattr(tally, name):,}" for name in COUNTS}
        found[f"balance@{path}"] = self.money(tally.balance_micro)
        found[f"arrears@{path}"] = self.money(tally.arrears_micro)
        found[f"power@{path}"] = self.power(tally.power_w)
        found[f"used@{path}"] = self.energy(tally.used_wh)
        found[f"used_l@{path}"] = self.water(tally.used_l)
        return found

    def of_room(self, line: RoomLine) -> dict[str, str]:
        """What a list says of a room."""
        return {
            f"mark@{line.path}": line.state,
            f"state@{line.path}": self._words.text(self._language, f"board.state.{line.state}"),
            f"balance@{line.path}": self.money(line.balance_micro) if line.wallets else "",
            f"used@{line.path}": self.used(line),
            f"rule@{line.path}": self.rule(line.rule),
        }

    def rule(self, rule: str) -> str:
        """Why a supply is as it is; "" for a rule without words."""
        return self._words.text(self._language, rule) if rule and self._words.has(rule) else ""

    def used(self, line: RoomLine) -> str:
        """Electricity, water, or both."""
        has_water = any(each.water for each in line.points)
        parts = [self.energy(line.used_wh)] if not has_water or line.used_wh else []
        return " · ".join([*parts, *([self.water(line.used_l)] if has_water else [])])

    def money(self, amount_micro: int) -> str:
        """Yuan."""
        return self._words.text(self._language, "figure.balance", balance_micro=amount_micro)

    def fen(self, amount_fen: int) -> str:
        """Yuan, from fen."""
        return self._words.text(self._language, "figure.fen", amount_fen=amount_fen)

    def energy(self, energy_wh: int) -> str:
        """Kilowatt-hours with one decimal."""
        return f"{energy_wh // KILO:,}.{energy_wh % KILO // 100} kWh"

    def beside(self, figure: str, now: int, before: int) -> str:
        """A figure of before, and by how much now is more or less; alone where it is too little to compare with."""
        percent = change_percent(now, before)
        if percent is None:
            return figure
        return self._words.text(self._language, "board.change", figure=figure, percent=f"{percent:+,}")

    def day(self, at: datetime, zone: str) -> str:
        """The local day of an instant."""
        return self._words.text(self._language, "board.day_of", at=at, time_zone=zone)

    def water(self, litres: int) -> str:
        """Cubic metres with one decimal."""
        return f"{litres // KILO:,}.{litres % KILO // 100} m³"

    def power(self, power_w: int) -> str:
        """Kilowatts with one decimal."""
        return f"{power_w // KILO:,}.{power_w % KILO // 100} kW"


def told(words: Words, estate: Estate, changed: Iterable[Change], language: str) -> Mapping[str, str]:
    """What a change of some places changes on pages: the rooms, their buildings and sites, and the whole."""
    figures = Figures(words, language)
    zone = _zone(estate)
    found: dict[str, str] = {
        "at": words.text(language, "figure.clock", at=estate.at, time_zone=zone),
        "day": figures.day(estate.at, zone),
    }
    buildings: dict[str, set[str]] = {}
    for each in changed:
        buildings.setdefault(each.building, set()).add(each.path)
    for path, rooms in buildings.items():
        building = estate.buildings[path]
        found |= figures.of_place(path, building.tally)
        for line in room_lines(building, only=rooms):
            found |= figures.of_room(line)
    for site_id in {estate.buildings[path].site_id for path in buildings}:
        found |= figures.of_place(estate.sites[site_id].path, estate.of_site[site_id])
    return found | figures.of_place("", estate.total)


def _zone(estate: Estate) -> str:
    return next((site.calendar.time_zone for site in estate.sites.values()), "Asia/Shanghai")
