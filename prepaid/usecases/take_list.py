"""Takes over a list that somebody of the staff sent in a chat: looked at first, then written by a word of theirs.

The file is fetched only after it was asked who sends it. What was looked at and what is written are the same bytes: a
digest binds them, so nothing of a file is kept in between.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from prepaid.domain.access import Action, Actor
from prepaid.domain.errors import Refused, not_found
from prepaid.domain.imports import AccountRow, Imported, MeterRow, bad_names
from prepaid.ports import Business
from prepaid.usecases.authorize import record, scopes
from prepaid.usecases.import_places import import_places

LIST_BYTES_MAX = 2 << 20
LIST_ROWS_MAX = 1_000
"""More takes longer than a person waits for an answer; the command takes it."""

Fetch = Callable[[str], Awaitable[bytes]]
"""Brings the bytes that a channel knows by a name of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SentList:
    """A file as a channel speaks of it. Neither name nor size is believed."""

    reference: str
    name: str
    size_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ListSeen:
    """What taking the list over did, or would do."""

    digest: str
    imported: Imported


async def check_list(business: Business, actor: Actor, sent: SentList, fetch: Fetch | None) -> ListSeen:
    """What the list would change; nothing is written. Raises `Refused` for what is no list."""
    content = await _content(business, actor, sent, fetch)
    return await _take(business, actor, sent, content, dry_run=True)


async def take_list(
    business: Business, actor: Actor, sent: SentList, fetch: Fetch | None, *, digest: str, skip_bad: bool
) -> ListSeen:
    """Writes the list that was looked at, all rows or with `skip_bad` the good ones. Twice is harmless."""
    content = await _content(business, actor, sent, fetch)
    if sha256(content).hexdigest() != digest:
        raise Refused("refused.list_changed")
    return await _take(business, actor, sent, content, skip_bad=skip_bad)


async def take_rows(
    business: Business,
    actor: Actor,
    accounts: Sequence[AccountRow],
    meters: Sequence[MeterRow],
    *,
    dry_run: bool,
    skip_bad: bool,
) -> Imported:
    """Rows that need no reading: what they would change, or, unless `dry_run`, that it is written."""
    await _check_may(business, actor)
    if business.lists is None:
        raise Refused("refused.no_files")
    rows: list[AccountRow | MeterRow] = [*accounts, *meters]
    unreadable = [bad for row in rows if (bad := bad_names(row)) is not None]
    wrong = {(bad.file, bad.line) for bad in unreadable}
    return await import_places(
        business,
        actor,
        [row for row in accounts if ("accounts", row.line) not in wrong],
        [row for row in meters if ("meters", row.line) not in wrong],
        profiles=await business.lists.models(),
        unreadable=unreadable,
        dry_run=dry_run,
        skip_bad=skip_bad,
    )


async def take_content(
    business: Business, actor: Actor, name: str, content: bytes, *, dry_run: bool, skip_bad: bool
) -> Imported:
    """A list that came with the request itself: what it would change, or, unless `dry_run`, that it is written."""
    await _check_may(business, actor)
    sent = SentList(reference="", name=name)
    if len(content) > LIST_BYTES_MAX:
        raise _too_large(sent)
    return (await _take(business, actor, sent, content, dry_run=dry_run, skip_bad=skip_bad)).imported


async def _check_may(business: Business, actor: Actor) -> None:
    if not actor.system and not scopes(actor, Action.OPEN_ACCOUNT):
        await record(business, actor, Action.OPEN_ACCOUNT, "list", refused="refused.not_found")
        raise not_found()


async def _content(business: Business, actor: Actor, sent: SentList, fetch: Fetch | None) -> bytes:
    await _check_may(business, actor)
    if business.lists is None or fetch is None:
        raise Refused("refused.no_files")
    if sent.size_bytes > LIST_BYTES_MAX:
        raise _too_large(sent)
    content = await fetch(sent.reference)
    if len(content) > LIST_BYTES_MAX:
        raise _too_large(sent)
    return content


def _too_large(sent: SentList) -> Refused:
    """More than is taken in a chat."""
    return Refused("refused.list_too_large", file=sent.name, size_mb=LIST_BYTES_MAX >> 20, rows=LIST_ROWS_MAX)


async def _take(
    business: Business, actor: Actor, sent: SentList, content: bytes, *, dry_run: bool = False, skip_bad: bool = False
) -> ListSeen:
    if business.lists is None:
        raise Refused("refused.no_files")
    try:
        # The heading is a row of its own.
        lists = await business.lists.read(sent.name, content, rows_max=LIST_ROWS_MAX + 1)
    except Refused as refused:
        raise (_too_large(sent) if refused.key == "refused.import_too_large" else refused) from None
    imported = await import_places(
        business,
        actor,
        lists.accounts,
        lists.meters,
        profiles=await business.lists.models(),
        unreadable=lists.bad,
        dry_run=dry_run,
        skip_bad=skip_bad,
    )
    return ListSeen(digest=sha256(content).hexdigest(), imported=imported)
