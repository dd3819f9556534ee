"""Ties a program to the life of whoever started it, then becomes that program.

Run as `python -I -S leash.py PARENT_PID PROGRAM ARGUMENTS...`. A program of its own rather than code between fork and
exec, because the parent has threads, and a fork of those may hold locks that nobody will ever release.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Asks the kernel for SIGKILL on the parent's death and replaces this process.

    SIGKILL, because after SIGTERM a store may wait without end for a blocked writer, while what it acknowledged
    survives being killed.
    """
    parent_pid, program = int(sys.argv[1]), sys.argv[2]
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent_pid:
        # The parent died before the kernel was asked.
        sys.exit(1)
    os.execv(program, sys.argv[2:])  # noqa: S606


if __name__ == "__main__":
    main()
