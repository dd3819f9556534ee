"""Modbus/TCP Security: Modbus TCP in TLS with certificates on both sides, port 802 (MB-TCP-Security v36).

A reply may come in several TLS records; the link puts them together, as it does with segments.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from meters.links import files
from meters.links.files import TlsFiles
from meters.links.link import Link
from meters.links.mbap import MbapLink
from meters.links.tcp import connect
from prepaid.domain.metering import Gateway

SECURE_PORT = 802


def tls_opener(gateway: Gateway, common: TlsFiles, *, timeout_s: float) -> Callable[[], Awaitable[Link]]:
    """Opens links to a gateway, with its own files or the `common` ones. Raises `Refused` when they are of no use."""
    options = gateway.options
    context = files.calling(
        TlsFiles(
            ca_file=options.ca_file or common.ca_file,
            certificate_file=options.certificate_file or common.certificate_file,
            key_file=options.key_file or common.key_file,
        )
    )
    return lambda: connect(
        gateway.host,
        gateway.port or SECURE_PORT,
        timeout_s=timeout_s,
        make=MbapLink,
        tls=context,
        server_name=options.server_name or gateway.host,
    )
