"""From when on an account's people are told that credit runs low, and when the asker wants quiet (N1, N3)."""

from __future__ import annotations

from dataclasses import dataclass

from prepaid.domain.access import Action, Actor
from prepaid.domain.preferences import Alerts, Quiet
from prepaid.ports import Business
from prepaid.usecases.authorize import reach_account, site_of
from prepaid.usecases.set_preferences import show_preferences
from prepaid.usecases.subscriptions import show_quotas


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertsView:
    """`levels_micro` are in force, the account's own or the site's; `alerts` are the account's own choices."""

    account_id: str
    label: str
    alerts: Alerts
    levels_micro: tuple[int, ...]
    quiet: Quiet | None
    messages_left: int | None = None
    """How many WeChat subscription messages the actor has still agreed to; None for who was never asked."""


async def show_alerts(business: Business, actor: Actor, account_id: str) -> AlertsView:
    """The account's levels and the actor's own quiet hours."""
    account = await reach_account(business, actor, account_id, Action.SEE_ACCOUNT)
    site = await site_of(business, account)
    preferences, left = await show_preferences(business, actor), await show_quotas(business, actor)
    return AlertsView(
        account_id=account.id,
        label=account.label,
        alerts=account.alerts,
        levels_micro=account.low_levels(site),
        quiet=preferences.quiet,
        messages_left=sum(left.values()) if left else None,
    )
