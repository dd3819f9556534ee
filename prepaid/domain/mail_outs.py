"""Reports and bills that people have sent to their chat: what, how often, in which form, which span is due. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum

from prepaid.domain.calendar import SiteCalendar

MORNING = time(7)
"""Local time from which the day before, or the month before, is sent: the night's figures are in, and people are up."""
MOST_EACH = 20
"""Mail-outs that one person can have."""


class ReportKind(StrEnum):
    """What a report is about."""

    USE = "use"
    FINANCE = "finance"
    RANK = "rank"
    LOSSES = "losses"
    ODD = "odd"
    EMPTY = "empty"
    SITES = "sites"
    SHARE = "share"
    """What is common behind each main meter, in equal parts."""
    SHARE_USE = "share_use"
    SHARE_AREA = "share_area"


BILL = "bill"
"""The statement of one account; every other kind is a report about a site."""
SHARES = frozenset({ReportKind.SHARE, ReportKind.SHARE_USE, ReportKind.SHARE_AREA})
MONTHLY = frozenset({ReportKind.FINANCE, ReportKind.RANK})
"""Their figures are those of a month of the ledger; a daily one shows the month so far."""
KINDS = frozenset({BILL, *ReportKind})


class Every(StrEnum):
    """How often."""

    DAY = "day"
    MONTH = "month"


class ReportForm(StrEnum):
    """As what."""

    PICTURE = "picture"
    XLSX = "xlsx"
    CSV = "csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class MailOut:
    """One order. `subject` is the site's id, or the account's for a bill; `label` its name when it was ordered."""

    id: str
    person_id: str
    kind: str
    subject: str
    label: str
    every: Every
    form: ReportForm
    site_id: str
    ordered_at: datetime
    last: str
    """The newest span that was queued, or that was over already when this was ordered."""


def mail_out_id(person_id: str, kind: str, subject: str, every: Every) -> str:
    """Deterministic and short enough for a button: ordering the same again changes its form alone."""
    return hashlib.sha256(f"{person_id}:{kind}:{subject}:{every}".encode()).hexdigest()[:16]


def due_span(calendar: SiteCalendar, now: datetime, every: Every) -> str:
    """The name of the newest span whose morning has come: "2026-11-25", or "2026-10".

    The clock on the wall decides, so a morning is one morning on the days when clocks change. A daily report whose
    figures are a month's names the day all the same: `shown_span` says what it shows.
    """
    local = calendar.local(now)
    today = local.date() if local.time() >= MORNING else local.date() - timedelta(days=1)
    if every is Every.DAY:
        return f"{today - timedelta(days=1):%Y-%m-%d}"
    return f"{today.replace(day=1) - timedelta(days=1):%Y-%m}"


def shown_span(kind: str, span: str) -> str:
    """The span that the report of a kind is made for."""
    of_month = kind == BILL or kind in MONTHLY
    return f"{date.fromisoformat(span):%Y-%m}" if of_month and len(span) == len("2026-11-25") else span
