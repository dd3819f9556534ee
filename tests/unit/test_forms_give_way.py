"""Forms and commands: a name that is asked for is never a command's word; any words stay any words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bot.conversations.form import Data, Form, Question
from bot.conversations.inbound import Inbound, Turn
from bot.conversations.intents import read
from bot.conversations.reply import Reply
from bot.conversations.session import Flow, Session
from bot.conversations.topic import topics
from prepaid.domain.access import Actor, Grant, Role
from tests.fakes.rehearsed_chat import RehearsedChat

NOW = datetime(2026, 11, 23, 11, 0, tzinfo=UTC)
VERBATIM = {("answer", "words"), ("announce", "words"), ("outage", "why"), ("tariff", "said")}
"""What is kept or read as it was said, besides reasons."""


def _forms() -> Iterator[Form]:
    for topic in topics():
        for heard in topic.steps.values():
            form = getattr(heard, "__self__", None)
            if isinstance(form, Form):
                yield form


def _done(turn: Turn, session: Session, data: Data) -> Reply:
    del turn, data
    return Reply(session=session)


FREE = [(form, question) for form in _forms() for question in form.questions if question.free]


def test_each_free_answer_is_a_name_or_any_words() -> None:
    """T4: a new question says which; a reason may be the word of a command."""
    assert len(FREE) >= 8
    undecided = {
        (form.name, question.name)
        for form, question in FREE
        if not question.names and question.name != "why" and (form.name, question.name) not in VERBATIM
    }
    assert undecided == set()


@pytest.mark.parametrize(("form", "question"), FREE, ids=lambda each: each.name)
@pytest.mark.parametrize("typed", ["审批", "overview"])
def test_a_whole_command_leaves_a_form_where_a_name_is_asked_for(form: Form, question: Question, typed: str) -> None:
    """T4: "审批" is the approvals and no building's name; as a reason or a message it is what it says."""
    alone = replace(form, questions=(replace(question, when=lambda _: True),), done=_done)
    flow = Flow(step=form.step, since=NOW, number=1)
    actor = Actor(id="p3", grants=(Grant(Role.OWNER, "acme"),))
    turn = Turn(inbound=Inbound(channel="test", user="admin", text=typed), actor=actor, at=NOW)
    left = alone.heard(turn, Session(flow=flow), flow, typed, read(typed)) is None
    assert left == (question.names or (form.name, question.name) == ("tariff", "said"))


async def test_who_leaves_a_form_is_told_that_nothing_was_done() -> None:
    """T4: the new question is answered at once, and the old one is over."""
    chat = RehearsedChat()
    await chat.say("admin", "/broadcast 枫丹苑")
    parts = await chat.say("admin", "审批")
    assert getattr(parts[0], "body", "") == "先不填了，什么也没有改。"
    assert len(parts) > 1
    assert chat.sessions["admin"].flow is None


async def test_a_button_may_be_typed() -> None:
    """T4: the words on a button do what it does; words that nothing says are not understood as before."""
    chat = RehearsedChat()
    await chat.say("admin", "群发")
    by_words = await chat.say("admin", "枫丹苑")
    chat = RehearsedChat()
    await chat.say("admin", "群发")
    assert [type(part) for part in by_words] == [type(part) for part in await chat.say("admin", "/broadcast 枫丹苑")]
    await chat.say("admin", "取消")
    unknown = await chat.say("admin", "枫丹")
    assert "没听懂" in str(unknown[0])


LEFT = "先不填了，什么也没有改。"
WRITTEN = {
    "ask.help": ("anna", ("人工",)),
    "ask.protection": ("anna", ("申请保电",)),
    "reason": ("admin", ("断电 101",)),
    "claim.number": ("anna", ("未到账",)),
    "contacts.address": ("anna", ("/contacts sms",)),
    "contacts.code": ("anna", ("/contacts code",)),
    "scan.gateway": ("admin", ("扫描",)),
    "attach.which": ("both", ("[photo]",)),
}
"""Questions that are no form and lead to something being done: who is asked, and how it begins."""


@pytest.mark.parametrize("step", WRITTEN)
@pytest.mark.parametrize("typed", ["/help", "帮助"])
async def test_who_leaves_a_question_by_a_command_is_told_too(step: str, typed: str) -> None:
    """T4: the question is over, nothing was done, and what was asked instead is answered."""
    user, begun = WRITTEN[step]
    chat = RehearsedChat()
    for words in begun:
        await chat.say(user, words)
    flow = chat.sessions[user].flow
    assert flow is not None
    assert flow.step == step
    called = len(chat.calls)
    parts = await chat.say(user, typed)
    if step == "reason" and typed == "帮助":
        # Any words are a reason, so one that is a command's too is asked about with the rest.
        assert getattr(parts[0], "body", "") != LEFT
        return
    assert getattr(parts[0], "body", "") == LEFT
    assert len(parts) > 1
    assert chat.sessions[user].flow is None
    assert len(chat.calls) == called


@pytest.mark.parametrize("typed", ["余额不对，请看一下", "停电了", "my balance is wrong, help"])
async def test_words_for_the_staff_stay_words(typed: str) -> None:
    """T4: only a command's word alone leaves; a sentence that an intent would take is what the staff is told."""
    chat = RehearsedChat()
    await chat.say("anna", "人工")
    await chat.say("anna", typed)
    assert getattr(chat.calls[-1], "words", "") == typed


async def test_a_menu_that_asks_nothing_is_left_without_a_word() -> None:
    """T4: what only shows and could be changed is left in silence, as before."""
    chat = RehearsedChat()
    for words in ("提醒", "免打扰"):
        await chat.say("anna", words)
        assert chat.sessions["anna"].flow is not None
        assert LEFT not in str(await chat.say("anna", "余额"))
