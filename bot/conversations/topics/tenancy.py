"""Tenancies: a room is opened step by step with its meter, and a move-out is begun and followed (T5)."""

from __future__ import annotations

from dataclasses import dataclass

from bot.conversations import desk, flows
from bot.conversations.effects import Effect
from bot.conversations.form import REASON, Data, Form, Question, wish, words
from bot.conversations.inbound import Turn
from bot.conversations.openings import for_room
from bot.conversations.parts import KeyValueTable, Look, Part, Row, Tone
from bot.conversations.reply import Reply, choose, press, say
from bot.conversations.session import Session
from bot.conversations.topic import Topic
from bot.conversations.vocabulary import Audience, Intent, Wants
from bot.texts import has, text
from prepaid.domain.accounts import Account
from prepaid.domain.closing import Closing
from prepaid.domain.places import check_path
from prepaid.usecases.agree_closing import waive_agreement
from prepaid.usecases.close_account import close_account
from prepaid.usecases.find_sites import SiteLine
from prepaid.usecases.open_account import open_account

NO_METER = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAccount(Effect):
    """A tenancy at a place, once for the key that its question was given."""

    site_id: str
    path: str
    label: str
    meter: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveOut(Effect):
    """Begins a move-out, or goes on with it."""

    account_id: str
    label: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WaiveAgreement(Effect):
    """Lets a move-out go on without the tenant's word."""

    account_id: str
    label: str
    why: str


def _place(heard: str) -> str:
    """A place below the site, such as b1/101."""
    return check_path(words(heard).strip("/").casefold())


def _meter(heard: str) -> str:
    plain = words(heard)
    return NO_METER if plain.casefold() in ("-", "0", "no", "none", "无", "没有") else plain


def _ready(turn: Turn, session: Session, data: Data) -> Reply:
    prompt = text(turn.actor.language, "open.confirm", **data)
    return flows.ask_confirm(turn, session, "open", prompt, Look.PRIMARY, wish=wish(turn), **data)


def _moveout_ready(turn: Turn, session: Session, data: Data) -> Reply:
    prompt = text(turn.actor.language, "moveout.confirm", label=data["label"], words=data["why"])
    return flows.ask_confirm(turn, session, "moveout", prompt, Look.DANGER, **data)


def _waive_ready(turn: Turn, session: Session, data: Data) -> Reply:
    prompt = text(turn.actor.language, "waive.confirm", label=data["label"], words=data["why"])
    return flows.ask_confirm(turn, session, "waive", prompt, Look.DANGER, **data)


OPEN = Form(
    name="open",
    questions=(
        Question(name="place", read=_place),
        Question(name="label", free=True, names=True),
        Question(name="meter", read=_meter, free=True, names=True, picks=(("open.no_meter", NO_METER),)),
    ),
    done=_ready,
)
MOVE_OUT = Form(name="moveout", questions=(REASON,), done=_moveout_ready)
WAIVE = Form(name="waive", questions=(REASON,), done=_waive_ready)


def _of_site(turn: Turn, session: Session, site: SiteLine, rest: str) -> Reply:
    del rest
    return OPEN.ask(turn, session, {"site_id": site.site_id, "name": site.name, "path": site.path})


def _of_room(turn: Turn, session: Session, account: Account) -> Reply:
    return MOVE_OUT.ask(turn, session, {"account_id": account.id, "label": account.label})


def _waive(turn: Turn, session: Session, account: Account) -> Reply:
    return WAIVE.ask(turn, session, {"account_id": account.id, "label": account.label})


def _opened(effect: OpenAccount, value: Account, turn: Turn, session: Session) -> Reply:
    del effect
    language = turn.actor.language
    done = say(language, "open.done", Tone.GOOD, label=value.label, account_id=value.id)
    code = press(language, "intent.code", desk.action("code", value.id), Look.PRIMARY)
    return Reply(session=session, parts=(done, choose(text(language, "open.next"), language, code)))


def _moving(effect: MoveOut | WaiveAgreement, value: Closing, turn: Turn, session: Session) -> Reply:
    language = turn.actor.language
    waits = text(language, value.waits_for) if value.waits_for and has(value.waits_for) else ""
    rows = [Row(label=text(language, "row.state"), value=text(language, f"moveout.{value.step}"))]
    if waits:
        rows.append(Row(label=text(language, "moveout.waits"), value=waits))
    if value.payable_micro > 0:
        payable = text(language, "figure.amount", amount_micro=value.payable_micro)
        rows.append(Row(label=text(language, "moveout.payable"), value=payable))
    title = text(language, "moveout.title", label=effect.label)
    parts: tuple[Part, ...] = (KeyValueTable(title=title, rows=tuple(rows)),)
    return Reply(session=session, parts=parts)


TOPIC = Topic(
    intents=(
        Intent(
            name="open",
            hints=(
                r"新(?:租|住)[户客]|开户|入住",
                r"new (?:tenant|account)|open .*account|moved in",
            ),
            audience=Audience.STAFF,
            commands=("open", "开户"),
            phrases=(r"(?:新)?开户", r"(?:办理)?入住", r"open (?:an |a new )?account"),
        ),
        Intent(
            name="moveout",
            hints=(
                r"销户|退租|退房",
                r"(?:close|end) .*\b(?:account|tenancy)\b|moved out|check ?out",
            ),
            audience=Audience.STAFF,
            commands=("moveout", "办理退租"),
            phrases=(
                r"(?:办理退租|退租结算|销户)\s*(?P<arg>[^\s].{0,40})",
                r"(?:close account|move out) (?:of |for )?(?P<arg>.{1,40})",
            ),
            wants=Wants.ROOM,
        ),
        Intent(
            name="waive",
            audience=Audience.STAFF,
            commands=("waive", "退租放行"),
            phrases=(r"退租放行\s*(?P<arg>[^\s].{0,40})", r"waive (?:the )?agreement (?:of )?(?P<arg>.{1,40})"),
            wants=Wants.ROOM,
        ),
    ),
    openings={"open": desk.for_site("open"), "moveout": for_room("moveout"), "waive": for_room("waive")},
    confirmed={
        "confirm.open": lambda d: OpenAccount(
            site_id=str(d["site_id"]),
            path=f"{d['path']}/{d['place']}",
            label=str(d["label"]),
            meter=str(d["meter"]),
            key=str(d["wish"]),
        ),
        "confirm.waive": lambda d: WaiveAgreement(
            account_id=str(d["account_id"]), label=str(d["label"]), why=str(d["why"])
        ),
        "confirm.moveout": lambda d: MoveOut(account_id=str(d["account_id"]), label=str(d["label"]), why=str(d["why"])),
    },
    steps={OPEN.step: OPEN.heard, MOVE_OUT.step: MOVE_OUT.heard, WAIVE.step: WAIVE.heard},
    picked={OPEN.step: OPEN.picked},
    after_site={"open": _of_site},
    after_found={"moveout": _of_room, "waive": _waive},
    performers={
        OpenAccount: lambda e, on: open_account(
            on.business,
            on.actor,
            e.site_id,
            path=e.path,
            label=e.label,
            key=e.key,
            meters=() if e.meter == NO_METER else (e.meter,),
        ),
        MoveOut: lambda e, on: close_account(on.business, on.actor, e.account_id, reason=e.why),
        WaiveAgreement: lambda e, on: waive_agreement(on.business, on.actor, e.account_id, reason=e.why),
    },
    presenters={OpenAccount: _opened, MoveOut: _moving, WaiveAgreement: _moving},
)
