"""What a benchmark is: a file with a `run` that gives figures, and the limits that they are held against."""

from __future__ import annotations

import asyncio
import importlib
import json
import pkgutil
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import bench
from chatwatt.memory import settle_memory

Figures = Mapping[str, int | float]
Side = Literal["<=", ">="]


@dataclass(frozen=True, slots=True)
class Limit:
    """What a figure is held against."""

    side: Side
    value: float

    def holds(self, figure: float) -> bool:
        """Whether the figure is on the right side."""
        return figure <= self.value if self.side == "<=" else figure >= self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """One file of this folder."""

    name: str
    about: str
    run: Callable[..., Awaitable[Figures]]
    limits: Mapping[str, Limit]
    takes_peers: bool = False
    """Whether it can measure other programs beside ours."""


def names() -> tuple[str, ...]:
    """Every benchmark: each file here whose name does not begin with an underscore."""
    return tuple(sorted(each.name for each in pkgutil.iter_modules(bench.__path__) if not each.name.startswith("_")))


def load(name: str) -> Benchmark:
    """The benchmark of that name."""
    module = importlib.import_module(f"bench.{name}")
    about = (module.__doc__ or "").strip().splitlines()[0]
    takes_peers = getattr(module, "TAKES_PEERS", False)
    return Benchmark(name=name, about=about, run=module.run, limits=module.LIMITS, takes_peers=takes_peers)


def measure(benchmark: Benchmark, *, peers: bool = False) -> Figures:
    """Runs it on the product's loop and memory settings; with `peers`, other programs in the same run where it can."""
    settle_memory()
    return _on_loop(_figures(benchmark, peers=peers))


async def _figures(benchmark: Benchmark, *, peers: bool) -> Figures:
    return await (benchmark.run(peers=peers) if benchmark.takes_peers else benchmark.run())


def _on_loop(work: Coroutine[Any, Any, Figures]) -> Figures:
    try:
        import uvloop  # noqa: PLC0415 - where the product has no fast loop, its benchmarks have none either
    except ImportError:
        return asyncio.run(work)
    return uvloop.run(work)


def as_json(benchmark: Benchmark, figures: Figures) -> str:
    """One line."""
    return json.dumps({"bench": benchmark.name, **figures})


def as_table(benchmark: Benchmark, figures: Figures) -> str:
    """A table for people."""
    rows = [
        f"  {key:<{_width(figures)}}  {shown(value):>12}{_verdict(benchmark, key, value)}"
        for key, value in figures.items()
    ]
    return "\n".join([f"{benchmark.name}: {benchmark.about}", *rows])


def shown(value: float) -> str:
    """A figure with as many digits as it deserves."""
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.3g}"


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of the values do not exceed (nearest rank)."""
    if not values:
        raise ValueError("no values")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -(-int(share * len(ordered) * 1000) // 1000) - 1))]


def _width(figures: Figures) -> int:
    return max(len(key) for key in figures)


def _verdict(benchmark: Benchmark, key: str, value: float) -> str:
    limit = benchmark.limits.get(key)
    if limit is None:
        return ""
    return f"   {'ok' if limit.holds(value) else 'MISSED'} ({limit.side} {shown(limit.value)})"
