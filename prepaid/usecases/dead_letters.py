"""Notices that reached nobody, for whoever looks after the place: shown with the reason, and sent again on request."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from prepaid.domain.access import Action, Actor, Subject, may
from prepaid.domain.errors import Refused, not_found
from prepaid.domain.notices import Notice, NoticeKind
from prepaid.ports import TOPIC_OUTBOX, Business
from prepaid.usecases.authorize import record

MOST = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """One notice that no channel took. `why` is a text key; what it said is nobody's business here."""

    id: str
    kind: NoticeKind
    person_id: str
    label: str
    at: datetime
    ended_at: datetime
    attempts: int
    why: str


async def dead_letters(business: Business, actor: Actor, *, limit: int = 50) -> tuple[DeadLetter, ...]:
    """The newest within the actor's reach (A2)."""
    paths = {site.id: site.path for site in await business.store.sites.sites()}
    rows = await business.store.notices.exhausted(MOST)
    mine = [row for row in rows if _seen(actor, row, paths)]
    return tuple(_letter(row) for row in mine[: min(limit, MOST)])


async def send_again(business: Business, actor: Actor, notice_id: str) -> None:
    """Puts an exhausted notice back on the first rung. A cut that waits for it goes on waiting: that is safe."""
    row = await business.store.notices.get(notice_id)
    paths = {site.id: site.path for site in await business.store.sites.sites()}
    if row is None or not _seen(actor, row, paths):
        await record(business, actor, "send_again", notice_id, refused="refused.not_found")
        raise not_found()
    if not await business.store.notices.again(notice_id, business.clock.now()):
        raise Refused("refused.notice_under_way")
    await record(business, actor, "send_again", notice_id)
    await business.wakeups.wake(TOPIC_OUTBOX)


def _seen(actor: Actor, row: Notice, paths: dict[str, str]) -> bool:
    path = paths.get(str(row.params.get("site_id")))
    return actor.system if path is None else may(actor, Action.SEE_SITE, Subject(path))


def _letter(row: Notice) -> DeadLetter:
    return DeadLetter(
        id=row.id,
        kind=row.kind,
        person_id=row.person_id,
        label=str(row.params.get("label", "")),
        at=row.at,
        ended_at=row.done_at or row.at,
        attempts=row.attempts,
        why=row.why,
    )
