"""Counts of requests by operation and status. Labels are fixed words: no ids, no secrets (A7)."""

from __future__ import annotations

from prometheus_client import Counter

REQUESTS = Counter("chatwatt_api_requests", "Requests to the API, by operation and status", ["operation", "status"])
