"""One account: balance, use, entries and why, statements, emergency credit, disputes."""

from __future__ import annotations

from collections.abc import Sequence

from miniprogram_api.contract import Ask, Route
from miniprogram_api.models.common import to_cursor, whole_cursor
from miniprogram_api.models.load import LoadOut, LoadWish, load_out
from miniprogram_api.models.readings import ReadingsOut, ReadingsWish, readings_out
from miniprogram_api.models.tenant import (
    BalanceOut,
    DisputeWish,
    EntryOut,
    ExplanationOut,
    FollowSupplyWish,
    HistoryOut,
    HistoryWish,
    StatementLineOut,
    StatementOut,
    StatementWish,
    SuppliesOut,
    SupplyOut,
    SupplyProgressOut,
    TicketOut,
    UsageOut,
    UsageWish,
    balance_of,
    explained,
    step_of,
    supply_of,
)
from prepaid.domain.ledger import Entry
from prepaid.usecases.confirm_safe import confirm_safe
from prepaid.usecases.dispute_entry import dispute_line
from prepaid.usecases.explain import explain
from prepaid.usecases.follow_supply import follow_supply
from prepaid.usecases.show_balance import show_balance
from prepaid.usecases.show_history import show_history
from prepaid.usecases.show_load import show_load
from prepaid.usecases.show_readings import show_readings
from prepaid.usecases.show_statement import show_statement
from prepaid.usecases.show_usage import show_usage
from prepaid.usecases.show_usage_by import MonthlyUsage, show_usage_by_day, show_usage_by_month
from prepaid.usecases.take_emergency_credit import take_emergency_credit
from prepaid.usecases.views import SupplyView, UsageView

SEQ_MOST = 2**53


def supplies_of(ask: Ask, views: Sequence[SupplyView]) -> list[SupplyOut]:
    """Supplies with their reasons in words."""
    return [supply_of(view, ask.parts.words.text(ask.language, view.reason)) for view in views]


async def _balance(ask: Ask) -> BalanceOut:
    view = await show_balance(ask.business, ask.actor, ask.path["account_id"])
    return balance_of(view, supplies_of(ask, view.supplies))


async def _supply(ask: Ask) -> SupplyProgressOut:
    wish = ask.query(FollowSupplyWish)
    found = await follow_supply(
        ask.business,
        ask.actor,
        ask.path["account_id"],
        seen=wish.seen,
        wait_s=wish.wait_s,
        stopping=ask.parts.stopping,
    )
    return SupplyProgressOut(way=found.way, supplies=supplies_of(ask, found.supplies))


async def _usage(ask: Ask) -> UsageOut:
    wish, account_id = ask.query(UsageWish), ask.path["account_id"]
    view: MonthlyUsage | UsageView
    if wish.step == "month":
        view = by_month = await show_usage_by_month(
            ask.business, ask.actor, account_id, months=wish.count, utility=wish.utility
        )
        steps = by_month.months
    else:
        view = found = await (
            show_usage_by_day(ask.business, ask.actor, account_id, days=wish.count, utility=wish.utility)
            if wish.step == "day"
            else show_usage(ask.business, ask.actor, account_id, hours=wish.count, utility=wish.utility)
        )
        steps = found.hours
    return UsageOut(
        account_id=account_id,
        label=view.label,
        step=wish.step,
        time_zone=view.site_time_zone,
        since=view.since,
        until=view.until,
        utility=view.utility,
        utilities=list(view.utilities),
        total_wh=sum(step.energy_wh for step in steps),
        total_micro=sum(step.amount_micro for step in steps),
        steps=[step_of(step) for step in steps],
    )


async def _load(ask: Ask) -> LoadOut:
    days = ask.query(LoadWish).days
    return load_out(await show_load(ask.business, ask.actor, ask.path["account_id"], days=days))


async def _readings(ask: Ask) -> ReadingsOut:
    days = ask.query(ReadingsWish).days
    return readings_out(await show_readings(ask.business, ask.actor, ask.path["account_id"], days=days))


async def _history(ask: Ask) -> HistoryOut:
    wish = ask.query(HistoryWish)
    before = whole_cursor(wish.cursor, SEQ_MOST)
    found = await show_history(ask.business, ask.actor, ask.path["account_id"], limit=wish.limit, before_seq=before)
    entries = [entry_said(ask, entry) for entry in found]
    more = bool(entries) and entries[-1].seq > 1
    return HistoryOut(entries=entries, next=to_cursor(str(entries[-1].seq)) if more else None)


async def _explain(ask: Ask) -> ExplanationOut:
    return explained(await explain(ask.business, ask.actor, ask.path["account_id"], seq_of(ask)))


async def _statement(ask: Ask) -> StatementOut:
    """Totals are of the whole month, so all of it is read; of the lines one page is kept."""
    wish = ask.query(StatementWish)
    after = whole_cursor(wish.cursor, SEQ_MOST) or 0
    view = await show_statement(ask.business, ask.actor, ask.path["account_id"], month=wish.month)
    kept: list[StatementLineOut] = []
    async for page in view.pages:
        wanted = [line for line in page if line.seq > after][: wish.limit + 1 - len(kept)]
        kept += [StatementLineOut(**line._asdict()) for line in wanted]
    lines = kept[: wish.limit]
    return StatementOut(
        account_id=view.account_id,
        label=view.label,
        currency=view.currency,
        time_zone=view.site_time_zone,
        since=view.since,
        until=view.until,
        opening_micro=view.opening_micro,
        closing_micro=view.closing_micro,
        entries=view.entries,
        amount_by_kind_micro=dict(view.totals.amount_micro),
        energy_by_band_wh=dict(view.totals.energy_wh),
        lines=lines,
        next=to_cursor(str(lines[-1].seq)) if len(kept) > len(lines) else None,
    )


async def _safe(ask: Ask) -> SuppliesOut:
    views = await confirm_safe(ask.business, ask.actor, ask.path["account_id"])
    return SuppliesOut(supplies=supplies_of(ask, views))


async def _emergency(ask: Ask) -> SuppliesOut:
    views = await take_emergency_credit(ask.business, ask.actor, ask.path["account_id"])
    return SuppliesOut(supplies=supplies_of(ask, views))


async def _dispute(ask: Ask) -> TicketOut:
    wish = ask.body(DisputeWish)
    ticket = await dispute_line(ask.business, ask.actor, ask.path["account_id"], wish.seq, why=wish.why)
    return TicketOut(
        ticket_id=ticket.id,
        account_id=ticket.account_id,
        amount_micro=ticket.amount_micro,
        state=ticket.state,
        opened_at=ticket.opened_at,
        why=ticket.why,
        answer=ticket.answer,
    )


def entry_said(ask: Ask, entry: Entry) -> EntryOut:
    """An entry, its kind in the words of the request's language."""
    return EntryOut(
        seq=entry.seq,
        at=entry.at,
        kind=entry.kind,
        words=ask.parts.words.text(ask.language, f"entry.{entry.kind}"),
        amount_micro=entry.delta_micro,
        balance_micro=entry.balance_micro,
    )


def seq_of(ask: Ask) -> int:
    """The entry's place in the path; what is none stands for an entry that is not there."""
    text = ask.path["seq"]
    return int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(SEQ_MOST)) else 0


ROUTES = (
    Route(
        method="GET",
        path="/accounts/{account_id}/balance",
        name="getBalance",
        summary="Balance, what it buys, and whether the power is on",
        tag="accounts",
        handle=_balance,
        answers=BalanceOut,
    ),
    Route(
        method="GET",
        path="/accounts/{account_id}/supply",
        name="followSupply",
        summary="How far the supplies are on the way to what is wanted; waits for news if asked to",
        tag="accounts",
        handle=_supply,
        query=FollowSupplyWish,
        answers=SupplyProgressOut,
        waits_s=30.0,
    ),
    Route(
        method="GET",
        path="/accounts/{account_id}/usage",
        name="getUsage",
        summary="Use by hour, day or month",
        tag="accounts",
        handle=_usage,
        query=UsageWish,
        answers=UsageOut,
        volatile=frozenset({"until"}),
    ),
    Route(
        method="GET",
        path="/accounts/{account_id}/load",
        name="getLoad",
        summary="What runs at night and at rest, and hours unlike the others",
        tag="accounts",
        handle=_load,
        query=LoadWish,
        answers=LoadOut,
    ),
    Route(
        method="GET",
        path="/accounts/{account_id}/readings",
        name="getReadings",
        summary="What the meters show now, and showed at the last midnights",
        tag="accounts",
        handle=_readings,
        query=ReadingsWish,
        answers=ReadingsOut,
    ),
    Route(
        method="GET",
        path="/accounts/{account_id}/entries",
        name="listEntries",
        summary="Movements of money, newest first",
        tag="accounts",
        handle=_history,
        query=HistoryWish,
        answers=HistoryOut,
    ),
    Route(
        method="GET",
        path="/accounts/{account_id}/entries/{seq}",
        name="explainEntry",
        summary="Why an entry is what it is",
        tag="accounts",
        handle=_explain,
        answers=ExplanationOut,
        volatile=frozenset(),
    ),
    Route(
        method="GET",
        path="/accounts/{account_id}/statement",
        name="getStatement",
        summary="The statement of a month",
        tag="accounts",
        handle=_statement,
        query=StatementWish,
        answers=StatementOut,
        volatile=frozenset({"until"}),
    ),
    Route(
        method="POST",
        path="/accounts/{account_id}/emergency-credit",
        name="takeEmergencyCredit",
        summary="Take emergency credit",
        tag="accounts",
        handle=_emergency,
        answers=SuppliesOut,
        money=True,
    ),
    Route(
        method="POST",
        path="/accounts/{account_id}/safe",
        name="confirmSafe",
        summary="Say that appliances are off, so that a supply which waits for it comes back",
        tag="accounts",
        handle=_safe,
        answers=SuppliesOut,
    ),
    Route(
        method="POST",
        path="/accounts/{account_id}/disputes",
        name="disputeEntry",
        summary="Say that an entry is wrong",
        tag="accounts",
        handle=_dispute,
        body=DisputeWish,
        answers=TicketOut,
    ),
)
