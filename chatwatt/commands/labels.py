"""`chatwatt labels PLACE`: a sheet of labels, one for each room there that nobody is bound to yet.

Each label carries a one-time code of its own that holds for some days: whoever scans it first is bound (A5).
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from chatwatt.settings import Settings, load, load_wechat
from chatwatt.telegram_checks import ask_telegram
from chatwatt.wiring import Runtime, open_runtime
from prepaid.domain.access import Action, Actor
from prepaid.domain.accounts import Account, AccountStatus, Site
from prepaid.domain.errors import Refused, TryAgain
from prepaid.domain.people import LABEL_CODE_TTL_S
from prepaid.ports import Business
from prepaid.usecases.authorize import reach_place
from prepaid.usecases.issue_bind_code import issue_bind_code

if TYPE_CHECKING:
    from bot.channels.wechat_api import WeChatApi
    from chatwatt.labels import Label

OPERATOR = Actor(id="labels", system=True)
"""Whoever may run this command on the server's own shell may do anything there."""
DAY_S = 24 * 3600
MOST_LABELS = 2_000


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declares the command."""
    parser = commands.add_parser("labels", help="print a PDF sheet of labels to scan, one for each room")
    parser.add_argument("place", metavar="PLACE", help='a subtree, as "college/north-hall"')
    parser.add_argument("--out", type=Path, default=Path("labels.pdf"), metavar="FILE", help="where to write it")
    parser.add_argument("--days", type=int, default=14, help="how long the codes hold, 1 to 30")
    parser.add_argument("--language", choices=("zh", "en"), default="zh", help="of the words on the labels")
    parser.add_argument("--all", action="store_true", help="also for rooms that somebody is bound to")
    parser.set_defaults(run=run)


async def run(arguments: argparse.Namespace) -> int:
    """0 with the number of labels and the file as the only line."""
    ttl_s = arguments.days * DAY_S
    if not 0 < ttl_s <= LABEL_CODE_TTL_S:
        raise Refused("refused.labels_days", most=str(LABEL_CODE_TTL_S // DAY_S))
    settings = load()
    async with open_runtime(settings, beside=True) as runtime:
        business = runtime.business({})
        rooms = await rooms_of(business, arguments.place, everybody=arguments.all)
        if not rooms:
            raise Refused("refused.labels_no_room")
        body = await _made(runtime, business, rooms, ttl_s, arguments.language)
    try:
        await asyncio.to_thread(arguments.out.write_bytes, body)
    except OSError:
        raise Refused("refused.file_unwritable", path=str(arguments.out)) from None
    print(f"{len(rooms)}\t{arguments.out}")
    return 0


async def rooms_of(business: Business, place: str, *, everybody: bool) -> Sequence[Account]:
    """The open tenancies of a place by their room, those that somebody is bound to only if `everybody`.

    Raises `Refused` where there is no such place.
    """
    await reach_place(business, OPERATOR, place, Action.ISSUE_BIND_CODE)
    accounts = await business.store.sites.accounts_below(place)
    if not accounts:
        raise Refused("refused.not_found")
    rooms = [each for each in accounts if each.status is AccountStatus.OPEN and not each.tenancy]
    if not everybody:
        rooms = [each for each in rooms if not await business.store.people.of_account(each.id)]
    if len(rooms) > MOST_LABELS:
        raise Refused("refused.labels_many", most=str(MOST_LABELS))
    return sorted(rooms, key=lambda each: each.path)


async def _made(runtime: Runtime, business: Business, rooms: Sequence[Account], ttl_s: int, language: str) -> bytes:
    # Drawing needs the extra `labels`; without it nothing is begun.
    try:
        from chatwatt.labels import sheet  # noqa: PLC0415
    except ImportError:
        raise Refused("refused.labels_extra") from None
    bot, wechat = await telegram_name(runtime.settings), load_wechat()
    if not bot and not wechat.given:
        raise Refused("refused.labels_no_channel")
    if not wechat.given:
        return await asyncio.to_thread(sheet, await labels_of(business, rooms, ttl_s, bot=bot), language)
    from chatwatt.wechat_account import api  # noqa: PLC0415 - its libraries are large

    account = api(wechat, runtime.sessions, runtime.claims, runtime.clock)
    try:
        labels = await labels_of(business, rooms, ttl_s, bot=bot, wechat=account)
    finally:
        await account.close()
    return await asyncio.to_thread(sheet, labels, language)


async def labels_of(
    business: Business, rooms: Sequence[Account], ttl_s: int, *, bot: str = "", wechat: WeChatApi | None = None
) -> list[Label]:
    """A code of its own for each room, and where to scan it. Raises `TryAgain` when WeChat gives no code now."""
    from chatwatt.labels import Label  # noqa: PLC0415 - the extra `labels`

    sites: Mapping[str, Site] = {site.id: site for site in await business.store.sites.sites()}
    labels: list[Label] = []
    for room in rooms:
        until = business.clock.now() + timedelta(seconds=ttl_s)
        code = await issue_bind_code(business, OPERATOR, room.id, ttl_s=ttl_s)
        links = [("wechat", (await wechat.ticket(code, lasts_s=ttl_s)).url)] if wechat is not None else []
        links += [("telegram", f"https://t.me/{bot}?start={code}")] if bot else []
        site = sites[room.site_id]
        zone = site.calendar.time_zone
        labels.append(
            Label(site=site.name, room=room.label, code=code, links=tuple(links), until=until, time_zone=zone)
        )
    return labels


async def telegram_name(settings: Settings) -> str:
    """The bot's public name; "" without a bot. Raises `TryAgain` when Telegram does not tell."""
    if settings.telegram_token is None:
        return ""
    name = (await ask_telegram(settings, "getMe")).get("username")
    if not name:
        raise TryAgain("try_again.channel")
    return str(name)
