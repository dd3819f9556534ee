"""Reports in chat: words name kind, span and place in any order; picture, table and file show the same figures."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from python_calamine import load_workbook

from bot.conversations import report_kinds
from bot.conversations.core import handle
from bot.conversations.desk import PickSite
from bot.conversations.inbound import Inbound, Turn
from bot.conversations.parts import Chart, KeyValueTable
from bot.conversations.report_kinds import make_file_of, parts_of
from bot.conversations.session import Session
from bot.conversations.topics.reports import SendReport, ShowReport
from bot.rendering.charts import png, svg
from prepaid.domain.access import Actor, Grant, Role
from prepaid.domain.errors import Refused
from prepaid.domain.mail_outs import MONTHLY, ReportKind
from tests.fakes.rehearsed.reports import made

AT = datetime(2026, 11, 23, 10, 30, tzinfo=UTC)
STAFF = Actor(id="p", grants=(Grant(Role.OWNER, "acme"),), language="en")


@pytest.mark.parametrize(
    ("said", "place", "rest"),
    [
        ("财务报表", "", "finance "),
        ("看看上个月的财务报表 枫丹苑", "枫丹苑", "finance last_month"),
        ("/report 排名 2026年3月 枫丹苑", "枫丹苑", "rank 2026-03"),
        ("/report maple losses 2026-10", "maple", "losses 2026-10"),
        ("today's consumption report of maple court", "maple court", "use today"),
        ("昨天用电报表", "", "use yesterday"),
        ("last week unusual use report", "", "odd last_week"),
        ("异常用电", "", "odd "),
        ("/report 2026-11-05", "", "use 2026-11-05"),
        ("/report year maple", "maple", "use year"),
        ("/report 2026-W47", "", "use 2026-W47"),
        ("/report", "", "use "),
    ],
)
def test_words_name_kind_span_and_place(said: str, place: str, rest: str) -> None:
    """A2: each way of asking comes to the same three things; the place is looked up in the person's reach."""
    reply = handle(Turn(inbound=Inbound(channel="t", user="u", text=said), actor=STAFF, at=AT), Session())
    assert reply.effects == (PickSite(text=place, then="report", rest=rest),), reply.effects


def test_presses_name_span_and_form() -> None:
    """A2: a press carries everything; weeks survive that presses are read in small letters; sites need no place."""
    pressed = {
        "report::sites 2026-W47": ShowReport(site_id="", kind=ReportKind.SITES, when="2026-W47"),
        "report::sites 2026-11 csv": SendReport(site_id="", kind=ReportKind.SITES, when="2026-11", form="csv"),
    }
    for action, effect in pressed.items():
        inbound = Inbound(channel="t", user="u", text="", action=action)
        assert handle(Turn(inbound=inbound, actor=STAFF, at=AT), Session()).effects == (effect,)


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("kind", list(ReportKind))
def test_picture_and_file_show_the_same_figures(kind: ReportKind, language: str) -> None:
    """A2: every kind has parts and both files in both languages; sums are those of the report, pictures are drawn."""
    report = made(kind, "2026-11" if kind in MONTHLY else "2026-W47", AT)
    parts = parts_of(language, report)
    charts = [part for part in parts if isinstance(part, Chart)]
    assert parts
    for chart in charts:
        assert chart.title in svg(chart).replace("&amp;", "&")
    if language == "zh" and kind is ReportKind.USE:
        assert png(charts[0]).startswith(b"\x89PNG")
    book = load_workbook(io.BytesIO(make_file_of(language, report, "xlsx").content()))
    rows = book.get_sheet_by_index(0).to_python()
    assert make_file_of(language, report, "csv").content().startswith(b"\xef\xbb\xbf")
    figures = {
        ReportKind.USE: (-2, 6, "242.2"),
        ReportKind.FINANCE: (-1, 2, "12.5"),
        ReportKind.LOSSES: (1, 1, "250"),
        ReportKind.SHARE: (1, 3, "5.9"),
    }
    if kind in figures:
        row, column, shown = figures[kind]
        assert Decimal(str(rows[row][column])) == Decimal(shown)
        sums = [row.value for part in parts if isinstance(part, KeyValueTable) for row in part.rows]
        assert any(shown in value for value in sums)


def test_a_file_that_no_chat_carries_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A2: instead of breaking the chat, the person is told where the whole report is to be had."""
    monkeypatch.setattr(report_kinds, "MAX_FILE_BYTES", 10)
    with pytest.raises(Refused, match=r"refused\.report_large"):
        make_file_of("en", made(ReportKind.USE, "2026-W47", AT), "csv")
