"""Dies by SIGKILL at a numbered point: before or after any one write through the ports, whatever lies between."""

from __future__ import annotations

import inspect
import os
import signal
from dataclasses import dataclass, field, fields, replace
from typing import Any

from prepaid.ports import Business

READS = frozenset(
    {
        "account",
        "accounts",
        "accounts_below",
        "at",
        "below",
        "by_idem",
        "cached",
        "code",
        "count_on_site",
        "cuts_since",
        "due",
        "ended_between",
        "find",
        "gateway",
        "gateways",
        "get",
        "get_many",
        "head",
        "holds",
        "in_states",
        "latest",
        "of_account",
        "of_day",
        "on_gateway",
        "on_site",
        "open_of_account",
        "paid_between",
        "site",
        "sites",
        "staff_over",
        "taken_between",
        "thread_message",
        "unanswered",
        "unsettled",
        "untold",
        "usage_by_hour",
        "waiting",
        "waiting_for_account",
        "wanted_off",
    }
)
"""Dying before or after a read leaves what the write before it left, so only writes are points. A read that is not
listed here costs time and nothing else."""


@dataclass
class Fuse:
    """Counts points and kills the process at the one that it is set to. 0 never burns."""

    at: int = 0
    passed: int = 0
    names: list[str] = field(default_factory=list)

    def point(self, name: str) -> None:
        """One point is passed."""
        self.passed += 1
        self.names.append(name)
        if self.passed == self.at:
            os.kill(os.getpid(), signal.SIGKILL)


class _Watched:
    """Stands before a port: each awaited call is two points."""

    def __init__(self, port: Any, name: str, fuse: Fuse) -> None:
        self._port, self._name, self._fuse = port, name, fuse

    def __getattr__(self, attribute: str) -> Any:
        found = getattr(self._port, attribute)
        if not inspect.iscoroutinefunction(found) or attribute in READS:
            return found

        async def call(*args: Any, **kwargs: Any) -> Any:
            self._fuse.point(f"before {self._name}.{attribute}")
            result = await found(*args, **kwargs)
            self._fuse.point(f"after {self._name}.{attribute}")
            return result

        return call


def watched(business: Business, fuse: Fuse) -> Business:
    """The same business, with every port of its store behind the fuse."""
    ports = {each.name: getattr(business.store, each.name) for each in fields(business.store)}
    store = replace(business.store, **{name: _Watched(port, name, fuse) for name, port in ports.items()})
    return replace(business, store=store)
