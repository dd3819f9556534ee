"""Pictures on tickets, on the stage: a dispute with one, somebody with none open, somebody with two."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from bot.conversations.topics.ticket_files import AttachFile, ShowTicketFile
from prepaid.domain.errors import Refused, not_found
from prepaid.domain.tickets import MoneyKind, MoneyTicket, Ticket, TicketFile
from prepaid.usecases.ticket_files import Attached, SentFile, SeveralTickets, ShownFile
from tests.fakes.rights import COUNTS, EVERYBODY, TENANT, free, right

DISPUTE = "tk_00112233445566778899"
CLAIM = "mt_00112233445566778890"
PICTURE = bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffd9")


def photo(stage: Any, words: str = "") -> TicketFile:
    """A picture that came an hour ago."""
    return TicketFile(
        digest="d1",
        media_type="image/jpeg",
        size_bytes=212_000,
        sent_by="p1",
        sent_at=stage.now - timedelta(hours=1),
        words=words,
    )


def _tickets(stage: Any) -> tuple[Ticket, MoneyTicket]:
    dispute = Ticket(
        id=DISPUTE,
        account_id="a101",
        site_id="maple",
        path="acme/maple/101",
        entry_idem="use:1",
        amount_micro=-35_280_000,
        why="那天我不在家",
        opened_by="p1",
        opened_at=stage.now - timedelta(hours=20),
    )
    claim = MoneyTicket(
        id=CLAIM,
        kind=MoneyKind.CLAIM,
        provider="",
        why="claim.not_found",
        opened_at=stage.now - timedelta(hours=2),
        account_id="a102",
        txn_id="4200001234202611238888",
    )
    return dispute, claim


def _attach(stage: Any, user: str, effect: AttachFile) -> Attached | SeveralTickets | Refused:
    dispute, claim = _tickets(stage)
    if user == "ben":
        return Refused("refused.no_open_ticket")
    if user == "both" and not effect.ticket_id:
        return SeveralTickets(tickets=(claim, dispute))
    ticket = claim if effect.ticket_id == CLAIM else dispute
    return Attached(ticket=replace(ticket, files=(photo(stage, effect.sent.words),)))


def _show(stage: Any, user: str, effect: ShowTicketFile) -> ShownFile:
    del user
    if effect.ticket_id != DISPUTE or effect.number != 1:
        raise not_found()
    return ShownFile(name="photo-1.jpg", file=photo(stage, "早上的读数"), content=PICTURE)


ANSWERS = {AttachFile: _attach, ShowTicketFile: _show}
SCRIPTS = {
    "photo": (
        ("anna", "[photo]"),
        ("ben", "[document] receipt.pdf"),
        ("both", "[photo]"),
        ("both", "第一个"),
        ("both", "未到账的付款 4200001234202611238888（11月23日 16:30）"),
        ("admin", "/photo"),
        ("admin", "/disputes tk_00112233445566778899"),
        ("admin", f"/photo {DISPUTE}:1"),
        ("admin", f"/photo {DISPUTE}:2"),
    )
}
SENT = SentFile(reference="f1")
RIGHTS = (
    free("dispute claim", lambda _: AttachFile(sent=SENT), EVERYBODY),
    replace(right("dispute claim", lambda on: AttachFile(sent=SENT, ticket_id=on.power_id), TENANT), office=True),
    replace(right("photo", lambda on: ShowTicketFile(ticket_id=on.dispute_id, number=1), COUNTS), office=True),
)
