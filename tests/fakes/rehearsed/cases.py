"""Cases of the staff on the stage: tickets, a comparison, a held reading, disputes, debts, a trail, locks."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from bot.conversations.topics.arrears import ShowArrears
from bot.conversations.topics.audit import SearchAudit, Trail
from bot.conversations.topics.disputes import AnswerDispute, ListDisputes, ShowDispute
from bot.conversations.topics.held import DecideHeld, ListHeld, ShowHeld
from bot.conversations.topics.lost_payment import ClaimPayment
from bot.conversations.topics.safety import HoldWeather, TagSupply
from bot.conversations.topics.tickets import ListTickets, SettleTicket, ShowRuns, ShowTicket
from prepaid.domain.access import Role
from prepaid.domain.accounts import Site
from prepaid.domain.calendar import SiteCalendar
from prepaid.domain.errors import Refused, not_found
from prepaid.domain.metering import Doubt, Meter, Reading
from prepaid.domain.reconcile import Run, Share, Totals
from prepaid.domain.registers import Decision, HeldReading, RegisterChange
from prepaid.domain.supply import HoldKind
from prepaid.domain.tariffs import FlatTariff
from prepaid.domain.tickets import MoneyKind, MoneyState, MoneyTicket, Ticket
from prepaid.ports import AuditRecord
from prepaid.usecases.arrears import Debt
from prepaid.usecases.name_people import As, Named
from tests.fakes.rehearsed.ticket_files import photo
from tests.fakes.rights import COUNTS, EVERYBODY, OPERATES, STAFF, TENANT, free, right

TICKET = "mt_00112233445566778899"
DISPUTE = "tk_00112233445566778899"


def _ticket(stage: Any, ticket_id: str) -> MoneyTicket:
    if ticket_id != TICKET:
        raise not_found()
    return MoneyTicket(
        id=TICKET,
        kind=MoneyKind.BILL,
        provider="wechat_pay",
        why="gap.amount",
        opened_at=stage.now - timedelta(hours=9),
        path="acme/maple/101",
        account_id="a101",
        day="2026-11-22",
        order_id="cw2611221830000123456789abcdef",
        txn_id="4200001234",
        ours_fen=5_000,
        theirs_fen=5_100,
    )


def _settle(stage: Any, user: str, effect: SettleTicket) -> MoneyTicket:
    del user
    return replace(_ticket(stage, effect.ticket_id), state=MoneyState.SETTLED, words=effect.words)


def _runs(stage: Any, user: str, effect: ShowRuns) -> tuple[tuple[Run, tuple[Share, ...]], ...]:
    del user, effect
    totals = Totals(items=12, payments_fen=123_400, refunds_fen=1_000, fees_fen=740, clearing_fen=122_300, gaps=1)
    shares = (Share(site_id="maple", totals=totals),)
    run = Run(
        id="r", provider="wechat_pay", merchant_id="m", day="2026-11-22", ran_at=stage.now, totals=totals, shares=shares
    )
    return ((run, shares),)


def _case(stage: Any, meter_id: str) -> tuple[HeldReading, Meter]:
    if meter_id != "m-a101":
        raise Refused("refused.no_held_reading")
    before = Reading(meter_id=meter_id, at=stage.now - timedelta(hours=3), energy_wh=999_990_000)
    first = Reading(meter_id=meter_id, at=stage.now - timedelta(hours=2), energy_wh=120, serial="20241101")
    case = HeldReading(
        id="c1",
        meter_id=meter_id,
        site_id="maple",
        path="acme/maple/101",
        doubt=Doubt.BACKWARDS,
        before=before,
        first=first,
        latest=replace(first, at=stage.now, energy_wh=2_450),
        count=8,
    )
    meter = Meter(
        id=meter_id,
        site_id="maple",
        path="acme/maple/101",
        gateway_id="gw-1",
        unit=1,
        profile="test",
        serial="20241101",
    )
    return case, meter


def _decide(stage: Any, user: str, effect: DecideHeld) -> RegisterChange:
    del user
    if effect.decision == Decision.ROLL_OVER and not effect.wraps_wh:
        raise Refused("refused.no_register_width")
    return RegisterChange(
        meter_id=effect.meter_id,
        epoch=1,
        decision=Decision(effect.decision),
        at=stage.now,
        actor="p3",
        reason=effect.why,
        case_id="c1",
        before_offset_wh=0,
        offset_wh=0,
        exponent=0,
        last=None,
    )


def _dispute(stage: Any, ticket_id: str) -> Ticket:
    if ticket_id != DISPUTE:
        raise not_found()
    return Ticket(
        id=DISPUTE,
        account_id="a101",
        site_id="maple",
        path="acme/maple/101",
        entry_idem="use:1",
        amount_micro=-35_280_000,
        why="那天我不在家",
        opened_by="p1",
        opened_at=stage.now - timedelta(hours=20),
    )


def _debts(stage: Any, user: str, effect: ShowArrears) -> tuple[Debt, ...]:
    del user, effect
    return tuple(
        Debt(
            account_id=account_id,
            label=room.label,
            site_id="maple",
            balance_micro=room.balance_micro,
            off=not room.on,
            protected=False,
        )
        for account_id, room in stage.rooms.items()
        if room.balance_micro < 0
    )


def _trail(stage: Any, user: str, effect: SearchAudit) -> Trail:
    del user
    line = AuditRecord(
        at=stage.now,
        actor="p3",
        action="switch_supply",
        subject="acme/maple/101",
        reason="检修",
        before="on",
        after="off",
    )
    refused = replace(line, at=stage.now - timedelta(hours=1), actor="p8", before="", after="", refused="x")
    lines = (line, refused, *(replace(line, action="odd_job", at=stage.now - timedelta(days=n)) for n in range(1, 9)))
    opened = replace(line, actor="p_1111222233334444", action="bind_chat", before="", after="p_1111222233334444")
    lines = (*lines, replace(opened, at=stage.now - timedelta(days=30)), replace(opened, actor="clock", after="on"))
    names = {
        "p3": Named(known_as=As.YOU, mark="7c1d", role=Role.OPERATOR, place="acme"),
        "p8": Named(known_as=As.STAFF, mark="0a8f", role=Role.FINANCE, place="枫丹苑 b1"),
        "p_1111222233334444": Named(known_as=As.TENANT, mark="4444", place="101"),
    }
    return Trail(lines=lines if effect.account_id == "a101" else (), names=names)


def _tag(stage: Any, user: str, effect: TagSupply) -> object:
    del user
    stage.rooms[effect.account_id].hold = HoldKind.OFF if effect.locked else None
    return stage.supplies(effect.account_id)


def _weather(stage: Any, user: str, effect: HoldWeather) -> Site:
    del user
    until = stage.now + timedelta(hours=effect.hours) if effect.hours else None
    calendar = SiteCalendar(time_zone="Asia/Shanghai", weather_hold_until=until)
    return Site(
        id=effect.site_id,
        name=effect.name,
        path="acme/maple",
        calendar=calendar,
        tariff=FlatTariff(id="t", price_micro_per_kwh=1),
    )


ANSWERS = {
    ListTickets: lambda stage, _, __: (_ticket(stage, TICKET),),
    ShowTicket: lambda stage, _, e: _ticket(stage, e.ticket_id),
    SettleTicket: _settle,
    ShowRuns: _runs,
    ListHeld: lambda stage, _, __: (_case(stage, "m-a101")[0],),
    ShowHeld: lambda stage, _, e: _case(stage, e.meter_id),
    DecideHeld: _decide,
    ListDisputes: lambda stage, _, __: (_dispute(stage, DISPUTE),),
    ShowDispute: lambda stage, _, e: replace(_dispute(stage, e.ticket_id), files=(photo(stage, "早上的读数"),)),
    AnswerDispute: lambda stage, _, e: _dispute(stage, e.ticket_id),
    ShowArrears: _debts,
    SearchAudit: _trail,
    TagSupply: _tag,
    HoldWeather: _weather,
}
SCRIPTS = {
    "tickets": (("admin", "资金工单"), ("admin", f"/tickets {TICKET}"), ("admin", "/tickets mt_0")),
    "settle": (("admin", f"/settle {TICKET}"), ("admin", "手续费算错，已联系支付方"), ("admin", "/settle")),
    "reconcile": (("admin", "对账结果"),),
    "trace": (("admin", "查付款 101"), ("admin", "单号"), ("admin", "4200 0012 34567")),
    "held": (
        ("admin", "存疑读数"),
        ("admin", "/held m-a101"),
        ("admin", "不知道"),
        ("admin", "走满归零"),
        ("admin", "很多"),
        ("admin", "1000000"),
        ("admin", "现场看过表"),
        ("admin", "是"),
        ("admin", "/held m-x"),
    ),
    "disputes": (
        ("admin", "申诉"),
        ("admin", f"/disputes {DISPUTE}"),
        ("admin", "也许"),
        ("admin", "rejected"),
        ("admin", "空调在运行，见当日曲线"),
        ("admin", "是"),
    ),
    "arrears": (("admin", "欠费名单"), ("ben", "arrears")),
    "audit": (
        ("admin", "操作记录 101"),
        ("admin", "/audit page:2:a101"),
        ("admin", "who did what to 102"),
    ),
    "tag": (("admin", "挂牌 101"), ("admin", "换开关"), ("admin", "是")),
    "untag": (("admin", "摘牌 101"), ("admin", "已完成"), ("admin", "是")),
    "weather": (
        ("admin", "/weather 枫丹苑"),
        ("admin", "9999"),
        ("admin", "48"),
        ("admin", "寒潮"),
        ("admin", "是"),
        ("admin", "/weather maple"),
        ("admin", "0"),
        ("admin", "已转暖"),
        ("admin", "是"),
    ),
}
RIGHTS = (
    free("tickets", lambda _: ListTickets(), EVERYBODY),
    replace(right("tickets", lambda on: ShowTicket(ticket_id=on.ticket_id), COUNTS), office=True),
    replace(right("tickets", lambda on: ShowTicket(ticket_id=on.power_id), COUNTS | OPERATES), office=True),
    replace(right("settle", lambda on: SettleTicket(ticket_id=on.ticket_id, words="x"), COUNTS), office=True),
    free("reconcile", lambda _: ShowRuns(), COUNTS),
    right("trace", lambda on: ClaimPayment(account_id=on.account_id, number="1234567890"), COUNTS | TENANT),
    free("held", lambda _: ListHeld(), EVERYBODY),
    right("held", lambda on: ShowHeld(meter_id=on.meter_id), OPERATES),
    right("held", lambda on: DecideHeld(meter_id=on.meter_id, decision="reset", why="x"), OPERATES),
    free("disputes", lambda _: ListDisputes(), EVERYBODY),
    replace(right("disputes", lambda on: ShowDispute(ticket_id=on.dispute_id), COUNTS), office=True),
    replace(
        right("disputes", lambda on: AnswerDispute(ticket_id=on.dispute_id, upheld=True, words="x"), COUNTS),
        office=True,
    ),
    free("arrears", lambda _: ShowArrears(), STAFF),
    right("audit", lambda on: SearchAudit(account_id=on.account_id, label=""), COUNTS),
    right("tag untag", lambda on: TagSupply(account_id=on.account_id, label="", locked=True, why="x"), OPERATES),
    replace(
        right("weather", lambda on: HoldWeather(site_id=on.site_id, name="", hours=1, why="x"), OPERATES), at_site=True
    ),
)
