"""Reports and bills that come by themselves: each morning and month once, with the rights of the moment of sending."""

from __future__ import annotations

import asyncio
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from python_calamine import load_workbook

from bot.conversations.parts import File, KeyValueTable, Part, Text
from bot.delivery import NoticeSender
from bot.mail_outs import MailOutPapers
from prepaid.domain.access import Actor, Grant, Role
from prepaid.domain.calendar import SiteCalendar
from prepaid.domain.errors import HeldBack, Refused
from prepaid.domain.mail_outs import BILL, Every, ReportForm, ReportKind, due_span, shown_span
from prepaid.domain.notices import Notice, NoticeKind, NoticeState
from prepaid.storage.driver import Database
from prepaid.usecases.deliver_notices import deliver_notices
from prepaid.usecases.mail_outs import my_mail_outs, order_mail_out, stop_mail_out
from scheduler.jobs import statements
from tests.fakes.building import SITE, Building, build
from tests.fakes.clock import ManualClock

SEVEN = datetime(2026, 3, 30, 23, tzinfo=UTC)
"""Seven in the morning of 31 March in Shanghai."""


class Chat:
    """A channel that keeps what it was given."""

    def __init__(self) -> None:
        self.shown: list[tuple[Part, ...]] = []

    async def show(self, user: str, parts: Sequence[Part], *, reference: str | None, bulk: bool = False) -> str:
        """Keeps it."""
        assert user
        assert bulk, "reports give way to what somebody waits for"
        assert reference is None
        self.shown.append(tuple(parts))
        return ""


@pytest.fixture
async def building(database: Database, clock: ManualClock) -> Building:
    """A flat with credit, on the evening before the last day of March."""
    building = await build(database, clock)
    clock.set(SEVEN - timedelta(hours=12))
    await building.flat(1, balance_micro=9_000_000)
    return building


async def _rows(building: Building, *people: Actor) -> Sequence[Notice]:
    rows = [row for who in people for row in await building.business.store.notices.of_person(who.id, 100)]
    assert all(row.kind is NoticeKind.REPORT for row in rows)
    return rows


async def _morning(building: Building, owners: int = 1) -> None:
    jobs = [statements.job(building.business, f"s{owner}", every) for owner in range(owners) for every in Every]
    await asyncio.gather(*(job.run() for job in jobs))


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/St_Johns", "Asia/Shanghai", "Australia/Lord_Howe"])
def test_every_day_and_month_has_one_morning(zone: str) -> None:
    """Y5: over a year of halves of an hour, both changes of summer time and 29 February, no span is left out."""
    calendar, now = SiteCalendar(time_zone=zone), datetime(2027, 12, 30, 0, 3, tzinfo=UTC)
    seen: dict[Every, list[str]] = {every: [] for every in Every}
    mornings = []
    for _ in range(368 * 48):
        for every, spans in seen.items():
            span = due_span(calendar, now, every)
            if not spans or spans[-1] != span:
                spans.append(span)
                mornings.append(calendar.local(now))
        now += timedelta(minutes=30)
    for spans in seen.values():
        assert spans == sorted(set(spans))
    assert len(seen[Every.DAY]) in (368, 369)
    assert len(seen[Every.MONTH]) in (13, 14)
    assert "2028-02-29" in seen[Every.DAY]
    assert all(at.hour == 7 and at.minute < 30 for at in mornings[2:])


def test_a_daily_report_of_the_ledger_shows_the_month_so_far() -> None:
    """A2: finance and ranking are those of a month, so the day's one that of its month; others are the day's."""
    spans = {
        kind: shown_span(kind, "2026-03-31")
        for kind in (ReportKind.FINANCE, ReportKind.RANK, ReportKind.USE, ReportKind.LOSSES)
    }
    assert spans == {
        ReportKind.FINANCE: "2026-03",
        ReportKind.RANK: "2026-03",
        ReportKind.USE: "2026-03-31",
        ReportKind.LOSSES: "2026-03-31",
    }
    assert shown_span(BILL, "2026-02") == "2026-02"


async def test_two_schedulers_queue_each_slot_once(building: Building, clock: ManualClock) -> None:
    """Y5, N1: whatever two schedulers and a leaping clock do, each day and each month is one row for each order."""
    tenant = await building.flat(1)
    staff = await building.operator(role=Role.FINANCE)
    for form in (ReportForm.PICTURE, ReportForm.CSV):  # The second order only changes the form.
        await order_mail_out(building.business, staff, ReportKind.USE, SITE, every=Every.DAY, form=form)
    await order_mail_out(building.business, staff, ReportKind.FINANCE, SITE, every=Every.MONTH, form=ReportForm.XLSX)
    await order_mail_out(building.business, tenant, BILL, "acc-1", every=Every.MONTH, form=ReportForm.PICTURE)
    await _morning(building, 2)
    assert await _rows(building, tenant, staff) == [], "what was over when it was ordered is not sent"
    for jump_h in (11.75, 0.5, 1, 24, 31 * 24, -31 * 24, 6, 24):
        clock.jump(hours=jump_h)
        await _morning(building, 2)
    rows = await _rows(building, tenant, staff)
    spans = Counter((row.person_id, str(row.params["why"]), str(row.params["span"])) for row in rows)
    assert set(spans.values()) == {1}
    days = sorted(span for _, why, span in spans if why == "report.kind.use")
    assert days == ["2026-03-30", "2026-03-31", "2026-04-01", "2026-05-01"]
    for who, kind in ((staff.id, ReportKind.FINANCE), (tenant.id, BILL)):
        months = sorted(span for person, why, span in spans if (person, why) == (who, f"report.kind.{kind}"))
        assert months == ["2026-03", "2026-04"]
    assert {str(row.params["form"]) for row in rows if row.params["why"] == "report.kind.use"} == {"csv"}


async def _sent(building: Building, chat: Chat, *people: Actor) -> Sequence[NoticeState]:
    sender = NoticeSender(chat, papers=MailOutPapers(building.business))
    while await deliver_notices(building.business, {"chat": sender}):
        pass
    return [row.state for row in await _rows(building, *people)]


async def test_each_gets_what_was_ordered_in_the_own_language(building: Building, clock: ManualClock) -> None:
    """A2, M2, N4: the file and the picture that arrive show the ledger's figures, in the reader's language."""
    business = building.business
    tenant, staff = await building.flat(1), await building.operator(role=Role.FINANCE)
    await building.give("acc-1", 1_230_000, "more")
    await order_mail_out(business, tenant, BILL, "acc-1", every=Every.MONTH, form=ReportForm.PICTURE)
    await order_mail_out(business, staff, ReportKind.FINANCE, SITE, every=Every.MONTH, form=ReportForm.XLSX)
    await business.store.people.set_language(staff.id, "zh")
    clock.set(SEVEN + timedelta(days=1))
    await _morning(building)
    chat = Chat()
    assert await _sent(building, chat, tenant, staff) == [NoticeState.DELIVERED] * 2
    (bill,) = [parts for parts in chat.shown if any(isinstance(part, KeyValueTable) for part in parts)]
    words, table = bill[0], next(part for part in bill if isinstance(part, KeyValueTable))
    assert isinstance(words, Text)
    assert "The bill, 2026-03" in words.body
    assert table.rows[-1].value == "¥10.23"
    (paper,) = [part for parts in chat.shown for part in parts if isinstance(part, File)]
    rows = load_workbook(io.BytesIO(paper.content())).get_sheet_by_index(0).to_python()
    assert rows[0][0] == "账户", "the columns are in Chinese"
    assert 10.23 in rows[-1]


async def test_rights_are_asked_when_it_is_sent(building: Building, clock: ManualClock) -> None:
    """A1, A2: a role taken away, a tenant moved out and an order ended overnight get nothing, and no order is left."""
    business, store = building.business, building.business.store
    tenant, staff = await building.flat(1), await building.operator(role=Role.FINANCE)
    viewer = await building.operator(role=Role.VIEWER)
    with pytest.raises(Refused, match=r"refused\.not_found"):
        await order_mail_out(business, viewer, ReportKind.FINANCE, SITE, every=Every.DAY, form=ReportForm.PICTURE)
    with pytest.raises(Refused, match=r"refused\.not_found"):
        await order_mail_out(business, tenant, ReportKind.USE, SITE, every=Every.DAY, form=ReportForm.PICTURE)
    with pytest.raises(Refused, match=r"refused\.bill_by_month"):
        await order_mail_out(business, tenant, BILL, "acc-1", every=Every.DAY, form=ReportForm.PICTURE)
    await order_mail_out(business, tenant, BILL, "acc-1", every=Every.MONTH, form=ReportForm.PICTURE)
    await order_mail_out(business, staff, ReportKind.FINANCE, SITE, every=Every.MONTH, form=ReportForm.PICTURE)
    ended = await order_mail_out(business, viewer, ReportKind.USE, SITE, every=Every.DAY, form=ReportForm.PICTURE)
    with pytest.raises(Refused, match=r"refused\.not_found"):
        await stop_mail_out(business, tenant, ended.id)
    clock.set(SEVEN + timedelta(days=1))
    await _morning(building)
    await store.people.revoke(staff.id, Grant(Role.FINANCE, "acme"))
    await store.people.unbind(tenant.id, "acc-1")
    await stop_mail_out(business, viewer, ended.id)
    chat = Chat()
    assert await _sent(building, chat, tenant, staff, viewer) == [NoticeState.EXHAUSTED] * 3
    assert chat.shown == []
    assert [await my_mail_outs(business, who) for who in (tenant, staff, viewer)] == [[], [], []]


async def test_so_many_are_enough(building: Building, monkeypatch: pytest.MonkeyPatch) -> None:
    """Y3: nobody can order more than the limit; changing the form of one of them still works."""
    monkeypatch.setattr("prepaid.usecases.mail_outs.MOST_EACH", 1)
    staff = await building.operator()
    await order_mail_out(building.business, staff, ReportKind.USE, SITE, every=Every.DAY, form=ReportForm.CSV)
    with pytest.raises(Refused, match=r"refused\.mail_outs_many"):
        await order_mail_out(building.business, staff, ReportKind.USE, SITE, every=Every.MONTH, form=ReportForm.CSV)
    await order_mail_out(building.business, staff, ReportKind.USE, SITE, every=Every.DAY, form=ReportForm.XLSX)
    assert [each.form for each in await my_mail_outs(building.business, staff)] == [ReportForm.XLSX]


async def test_a_report_that_takes_long_is_sent_when_it_is_made(
    building: Building, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """N2: making goes on while the row waits, which counts as no failure; the next turn finds it made."""
    monkeypatch.setattr("bot.mail_outs.WAIT_S", 0.0)
    tenant = await building.flat(1)
    await order_mail_out(building.business, tenant, BILL, "acc-1", every=Every.MONTH, form=ReportForm.PICTURE)
    clock.set(SEVEN + timedelta(days=1))
    await _morning(building)
    (row,) = await _rows(building, tenant)
    person = await building.business.store.people.get(tenant.id)
    assert person is not None
    papers = MailOutPapers(building.business)
    with pytest.raises(HeldBack):
        await papers.parts(row, person)
    monkeypatch.setattr("bot.mail_outs.MOST_KEPT", 1)
    with pytest.raises(HeldBack):
        await papers.parts(replace(row, id="another"), person)
    assert list(papers._making) == [row.id], "what waits is bounded"
    monkeypatch.setattr("bot.mail_outs.WAIT_S", 30.0)
    assert any(isinstance(part, KeyValueTable) for part in await papers.parts(row, person))
    assert papers._making == {}
