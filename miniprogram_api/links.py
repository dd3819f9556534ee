"""Where an answer leads: which other operation takes what stands in it. The contract carries these as OpenAPI links."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

Takes = Mapping[str, str]
"""A parameter of the other operation, and the expression of its value; `BODY.x` is a field of its body."""
BODY: Final = "body."
_SAME_ACCOUNT: Final[Takes] = {"account_id": "$request.path.account_id"}


def _account(pointer: str) -> Takes:
    return {"account_id": f"$response.body#/{pointer}/account_id"}


_ROOM: Final = ("getBalance", "getUsage", "listEntries", "listBills", "getAlerts", "listOrders", "listMembers")
_ORDER: Final[Takes] = {"order_id": "$response.body#/order_id"}
_TOKEN: Final[Takes] = {"token": "$response.body#/token"}
LINKS: Final[Mapping[str, Mapping[str, Takes]]] = {
    "getMe": dict.fromkeys(_ROOM, _account("accounts/0")),
    "listAccounts": dict.fromkeys((*_ROOM, "getStatement", "startTopUp", "makePayLink"), _account("accounts/0")),
    "listEntries": {
        "explainEntry": {**_SAME_ACCOUNT, "seq": "$response.body#/entries/0/seq"},
        "disputeEntry": {**_SAME_ACCOUNT, "body.seq": "$response.body#/entries/0/seq"},
        "listEntries": {**_SAME_ACCOUNT, "cursor": "$response.body#/next"},
    },
    "listBills": {"getStatement": {**_SAME_ACCOUNT, "month": "$response.body#/bills/0/month"}},
    "getStatement": {"explainEntry": {**_SAME_ACCOUNT, "seq": "$response.body#/lines/0/seq"}},
    "startTopUp": {"followOrder": _ORDER, "cancelOrder": _ORDER},
    "listOrders": {name: {"order_id": "$response.body#/orders/0/order_id"} for name in ("followOrder", "refundOrder")},
    "makePayLink": {
        "lookAtPayLink": _TOKEN,
        "payByLink": _TOKEN,
        "followPayLink": _TOKEN,
        "revokePayLink": {"link_id": "$response.body#/link_id"},
    },
    "listPayLinks": {"revokePayLink": {"link_id": "$response.body#/links/0/link_id"}},
    "inviteMember": {"bind": {"body.code": "$response.body#/code"}},
    "getMoveOut": {"agreeToMoveOut": {**_SAME_ACCOUNT, "body.digest": "$response.body#/digest"}},
    "listSites": {
        name: {"site_id": "$response.body#/sites/0/site_id"} for name in ("getFinanceReport", "getUsageReport")
    },
    "listAccountsInReach": dict.fromkeys(
        ("searchAudit", "changeSupply", "askForceCut", "takeCash"), _account("accounts/0")
    ),
    "changeSupply": {"followSupply": _SAME_ACCOUNT},
    "listReversible": {"reverseEntry": {**_SAME_ACCOUNT, "seq": "$response.body#/entries/0/seq"}},
    "listRefundable": {"refundOrder": {"order_id": "$response.body#/orders/0/order_id"}},
    "getNextReceipt": {"takeCash": {**_SAME_ACCOUNT, "body.receipt": "$response.body#/receipt"}},
    "getTonight": {"changeSupply": _account("cut/0")},
    "listTickets": {
        name: {"ticket_id": "$response.body#/tickets/0/ticket_id"} for name in ("getTicket", "settleTicket")
    },
    "listDisputes": {"answerDispute": {"dispute_id": "$response.body#/disputes/0/ticket_id"}},
    "listHeldReadings": {
        name: {"meter_id": "$response.body#/held/0/meter_id"} for name in ("getHeldReading", "decideHeldReading")
    },
    "listStaff": {
        "revokeRole": {
            "person_id": "$response.body#/staff/0/person_id",
            "body.role": "$response.body#/staff/0/role",
            "body.scope": "$response.body#/staff/0/scope",
        }
    },
    "listGroups": {
        "revokeRole": {
            "person_id": "$response.body#/groups/0/person_id",
            "body.role": "$response.body#/groups/0/role",
            "body.scope": "$response.body#/groups/0/scope",
        }
    },
    "listMailOuts": {"stopMailOut": {"mail_out_id": "$response.body#/mail_outs/0/mail_out_id"}},
    "orderMailOut": {"stopMailOut": {"mail_out_id": "$response.body#/mail_out_id"}},
    "listMeters": {"getLosses": {"meter_id": "$response.body#/meters/0/meter_id"}},
    "askForceCut": {
        "getApproval": {"approval_id": "$response.body#/approval_id"},
        "decline": {"approval_id": "$response.body#/approval_id"},
    },
    "getApproval": {
        "approve": {"approval_id": "$response.body#/approval_id", "body.digest": "$response.body#/digest"},
    },
}


def links_of(name: str) -> dict[str, Any]:
    """The links of an operation, as OpenAPI writes them."""
    return {target: _link(target, takes) for target, takes in LINKS.get(name, {}).items()}


def _link(target: str, takes: Takes) -> dict[str, Any]:
    parameters = {each: value for each, value in takes.items() if not each.startswith(BODY)}
    body = {each.removeprefix(BODY): value for each, value in takes.items() if each.startswith(BODY)}
    link: dict[str, Any] = {"operationId": target, "parameters": parameters}
    return {**link, "requestBody": body} if body else link
