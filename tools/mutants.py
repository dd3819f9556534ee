"""`make mutants`: changes the rules in small ways, one at a time, and counts how many changes the tests notice."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

LEAST_PERCENT = 85
LINE = re.compile(r"^\s*(?P<module>prepaid\.domain\.[a-z_.]+?)\.x[_ǁ].*: (?P<state>.+)$")
NOTICED = {"killed", "timeout", "caught by type check", "suspicious"}
"""A change that makes a test run for ever is noticed too."""


def main() -> int:
    """0 when at least 85 % are noticed in every file."""
    mutmut = Path(sys.executable).with_name("mutmut")
    ran = subprocess.run([mutmut, "run", "--max-children", "2"], check=False, stdout=subprocess.PIPE)  # noqa: S603
    answer = subprocess.run([mutmut, "results", "--all", "true"], check=False, stdout=subprocess.PIPE, text=True)  # noqa: S603
    noticed, total = _count(answer.stdout)
    if not total:
        sys.stdout.write(ran.stdout.decode(errors="replace")[-2000:])
        return 1
    for module in sorted(total):
        sys.stdout.write(f"{module:<40} {noticed[module]:>5}/{total[module]:<5} {_percent(noticed, total, module)} %\n")
    sys.stdout.write(f"killed/total {sum(noticed.values())}/{sum(total.values())}\n")
    return 0 if all(_percent(noticed, total, module) >= LEAST_PERCENT for module in total) else 1


def _count(lines: str) -> tuple[Counter[str], Counter[str]]:
    noticed: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for line in lines.splitlines():
        match = LINE.match(line)
        if match is not None:
            total[match["module"]] += 1
            noticed[match["module"]] += match["state"] in NOTICED
    return noticed, total


def _percent(noticed: Counter[str], total: Counter[str], module: str) -> int:
    return 100 * noticed[module] // total[module]


if __name__ == "__main__":
    raise SystemExit(main())
