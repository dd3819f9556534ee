"""A bus of simulated meters of any model, for trying out: on a port, on a serial line, or dialling in."""

from __future__ import annotations

import argparse
import json
from contextlib import AsyncExitStack

from chatwatt.house import until_signal
from meters.profile import Board, Profile
from meters.profiles import load_board
from prepaid.domain.errors import Refused
from sandbox.meters import SandboxBoard, SandboxGateway
from sandbox.meters_dial_in import DialIn, SandboxDialIn
from sandbox.meters_http import SandboxControl
from sandbox.meters_load import HOME
from sandbox.meters_serial import SandboxSerial

LAST_UNIT = 247
MOST_TEXT = 40
"""The longest registration or heartbeat that a DTU sends."""


def add(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("name", metavar="NAME", help="the model")
    parser.add_argument("--meters", type=int, default=4, metavar="N", help="how many, at addresses 1 to N (4)")
    parser.add_argument("--board", metavar="NAME", help="a relay board as well, at the address after the last meter")
    parser.add_argument("--port", type=int, default=0, metavar="N", help="listen here; 0 takes a free port")
    parser.add_argument("--rtu", action="store_true", help="RTU over TCP instead of Modbus TCP")
    parser.add_argument("--serial", action="store_true", help="on a serial line as well, whose path is printed")
    parser.add_argument("--dial", metavar="HOST:PORT", help="dial in there as a DTU as well")
    parser.add_argument("--registration", default="SIMULATED", metavar="TEXT", help="what a DTU says when it connects")
    parser.add_argument("--heartbeat", default="", metavar="TEXT", help="what it says every 30 seconds")
    parser.add_argument("--baud", type=int, metavar="N", help="speed of the bus; 0 is at once; default the model's own")
    parser.add_argument("--speed", type=float, default=1.0, metavar="X", help="how many times faster loads run (1)")
    parser.add_argument("--control", type=int, default=0, metavar="N", help="port of the control over HTTP")


async def run(arguments: argparse.Namespace, profile: Profile) -> None:
    """Until SIGINT or SIGTERM. Prints one line of JSON with where everything is."""
    _sound(arguments)
    dialled = arguments.dial is not None or arguments.serial
    gateway = SandboxGateway(
        profile=profile,
        units=range(1, arguments.meters + 1),
        baud=profile.serial.baud if arguments.baud is None else arguments.baud,
        framing="rtu" if arguments.rtu or dialled else "mbap",
        speed=arguments.speed,
    )
    for meter in gateway.meters:
        meter.curve = HOME
    if arguments.board:
        gateway.add(_wired(gateway, load_board(arguments.board), arguments.meters))
    async with until_signal() as stop, AsyncExitStack() as ends:
        ends.push_async_callback(gateway.stop)
        print(json.dumps(await _open(arguments, gateway, ends)), flush=True)
        await stop.wait()


def _sound(arguments: argparse.Namespace) -> None:
    host, _, port = (arguments.dial or "x:1").rpartition(":")
    texts = (arguments.registration, arguments.heartbeat)
    wrong = (
        not 1 <= arguments.meters < LAST_UNIT
        or not (host and port.isdecimal())
        or any(len(each) > MOST_TEXT for each in texts)
        or arguments.speed <= 0
    )
    if wrong:
        raise Refused("refused.profile_simulation", most=LAST_UNIT - 1, longest=MOST_TEXT)


def _wired(gateway: SandboxGateway, board: Board, meters: int) -> SandboxBoard:
    """Each meter behind one relay, as far as there are relays."""
    device = SandboxBoard(board, meters + 1)
    for channel, meter in zip(board.channels.numbers, gateway.meters, strict=False):
        device.wire(channel, meter)
    return device


async def _open(arguments: argparse.Namespace, gateway: SandboxGateway, ends: AsyncExitStack) -> dict[str, object]:
    """Opens every way to the bus that was asked for, and says where each is."""
    where: dict[str, object] = {"port": await gateway.start(port=arguments.port), "framing": gateway.framing}
    control = SandboxControl(gateway)
    where["control"] = f"http://127.0.0.1:{await control.start(arguments.control)}"
    ends.push_async_callback(control.stop)
    if arguments.serial:
        line = SandboxSerial(gateway)
        where["serial"] = line.start()
        ends.callback(line.stop)
    if arguments.dial is not None:
        host, _, port = arguments.dial.rpartition(":")
        settings = DialIn(registration=arguments.registration.encode(), heartbeat=arguments.heartbeat.encode())
        dialler = SandboxDialIn(gateway, host, int(port), settings)
        dialler.start()
        ends.push_async_callback(dialler.stop)
        where["dials"] = arguments.dial
    return where
