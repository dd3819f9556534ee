"""Puts reports and bills whose morning has come into the outbox: one row for each span and person (N1, Y5).

A row names what is to be sent; it is made when it is sent, with the rights that the person has then (A2).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from prepaid.domain.accounts import Site
from prepaid.domain.mail_outs import BILL, Every, MailOut, due_span, shown_span
from prepaid.domain.notices import Lane, Notice, NoticeKind, notice_id
from prepaid.ports import TOPIC_OUTBOX, Business

PAGE = 200


async def queue_mail_outs(business: Business, every: Every, may_go_on: Callable[[], Awaitable[bool]]) -> int:
    """Returns how many rows are new. `may_go_on` is asked before each page; a crash goes on where it was."""
    sites = {site.id: site for site in await business.store.sites.sites()}
    new, after = 0, ""
    while await may_go_on():
        page = await business.store.mail_outs.page(every, after, PAGE)
        if not page:
            break
        new += await _queued(business, sites, page)
        after = page[-1].id
    if new:
        await business.wakeups.wake(TOPIC_OUTBOX)
    return new


async def _queued(business: Business, sites: Mapping[str, Site], page: Sequence[MailOut]) -> int:
    new = 0
    for mail_out in page:
        site = sites.get(mail_out.site_id)
        span = due_span(site.calendar, business.clock.now(), mail_out.every) if site is not None else mail_out.last
        if site is None or span == mail_out.last:
            continue
        # The row first: dying between the two writes it again under the same id, which is no second row.
        new += await business.store.notices.queue(_row(business, mail_out, site, span))
        await business.store.mail_outs.sent(mail_out.id, span)
    return new


def _row(business: Business, mail_out: MailOut, site: Site, span: str) -> Notice:
    now, shown = business.clock.now(), shown_span(mail_out.kind, span)
    return Notice(
        id=notice_id(NoticeKind.REPORT, mail_out.id, span, mail_out.person_id),
        kind=NoticeKind.REPORT,
        person_id=mail_out.person_id,
        account_id=mail_out.subject if mail_out.kind == BILL else None,
        at=now,
        lane=Lane.BULK,
        params={
            "at": now.isoformat(),
            "label": mail_out.label,
            "time_zone": site.calendar.time_zone,
            "site_id": site.id,
            "mail_out": mail_out.id,
            "why": f"report.kind.{mail_out.kind}",
            "span": shown,
            "form": mail_out.form.value,
        },
    )
