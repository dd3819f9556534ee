"""All collections behind one `Store`, and their migration."""

from __future__ import annotations

from prepaid.ports import Clock, Store
from prepaid.storage.approvals import MongoApprovals
from prepaid.storage.driver import Database
from prepaid.storage.inbox import MongoInbox
from prepaid.storage.leases import MongoLeases
from prepaid.storage.ledger import MongoLedger
from prepaid.storage.meters import MongoMeters
from prepaid.storage.migrations import migrate
from prepaid.storage.notices import MongoNotices
from prepaid.storage.office import MongoClosings, MongoReceipts, MongoRefunds, MongoTickets
from prepaid.storage.orders import MongoOrders
from prepaid.storage.people import MongoPeople
from prepaid.storage.readings import MongoReadings
from prepaid.storage.registers import MongoRegisters
from prepaid.storage.sites import MongoSites
from prepaid.storage.supplies import MongoSupplies
from prepaid.storage.trail import MongoAuditTrail


async def open_store(database: Database, clock: Clock) -> Store:
    """The store, with every collection and index in place. Safe to run again, by any number of processes."""
    ledger, leases = MongoLedger(database, clock), MongoLeases(database, clock)
    sites, meters, readings = MongoSites(database), MongoMeters(database), MongoReadings(database)
    supplies, orders, inbox = MongoSupplies(database), MongoOrders(database, clock), MongoInbox(database)
    registers = MongoRegisters(database)
    notices, people, audit = MongoNotices(database, clock), MongoPeople(database), MongoAuditTrail(database, clock)
    for each in (ledger, leases, sites, meters, readings, registers, supplies, orders, inbox, notices, people, audit):
        await each.migrate()
    approvals, receipts, refunds = MongoApprovals(database), MongoReceipts(database), MongoRefunds(database)
    closings, tickets = MongoClosings(database), MongoTickets(database)
    for row in (approvals, receipts, refunds, closings, tickets):
        await row.migrate()
    await migrate(database, clock.now())
    return Store(
        ledger=ledger,
        sites=sites,
        meters=meters,
        readings=readings,
        registers=registers,
        supplies=supplies,
        orders=orders,
        inbox=inbox,
        notices=notices,
        people=people,
        audit=audit,
        leases=leases,
        approvals=approvals,
        receipts=receipts,
        refunds=refunds,
        closings=closings,
        tickets=tickets,
    )
