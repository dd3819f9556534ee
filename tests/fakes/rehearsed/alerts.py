"""Alerts on the stage: room 101 has the site's levels, room 102 its own."""

from __future__ import annotations

from typing import Any

from bot.conversations.topics.alerts import SetAlerts, SetQuiet, ShowAlerts
from prepaid.domain.preferences import Alerts, Quiet, check_quiet, checked_alerts
from prepaid.usecases.show_alerts import AlertsView
from tests.fakes.rights import EVERYBODY, OPERATES, SEES, TENANT, free, right

OWN = Alerts(low_balance_micro=(30_000_000, 10_000_000), days_left=(3,))


def _alerts(stage: Any, user: str, effect: ShowAlerts) -> AlertsView:
    del user
    own = stage.alerts.get(effect.account_id, OWN if effect.account_id == "a102" else Alerts())
    return AlertsView(
        account_id=effect.account_id,
        label=stage.rooms[effect.account_id].label,
        alerts=own,
        levels_micro=own.low_balance_micro or (20_000_000, 5_000_000),
        quiet=Quiet(since_min=22 * 60, until_min=7 * 60) if effect.account_id == "a102" else None,
        messages_left=2 if effect.account_id == "a102" else None,
    )


def _set(stage: Any, user: str, effect: SetAlerts) -> Alerts:
    del user
    stage.alerts[effect.account_id] = checked_alerts(effect.alerts)
    alerts: Alerts = stage.alerts[effect.account_id]
    return alerts


def _quiet(stage: Any, user: str, effect: SetQuiet) -> None:
    del stage, user
    if effect.quiet is not None:
        check_quiet(effect.quiet)


ANSWERS = {ShowAlerts: _alerts, SetAlerts: _set, SetQuiet: _quiet}
SCRIPTS = {
    "alerts": (
        ("anna", "余额提醒"),
        ("anna", "很少"),
        ("anna", "30元、10元和3天"),
        ("ben", "alerts"),
        ("ben", "default"),
        ("ben", "alerts 99 days"),
        ("ben", "warn me below 15"),
    ),
    "quiet": (
        ("anna", "免打扰"),
        ("anna", "晚上"),
        ("anna", "22点到7点30"),
        ("ben", "quiet hours 25-7"),
        ("ben", "quiet off"),
    ),
}
RIGHTS = (
    right("alerts", lambda on: ShowAlerts(account_id=on.account_id), SEES),
    right("alerts", lambda on: SetAlerts(account_id=on.account_id, alerts=OWN), TENANT | OPERATES),
    free("quiet", lambda _: SetQuiet(quiet=None), EVERYBODY),
)
