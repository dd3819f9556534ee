"""`make mutants`: changes the rules in small ways, one at a time, and counts how many changes the tests notice.

`make mutants ARGS='ledger tariffs'` does so for some of the rules. Afterwards `mutmut results` names what no test
noticed and `mutmut show NAME` shows the change.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

LEAST_PERCENT = 85
TARGETS = ("ledger", "metering", "supply", "tariffs")
MOST_S = 30 * 60
"""For the changes of one target; on two idle cores each takes a few minutes."""
LINE = re.compile(r"^\s*prepaid\.domain\.(?P<target>[a-z_]+)(?:\.(?P<file>[a-z_]+))?\.x[_ǁ].*: (?P<state>.+)$")
KILLED = {"killed", "timeout"}
"""A change that makes a test run for ever is noticed too."""
ROW = "{:<24} {:>5}/{:<5} {:>3} %\n"


def main() -> int:
    """0 when at least 85 % are noticed in every target that was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*", help=f"some of {', '.join(TARGETS)}; all without")
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args()
    targets = asked.targets or TARGETS
    if unknown := set(targets) - set(TARGETS):
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    # What an earlier run knew of the tests may be wrong by now.
    shutil.rmtree("mutants", ignore_errors=True)
    counts = [count for target in targets if (count := _measure(target, asked.jobs))]
    if len(counts) < len(targets):
        return 1
    sys.stdout.write("\n")
    for killed, total, target in counts:
        sys.stdout.write(ROW.format(target, killed, total, 100 * killed // total))
    killed, total = (sum(count[place] for count in counts) for place in (0, 1))
    sys.stdout.write(f"killed/total {killed}/{total}\n")
    return 0 if all(100 * killed >= LEAST_PERCENT * total for killed, total, _ in counts) else 1


def _measure(target: str, jobs: int) -> tuple[int, int, str] | None:
    """Killed and total of one target, each of its files told at once; None if it could not be measured."""
    ran = _mutmut("run", "--max-children", str(jobs), f"prepaid.domain.{target}.*")
    killed, total = _count(_mutmut("results", "--all", "true").stdout, target)
    if ran.returncode or not total:
        sys.stdout.write(ran.stdout[-2000:])
        return None
    for file in sorted(total):
        sys.stdout.write(ROW.format(file, killed[file], total[file], 100 * killed[file] // total[file]))
        sys.stdout.flush()
    return killed.total(), total.total(), target


def _mutmut(*words: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("mutmut")
    return subprocess.run(  # noqa: S603 - our own command
        [program, *words], check=False, stdout=subprocess.PIPE, text=True, errors="replace", timeout=MOST_S
    )


def _count(lines: str, target: str) -> tuple[Counter[str], Counter[str]]:
    killed: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for line in lines.splitlines():
        match = LINE.match(line)
        if match is not None and match["target"] == target:
            file = "/".join(part for part in (match["target"], match["file"]) if part) + ".py"
            total[file] += 1
            killed[file] += match["state"] in KILLED
    return killed, total


if __name__ == "__main__":
    raise SystemExit(main())
