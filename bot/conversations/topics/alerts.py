"""From when on, and at which hours not, a person is told that credit runs low (N1, N3)."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from bot.conversations import amounts
from bot.conversations.effects import Effect, ListAccounts
from bot.conversations.inbound import Turn
from bot.conversations.intents import normal
from bot.conversations.openings import account_action, account_of
from bot.conversations.parts import KeyValueTable, Part, Row, Text, Tone
from bot.conversations.perform import Situation
from bot.conversations.reply import Reply, choose, press, say
from bot.conversations.session import Flow, Session
from bot.conversations.topic import Topic
from bot.conversations.vocabulary import Ask, Audience, Intent, Wants
from bot.texts import text, trouble_text
from prepaid.domain.errors import Refused
from prepaid.domain.money import micro_from_fen
from prepaid.domain.preferences import Alerts, Quiet
from prepaid.usecases.set_preferences import set_alerts, set_preferences, show_preferences
from prepaid.usecases.show_alerts import AlertsView, show_alerts

_DAYS = re.compile(r"(?P<days>\d{1,3})\s*(?:days?|天|日)(?:left|前)?")
_SPLIT = re.compile(r"[,，、;；/]|\s+and\s+|和|\s+")
_SPACED = re.compile(r"(\d)\s+(days?|天|日|元|块|yuan)")
_QUIET = re.compile(
    r"(?P<h1>\d{1,2})(?:[:点时](?P<m1>\d{2})?)?\s*(?:-|~|–|to|至|到)\s*(?P<h2>\d{1,2})(?:[:点时](?P<m2>\d{2})?)?"
)
_SITE = re.compile(r"default|site|reset|默认|恢复默认|跟随小区")
_NONE = re.compile(r"off|none|never|always|关闭?|不要|取消免打扰|无")

FEW_LEFT = 2
"""With so few subscription messages left, the person is asked to agree to more."""
_SET = r"(?:set |change |show )?(?:my )?"
_EN = r"(?P<arg>\d.{0,40}|default)"
_BELOW = r"(?:less than|below)"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowAlerts(Effect):
    """The levels in force and the person's quiet hours."""

    account_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAlerts(Effect):
    """New levels of the account; empty ones give back the site's."""

    account_id: str
    alerts: Alerts


@dataclass(frozen=True, slots=True, kw_only=True)
class SetQuiet(Effect):
    """New quiet hours of the person; None gives back the site's."""

    quiet: Quiet | None


def read_levels(words: str) -> Alerts:
    """Levels as people write them: "20, 5", "20元 5元 3天", "3 days". Raises `Refused` for anything else."""
    low: list[int] = []
    days: list[int] = []
    for word in filter(None, _SPLIT.split(_SPACED.sub(r"\1\2", normal(words)))):
        found = _DAYS.fullmatch(word)
        if found is not None:
            days.append(int(found["days"]))
        else:
            low.append(micro_from_fen(amounts.read_fen(word)))
    if not low and not days:
        raise Refused("refused.amount_unreadable", text=words.strip()[:20])
    return Alerts(low_balance_micro=tuple(low), days_left=tuple(days))


def read_quiet(words: str) -> Quiet:
    """Hours as people write them: "22-7", "22:30 to 07:00", "22点到7点". Raises `Refused` for anything else."""
    found = _QUIET.fullmatch(normal(words))
    if found is None:
        raise Refused("refused.quiet_hours")
    since, until = (int(found[f"h{n}"]) * 60 + int(found[f"m{n}"] or 0) for n in (1, 2))
    return Quiet(since_min=since, until_min=until)


def _alerts(turn: Turn, session: Session, argument: str) -> Reply:
    account_id = account_of(turn, session)
    if account_id is None:
        return Reply(session=session, effects=(ListAccounts(then="alerts", argument=argument),))
    if not argument:
        return Reply(session=session, effects=(ShowAlerts(account_id=account_id),))
    return _with_levels(turn, session, account_id, argument)


def _with_levels(turn: Turn, session: Session, account_id: str, words: str) -> Reply:
    if _SITE.fullmatch(normal(words)):
        effect = SetAlerts(account_id=account_id, alerts=Alerts())
        return Reply(session=session.settled(), effects=(effect,))
    try:
        alerts = read_levels(words)
    except Refused as problem:
        return _again(turn, session.ask("alerts.levels", turn.at, account_id=account_id), problem, "alerts.how")
    return Reply(session=session.settled(), effects=(SetAlerts(account_id=account_id, alerts=alerts),))


def _levels_heard(turn: Turn, session: Session, flow: Flow, words: str, ask: Ask | None) -> Reply | None:
    return None if ask is not None else _with_levels(turn, session, str(flow.data["account_id"]), words)


def _quiet(turn: Turn, session: Session, argument: str) -> Reply:
    if not argument:
        how = say(turn.actor.language, "quiet.how")
        return Reply(session=session.ask("quiet.hours", turn.at), parts=(how,))
    said = normal(argument)
    if _SITE.fullmatch(said) or _NONE.fullmatch(said):
        return Reply(session=session.settled(), effects=(SetQuiet(quiet=None),))
    try:
        quiet = read_quiet(argument)
    except Refused as problem:
        return _again(turn, session.ask("quiet.hours", turn.at), problem, "quiet.how")
    return Reply(session=session.settled(), effects=(SetQuiet(quiet=quiet),))


def _quiet_heard(turn: Turn, session: Session, flow: Flow, words: str, ask: Ask | None) -> Reply | None:
    del flow
    return None if ask is not None else _quiet(turn, session, words)


def _again(turn: Turn, session: Session, problem: Refused, how: str) -> Reply:
    """Says what was wrong and keeps the question open."""
    language = turn.actor.language
    wrong = Text(body=trouble_text(language, problem), tone=Tone.TROUBLE)
    return Reply(session=session, parts=(wrong, say(language, how)))


def _shown(effect: ShowAlerts, value: AlertsView, turn: Turn, session: Session) -> Reply:
    """What is in force, and the question for other levels, which stays open."""
    language = turn.actor.language
    own = bool(value.alerts.low_balance_micro or value.alerts.days_left)
    table = KeyValueTable(
        title=text(language, "alerts.title", label=value.label),
        rows=(
            Row(label=text(language, "alerts.by_amount"), value=_amounts(language, value)),
            Row(label=text(language, "alerts.by_days"), value=_days(language, value.alerts)),
            Row(label=text(language, "alerts.quiet"), value=_hours(language, value.quiet)),
            *_messages(language, value),
        ),
        note="" if own else text(language, "alerts.of_site"),
    )
    buttons = [press(language, "intent.quiet", "quiet")]
    if own:
        back = account_action(effect.account_id, "alerts", "default")
        buttons.append(press(language, "button.site_alerts", back))
    few = value.messages_left is not None and value.messages_left <= FEW_LEFT
    more = (say(language, "alerts.ask_for_more", Tone.WARNING),) if few else ()
    parts: tuple[Part, ...] = (table, *more, choose(text(language, "alerts.how"), language, *buttons))
    return Reply(session=session.ask("alerts.levels", turn.at, account_id=effect.account_id), parts=parts)


def _messages(language: str, value: AlertsView) -> tuple[Row, ...]:
    """How often WeChat still lets us write, for whoever uses the mini-program."""
    if value.messages_left is None:
        return ()
    return (Row(label=text(language, "alerts.messages_left"), value=str(value.messages_left)),)


def _amounts(language: str, value: AlertsView) -> str:
    words = [text(language, "figure.balance", balance_micro=level) for level in value.levels_micro]
    return text(language, "figure.separator").join(words) or text(language, "alerts.none")


def _days(language: str, alerts: Alerts) -> str:
    words = [text(language, "alerts.days", days=str(day)) for day in alerts.days_left]
    return text(language, "figure.separator").join(words) or text(language, "alerts.none")


def _hours(language: str, quiet: Quiet | None) -> str:
    if quiet is None:
        return text(language, "alerts.quiet_of_site")
    since, until = (f"{minute // 60:02d}:{minute % 60:02d}" for minute in (quiet.since_min, quiet.until_min))
    return f"{since}-{until}"


def _set(effect: SetAlerts, value: Alerts, turn: Turn, session: Session) -> Reply:
    del value
    words = say(turn.actor.language, "alerts.done", Tone.GOOD)
    return Reply(session=session, parts=(words,), effects=(ShowAlerts(account_id=effect.account_id),))


def _quiet_set(effect: SetQuiet, value: object, turn: Turn, session: Session) -> Reply:
    del value
    language = turn.actor.language
    hours = _hours(language, effect.quiet)
    return Reply(session=session, parts=(say(language, "quiet.done", Tone.GOOD, hours=hours),))


async def _set_quiet(on: Situation, quiet: Quiet | None) -> object:
    """Keeps the person's channels as they are."""
    known = await show_preferences(on.business, on.actor)
    return await set_preferences(on.business, on.actor, replace(known, quiet=quiet))


TOPIC = Topic(
    intents=(
        Intent(
            name="alerts",
            hints=(
                r"(?:提醒|通知|告诉)(?:一下|一声|我)",
                r"(?:remind|warn|notify|alert|tell) me\b",
            ),
            audience=Audience.TENANT,
            commands=("alerts", "提醒", "预警"),
            phrases=(
                r"(?:设置|修改|查看)?(?:余额|低余额|欠费)?(?:提醒|预警)(?:设置)?\s*(?P<arg>\d.{0,40}|默认)?",
                r"(?:余额)?(?:低于|少于|不足)\s*(?P<arg>\d.{0,40}?)(?:时|的时候)?(?:提醒|通知|告诉)我?",
                rf"{_SET}(?:low[- ]balance )?(?:alerts?|reminders?)(?: (?:at |to |settings)?{_EN})?",
                rf"(?:tell|warn|remind|alert) me (?:at|below|when (?:i have|it is) {_BELOW}) {_EN}",
            ),
            wants=Wants.AMOUNT,
        ),
        Intent(
            name="quiet",
            hints=(
                r"打扰|(?:别|不要|不想)(?:再)?(?:给我)?(?:吵|发消息|发通知|收消息|响)",
                r"disturb|quiet hours|(?:stop|no) (?:messages|messaging|notifications)",
            ),
            audience=Audience.TENANT,
            commands=("quiet", "免打扰"),
            phrases=(
                r"(?:设置|修改)?(?:免打扰|勿扰)(?:时间|时段)?\s*(?P<arg>\d.{0,20}|关闭?|默认)?",
                r"(?:set )?(?:quiet hours|do not disturb)(?: (?P<arg>\d.{0,20}|off|default))?",
            ),
            wants=Wants.PERIOD,
        ),
    ),
    openings={"alerts": _alerts, "quiet": _quiet},
    steps={"alerts.levels": _levels_heard, "quiet.hours": _quiet_heard},
    after_choice=frozenset({"alerts"}),
    performers={
        ShowAlerts: lambda e, on: show_alerts(on.business, on.actor, e.account_id),
        SetAlerts: lambda e, on: set_alerts(on.business, on.actor, e.account_id, e.alerts),
        SetQuiet: lambda e, on: _set_quiet(on, e.quiet),
    },
    presenters={ShowAlerts: _shown, SetAlerts: _set, SetQuiet: _quiet_set},
)
