"""Audit: who did what to a room, when and why, and what was refused (A3)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.conversations import desk
from bot.conversations.effects import Effect
from bot.conversations.inbound import Turn
from bot.conversations.openings import for_room
from bot.conversations.parts import Item
from bot.conversations.perform import Situation
from bot.conversations.reply import Reply, say
from bot.conversations.session import Session
from bot.conversations.topic import Topic
from bot.conversations.vocabulary import Audience, Intent, Wants
from bot.conversations.wording import who_words
from bot.texts import has, text
from prepaid.domain.accounts import Account
from prepaid.ports import AuditRecord
from prepaid.usecases.name_people import Named, name_people
from prepaid.usecases.search_audit import search_audit

_PERSON = re.compile(r"\bp_[0-9a-f]{8,32}\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchAudit(Effect):
    """The lines about an account."""

    account_id: str
    label: str
    page: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Trail:
    """The lines, and who the persons in them are."""

    lines: Sequence[AuditRecord]
    names: Mapping[str, Named]


def _begin(turn: Turn, session: Session, argument: str) -> Reply:
    """A pressed page comes as "page:<number>:<account>:<room>"; anything else is a room."""
    kind, _, rest = argument.partition(":")
    page, _, named = rest.partition(":")
    account_id, _, label = named.partition(":")
    if kind != "page" or not account_id:
        return for_room("audit")(turn, session, argument)
    return Reply(
        session=session,
        effects=(SearchAudit(account_id=account_id, label=label or account_id, page=desk.page_of(page)),),
    )


def _of_room(turn: Turn, session: Session, account: Account) -> Reply:
    del turn
    return Reply(session=session, effects=(SearchAudit(account_id=account.id, label=account.label),))


async def _search(on: Situation, effect: SearchAudit) -> Trail:
    lines = await search_audit(on.business, on.actor, effect.account_id)
    named = {number for line in lines for words in _told(line) for number in _PERSON.findall(words)}
    return Trail(lines=lines, names=await name_people(on.business, on.actor, named | {line.actor for line in lines}))


def _told(line: AuditRecord) -> tuple[str, ...]:
    return (line.before, line.after, line.reason)


def _shown(effect: SearchAudit, value: Trail, turn: Turn, session: Session) -> Reply:
    language = turn.actor.language
    if not value.lines:
        return Reply(session=session, parts=(say(language, "audit.none", label=effect.label),))
    items = [_item(language, line, value.names) for line in value.lines]
    pages = -(-len(items) // desk.PAGE_ROWS)
    page = min(effect.page, pages)
    listing = desk.paged(language, "audit.title", items, page)
    more = desk.action("audit", "page", str(page + 1), effect.account_id)
    buttons = (desk.next_page(language, more),) if page < pages and more else ()
    return Reply(session=session, parts=(desk.with_more(language, listing, buttons),))


def _item(language: str, line: AuditRecord, names: Mapping[str, Named]) -> Item:
    def plain(words: str) -> str:
        return _PERSON.sub(lambda found: who_words(language, found[0], names), words)

    name = f"act.{line.action}"
    before, after, reason = (plain(words) for words in _told(line))
    change = text(language, "audit.change", old=before, new=after).strip() if before or after else ""
    refused = text(language, "audit.refused") if line.refused else "" if line.done else text(language, "audit.open")
    words = (who_words(language, line.actor, names), reason, change, refused)
    return Item(
        label=text(language, "figure.when", at=line.at),
        value=text(language, name) if has(name) else line.action,
        detail=text(language, "figure.separator").join(word for word in words if word),
    )


TOPIC = Topic(
    intents=(
        Intent(
            name="audit",
            audience=Audience.STAFF,
            commands=("audit", "审计", "操作记录"),
            phrases=(
                r"(?:审计|操作记录|谁动过|谁操作过)\s*(?P<arg>[^\s].{0,40})",
                r"(?:audit|who did what to|who touched) (?P<arg>.{1,40})",
            ),
            wants=Wants.ROOM,
        ),
    ),
    openings={"audit": _begin},
    after_found={"audit": _of_room},
    performers={SearchAudit: lambda e, on: _search(on, e)},
    presenters={SearchAudit: _shown},
)
