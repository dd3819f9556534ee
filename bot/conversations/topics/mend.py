"""Two things that put records right: the reversal of one entry, and a free meter given to a room (M14, A1)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bot.conversations import desk, flows
from bot.conversations.effects import Effect
from bot.conversations.form import REASON, Data, Form, Question
from bot.conversations.inbound import Turn
from bot.conversations.openings import for_room
from bot.conversations.parts import Item, Look, Tone
from bot.conversations.reply import Reply, say
from bot.conversations.session import Session
from bot.conversations.topic import Topic
from bot.conversations.vocabulary import Audience, Intent, Wants
from bot.texts import text
from prepaid.domain.accounts import Account
from prepaid.domain.approvals import Approval
from prepaid.domain.errors import Refused
from prepaid.domain.ledger import Entry
from prepaid.domain.metering import Meter
from prepaid.usecases.assign_meter import assign_meter
from prepaid.usecases.reverse_entry import look_at_line, reverse_line, reversible

_METER = re.compile(r"[0-9A-Za-z._-]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListReversible(Effect):
    """The newest entries that a correction may reverse."""

    account_id: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LookAtEntry(Effect):
    """The entry that is to be reversed, so that the question names it."""

    account_id: str
    seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReverseEntry(Effect):
    """Reverses one entry whole; it can be done once, so a second yes changes nothing."""

    account_id: str
    seq: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignMeter(Effect):
    """Gives a free meter to a room."""

    account_id: str
    label: str
    meter_id: str


def _reverse_ready(turn: Turn, session: Session, data: Data) -> Reply:
    prompt = text(
        turn.actor.language,
        "reverse.confirm",
        label=data["label"],
        number=data["seq"],
        delta_micro=data["delta_micro"],
        words=data["why"],
    )
    return flows.ask_confirm(turn, session, "reverse", prompt, Look.DANGER, **data)


def _assign_ready(turn: Turn, session: Session, data: Data) -> Reply:
    prompt = text(turn.actor.language, "assign.confirm", label=data["label"], meter_id=data["meter"])
    return flows.ask_confirm(turn, session, "assign", prompt, Look.PRIMARY, **data)


def _meter(heard: str) -> str:
    plain = heard.strip()
    if not _METER.fullmatch(plain):
        raise Refused("refused.meter_id", text=plain[:20])
    return plain


def _spot_meter(besides: str) -> tuple[str, str] | None:
    last = besides.rsplit(maxsplit=1)[-1]
    return (last, "") if _METER.fullmatch(last) and any(char.isdigit() for char in last) else None


REVERSE = Form(name="reverse", questions=(REASON,), done=_reverse_ready)
ASSIGN = Form(
    name="assign",
    questions=(Question(name="meter", read=_meter, free=True, names=True, spot=_spot_meter),),
    done=_assign_ready,
)


def _begin_reverse(turn: Turn, session: Session, argument: str) -> Reply:
    """A pressed entry comes as "entry:<number>:<account>"; anything else is a room."""
    kind, _, rest = argument.partition(":")
    seq, _, account_id = rest.partition(":")
    if kind != "entry" or not seq.isdecimal() or not account_id:
        return for_room("reverse")(turn, session, argument)
    return Reply(session=session, effects=(LookAtEntry(account_id=account_id, seq=int(seq[:12])),))


def _listed(effect: ListReversible, value: Sequence[Entry], turn: Turn, session: Session) -> Reply:
    language = turn.actor.language
    if not value:
        return Reply(session=session, parts=(say(language, "reverse.none", label=effect.label),))
    items = [
        Item(
            label=text(language, "reverse.line", number=entry.seq, kind=text(language, f"entry.{entry.kind}")),
            value=text(language, "figure.delta", delta_micro=entry.delta_micro),
            detail=text(language, "figure.when", at=entry.at),
            action=desk.action("reverse", "entry", str(entry.seq), effect.account_id),
        )
        for entry in value[: desk.PAGE_ROWS]
    ]
    return Reply(session=session, parts=(desk.paged(language, "reverse.which", items, 1),))


def _looked_at(effect: LookAtEntry, value: tuple[Account, Entry], turn: Turn, session: Session) -> Reply:
    del effect
    account, entry = value
    data: dict[str, str | int] = {"account_id": account.id, "label": account.label}
    data |= {"seq": entry.seq, "delta_micro": entry.delta_micro}
    return REVERSE.ask(turn, session, data)


def _reversed(effect: ReverseEntry, value: Entry | Approval, turn: Turn, session: Session) -> Reply:
    if isinstance(value, Approval):
        return Reply(session=session, parts=(desk.waits(turn, value),))
    figures = {"delta_micro": value.delta_micro, "balance_micro": value.balance_micro}
    return Reply(
        session=session,
        parts=(say(turn.actor.language, "reverse.done", Tone.GOOD, number=effect.seq, **figures),),
    )


def _assigned(effect: AssignMeter, value: Meter, turn: Turn, session: Session) -> Reply:
    words = say(turn.actor.language, "assign.done", Tone.GOOD, label=effect.label, meter_id=value.id)
    return Reply(session=session, parts=(words,))


def _of_room(turn: Turn, session: Session, account: Account) -> Reply:
    del turn
    return Reply(session=session, effects=(ListReversible(account_id=account.id, label=account.label),))


TOPIC = Topic(
    intents=(
        Intent(
            name="reverse",
            audience=Audience.STAFF,
            commands=("reverse", "冲正"),
            phrases=(r"冲正\s*(?P<arg>[^\s].{0,40})", r"reverse (?:an entry )?(?:of |for )?(?P<arg>.{1,40})"),
            wants=Wants.ROOM,
        ),
        Intent(
            name="assign",
            audience=Audience.STAFF,
            commands=("assign", "分配电表", "装表"),
            phrases=(r"分配(?:电表|水表)(?:给)?\s*(?P<arg>[^\s].{0,40})", r"assign (?:a )?meter to (?P<arg>.{1,40})"),
            wants=Wants.ROOM,
        ),
    ),
    openings={"reverse": _begin_reverse, "assign": for_room("assign")},
    confirmed={
        "confirm.reverse": lambda d: ReverseEntry(
            account_id=str(d["account_id"]), seq=int(d["seq"]), why=str(d["why"])
        ),
        "confirm.assign": lambda d: AssignMeter(
            account_id=str(d["account_id"]), label=str(d["label"]), meter_id=str(d["meter"])
        ),
    },
    steps={REVERSE.step: REVERSE.heard, ASSIGN.step: ASSIGN.heard},
    after_found={
        "reverse": _of_room,
        "assign": lambda turn, session, account: ASSIGN.begin(
            turn, session, {"account_id": account.id, "label": account.label}
        ),
    },
    performers={
        ListReversible: lambda e, on: reversible(on.business, on.actor, e.account_id),
        LookAtEntry: lambda e, on: look_at_line(on.business, on.actor, e.account_id, e.seq),
        ReverseEntry: lambda e, on: reverse_line(on.business, on.actor, e.account_id, e.seq, why=e.why),
        AssignMeter: lambda e, on: assign_meter(on.business, on.actor, e.meter_id, e.account_id),
    },
    presenters={ListReversible: _listed, LookAtEntry: _looked_at, ReverseEntry: _reversed, AssignMeter: _assigned},
)
