"""Prices: the price list in force, with its bands and hours, steps, free amount and fees (FEATURES P5, T2)."""

from __future__ import annotations

from dataclasses import dataclass

from bot.conversations import desk
from bot.conversations.effects import Effect
from bot.conversations.inbound import Turn
from bot.conversations.openings import for_account, for_room
from bot.conversations.parts import KeyValueTable, Tone
from bot.conversations.price_rows import fee_rows, sheet_table, version_rows
from bot.conversations.reply import Reply, say
from bot.conversations.session import Session
from bot.conversations.topic import Topic
from bot.conversations.vocabulary import Audience, Intent, Wants
from bot.texts import text
from prepaid.domain.accounts import Account
from prepaid.usecases.draft_tariff import SiteTariffs
from prepaid.usecases.find_sites import SiteLine
from prepaid.usecases.show_prices import PriceSheet, PricesView, show_prices
from prepaid.usecases.show_site_prices import show_site_prices


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowPrices(Effect):
    """The price lists of an account."""

    account_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowSitePrices(Effect):
    """The price lists of a site: what holds and what is to come."""

    site_id: str


def _begin_site(turn: Turn, session: Session, argument: str) -> Reply:
    """A room is told from a site by its number."""
    of_room = any(char.isdigit() for char in argument) and ":" not in argument
    return (for_room if of_room else desk.for_site)("siteprices")(turn, session, argument)


def _of_room(turn: Turn, session: Session, account: Account) -> Reply:
    del turn
    return Reply(session=session, effects=(ShowPrices(account_id=account.id),))


def _of_site(turn: Turn, session: Session, site: SiteLine, rest: str) -> Reply:
    del turn, rest
    return Reply(session=session, effects=(ShowSitePrices(site_id=site.site_id),))


def _site_shown(effect: ShowSitePrices, value: SiteTariffs, turn: Turn, session: Session) -> Reply:
    del effect
    language = turn.actor.language
    if not value.sheets:
        return Reply(session=session, parts=(say(language, "prices.none", Tone.WARNING, label=value.name),))
    tables = tuple(sheet_table(language, each, value.time_zone, name=value.name) for each in value.sheets)
    return Reply(session=session, parts=tables)


def _shown(effect: ShowPrices, value: PricesView, turn: Turn, session: Session) -> Reply:
    del effect
    language = turn.actor.language
    tables = [_table(language, value, sheet) for sheet in value.sheets]
    if value.fees:
        title = text(language, "prices.fees", label=value.label)
        tables.append(KeyValueTable(title=title, rows=tuple(fee_rows(language, value.fees))))
    if not tables:
        return Reply(session=session, parts=(say(language, "prices.none", Tone.WARNING, label=value.label),))
    return Reply(session=session, parts=tuple(tables))


def _table(language: str, value: PricesView, sheet: PriceSheet) -> KeyValueTable:
    rows = version_rows(language, sheet.version, sheet.utility, sheet.today, "prices.today")
    coming = sheet.coming
    note = text(language, "prices.coming", at=coming.start, time_zone=value.site_time_zone) if coming else ""
    title = text(language, f"prices.title_{sheet.utility}", label=value.label)
    return KeyValueTable(title=title, rows=rows, note=note)


TOPIC = Topic(
    intents=(
        Intent(
            name="prices",
            of_staff="siteprices",
            hints=(
                r"[电水]价|多少钱(?:一|1)(?:度|吨|方)|(?:峰|谷|阶梯).{0,3}(?:价|时段)",
                r"\b(?:prices?|tariffs?|rates?)\b|per kwh|kwh cost|peak hours",
            ),
            audience=Audience.TENANT,
            commands=("prices", "电价", "水价", "价目", "电价表"),
            phrases=(
                r"(?:我要|请|帮我)?(?:查询|查|看看|看)?(?:现在|当前|今天)?的?(?:电价|水价|价格表?|价目表?|收费标准)(?:是多少|多少)?",
                r"(?:一度电|每度电|电费)(?:是)?多少钱(?:一度)?",
                r"(?:show |see )?(?:me )?(?:the |my )?(?:price list|prices|tariff|rates)",
                r"(?:what|how much) (?:does a kwh cost|is a kwh|is the price)",
            ),
        ),
        Intent(
            name="siteprices",
            audience=Audience.STAFF,
            commands=("siteprices", "小区电价"),
            phrases=(
                r"(?:电价|水价|价目表?|价格表?)\s*(?P<arg>[^\s是多].{0,40})",
                r"(?:the )?(?:prices|price list|tariffs?) (?:of|for|in|at) (?P<arg>.{1,40})",
            ),
            wants=Wants.ROOM,
        ),
    ),
    openings={
        "prices": for_account("prices", lambda account, _: ShowPrices(account_id=account)),
        "siteprices": _begin_site,
    },
    after_found={"siteprices": _of_room},
    after_site={"siteprices": _of_site},
    after_choice=frozenset({"prices"}),
    performers={
        ShowPrices: lambda e, on: show_prices(on.business, on.actor, e.account_id),
        ShowSitePrices: lambda e, on: show_site_prices(on.business, on.actor, e.site_id),
    },
    presenters={ShowPrices: _shown, ShowSitePrices: _site_shown},
)
