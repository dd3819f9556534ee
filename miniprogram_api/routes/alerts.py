"""Warning levels, quiet hours, and what one was told (N1, N3)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from miniprogram_api.contract import Ask, Route
from miniprogram_api.models.alerts import (
    AlertsOut,
    AlertsWish,
    MessageOut,
    MessagesOut,
    MessagesWish,
    PreferencesOut,
    PreferencesWish,
    SubscriptionOut,
    SubscriptionsOut,
    SubscriptionsWish,
    alerts_out,
    preferences_of,
    preferences_out,
)
from miniprogram_api.models.common import from_cursor, to_cursor
from prepaid.domain.errors import Refused
from prepaid.domain.notices import Notice
from prepaid.domain.preferences import Alerts
from prepaid.usecases.set_preferences import set_alerts, set_preferences, show_preferences
from prepaid.usecases.show_alerts import show_alerts
from prepaid.usecases.show_messages import show_messages
from prepaid.usecases.subscriptions import Answer, report_answers, show_quotas

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MS_DIGITS = 15
_MS = timedelta(milliseconds=1)


async def _alerts(ask: Ask) -> AlertsOut:
    return alerts_out(await show_alerts(ask.business, ask.actor, ask.path["account_id"]))


async def _set_alerts(ask: Ask) -> AlertsOut:
    wish = ask.body(AlertsWish)
    wanted = Alerts(low_balance_micro=tuple(wish.low_balance_micro), days_left=tuple(wish.days_left))
    await set_alerts(ask.business, ask.actor, ask.path["account_id"], wanted)
    return await _alerts(ask)


async def _preferences(ask: Ask) -> PreferencesOut:
    return preferences_out(await show_preferences(ask.business, ask.actor))


async def _set_preferences(ask: Ask) -> PreferencesOut:
    wanted = preferences_of(ask.body(PreferencesWish))
    return preferences_out(await set_preferences(ask.business, ask.actor, wanted))


async def _messages(ask: Ask) -> MessagesOut:
    wish = ask.query(MessagesWish)
    found = await show_messages(ask.business, ask.actor, limit=wish.limit, before=_place(from_cursor(wish.cursor)))
    more = len(found) == wish.limit
    return MessagesOut(
        messages=[_message(ask, each) for each in found],
        next=to_cursor(f"{(found[-1].at - EPOCH) // _MS} {found[-1].id}") if more else None,
    )


async def _subscriptions(ask: Ask) -> SubscriptionsOut:
    return _left(ask, await show_quotas(ask.business, ask.actor))


async def _report(ask: Ask) -> SubscriptionsOut:
    answers = {template: Answer(verdict) for template, verdict in ask.body(SubscriptionsWish).answers.items()}
    return _left(ask, await report_answers(ask.business, ask.actor, answers, set(ask.parts.templates.values())))


def _left(ask: Ask, left: Mapping[str, int]) -> SubscriptionsOut:
    kinds: dict[str, list[str]] = {}
    for kind, template in ask.parts.templates.items():
        kinds.setdefault(template, []).append(kind)
    return SubscriptionsOut(
        subscriptions=[
            SubscriptionOut(template_id=template, kinds=sorted(names), left=left.get(template, 0))
            for template, names in kinds.items()
        ]
    )


def _place(cursor: str) -> tuple[datetime, str] | None:
    """Raises `Refused("refused.cursor")` for what no page has given."""
    if not cursor:
        return None
    at_ms, _, last = cursor.partition(" ")
    if not (at_ms.isascii() and at_ms.isdigit() and len(at_ms) < MS_DIGITS) or not last:
        raise Refused("refused.cursor")
    try:
        return EPOCH + int(at_ms) * _MS, last
    except OverflowError:
        raise Refused("refused.cursor") from None


def _message(ask: Ask, notice: Notice) -> MessageOut:
    return MessageOut(
        message_id=notice.id,
        kind=notice.kind,
        at=notice.at,
        words=ask.parts.words.notice(ask.language, notice),
        account_id=notice.account_id,
        order_id=notice.thread,
        stage=notice.stage,
    )


ROUTES = (
    Route(
        method="GET",
        path="/accounts/{account_id}/alerts",
        name="getAlerts",
        summary="From which balance on the account's people are told",
        tag="messages",
        handle=_alerts,
        answers=AlertsOut,
    ),
    Route(
        method="PUT",
        path="/accounts/{account_id}/alerts",
        name="setAlerts",
        summary="Choose the account's own warning levels",
        tag="messages",
        handle=_set_alerts,
        body=AlertsWish,
        answers=AlertsOut,
    ),
    Route(
        method="GET",
        path="/me/preferences",
        name="getPreferences",
        summary="How the person is told",
        tag="messages",
        handle=_preferences,
        answers=PreferencesOut,
    ),
    Route(
        method="PUT",
        path="/me/preferences",
        name="setPreferences",
        summary="Choose the order of channels, and quiet hours",
        tag="messages",
        handle=_set_preferences,
        body=PreferencesWish,
        answers=PreferencesOut,
    ),
    Route(
        method="GET",
        path="/me/messages",
        name="listMessages",
        summary="What the person was told, newest first",
        tag="messages",
        handle=_messages,
        query=MessagesWish,
        answers=MessagesOut,
    ),
    Route(
        method="GET",
        path="/me/subscriptions",
        name="getSubscriptions",
        summary="Subscribe messages, and for how many the person has said yes",
        tag="messages",
        handle=_subscriptions,
        answers=SubscriptionsOut,
    ),
    Route(
        method="POST",
        path="/me/subscriptions",
        name="reportSubscriptions",
        summary="What wx.requestSubscribeMessage has answered: each yes is one message more",
        tag="messages",
        handle=_report,
        body=SubscriptionsWish,
        answers=SubscriptionsOut,
    ),
)
