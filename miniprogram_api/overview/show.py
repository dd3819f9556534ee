"""What the template is given for one place: texts that are ready to show, nothing that it would have to work out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from markupsafe import Markup

from miniprogram_api.overview.figures import Figures
from miniprogram_api.overview.watch import Beside
from miniprogram_api.parts import Bar, Drawing, Words
from prepaid.domain.money import MICRO_PER_FEN
from prepaid.domain.panorama import Point
from prepaid.usecases.estate import Estate
from prepaid.usecases.estate_trends import CHART_DAYS, Days, MoneyIn, Used, today_of
from prepaid.usecases.estate_views import LINES_A_PAGE, Level, PlaceView, RoomLine, silent_places
from prepaid.usecases.tonight import TonightRow

DOWN_MOST: Final = 50
NIGHT_MOST: Final = 50
TICKETS_MOST: Final = 20
WH_PER_KWH: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Show:
    """One look at one place."""

    words: Words
    language: str
    drawing: Drawing | None
    estate: Estate
    beside: Beside
    view: PlaceView
    page: int

    @property
    def figures(self) -> Figures:
        """Figures in the reader's language."""
        return Figures(self.words, self.language)

    @property
    def zone(self) -> str:
        """The clock that times are shown by."""
        return self.view.sites[0].calendar.time_zone if self.view.sites else "Asia/Shanghai"

    def text(self, key: str, **params: object) -> str:
        """A text of the page."""
        return self.words.text(self.language, f"board.{key}", time_zone=self.zone, **params)

    def when(self, at: datetime) -> str:
        """An instant on the site's clock."""
        return self.words.text(self.language, "board.when", at=at, time_zone=self.zone)

    def context(self) -> dict[str, Any]:
        """Everything for the template."""
        view = self.view
        first = (self.page - 1) * LINES_A_PAGE
        lines = view.places or view.rooms
        return {
            "t": self.text,
            "level": view.level.value,
            "at": view.path,
            "name": view.name or self.text("everything"),
            "way": [(each.path, each.name or self.text("everything")) for each in view.way],
            "day": self.figures.day(self.estate.at, self.zone),
            "as_of": self.words.text(self.language, "figure.clock", at=self.estate.at, time_zone=self.zone),
            "tally": view.tally,
            "f": self.figures.of_place(view.path, view.tally),
            "use": self._use(),
            "reading": self.beside.days is None,
            "places": [self._place(each) for each in view.places[first : first + LINES_A_PAGE]],
            "rooms": [self._room(each) for each in view.rooms[first : first + LINES_A_PAGE]],
            "page": self.page,
            "pages": max(1, -(-len(lines) // LINES_A_PAGE)),
            "chart": self._chart(),
            "money": self._money(),
            "down": self._down(),
            "nights": self._nights(),
            "tickets": self._tickets(),
            "meters": self._meters() if view.level is Level.ROOM else [],
        }

    def _place(self, line: Any) -> dict[str, Any]:
        return {
            "path": line.path,
            "name": line.name,
            "f": self.figures.of_place(line.path, line.tally),
            "off": line.tally.off,
            "silent": line.tally.silent,
            "debtors": line.tally.debtors,
        }

    def _room(self, line: RoomLine) -> dict[str, Any]:
        return {
            "path": line.path,
            "name": line.label,
            "state": line.state,
            "f": self.figures.of_room(line),
            "owes": line.balance_micro < 0,
            "hold": next((each.hold for each in line.points if each.hold), ""),
        }

    def _rule(self, rule: str) -> str:
        return self.figures.rule(rule)

    def _meters(self) -> list[dict[str, Any]]:
        return [self._meter(point) for line in self.view.rooms for point in line.points]

    def _meter(self, point: Point) -> dict[str, Any]:
        state = "none" if not point.has_supply else "unknown" if point.on is None else "on" if point.on else "off"
        return {
            "id": point.meter_id,
            "gateway": point.gateway_id,
            "state": state,
            "word": self.text(f"state.{state}"),
            "rule": self._rule(point.reason) if point.has_supply else "",
            "hold": point.hold,
            "power": "" if point.water else self.figures.power(point.power_w),
            "used": self.figures.water(point.used) if point.water else self.figures.energy(point.used),
            "read": self.when(point.read_at) if point.read_at else "",
            "silent": self.when(point.silent_since) if point.silent_since else "",
        }

    def _use(self) -> dict[str, str]:
        """This month beside the same days of the month before, and yesterday; empty while it is being added up.

        Electricity, and water under names that end in "_l" where any was used.
        """
        days, view = self.beside.days, self.view
        if days is None or not view.buildings or not view.sites:
            return {}
        today = today_of(view.sites[0], self.estate.at)
        month = [today.replace(day=1) + timedelta(days=each) for each in range(today.day - 1)]
        before = (today.replace(day=1) - timedelta(days=1)).replace(day=1)
        same = [before + timedelta(days=each) for each in range(today.day)]
        same = [day for day in same if day.month == before.month]
        yesterday_wh, yesterday_l = days.of(view.buildings, today - timedelta(days=1))
        month_wh, month_l = _sum(days, view.buildings, month)
        before_wh, before_l = _sum(days, view.buildings, same)
        month_wh, month_l = month_wh + view.tally.used_wh, month_l + view.tally.used_l
        figures, whole = self.figures, days.missing == 0
        found = {
            "yesterday": figures.energy(yesterday_wh),
            "month": figures.energy(month_wh) if whole else "",
            "before": figures.beside(figures.energy(before_wh), month_wh, before_wh) if whole else "",
        }
        if month_l or before_l or yesterday_l:
            found["yesterday_l"] = figures.water(yesterday_l)
            found["month_l"] = figures.water(month_l) if whole else ""
            found["before_l"] = figures.beside(figures.water(before_l), month_l, before_l) if whole else ""
        return found

    def _chart(self) -> Markup | None:
        """Thirty days beside the thirty before, with the money that came in where the whole is looked at."""
        days, view = self.beside.days, self.view
        if self.drawing is None or days is None or not view.buildings or not view.sites:
            return None
        today = today_of(view.sites[0], self.estate.at)
        shown = [today - timedelta(days=back) for back in range(CHART_DAYS)][::-1]
        money = self.beside.money if self._is_whole() else None
        if money is not None and not any(money.by_day_fen[day] for day in shown):
            # A line along the ground under a scale of nothing tells nobody anything.
            money = None
        bars = [self._bar(days, money, day, today) for day in shown]
        if not any(bar.value or bar.before for bar in bars):
            return None
        drawn = self.drawing.bars(
            title=self.text("chart"),
            summary=self.text("chart_note") if days.missing == 0 else self.text("adding_up", count=days.missing),
            unit="kWh",
            scale=WH_PER_KWH,
            bars=bars,
            line_name=self.text("money_in") if money is not None else "",
            before_name=self.text("chart_before"),
        )
        return Markup(drawn)  # noqa: S704 - made by our own hand, which escapes every text in it

    def _bar(self, days: Days, money: MoneyIn | None, day: date, today: date) -> Bar:
        used = self.view.tally.used_wh if day == today else days.of(self.view.buildings, day)[0]
        before = days.of(self.view.buildings, day - timedelta(days=CHART_DAYS))[0]
        fen = money.by_day_fen[day] if money is not None else 0
        return Bar(label=f"{day:%m-%d}", value=used, before=before, line_micro=fen * MICRO_PER_FEN)

    def _is_whole(self) -> bool:
        """What is known of the whole jurisdiction is shown where the whole is shown, and nowhere else."""
        return self.view.level is Level.ALL or (self.view.level is Level.SITE and len(self.estate.sites) == 1)

    def _money(self) -> list[tuple[str, str, str]] | None:
        """By provider: its name, today, this month; the sum last. None for whoever may not see it."""
        money = self.beside.money
        if money is None or not self._is_whole():
            return None
        names = sorted({*money.month_fen, *money.today_fen})
        rows = [(self._way(name), money.today_fen[name], money.month_fen[name]) for name in names]
        rows.append((self.text("sum"), money.today_fen.total(), money.month_fen.total()))
        return [(name, self.figures.fen(today), self.figures.fen(month)) for name, today, month in rows]

    def _way(self, name: str) -> str:
        key = f"board.way.{name}"
        return self.words.text(self.language, key) if self.words.has(key) else name

    def _down(self) -> dict[str, Any]:
        found = silent_places(self.estate, self.view)
        rows = [
            (each.gateway_id or each.meter_id, bool(each.gateway_id), each.path, each.meters, self.when(each.since))
            for each in found[:DOWN_MOST]
        ]
        return {"rows": rows, "more": max(0, len(found) - DOWN_MOST)}

    def _nights(self) -> list[dict[str, Any]]:
        """Tonight's list of each site that is looked at, as far as it lies in the place."""
        found = []
        for site in self.view.sites:
            night = self.beside.nights.get(site.id)
            if night is None:
                continue
            cut = [row for row in night.cut if self._inside(row.account_id)]
            spared = [row for row in night.spared if self._inside(row.account_id)]
            rows = [self._night(row) for row in (*cut, *spared)[:NIGHT_MOST]]
            until = self.when(night.until)
            more = len(cut) + len(spared) - len(rows)
            said = {"site": site.name, "cut": len(cut), "spared": len(spared), "until": until}
            found.append({**said, "rows": rows, "more": more})
        return found

    def _night(self, row: TonightRow) -> dict[str, Any]:
        at = row.at or row.spared_until
        return {
            "label": row.label,
            "path": self.estate.account_paths.get(row.account_id, ""),
            "balance": self.figures.money(row.balance_micro),
            "cut": row.at is not None,
            "when": self.when(at) if at is not None else "",
            "rule": self._rule(row.rule) or row.rule,
        }

    def _inside(self, account_id: str) -> bool:
        """Whether an account lies in the place that is looked at."""
        room, path = self.estate.account_paths.get(account_id), self.view.path
        if room is None:
            return False
        return not path or room == path or room.startswith(f"{path}/")

    def _tickets(self) -> dict[str, Any] | None:
        """How many, and of the oldest what kind, about what and since when; None where the whole is not looked at."""
        if not self._is_whole():
            return None
        rows = [("dispute", each.why, each.opened_at) for each in self.beside.disputes]
        rows += [("money", self._rule(each.why) or each.kind.value, each.opened_at) for each in self.beside.tickets]
        rows.sort(key=lambda each: each[2])
        shown = [(self.text(f"ticket.{kind}"), why, self.when(at)) for kind, why, at in rows[:TICKETS_MOST]]
        return {"count": len(rows), "rows": shown, "more": len(rows) - len(shown)}


def _sum(days: Days, buildings: Sequence[str], some: Sequence[date]) -> Used:
    found = [days.of(buildings, day) for day in some]
    return sum(wh for wh, _ in found), sum(litres for _, litres in found)
