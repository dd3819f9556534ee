"""The rows of the permission matrix: for each effect of a conversation, who may have it carried out on what.

A row of the basic effects stands here; a topic's rows stand in its file of `tests/fakes/rehearsed` as `RIGHTS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from bot.conversations import effects as do
from prepaid.domain.access import Role
from prepaid.domain.supply import HoldKind


class Who(StrEnum):
    """Everybody who is tried: a bound tenant, each role of the staff, and somebody who is bound to nothing."""

    TENANT = "tenant"
    VIEWER = "viewer"
    FINANCE = "finance"
    OPERATOR = "operator"
    MANAGER = "manager"
    OWNER = "owner"
    UNBOUND = "unbound"

    @property
    def role(self) -> Role | None:
        """The role of the staff, None for the others."""
        return None if self in (Who.TENANT, Who.UNBOUND) else Role(self)


STAFF = frozenset(who for who in Who if who.role)
EVERYBODY = frozenset(Who)
TENANT = frozenset({Who.TENANT})
SEES = STAFF | TENANT
OPERATES = frozenset({Who.OPERATOR, Who.MANAGER, Who.OWNER})
COUNTS = frozenset({Who.FINANCE, Who.MANAGER, Who.OWNER})
MANAGES = frozenset({Who.MANAGER, Who.OWNER})


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What an effect can name: all of it is one's own, or somebody else's, or not there at all."""

    account_id: str
    label: str
    order_id: str
    link_id: str
    person_id: str
    """Somebody who is bound to the account."""
    entry_seq: int
    entry_idem: str
    site_id: str
    gateway_id: str
    meter_id: str
    approval_id: str = "ap_404"
    receipt: str = "R-404"
    ticket_id: str = "mt_404"
    dispute_id: str = "tk_404"
    """With a picture on it."""
    power_id: str = "mt_404"
    """The ticket of a payment that brought no power."""
    request_id: str = "rq_404"
    letter_id: str = "0404040404040404"
    outage_id: str = "w_404"
    clerk_id: str = "p_404"
    """The owner of nothing but the flat."""


Act = Callable[[Subject], do.Effect]


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """One effect. `may` names who gets past the door of its use case on what is in their reach.

    `at_site`: it is about a whole site, so the staff's roles are tried on the site instead of on the one flat.
    `subject=False`: it names nothing, so there is nothing foreign or missing. `waits`: it would go on to ask a device
    or a person; being let in is all that is tried.
    """

    intents: tuple[str, ...]
    act: Act
    may: frozenset[Who]
    at_site: bool = False
    subject: bool = True
    waits: bool = False
    office: bool = False
    """It names something that the office keeps (an approval, a ticket, a receipt), which is made for its flat."""
    letter: bool = False
    """It names a message that reached nobody, which is made anew for each person: whoever mends it ends it."""
    stored: bool = False
    """The use case looks the person up again, so each is kept as a person with the roles."""


def right(intents: str, act: Act, may: Iterable[Who]) -> Right:
    """A plain row: the names of its intents, its effect, and who may."""
    return Right(intents=tuple(intents.split()), act=act, may=frozenset(may))


def free(intents: str, act: Act, may: Iterable[Who]) -> Right:
    """A row that names nothing."""
    return Right(intents=tuple(intents.split()), act=act, may=frozenset(may), subject=False)


BASIC: tuple[Right, ...] = (
    right("balance use", lambda on: do.ShowBalance(account_id=on.account_id), SEES),
    right("history", lambda on: do.ShowHistory(account_id=on.account_id), SEES),
    right("recharge", lambda on: do.ConfirmTopUp(account_id=on.account_id, amount_fen=1_000), SEES),
    right("recharge", lambda on: do.StartTopUp(account_id=on.account_id, label="", amount_fen=1_000), TENANT),
    right("unbind", lambda on: do.ConfirmUnbind(account_id=on.account_id), SEES),
    right("unbind", lambda on: do.UnbindChat(account_id=on.account_id), TENANT),
    free("accounts", lambda _: do.ListAccounts(), EVERYBODY),
    free("bind start", lambda _: do.BindChat(code="AAAA2222"), EVERYBODY),
    free("language", lambda _: do.SetLanguage(language="en"), EVERYBODY),
    free("overview", lambda _: do.ShowOverview(), STAFF),
    free("overview", lambda _: do.OpenOverview(), STAFF),
    right("find", lambda on: do.FindAccount(text=on.account_id, then="find"), SEES),
    right(
        "cut restore",
        lambda on: do.SwitchSupply(account_id=on.account_id, label="", on=True, reason="test"),
        OPERATES,
    ),
    right(
        "protect release",
        lambda on: do.HoldSupply(account_id=on.account_id, label="", kind=HoldKind.ON, why="test"),
        OPERATES,
    ),
    right("code", lambda on: do.IssueBindCode(account_id=on.account_id, label=""), OPERATES),
)
