"""What the topics of the staff share: lists with pages, the choice of a site, and the word that a second one is asked.

Pages are numbered from 1. A button's argument that a channel could not carry is left out; the words for it still work.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bot.conversations.effects import Effect
from bot.conversations.inbound import Turn
from bot.conversations.parts import MAX_ACTION_BYTES, Button, Item, List, Part, Tone
from bot.conversations.reply import Reply, press, say
from bot.conversations.topic import Opening
from bot.texts import text
from prepaid.domain.approvals import Approval

PAGE_ROWS = 8
_MOST_DIGITS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class PickSite(Effect):
    """Which site is meant; `then` names the intent that goes on with it, `rest` its argument."""

    text: str
    then: str
    rest: str = ""


def for_site(intent: str) -> Opening:
    """A staff intent about a whole site. Its argument is "<site>[:<what the intent wants besides>]"."""

    def begin(turn: Turn, session: object, argument: str) -> Reply:
        del turn
        name, _, rest = argument.partition(":")
        return Reply(session=session, effects=(PickSite(text=name, then=intent, rest=rest),))  # type: ignore[arg-type]

    return begin


def page_of(argument: str) -> int:
    """The page that an argument names, or the first."""
    return max(1, int(argument)) if argument.isdecimal() and len(argument) <= _MOST_DIGITS else 1


def action(*pieces: str) -> str:
    """A button's action, or "" where some channel could not carry it."""
    joined = ":".join(pieces)
    return joined if joined.isascii() and len(joined) <= MAX_ACTION_BYTES else ""


def paged(language: str, title: str, items: Sequence[Item], page: int, *intent: str, note: str = "") -> List:
    """One page of items under the text `title`, with buttons to the pages beside it."""
    pages = max(1, -(-len(items) // PAGE_ROWS))
    page = min(page, pages)
    shown = tuple(items[(page - 1) * PAGE_ROWS : page * PAGE_ROWS])
    more: list[Button] = []
    for key, other in (("button.previous", page - 1), ("button.next", page + 1)):
        target = action(*intent, str(other)) if intent else ""
        if 0 < other <= pages and target:
            more.append(press(language, key, target))
    pressable = bool(more) or any(item.action for item in shown)
    return List(
        title=text(language, title, count=len(items), page=page, pages=pages),
        items=shown,
        note=note,
        more=tuple(more),
        hint=text(language, "menu.hint") if pressable else "",
    )


def waits(turn: Turn, approval: Approval, time_zone: str = "") -> Part:
    """That a second person was asked, and until when."""
    language = turn.actor.language
    return say(
        language,
        "approval.waits",
        Tone.WARNING,
        effect=text(language, f"effect.{approval.effect}"),
        approval_id=approval.id,
        until=approval.expires_at,
        time_zone=time_zone,
    )


def next_page(language: str, target: str) -> Button:
    """The button to the page after this one."""
    return press(language, "button.next", target)


def with_more(language: str, listing: List, more: tuple[Button, ...]) -> List:
    """The same list with other buttons below it."""
    return replace(listing, more=more, hint=text(language, "menu.hint") if more or listing.hint else "")
