"""Broadcast: the same words to everybody of a site or of a part of it, after a look at who and what exactly."""

from __future__ import annotations

from dataclasses import dataclass

from bot.conversations import desk, flows
from bot.conversations.effects import Effect
from bot.conversations.form import Data, Form, Question, wish
from bot.conversations.inbound import Turn
from bot.conversations.parts import KeyValueTable, Look, Row, Tone
from bot.conversations.reply import Reply, say
from bot.conversations.session import Session
from bot.conversations.topic import Topic
from bot.conversations.vocabulary import Audience as For
from bot.conversations.vocabulary import Intent
from bot.texts import text
from prepaid.domain.errors import Refused
from prepaid.usecases.broadcast import MOST_WORDS, Audience, broadcast, count_audience, preview_broadcast
from prepaid.usecases.find_sites import SiteLine

ALL = "*"
"""The whole site. No part of a place is called so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CountAudience(Effect):
    """Who could be told: where nobody is, no words are asked for."""

    site_id: str
    part: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewBroadcast(Effect):
    """Who would be told what."""

    site_id: str
    part: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Broadcast(Effect):
    """Tells them."""

    site_id: str
    part: str
    words: str
    wish: str


def _words(heard: str) -> str:
    plain = heard.strip()
    if not 0 < len(plain) <= MOST_WORDS:
        raise Refused("refused.broadcast_words", most=MOST_WORDS)
    return plain


def _counted(turn: Turn, session: Session, data: Data) -> Reply:
    del turn
    part = "" if data["part"] == ALL else str(data["part"])
    return Reply(session=session, effects=(CountAudience(site_id=str(data["site_id"]), part=part),))


def _looked(turn: Turn, session: Session, data: Data) -> Reply:
    del turn
    effect = PreviewBroadcast(site_id=str(data["site_id"]), part=str(data["part"]), words=str(data["words"]))
    return Reply(session=session, effects=(effect,))


WHERE = Form(
    name="broadcast",
    questions=(Question(name="part", free=True, names=True, picks=(("broadcast.all", ALL),)),),
    done=_counted,
)
WHAT = Form(name="announce", questions=(Question(name="words", read=_words, free=True),), done=_looked)


def _of_site(turn: Turn, session: Session, site: SiteLine, rest: str) -> Reply:
    known = {"part": rest} if rest else {}
    return WHERE.ask(turn, session, {"site_id": site.site_id, "name": site.name, **known})


def _asked(effect: CountAudience, value: Audience, turn: Turn, session: Session) -> Reply:
    known: Data = {"place": value.site.place_name(value.path), "people": len(value.people), "most": MOST_WORDS}
    return WHAT.ask(turn, session, {"site_id": effect.site_id, "part": effect.part, **known})


def _previewed(effect: PreviewBroadcast, value: Audience, turn: Turn, session: Session) -> Reply:
    """How many, and the notice as those read it who use Chinese, and those who use English."""
    language = turn.actor.language
    rows = [
        Row(label=text(language, "broadcast.place"), value=value.site.place_name(value.path)),
        Row(label=text(language, "broadcast.people"), value=str(len(value.people))),
        Row(label=text(language, "broadcast.rooms"), value=str(value.rooms)),
        Row(label=text(language, "broadcast.silent"), value=str(value.silent)),
    ]
    rows += [
        Row(
            label=text(language, f"broadcast.in_{other}"),
            value=text(other, "notice.broadcast", label=value.site.name, words=effect.words),
        )
        for other in ("zh", "en")
    ]
    table = KeyValueTable(
        title=text(language, "broadcast.title"), rows=tuple(rows), note=text(language, "broadcast.note")
    )
    asked = flows.ask_confirm(
        turn,
        session,
        "broadcast",
        text(language, "broadcast.confirm", count=len(value.people)),
        Look.DANGER,
        site_id=effect.site_id,
        part=effect.part,
        words=effect.words,
        wish=wish(turn)[-20:],
    )
    return Reply(session=asked.session, parts=(table, *asked.parts))


def _told(effect: Broadcast, value: tuple[Audience, int], turn: Turn, session: Session) -> Reply:
    del effect
    audience, _ = value
    place = audience.site.place_name(audience.path)
    words = say(turn.actor.language, "broadcast.done", Tone.GOOD, count=len(audience.people), place=place)
    return Reply(session=session, parts=(words,))


TOPIC = Topic(
    intents=(
        Intent(
            name="broadcast",
            hints=(
                r"(?:通知|告诉)(?:大家|所有|全部|全体|住户)",
                r"(?:tell|message|notify) (?:all|everyone|everybody)|announce(?:ment)?",
            ),
            audience=For.STAFF,
            commands=("broadcast", "群发", "通知住户"),
            phrases=(
                r"群发(?:消息|通知)",
                r"(?:tell everybody|notify everybody)(?: (?:in|at|of) (?P<arg>.{1,40}))?",
            ),
        ),
    ),
    openings={"broadcast": desk.for_site("broadcast")},
    confirmed={
        "confirm.broadcast": lambda d: Broadcast(
            site_id=str(d["site_id"]), part=str(d["part"]), words=str(d["words"]), wish=str(d["wish"])
        ),
    },
    steps={WHERE.step: WHERE.heard, WHAT.step: WHAT.heard},
    picked={WHERE.step: WHERE.picked},
    after_site={"broadcast": _of_site},
    performers={
        CountAudience: lambda e, on: count_audience(on.business, on.actor, e.site_id, e.part),
        PreviewBroadcast: lambda e, on: preview_broadcast(on.business, on.actor, e.site_id, e.part, e.words),
        Broadcast: lambda e, on: broadcast(on.business, on.actor, e.site_id, e.part, e.words, wish=e.wish),
    },
    presenters={CountAudience: _asked, PreviewBroadcast: _previewed, Broadcast: _told},
)
