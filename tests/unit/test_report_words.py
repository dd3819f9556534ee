"""Reports as people ask for them: kind, span, place and form in any order, by whole sentences, in both languages."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bot.conversations.core import handle
from bot.conversations.desk import PickSite
from bot.conversations.guesses import guessed
from bot.conversations.inbound import Inbound, Turn
from bot.conversations.intents import read
from bot.conversations.report_words import form_in, understood
from bot.conversations.session import Session
from prepaid.domain.access import Actor, Grant, Role
from prepaid.domain.accounts import Site
from prepaid.domain.calendar import SiteCalendar
from prepaid.domain.errors import Refused
from prepaid.domain.mail_outs import ReportKind
from prepaid.domain.tariffs import FlatTariff
from prepaid.usecases.find_sites import SiteLine, called
from prepaid.usecases.spans import spoken_span

K = ReportKind
AT = datetime(2026, 11, 27, 8, tzinfo=UTC)
STAFF = Actor(id="p9", grants=(Grant(Role.MANAGER, "acme"),), language="zh")
SAID = [
    ("finance report of Maple Court this month", K.FINANCE, "month", "maple court", ""),
    ("finance report this month", K.FINANCE, "month", "", ""),
    (
        "show me the finance report of Maple Court for last month as Excel",
        K.FINANCE,
        "last_month",
        "maple court",
        "xlsx",
    ),
    ("October finance report", K.FINANCE, "m10", "", ""),
    ("finance report of maple for October 2025", K.FINANCE, "2025-10", "maple", ""),
    ("上个月的财务报表 枫丹苑", K.FINANCE, "last_month", "枫丹苑", ""),
    ("10月份财务报表", K.FINANCE, "m10", "", ""),
    ("去年三月财务报表", K.FINANCE, "m3-1", "", ""),
    ("2026年10月份财务报表", K.FINANCE, "2026-10", "", ""),
    ("usage ranking this month", K.RANK, "month", "", ""),
    ("losses this month maple", K.LOSSES, "month", "maple", ""),
    ("枫丹苑今年的线损", K.LOSSES, "year", "枫丹苑", ""),
    ("common share of maple by area", K.SHARE_AREA, "", "maple", ""),
    ("按用量公摊 枫丹苑", K.SHARE_USE, "", "枫丹苑", ""),
    ("abnormal use", K.ODD, "", "", ""),
    ("empty rooms", K.EMPTY, "", "", ""),
    ("compare sites", K.SITES, "", "", ""),
    ("report 2026-11 csv", K.USE, "2026-11", "", "csv"),
    ("this month's consumption report compared with last year", K.USE, "month", "", ""),
]


@pytest.mark.parametrize(("words", "kind", "when", "place", "form"), SAID)
def test_a_sentence_says_what_is_wanted(words: str, kind: ReportKind, when: str, place: str, form: str) -> None:
    """A2: what was said is what is shown, and nothing of it is taken for the name of a place."""
    ask = read(words)
    assert ask is not None
    assert ask.intent.name == "report"
    found, said = form_in(ask.argument)
    assert (*understood(said), found) == (kind, when, place, form)


@pytest.mark.parametrize(
    ("words", "rest"),
    [
        ("every month please send me the finance report as excel", "finance month xlsx"),
        ("send the losses every morning", "losses day picture"),
        ("每天把线损发给我", "losses day picture"),
        ("每个月给我发财务报表，要表格", "finance month xlsx"),
        ("subscribe to the daily consumption report", "use day picture"),
        ("订阅每月财务报表 excel", "finance month xlsx"),
    ],
)
def test_what_is_to_come_again_and_again_is_ordered(words: str, rest: str) -> None:
    """N1, A2: a rhythm in the sentence means that the report comes by itself, from whichever site is meant."""
    reply = handle(Turn(inbound=Inbound(channel="t", user="u", text=words), actor=STAFF, at=AT), Session())
    assert reply.effects == (PickSite(text="", then="mailout", rest=rest),)


@pytest.mark.parametrize("words", ["how much do I use every day", "send me my usage every day", "每天用多少电"])
def test_a_tenant_who_says_every_day_orders_nothing(words: str) -> None:
    """T3: their own use is shown; reports are the staff's."""
    ask = read(words)
    assert ask is None or ask.intent.name != "mailout"


@pytest.mark.parametrize("words", ["how much did the building use last month", "枫丹苑上个月一共用了多少电啊"])
def test_a_guess_keeps_kind_and_span(words: str) -> None:
    """A2: a sentence that no phrase knows still says which month is meant."""
    (ask,) = guessed(words, tenant=False, staff=True)
    assert understood(ask.argument)[:2] == (K.USE, "last_month")


@pytest.mark.parametrize("words", ["usage this month", "本月用电", "night use", "今年用电"])
def test_what_tenants_ask_of_their_room_staff_ask_of_the_house(words: str) -> None:
    """A2: whoever has no room of their own is shown the report instead of being told so."""
    ask = read(words)
    assert ask is not None
    assert ask.intent.of_staff == "report"


def test_a_month_without_a_year_is_the_newest() -> None:
    """A2: in January the December before; a month that is to come is that of last year."""
    site = Site(
        id="s",
        path="s",
        name="S",
        calendar=SiteCalendar(time_zone="Asia/Shanghai"),
        tariff=FlatTariff(id="t", price_micro_per_kwh=1),
    )
    now = datetime(2026, 1, 31, 17, tzinfo=UTC)  # The first of February in Shanghai.
    names = {when: spoken_span(site, now, when).name for when in ("m1", "m2", "m3", "m12", "m2-1", "m3-1")}
    assert names == {
        "m1": "2026-01",
        "m2": "2026-02",
        "m3": "2025-03",
        "m12": "2025-12",
        "m2-1": "2025-02",
        "m3-1": "2025-03",
    }
    for wrong in ("m0", "m13", "m1-2", "m"):
        with pytest.raises(Refused):
            spoken_span(site, now, wrong)


def test_a_site_is_found_by_a_part_of_its_name() -> None:
    """A2: the whole name before a part of it; whole words, and no single letter or sign."""
    sites = [
        SiteLine(site_id=key, name=name, path=key, time_zone="UTC")
        for key, name in (("s1", "Maple Court"), ("s2", "Maple"), ("s3", "枫丹苑"), ("s4", "枫丹苑北区"))
    ]

    def found(said: str) -> list[str]:
        return [site.site_id for site in called(said, sites)]

    assert found("") == ["s1", "s2", "s3", "s4"]
    assert found("maple court") == found("court") == found("s1") == ["s1"]
    assert found("maple") == ["s2"]
    assert found("枫丹苑") == ["s3"]
    assert found("北区") == ["s4"]
    assert found("枫丹") == ["s3", "s4"]
    assert found("the maple court please") == ["s1", "s2"]
    assert found("map") == found("苑") == found("oak house") == []
