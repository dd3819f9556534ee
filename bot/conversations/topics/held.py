"""Held readings: the doubtful ones, all that is needed to decide about one, and the decision with its reason (S10)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.conversations import desk, flows
from bot.conversations.effects import Effect
from bot.conversations.form import REASON, Data, Form, Question, whole
from bot.conversations.inbound import Turn
from bot.conversations.parts import Item, KeyValueTable, Look, Row, Tone
from bot.conversations.reply import Reply, say
from bot.conversations.session import Session
from bot.conversations.topic import Topic
from bot.conversations.vocabulary import Audience, Intent
from bot.texts import text
from prepaid.domain.errors import Refused
from prepaid.domain.metering import Meter, Reading
from prepaid.domain.registers import Decision, HeldReading, RegisterChange
from prepaid.usecases.decide_held_reading import decide_held_reading, held_reading, held_readings

WH_PER_KWH = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class ListHeld(Effect):
    """Open cases."""

    page: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowHeld(Effect):
    """The case of a meter."""

    meter_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DecideHeld(Effect):
    """Ends it. `wraps_wh` 0: the meter's own width."""

    meter_id: str
    decision: str
    why: str
    wraps_wh: int = 0


def _begin(turn: Turn, session: Session, argument: str) -> Reply:
    del turn
    if argument and not argument.isdecimal():
        return Reply(session=session, effects=(ShowHeld(meter_id=argument),))
    return Reply(session=session, effects=(ListHeld(page=desk.page_of(argument)),))


def _decision(heard: str) -> str:
    plain = heard.strip().casefold()
    if plain not in set(Decision):
        raise Refused("refused.decision_unknown")
    return plain


def _ready(turn: Turn, session: Session, data: Data) -> Reply:
    language = turn.actor.language
    decision = text(language, f"decision.{data['decision']}")
    prompt = text(language, "held.confirm", meter_id=data["meter_id"], decision=decision, words=data["why"])
    return flows.ask_confirm(turn, session, "held", prompt, Look.DANGER, **data)


def _rolled_over(data: Data) -> bool:
    return data.get("decision") == Decision.ROLL_OVER


FORM = Form(
    name="held",
    questions=(
        Question(name="decision", read=_decision, picks=tuple((f"decision.{each}", str(each)) for each in Decision)),
        Question(name="wraps_kwh", read=whole, when=_rolled_over),
        REASON,
    ),
    done=_ready,
)


def _listed(effect: ListHeld, value: Sequence[HeldReading], turn: Turn, session: Session) -> Reply:
    language = turn.actor.language
    if not value:
        return Reply(session=session, parts=(say(language, "held.none", Tone.GOOD),))
    items = [
        Item(
            label=case.path.rsplit("/", 1)[-1],
            value=case.meter_id,
            detail=text(language, case.doubt),
            action=desk.action("held", case.meter_id),
        )
        for case in value
    ]
    return Reply(session=session, parts=(desk.paged(language, "held.title", items, effect.page, "held"),))


def _shown(effect: ShowHeld, value: tuple[HeldReading, Meter], turn: Turn, session: Session) -> Reply:
    language = turn.actor.language
    case, meter = value
    asked = FORM.ask(turn, session, {"meter_id": effect.meter_id})
    return Reply(session=asked.session, parts=(_table(language, case, meter), *asked.parts))


def _table(language: str, case: HeldReading, meter: Meter) -> KeyValueTable:
    figures = {
        "held.doubt": text(language, case.doubt),
        "held.before": _reading(language, case.before),
        "held.first": _reading(language, case.first),
        "held.latest": _reading(language, case.latest),
        "held.count": str(case.count),
        "held.bound": meter.serial or "",
        "held.seen": case.latest.serial or "",
    }
    rows = tuple(Row(label=text(language, key), value=figure) for key, figure in figures.items() if figure)
    return KeyValueTable(title=text(language, "held.case", meter_id=case.meter_id), rows=rows, tone=Tone.WARNING)


def _reading(language: str, reading: Reading | None) -> str:
    if reading is None:
        return ""
    return text(language, "held.reading", energy_wh=reading.energy_wh, at=reading.at)


def _decided(effect: DecideHeld, value: RegisterChange, turn: Turn, session: Session) -> Reply:
    del value
    language = turn.actor.language
    decision = text(language, f"decision.{effect.decision}")
    words = say(language, "held.decided", Tone.GOOD, meter_id=effect.meter_id, decision=decision)
    return Reply(session=session, parts=(words,))


TOPIC = Topic(
    intents=(
        Intent(
            name="held",
            hints=(
                r"(?:存疑|可疑|异常)的?(?:读数|抄表)",
                r"(?:quarantin\w*|doubtful|held|suspicious) readings?",
            ),
            audience=Audience.STAFF,
            commands=("held", "存疑读数", "可疑读数"),
            phrases=(
                r"(?:查看|看)?(?:存疑|可疑|异常)(?:的)?(?:读数|抄表)(?:列表)?",
                r"(?:show )?(?:held|doubtful|quarantined) readings",
            ),
        ),
    ),
    openings={"held": _begin},
    confirmed={
        "confirm.held": lambda d: DecideHeld(
            meter_id=str(d["meter_id"]),
            decision=str(d["decision"]),
            why=str(d["why"]),
            wraps_wh=int(d.get("wraps_kwh", 0)) * WH_PER_KWH,
        ),
    },
    steps={FORM.step: FORM.heard},
    picked={FORM.step: FORM.picked},
    performers={
        ListHeld: lambda _, on: held_readings(on.business, on.actor),
        ShowHeld: lambda e, on: held_reading(on.business, on.actor, e.meter_id),
        DecideHeld: lambda e, on: decide_held_reading(
            on.business, on.actor, e.meter_id, Decision(e.decision), e.why, wraps_wh=e.wraps_wh or None
        ),
    },
    presenters={ListHeld: _listed, ShowHeld: _shown, DecideHeld: _decided},
)
