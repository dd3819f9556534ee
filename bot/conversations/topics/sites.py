"""Which site: the one that was named, the only one there is, or a choice. Topics go on from it by `after_site`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

from bot.conversations.desk import PickSite, action
from bot.conversations.inbound import Turn
from bot.conversations.parts import Item, List
from bot.conversations.reply import Reply
from bot.conversations.session import Session
from bot.conversations.topic import AfterSite, Topic, topics
from bot.texts import text
from prepaid.usecases.find_sites import SiteLine, find_sites

MOST_SITES = 12


def _picked(effect: PickSite, value: Sequence[SiteLine], turn: Turn, session: Session) -> Reply:
    if len(value) == 1:
        return _after_site()[effect.then](turn, session, value[0], effect.rest)
    language = turn.actor.language
    rest = (effect.rest,) if effect.rest else ()
    items = tuple(
        Item(label=site.name, action=action(effect.then, site.site_id, *rest) or action(effect.then, site.site_id))
        for site in value[:MOST_SITES]
    )
    listing = List(title=text(language, "site.which"), items=items, hint=text(language, "menu.hint"))
    return Reply(session=session, parts=(listing,))


@cache
def _after_site() -> Mapping[str, AfterSite]:
    return {name: then for topic in topics() for name, then in topic.after_site.items()}


TOPIC = Topic(
    performers={PickSite: lambda e, on: find_sites(on.business, on.actor, e.text)},
    presenters={PickSite: _picked},
)
