"""How one meter on a bus is doing: when to ask it next, how long to wait, how to stand back from a dead one."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from meters.links import requests
from meters.links.requests import Request
from meters.parts import Measures
from meters.profile import Profile
from meters.ranges import Ask, asks_of
from meters.timing import Pace
from prepaid.domain.metering import Meter

OFFLINE_AFTER = 2
"""Failures in a row."""
PATIENT_EVERY = 3
"""Every so many probes wait the full time, in case the meter is not dead but slow."""
PROBE_REGISTERS = 2
"""Even, because some models refuse odd counts."""
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
    """Dead meters get at most this share of a bus that has time left."""
    busy_probe_share: float = 0.02
    """And this share while living meters wait for their turn."""
    scan_share: float = 0.1
    """What a scan may take of a full bus; where nobody is due, it takes what is left."""
    reconnect_first_s: float = 0.5
    reconnect_most_s: float = 30.0
    connect_timeout_s: float = 3.0
    hold_s: float = 0.1
    """A poll does not start when a command or read-back is ready within this time."""
    last_look_s: float = 2.0
    slow_every_s: float = 900.0
    """Between two readings of what is wanted now and then only."""
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
    pace: Pace
    due: float
    every_s: float = 60.0
    """Between two polls now: what the meter is set to, or less while its account is near zero."""
    near_zero: bool = False
    failures: int = 0
    heard: bool = False
    """Whether it has ever answered on this bus. One that never did is more likely absent than disturbed."""
    refuses: bool = False
    """It answers, but not what it is asked: its model or its map is not what we think."""
    rtt_s: float | None = None
    asked: int = 0
    """Transactions of the poll under way that are answered."""
    replies: dict[int, bytes] = field(default_factory=dict)
    """What they have brought, by the number of the profile's read."""
    trusted: bool = True
    """False while the checks of its profile fail: neither read nor switched, somebody must look (S11)."""
    serial: str | None = None
    """The number that the device itself gave since the connection opened."""
    identified: bool = False
    slow_due: float = 0.0
    slow: Mapping[Measures, int] = field(default_factory=dict)
    """What the slow reads brought last."""
    slow_replies: list[bytes] = field(default_factory=list)
    probe: Request = field(init=False)
    asks: tuple[Ask, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.probe = probe_of(self.profile)
        self.asks = asks_of(self.profile, self.pace)
        self.slow_due = self.due

    @property
    def unit(self) -> int:
        """Its address."""
        return self.meter.unit

    @property
    def offline(self) -> bool:
        """Whether it is lost."""
        return self.failures >= OFFLINE_AFTER

    @property
    def next_at(self) -> float:
        """When something of it is due."""
        slow = self.profile.slow_reads and not self.failures
        return min(self.due, self.slow_due) if slow else self.due

    @property
    def wrong_device(self) -> bool:
        """Whether another device than the one that was bound answers at this address."""
        return self.meter.serial is not None and self.serial is not None and self.meter.serial != self.serial

    @property
    def sure(self) -> bool:
        """Whether it may be switched: it passed its checks and is the device that was bound (S11)."""
        unknown = self.meter.serial is not None and self.profile.identity is not None and not self.identified
        return self.trusted and not unknown and not self.wrong_device

    @property
    def poll_s(self) -> float:
        """What one poll takes of the bus."""
        return sum(self.pace.transaction_s(ask.request) for ask in self.asks)

    @property
    def probed(self) -> bool:
        """Whether it is asked only in the time that dead meters have."""
        return self.failures > 0 and (self.offline or not self.heard)

    def timeout_s(self, settings: BusSettings, request: Request) -> float:
        """How long to wait for a reply."""
        shortest_s = settings.shortest_timeout_s
        patient = self.failures % PATIENT_EVERY == 0 if self.probed else self.failures > 0
        if shortest_s is None or patient:
            return settings.reply_timeout_s
        usual_s = max(self.rtt_s or 0.0, self.pace.transaction_s(request))
        return min(settings.reply_timeout_s, max(shortest_s, _RTT_MARGIN * usual_s))

    def answered(self, took_s: float) -> None:
        """A frame came back."""
        self.rtt_s = took_s if self.rtt_s is None else self.rtt_s + _RTT_SHARE * (took_s - self.rtt_s)
        self.heard = True
        self.refuses = False
        self.failures = 0

    def found(self, now: float) -> None:
        """A probe was answered: the meter lives and is read at once."""
        self.heard = True
        self.failures = 0
        self.due = min(self.due, now)

    def polled(self, now: float) -> None:
        """All reads of a poll are in."""
        self.begin()
        self.due = max(self.due + self.every_s, now)

    def begin(self) -> None:
        """The next poll starts from its first read."""
        self.asked = 0
        self.replies.clear()
        self.slow_replies.clear()

    def reconnected(self) -> None:
        """A new connection: who answers behind it is to be asked again."""
        self.begin()
        self.identified = False

    def paced(self, every_s: float, *, near_zero: bool) -> None:
        """How often it is read from now on."""
        if every_s < self.every_s and not self.probed:
            self.due = min(self.due, self.due - self.every_s + every_s)
        self.every_s, self.near_zero = every_s, near_zero

    def forgive(self, now: float) -> None:
        """The gateway was away: what was counted against the meter was not its doing."""
        if self.heard:
            self.failures = min(self.failures, OFFLINE_AFTER - 1)
        self.due = min(self.due, now)

    def failed(self, now: float, settings: BusSettings) -> None:
        """No answer: once more soon, then from further and further away."""
        self.failures += 1
        self.begin()
        if self.offline:
            doubled_s = settings.backoff_first_s * 2 ** min(self.failures - OFFLINE_AFTER, 20)
            self.due = now + spread(min(doubled_s, settings.backoff_most_s), settings.jitter)
        else:
            self.due = now + min(settings.retry_s, self.every_s)


def probe_of(profile: Profile) -> Request:
    """A short read, told from every other by its shape; the first read of the poll where there is none."""
    first = profile.reads[0]
    taken: set[tuple[int, int]] = {(read.function, read.count) for read in profile.reads}
    taken |= {(read.function, read.count) for read in profile.slow_reads}
    if profile.switch is not None:
        back = profile.switch.read_back.request
        taken.add((back.pdu[0], int.from_bytes(back.pdu[3:5], "big")))
    if first.count <= PROBE_REGISTERS or (first.function, PROBE_REGISTERS) in taken:
        return first.request
    return requests.read(first.function, first.address, PROBE_REGISTERS)
