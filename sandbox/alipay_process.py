"""The Alipay sandbox as a process of its own: `python -m sandbox.alipay_process --data var/sandbox`.

It prints where it listens, and runs until it is interrupted. Its keys lie in the folder, for the owner's eyes only; a
production start refuses them.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from sandbox.alipay import SandboxAlipay


async def serve(data: Path, port: int, retry_scale: float) -> None:
    """Runs until SIGINT or SIGTERM."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with SandboxAlipay(keys_dir=data, port=port, retry_scale=retry_scale) as sandbox:
        sys.stdout.write(f"{sandbox.base_url}\n")
        sys.stdout.flush()
        await stop.wait()


def main(argv: Sequence[str] | None = None) -> int:
    """Reads the options and serves."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.alipay_process", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("var/sandbox"), help="folder of keys and trades")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument(
        "--retry-scale", type=float, default=1 / 60, help="1 is the real schedule; 1/60: a minute is 1 s"
    )
    arguments = parser.parse_args(argv)
    asyncio.run(serve(arguments.data, arguments.port, arguments.retry_scale))
    return 0


if __name__ == "__main__":
    sys.exit(main())
