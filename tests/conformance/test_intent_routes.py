"""Whatever can be asked for in chat can be asked of the API, or it is said why not."""

from __future__ import annotations

from collections.abc import Mapping

from bot.conversations.intents import intents
from miniprogram_api.routes import ROUTES

IN_TALK = "about the talk itself: a program has pages, menus and buttons of its own"
ASIDE: Mapping[str, str] = {
    "photo": "what people send into a talk is looked at in a talk",
    "answer": "words from chat to chat; a program writes to a place by its broadcast",
    "requests": "what waits for an answer is listed where it is answered",
    "finish": "the same",
    "asked": "the answer comes to the talk, and so does the word that it is still awaited",
    "help": IN_TALK,
    "start": IN_TALK,
    "cancel": IN_TALK,
    "use": "chooses the room that the talk is about; every route names its account",
}
"""Intents without a route, and why."""
ROUTES_OF: Mapping[str, str] = {
    "balance": "getBalance",
    "recharge": "startTopUp",
    "history": "listEntries",
    "accounts": "listAccounts",
    "bind": "bind",
    "unbind": "unbind",
    "overview": "getOverview",
    "cut": "changeSupply followSupply",
    "restore": "changeSupply",
    "protect": "changeSupply",
    "release": "changeSupply",
    "tag": "changeSupply",
    "untag": "changeSupply",
    "language": "setLanguage",
    "alerts": "getAlerts setAlerts",
    "contacts": "listContacts addContact confirmContact removeContact",
    "letters": "listUndelivered sendLetterAgain dropLetter",
    "quiet": "getPreferences setPreferences",
    "approvals": "listApprovals getApproval approve",
    "decline": "decline",
    "undo": "decline",
    "arrears": "listArrears",
    "audit": "searchAudit listAudit",
    "forcecut": "askForceCut",
    "bulkcut": "askBulkCut",
    "cash": "takeCash getNextReceipt",
    "desk": "getDeskDay",
    "void": "voidReceipt",
    "adjust": "adjustBalance",
    "refund": "listRefundable refundOrder",
    "reverse": "listReversible reverseEntry",
    "emergency": "takeEmergencyCredit",
    "safe": "confirmSafe",
    "family": "listMembers",
    "share": "inviteMember",
    "unfamily": "removeMember",
    "login": "logInByCode",
    "orders": "listOrders",
    "order": "followOrder",
    "unorder": "cancelOrder",
    "payforme": "makePayLink",
    "paylinks": "listPayLinks",
    "unlink": "revokePayLink",
    "statement": "listBills getStatement",
    "moveout": "beginMoveOut getMoveOut",
    "waive": "waiveMoveOut",
    "find": "findAccount listAccountsInReach",
    "code": "issueBindCode",
    "open": "openAccount",
    "assign": "assignMeter",
    "replace": "listMeters replaceMeter",
    "down": "listSilent",
    "held": "listHeldReadings getHeldReading decideHeldReading",
    "tickets": "listTickets getTicket",
    "settle": "settleTicket",
    "disputes": "listDisputes answerDispute",
    "claim": "claimPayment",
    "trace": "claimPayment",
    "reconcile": "listReconciliations",
    "human": "askStaff",
    "protectme": "askStaff",
    "leave": "askStaff getMoveOut agreeToMoveOut",
    "tonight": "getTonight changeSupply",
    "masscut": "askMassCut",
    "weather": "setWeatherHold",
    "usage": "getUsage",
    "load": "getLoad",
    "why": "listEntries explainEntry",
    "dispute": "disputeEntry",
    "group": "issueGroupCode listGroups",
    "broadcast": "previewBroadcast broadcast",
    "outage": "previewOutage planOutage",
    "outages": "listOutages",
    "calloff": "callOffOutage",
    "read": "readNow followFieldRequest",
    "commission": "commission",
    "settings": "getSettings setSetting",
    "scan": "scanGateway",
    "prices": "getPrices",
    "tariff": "listTariffs previewTariff proposeTariff",
    "siteprices": "listTariffs getPrices",
    "mailout": "orderMailOut",
    "mailbill": "orderMailOut",
    "mailouts": "listMailOuts stopMailOut",
    "staff": "listStaff",
    "invite": "inviteStaff",
    "revoke": "revokeRole",
    "import": "importRows importCsv importXlsx",
    "report": "getFinanceReport getUsageReport getUseReport getLosses getSiteLosses getShare compareSites "
    "exportFinance exportUsage exportUse exportSiteLosses exportShare exportSites",
}
"""Every other intent, and the operations that do the same."""


def test_every_intent_has_its_routes_or_a_reason() -> None:
    """A8: chat, API: one more thing to ask for in chat is a line here, and the operations that it names are served."""
    served = {route.name for route in ROUTES}
    known = {**ROUTES_OF, **ASIDE}
    asked = {intent.name for intent in intents()}
    assert asked - set(known) == set()
    assert set(known) - asked == set()
    assert {name for names in ROUTES_OF.values() for name in names.split()} - served == set()
    assert not set(ROUTES_OF) & set(ASIDE)
