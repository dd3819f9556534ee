"""Puts notices into the outbox: one row for each person, once for each crossing (N1)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from prepaid.domain.accounts import Account, Site
from prepaid.domain.errors import InvariantBroken
from prepaid.domain.money import micro_from_fen
from prepaid.domain.notices import ENDS_MATTER, Notice, NoticeKind, Stage, notice_id
from prepaid.domain.orders import Order
from prepaid.domain.tariffs import Utility
from prepaid.ports import TOPIC_OUTBOX, Business, topic_order
from prepaid.usecases.authorize import site_of

NOBODY = "nobody"
"""Recipient of a notice for an account that nobody is bound to: it is exhausted at once, and that is on record."""

Value = str | int | bool | None
Params = Mapping[str, Value]
Place = tuple[Account, Site]


@dataclass(frozen=True, slots=True)
class Crossing:
    """What happened, and the key that makes this occurrence one."""

    kind: NoticeKind
    key: str


async def tell_account(business: Business, account: Account, site: Site, crossing: Crossing, params: Params) -> int:
    """Tells everybody bound to the account. Returns how many rows are new."""
    people = await business.store.people.of_account(account.id)
    recipients = [person.id for person in people] or ([NOBODY] if crossing.kind in ENDS_MATTER else [])
    return await _queue(business, recipients, crossing, _about(account, site, params), account)


async def tell_staff(
    business: Business, site: Site, crossing: Crossing, params: Params, *, account: Account | None = None
) -> int:
    """Tells everybody who holds a role over the site."""
    people = await business.store.people.staff_over(site.path)
    about = _about(account, site, {"site_id": site.id, **staff_label(site, account), **params})
    return await _queue(business, [person.id for person in people], crossing, about, account)


async def tell_persons(
    business: Business,
    site: Site,
    persons: Iterable[str],
    crossing: Crossing,
    params: Params,
    *,
    account: Account | None = None,
) -> int:
    """Tells exactly these persons."""
    return await _queue(business, persons, crossing, _about(account, site, {"site_id": site.id, **params}), account)


async def place_of(business: Business, order: Order) -> Place:
    """The account that an order pays for, and its site."""
    account, site = await asyncio.gather(
        business.store.sites.account(order.account_id), business.store.sites.site(order.site_id)
    )
    if account is None:
        raise InvariantBroken(f"order {order.id} has no account")
    return account, site if site is not None and site.id == account.site_id else await site_of(business, account)


async def tell_thread(
    business: Business, order: Order, stage: Stage, params: Params, *, place: Place | None = None
) -> None:
    """Moves the payer's payment thread on (FEATURES N3). Whoever has read the order's place already gives it."""
    account, site = place or await place_of(business, order)
    now = business.clock.now()
    about: Params = {"amount_micro": micro_from_fen(order.amount_fen), "order_id": order.id, "at": now.isoformat()}
    notice = Notice(
        id=notice_id(NoticeKind.PAYMENT_THREAD, account.id, f"{order.id}:{stage}", order.person_id),
        kind=NoticeKind.PAYMENT_THREAD,
        person_id=order.person_id,
        account_id=account.id,
        at=now,
        params=_about(account, site, {**about, **params}),
        thread=order.id,
        stage=stage,
    )
    if await business.store.notices.queue(notice):
        await business.wakeups.wake(TOPIC_OUTBOX)
        await business.wakeups.wake(topic_order(order.id))


async def utility_of(business: Business, account: Account, meter_id: str) -> str:
    """What is cut off or comes back at a meter: "electricity" or "water"."""
    if account.utility:
        return account.utility
    meter = await business.store.meters.get(meter_id)
    return meter.utility if meter is not None else Utility.ELECTRICITY


def staff_label(site: Site, account: Account | None) -> dict[str, str]:
    """A room with its site before it: whoever looks after several has a 101 in each."""
    return {"label": f"{site.name} {account.label}" if account else site.name}


def _about(account: Account | None, site: Site, params: Params) -> dict[str, Value]:
    """`label` and `time_zone` for the words; `site_id` for the site's rules of delivery."""
    label = account.label if account else site.name
    return {"label": label, "time_zone": site.calendar.time_zone, "site_id": site.id, **params}


async def _queue(
    business: Business, recipients: Iterable[str], crossing: Crossing, params: Params, account: Account | None
) -> int:
    now = business.clock.now()
    subject = account.id if account else str(params["site_id"])
    new = 0
    for person_id in recipients:
        notice = Notice(
            id=notice_id(crossing.kind, subject, crossing.key, person_id),
            kind=crossing.kind,
            person_id=person_id,
            account_id=account.id if account else None,
            at=now,
            params={"at": now.isoformat(), **params},
        )
        new += await business.store.notices.queue(notice)
    if new:
        await business.wakeups.wake(TOPIC_OUTBOX)
    return new
