"""What can be made to go wrong at the Alipay sandbox, in process or by `POST /sandbox/faults`."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from pydantic import ConfigDict, TypeAdapter


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
    bad_signature: bool = False
    sha1: bool = False
    """Signed by Alipay's own key, but over SHA-1."""
    sign_type: str = "RSA2"
    other_key: bool = False
    """Signed by the app's key, as a confused merchant would."""
    wrong_total: str | None = None
    wrong_currency: str | None = None
    wrong_app: str | None = None
    wrong_seller: str | None = None
    charset: Literal["utf-8", "gbk"] = "utf-8"
    empty: Literal["", "kept", "dropped"] = ""
    """A field without a value, signed as it stands or left out of what is signed."""
    reorder: bool = False

    # How API requests are answered; the next `answer_times` of them.
    answer_times: int = 1_000_000
    answer_status: int | None = None
    """Answer with this status instead of acting, e.g. 500 or 429."""
    answer_status_after: int | None = None
    """Act, then answer with this status."""
    answer_system_error: bool = False
    """Act, then say that nobody knows."""
    lose_answer: bool = False
    """Act, then break the connection."""
    answer_delay_s: float = 0.0
    """Act, then wait; at most 60 s."""
    hide_payments: bool = False
    """Queries contradict the notification: they say that nobody has paid."""
    answer_bad_signature: bool = False
    answer_unsigned: bool = False
    answer_other_order: bool = False

    # The bill.
    bill_without: list[str] = field(default_factory=list)
    """Numbers of trades that the bill leaves out."""
    bill_extra: list[str] = field(default_factory=list)
    """Amounts in yuan of trades that we never had."""
    bill_cut_short: bool = False
    refunds_positive: bool = False
    """Newer bills write refunds without a minus."""

    def replace(self, values: dict[str, Any]) -> None:
        """Sets every fault anew: what is not named is off. Raises `ValueError` for an unknown name or a wrong type."""
        fresh = _READER.validate_json(json.dumps(values), strict=True)
        for entry in fields(Faults):
            setattr(self, entry.name, getattr(fresh, entry.name))

    def content(self) -> Faults:
        """The faults for the next delivery's content."""
        if self.content_times <= 0:
            return Faults()
        self.content_times -= 1
        return self

    def answer(self) -> Faults:
        """The faults for the next answer."""
        if self.answer_times <= 0:
            return Faults()
        self.answer_times -= 1
        return self


_READER = TypeAdapter(Faults)
