"""Tariff: one single price for a site, shown first on last month's readings, then agreed to by a second person (A6)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bot.conversations import desk, flows
from bot.conversations.effects import Effect
from bot.conversations.form import REASON, Data, Form, Question, wish
from bot.conversations.inbound import Turn
from bot.conversations.parts import KeyValueTable, Look, Row
from bot.conversations.reply import Reply
from bot.conversations.session import Session
from bot.conversations.topic import Topic
from bot.conversations.vocabulary import Audience, Intent
from bot.texts import text
from prepaid.domain.approvals import Approval
from prepaid.domain.errors import Refused
from prepaid.domain.tariffs import flat
from prepaid.usecases.change_tariff import PreviewLine, TariffPreview, change_tariff, preview_tariff
from prepaid.usecases.find_sites import SiteLine

MOST_LINES = 5
MOST_MICRO = 10_000_000
"""Ten yuan for a kWh: more is a slip of the pen."""
_PRICE = re.compile(r"(?P<yuan>\d{1,2})(?:[.](?P<rest>\d{1,4}))?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewTariff(Effect):
    """What last month would have cost."""

    site_id: str
    name: str
    price_micro: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeTariff(Effect):
    """Asks a second person for exactly this price."""

    site_id: str
    price_micro: int
    version: str
    why: str


def _price(heard: str) -> int:
    """Yuan for a kWh with up to four decimals, in micro-yuan; no floats."""
    typed = _PRICE.fullmatch(heard.strip().strip("¥元").strip())
    micro = 0 if typed is None else int(typed["yuan"]) * 1_000_000 + int((typed["rest"] or "0").ljust(6, "0"))
    if not 0 < micro <= MOST_MICRO:
        raise Refused("refused.price_unreadable", text=heard.strip()[:20])
    return micro


def _priced(turn: Turn, session: Session, data: Data) -> Reply:
    del turn
    effect = PreviewTariff(site_id=str(data["site_id"]), name=str(data["name"]), price_micro=int(data["price"]))
    return Reply(session=session, effects=(effect,))


def _ready(turn: Turn, session: Session, data: Data) -> Reply:
    prompt = text(
        turn.actor.language,
        "tariff.confirm",
        name=data["name"],
        price_micro_per_kwh=data["price"],
        words=data["why"],
    )
    return flows.ask_confirm(turn, session, "tariff", prompt, Look.DANGER, wish=wish(turn)[-20:], **data)


PRICE = Form(name="tariff", questions=(Question(name="price", read=_price),), done=_priced)
WHY = Form(name="tariff_why", questions=(REASON,), done=_ready)


def _of_site(turn: Turn, session: Session, site: SiteLine, rest: str) -> Reply:
    del rest
    return PRICE.ask(turn, session, {"site_id": site.site_id, "name": site.name})


def _previewed(effect: PreviewTariff, value: TariffPreview, turn: Turn, session: Session) -> Reply:
    """The sum of the rooms that are shown, and those whom it changes most."""
    language = turn.actor.language
    most = sorted(value.lines, key=lambda line: -abs(line.after_micro - line.before_micro))[:MOST_LINES]
    sums = (sum(line.before_micro for line in value.lines), sum(line.after_micro for line in value.lines))
    rows = (
        Row(label=text(language, "tariff.all", count=len(value.lines)), value=_change(language, *sums)),
        *(Row(label=line.label, value=_line(language, line)) for line in most),
    )
    title = text(language, "tariff.title", name=effect.name, month=value.month)
    note = text(language, "tariff.note", count=value.accounts)
    asked = WHY.ask(turn, session, {"site_id": effect.site_id, "name": effect.name, "price": effect.price_micro})
    return Reply(session=asked.session, parts=(KeyValueTable(title=title, rows=rows, note=note), *asked.parts))


def _change(language: str, before_micro: int, after_micro: int) -> str:
    return text(language, "tariff.change", before_micro=before_micro, after_micro=after_micro)


def _line(language: str, line: PreviewLine) -> str:
    energy = text(language, "figure.energy", energy_wh=line.energy_wh)
    return text(language, "figure.separator").join((energy, _change(language, line.before_micro, line.after_micro)))


def _asked(effect: ChangeTariff, value: Approval, turn: Turn, session: Session) -> Reply:
    del effect
    return Reply(session=session, parts=(desk.waits(turn, value),))


TOPIC = Topic(
    intents=(
        Intent(
            name="tariff",
            audience=Audience.STAFF,
            commands=("tariff", "改电价", "电价调整"),
            phrases=(r"(?:修改|调整|变更)电价", r"change (?:the )?(?:tariff|price)"),
        ),
    ),
    openings={"tariff": desk.for_site("tariff")},
    confirmed={
        "confirm.tariff": lambda d: ChangeTariff(
            site_id=str(d["site_id"]), price_micro=int(d["price"]), version=f"flat-{d['wish']}", why=str(d["why"])
        ),
    },
    steps={PRICE.step: PRICE.heard, WHY.step: WHY.heard},
    after_site={"tariff": _of_site},
    performers={
        PreviewTariff: lambda e, on: preview_tariff(on.business, on.actor, e.site_id, flat("preview", e.price_micro)),
        ChangeTariff: lambda e, on: change_tariff(
            on.business, on.actor, e.site_id, flat(e.version, e.price_micro), why=e.why
        ),
    },
    presenters={PreviewTariff: _previewed, ChangeTariff: _asked},
)
