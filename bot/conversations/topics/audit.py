"""Audit: who did what to a room, when and why, and what was refused (A3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.conversations import desk
from bot.conversations.effects import Effect
from bot.conversations.inbound import Turn
from bot.conversations.openings import for_room
from bot.conversations.parts import Item
from bot.conversations.reply import Reply, say
from bot.conversations.session import Session
from bot.conversations.topic import Topic
from bot.conversations.vocabulary import Audience, Intent, Wants
from bot.texts import has, text
from prepaid.domain.accounts import Account
from prepaid.ports import AuditRecord
from prepaid.usecases.search_audit import search_audit


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchAudit(Effect):
    """The lines about an account."""

    account_id: str
    label: str
    page: int = 1


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


def _shown(effect: SearchAudit, value: Sequence[AuditRecord], turn: Turn, session: Session) -> Reply:
    language = turn.actor.language
    if not value:
        return Reply(session=session, parts=(say(language, "audit.none", label=effect.label),))
    items = [_item(language, line) for line in value]
    pages = -(-len(items) // desk.PAGE_ROWS)
    page = min(effect.page, pages)
    listing = desk.paged(language, "audit.title", items, page)
    more = desk.action("audit", "page", str(page + 1), effect.account_id)
    buttons = (desk.next_page(language, more),) if page < pages and more else ()
    return Reply(session=session, parts=(desk.with_more(language, listing, buttons),))


def _item(language: str, line: AuditRecord) -> Item:
    name = f"act.{line.action}"
    change = text(language, "audit.change", old=line.before, new=line.after) if line.before or line.after else ""
    refused = text(language, "audit.refused") if line.refused else "" if line.done else text(language, "audit.open")
    words = (line.actor, line.reason, change, refused)
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
    performers={SearchAudit: lambda e, on: search_audit(on.business, on.actor, e.account_id)},
    presenters={SearchAudit: _shown},
)
