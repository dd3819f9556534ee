"""Puts what the staff's use cases returned into parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache

from bot.conversations import flows
from bot.conversations.effects import (
    FindAccount,
    HoldSupply,
    IssueBindCode,
    OpenOverview,
    ShowBalance,
    ShowOverview,
    SwitchSupply,
)
from bot.conversations.inbound import Turn
from bot.conversations.parts import Button, Item, KeyValueTable, Link, List, Look, Part, Row, Tone
from bot.conversations.reply import Reply, press, say
from bot.conversations.rooms import Found
from bot.conversations.session import Session
from bot.conversations.topic import AfterFound, topics
from bot.conversations.wording import hold_mark, supply_rows, supply_state
from bot.texts import text
from prepaid.domain.accounts import Account
from prepaid.domain.money import MICRO_PER_FEN
from prepaid.domain.page_links import LINK_TTL
from prepaid.usecases.page_sessions import PageLink
from prepaid.usecases.views import AccountRow, Overview, SiteView, SupplyView

PAGE_ROWS = 10


def overview(effect: ShowOverview, value: Overview, turn: Turn, session: Session) -> Reply:
    """A table for each site on the first page, and a page of rooms, arrears first."""
    language = turn.actor.language
    rows = [row for site in value.sites for row in site.rows]
    if not rows:
        return Reply(session=session, parts=(say(language, "overview.none"),))
    pages = -(-len(rows) // PAGE_ROWS)
    page = min(effect.page, pages)
    shown = sorted(rows, key=lambda row: row.balance_micro)[(page - 1) * PAGE_ROWS : page * PAGE_ROWS]
    listing = List(
        title=text(language, "overview.rooms", page=page, pages=pages),
        items=tuple(_room(language, row) for row in shown),
        note=text(language, "overview.note"),
        more=_pages(language, page, pages),
        hint=text(language, "menu.hint") if pages > 1 else "",
    )
    tables: tuple[Part, ...] = tuple(_site(language, site) for site in value.sites) if page == 1 else ()
    return Reply(session=session, parts=(*tables, listing))


def overview_link(effect: OpenOverview, value: PageLink | None, turn: Turn, session: Session) -> Reply:
    """The page that shows the same, live. No key is set: nothing."""
    del effect
    if value is None:
        return Reply(session=session)
    told = say(turn.actor.language, "overview.page", ttl_s=int(LINK_TTL.total_seconds()))
    url = f"{turn.public_url}/overview/open/{value.token}"
    page = Link(label=text(turn.actor.language, "overview.open"), url=url, page=True)
    return Reply(session=session, parts=(told, page))


def _site(language: str, site: SiteView) -> KeyValueTable:
    counts = text(language, "overview.counts", on=str(site.on), off=str(site.off), silent=str(site.silent))
    # Balances are rounded down, so what is owed is rounded up: the same fen stands in both.
    owed_micro = -(-site.arrears_micro // MICRO_PER_FEN) * MICRO_PER_FEN
    rows = (
        Row(label=text(language, "row.supplies"), value=counts),
        Row(label=text(language, "row.arrears"), value=text(language, "figure.amount", amount_micro=owed_micro)),
    )
    return KeyValueTable(title=site.name, rows=rows)


def _room(language: str, row: AccountRow) -> Item:
    detail = text(language, "figure.separator").join(
        word for word in (supply_state(language, row), hold_mark(language, row.hold)) if word
    )
    return Item(
        label=row.label,
        value=text(language, "figure.balance", balance_micro=row.balance_micro),
        detail=detail,
    )


def _pages(language: str, page: int, pages: int) -> tuple[Button, ...]:
    before = (press(language, "button.previous", f"overview:{page - 1}"),) if page > 1 else ()
    after = (press(language, "button.next", f"overview:{page + 1}"),) if page < pages else ()
    return before + after


def found(effect: FindAccount, value: Found, turn: Turn, session: Session) -> Reply:
    """Goes on with what was wanted of the room, and with what was said besides."""
    return _after_found()[effect.then](replace(turn, besides=value.besides), session, value.account)


def ask_why(then: str) -> AfterFound:
    """Asks for a reason, then for a yes that names the room and the reason."""
    return lambda turn, session, account: flows.ask_reason(turn, session, then, account.id, account.label)


def ask_yes(then: str) -> AfterFound:
    """Restoring and releasing need no reason, but still a yes that names the room."""

    def ask(turn: Turn, session: Session, account: Account) -> Reply:
        language = turn.actor.language
        prompt = text(language, f"{then}.confirm", label=account.label)
        reason = text(language, "reason.by_hand")
        data = {"account_id": account.id, "label": account.label, "reason": reason}
        return flows.ask_confirm(turn, session, then, prompt, Look.PRIMARY, **data)

    return ask


def _show(turn: Turn, session: Session, account: Account) -> Reply:
    del turn
    return Reply(session=session, effects=(ShowBalance(account_id=account.id),))


def _issue(turn: Turn, session: Session, account: Account) -> Reply:
    del turn
    return Reply(session=session, effects=(IssueBindCode(account_id=account.id, label=account.label),))


_AFTER_FOUND: dict[str, AfterFound] = {
    "find": _show,
    "code": _issue,
    "cut": ask_why("cut"),
    "protect": ask_why("protect"),
    "restore": ask_yes("restore"),
    "release": ask_yes("release"),
}


@cache
def _after_found() -> Mapping[str, AfterFound]:
    return _AFTER_FOUND | {name: then for topic in topics() for name, then in topic.after_found.items()}


def switched(effect: SwitchSupply, value: tuple[SupplyView, ...], turn: Turn, session: Session) -> Reply:
    """What was ordered, and how far it is. The relay's own word follows as a notice."""
    language = turn.actor.language
    title = text(language, "switch.restoring" if effect.on else "switch.cutting", label=effect.label)
    table = KeyValueTable(title=title, rows=supply_rows(language, value), note=text(language, "switch.note"))
    return Reply(session=session, parts=(table,))


def held(effect: HoldSupply, value: tuple[SupplyView, ...], turn: Turn, session: Session) -> Reply:
    """The supply as it is under the new hold."""
    language = turn.actor.language
    title = text(language, "hold.released" if effect.kind is None else "hold.protected", label=effect.label)
    return Reply(session=session, parts=(KeyValueTable(title=title, rows=supply_rows(language, value)),))


def code(effect: IssueBindCode, value: str, turn: Turn, session: Session) -> Reply:
    """The code, for how long, and what the tenant does with it."""
    words = say(turn.actor.language, "code.issued", Tone.GOOD, label=effect.label, code=value)
    return Reply(session=session, parts=(words,))
