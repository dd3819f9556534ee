"""Reports and bills that come by themselves, every day or month: ordering one, the list, ending one (N1, A2)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bot.conversations import desk
from bot.conversations.desk import PickSite
from bot.conversations.effects import Effect
from bot.conversations.inbound import Turn
from bot.conversations.openings import for_account
from bot.conversations.parts import Item, List, Text, Tone
from bot.conversations.perform import Situation
from bot.conversations.reply import Reply, choose, press, say
from bot.conversations.report_words import KINDS_SAID, form_in, understood
from bot.conversations.session import Session
from bot.conversations.topic import Topic
from bot.conversations.vocabulary import Audience, Intent, Wants
from bot.texts import text
from prepaid.domain.mail_outs import BILL, Every, MailOut, ReportForm, ReportKind
from prepaid.usecases.find_sites import SiteLine
from prepaid.usecases.mail_outs import my_mail_outs, order_mail_out, stop_mail_out

_PLEASE = re.compile(r"给我|发送|发来|推送|发|一份|[把将]|早[上晨]|\bmail\b")
_DAILY = r"每[天日]|daily|(?:every|each) (?:day|morning)|日报"
_RHYTHM = rf"{_DAILY}|每个?月|monthly|(?:every|each) month|月报"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderMailOut(Effect):
    """One report of a site, or an account's bill."""

    kind: str
    subject: str
    every: Every
    form: ReportForm


@dataclass(frozen=True, slots=True, kw_only=True)
class ListMailOuts(Effect):
    """What the person ordered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StopMailOut(Effect):
    """Ends one of them."""

    mail_out: str


def _order(turn: Turn, session: Session, argument: str) -> Reply:
    """A button says "<site>:<kind> <every> <form>"; people say what, how often, as what and where in any order."""
    del turn
    name, colon, rest = argument.partition(":")
    if not colon:
        form, said = form_in(argument)
        daily = re.search(_DAILY, said, re.IGNORECASE)
        said = re.sub(_RHYTHM, " ", said, flags=re.IGNORECASE)
        kind, _, name = understood(_PLEASE.sub(" ", said))
        rest = f"{kind} {Every.DAY if daily else Every.MONTH} {form or ReportForm.PICTURE}"
    return Reply(session=session, effects=(PickSite(text=name, then="mailout", rest=rest),))


def _of_site(turn: Turn, session: Session, site: SiteLine, rest: str) -> Reply:
    del turn
    kind, every, form = (*rest.split(), "", "", "")[:3]
    effect = OrderMailOut(
        kind=kind if kind in [*ReportKind] else ReportKind.USE,
        subject=site.site_id,
        every=Every(every) if every in [*Every] else Every.MONTH,
        form=ReportForm(form) if form in [*ReportForm] else ReportForm.PICTURE,
    )
    return Reply(session=session, effects=(effect,))


def _bill(account_id: str, argument: str) -> Effect:
    return OrderMailOut(
        kind=BILL, subject=account_id, every=Every.MONTH, form=ReportForm(form_in(argument)[0] or ReportForm.PICTURE)
    )


def _list(turn: Turn, session: Session, argument: str) -> Reply:
    """Alone it lists; a press says "stop <id>"."""
    del turn
    word, _, wanted = argument.partition(" ")
    if word == "stop" and wanted:
        return Reply(session=session, effects=(StopMailOut(mail_out=wanted),))
    return Reply(session=session, effects=(ListMailOuts(),))


def _ordered(effect: OrderMailOut, value: MailOut, turn: Turn, session: Session) -> Reply:
    del effect
    language = turn.actor.language
    done = Text(body=text(language, f"mailout.ordered_{value.every}", **_named(language, value)), tone=Tone.GOOD)
    others = [form for form in ReportForm if form is not value.form]
    buttons = [press(language, f"button.as_{form}", _again(value, form)) for form in others]
    buttons.append(press(language, "button.stop_mailout", f"mailouts:stop {value.id}"))
    shown = tuple(button for button in buttons if button.action)
    return Reply(session=session, parts=(done, choose(text(language, "mailout.next"), language, *shown)))


def _again(value: MailOut, form: ReportForm) -> str:
    if value.kind == BILL:
        return desk.action("use", value.subject, "mailbill", form)
    return desk.action("mailout", value.subject, f"{value.kind} {value.every} {form}")


def _listed(effect: ListMailOuts, value: Sequence[MailOut], turn: Turn, session: Session) -> Reply:
    del effect
    language = turn.actor.language
    if not value:
        return Reply(session=session, parts=(say(language, "mailout.none"),))
    items = tuple(
        Item(
            label=text(language, "mailout.line", **_named(language, each)),
            value=text(language, f"mailout.every_{each.every}"),
            action=f"mailouts:stop {each.id}",
        )
        for each in value
    )
    listing = List(
        title=text(language, "mailout.title", count=len(items)),
        items=items,
        note=text(language, "mailout.press_to_stop"),
        hint=text(language, "menu.hint"),
    )
    return Reply(session=session, parts=(listing,))


def _stopped(effect: StopMailOut, value: MailOut, turn: Turn, session: Session) -> Reply:
    del effect
    language = turn.actor.language
    return Reply(session=session, parts=(Text(body=text(language, "mailout.stopped", **_named(language, value))),))


def _named(language: str, value: MailOut) -> dict[str, str]:
    return {
        "label": value.label,
        "why": f"report.kind.{value.kind}",
        "form": text(language, f"mailout.form_{value.form}"),
    }


async def _perform(on: Situation, effect: OrderMailOut) -> MailOut:
    return await order_mail_out(
        on.business, on.actor, effect.kind, effect.subject, every=effect.every, form=effect.form
    )


_WANTS = rf"(?=.*\b(?:send|mail|give)\b)(?!.*\bmy\b)(?=.*(?:{KINDS_SAID}|reports?))"
TOPIC = Topic(
    intents=(
        Intent(
            name="mailout",
            audience=Audience.STAFF,
            commands=("mailout", "订阅报表"),
            phrases=(
                rf"订阅(?P<arg>.{{0,20}}(?:{_RHYTHM}).{{0,30}})",
                rf"(?P<arg>(?=.*每)(?=.*(?:{KINDS_SAID}|报[表告])).{{0,30}}每(?:[天日]|个?月).{{0,30}}(?:发|推送).{{0,40}})",
                rf"(?P<arg>{_WANTS}.{{0,60}}\b(?:every|each) (?:day|morning|month)\b.{{0,60}})",
                r"subscribe(?: me)? to (?:the )?(?P<arg>(?:daily|monthly) .{0,40})",
            ),
            wants=Wants.PERIOD,
        ),
        Intent(
            name="mailbill",
            audience=Audience.TENANT,
            commands=("mailbill", "订阅账单"),
            phrases=(
                r"每(?:个)?月(?:给我)?发(?:送)?(?P<arg>.{0,8}账单.{0,8})",
                r"subscribe(?: me)? to (?:my |the )?(?:monthly )?bills?(?: as (?P<arg>excel|xlsx|csv))?",
            ),
            wants=Wants.PERIOD,
        ),
        Intent(
            name="mailouts",
            hints=(
                r"(?:退订|取消订阅|我的订阅)",
                r"unsubscribe|subscriptions?",
            ),
            audience=Audience.ANYONE,
            commands=("mailouts", "subscriptions", "unsubscribe", "我的订阅", "订阅", "退订"),
            phrases=(r"(?:show |list )?(?:my )?subscriptions", r"(?:查看|看看|取消|管理)?(?:我的)?订阅(?:列表)?"),
            wants=Wants.PERIOD,
        ),
    ),
    openings={"mailout": _order, "mailbill": for_account("mailbill", _bill), "mailouts": _list},
    after_choice=frozenset({"mailbill"}),
    after_site={"mailout": _of_site},
    performers={
        OrderMailOut: lambda e, on: _perform(on, e),
        ListMailOuts: lambda _, on: my_mail_outs(on.business, on.actor),
        StopMailOut: lambda e, on: stop_mail_out(on.business, on.actor, e.mail_out),
    },
    presenters={OrderMailOut: _ordered, ListMailOuts: _listed, StopMailOut: _stopped},
)
