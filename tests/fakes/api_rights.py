"""Who may what through the API: what each route is asked with, and the roles that it lets in on their own things."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_BRACES = re.compile(r"\{[a-z_]+\}")
FLAT = {"id": "flat-2", "steps": [{"prices": [{"price_micro": 620_000}]}]}
PLANNED = {
    "utilities": ["electricity"],
    "since": "2026-03-03T01:00:00+00:00",
    "until": "2026-03-03T04:00:00+00:00",
    "reason": "works",
}
BODIES: Mapping[str, Any] = {
    "setLanguage": {"language": "en"},
    "bind": {"code": "NOTACODE"},
    "startTopUp": {"amount_fen": 5000, "provider": "testpay", "way": "qr"},
    "makePayLink": {"amount_fen": 5000},
    "disputeEntry": {"seq": 1, "why": "too much"},
    "changeSupply": {"action": "protect", "reason": "works"},
    "askForceCut": {"reason": "danger"},
    "approve": {"digest": "0" * 64},
    "decline": {"why": "no"},
    "setAlerts": {"low_balance_micro": [9_000_000]},
    "setPreferences": {"channels": []},
    "reportSubscriptions": {"answers": {"tmpl-any-1234": "accept"}},
    "askStaff": {"wish": "help", "words": "it is dark"},
    "agreeToMoveOut": {"digest": "0" * 64},
    "beginMoveOut": {"reason": "moved"},
    "waiveMoveOut": {"reason": "signed on paper"},
    "takeCash": {"amount_fen": 100, "receipt": "A-1"},
    "refundOrder": {"amount_fen": 100, "key": "k-1", "why": "too much"},
    "voidReceipt": {"receipt": "A-1", "why": "twice"},
    "adjustBalance": {"amount_fen": -100, "cause": "other", "key": "k-2", "why": "too much"},
    "reverseEntry": {"why": "too much"},
    "askMassCut": {"until": "2026-03-02T12:00:00+00:00", "why": "a hundred moved out"},
    "setWeatherHold": {"until": None, "why": "it is mild again"},
    "openAccount": {"path": "{path}/new", "label": "new", "key": "k-3"},
    "assignMeter": {"account_id": "{account_id}"},
    "replaceMeter": {"serial": "77", "first_wh": 0, "why": "burnt"},
    "decideHeldReading": {"decision": "reset", "why": "it began anew"},
    "settleTicket": {"words": "found"},
    "answerDispute": {"upheld": False, "words": "it was so"},
    "claimPayment": {"number": "4200001234567890"},
    "addContact": {"channel": "webhook", "address": "https://home.example/hook"},
    "confirmContact": {"code": "7KQ2M9XA"},
    "dropLetter": {"reason": "moved away"},
    "scanGateway": {"first": 1, "last": 2},
    "setSetting": {"value": 500},
    "inviteStaff": {"role": "viewer", "scope": "{path}", "why": "helps"},
    "revokeRole": {"role": "viewer", "scope": "{path}", "why": "gone"},
    "issueGroupCode": {"scope": "{path}"},
    "previewBroadcast": {"words": "the lift is repaired"},
    "broadcast": {"words": "the lift is repaired", "key": "lift-1"},
    "previewOutage": PLANNED,
    "planOutage": {**PLANNED, "key": "works-1"},
    "orderMailOut": {"kind": "use", "subject": "{site_id}"},
    "previewTariff": {"version": FLAT},
    "proposeTariff": {"version": FLAT, "why": "coal is dearer"},
    "importRows": {"dry_run": True},
    "importCsv": {"csv": "account,site,place\n", "dry_run": True},
    "askBulkCut": {"account_ids": ["{account_id}"], "reason": "a leak"},
}
"""What a route is asked with; names in braces stand for the things that are tried."""
FILES: Mapping[str, tuple[str, bytes]] = {
    "importXlsx": ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", b"account,site,place\n"),
}
"""What a route is asked with that takes a file: its kind, and its bytes, which are read by what they are."""
QUERIES: Mapping[str, str] = {
    "importXlsx": "?dry_run=true",
    "listAudit": "?path={path}",
    "getLosses": "?month=2026-03",
    "getShare": "?span=2026-03",
    "exportShare": "?span=2026-03",
    "compareSites": "?span=2026-03",
    "exportSites": "?span=2026-03",
    "findAccount": "?text={account_id}",
}
FOR_ALL = {
    *("getMe", "setLanguage", "listAccounts", "logOut", "logOutEverywhere", "bind"),
    *("getPreferences", "setPreferences", "listMessages", "getSubscriptions", "reportSubscriptions", "listMailOuts"),
    "listOutages",
}
"""About the caller alone: whoever is logged in."""
ANYONES = {"listApprovals", "listHeldReadings", "listTickets", "listDisputes"}
"""Cut down to one's reach, and empty for whoever has none."""
SEEING = {
    *(
        "getBalance",
        "followSupply",
        "getUsage",
        "getLoad",
        "getReadings",
        "listEntries",
        "explainEntry",
        "getStatement",
    ),
    *("listBills", "followOrder", "listOrders", "getAlerts", "getMoveOut", "findAccount", "getPrices"),
}
BOUND = {"listContacts", "addContact", "confirmContact"}
"""About the caller, who must be bound to something."""
TENANTS = (
    SEEING
    | BOUND
    | {
        *(
            "unbind",
            "takeEmergencyCredit",
            "confirmSafe",
            "disputeEntry",
            "startTopUp",
            "cancelOrder",
            "setAlerts",
            "askStaff",
        ),
        *(
            "makePayLink",
            "listPayLinks",
            "revokePayLink",
            "listMembers",
            "inviteMember",
            "removeMember",
            "agreeToMoveOut",
        ),
        "claimPayment",
    }
)
LISTS = {
    "getOverview",
    "listSites",
    "listAccountsInReach",
    "listMeters",
    "listArrears",
    "listSilent",
    "listUndelivered",
    "compareSites",
    "exportSites",
}
"""As `ANYONES`, for staff alone."""
STAFFS = (
    SEEING
    | LISTS
    | BOUND
    | {
        *("getUseReport", "exportUse", "getSiteLosses", "exportSiteLosses", "getShare", "exportShare"),
        *("getLosses", "getTonight", "listTariffs", "readNow", "getSettings", "orderMailOut"),
    }
)
COUNTING = {
    *("listAudit", "searchAudit", "listReconciliations", "disputeEntry"),
    *("getFinanceReport", "getUsageReport", "exportFinance", "exportUsage"),
    *("takeCash", "getNextReceipt", "getDeskDay", "voidReceipt", "adjustBalance", "refundOrder"),
    *("listReversible", "reverseEntry", "listRefundable"),
    *("getTicket", "settleTicket", "answerDispute", "claimPayment"),
}
OPERATING = {
    *("changeSupply", "askForceCut", "askMassCut", "setWeatherHold", "askBulkCut", "disputeEntry", "setAlerts"),
    "confirmSafe",
    *("getApproval", "approve", "decline", "sendLetterAgain", "dropLetter"),
    *("issueBindCode", "openAccount", "assignMeter", "replaceMeter", "getHeldReading", "decideHeldReading"),
    *(
        "commission",
        "scanGateway",
        "setSetting",
        "previewBroadcast",
        "broadcast",
        "importRows",
        "importCsv",
        "importXlsx",
    ),
    *("previewOutage", "planOutage", "callOffOutage"),
}
MANAGING = {
    *(
        "beginMoveOut",
        "waiveMoveOut",
        "previewTariff",
        "proposeTariff",
        "listStaff",
        "listGroups",
        "inviteStaff",
        "revokeRole",
        "issueGroupCode",
    ),
}
MAY: Mapping[str, set[str]] = {
    "nobody": set(),
    "stranger": ANYONES,
    "tenant": ANYONES | TENANTS,
    "viewer": ANYONES | STAFFS,
    "operator": ANYONES | STAFFS | OPERATING,
    "finance": ANYONES | STAFFS | COUNTING,
    "manager": ANYONES | STAFFS | OPERATING | COUNTING | MANAGING,
    "other landlord": ANYONES
    | LISTS
    | BOUND
    | {"listReconciliations", "listStaff", "listGroups", "importRows", "importCsv", "importXlsx"},
}
"""What each role reaches on own things. On foreign and missing ones: nothing."""
CHANGES_ROLES = ("beginMoveOut", "removeMember", "unbind", "logOut", "logOutEverywhere")


@dataclass(frozen=True)
class Things:
    """One of each."""

    account_id: str
    order_id: str
    link_id: str
    approval_id: str
    path: str
    person_id: str = "p_none"
    site_id: str = "nowhere"
    meter_id: str = "met-99"
    ticket_id: str = "mt_none"
    dispute_id: str = "tk_none"
    letter_id: str = "0404040404040404"
    outage_id: str = "w_404"
    contact_id: str = "sms:0404040404040404"
    gateway_id: str = "gw-none"
    mail_out_id: str = "none"
    request_id: str = "040404040404040404040404"
    setting: str = "limit_w"

    def url(self, path: str, name: str) -> str:
        """A route's path about these."""
        return self.named(path + QUERIES.get(name, ""))

    def body(self, name: str) -> Any:
        """What the route is asked with, about these."""
        return json.loads(self.named(json.dumps(BODIES.get(name))))

    def sent(self, name: str) -> dict[str, Any]:
        """The same as arguments of a call: a file with its kind, or JSON."""
        if name not in FILES:
            return {"body": self.body(name)}
        kind, raw = FILES[name]
        return {"raw": raw, "headers": {"Content-Type": kind}}

    def named(self, words: str) -> str:
        """The words with the names of these for those in braces."""
        for key, value in (("seq", "1"), *self.__dict__.items()):
            words = words.replace(f"{{{key}}}", str(value))
        return words


def names_things(path: str, name: str) -> bool:
    """Whether a route is about something that could be another's, or not there."""
    return bool(_BRACES.search(path + QUERIES.get(name, "") + json.dumps(BODIES.get(name))))


MISSING = Things("acc-99", "cw000000none", "0" * 20, "ap_none", "acme/nowhere")
