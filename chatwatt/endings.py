"""The certificates of this installation and when they end: those of gateways over TLS, and of Alipay.

WeChat Pay's come and go by themselves (`payments.providers`); tokens are renewed by whoever uses them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

import structlog
from cryptography import x509

from chatwatt.settings import Settings, load_alipay
from prepaid.ports import Business
from prepaid.usecases.warn_of_endings import Ending

log = structlog.get_logger()


async def endings(settings: Settings, business: Business) -> Sequence[Ending]:
    """One for each certificate file that is set up."""
    files = dict(_files(settings))
    for gateway in await business.store.sites.gateways():
        for name in ("ca_file", "certificate_file"):
            path = getattr(gateway.options, name)
            if path:
                files[f"{gateway.id} {name}"] = Path(path)
    return await asyncio.to_thread(lambda: [end for name, path in files.items() for end in _ending(name, path)])


def _files(settings: Settings) -> Iterator[tuple[str, Path]]:
    for name in ("modbus_ca_file", "modbus_certificate_file"):
        path = getattr(settings, name)
        if path:
            yield f"CHATWATT_{name.upper()}", Path(path)
    alipay = load_alipay()
    for name in ("app_certificate_file", "certificate_file", "root_certificate_file"):
        path = getattr(alipay, name)
        if path is not None:
            yield f"CHATWATT_ALIPAY_{name.upper()}", path


def _ending(name: str, path: Path) -> Iterator[Ending]:
    """A bundle ends with its last certificate. One that cannot be read is logged: the checks at the start name it."""
    try:
        found = x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError):
        log.warning("certificate_unreadable", name=name)
        return
    yield Ending(name=name, ends_at=max(each.not_valid_after_utc for each in found))
