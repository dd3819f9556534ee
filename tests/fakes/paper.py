"""What the office keeps about a flat, one of each kind, for the rows of the permission matrix that name it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256

from prepaid.domain.access import Actor, Role
from prepaid.domain.notices import Notice, NoticeKind, NoticeState
from prepaid.domain.outages import Outage, Telling
from prepaid.domain.receipts import Receipt
from prepaid.domain.staff_requests import StaffRequest, Wish, request_id
from prepaid.domain.tariffs import Utility
from prepaid.domain.tickets import MoneyKind, MoneyTicket, TicketFile, money_ticket_id
from prepaid.usecases.cash_topup import cash_topup
from prepaid.usecases.claim_payment import claim_payment
from prepaid.usecases.dead_letters import letter_id
from prepaid.usecases.dispute_entry import dispute_line
from prepaid.usecases.force_cut import force_cut
from tests.fakes.building import SITE, Building

NO_PAPER = {
    "approval_id": "ap_404",
    "receipt": "R-404",
    "ticket_id": "mt_404",
    "dispute_id": "tk_404",
    "power_id": "mt_404",
    "request_id": "rq_404",
    "letter_id": "0404040404040404",
    "outage_id": "w_404",
    "clerk_id": "p_404",
}
"""Numbers of what is not there."""
LOST = "1234567890"
JPEG = bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffd9")


async def letter(building: Building, account_id: str, name: str, site_id: str = SITE) -> str:
    """A message about a room that reached nobody; the number under which the staff see it."""
    now, kind = building.clock.now(), NoticeKind.CUT_DONE
    notice = Notice(
        id=f"{kind}:{account_id}:{name}:nobody",
        kind=kind,
        person_id="nobody",
        account_id=account_id,
        at=now,
        params={"site_id": site_id, "label": "room"},
        state=NoticeState.EXHAUSTED,
        done_at=now,
        why="refused.no_channel",
    )
    await building.business.store.notices.queue(notice)
    return letter_id(notice.id)


def _outage(clerk: Actor, account_id: str) -> Outage:
    """Works at the very flat, announced already."""
    since = datetime(2100, 1, 1, tzinfo=UTC)
    return Outage(
        id=f"outage-{account_id}",
        actor=clerk.id,
        site_id=SITE,
        path=f"acme/maple/b1/10{account_id[4:]}",
        utilities=(Utility.WATER,),
        since=since,
        until=since + timedelta(hours=1),
        reason="test",
        at=since,
        told=tuple(Telling),
    )


def _power(clerk: Actor, account_id: str, now: datetime) -> MoneyTicket:
    """A payment that brought no power to the very flat."""
    return MoneyTicket(
        id=money_ticket_id(MoneyKind.POWER, account_id),
        kind=MoneyKind.POWER,
        provider="testpay",
        why="stuck.relay",
        opened_at=now,
        opened_by=clerk.id,
        path=f"acme/maple/b1/10{account_id[4:]}",
        site_id=SITE,
        account_id=account_id,
    )


def _request(account_id: str, now: datetime) -> StaffRequest:
    """What a tenant of the very flat asks of the staff."""
    return StaffRequest(
        id=request_id("somebody", account_id, Wish.HELP, now),
        wish=Wish.HELP,
        account_id=account_id,
        site_id=SITE,
        path=f"acme/maple/b1/10{account_id[4:]}",
        label="room",
        words="test",
        asked_by="somebody",
        asked_at=now,
        told=True,
    )


async def pictured(building: Building, ticket_id: str, content: bytes = JPEG) -> None:
    """A picture on a dispute, as it lies in the store."""
    store, now = building.business.store, building.clock.now()
    digest = sha256(content).hexdigest()
    file = TicketFile(digest=digest, media_type="image/jpeg", size_bytes=len(content), sent_by="somebody", sent_at=now)
    await store.ticket_files.keep(ticket_id, digest, content, now + timedelta(days=1))
    assert await store.tickets.attach(ticket_id, file)


async def paper(building: Building, account_id: str) -> dict[str, str]:
    """An approval that waits, a receipt, a money ticket and a dispute, all by somebody who is not tried."""
    clerk, business = (
        await building.operator(role=Role.OWNER, scope=f"acme/maple/b1/10{account_id[4:]}"),
        building.business,
    )
    approval = await force_cut(business, clerk, account_id, reason="test")
    receipt = await cash_topup(business, clerk, account_id, 100, receipt=f"P-{account_id}")
    assert isinstance(receipt, Receipt)
    await claim_payment(business, clerk, account_id, LOST)
    dispute = await dispute_line(business, clerk, account_id, 1, why="test")
    await pictured(building, dispute.id)
    power = await business.store.money_tickets.add(_power(clerk, account_id, business.clock.now()))
    return {
        "approval_id": approval.id,
        "receipt": receipt.number,
        "ticket_id": money_ticket_id(MoneyKind.CLAIM, account_id, LOST),
        "dispute_id": dispute.id,
        "power_id": power.id,
        "request_id": (await business.store.staff_requests.add(_request(account_id, business.clock.now()))).id,
        "outage_id": (await business.store.outages.begin(_outage(clerk, account_id))).id,
        "letter_id": await letter(building, account_id, "paper"),
        "clerk_id": clerk.id,
    }
