"""Requests: what tenants asked of the staff and nobody has seen to, and what has become of one's own (T5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.conversations import desk
from bot.conversations.effects import Effect
from bot.conversations.inbound import Turn
from bot.conversations.openings import for_account
from bot.conversations.parts import Button, Item, KeyValueTable, List, Look, Part, Row, Tone
from bot.conversations.reply import Reply, choose, press, say
from bot.conversations.session import Session
from bot.conversations.topic import Topic
from bot.conversations.vocabulary import Audience, Intent
from bot.texts import text
from prepaid.domain.staff_requests import RequestState, StaffRequest, Wish
from prepaid.usecases.staff_requests import MOST, finish_request, open_requests, own_requests, show_request

_LINE_CHARS = 60
"""Of somebody's words in a list; all of them stand where one request is shown."""
_THE_ACT = {Wish.PROTECTION: "protect", Wish.MOVE_OUT: "moveout"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ListRequests(Effect):
    """Open ones."""

    page: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowRequest(Effect):
    """One of them."""

    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishRequest(Effect):
    """Says that it is done."""

    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOwnRequests(Effect):
    """What has become of what one asked oneself."""

    account_id: str


def _begin(turn: Turn, session: Session, argument: str) -> Reply:
    del turn
    if argument.startswith("rq_"):
        return Reply(session=session, effects=(ShowRequest(request_id=argument),))
    return Reply(session=session, effects=(ListRequests(page=desk.page_of(argument)),))


def _begin_finish(turn: Turn, session: Session, argument: str) -> Reply:
    if argument.startswith("rq_"):
        return Reply(session=session, effects=(FinishRequest(request_id=argument),))
    return _begin(turn, session, argument)


def _wanted(language: str, request: StaffRequest) -> str:
    return text(language, f"request.{request.wish}")


def _said(request: StaffRequest) -> str:
    """The person's own words; a move-out that was asked for by a press has none."""
    return "" if request.words == request.wish else request.words


def _line(language: str, request: StaffRequest) -> str:
    said = _said(request)
    said = said if len(said) <= _LINE_CHARS else f"{said[: _LINE_CHARS - 1]}…"
    shown = (_wanted(language, request), said)
    return text(language, "figure.separator").join(words for words in shown if words)


def _listed(effect: ListRequests, value: Sequence[StaffRequest], turn: Turn, session: Session) -> Reply:
    language = turn.actor.language
    if not value:
        return Reply(session=session, parts=(say(language, "requests.none", Tone.GOOD),))
    items = [
        Item(
            label=each.label,
            value=text(language, "requests.waits", age_s=int((turn.at - each.asked_at).total_seconds())),
            detail=_line(language, each),
            action=desk.action("requests", each.id),
        )
        for each in value[:MOST]
    ]
    note = text(language, "requests.more", most=MOST) if len(value) > MOST else ""
    listing = desk.paged(language, "requests.title", items, effect.page, "requests", note=note)
    return Reply(session=session, parts=(listing,))


def _shown(effect: ShowRequest, value: StaffRequest, turn: Turn, session: Session) -> Reply:
    """The whole of it; while it is open, what can be done about it."""
    language = turn.actor.language
    figures = {
        "request.words": _said(value),
        "request.asked": text(language, "figure.when", at=value.asked_at),
        "request.state": text(language, f"request.is_{value.state}"),
    }
    rows = tuple(Row(label=text(language, key), value=figure) for key, figure in figures.items() if figure)
    title = text(language, "figure.separator").join((value.label, _wanted(language, value)))
    table: Part = KeyValueTable(title=title, rows=rows)
    if value.state is not RequestState.OPEN:
        return Reply(session=session, parts=(table,))
    presses: list[tuple[str, str]] = [("button.reply", desk.action("answer", value.account_id))]
    if value.wish in _THE_ACT:
        act = _THE_ACT[value.wish]
        presses.append((f"intent.{act}", desk.action(act, value.account_id)))
    presses.append(("button.finish", desk.action("finish", effect.request_id)))
    buttons: list[Button] = [
        press(language, key, action, Look.PRIMARY if key == "button.reply" else Look.PLAIN)
        for key, action in presses
        if action
    ]
    return Reply(session=session, parts=(table, choose(text(language, "request.next"), language, *buttons)))


def _finished(effect: FinishRequest, value: StaffRequest, turn: Turn, session: Session) -> Reply:
    del effect
    return Reply(session=session, parts=(say(turn.actor.language, "request.finished", Tone.GOOD, label=value.label),))


def _own(effect: ListOwnRequests, value: Sequence[StaffRequest], turn: Turn, session: Session) -> Reply:
    del effect
    language = turn.actor.language
    if not value:
        return Reply(session=session, parts=(say(language, "asked.none"),))
    items = tuple(
        Item(
            label=text(language, "figure.when", at=each.asked_at),
            value=text(language, f"asked.is_{each.state}"),
            detail=_line(language, each),
        )
        for each in value
    )
    listing = List(title=text(language, "asked.title"), items=items, note=text(language, "asked.note"))
    return Reply(session=session, parts=(listing,))


TOPIC = Topic(
    intents=(
        Intent(
            name="requests",
            audience=Audience.STAFF,
            commands=("requests", "住户请求", "请求"),
            phrases=(
                r"(?:查看|看|处理)?(?:待办的?|未答复的?)?(?:住户|租户)(?:的)?(?:请求|求助)(?:列表)?",
                r"(?:show )?(?:the )?(?:open |unanswered )?requests(?: of (?:the )?tenants)?",
                r"who (?:asked|is asking) for help",
            ),
        ),
        Intent(name="finish", audience=Audience.STAFF, commands=("finish", "办结"), in_help=False),
        Intent(
            name="asked",
            of_staff="requests",
            hints=(
                r"(?:物业|管理员|房东|客服).{0,6}(?:怎么|还)(?:没|不)(?:有)?(?:回|答|理)",
                r"(?:nobody|no one) (?:has )?(?:answered|replied)",
                r"(?:staff|landlord) (?:has|have|did)(?: not|n't) (?:answer|repl)",
            ),
            audience=Audience.TENANT,
            commands=("asked", "我的请求"),
            phrases=(
                r"(?:查看|看|查)?我的(?:请求|求助)(?:进度|处理得怎么样了)?",
                r"(?:show )?my requests?",
                r"(?:has|did) (?:anybody|anyone|somebody|the staff) (?:answer|answered|reply|replied)(?: me)?",
            ),
        ),
    ),
    openings={
        "requests": _begin,
        "finish": _begin_finish,
        "asked": for_account("asked", lambda account, _: ListOwnRequests(account_id=account)),
    },
    after_choice=frozenset({"asked"}),
    performers={
        ListRequests: lambda _, on: open_requests(on.business, on.actor),
        ShowRequest: lambda e, on: show_request(on.business, on.actor, e.request_id),
        FinishRequest: lambda e, on: finish_request(on.business, on.actor, e.request_id),
        ListOwnRequests: lambda e, on: own_requests(on.business, on.actor, e.account_id),
    },
    presenters={ListRequests: _listed, ShowRequest: _shown, FinishRequest: _finished, ListOwnRequests: _own},
)
