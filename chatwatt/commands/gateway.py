"""`chatwatt gateway`: says how gateways are reached, and shows how they are."""

from __future__ import annotations

import argparse
from dataclasses import fields

from chatwatt.settings import load
from chatwatt.wiring import open_runtime
from meters.links.files import TlsFiles
from meters.links.opening import TRANSPORTS, Ways
from prepaid.domain.access import Actor
from prepaid.domain.metering import Gateway, LinkOptions
from prepaid.usecases.describe_gateway import describe_gateway

OPERATOR = Actor(id="gateway", system=True)
"""Whoever may run this command on the server's own shell may do anything there."""
_ABOUT = {
    "device": "serial port, such as /dev/ttyUSB0",
    "form": "data bits, parity and stop bits of the serial port; default 8N1",
    "ca_file": "who must have signed the gateway's certificate, PEM",
    "certificate_file": "our certificate, PEM",
    "key_file": "its key, PEM",
    "server_name": "the name in the gateway's certificate, if it is not its host",
    "caller_id": "what a unit that dials in calls itself, if it is not the gateway's id",
}


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declares the command."""
    parser = commands.add_parser("gateway", help="say how a gateway is reached, or list them all")
    parser.add_argument("gateway", nargs="?", metavar="ID", help="its id; without one all gateways are listed")
    parser.add_argument("--site", default="", help="the site that it belongs to")
    parser.add_argument("--transport", choices=sorted(TRANSPORTS), default="tcp")
    parser.add_argument("--host", default="", help="its name or address")
    parser.add_argument("--port", type=int, default=0, help="its port; without one the usual port of the transport")
    parser.add_argument("--baud", type=int, default=9600, help="of the bus behind it")
    for option in fields(LinkOptions):
        flag = f"--{option.name.replace('_', '-')}"
        parser.add_argument(flag, default=option.default, help=_ABOUT[option.name])
    parser.set_defaults(run=run)


async def run(arguments: argparse.Namespace) -> int:
    """0 when it was written or listed; what is wrong is told as trouble."""
    settings = load()
    async with open_runtime(settings, beside=True) as runtime:
        if arguments.gateway is None:
            for gateway in await runtime.store.sites.gateways():
                print("\t".join(_row(gateway)))
            return 0
        gateway = _described(arguments)
        common = TlsFiles(
            ca_file=settings.modbus_ca_file,
            certificate_file=settings.modbus_certificate_file,
            key_file=settings.modbus_key_file,
        )
        Ways(tls=common).check(gateway)
        await describe_gateway(runtime.business({}), OPERATOR, gateway)
    print("\t".join(_row(gateway)))
    return 0


def _described(arguments: argparse.Namespace) -> Gateway:
    return Gateway(
        id=arguments.gateway,
        site_id=arguments.site,
        transport=arguments.transport,
        host=arguments.host,
        port=arguments.port,
        baud=arguments.baud,
        options=LinkOptions(**{option.name: getattr(arguments, option.name) for option in fields(LinkOptions)}),
    )


def _row(gateway: Gateway) -> tuple[str, ...]:
    where = gateway.options.device or gateway.options.caller_id or f"{gateway.host}:{gateway.port}"
    return gateway.id, gateway.site_id, gateway.transport, where, str(gateway.baud)
