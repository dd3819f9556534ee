"""Makes one read of two where the registers between them cost less than a second transaction (see `Pace`).

Only where the profile says that the registers between may be read: a meter that rejects one of them rejects the whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from meters.links import requests
from meters.links.requests import Request
from meters.parts import Read
from meters.profile import Profile
from meters.timing import Pace

REPLY_HEAD_BYTES = 2


@dataclass(frozen=True, slots=True)
class Ask:
    """One transaction, and the reads of the profile that it answers."""

    request: Request
    parts: tuple[tuple[int, int, int], ...]
    """The number of a read, the register of the reply at which it begins, and its length."""

    def replies(self, reply: bytes) -> Iterator[tuple[int, bytes]]:
        """The number of each read and its reply, as if it had been asked for alone."""
        for number, begin, count in self.parts:
            at = REPLY_HEAD_BYTES + 2 * begin
            yield number, bytes((reply[0], 2 * count)) + reply[at : at + 2 * count]


def asks_of(profile: Profile, pace: Pace) -> tuple[Ask, ...]:
    """The transactions of one poll."""
    numbered = sorted(enumerate(profile.reads), key=lambda each: (each[1].function, each[1].address))
    groups: list[list[tuple[int, Read]]] = []
    for number, read in numbered:
        if groups and profile.gaps_readable and _joins(groups[-1], read, profile, pace):
            groups[-1].append((number, read))
        else:
            groups.append([(number, read)])
    return tuple(_ask(group) for group in sorted(groups, key=lambda group: min(number for number, _ in group)))


def _joins(group: Sequence[tuple[int, Read]], read: Read, profile: Profile, pace: Pace) -> bool:
    first = group[0][1]
    end = max(each.address + each.count for _, each in group)
    count = max(end, read.address + read.count) - first.address
    if read.function != first.function or read.address - end > pace.gap_registers or count > profile.max_registers:
        return False
    # On RTU a late reply is told from the present one by its shape alone.
    inside = {each for _, each in group} | {read}
    return all((each.function, each.count) != (read.function, count) for each in _others(profile, inside))


def _others(profile: Profile, inside: set[Read]) -> Iterator[Read]:
    yield from (each for each in (*profile.reads, *profile.slow_reads) if each not in inside)


def _ask(group: Sequence[tuple[int, Read]]) -> Ask:
    first = group[0][1]
    count = max(read.address + read.count for _, read in group) - first.address
    parts = tuple((number, read.address - first.address, read.count) for number, read in group)
    return Ask(requests.read(first.function, first.address, count), parts)
