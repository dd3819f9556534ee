"""Everything together: what a use case is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from prepaid.domain.clock_trust import ClockTrust
from prepaid.ports.announcements import Announcements
from prepaid.ports.field_requests import FieldRequests
from prepaid.ports.leases import Leases
from prepaid.ports.lists import ListReader
from prepaid.ports.logins import Logins, Replies
from prepaid.ports.money import Inbox, Ledger, Orders, PaymentProvider
from prepaid.ports.office import Approvals, Closings, Receipts, Refunds, StaffRequests, TicketFiles, Tickets
from prepaid.ports.outages import Outages
from prepaid.ports.panorama import Panorama
from prepaid.ports.people import AddressKeeper, AuditTrail, Notices, People, Quotas
from prepaid.ports.places import Meters, Readings, Registers, Sites, Supplies
from prepaid.ports.reconcile import MoneyTickets, PayLinks, Runs
from prepaid.ports.schedule import Forecasts, JobRuns, MailOuts, Snapshots
from prepaid.ports.time import Clock
from prepaid.ports.wakeups import Wakeups


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """Everything that is kept."""

    ledger: Ledger
    sites: Sites
    meters: Meters
    readings: Readings
    registers: Registers
    supplies: Supplies
    orders: Orders
    inbox: Inbox
    notices: Notices
    people: People
    audit: AuditTrail
    leases: Leases
    approvals: Approvals
    receipts: Receipts
    refunds: Refunds
    closings: Closings
    tickets: Tickets
    ticket_files: TicketFiles
    money_tickets: MoneyTickets
    staff_requests: StaffRequests
    runs: Runs
    pay_links: PayLinks
    job_runs: JobRuns
    snapshots: Snapshots
    forecasts: Forecasts
    mail_outs: MailOuts
    field_requests: FieldRequests
    logins: Logins
    replies: Replies
    quotas: Quotas
    panorama: Panorama
    announcements: Announcements
    outages: Outages


@dataclass(frozen=True, slots=True, kw_only=True)
class Business:
    """What every use case is given."""

    store: Store
    clock: Clock
    wakeups: Wakeups
    providers: Mapping[str, PaymentProvider]
    trust: ClockTrust | None = None
    """Doubts the wall clock after a jump (Y4); None where time is not real."""
    fees_ppm: Mapping[str, int] = field(default_factory=dict)
    """The fee agreed with each provider, in millionths; bills are held against it where it is known."""
    link_key: bytes = b""
    """Seals pay-for-me links; empty: there are none."""
    api_key: bytes = b""
    """Seals the tokens of logins; empty: nobody can log in."""
    lists: ListReader | None = None
    """Reads lists that people send; None: no list can be sent."""
    contacts: Mapping[str, AddressKeeper] = field(default_factory=dict)
    """The channels that people may add addresses of, by name."""
