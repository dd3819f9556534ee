"""Counts of what providers send us, by outcome. Labels are fixed words: no ids, no secrets."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

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
CERTIFICATE_ENDS = Gauge(
    "chatwatt_payment_certificate_ends",
    "When the last of a provider's platform certificates ends, in seconds since 1970",
    ["provider"],
)
REFUNDS_STUCK = Counter(
    "chatwatt_payment_refunds_stuck",
    "Answers that say that a refund did not reach the payer and waits for a person at the merchant platform",
    ["provider"],
)
