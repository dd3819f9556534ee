"""Who may do what to what. Pure: an actor, an action and a subject give yes or no.

Places form a tree written as a path ("acme/maple-court/b1/101"). A tenant acts on bound accounts; staff hold a role on
a subtree. A subject outside an actor's reach must look exactly like one that does not exist (A1, A2).
"""

from __future__ import annotations

from dataclasses import dataclass
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
    AUDIT = "audit"
    RUN = "run"
    """The clock's, a meter's or a provider's own work: settling, deciding, confirming."""


_OPERATOR = {
    Action.SEE_ACCOUNT,
    Action.SEE_SITE,
    Action.SWITCH_SUPPLY,
    Action.HOLD_SUPPLY,
    Action.ISSUE_BIND_CODE,
}
ROLE_ACTIONS: dict[Role, frozenset[Action]] = {
    Role.OWNER: frozenset(_OPERATOR | {Action.AUDIT}),
    Role.MANAGER: frozenset(_OPERATOR | {Action.AUDIT}),
    Role.OPERATOR: frozenset(_OPERATOR),
    Role.FINANCE: frozenset({Action.SEE_ACCOUNT, Action.SEE_SITE, Action.AUDIT}),
    Role.VIEWER: frozenset({Action.SEE_ACCOUNT, Action.SEE_SITE}),
}
TENANT_ACTIONS = frozenset({Action.SEE_ACCOUNT, Action.TOP_UP})


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
