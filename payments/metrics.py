"""Counts of what providers send us, by outcome. Labels are fixed words: no ids, no secrets."""

from __future__ import annotations

from prometheus_client import Counter

NOTIFICATIONS = Counter(
    "chatwatt_payment_notifications",
    "Notifications received, by provider and outcome",
    ["provider", "outcome"],
)
CALLS = Counter(
    "chatwatt_payment_calls",
    "Requests to payment providers, by provider, operation and outcome",
    ["provider", "operation", "outcome"],
)
