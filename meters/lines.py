"""How one meter on a bus is doing: when to ask it next, how long to wait, how to stand back from a dead one."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from meters.profile import Profile
from prepaid.domain.metering import Meter

OFFLINE_AFTER = 2
"""Failures in a row."""
_RTT_SHARE = 0.2
_RTT_MARGIN = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BusSettings:
    """Times of one bus. The defaults suit 9600 baud."""

    reply_timeout_s: float = 1.5
    """Longer than the gateway's own timeout, or its exception 0x0B comes after we stopped waiting."""
    shortest_timeout_s: float | None = None
    """On transparent links a healthy meter gets four times its usual time, and at least this. None: never adapt."""
    retry_s: float = 1.0
    backoff_first_s: float = 2.0
    backoff_most_s: float = 300.0
    jitter: float = 0.2
    probe_share: float = 0.1
    """Dead meters get at most this share of the bus."""
    reconnect_first_s: float = 0.5
    reconnect_most_s: float = 30.0
    connect_timeout_s: float = 3.0
    hold_s: float = 0.1
    """A poll does not start when a command or read-back is ready within this time."""
    last_look_s: float = 2.0
    suspect_every_s: float = 30.0
    """When every meter is silent the connection itself is suspect: it is renewed, at most this often."""


def spread(delay_s: float, jitter: float) -> float:
    """A delay with jitter, so that many that failed together do not return together."""
    return delay_s * random.uniform(1 - jitter, 1 + jitter)  # noqa: S311  # Nothing secret depends on it.


@dataclass(slots=True, eq=False)
class Line:
    """One meter on the bus."""

    meter: Meter
    profile: Profile
    due: float
    failures: int = 0
    rtt_s: float = 0.25
    replies: list[tuple[int, ...]] = field(default_factory=list)
    """What the reads of the poll under way have brought so far."""
    trusted: bool = True
    """False while the checks of its profile fail: neither read nor switched, somebody must look (S11)."""

    @property
    def unit(self) -> int:
        """Its address."""
        return self.meter.unit

    @property
    def offline(self) -> bool:
        """Whether it is only probed."""
        return self.failures >= OFFLINE_AFTER

    def timeout_s(self, settings: BusSettings) -> float:
        """How long to wait for a poll's reply."""
        shortest_s = settings.shortest_timeout_s
        if shortest_s is None or self.failures:
            return settings.reply_timeout_s
        return min(settings.reply_timeout_s, max(shortest_s, _RTT_MARGIN * self.rtt_s))

    def answered(self, took_s: float) -> None:
        """A frame came back."""
        self.rtt_s += _RTT_SHARE * (took_s - self.rtt_s)
        self.failures = 0

    def polled(self, now: float) -> None:
        """All reads of a poll are in."""
        self.replies.clear()
        self.due = max(self.due + self.meter.poll_every_s, now)

    def forgive(self, now: float) -> None:
        """The gateway was away: what was counted against the meter was not its doing."""
        self.failures = min(self.failures, OFFLINE_AFTER - 1)
        self.due = min(self.due, now)

    def failed(self, now: float, settings: BusSettings) -> None:
        """No answer: once more soon, then from further and further away."""
        self.failures += 1
        self.replies.clear()
        if self.offline:
            doubled_s = settings.backoff_first_s * 2 ** min(self.failures - OFFLINE_AFTER, 20)
            self.due = now + spread(min(doubled_s, settings.backoff_most_s), settings.jitter)
        else:
            self.due = now + min(settings.retry_s, self.meter.poll_every_s)
