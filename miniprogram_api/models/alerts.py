"""Being told: from which balance on, when not, and what one was told."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from miniprogram_api.models.common import Account, Cursor, Given, Micro, Next, Shown, whole
from prepaid.domain.preferences import DAY_MINUTES, MOST_DAYS, MOST_LEVEL_MICRO, MOST_LEVELS, Preferences, Quiet
from prepaid.usecases.show_alerts import AlertsView
from prepaid.usecases.show_messages import PAGE_MOST

MOST_ASKED = 5
"""WeChat takes three templates in a call; some versions five."""
Minute = Annotated[
    int,
    Field(ge=0, lt=DAY_MINUTES, description="Minutes since local midnight", examples=[1320]),
    BeforeValidator(whole),
]
Level = Annotated[int, Field(ge=1, le=MOST_LEVEL_MICRO), BeforeValidator(whole)]
Days = Annotated[int, Field(ge=1, le=MOST_DAYS), BeforeValidator(whole)]


class QuietOut(Shown):
    """Hours without messages; an end before the start runs past midnight."""

    since_min: int
    until_min: int


class AlertsOut(Shown):
    """Warning levels. `levels_micro` are in force; the others are the account's own, empty where the site's hold."""

    account_id: Account
    label: str
    levels_micro: list[Micro]
    low_balance_micro: list[Micro]
    days_left: list[int]


class AlertsWish(Given):
    """The account's own warning levels; both empty give back the site's."""

    low_balance_micro: list[Level] = Field(
        default_factory=list, max_length=MOST_LEVELS, examples=[[20_000_000, 5_000_000]]
    )
    days_left: list[Days] = Field(default_factory=list, max_length=MOST_LEVELS, examples=[[3]])


class QuietWish(Given):
    """Hours without messages; an end before the start runs past midnight."""

    since_min: Minute
    until_min: Minute


class PreferencesOut(Shown):
    """How the person is told. Empty channels or no quiet hours: the site's."""

    channels: list[str] = Field(description="In which order channels are tried")
    quiet: QuietOut | None


class PreferencesWish(Given):
    """How the person wants to be told; only channels that they can be reached on."""

    channels: list[Annotated[str, Field(min_length=1, max_length=40)]] = Field(
        default_factory=list, max_length=10, examples=[["telegram"]]
    )
    quiet: QuietWish | None = None


class MessagesWish(Given):
    """A page of messages, newest first."""

    limit: int = Field(default=20, ge=1, le=PAGE_MOST)
    cursor: Cursor


class MessageOut(Shown):
    """One message. `account_id` and `order_id` where it is about one."""

    message_id: str
    kind: str = Field(examples=["low_balance"])
    at: datetime
    words: str = Field(description="The message, in the language of the request")
    account_id: str | None
    order_id: str | None
    stage: str | None = Field(description="Of a payment that is followed")


class MessagesOut(Shown):
    """What the person was told, newest first."""

    messages: list[MessageOut]
    next: Next


class SubscriptionOut(Shown):
    """One subscribe message of the mini-program, and for how many the person has said yes."""

    template_id: str
    kinds: list[str] = Field(description='Kinds of message that it brings; "default": all others')
    left: int


class SubscriptionsOut(Shown):
    """The templates to give to `wx.requestSubscribeMessage`."""

    subscriptions: list[SubscriptionOut]


class SubscriptionsWish(Given):
    """What `wx.requestSubscribeMessage` has answered: template and verdict."""

    answers: dict[Annotated[str, Field(min_length=1, max_length=64)], Literal["accept", "reject", "ban", "filter"]] = (
        Field(min_length=1, max_length=MOST_ASKED, examples=[{"tmpl-low-1234": "accept"}])
    )


def alerts_out(view: AlertsView) -> AlertsOut:
    """The levels as the contract shows them."""
    return AlertsOut(
        account_id=view.account_id,
        label=view.label,
        levels_micro=list(view.levels_micro),
        low_balance_micro=list(view.alerts.low_balance_micro),
        days_left=list(view.alerts.days_left),
    )


def preferences_out(preferences: Preferences) -> PreferencesOut:
    """The choices as the contract shows them."""
    quiet = preferences.quiet
    shown = QuietOut(since_min=quiet.since_min, until_min=quiet.until_min) if quiet is not None else None
    return PreferencesOut(channels=list(preferences.channels), quiet=shown)


def preferences_of(wish: PreferencesWish) -> Preferences:
    """The choices as the business knows them."""
    quiet = Quiet(since_min=wish.quiet.since_min, until_min=wish.quiet.until_min) if wish.quiet is not None else None
    return Preferences(channels=tuple(wish.channels), quiet=quiet)
