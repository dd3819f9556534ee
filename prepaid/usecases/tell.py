"""Puts notices into the outbox: one row for each person, once for each crossing (N1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from prepaid.domain.accounts import Account, Site
from prepaid.domain.notices import Notice, NoticeKind, Stage, notice_id
from prepaid.domain.orders import Order
from prepaid.domain.people import Person
from prepaid.ports import TOPIC_OUTBOX, Business

Value = str | int | bool | None
NOBODY = "nobody"
"""Recipient of a notice for an account that nobody is bound to: it is exhausted at once, and that is on record."""

Params = Mapping[str, Value]


async def tell_account(
    business: Business, account: Account, site: Site, *, kind: NoticeKind, crossing: str, params: Params
) -> int:
    """Tells everybody bound to the account. Returns how many rows are new."""
    people = await business.store.people.of_account(account.id)
    return await _queue(business, kind, account, site, crossing, params, [p.id for p in people] or [NOBODY])


async def tell_staff(
    business: Business, site: Site, kind: NoticeKind, crossing: str, params: Params, *, account: Account | None = None
) -> int:
    """Tells everybody who holds a role over the site."""
    people: Iterable[Person] = await business.store.people.staff_over(site.path)
    return await _queue(business, kind, account, site, crossing, params, [p.id for p in people])


async def tell_thread(
    business: Business, account: Account, site: Site, order: Order, stage: Stage, params: Params
) -> None:
    """Moves the payer's payment thread on (FEATURES N3)."""
    now = business.clock.now()
    filled = {
        "label": account.label,
        "time_zone": site.calendar.time_zone,
        "amount_micro": order.amount_fen * 10_000,
        "order_id": order.id,
        "at": now.isoformat(),
        **params,
    }
    notice = Notice(
        id=notice_id(NoticeKind.PAYMENT_THREAD, account.id, f"{order.id}:{stage}", order.person_id),
        kind=NoticeKind.PAYMENT_THREAD,
        person_id=order.person_id,
        account_id=account.id,
        at=now,
        params=filled,
        thread=order.id,
        stage=stage,
    )
    await business.store.notices.queue(notice)
    await business.wakeups.wake(TOPIC_OUTBOX)


async def _queue(
    business: Business,
    kind: NoticeKind,
    account: Account | None,
    site: Site,
    crossing: str,
    params: Params,
    person_ids: Iterable[str],
) -> int:
    now = business.clock.now()
    subject = account.id if account else site.id
    filled = {
        "label": account.label if account else site.name,
        "time_zone": site.calendar.time_zone,
        "at": now.isoformat(),
    }
    new = 0
    for person_id in person_ids:
        notice = Notice(
            id=notice_id(kind, subject, crossing, person_id),
            kind=kind,
            person_id=person_id,
            account_id=account.id if account else None,
            at=now,
            params={**filled, **params},
        )
        new += await business.store.notices.queue(notice)
    if new:
        await business.wakeups.wake(TOPIC_OUTBOX)
    return new
