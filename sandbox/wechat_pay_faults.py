"""What can be made to go wrong at the WeChat Pay sandbox, in process or by `POST /sandbox/faults`."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import Any

from pydantic import ConfigDict, TypeAdapter

ANSWER_S_MAX = 60.0


@dataclass(slots=True, kw_only=True)
class Faults:
    """All off by default. Faults of a notification's content hold for the next `content_times` deliveries."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    # How notifications are sent.
    no_notify: bool = False
    copies: int = 1
    """So many at once."""
    notify_delay_s: float = 0.0
    """At real speed, before the first delivery."""
    pay_on_create: bool = False
    """The payer is quicker than our answer: paid and notified before the order's request is answered."""

    # What notifications hold.
    content_times: int = 1_000_000
    probe: bool = False
    unknown_serial: bool = False
    bad_signature: bool = False
    timestamp_shift_s: int = 0
    reserialise: bool = False
    other_key: bool = False
    """Encrypted for another merchant."""
    wrong_total: int | None = None
    wrong_currency: str | None = None
    wrong_appid: str | None = None
    wrong_mchid: str | None = None
    certificate_percent: int = 0
    """So many of a hundred are signed by the platform certificate instead of the public key."""

    # How refunds end, and what the bills of a day hold.
    refund_ends: str | None = "SUCCESS"
    """SUCCESS, ABNORMAL or CLOSED, by itself; with null a refund goes on until it is ended by hand."""
    refund_delay_s: float = 0.0
    """At real speed."""
    bill_early: bool = False
    """Any day has its bill at once."""
    bill_creating: bool = False
    bill_extras: int = 0
    """So many payments in the bill that the merchant does not know."""
    bill_omits: int = 0
    """So many lines are missing."""
    bill_shift_fen: int = 0
    bill_fee_shift_fen: int = 0
    """The first payment's amount and fee are off by so much."""
    bill_wrong_digest: bool = False

    # How API requests are answered; the next `answer_times` of them.
    answer_times: int = 1_000_000
    answer_status: int | None = None
    """Answer with this status instead of acting, e.g. 500 or 429."""
    answer_code: str = "SYSTEM_ERROR"
    """The error code that goes with it, e.g. NOT_ENOUGH."""
    answer_status_after: int | None = None
    """Act, then answer with this status."""
    lose_answer: bool = False
    """Act, then break the connection."""
    answer_delay_s: float = 0.0
    """Act, then wait; at most 60 s."""
    answer_probe: bool = False
    answer_unknown_serial: bool = False
    answer_bad_signature: bool = False
    answer_shift_s: int = 0
    hide_payments: bool = False
    """Queries contradict the notification: they say that nothing was paid."""
    no_certificates: bool = False
    """A merchant with a public key only: there is nothing to download."""

    def replace(self, values: dict[str, Any]) -> None:
        """Sets every fault anew: what is not named is off. Raises `ValueError` for an unknown name or a wrong type."""
        fresh = _READER.validate_json(json.dumps(values), strict=True)
        for entry in fields(Faults):
            setattr(self, entry.name, getattr(fresh, entry.name))

    def content(self) -> Faults:
        """The faults for the next delivery's content."""
        if self.content_times <= 0:
            return Faults(certificate_percent=self.certificate_percent)
        self.content_times -= 1
        return self

    def answer(self) -> Faults:
        """The faults for the next answer."""
        if self.answer_times <= 0:
            return Faults()
        self.answer_times -= 1
        return self


_READER = TypeAdapter(Faults)
