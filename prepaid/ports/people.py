"""Persons, notices and how they are carried, chat sessions, the audit trail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from prepaid.domain.access import Grant
from prepaid.domain.delivery import Receipt
from prepaid.domain.notices import Lane, Notice, NoticeState, Waiting
from prepaid.domain.people import Address, BindCode, NewContact, Person
from prepaid.domain.preferences import Preferences


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one try of a taken row went. Queued: it comes again at `next_at`."""

    row: Notice
    state: NoticeState
    at: datetime
    next_at: datetime | None = None
    failed: bool = False
    """Counts as one of the row's attempts."""
    tried: tuple[str, ...] = ()
    waits_for: Waiting | None = None
    held_since: datetime | None = None
    why: str = ""


class LaneHold(Protocol):
    """One lane of the outbox, leased to one deliverer."""

    async def take(self, limit: int) -> Sequence[Notice]:
        """The next due rows, oldest first, each once while the lane is held."""
        ...

    async def finish(self, ends: Sequence[Outcome]) -> None:
        """Writes down how rows went. A delivery is a fact even after the lease; another end holds where none is yet."""
        ...

    async def settle(self) -> int:
        """Brings some rows up to date whose deliveries were noted together; returns how many, 0 when all are."""
        ...

    async def keep(self, now: datetime, until: datetime) -> bool:
        """Renews the lease; False when it ran out, and no row may be begun any more."""
        ...

    async def release(self) -> None:
        """Lets the lane go. Rows that were taken and not finished are due again."""
        ...


class Notices(Protocol):
    """The outbox."""

    async def queue(self, notice: Notice) -> bool:
        """Inserts the row if its id is new."""
        ...

    async def due(self, now: datetime, limit: int, lane: Lane = Lane.PROMPT) -> Sequence[Notice]:
        """Queued rows of a lane whose time has come."""
        ...

    async def hold(self, lane: Lane, now: datetime, until: datetime) -> LaneHold | None:
        """Leases a lane to the caller until `until`; None while another has it, and where there is nothing to do."""
        ...

    async def exhausted(self, limit: int, sites: Sequence[str] | None = None) -> Sequence[Notice]:
        """Rows that reached nobody and were not put aside, newest first; of these sites, or of all."""
        ...

    async def drop(self, notice_id: str, at: datetime) -> bool:
        """Puts an exhausted row aside; False when it is not exhausted, or was put aside before."""
        ...

    async def get(self, notice_id: str) -> Notice | None: ...
    async def again(self, notice_id: str, at: datetime) -> bool:
        """Queues an exhausted row anew; False when it is not exhausted."""
        ...

    async def find(self, prefix: str) -> Sequence[Notice]:
        """Rows whose id starts with `prefix` (at most 100)."""
        ...

    async def among(self, notice_ids: Sequence[str]) -> frozenset[str]:
        """Those of the ids that there are rows of."""
        ...

    async def of_account(self, account_id: str, limit: int) -> Sequence[Notice]:
        """The newest rows about an account, newest first."""
        ...

    async def of_person(
        self, person_id: str, limit: int, before: tuple[datetime, str] | None = None
    ) -> Sequence[Notice]:
        """The newest rows for a person, newest first; `before` is the time and id of the last one seen."""
        ...

    async def thread_message(self, order_id: str, person_id: str) -> tuple[str, str] | None:
        """(message reference, last stage shown) of a payment thread."""
        ...

    async def set_thread_message(self, order_id: str, person_id: str, reference: str, stage: str) -> None: ...


class People(Protocol):
    """Persons, their bindings and addresses."""

    async def get(self, person_id: str) -> Person | None: ...
    async def known(self, channel: str, user: str) -> Person | None:
        """The person with that address, if there is one."""
        ...

    async def staff(self) -> Sequence[Person]:
        """Everybody with a role, groups of the staff among them."""
        ...

    async def at(self, channel: str, user: str, *, language: str) -> Person:
        """The person with that address; made on first contact."""
        ...

    async def save(self, person: Person) -> None: ...
    async def bind(self, person_id: str, account_id: str) -> None: ...
    async def unbind(self, person_id: str, account_id: str) -> None: ...
    async def grant(self, person_id: str, grant: Grant) -> bool:
        """Adds a role; False for an unknown person."""
        ...

    async def revoke(self, person_id: str, grant: Grant) -> bool:
        """Takes a role away; False when the person did not hold it."""
        ...

    async def set_language(self, person_id: str, language: str) -> None: ...
    async def set_preferences(self, person_id: str, preferences: Preferences) -> None: ...
    async def add_address(self, person_id: str, address: Address) -> bool:
        """One more way to reach the person; False when somebody has it already."""
        ...

    async def drop_address(self, person_id: str, address: Address) -> None: ...
    async def name_contact(self, contact: NewContact) -> None:
        """Keeps the address that waits for its code, instead of the person's one before."""
        ...

    async def new_contact(self, person_id: str) -> NewContact | None: ...
    async def forget_contact(self, person_id: str, code_hash: str) -> None: ...
    async def many(self, person_ids: Sequence[str]) -> Sequence[Person]:
        """Those of the persons that exist."""
        ...

    async def of_account(self, account_id: str) -> Sequence[Person]: ...
    async def staff_over(self, path: str) -> Sequence[Person]:
        """Persons who hold any role on a subtree that contains `path`."""
        ...

    async def add_code(self, code: BindCode) -> None: ...
    async def code(self, code_hash: str) -> BindCode | None: ...
    async def use_code(self, code_hash: str, person_id: str) -> bool:
        """Takes the code for this person; False when it was taken (the same person taking it again is True)."""
        ...

    async def count_try(self, key: str, at: datetime, window_s: int) -> int:
        """Counts a binding attempt of `key` in the current window; returns the count (A5)."""
        ...


class Quotas(Protocol):
    """How many more messages people have agreed to, by template. Never below none."""

    async def add(self, person_id: str, template: str, most: int) -> None:
        """One more, unless there are `most`."""
        ...

    async def take(self, person_id: str, template: str) -> bool:
        """Whether there was one left; it is used up."""
        ...

    async def clear(self, person_id: str, template: str) -> None: ...
    async def of_person(self, person_id: str) -> Mapping[str, int]: ...


class Sender(Protocol):
    """Carries notices on one channel. Raises `TryAgain` (later, same row), `Refused` (this address takes none)."""

    async def send(self, address: Address, notice: Notice, person: Person, *, reference: str | None) -> str:
        """Delivers, or edits the message `reference`; returns the reference of the message now shown."""
        ...


@runtime_checkable
class ReceiptingSender(Protocol):
    """A sender whose channel says later whether a message arrived."""

    @property
    def receipt_within_s(self) -> int:
        """Without a receipt for so long, the next rung is tried."""
        ...

    async def receipt(self, address: Address, reference: str, sent_at: datetime) -> Receipt:
        """What became of a message. Raises `TryAgain` when it cannot be asked just now."""
        ...


@dataclass(frozen=True, slots=True)
class Accepted:
    """An address as it is stored, sealed where it is a secret, and what its owner needs to know once."""

    user: str
    secret: str = ""


@runtime_checkable
class AddressKeeper(Sender, Protocol):
    """A sender to addresses that people give: a phone number, a URL."""

    async def accept(self, given: str) -> Accepted:
        """Checks what was given. Raises `Refused` for what is malformed or leads where we do not go."""
        ...


class Sessions(Protocol):
    """Conversation state, in Redis so that any process continues it. Losing one costs a question, never truth (Y2)."""

    async def load(self, key: str) -> Mapping[str, object]:
        """The stored state, or an empty mapping."""
        ...

    async def save(self, key: str, state: Mapping[str, object], *, ttl_s: int) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRecord:
    """Who did what to what and why (A3). `refused` holds the text key when it was not allowed."""

    at: datetime
    actor: str
    action: str
    subject: str
    reason: str = ""
    before: str = ""
    after: str = ""
    refused: str = ""
    done: bool = True
    """False: written before the change, which was then not seen to end. Its subject says what became of it."""


class AuditTrail(Protocol):
    """Append-only; only how an intent ended is written afterwards."""

    async def add(self, record: AuditRecord) -> None: ...
    async def begin(self, record: AuditRecord) -> str:
        """Writes an intent before its change; returns its id."""
        ...

    async def end(self, record_id: str, *, refused: str = "") -> None:
        """The change was made, or refused for this reason. An intent ends once."""
        ...

    async def latest(self, scope: str, limit: int, *, until: datetime | None = None) -> Sequence[AuditRecord]:
        """The newest records about a place or anything in it, newest first; with `until` those not after it."""
        ...
