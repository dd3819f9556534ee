"""All collections behind one `Store`, and their migration."""

from __future__ import annotations

import asyncio
from dataclasses import fields
from typing import Protocol, cast

from prepaid.ports import Clock, Store
from prepaid.storage.announcements import MongoAnnouncements
from prepaid.storage.approvals import MongoApprovals
from prepaid.storage.driver import Database
from prepaid.storage.field_requests import MongoFieldRequests
from prepaid.storage.forecasts import MongoForecasts
from prepaid.storage.inbox import MongoInbox
from prepaid.storage.leases import MongoLeases
from prepaid.storage.ledger import MongoLedger
from prepaid.storage.logins import MongoLogins, MongoReplies
from prepaid.storage.mail_outs import MongoMailOuts
from prepaid.storage.meters import MongoMeters
from prepaid.storage.migrations import migrate
from prepaid.storage.notices import MongoNotices
from prepaid.storage.office import MongoClosings, MongoReceipts, MongoRefunds, MongoTickets
from prepaid.storage.orders import MongoOrders
from prepaid.storage.outages import MongoOutages
from prepaid.storage.panorama import MongoPanorama
from prepaid.storage.people import MongoPeople
from prepaid.storage.quotas import MongoQuotas
from prepaid.storage.readings import MongoReadings
from prepaid.storage.reconcile import MongoMoneyTickets, MongoPayLinks, MongoRuns
from prepaid.storage.registers import MongoRegisters
from prepaid.storage.schedule import MongoJobRuns
from prepaid.storage.sites import MongoSites
from prepaid.storage.snapshots import MongoSnapshots
from prepaid.storage.staff_requests import MongoStaffRequests
from prepaid.storage.supplies import MongoSupplies
from prepaid.storage.ticket_files import MongoTicketFiles
from prepaid.storage.trail import MongoAuditTrail


async def open_store(database: Database, clock: Clock) -> Store:
    """The store, with every collection and index in place. Safe to run again, by any number of processes."""
    store = store_over(database, clock)
    ports = [cast("_Migrates", getattr(store, each.name)) for each in fields(store)]
    await asyncio.gather(*(port.migrate() for port in ports))
    await migrate(database, clock.now())
    return store


def store_over(database: Database, clock: Clock) -> Store:
    """The store over a database whose collections are there already."""
    return Store(
        ledger=MongoLedger(database, clock),
        sites=MongoSites(database),
        meters=MongoMeters(database),
        readings=MongoReadings(database),
        registers=MongoRegisters(database),
        supplies=MongoSupplies(database),
        orders=MongoOrders(database, clock),
        inbox=MongoInbox(database),
        notices=MongoNotices(database, clock),
        people=MongoPeople(database),
        audit=MongoAuditTrail(database, clock),
        leases=MongoLeases(database, clock),
        approvals=MongoApprovals(database),
        receipts=MongoReceipts(database),
        refunds=MongoRefunds(database),
        closings=MongoClosings(database),
        tickets=MongoTickets(database),
        ticket_files=MongoTicketFiles(database),
        money_tickets=MongoMoneyTickets(database),
        staff_requests=MongoStaffRequests(database),
        runs=MongoRuns(database),
        pay_links=MongoPayLinks(database),
        job_runs=MongoJobRuns(database, clock),
        snapshots=MongoSnapshots(database),
        forecasts=MongoForecasts(database),
        mail_outs=MongoMailOuts(database),
        field_requests=MongoFieldRequests(database),
        logins=MongoLogins(database),
        replies=MongoReplies(database),
        quotas=MongoQuotas(database),
        panorama=MongoPanorama(database),
        announcements=MongoAnnouncements(database),
        outages=MongoOutages(database),
    )


class _Migrates(Protocol):
    async def migrate(self) -> None: ...
