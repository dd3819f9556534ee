"""`python -m bench [NAME ...] [--json] [--peers]` measures; without a name it measures everything in turn."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from bench import _frame
from chatwatt import logs


def main(argv: Sequence[str] | None = None) -> int:
    """Returns 0 when everything was measured; a missed limit is shown and fails nothing."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    if unknown := sorted(set(arguments.names) - set(_frame.names())):
        parser.error(f"no such benchmark: {', '.join(unknown)}")
    if arguments.list:
        for name in _frame.names():
            print(f"{name:<16} {_frame.load(name).about}")
        return 0
    logs.configure(level="DEBUG" if arguments.verbose else "ERROR")
    show = _frame.as_json if arguments.json else _frame.as_table
    for name in arguments.names or _frame.names():
        benchmark = _frame.load(name)
        print(show(benchmark, _frame.measure(benchmark, peers=arguments.peers)), flush=True)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measures chatwatt on this machine.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="what to measure; everything without one")
    parser.add_argument("--json", action="store_true", help="one line of JSON for each benchmark")
    parser.add_argument("--peers", action="store_true", help="measure other programs beside ours, where there are any")
    parser.add_argument("--list", action="store_true", help="list the benchmarks")
    parser.add_argument("--verbose", action="store_true", help="show the product's log on standard error")
    return parser


if __name__ == "__main__":
    sys.exit(main())
