"""A message to everybody on the stage: two people live in three rooms, and one room has nobody."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bot.conversations.topics.broadcast import Broadcast, CountAudience, PreviewBroadcast
from prepaid.domain.accounts import Site
from prepaid.domain.errors import Refused
from prepaid.domain.tariffs import FlatTariff
from prepaid.usecases.broadcast import Audience
from tests.fakes.rights import OPERATES, right


def _audience(part: str) -> Audience:
    if part == "b9":
        raise Refused("refused.broadcast_nobody")
    site = Site(id="maple", name="枫丹苑", path="acme/maple", tariff=FlatTariff(id="t", price_micro_per_kwh=1))
    path = f"acme/maple/{part}" if part else "acme/maple"
    return Audience(path=path, site=site, people=("p1", "p2"), rooms=4, silent=1)


def _told(stage: Any, user: str, effect: Broadcast) -> tuple[Audience, int]:
    del stage, user
    found = _audience(effect.part)
    return found, len(found.people)


ANSWERS = {
    CountAudience: lambda _, __, e: _audience(e.part),
    PreviewBroadcast: lambda _, __, e: _audience(e.part),
    Broadcast: _told,
}
SCRIPTS = {
    "broadcast": (
        ("admin", "/broadcast 枫丹苑"),
        ("admin", "整个项目"),
        ("admin", "周六 9:00 至 11:00 停电检修。"),
        ("admin", "是"),
        ("admin", "/broadcast maple:b9"),
        ("anna", "/broadcast"),
    )
}
RIGHTS = (
    replace(right("broadcast", lambda on: CountAudience(site_id=on.site_id, part=""), OPERATES), at_site=True),
    replace(
        right("broadcast", lambda on: PreviewBroadcast(site_id=on.site_id, part="", words="x"), OPERATES), at_site=True
    ),
    replace(
        right("broadcast", lambda on: Broadcast(site_id=on.site_id, part="", words="x", wish="w"), OPERATES),
        at_site=True,
    ),
)
