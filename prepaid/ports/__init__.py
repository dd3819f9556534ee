"""What the business needs of the world: one Protocol each. Adapters implement them; tests use real ones or small fakes.

Times are aware UTC, money is micro-yuan unless the name says fen, energy is Wh. Stores raise
`TryAgain("try_again.store")` when the database cannot be reached and `Unknown` when a write may have landed.
"""

from prepaid.ports.business import Business, Store
from prepaid.ports.field_requests import FieldRequests
from prepaid.ports.leases import Lease, Leases
from prepaid.ports.lists import ListReader
from prepaid.ports.logins import KeptReply, Logins, Replies
from prepaid.ports.money import (
    BillingProvider,
    FindingProvider,
    Inbox,
    InboxRow,
    Ledger,
    LedgerColumns,
    LedgerSpan,
    Orders,
    PaymentProvider,
)
from prepaid.ports.office import (
    Approvals,
    Closings,
    Receipts,
    RefundingProvider,
    RefundPace,
    Refunds,
    StaffRequests,
    TicketFiles,
    Tickets,
)
from prepaid.ports.pace import SharedWindows
from prepaid.ports.people import (
    Accepted,
    AddressKeeper,
    AuditRecord,
    AuditTrail,
    LaneHold,
    Notices,
    Outcome,
    People,
    Quotas,
    ReceiptingSender,
    Sender,
    Sessions,
)
from prepaid.ports.places import Meters, Readings, Registers, Sites, Supplies
from prepaid.ports.reconcile import MoneyTickets, PayLinks, Runs
from prepaid.ports.time import Clock
from prepaid.ports.wakeups import (
    TOPIC_INBOX,
    TOPIC_OUTBOX,
    TOPIC_STAFF,
    TOPIC_WORKERS,
    Waiter,
    Wakeups,
    topic_field,
    topic_gateway,
    topic_order,
    topic_site,
)

__all__ = [
    "TOPIC_INBOX",
    "TOPIC_OUTBOX",
    "TOPIC_STAFF",
    "TOPIC_WORKERS",
    "Accepted",
    "AddressKeeper",
    "Approvals",
    "AuditRecord",
    "AuditTrail",
    "BillingProvider",
    "Business",
    "Clock",
    "Closings",
    "FieldRequests",
    "FindingProvider",
    "Inbox",
    "InboxRow",
    "KeptReply",
    "LaneHold",
    "Lease",
    "Leases",
    "Ledger",
    "LedgerColumns",
    "LedgerSpan",
    "ListReader",
    "Logins",
    "Meters",
    "MoneyTickets",
    "Notices",
    "Orders",
    "Outcome",
    "PayLinks",
    "PaymentProvider",
    "People",
    "Quotas",
    "Readings",
    "ReceiptingSender",
    "Receipts",
    "RefundPace",
    "RefundingProvider",
    "Refunds",
    "Registers",
    "Replies",
    "Runs",
    "Sender",
    "Sessions",
    "SharedWindows",
    "Sites",
    "StaffRequests",
    "Store",
    "Supplies",
    "TicketFiles",
    "Tickets",
    "Waiter",
    "Wakeups",
    "topic_field",
    "topic_gateway",
    "topic_order",
    "topic_site",
]
