"""Answer: the staff writes to whoever lives in a room, such as to somebody who asked for help (T2)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bot.conversations import flows
from bot.conversations.effects import Effect
from bot.conversations.form import MOST_CHARS, Data, Form, Question, wish
from bot.conversations.inbound import Turn
from bot.conversations.openings import for_room
from bot.conversations.parts import Look, Tone
from bot.conversations.perform import Situation
from bot.conversations.reply import Reply, say
from bot.conversations.session import Session
from bot.conversations.topic import Topic
from bot.conversations.vocabulary import Audience, Intent, Wants
from bot.texts import text
from prepaid.domain.accounts import Account
from prepaid.usecases.answer_tenant import answer_tenant


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerTenant(Effect):
    """Tells everybody who is bound to the room."""

    account_id: str
    label: str
    words: str
    wish: str
    asked_until: str = ""
    """When the answer was begun: what the room asks while it is written has no answer yet."""


def _said(besides: str) -> tuple[str, str] | None:
    return (besides.strip()[:MOST_CHARS], "") if besides.strip() else None


def _ready(turn: Turn, session: Session, data: Data) -> Reply:
    prompt = text(turn.actor.language, "answer.confirm", label=data["label"], words=data["words"])
    return flows.ask_confirm(turn, session, "answer", prompt, Look.PRIMARY, wish=wish(turn)[-20:], **data)


ANSWER = Form(name="answer", questions=(Question(name="words", free=True, spot=_said),), done=_ready)


def _of_room(turn: Turn, session: Session, account: Account) -> Reply:
    return ANSWER.begin(turn, session, {"account_id": account.id, "label": account.label, "begun": turn.at.isoformat()})


async def _answer(effect: AnswerTenant, on: Situation) -> int:
    until = datetime.fromisoformat(effect.asked_until) if effect.asked_until else None
    return await answer_tenant(
        on.business, on.actor, effect.account_id, effect.words, wish=effect.wish, asked_until=until
    )


def _told(effect: AnswerTenant, value: int, turn: Turn, session: Session) -> Reply:
    words = say(turn.actor.language, "answer.done", Tone.GOOD, label=effect.label, count=value)
    return Reply(session=session, parts=(words,))


TOPIC = Topic(
    intents=(
        Intent(
            name="answer",
            audience=Audience.STAFF,
            commands=("answer", "答复", "回复"),
            phrases=(
                r"(?:答复|回复|告诉)(?:租户|住户)?\s*(?P<arg>(?!大家|所有|全部|全体|住户)[^\s].{0,300})",
                r"(?:answer|reply to|tell) (?P<arg>(?:the )?(?:tenant of |room |flat )?\S*\d.{0,300})",
            ),
            wants=Wants.ROOM,
        ),
    ),
    openings={"answer": for_room("answer")},
    confirmed={
        "confirm.answer": lambda d: AnswerTenant(
            account_id=str(d["account_id"]),
            label=str(d["label"]),
            words=str(d["words"]),
            wish=str(d["wish"]),
            asked_until=str(d.get("begun", "")),
        ),
    },
    steps={ANSWER.step: ANSWER.heard},
    after_found={"answer": _of_room},
    performers={
        AnswerTenant: _answer,
    },
    presenters={AnswerTenant: _told},
)
