"""What a tenant sees: themselves, accounts, balance, use, and why it costs what it costs."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import Field

from miniprogram_api.models.common import Account, Cursor, Given, Micro, Next, Shown, Whole
from prepaid.domain.metering import Usage
from prepaid.domain.tariffs import Utility
from prepaid.usecases.explain import ExplainedLine, Explanation
from prepaid.usecases.show_usage import MOST_HOURS
from prepaid.usecases.show_usage_by import MOST_DAYS, MOST_MONTHS
from prepaid.usecases.views import AccountLine, BalanceView, SupplyView

SPANS = f"Up to {MOST_HOURS} hours, {MOST_DAYS} days or {MOST_MONTHS} months"


class AccountOut(Shown):
    """One account, and what is on it."""

    account_id: Account
    label: str = Field(description="The room as people call it", examples=["101"])
    balance_micro: Micro


class Me(Shown):
    """Whoever is logged in."""

    person_id: str
    language: Literal["zh", "en"]
    is_staff: bool
    roles: list[str] = Field(description="Role and place, such as operator:acme/maple")
    accounts: list[AccountOut]


class LanguageChoice(Given):
    """What the person is spoken to in."""

    language: Literal["zh", "en"]


class BindWish(Given):
    """The one-time code that the staff handed out."""

    code: str = Field(min_length=1, max_length=32, examples=["7K2MQ4XA"])


class BoundOut(Shown):
    """What a code was good for: an account, or a role on the staff."""

    account: AccountOut | None
    role: str | None = Field(description="Role and place, such as operator:acme/maple")


class AccountsOut(Shown):
    """The accounts that the person is bound to."""

    accounts: list[AccountOut]


class SupplyOut(Shown):
    """One supply. `on` is what the relay last said; null: not known."""

    meter_id: str
    on: bool | None
    wanted_on: bool
    outcome: str = Field(description="confirmed, pending, unconfirmed or waiting")
    reason: str = Field(description="In words")
    hold: str | None = Field(description="on: protected; off: locked for maintenance")
    silent: bool = Field(description="The meter does not answer")
    reported_at: datetime | None


class DaysLeftOut(Shown):
    """Whole days by what was spent lately; in eight of ten cases credit ends from `least` to `most`."""

    days: int
    least: int
    most: int
    ends_at: datetime | None = Field(description="Null for credit that lasts longer than 90 days")


class TopUpHintOut(Shown):
    """So much more takes the account through the coming days off."""

    amount_micro: Micro
    first_day: date
    last_day: date


class BalanceOut(Shown):
    """The balance at an instant, and what it buys."""

    account_id: Account
    label: str
    balance_micro: Micro
    at: datetime
    low: bool
    price_micro_per_kwh: Micro
    hours_left: int | None = Field(description="At the power drawn now; null while too little is known")
    days_left: DaysLeftOut | None = Field(description="By recent use; null while too little is known")
    hint: TopUpHintOut | None = Field(description="Null where no days off are near, or credit lasts through them")
    spared_until: datetime | None = Field(description="Credit is gone, but nothing is cut off before then")
    time_zone: str
    supplies: list[SupplyOut]
    wallets: list[AccountOut] = Field(description="The other wallets of the tenancy")


class UsageWish(Given):
    """A span: so many of the last hours, days or months, the running one included."""

    step: Literal["hour", "day", "month"] = "hour"
    count: int = Field(default=24, ge=1, le=MOST_HOURS, description=SPANS)
    utility: Utility | None = Field(
        default=None, description="By default the first that the account pays for, electricity before water"
    )


class UsageStep(Shown):
    """One hour, day or month."""

    start: datetime
    energy_wh: int = Field(description="Wh, or litres of water")
    amount_micro: Micro


class UsageOut(Shown):
    """Use of one utility over time, oldest first. What nobody read is left out. Wh and litres are never added up."""

    account_id: Account
    label: str
    step: Literal["hour", "day", "month"]
    time_zone: str
    since: datetime
    until: datetime
    utility: Utility = Field(description="What is shown here")
    utilities: list[Utility] = Field(description="Everything that the account pays for")
    total_wh: int = Field(description="Wh, or litres of water")
    total_micro: Micro
    steps: list[UsageStep]


class HistoryWish(Given):
    """A page of entries, newest first."""

    limit: int = Field(default=20, ge=1, le=100)
    cursor: Cursor


class EntryOut(Shown):
    """One movement of money."""

    seq: int = Field(description="Its place in the account's chain: 1, 2, 3 ...")
    at: datetime
    kind: str = Field(examples=["top_up"])
    words: str = Field(description="Its kind in words")
    amount_micro: Micro
    balance_micro: Micro = Field(description="After it")


class HistoryOut(Shown):
    """Entries, newest first."""

    entries: list[EntryOut]
    next: Next


class StatementWish(Given):
    """A local month, by default the running one, and a page of its lines."""

    month: str | None = Field(default=None, pattern=r"^\d{4}-\d{2}$", examples=["2026-11"])
    limit: int = Field(default=100, ge=1, le=500)
    cursor: Cursor


class StatementLineOut(Shown):
    """One line of a statement."""

    seq: int
    at: datetime
    kind: str
    amount_micro: Micro
    balance_micro: Micro
    energy_wh: int = Field(description="Wh, or litres of water")
    utility: Utility = Field(description="What `energy_wh` counts")


class StatementOut(Shown):
    """A statement; both balances and the totals are of the whole month, the lines of this page."""

    account_id: Account
    label: str
    currency: str
    time_zone: str
    since: datetime
    until: datetime
    opening_micro: Micro
    closing_micro: Micro
    entries: int
    amount_by_kind_micro: dict[str, int]
    energy_by_band_wh: dict[str, int] = Field(description="Wh by price band; under `water` litres")
    lines: list[StatementLineOut]
    next: Next


class PostingOut(Shown):
    """One side of the entry in the ledger."""

    account: str
    amount_micro: Micro


class ExplainedLineOut(Shown):
    """Energy at one price. `exact_nano` is their product, unrounded, in thousandths of a micro-yuan."""

    kind: Literal["use", "free", "sewage"]
    since: datetime
    until: datetime
    from_wh: int
    to_wh: int
    band: str
    block: int
    price_micro: Micro
    exact_nano: int
    tariff: str


class ExplanationOut(Shown):
    """Why an entry is what it is: the lines and what was carried add up to the amount exactly."""

    account_id: Account
    seq: int
    kind: str
    at: datetime
    amount_micro: Micro
    meter_id: str | None
    since: datetime | None
    until: datetime | None
    from_wh: int
    to_wh: int
    brought_nano: int
    carried_nano: int
    lines: list[ExplainedLineOut]
    postings: list[PostingOut]
    read_every_s: int | None = Field(description="How often the meter is read now; null where it is not the account's")
    overshoot_micro: Micro | None = Field(description="The most that is used beyond zero before that is seen")


class DisputeWish(Given):
    """An entry that is held to be wrong, and why."""

    seq: Whole = Field(ge=1, le=2**53, examples=[17])
    why: str = Field(min_length=1, max_length=500, examples=["I was away that week"])


class TicketOut(Shown):
    """A dispute."""

    ticket_id: str
    account_id: Account
    amount_micro: Micro
    state: str
    opened_at: datetime
    why: str
    answer: str


class FollowSupplyWish(Given):
    """The `way` that the caller has seen; the answer waits until there is another, at most `wait_s`."""

    seen: str | None = Field(default=None, max_length=20, examples=["switching"])
    wait_s: int = Field(default=0, ge=0, le=25)


class SupplyProgressOut(Shown):
    """How far the supplies are on the way to what is wanted. `unconfirmed`: nobody knows, and the staff is told."""

    way: str = Field(description="unconfirmed, switching, waiting (for a button at the meter) or as_wanted")
    supplies: list[SupplyOut]


class SuppliesOut(Shown):
    """The supplies as they are now."""

    supplies: list[SupplyOut]


def account_of(line: AccountLine) -> AccountOut:
    """One account."""
    return AccountOut(account_id=line.account_id, label=line.label, balance_micro=line.balance_micro)


def supply_of(view: SupplyView, reason: str) -> SupplyOut:
    """One supply, its reason in words."""
    return SupplyOut(
        meter_id=view.meter_id,
        on=view.on,
        wanted_on=view.wanted_on,
        outcome=view.outcome,
        reason=reason,
        hold=view.hold,
        silent=view.silent,
        reported_at=view.at,
    )


def balance_of(view: BalanceView, supplies: list[SupplyOut]) -> BalanceOut:
    """A balance."""
    return BalanceOut(
        account_id=view.account_id,
        label=view.label,
        balance_micro=view.balance_micro,
        at=view.at,
        low=view.low,
        price_micro_per_kwh=view.price_micro_per_kwh,
        hours_left=view.hours_left,
        days_left=_days_left(view),
        hint=_hint(view),
        spared_until=view.spared_until,
        time_zone=view.site_time_zone,
        supplies=supplies,
        wallets=[account_of(line) for line in view.wallets],
    )


def _days_left(view: BalanceView) -> DaysLeftOut | None:
    left = view.days_left
    if left is None:
        return None
    return DaysLeftOut(days=left.days, least=left.least, most=left.most, ends_at=left.ends_at)


def _hint(view: BalanceView) -> TopUpHintOut | None:
    hint = view.hint
    if hint is None:
        return None
    return TopUpHintOut(amount_micro=hint.amount_micro, first_day=hint.first_day, last_day=hint.last_day)


def step_of(usage: Usage) -> UsageStep:
    """One step of use."""
    return UsageStep(start=usage.start, energy_wh=usage.energy_wh, amount_micro=usage.amount_micro)


def explained(view: Explanation) -> ExplanationOut:
    """An explanation."""
    return ExplanationOut(
        account_id=view.account_id,
        seq=view.seq,
        kind=view.kind,
        at=view.at,
        amount_micro=view.amount_micro,
        meter_id=view.meter_id,
        since=view.since,
        until=view.until,
        from_wh=view.from_wh,
        to_wh=view.to_wh,
        brought_nano=view.brought_nano,
        carried_nano=view.carried_nano,
        lines=[_line(line) for line in view.lines],
        postings=[PostingOut(account=line.account, amount_micro=line.amount_micro) for line in view.postings],
        read_every_s=view.pace.every_s if view.pace else None,
        overshoot_micro=view.pace.overshoot_micro if view.pace else None,
    )


def _line(line: ExplainedLine) -> ExplainedLineOut:
    return ExplainedLineOut.model_validate(line, from_attributes=True)
