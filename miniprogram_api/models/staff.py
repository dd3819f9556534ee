"""What staff see and ask: sites, meters, accounts, supplies, approvals, the trail."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from pydantic import AwareDatetime, Field

from miniprogram_api.models.common import Account, Cursor, Given, Micro, Next, Shown, instant_cursor
from prepaid.domain.approvals import Approval
from prepaid.ports import AuditRecord
from prepaid.usecases.inspect_places import AccountFacts, MeterFacts
from prepaid.usecases.views import AccountRow, SiteView


class RowOut(Shown):
    """One account in the overview."""

    account_id: Account
    label: str
    balance_micro: Micro
    on: bool | None
    wanted_on: bool
    outcome: str
    hold: str | None
    silent: bool


class SiteOut(Shown):
    """One site as far as one's roles reach."""

    site_id: str
    name: str
    on: int
    off: int
    silent: int
    arrears_micro: Micro
    rows: list[RowOut]


class OverviewOut(Shown):
    """Everything within reach."""

    sites: list[SiteOut]


class SiteLine(Shown):
    """One site."""

    site_id: str
    name: str
    path: str
    time_zone: str
    currency: str


class SitesOut(Shown):
    """Sites within reach, by path."""

    sites: list[SiteLine]


class PageWish(Given):
    """A page of a list."""

    limit: int = Field(default=50, ge=1, le=100)
    cursor: Cursor


class AccountFactsOut(Shown):
    """One account in a list for staff."""

    account_id: Account
    label: str
    site_id: str
    path: str
    status: str
    balance_micro: Micro


class AccountFactsPage(Shown):
    """Accounts by path."""

    accounts: list[AccountFactsOut]
    next: Next


class MeterOut(Shown):
    """One meter. Readings are what the register said last."""

    meter_id: str
    account_id: str | None
    label: str
    path: str
    gateway_id: str
    unit: int
    profile: str
    utility: str
    serial: str | None
    silent_since: datetime | None
    doubt: str | None
    read_at: datetime | None
    energy_wh: int | None
    power_w: int | None
    on: bool | None
    wanted_on: bool | None


class MetersPage(Shown):
    """Meters, account by account; `limit` counts accounts."""

    meters: list[MeterOut]
    next: Next


class SupplyWish(Given):
    """What is to be done to every supply of an account, and why."""

    action: Literal["cut", "restore", "protect", "release", "lock", "unlock"] = Field(
        description="cut and restore by hand; protect from being cut and release; lock for maintenance and unlock"
    )
    reason: str = Field(min_length=1, max_length=200, examples=["a leak"])
    until: AwareDatetime | None = Field(default=None, description="For protect and lock; null: until it is ended")


class ForceWish(Given):
    """Why a supply that is protected is to be cut off all the same."""

    reason: str = Field(min_length=1, max_length=200, examples=["a leak"])


class ApprovalOut(Shown):
    """A request for a second person's word. `content` is exactly what is agreed to, `digest` what names it."""

    approval_id: str
    effect: str
    path: str
    account_id: str | None
    content: str
    digest: str
    reason: str
    asked_by: str
    asked_at: datetime
    expires_at: datetime
    state: str
    outcome: str
    due_at: datetime | None
    """Until then what two persons agreed to can be taken back with `decline`."""


class ApprovalsOut(Shown):
    """Live requests that one could agree to or has asked for, and those that can still be taken back."""

    approvals: list[ApprovalOut]


class ApproveWish(Given):
    """The digest of the content that was read: another content has another."""

    digest: str = Field(pattern=r"^[0-9a-f]{64}$", examples=["5f" * 32])


class DeclineWish(Given):
    """Why not."""

    why: str = Field(min_length=1, max_length=200, examples=["not this month"])


class TrailWish(Given):
    """A page of records."""

    limit: int = Field(default=50, ge=1, le=100)
    cursor: Cursor


class AuditWish(Given):
    """A place, and a page of its records."""

    path: str = Field(min_length=1, max_length=300, examples=["acme/maple"])
    limit: int = Field(default=50, ge=1, le=100)
    cursor: Cursor


class RecordOut(Shown):
    """One line of the trail."""

    at: datetime
    actor: str
    action: str
    subject: str
    reason: str
    before: str
    after: str
    refused: str
    done: bool


class AuditPage(Shown):
    """Records about a place and all in it, or about an account, newest first."""

    records: list[RecordOut]
    next: Next


def site_of(view: SiteView) -> SiteOut:
    """One site of the overview."""
    return SiteOut(
        site_id=view.site_id,
        name=view.name,
        on=view.on,
        off=view.off,
        silent=view.silent,
        arrears_micro=view.arrears_micro,
        rows=[_row(row) for row in view.rows],
    )


def _row(row: AccountRow) -> RowOut:
    return RowOut.model_validate(row, from_attributes=True)


def account_facts(facts: AccountFacts) -> AccountFactsOut:
    """One account."""
    return AccountFactsOut(
        account_id=facts.line.account_id,
        label=facts.line.label,
        site_id=facts.site_id,
        path=facts.path,
        status=facts.status,
        balance_micro=facts.line.balance_micro,
    )


def meter_out(facts: MeterFacts) -> MeterOut:
    """One meter."""
    meter, last, supply = facts.meter, facts.meter.last, facts.supply
    return MeterOut(
        meter_id=meter.id,
        account_id=meter.account_id,
        label=facts.label,
        path=meter.path,
        gateway_id=meter.gateway_id,
        unit=meter.unit,
        profile=meter.profile,
        utility=meter.utility,
        serial=meter.serial,
        silent_since=meter.silent_since,
        doubt=meter.doubt,
        read_at=last.at if last else None,
        energy_wh=last.energy_wh if last else None,
        power_w=last.power_w if last else None,
        on=supply.on if supply else None,
        wanted_on=supply.wanted_on if supply else None,
    )


def approval_out(approval: Approval) -> ApprovalOut:
    """One approval."""
    return ApprovalOut(
        approval_id=approval.id,
        effect=approval.effect,
        path=approval.path,
        account_id=approval.account_id,
        content=approval.content,
        digest=approval.digest,
        reason=approval.reason,
        asked_by=approval.asked_by,
        asked_at=approval.asked_at,
        expires_at=approval.expires_at,
        state=approval.state,
        outcome=approval.outcome,
        due_at=approval.due_at,
    )


def record_out(record: AuditRecord) -> RecordOut:
    """One record."""
    return RecordOut.model_validate(record, from_attributes=True)


def audit_page(found: Sequence[AuditRecord], limit: int, until: datetime | None, skip: int) -> AuditPage:
    """A page of the trail, which began at the instant `until` behind `skip` records of it."""
    more = len(found) == limit
    following = instant_cursor([each.at for each in found], until, skip) if more else None
    return AuditPage(records=[record_out(each) for each in found], next=following)
