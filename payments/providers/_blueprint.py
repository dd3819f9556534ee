"""Copy this file to add a way to pay, e.g. as `union_pay.py`; the conformance tests pick the copy up by its name.

What a provider owes the business:

* It never decides whether money is credited. It says what the provider said, in our words (`Payment`).
* `Refused` when the provider said no (with its code, never its text), `TryAgain` when nothing has happened, `Unknown`
  when it may have happened: a timeout after sending, a 5xx, an answer whose seal is wrong (M9).
* Amounts are integer fen at its edge; a decimal that is not whole fen is refused, never rounded.
* Every wait has an end, every body a limit, and nothing unverified makes it call anybody (A4).
* The same order may be asked for again and must stay one payment: use `order.id` as the provider's order number.
* Refunds, bills and finding by number are ports of their own: leave out the methods that the provider has no call for.
* A provider that wants certain words for a yes to its notifications says them as `acknowledgement`, in bytes.

`tests/conformance/stand_ins.py` needs a line about the copy's sandbox, and then every promise here is tested.

As it stands, everything here refuses: a copy that is not finished takes no money.
"""

# Arguments are named for the copy that will use them.
# ruff: noqa: ARG002

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import NoReturn

from payments.problems import NotificationProblem
from prepaid.domain.bills import Bill
from prepaid.domain.errors import Refused
from prepaid.domain.orders import Merchant, Order, Payment
from prepaid.domain.refunds import RefundState
from prepaid.ports import Clock, InboxRow

NAME = "_blueprint"
"""The module's own name. It stands in orders, in clearing accounts and in the notification path: never change it."""


def build(settings: Mapping[str, object], clock: Clock) -> Blueprint:
    """Checks all settings at once; any wrong one is `Refused("refused.provider_not_set_up", provider=, fields=)`.

    No I/O here: connections are made by the first call, in the event loop that uses them.
    """
    return Blueprint(settings, clock)


class Blueprint:
    """One merchant at one provider."""

    def __init__(self, settings: Mapping[str, object], clock: Clock) -> None:
        self._settings = settings
        self._clock = clock

    @property
    def name(self) -> str:
        """The module's `NAME`."""
        return NAME

    @property
    def merchant(self) -> Merchant:
        """Who we are at the provider; payments for anybody else are disputed (M6)."""
        return Merchant(NAME, "", "")

    async def aclose(self) -> None:
        """Closes the connections. Calling it twice, or before the first request, is fine."""

    async def create(self, order: Order, description: str) -> str:
        """Asks for the payment of `order.amount_fen` until `order.expires_at`, by `order.way`.

        Returns what the payer scans or opens, or the call's parameters. `Refused("refused.pay_way")` for a way that
        this merchant lacks.
        """
        _not_set_up()

    async def query(self, order: Order) -> Payment | None:
        """The payment, or None while there is none. `success=False` if its money is not there any more."""
        _not_set_up()

    async def close(self, order: Order) -> bool:
        """Makes the order unpayable. False when it turned out to be paid; True also when there was nothing to close."""
        _not_set_up()

    @property
    def refund_within(self) -> timedelta:
        """How long after a payment it can be refunded."""
        return timedelta()

    async def refund(self, order: Order, refund_id: str, amount_fen: int, reason: str) -> RefundState:
        """Asks for a refund; the same number never pays twice (M10). A refusal must be the provider's own, proven."""
        _not_set_up()

    async def query_refund(self, order: Order, refund_id: str) -> RefundState | None:
        """What has become of it, or None when the provider has never heard of this number."""
        _not_set_up()

    async def find(self, txn_id: str) -> Payment | None:
        """The payment with the provider's own number, if it is this merchant's and has money."""
        _not_set_up()

    async def bill(self, day: date) -> Bill:
        """All that was booked on a day of the provider's calendar. `TryAgain("try_again.bill_not_ready")` before."""
        _not_set_up()

    def read_notification(self, headers: Mapping[str, str], raw: bytes) -> InboxRow:
        """Verifies the bytes as received, then parses. The row's id is `f"{NAME}:{the provider's notification id}"`.

        Raises `NotificationProblem`. A genuine event that is no payment gets a row without one.
        """
        raise NotificationProblem("not_set_up")


def _not_set_up() -> NoReturn:
    raise Refused("refused.provider_not_set_up", provider=NAME, fields="")
