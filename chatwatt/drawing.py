"""Lends the web pages the pen and the sheets of the chat, so that both show the same charts and files."""

from __future__ import annotations

from collections.abc import Sequence

from bot.conversations.parts import Chart, Point
from bot.rendering.charts import svg
from bot.rendering.sheets import MEDIA_TYPES, csv_bytes, xlsx_bytes
from miniprogram_api.parts import Bar, Cell


class ChartDrawing:
    """Implements `miniprogram_api.parts.Drawing`."""

    def bars(
        self,
        *,
        title: str,
        summary: str,
        unit: str,
        scale: int,
        bars: Sequence[Bar],
        line_name: str = "",
        before_name: str = "",
    ) -> str:
        """The chart that a chat would be shown as a picture."""
        points = tuple(
            Point(label=bar.label, text="", value=bar.value, before=bar.before, line_micro=bar.line_micro)
            for bar in bars
        )
        return svg(
            Chart(
                title=title,
                summary=summary,
                points=points,
                unit=unit,
                scale=scale,
                line_name=line_name,
                before_name=before_name,
            )
        )


class SheetTables:
    """Implements `miniprogram_api.parts.Tables`."""

    def written(self, kind: str, title: str, rows: Sequence[Sequence[Cell]]) -> bytes:
        """With the chat's writers."""
        return csv_bytes(rows) if kind == "csv" else xlsx_bytes(title, rows)

    def media_type(self, kind: str) -> str:
        """By the kind."""
        return MEDIA_TYPES[kind]
