"""What is kept of scheduled work: a row for each slot, how each job went last, and what midnight looked like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from prepaid.domain.days_left import Forecast
from prepaid.domain.mail_outs import Every, MailOut
from prepaid.domain.snapshots import Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotRun:
    """One slot of a job in one scheduler's hands. `token` grows with every holder, so that an old one is known (Y5)."""

    job: str
    key: str
    slot: datetime
    owner: str
    token: int
    done: bool = False
    """It has taken effect already; there is nothing left to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobNote:
    """How a job went last, whoever ran it."""

    job: str
    at: datetime | None = None
    result: str = ""
    did: int = 0
    owner: str = ""
    slot: datetime | None = None
    """The newest slot that has ended; None for a job without slots."""


class JobRuns(Protocol):
    """Slots and notes."""

    async def begin(self, job: str, key: str, slot: datetime, *, owner: str, ttl_s: float) -> SlotRun | None:
        """Takes the slot, unless another holds it (None). A slot that took effect is returned as done."""
        ...

    async def holds(self, run: SlotRun) -> bool:
        """Whether the slot still is ours: asked before an effect, by its token."""
        ...

    async def end(self, run: SlotRun, *, did: int) -> bool:
        """It took effect; False when another holds it by now, whose end counts."""
        ...

    async def let_go(self, run: SlotRun) -> int:
        """It failed and may be taken again at once; returns how often it was taken."""
        ...

    async def note(self, job: str, *, result: str, did: int, owner: str) -> None:
        """How a run went."""
        ...

    async def notes(self) -> Mapping[str, JobNote]:
        """Every job's last."""
        ...


class Snapshots(Protocol):
    """Balances and registers at local midnight."""

    async def keep(self, snapshots: Sequence[Snapshot]) -> None:
        """Each once: one that is there stays as it is."""
        ...

    async def complete(self, site_id: str, day: str) -> None:
        """All accounts of the site are kept for that day."""
        ...

    async def newest_day(self, site_id: str) -> str | None:
        """The newest complete day of a site."""
        ...

    async def of_day(self, site_id: str, day: str) -> Sequence[Snapshot]:
        """A site's accounts."""
        ...

    async def of_account(self, account_id: str, since_day: str, until_day: str) -> Sequence[Snapshot]:
        """An account's days, both ends included, oldest first."""
        ...


class Forecasts(Protocol):
    """What each account is expected to spend."""

    async def keep(self, forecast: Forecast) -> None:
        """In place of the account's older one."""
        ...

    async def get(self, account_id: str) -> Forecast | None:
        """The account's newest."""
        ...

    async def complete(self, site_id: str, day: str) -> None:
        """All accounts of the site are foreseen for that day."""
        ...

    async def newest_day(self, site_id: str) -> str | None:
        """The newest complete day of a site."""
        ...


class MailOuts(Protocol):
    """Reports and bills that people have sent to their chat."""

    async def keep(self, mail_out: MailOut) -> None:
        """In place of the same one with another form."""
        ...

    async def get(self, mail_out_id: str) -> MailOut | None: ...
    async def drop(self, mail_out_id: str, person_id: str) -> bool:
        """Ends it; False when the person has no such one."""
        ...

    async def of_person(self, person_id: str, limit: int) -> Sequence[MailOut]:
        """What a person ordered, oldest first."""
        ...

    async def page(self, every: Every, after: str, limit: int) -> Sequence[MailOut]:
        """Those sent so often, by id, behind `after`."""
        ...

    async def sent(self, mail_out_id: str, span: str) -> None:
        """The span is in the outbox."""
        ...
