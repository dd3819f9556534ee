"""What runs while nobody uses anything: the base load, the share of the night, hours unlike the others (T1)."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from bot.conversations.effects import Effect
from bot.conversations.inbound import Turn
from bot.conversations.openings import account_action, for_account
from bot.conversations.parts import KeyValueTable, Row, Tone
from bot.conversations.reply import Reply, choose, press, say
from bot.conversations.session import Session
from bot.conversations.topic import Topic
from bot.conversations.vocabulary import Audience, Intent
from bot.texts import text
from prepaid.domain.load import Load
from prepaid.usecases.show_load import OwnLoad, show_load

MOST_ODD = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowLoad(Effect):
    """The account's electricity at rest."""

    account_id: str


def _shown(effect: ShowLoad, value: OwnLoad, turn: Turn, session: Session) -> Reply:
    language = turn.actor.language
    days = round(value.known_hours / 24)
    if value.load is None or value.load.base_w is None:
        return Reply(session=session, parts=(say(language, "load.too_little", label=value.label),))
    table = KeyValueTable(
        title=text(language, "load.title", label=value.label, days=days), rows=_rows(language, value, value.load)
    )
    advice = say(language, "load.advice", Tone.PLAIN, base_w=value.load.base_w, base_wh=value.base_wh or 0, days=days)
    more = press(language, "button.month", account_action(effect.account_id, "usage", "month"))
    return Reply(session=session, parts=(table, advice, choose(text(language, "usage.prompt"), language, more)))


def _rows(language: str, value: OwnLoad, load: Load) -> tuple[Row, ...]:
    rows = [
        Row(label=text(language, "report.row.total"), value=text(language, "figure.energy", energy_wh=load.energy_wh)),
        Row(label=text(language, "report.row.base"), value=text(language, "report.watts", figure=f"{load.base_w:,}")),
    ]
    if load.night_permille is not None:
        percent = f"{load.night_permille // 10}.{load.night_permille % 10}"
        rows.append(
            Row(label=text(language, "report.row.night"), value=text(language, "report.percent", percent=percent))
        )
    zone = ZoneInfo(value.site_time_zone)
    rows += [
        Row(
            label=text(language, "load.odd"),
            value=text(
                language,
                "load.odd_hour",
                when=f"{odd.at.astimezone(zone):%m-%d %H:%M}",
                energy_wh=odd.energy_wh,
                usual_wh=odd.usual_wh,
            ),
        )
        for odd in load.odd[:MOST_ODD]
    ]
    return tuple(rows)


TOPIC = Topic(
    intents=(
        Intent(
            name="load",
            hints=(
                r"(?:夜里|夜间|晚上|半夜|待机|睡觉|出门|没人).{0,8}(?:[用耗费]电|[用耗])",
                r"standby|(?:at|over|every|during the) night|while i (?:sleep|am away)",
            ),
            audience=Audience.TENANT,
            commands=("load", "baseload", "待机用电", "夜间用电"),
            phrases=(
                r"(?:夜里|夜间|晚上|半夜|睡觉时)(?:用了?多少电|用电量?|耗电)(?:多少)?",
                r"(?:待机|底)(?:功率|用电量?|负荷|耗电)(?:是?多少)?",
                r"什么在?(?:一直)?(?:偷偷)?(?:耗电|用电)",
                r"(?:how much (?:power|electricity) do i use |usage )?(?:at night|at rest|on standby)",
                r"(?:my )?(?:base ?load|standby(?: (?:power|use|load))?|night(?:-time|ly)? (?:use|usage))",
            ),
            of_staff="report",
        ),
    ),
    openings={"load": for_account("load", lambda account_id, _: ShowLoad(account_id=account_id))},
    after_choice=frozenset({"load"}),
    performers={ShowLoad: lambda e, on: show_load(on.business, on.actor, e.account_id)},
    presenters={ShowLoad: _shown},
)
