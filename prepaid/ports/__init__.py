"""What the business needs of the world: one Protocol each. Adapters implement them; tests use real ones or small fakes.

Times are aware UTC, money is micro-yuan unless the name says fen, energy is Wh. Stores raise
`TryAgain("try_again.store")` when the database cannot be reached and `Unknown` when a write may have landed.
"""

from prepaid.ports.business import Business, Store
from prepaid.ports.leases import Lease, Leases
from prepaid.ports.money import Inbox, InboxRow, Ledger, Orders, PaymentProvider
from prepaid.ports.people import AuditRecord, AuditTrail, Notices, People, Sender, Sessions
from prepaid.ports.places import Meters, Readings, Sites, Supplies
from prepaid.ports.time import Clock
from prepaid.ports.wakeups import TOPIC_INBOX, TOPIC_OUTBOX, Waiter, Wakeups, topic_gateway

__all__ = [
    "TOPIC_INBOX",
    "TOPIC_OUTBOX",
    "AuditRecord",
    "AuditTrail",
    "Business",
    "Clock",
    "Inbox",
    "InboxRow",
    "Lease",
    "Leases",
    "Ledger",
    "Meters",
    "Notices",
    "Orders",
    "PaymentProvider",
    "People",
    "Readings",
    "Sender",
    "Sessions",
    "Sites",
    "Store",
    "Supplies",
    "Waiter",
    "Wakeups",
    "topic_gateway",
]
