"""`make fuzz`: the readers of what payment providers send, fuzzed by coverage for so many seconds (default 60).

What breaks a reader is written beside the call as `crash-...` and shown; then the exit is not zero.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any


def main(seconds: int) -> None:
    """Runs until the time is up or something breaks; atheris ends the process."""
    atheris: Any = import_module("atheris")
    with atheris.instrument_imports(include=["payments"]):
        readers = import_module("tests.fuzz.readers")
    names = sorted(readers.READERS)

    def one(data: bytes) -> None:
        if data:
            readers.read(names[data[0] % len(names)], data[1:])

    with TemporaryDirectory() as corpus:
        for number, seed in enumerate(readers.SEEDS):
            for place in range(len(names)):
                Path(corpus, f"{number}-{place}").write_bytes(bytes([place]) + seed)
        options = [f"-max_total_time={seconds}", "-max_len=8192", "-timeout=10", "-print_final_stats=1"]
        atheris.Setup([sys.argv[0], *options, corpus], one)
        atheris.Fuzz()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 60)
