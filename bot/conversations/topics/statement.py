"""The bill of a month: what came in, what was used in which band, both balances, and the lines as a file (T1, T4)."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from bot.conversations.effects import Effect
from bot.conversations.inbound import Turn
from bot.conversations.openings import account_action, for_account
from bot.conversations.parts import Chart, File, KeyValueTable, Part, Point, Row, make_file
from bot.conversations.reply import Reply, choose, press
from bot.conversations.session import Session
from bot.conversations.topic import Topic
from bot.conversations.topics.usage import thousands, use_total
from bot.conversations.vocabulary import Audience, Intent, Wants
from bot.conversations.wording import band_words
from bot.rendering.sheets import MEDIA_TYPES, Cell, csv_bytes, xlsx_bytes
from bot.texts import language_for, text
from prepaid.domain.access import Actor
from prepaid.domain.errors import Refused
from prepaid.domain.finance import WATER
from prepaid.domain.ledger import Kind
from prepaid.domain.tariffs import Utility
from prepaid.ports import Business
from prepaid.usecases.show_statement import StatementLine, StatementView, show_statement

MOST_LINES = 20_000
NANO_PER_MICRO = 1000
MICRO = Decimal(1_000_000)
MONTHS = 12
_MONTH = re.compile(r"(?P<year>20\d\d)\s*[-./年]\s*(?P<month>\d{1,2})(?:月|月份)?")
_LAST = re.compile(r"last|previous|上个?月")
_PLEASE = r"(?:我要|请|帮我)?(?:查询|查|看看|看|下载|导出)?"
_SHOW = r"(?:show |see |send )?(?:me )?"
_HEAD = ("time", "kind", "amount", "balance", "energy")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowStatement(Effect):
    """A month's bill; `month` is "2026-11", "" for the running one or "last"."""

    account_id: str
    month: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SendStatement(Effect):
    """Its lines as a file: `form` is "xlsx" or "csv"."""

    account_id: str
    month: str
    form: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """A statement that was read to its end."""

    view: StatementView
    lines: tuple[StatementLine, ...]


def _begin(account_id: str, argument: str) -> Effect:
    """The argument is a month as people write it, and a form where a file is asked for."""
    words, _, form = argument.partition(" ")
    if form in MEDIA_TYPES:
        return SendStatement(account_id=account_id, month=words, form=form)
    found = _MONTH.search(argument)
    if found is not None:
        return ShowStatement(account_id=account_id, month=f"{found['year']}-{int(found['month']):02d}")
    return ShowStatement(account_id=account_id, month="last" if _LAST.search(argument) else "")


async def read_bill(business: Business, actor: Actor, account_id: str, month: str) -> Read:
    """The month before the running one needs the site's calendar, so it is found from the running one."""
    view = await show_statement(business, actor, account_id, month=month if month not in ("", "last") else None)
    if month == "last":
        view = await show_statement(business, actor, account_id, month=_before(_month_of(view)))
    if view.entries > MOST_LINES:
        raise Refused("refused.statement_long", most=MOST_LINES)
    lines = [line async for page in view.pages for line in page]
    return Read(view=view, lines=tuple(lines))


async def bill_file(business: Business, actor: Actor, account_id: str, month: str, form: str) -> File:
    """The file, made off the event loop."""
    read = await read_bill(business, actor, account_id, month)
    language, month = language_for(actor.language), _month_of(read.view)
    rows = _rows(language, read)
    title = text(language, "statement.sheet", month=month)
    content = await asyncio.to_thread(lambda: xlsx_bytes(title, rows) if form == "xlsx" else csv_bytes(rows))
    caption = text(language, "statement.title", label=read.view.label, month=month)
    return make_file(f"{month}-{account_id}.{form}", MEDIA_TYPES[form], content, caption)


def bill_parts(language: str, read: Read) -> tuple[Part, ...]:
    """The sums and the picture."""
    title = text(language, "statement.title", label=read.view.label, month=_month_of(read.view))
    return (KeyValueTable(title=title, rows=_summary(language, read.view)), *_picture(language, read))


def _rows(language: str, read: Read) -> list[tuple[Cell, ...]]:
    zone = ZoneInfo(read.view.site_time_zone)
    rows: list[tuple[Cell, ...]] = [tuple(text(language, f"statement.{name}") for name in _HEAD)]
    rows += [
        (
            f"{line.at.astimezone(zone):%Y-%m-%d %H:%M:%S}",
            text(language, "entry.water" if line.utility == Utility.WATER else f"entry.{line.kind}"),
            line.amount_micro / MICRO,
            line.balance_micro / MICRO,
            Decimal(line.energy_wh) / 1000,
        )
        for line in read.lines
    ]
    return rows


def _shown(effect: ShowStatement, value: Read, turn: Turn, session: Session) -> Reply:
    language = turn.actor.language
    month = _month_of(value.view)
    parts = bill_parts(language, value)
    last = account_action(effect.account_id, "statement", _before(month))
    buttons = [
        press(language, f"button.{form}", account_action(effect.account_id, "statement", f"{month} {form}"))
        for form in ("xlsx", "csv")
    ]
    buttons.append(press(language, "button.month_before", last))
    buttons.append(press(language, "button.every_month", account_action(effect.account_id, "mailbill")))
    prompt = choose(text(language, "statement.next"), language, *buttons)
    return Reply(session=session, parts=(*parts, prompt))


def _summary(language: str, view: StatementView) -> tuple[Row, ...]:
    def money(key: str, amount_micro: int, *, signed: bool) -> Row:
        figure = (
            text(language, "figure.delta", delta_micro=amount_micro)
            if signed
            else text(language, "figure.balance", balance_micro=amount_micro)
        )
        return Row(label=text(language, key), value=figure)

    totals = view.totals
    rows = [money("statement.opening", view.opening_micro, signed=False)]
    rows += [
        money(f"entry.{kind}", totals.amount_micro[kind], signed=True) for kind in Kind if kind in totals.amount_micro
    ]
    for band, energy_wh in sorted(totals.energy_wh.items()):
        cost = totals.exact_nano[band] // NANO_PER_MICRO
        if band == WATER:
            words = text(language, "statement.water_figure", volume_l=energy_wh, cost_micro=cost)
            rows.append(Row(label=text(language, "statement.water"), value=words))
            continue
        words = text(language, "statement.band_figure", energy_wh=energy_wh, cost_micro=cost)
        rows.append(Row(label=text(language, "statement.band", band=band_words(language, band)), value=words))
    rows.append(money("statement.closing", view.closing_micro, signed=False))
    return tuple(rows)


def _picture(language: str, value: Read) -> tuple[Chart, ...]:
    """For each utility, a bar for each local day on which something of it was billed."""
    return tuple(chart for utility in Utility for chart in _picture_of(language, value, utility))


def _picture_of(language: str, value: Read, utility: Utility) -> Iterator[Chart]:
    energy: Counter[str] = Counter()
    cost: Counter[str] = Counter()
    zone = ZoneInfo(value.view.site_time_zone)
    for line in value.lines:
        if line.kind == Kind.CONSUMPTION and line.utility == utility:
            day = f"{line.at.astimezone(zone):%m-%d}"
            energy[day] += line.energy_wh
            cost[day] -= line.amount_micro
    if not any(energy.values()):
        return
    points = tuple(
        Point(label=day, value=wh, text=thousands(wh), line_micro=cost[day]) for day, wh in sorted(energy.items())
    )
    water = "_water" if utility is Utility.WATER else ""
    yield Chart(
        title=text(language, f"statement.chart{water}", month=_month_of(value.view)),
        points=points,
        summary=use_total(language, utility, sum(energy.values()), sum(cost.values())),
        unit=text(language, f"usage.unit{water}"),
        line_name=text(language, "usage.cost"),
    )


def _sent(effect: SendStatement, value: File, turn: Turn, session: Session) -> Reply:
    del effect, turn
    return Reply(session=session, parts=(value,))


def _month_of(view: StatementView) -> str:
    return f"{view.since.astimezone(ZoneInfo(view.site_time_zone)):%Y-%m}"


def _before(month: str) -> str:
    year, number = (int(part) for part in month.split("-"))
    first = datetime(year - 1, MONTHS, 1) if number == 1 else datetime(year, number - 1, 1)  # noqa: DTZ001 - a month
    return f"{first:%Y-%m}"


TOPIC = Topic(
    intents=(
        Intent(
            name="statement",
            of_staff="report",
            hints=(
                r"账单|对账单|电费单",
                r"\b(?:bills?|statements?|invoice)\b",
            ),
            audience=Audience.TENANT,
            commands=("statement", "bill", "bills", "账单", "月账单", "对账单"),
            phrases=(
                rf"{_PLEASE}(?:我的)?(?:电费|水费|消费)?(?:账单|电费单)",
                rf"{_SHOW}(?:my |the )?bills?",
                rf"{_PLEASE}(?P<arg>本月|这个月|上个?月|20\d\d年\d{{1,2}}月份?)的?(?:月)?(?:电费)?(?:账单|电费单)",
                rf"{_SHOW}(?:my |the )?(?P<arg>last month's |this month's )?(?:monthly )?(?:statement|monthly bill)",
                r"(?:my |the )?(?:bill|statement) (?:for|of) (?P<arg>last month|this month|20\d\d[-./]\d{1,2})",
            ),
            wants=Wants.PERIOD,
        ),
    ),
    openings={"statement": for_account("statement", _begin)},
    after_choice=frozenset({"statement"}),
    performers={
        ShowStatement: lambda e, on: read_bill(on.business, on.actor, e.account_id, e.month),
        SendStatement: lambda e, on: bill_file(on.business, on.actor, e.account_id, e.month, e.form),
    },
    presenters={ShowStatement: _shown, SendStatement: _sent},
)
