"""Pictures and files that a person sends along with an open ticket of their own; the staff with its right look at them.

A file is fetched only after it was asked whose ticket it is, and kept only as what its own bytes say that it is. The
bytes are kept first and then named by the ticket, in one conditional write; what no ticket took is dropped, and what a
crash leaves unnamed the store forgets like all the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from prepaid.domain.access import Action, Actor, Subject, may
from prepaid.domain.errors import Refused, not_found
from prepaid.domain.sent_files import SUFFIXES, is_picture, media_type_of
from prepaid.domain.tickets import MOST_FILES, MoneyKind, MoneyTicket, Ticket, TicketFile, TicketState
from prepaid.ports import Business
from prepaid.usecases.authorize import record
from prepaid.usecases.dispute_entry import show_dispute
from prepaid.usecases.money_tickets import show_money_ticket
from prepaid.usecases.take_list import Fetch

FILE_BYTES_MAX = 5 << 20
FILES_A_DAY = 20
DAY_S = 24 * 3600
KEPT = timedelta(days=180)
MAX_WORDS = 200
MOST_OPEN = 50
"""Open tickets of one account that are looked at."""

AnyTicket = Ticket | MoneyTicket


@dataclass(frozen=True, slots=True, kw_only=True)
class SentFile:
    """A picture or a file as a channel speaks of it. The size is not believed."""

    reference: str
    size_bytes: int = 0
    words: str = ""
    """What was written under it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attached:
    """The ticket with its files, the new one among them."""

    ticket: AnyTicket


@dataclass(frozen=True, slots=True, kw_only=True)
class SeveralTickets:
    """Nothing was fetched: it has to be said which of them is meant."""

    tickets: tuple[AnyTicket, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownFile:
    """One file of a ticket."""

    name: str
    file: TicketFile
    content: bytes

    @property
    def is_picture(self) -> bool:
        """Whether a chat can show it as a picture."""
        return is_picture(self.file.media_type)


async def attach_file(
    business: Business, actor: Actor, sent: SentFile, fetch: Fetch | None, *, ticket_id: str = ""
) -> Attached | SeveralTickets:
    """Puts what was sent on the person's open ticket; with several, and no number, says which there are.

    Raises `Refused`: "refused.no_open_ticket", "refused.not_found" for one of somebody else's, as for none at all,
    "refused.dispute_answered" for one that has ended, "refused.file_kind", "refused.file_too_large",
    "refused.too_many_files" for a full ticket and "refused.files_today" after twenty in a day.
    """
    if ticket_id:
        return Attached(ticket=await _attach(business, actor, await _own(business, actor, ticket_id), sent, fetch))
    own = await own_open_tickets(business, actor)
    if not own:
        raise Refused("refused.no_open_ticket")
    if len(own) > 1:
        return SeveralTickets(tickets=own)
    return Attached(ticket=await _attach(business, actor, own[0], sent, fetch))


async def own_open_tickets(business: Business, actor: Actor) -> tuple[AnyTicket, ...]:
    """What the person asked for about accounts that they are still bound to, newest first."""
    found: list[AnyTicket] = []
    for account_id in sorted(actor.accounts):
        account = await business.store.sites.account(account_id)
        if account is None:
            continue
        found += await business.store.tickets.below(account.path, MOST_OPEN)
        found += await business.store.money_tickets.below(account.path, MOST_OPEN)
    own = [ticket for ticket in found if _is_own(actor, ticket)]
    return tuple(sorted(own, key=lambda each: (each.opened_at, each.id), reverse=True))


async def show_ticket_file(business: Business, actor: Actor, ticket_id: str, number: int) -> ShownFile:
    """The file with that number, from 1, for whoever sees the ticket. A foreign and a missing one answer alike (A2)."""
    shown = show_dispute if ticket_id.startswith("tk_") else show_money_ticket
    ticket: AnyTicket = await shown(business, actor, ticket_id)
    if not 0 < number <= len(ticket.files):
        raise not_found()
    file = ticket.files[number - 1]
    content = await business.store.ticket_files.get(ticket.id, file.digest, business.clock.now())
    if content is None:
        raise Refused("refused.file_over", days=KEPT.days)
    kind = "photo" if is_picture(file.media_type) else "file"
    return ShownFile(name=f"{kind}-{number}.{SUFFIXES[file.media_type]}", file=file, content=content)


def _is_own(actor: Actor, ticket: AnyTicket) -> bool:
    """Asked for by the person, or, where a payment brought no power, about a place of theirs."""
    if ticket.account_id not in actor.accounts:
        return False
    power = isinstance(ticket, MoneyTicket) and ticket.kind is MoneyKind.POWER
    subject = Subject(ticket.path, ticket.account_id)
    return (power or ticket.opened_by == actor.id) and may(actor, Action.DISPUTE, subject)


async def _own(business: Business, actor: Actor, ticket_id: str) -> AnyTicket:
    ticket = await _ticket(business, ticket_id)
    if ticket is None or not _is_own(actor, ticket):
        await record(business, actor, Action.DISPUTE, ticket_id, refused="refused.not_found")
        raise not_found()
    return ticket


async def _ticket(business: Business, ticket_id: str) -> AnyTicket | None:
    store = business.store
    return await (store.tickets if ticket_id.startswith("tk_") else store.money_tickets).get(ticket_id)


async def _attach(
    business: Business, actor: Actor, ticket: AnyTicket, sent: SentFile, fetch: Fetch | None
) -> AnyTicket:
    if fetch is None or not sent.reference:
        raise Refused("refused.no_files")
    _check_room(ticket)
    if sent.size_bytes > FILE_BYTES_MAX:
        raise _too_large()
    now = business.clock.now()
    if await business.store.people.count_try(f"file:{actor.id}", now, DAY_S) > FILES_A_DAY:
        raise Refused("refused.files_today", most=FILES_A_DAY)
    content = await fetch(sent.reference)
    return await _keep(business, ticket, _as_file(actor, content, sent.words, now), content)


def _as_file(actor: Actor, content: bytes, words: str, now: datetime) -> TicketFile:
    if len(content) > FILE_BYTES_MAX:
        raise _too_large()
    media_type = media_type_of(content)
    if media_type is None:
        raise Refused("refused.file_kind")
    return TicketFile(
        digest=sha256(content).hexdigest(),
        media_type=media_type,
        size_bytes=len(content),
        sent_by=actor.id,
        sent_at=now,
        words=words.strip()[:MAX_WORDS],
    )


async def _keep(business: Business, ticket: AnyTicket, file: TicketFile, content: bytes) -> AnyTicket:
    files, store = business.store.ticket_files, business.store
    await files.keep(ticket.id, file.digest, content, file.sent_at + KEPT)
    rows = store.tickets if isinstance(ticket, Ticket) else store.money_tickets
    taken = await rows.attach(ticket.id, file)
    held = await _ticket(business, ticket.id)
    if held is None:
        raise not_found()
    if taken or any(each.digest == file.digest for each in held.files):
        return held
    await files.drop(ticket.id, file.digest)
    _check_room(held)
    raise Refused("refused.dispute_answered")


def _check_room(ticket: AnyTicket) -> None:
    if ticket.state != TicketState.OPEN:
        raise Refused("refused.dispute_answered")
    if len(ticket.files) >= MOST_FILES:
        raise Refused("refused.too_many_files", most=MOST_FILES)


def _too_large() -> Refused:
    return Refused("refused.file_too_large", size_mb=FILE_BYTES_MAX >> 20)
