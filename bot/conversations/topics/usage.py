"""Use by hour, day or month as a picture, with what it cost and the period before (T1)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from bot.conversations.effects import Effect
from bot.conversations.inbound import Turn
from bot.conversations.openings import account_action, for_account
from bot.conversations.parts import Chart, Point
from bot.conversations.reply import Reply, choose, press, say
from bot.conversations.session import Session
from bot.conversations.topic import Topic
from bot.conversations.vocabulary import Audience, Intent, Wants
from bot.texts import text
from prepaid.domain.beside import change_percent
from prepaid.domain.tariffs import Utility
from prepaid.usecases.compare_usage import ComparedUsage, Period, compare_usage

_WORDS: Mapping[Period, re.Pattern[str]] = {
    Period.YEAR: re.compile(r"year|年|12"),
    Period.MONTH: re.compile(r"month|月|30"),
    Period.WEEK: re.compile(r"week|周|星期|礼拜|168|7"),
}
_SHAPES: Mapping[Period, str] = {
    Period.DAY: "%H",
    Period.WEEK: "%m-%d",
    Period.MONTH: "%m-%d",
    Period.YEAR: "%Y-%m",
}
_MY = r"(?:帮我|请|我要|我想|给我)?"
_WHEN = r"(?P<arg>今天|今日|昨天|本周|这周|最近|近?一周|本月|这个月|近?一个?月|今年|近?一年|每[天周月]|[年月周日])"


_OF = r"(?P<arg>today's|this (?:week|month|year)'s|daily|weekly|monthly|yearly)"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowUsage(Effect):
    """One period and the one before it, of each utility."""

    account_id: str
    period: Period = Period.DAY


def _period(argument: str) -> Period:
    return next((period for period, words in _WORDS.items() if words.search(argument)), Period.DAY)


def _shown(effect: ShowUsage, value: Sequence[ComparedUsage], turn: Turn, session: Session) -> Reply:
    """A picture for each utility: Wh and litres have no sum."""
    language = turn.actor.language
    charts = [usage_chart(language, each) for each in value if each.known]
    if not charts:
        return Reply(session=session, parts=(say(language, "usage.none", label=value[0].label),))
    others = [period for period in Period if period is not effect.period]
    buttons = [
        press(language, f"button.{period}", account_action(effect.account_id, "usage", period)) for period in others
    ]
    if any(each.utility is Utility.ELECTRICITY for each in value):
        buttons.append(press(language, "button.load", account_action(effect.account_id, "load")))
    prompt = choose(text(language, "usage.prompt"), language, *buttons)
    return Reply(session=session, parts=(*charts, prompt))


def usage_chart(language: str, value: ComparedUsage) -> Chart:
    """The chart of a period, in words of one language."""
    zone, shape = ZoneInfo(value.site_time_zone), _SHAPES[value.period]
    points = tuple(
        Point(
            label=f"{slot.start.astimezone(zone):{shape}}",
            value=slot.energy_wh,
            text=thousands(slot.energy_wh),
            before=slot.before_wh,
            line_micro=slot.amount_micro,
        )
        for slot in value.slots
    )
    water = value.utility is Utility.WATER
    return Chart(
        title=text(language, f"usage.title.{value.period}", label=value.label),
        points=points,
        summary=compared_use(language, value.utility, value.total_wh, value.before_wh, value.total_micro),
        unit=text(language, "usage.unit_water" if water else "usage.unit"),
        line_name=text(language, "usage.cost"),
        before_name=text(language, f"usage.before.{value.period}") if value.before_wh else "",
    )


def compared_use(language: str, utility: str, total: int, before: int, total_micro: int) -> str:
    """What was used and spent, and by how much that is more than before; Wh or litres."""
    if not before:
        return use_total(language, utility, total, total_micro)
    change = change_percent(total, before)
    key = "usage.compared" if change is not None else "usage.compared_little"
    percent = "" if change is None else f"{change:+d}"
    if utility == Utility.WATER:
        figures = {"total_l": total, "before_l": before}
        return text(language, f"{key}_water", total_micro=total_micro, percent=percent, **figures)
    return text(language, key, total_wh=total, before_wh=before, total_micro=total_micro, percent=percent)


def use_total(language: str, utility: str, total: int, total_micro: int) -> str:
    """Wh or litres in all, and what they cost."""
    if utility == Utility.WATER:
        return text(language, "usage.summary_water", total_l=total, total_micro=total_micro)
    return text(language, "usage.summary", total_wh=total, total_micro=total_micro)


def thousands(amount: int) -> str:
    """Wh as kWh, or litres as m3, with two decimals. Thousandths are exact: both are integers."""
    return f"{amount // 1000}.{amount % 1000 // 10:02d}"


TOPIC = Topic(
    intents=(
        Intent(
            name="usage",
            hints=(
                r"(?:用|耗|花)(?:了|掉|的)?(?:多少|几|的)?度?[电水](?!价|费)|用[电水]量?|耗[电水]|(?:和|跟|比|与)(?:上个?|去|前)(?:周|月|年|个?星期)",
                r"\b(?:usage|consumption|consume\w*|kwh)\b|how much .*\b(?:use|used|using)\b|compared? (?:with|to)",
            ),
            audience=Audience.TENANT,
            commands=("usage", "用电量", "用电"),
            phrases=(
                rf"{_MY}(?:查询|查|看看|看)?{_WHEN}?的?(?:用电量?|用了多少电|耗电量?|电量)(?:多少|查询|对比|图)?",
                rf"(?:show |see )?(?:my )?(?:{_OF} )?(?:usage|consumption)",
                r"how much (?:power |electricity )?(?:did|have) i used?(?: (?P<arg>today|this (?:week|month|year)))?",
                r"(?:usage|consumption) (?P<arg>today|(?:this |by )?(?:day|week|month|year))",
            ),
            wants=Wants.PERIOD,
            gist=str,
            of_staff="report",
        ),
    ),
    openings={"usage": for_account("usage", lambda a, argument: ShowUsage(account_id=a, period=_period(argument)))},
    after_choice=frozenset({"usage"}),
    performers={ShowUsage: lambda e, on: compare_usage(on.business, on.actor, e.account_id, period=e.period)},
    presenters={ShowUsage: _shown},
)
