"""What a conversation wants done, as data: each effect is one use case call. The runner performs them, in order."""

from __future__ import annotations

from dataclasses import dataclass

from prepaid.domain.errors import Trouble
from prepaid.domain.supply import HoldKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One use case to call. Topics add their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowBalance(Effect):
    """One account's balance and supply."""

    account_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowHistory(Effect):
    """The latest entries of the ledger."""

    account_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListAccounts(Effect):
    """The person's accounts; `then` names the intent that waits for the choice."""

    then: str = ""
    argument: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmTopUp(Effect):
    """Looks at the account that is to be topped up, so that the question names it."""

    account_id: str
    amount_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StartTopUp(Effect):
    """Asks the provider for a payment; the first that is set up where `provider` names none."""

    account_id: str
    label: str
    amount_fen: int
    provider: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmUnbind(Effect):
    """Looks at the account that is to be let go, so that the question names it."""

    account_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BindChat(Effect):
    """Binds this chat to the account of a one-time code."""

    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnbindChat(Effect):
    """Lets an account go."""

    account_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetLanguage(Effect):
    """Speaks another language from now on."""

    language: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowOverview(Effect):
    """Staff: everything in the jurisdiction, one page of it."""

    page: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenOverview(Effect):
    """Staff: a link to the page that shows the same, live, in a browser."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FindAccount(Effect):
    """Staff: an account by room or id; `then` names the intent that goes on with it."""

    text: str
    then: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchSupply(Effect):
    """Staff: cut or restore by hand."""

    account_id: str
    label: str
    on: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldSupply(Effect):
    """Staff: protect, or release with None."""

    account_id: str
    label: str
    kind: HoldKind | None
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueBindCode(Effect):
    """Staff: a one-time code for a tenant's chat."""

    account_id: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How an effect ended: with the use case's value, or in trouble."""

    effect: Effect
    value: object = None
    trouble: Trouble | None = None
