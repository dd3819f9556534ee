"""Prices: the price list in force, with its bands and hours, steps, free amount and fees (FEATURES P5, T2)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from bot.conversations.effects import Effect
from bot.conversations.inbound import Turn
from bot.conversations.openings import for_account
from bot.conversations.parts import KeyValueTable, Row, Tone
from bot.conversations.reply import Reply, say
from bot.conversations.session import Session
from bot.conversations.topic import Topic
from bot.conversations.vocabulary import Audience, Intent
from bot.conversations.wording import band_words
from bot.texts import text
from prepaid.domain.tariffs import Band, Tariff, Utility
from prepaid.domain.tariffs.bands import DAY_MIN
from prepaid.usecases.show_prices import PriceSheet, PricesView, show_prices


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowPrices(Effect):
    """The price lists of an account."""

    account_id: str


def _shown(effect: ShowPrices, value: PricesView, turn: Turn, session: Session) -> Reply:
    del effect
    language = turn.actor.language
    tables = [_table(language, value, sheet) for sheet in value.sheets]
    if value.fees:
        title = text(language, "prices.fees", label=value.label)
        tables.append(KeyValueTable(title=title, rows=tuple(_fees(language, value.fees))))
    if not tables:
        return Reply(session=session, parts=(say(language, "prices.none", Tone.WARNING, label=value.label),))
    return Reply(session=session, parts=tuple(tables))


def _table(language: str, value: PricesView, sheet: PriceSheet) -> KeyValueTable:
    version = sheet.version
    rows = [*_prices(language, version, sheet.utility), *_hours(language, sheet.today)]
    if version.free_wh:
        rows.append(Row(label=text(language, "prices.free"), value=_amount(language, version.free_wh, sheet.utility)))
    if version.sewage_micro:
        rows.append(Row(label=text(language, "prices.sewage"), value=_price(language, version.sewage_micro, "water")))
    rows += _fees(language, ((fee.id, str(fee.every), fee.amount_micro) for fee in version.fees))
    coming = sheet.coming
    note = text(language, "prices.coming", at=coming.start, time_zone=value.site_time_zone) if coming else ""
    title = text(language, f"prices.title_{sheet.utility}", label=value.label)
    return KeyValueTable(title=title, rows=tuple(rows), note=note)


def _prices(language: str, version: Tariff, utility: Utility) -> list[Row]:
    """A row for each price: of a step, of a band, or of a band within a step."""
    ends = [step.above_wh for step in version.steps[1:]] + [0]
    rows: list[Row] = []
    for step, until in zip(version.steps, ends, strict=True):
        reach = ""
        if len(version.steps) > 1:
            key = f"prices.{'up_to' if until else 'above'}_{version.step_every}"
            reach = text(language, key, amount=_amount(language, until or step.above_wh, utility))
        for band in version.bands:
            name = band_words(language, band) if len(version.bands) > 1 else ""
            label = text(language, "figure.separator").join(words for words in (reach, name) if words)
            price = _price(language, step.price(band), utility)
            rows.append(Row(label=label or text(language, "prices.one"), value=price))
    return rows


def _hours(language: str, today: tuple[tuple[int, Band], ...]) -> list[Row]:
    """Today's hours of each band, where there is more than one."""
    spans: dict[Band, list[str]] = {}
    for (since, band), (until, _) in pairwise((*today, (DAY_MIN, Band.FLAT))):
        spans.setdefault(band, []).append(f"{_clock(since)}–{_clock(until)}")
    if len(spans) <= 1:
        return []
    return [
        Row(label=text(language, "prices.today", band=band_words(language, band)), value=", ".join(spans[band]))
        for band in Band
        if band in spans
    ]


def _fees(language: str, fees: Iterable[tuple[str, str, int]]) -> list[Row]:
    return [
        Row(
            label=text(language, "prices.fee", name=name),
            value=text(language, f"prices.every_{every}", amount_micro=amount_micro),
        )
        for name, every, amount_micro in fees
    ]


def _price(language: str, price_micro: int, utility: str) -> str:
    if utility == Utility.WATER:
        return text(language, "prices.per_m3", price_micro_per_m3=price_micro)
    return text(language, "prices.per_kwh", price_micro_per_kwh=price_micro)


def _amount(language: str, amount: int, utility: str) -> str:
    if utility == Utility.WATER:
        return text(language, "prices.amount_water", amount_l=amount)
    return text(language, "prices.amount_energy", amount_wh=amount)


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


TOPIC = Topic(
    intents=(
        Intent(
            name="prices",
            audience=Audience.TENANT,
            commands=("prices", "电价", "水价", "价目", "电价表"),
            phrases=(
                r"(?:我要|请|帮我)?(?:查询|查|看看|看)?(?:现在|当前|今天)?的?(?:电价|水价|价格表?|价目表?|收费标准)(?:是多少|多少)?",
                r"(?:一度电|每度电|电费)(?:是)?多少钱(?:一度)?",
                r"(?:show |see )?(?:me )?(?:the |my )?(?:price list|prices|tariff|rates)",
                r"(?:what|how much) (?:does a kwh cost|is a kwh|is the price)",
            ),
        ),
    ),
    openings={"prices": for_account("prices", lambda account, _: ShowPrices(account_id=account))},
    after_choice=frozenset({"prices"}),
    performers={ShowPrices: lambda e, on: show_prices(on.business, on.actor, e.account_id)},
    presenters={ShowPrices: _shown},
)
