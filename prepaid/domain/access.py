"""Who may do what to what. Pure: an actor, an action and a subject give yes or no.

Places form a tree written as a path ("acme/maple-court/b1/101"). A tenant acts on bound accounts; staff hold a role on
a subtree. A subject outside an actor's reach must look exactly like one that does not exist (A1, A2).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum


class Role(StrEnum):
    """Staff roles, each granted on one subtree."""

    OWNER = "owner"
    MANAGER = "manager"
    OPERATOR = "operator"
    FINANCE = "finance"
    VIEWER = "viewer"


class Action(StrEnum):
    """What can be asked. Named for the use case that asks."""

    SEE_ACCOUNT = "see_account"
    TOP_UP = "top_up"
    SEE_SITE = "see_site"
    SWITCH_SUPPLY = "switch_supply"
    HOLD_SUPPLY = "hold_supply"
    ISSUE_BIND_CODE = "issue_bind_code"
    DECIDE_READING = "decide_reading"
    REPLACE_METER = "replace_meter"
    AUDIT = "audit"
    CASH_TOP_UP = "cash_top_up"
    ADJUST = "adjust"
    REFUND = "refund"
    FORCE_CUT = "force_cut"
    BULK_CUT = "bulk_cut"
    OPEN_ACCOUNT = "open_account"
    CLOSE_ACCOUNT = "close_account"
    ASSIGN_METER = "assign_meter"
    SET_METER = "set_meter"
    CHANGE_TARIFF = "change_tariff"
    DISPUTE = "dispute"
    SETTLE_DISPUTE = "settle_dispute"
    CONFIRM_SAFE = "confirm_safe"
    ASK_STAFF = "ask_staff"
    SHARE_ACCOUNT = "share_account"
    SET_ALERTS = "set_alerts"
    GRANT_ROLE = "grant_role"
    BROADCAST = "broadcast"
    MEND_LETTERS = "mend_letters"
    RUN = "run"
    """The clock's, a meter's or a provider's own work: settling, deciding, confirming."""


_SEE = {Action.SEE_ACCOUNT, Action.SEE_SITE}
_OPERATOR = _SEE | {
    Action.SWITCH_SUPPLY,
    Action.HOLD_SUPPLY,
    Action.ISSUE_BIND_CODE,
    Action.DECIDE_READING,
    Action.REPLACE_METER,
    Action.FORCE_CUT,
    Action.BULK_CUT,
    Action.OPEN_ACCOUNT,
    Action.ASSIGN_METER,
    Action.SET_METER,
    Action.DISPUTE,
    Action.CONFIRM_SAFE,
    Action.SET_ALERTS,
    Action.BROADCAST,
    Action.MEND_LETTERS,
}
_FINANCE = _SEE | {
    Action.AUDIT,
    Action.CASH_TOP_UP,
    Action.ADJUST,
    Action.REFUND,
    Action.DISPUTE,
    Action.SETTLE_DISPUTE,
}
_MANAGER = _OPERATOR | _FINANCE | {Action.CLOSE_ACCOUNT, Action.CHANGE_TARIFF, Action.GRANT_ROLE}
ROLE_ACTIONS: dict[Role, frozenset[Action]] = {
    Role.OWNER: frozenset(_MANAGER),
    Role.MANAGER: frozenset(_MANAGER),
    Role.OPERATOR: frozenset(_OPERATOR),
    Role.FINANCE: frozenset(_FINANCE),
    Role.VIEWER: frozenset(_SEE),
}
"""Nobody but the system itself may `RUN`. Owner and manager differ in whom they may appoint."""
TENANT_ACTIONS = frozenset(
    {
        Action.SEE_ACCOUNT,
        Action.TOP_UP,
        Action.DISPUTE,
        Action.CONFIRM_SAFE,
        Action.SET_ALERTS,
        Action.ASK_STAFF,
        Action.SHARE_ACCOUNT,
    }
)
_ABOVE: dict[Role, frozenset[Role]] = {
    Role.OWNER: frozenset(Role),
    Role.MANAGER: frozenset(set(Role) - {Role.OWNER}),
}
"""Which roles a role may give and take (never one above itself)."""


@dataclass(frozen=True, slots=True)
class Grant:
    """One role on one subtree, `scope` being the path of its root."""

    role: Role
    scope: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who asks. `id` is a person's id, or "clock", "meter:<id>", "provider:<name>" for the system's own work."""

    id: str
    accounts: frozenset[str] = frozenset()
    grants: tuple[Grant, ...] = ()
    system: bool = False
    language: str = "zh"

    @property
    def is_staff(self) -> bool:
        """Whether any role is held anywhere."""
        return bool(self.grants)


CLOCK = Actor(id="clock", system=True)
"""The actor of everything that happens because time passed."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is acted upon: a place in the tree, and the account living there if any."""

    path: str
    account_id: str | None = None


def covers(scope: str, path: str) -> bool:
    """Whether `path` lies in the subtree rooted at `scope` (whole path segments only)."""
    return path == scope or path.startswith(scope + "/")


def may(actor: Actor, action: Action, subject: Subject) -> bool:
    """The one authorisation rule. Tenants act on bound accounts, staff inside their subtrees."""
    if actor.system:
        return True
    if action in TENANT_ACTIONS and subject.account_id is not None and subject.account_id in actor.accounts:
        return True
    return any(action in ROLE_ACTIONS[grant.role] and covers(grant.scope, subject.path) for grant in actor.grants)


def inside(actor: Actor, places: Iterable[str]) -> Actor:
    """The actor as staff of these subtrees and nothing else: own roles, cut to what lies both in reach and there."""
    cut = {
        Grant(grant.role, place if covers(grant.scope, place) else grant.scope): None
        for place in places
        for grant in actor.grants
        if covers(grant.scope, place) or covers(place, grant.scope)
    }
    return replace(actor, accounts=frozenset(), grants=tuple(cut))


def may_appoint(actor: Actor, grant: Grant) -> bool:
    """Whether the actor may give or take this role there: only from an enclosing subtree, never above their own."""
    return any(grant.role in _ABOVE.get(own.role, ()) and covers(own.scope, grant.scope) for own in actor.grants)
