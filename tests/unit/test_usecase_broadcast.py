"""A message to everybody of a building: who gets it, how often, in which lane and hours, and who may send it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any, cast

import pytest

from prepaid.domain.access import Actor, Role
from prepaid.domain.errors import Refused
from prepaid.domain.notices import Lane, Notice
from prepaid.domain.preferences import Preferences, Quiet
from prepaid.ports import Notices
from prepaid.storage.driver import Database
from prepaid.usecases import broadcast as case
from prepaid.usecases.broadcast import broadcast, finish_broadcasts, preview_broadcast
from prepaid.usecases.deliver_notices import deliver_notices
from prepaid.usecases.set_preferences import set_preferences
from tests.fakes.building import SITE, Building, RecordingSender, build
from tests.fakes.clock import ManualClock

WORDS = "No power on Saturday from 9:00 to 11:00."


@pytest.fixture
async def building(database: Database, clock: ManualClock) -> Building:
    """Two tenants in three flats, and a flat with nobody."""
    place = await build(database, clock)
    first = await place.flat(1)
    await place.flat(2)
    await place.flat(3, tenant=False)
    await place.flat(4, tenant=False)
    await place.business.store.people.bind(first.id, "acc-3")
    return place


async def waiting(building: Building, lane: Lane) -> list[Notice]:
    """What the outbox holds."""
    return list(await building.business.store.notices.due(building.clock.now(), 100, lane))


async def test_everybody_is_told_once_in_the_lane_that_gives_way(building: Building) -> None:
    """N1, N3: one message a person, however many rooms; a second try of the same wish adds none; quiet hours hold."""
    staff = await building.operator()
    seen = await preview_broadcast(building.business, staff, SITE, "b1", WORDS)
    assert (len(seen.people), seen.rooms, seen.silent) == (2, 4, 1)
    assert await waiting(building, Lane.BULK) == []
    _, new = await broadcast(building.business, staff, SITE, "b1", WORDS, wish="w1")
    _, again = await broadcast(building.business, staff, SITE, "b1", WORDS, wish="w1")
    assert (new, again) == (2, 0)
    rows = await waiting(building, Lane.BULK)
    assert sorted(row.person_id for row in rows) == sorted(seen.people)
    assert {row.params["words"] for row in rows} == {WORDS}
    assert await waiting(building, Lane.PROMPT) == []
    sleeper = await building.business.store.people.get(rows[0].person_id)
    assert sleeper is not None
    await set_preferences(
        building.business, sleeper.actor(), Preferences(quiet=Quiet(since_min=0, until_min=24 * 60 - 1))
    )
    box = RecordingSender()
    assert await deliver_notices(building.business, {"chat": box}) == 1
    assert [notice.person_id for _, notice, _ in box.sent] == [rows[1].person_id]
    line = (await building.business.store.audit.latest(building.site.path, 10))[0]
    assert (line.action, line.reason, line.after) == ("broadcast", WORDS, "2")


async def test_only_the_staff_of_the_place_may(building: Building) -> None:
    """A2, A8: a role on one building ends at it; those who only look or count, tenants and strangers find nothing."""
    ours = await building.operator(scope="acme/maple/b1")
    assert (await preview_broadcast(building.business, ours, SITE, "b1", WORDS)).rooms == 4
    refused: list[tuple[Actor, str, str]] = [
        (ours, SITE, ""),
        (ours, SITE, "b2"),
        (ours, SITE, "../maple/b1"),
        (ours, "nowhere", "b1"),
        (await building.operator(scope="other"), SITE, "b1"),
        (await building.operator(role=Role.VIEWER), SITE, "b1"),
        (await building.operator(role=Role.FINANCE), SITE, "b1"),
        (await building.flat(5), SITE, "b1"),
    ]
    for actor, site_id, part in refused:
        with pytest.raises(Refused, match="not_found"):
            await broadcast(building.business, actor, site_id, part, WORDS, wish="w")
    assert await waiting(building, Lane.BULK) == []


async def test_what_is_said_and_how_often_has_limits(building: Building) -> None:
    """Y3: no empty and no endless words, nobody to tell is said, and a site is not flooded."""
    staff = await building.operator()
    for part, words, key in (("", " ", "words"), ("", "x" * 301, "words"), ("b2", WORDS, "nobody")):
        with pytest.raises(Refused, match=f"broadcast_{key}"):
            await broadcast(building.business, staff, SITE, part, words, wish="w")
    for number in range(case.AN_HOUR):
        await broadcast(building.business, staff, SITE, "", WORDS, wish=f"w{number}")
    with pytest.raises(Refused, match="broadcast_often"):
        await broadcast(building.business, staff, SITE, "", WORDS, wish="one more")
    building.clock.advance(seconds=case.WINDOW_S + 1)
    assert (await broadcast(building.business, staff, SITE, "", WORDS, wish="later"))[1] == 2


class DiesAfterOne:
    """The outbox of a process that dies before it has written its second row."""

    def __init__(self, real: Any) -> None:
        self.real, self.rows = real, 0

    async def queue(self, notice: Notice) -> bool:
        """The first row alone."""
        if self.rows:
            raise asyncio.CancelledError
        self.rows += 1
        return bool(await self.real.queue(notice))


async def test_who_dies_between_two_rows_is_followed_by_another(building: Building) -> None:
    """N1, Y1: the rest is told by whoever comes after, and by two of them at once nobody twice."""
    staff = await building.operator()
    store = building.business.store
    dying = replace(building.business, store=replace(store, notices=cast("Notices", DiesAfterOne(store.notices))))
    with pytest.raises(asyncio.CancelledError):
        await broadcast(dying, staff, SITE, "b1", WORDS, wish="w1")
    assert len(await waiting(building, Lane.BULK)) == 1
    assert await finish_broadcasts(building.business) == 0
    building.clock.advance(seconds=case.PATIENCE.total_seconds() + 1)
    newcomer = await building.flat(9)
    await asyncio.gather(*(finish_broadcasts(building.business) for _ in range(2)))
    told = [row.person_id for row in await waiting(building, Lane.BULK)]
    assert (len(told), len(set(told))) == (2, 2)
    assert newcomer.id not in told
    assert await finish_broadcasts(building.business) == 0
    trail = await store.audit.latest(building.site.path, 10)
    assert "broadcast_finished" in {line.action for line in trail}
