"""Tonight: who would be cut off and when, who is spared and by which rule, with hold and release from the list (A4)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from bot.conversations import desk, flows
from bot.conversations.effects import Effect
from bot.conversations.form import REASON, Data, Form, Question, whole
from bot.conversations.inbound import Turn
from bot.conversations.parts import Item, List, Look
from bot.conversations.reply import Reply, say
from bot.conversations.session import Session
from bot.conversations.topic import Topic
from bot.conversations.vocabulary import Audience, Intent
from bot.texts import has, text
from prepaid.domain.approvals import Approval
from prepaid.domain.errors import Refused
from prepaid.usecases.allow_mass_cut import HOURS_MAX, allow_mass_cut
from prepaid.usecases.find_sites import SiteLine
from prepaid.usecases.tonight import Tonight, TonightRow, tonight

HELD_RULE = "rule.held_on"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowTonight(Effect):
    """The coming night of a site."""

    site_id: str
    name: str
    page: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowMassCut(Effect):
    """Asks a second person to let the rules go beyond the site's share."""

    site_id: str
    hours: int
    why: str


def _of_site(turn: Turn, session: Session, site: SiteLine, rest: str) -> Reply:
    del turn
    return Reply(session=session, effects=(ShowTonight(site_id=site.site_id, name=site.name, page=desk.page_of(rest)),))


def _shown(effect: ShowTonight, value: Tonight, turn: Turn, session: Session) -> Reply:
    """Cuts first, in order of time. A press on a cut asks for a hold, one on a held supply for its release."""
    language = turn.actor.language
    rows = (*value.cut, *value.spared)
    if not rows:
        return Reply(session=session, parts=(say(language, "tonight.none", name=effect.name),))
    items = [_item(language, row, value.time_zone) for row in rows]
    listing = desk.paged(language, "tonight.title", items, effect.page, "tonight", effect.site_id)
    title = text(
        language,
        "tonight.counts",
        name=effect.name,
        cut=len(value.cut),
        spared=len(value.spared),
        until=value.until,
        time_zone=value.time_zone,
    )
    note = text(language, "tonight.note") if listing.hint else ""
    return Reply(session=session, parts=(_titled(listing, title, note),))


def _titled(listing: List, title: str, note: str) -> List:
    return replace(listing, title=f"{title} {listing.title}", note=note)


def _item(language: str, row: TonightRow, time_zone: str) -> Item:
    rule = text(language, row.rule) if has(row.rule) else row.rule
    balance = text(language, "figure.balance", balance_micro=row.balance_micro)
    if row.at is not None:
        detail = text(language, "tonight.cut_at", at=row.at, rule=rule, time_zone=time_zone)
        return Item(label=row.label, value=balance, detail=detail, action=desk.action("protect", row.account_id))
    key = "tonight.spared" if row.spared_until is None else "tonight.spared_until"
    detail = text(language, key, rule=rule, until=row.spared_until, time_zone=time_zone)
    release = desk.action("release", row.account_id) if row.rule == HELD_RULE else ""
    return Item(label=row.label, value=balance, detail=detail, action=release)


def _hours(heard: str) -> int:
    hours = whole(heard)
    if not 0 < hours <= HOURS_MAX:
        raise Refused("refused.mass_cut_time", hours=HOURS_MAX)
    return hours


def _mass(turn: Turn, session: Session, site: SiteLine, rest: str) -> Reply:
    del rest
    return FORM.ask(turn, session, {"site_id": site.site_id, "name": site.name})


def _mass_ready(turn: Turn, session: Session, data: Data) -> Reply:
    prompt = text(turn.actor.language, "masscut.confirm", **data)
    return flows.ask_confirm(turn, session, "masscut", prompt, Look.DANGER, **data)


FORM = Form(name="masscut", questions=(Question(name="hours", read=_hours), REASON), done=_mass_ready)


def _asked(effect: AllowMassCut, value: Approval, turn: Turn, session: Session) -> Reply:
    del effect
    return Reply(session=session, parts=(desk.waits(turn, value),))


TOPIC = Topic(
    intents=(
        Intent(
            name="tonight",
            hints=(
                r"今[晚夜天].{0,6}[停断]|[停断][电水]?名单",
                r"\b(?:cut|off)\b.*\btonight|tonight.*\b(?:cut|off)\b|(?:cut|cut-off) list",
            ),
            audience=Audience.STAFF,
            commands=("tonight", "今晚", "今晚断电"),
            phrases=(
                r"(?:今晚|今夜)(?:会|要)?(?:断电|停电|停谁|断谁|谁会?被?(?:断电|停电))(?:名单|列表)?",
                r"who (?:will|would) be cut(?: off)?(?: tonight)?",
                r"(?:tonight's )?(?:cut|cut-off) list",
            ),
        ),
        Intent(
            name="masscut",
            audience=Audience.STAFF,
            commands=("masscut", "放行断电"),
            phrases=(r"(?:放行|允许)(?:批量|大量|大范围)断电", r"allow (?:the )?mass cut"),
        ),
    ),
    openings={"tonight": desk.for_site("tonight"), "masscut": desk.for_site("masscut")},
    confirmed={
        "confirm.masscut": lambda d: AllowMassCut(site_id=str(d["site_id"]), hours=int(d["hours"]), why=str(d["why"])),
    },
    steps={FORM.step: FORM.heard},
    after_site={"tonight": _of_site, "masscut": _mass},
    performers={
        ShowTonight: lambda e, on: tonight(on.business, on.actor, e.site_id),
        AllowMassCut: lambda e, on: allow_mass_cut(
            on.business,
            on.actor,
            e.site_id,
            until=on.business.clock.now() + timedelta(hours=e.hours),
            why=e.why,
        ),
    },
    presenters={ShowTonight: _shown, AllowMassCut: _asked},
)
