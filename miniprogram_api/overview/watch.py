"""One watch for each jurisdiction that somebody looks at: it reads once, looks for changes, and tells every browser.

So a hundred browsers of one landlord cost the store what one costs. A watch that nobody looks at any more ends.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import structlog

from miniprogram_api.overview.clients import AGAIN, Audience, Client, event
from prepaid.domain.access import Actor, Grant
from prepaid.domain.errors import Refused, Trouble, TryAgain
from prepaid.domain.tickets import MoneyTicket, Ticket
from prepaid.ports import Business, topic_site
from prepaid.usecases.dispute_entry import open_disputes
from prepaid.usecases.estate import Change, Estate, look, open_estate
from prepaid.usecases.estate_trends import Days, MoneyIn, days_used, money_in
from prepaid.usecases.money_tickets import open_money_tickets
from prepaid.usecases.tonight import Tonight, tonight

log = structlog.get_logger()

WATCHES_MOST: Final = 64
CLIENTS_MOST: Final = 500
CLIENTS_OF_ONE: Final = 8
FULL_MS: Final = 5_000
"""When a browser that found no place may ask again."""
PLACES_MOST: Final = 200
"""Changed places whose figures are sent; when more change at once, browsers read the page again."""


DAYS_AT_ONCE_METERS: Final = 1_000
ALL_DAYS: Final = 100
SOME_DAYS: Final = 12
"""Days of a large site that are added up before others have their turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often a watch looks. Seconds."""

    look_s: float = 5.0
    rest_s: float = 0.3
    """After a look, so that a storm of hints costs one."""
    reread_s: float = 60.0
    reread_share: float = 20.0
    """Everything is read anew at most in this part of the time, however long reading takes."""
    slow_s: float = 300.0
    """Trends, money, tickets and tonight's list."""
    money_s: float = 15.0
    """Between two looks at the money that has come in."""
    linger_s: float = 120.0
    """A watch without a browser lives on for so long: people go from page to page."""


@dataclass(slots=True, kw_only=True)
class Beside:
    """What is found more slowly, and shown as it comes."""

    days: Days | None = None
    money: MoneyIn | None = None
    disputes: tuple[Ticket, ...] = ()
    tickets: tuple[MoneyTicket, ...] = ()
    nights: dict[str, Tonight] = field(default_factory=dict)
    """By site."""
    complete: bool = False


Tell = Callable[[Estate, set[Change], str], Mapping[str, str]]
"""The texts that have changed, in a language, by the names that they have on the page."""


class Watch:
    """One jurisdiction."""

    def __init__(self, business: Business, grants: tuple[Grant, ...], tell: Tell, pace: Pace) -> None:
        self._business, self._tell, self._pace = business, tell, pace
        self.actor = Actor(id="overview", grants=grants)
        self.audience = Audience()
        self.estate: Estate | None = None
        self.beside = Beside()
        self.persons: Counter[str] = Counter()
        self.refused: Trouble | None = None
        self.seen_s = business.clock.monotonic()
        self.settled = asyncio.Event()
        """Set once the slow part is known too."""
        self._ready, self._paid = asyncio.Event(), asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._lately = False

    def start(self) -> None:
        """Begins to read."""
        self._tasks = [asyncio.create_task(self._run()), asyncio.create_task(self._run_beside())]

    @property
    def idle(self) -> bool:
        """Nobody looks, and nobody has for a while."""
        lonely_s = self._business.clock.monotonic() - self.seen_s
        return not self.audience and lonely_s > self._pace.linger_s

    @property
    def over(self) -> bool:
        """It has ended."""
        return bool(self._tasks) and all(task.done() for task in self._tasks)

    async def ready(self, within_s: float) -> Estate | None:
        """What is known, once it is; None when it takes longer. Raises what reading was refused with."""
        self.seen_s = self._business.clock.monotonic()
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._ready.wait()
        if self.refused is not None:
            raise self.refused
        return self.estate

    async def close(self) -> None:
        """Ends it, with whatever it does."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self) -> None:
        """Reads, then looks: when it is woken, and every few seconds by itself."""
        clock, pace = self._business.clock, self._pace
        if not await self._open():
            return
        assert self.estate is not None  # noqa: S101 - opened just now
        topics = [topic_site(site_id) for site_id in self.estate.sites]
        next_s, silence_s = clock.monotonic() + pace.reread_s, clock.monotonic() + pace.look_s
        async with self._business.wakeups.waiter(*topics) as waiter:
            while not self.idle:
                await waiter.wait(pace.look_s)
                began_s = clock.monotonic()
                if began_s >= next_s:
                    await self._open()
                    took_s = clock.monotonic() - began_s
                    next_s = clock.monotonic() + max(pace.reread_s, pace.reread_share * took_s)
                else:
                    # Nobody gives a hint of silence: it is looked at by the clock alone.
                    silence = began_s >= silence_s
                    await self._look(silence=silence)
                    silence_s = began_s + pace.look_s if silence else silence_s
                await asyncio.sleep(pace.rest_s)
        self.audience.end(AGAIN)

    async def _open(self) -> bool:
        """Reads everything. A store in trouble is asked again; what was known before stays."""
        while True:
            try:
                fresh = await open_estate(self._business, self.actor)
            except Refused as refused:
                self.refused = refused
                self._ready.set()
                self.audience.end(AGAIN)
                return False
            except Trouble as trouble:
                self._troubled(trouble)
                if self.estate is not None:
                    return True
                await asyncio.sleep(self._pace.look_s)
                continue
            self._lately = False
            first, self.estate = self.estate is None, fresh
            self._ready.set()
            if not first:
                self._refresh()
            return True

    async def _look(self, *, silence: bool) -> None:
        if self.estate is None:
            return
        try:
            changed = await look(self._business, self.estate, silence=silence)
        except Trouble as trouble:
            self._troubled(trouble)
            return
        self._lately = False
        if any(each.richer for each in changed):
            self._paid.set()
        if len(changed) > PLACES_MOST:
            self._refresh()
        elif changed:
            self.publish(changed)

    def publish(self, changed: set[Change]) -> None:
        """Tells what has changed, put into words once for each language."""
        if self.estate is None or not self.audience:
            return
        words = {each: self._tell(self.estate, changed, each) for each in self.audience.languages}
        self.audience.tell({language: event("figures", texts) for language, texts in words.items()})

    def _refresh(self) -> None:
        news = event("refresh")
        self.audience.tell(dict.fromkeys(self.audience.languages, news))

    def _troubled(self, trouble: Trouble) -> None:
        """One line when it begins."""
        if not self._lately:
            log.warning("overview_behind", trouble=trouble.key)
        self._lately = True

    async def _run_beside(self) -> None:
        """What takes longer, one after the other, and again after a while."""
        await self._ready.wait()
        while self.refused is None and not self.idle:
            try:
                await self._read_beside()
                again_s = self._pace.slow_s if self.beside.complete else self._pace.rest_s
            except Trouble as trouble:
                # Whatever it is, the figures of the moment go on, and this part is tried again.
                self._troubled(trouble)
                again_s = self._pace.look_s
            self._refresh()
            await self._money_until(again_s)

    async def _money_until(self, again_s: float) -> None:
        """Waits, and meanwhile looks again at the money when some has come in."""
        try:
            async with asyncio.timeout(again_s):
                while True:
                    await self._paid.wait()
                    self._paid.clear()
                    if self.estate is not None:
                        self.beside.money = await money_in(self._business, self.actor, self.estate)
                        self._refresh()
                    await asyncio.sleep(self._pace.money_s)
        except TimeoutError:
            return

    async def _read_beside(self) -> None:
        estate, business, beside = self.estate, self._business, self.beside
        if estate is None:
            return
        beside.money = await money_in(business, self.actor, estate)
        beside.disputes = await open_disputes(business, self.actor)
        beside.tickets = await open_money_tickets(business, self.actor)
        few = estate.total.meters <= DAYS_AT_ONCE_METERS
        beside.days = await days_used(business, estate, add_up=ALL_DAYS if few else SOME_DAYS)
        for site in estate.sites.values():
            beside.nights[site.id] = await tonight(business, self.actor, site.id)
        beside.complete = beside.days.missing == 0
        if beside.complete:
            self.settled.set()


class Hub:
    """All watches of a process."""

    def __init__(self, business: Business, tell: Tell, *, stopping: asyncio.Event, pace: Pace | None = None) -> None:
        self._business, self._tell, self._stopping = business, tell, stopping
        self._pace = pace or Pace()
        self._watches: dict[frozenset[Grant], Watch] = {}
        self._warden: asyncio.Task[None] | None = None
        self.empty = asyncio.Event()
        """Set while no browser listens."""

    @property
    def watches(self) -> tuple[Watch, ...]:
        """Those that run."""
        return tuple(self._watches.values())

    @property
    def clients(self) -> int:
        """Browsers that listen."""
        return sum(len(watch.audience) for watch in self._watches.values())

    def watch(self, actor: Actor) -> Watch:
        """The watch of everybody with these roles. Raises `TryAgain` when there are too many."""
        self._sweep()
        key = frozenset(actor.grants)
        found = self._watches.get(key)
        if found is None:
            if len(self._watches) >= WATCHES_MOST or self._stopping.is_set():
                raise TryAgain("try_again.general")
            found = self._watches[key] = Watch(self._business, tuple(sorted(key, key=_order)), self._tell, self._pace)
            found.start()
            if self._warden is None or self._warden.done():
                self._warden = asyncio.create_task(self._until_the_end())
        return found

    def join(self, watch: Watch, person_id: str, language: str) -> Client:
        """One more browser. Raises `TryAgain` when there are too many, of all or of one person."""
        if self.clients >= CLIENTS_MOST or watch.persons[person_id] >= CLIENTS_OF_ONE or self._stopping.is_set():
            raise TryAgain("try_again.general", retry_after_ms=FULL_MS)
        client = Client(language)
        watch.audience.join(client)
        watch.persons[person_id] += 1
        self.empty.clear()
        return client

    def leave(self, watch: Watch, person_id: str, client: Client) -> None:
        """It is gone."""
        watch.audience.leave(client)
        watch.persons[person_id] -= 1
        if watch.persons[person_id] <= 0:
            del watch.persons[person_id]
        watch.seen_s = self._business.clock.monotonic()
        if not self.clients:
            self.empty.set()

    async def close(self) -> None:
        """Ends every watch."""
        if self._warden is not None:
            self._warden.cancel()
            await asyncio.gather(self._warden, return_exceptions=True)
        await asyncio.gather(*(watch.close() for watch in self._watches.values()))
        self._watches.clear()

    def _sweep(self) -> None:
        for key, watch in list(self._watches.items()):
            if watch.over or watch.refused is not None:
                del self._watches[key]

    async def _until_the_end(self) -> None:
        """The program ends: every browser is told to come again, to whoever takes over."""
        await self._stopping.wait()
        for watch in self._watches.values():
            watch.audience.end(AGAIN)


def _order(grant: Grant) -> tuple[str, str]:
    return grant.scope, grant.role
