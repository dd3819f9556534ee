"""What of this installation ends by itself, at a time that can be known, for `prepaid.usecases.warn_of_endings`.

Certificate files (gateways over TLS, ports that units call, Alipay, the stores), WeChat Pay's platform certificates,
and the certificate that the world meets at the public address. What cannot be known is not here: WeChat Pay's merchant
certificate, of which we hold the serial number and the key alone. Tokens are renewed by whoever uses them.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol, runtime_checkable
from urllib.parse import parse_qs, urlsplit

import structlog
from cryptography import x509
from pydantic import SecretStr

from chatwatt.settings import Settings, load_alipay
from meters.dial_in_file import tls_files
from prepaid.domain.errors import Refused, Trouble
from prepaid.ports import Business
from prepaid.usecases.warn_of_endings import Ending

log = structlog.get_logger()

LOOK_S = 10.0
"""How long the public address may take to show its certificate."""
_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
_MONGODB = (("tlsCAFile", False), ("tlsCertificateKeyFile", True))
_REDIS = (("ssl_ca_certs", False), ("ssl_certfile", True))


@runtime_checkable
class DatedProvider(Protocol):
    """A provider whose own keys come and go by themselves."""

    @property
    def name(self) -> str: ...

    async def keys_end_at(self) -> datetime | None:
        """When the last of them ends that is known; None where there is nothing that ends."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateFile:
    """A file that is set up.

    `chain`: it is shown whole to the other side, so its first end is the end. Otherwise it is a list of those who are
    believed, and a newer one behind an older is how they change.
    """

    name: str
    path: Path
    chain: bool


async def endings(settings: Settings, business: Business) -> Sequence[Ending]:
    """One for each thing that is set up and ends, and for each certificate file that cannot be read."""
    files = [*_of_settings(settings), *_of_stores(settings), *_of_alipay()]
    for gateway in await business.store.sites.gateways():
        for name, chain in (("ca_file", False), ("certificate_file", True)):
            path = getattr(gateway.options, name)
            if path:
                files.append(CertificateFile(name=f"{gateway.id} {name}", path=Path(path), chain=chain))
    found = await asyncio.to_thread(lambda: [ending_of(each) for each in files])
    found += [each for each in await asyncio.gather(*map(_of_provider, business.providers.values())) if each]
    public = await public_ending(settings.public_url)
    return [*found, *([public] if public else [])]


def ending_of(file: CertificateFile) -> Ending:
    """When a file's certificates are of no more use. `ends_at` is None for one in which none can be read.

    Bundles of roots have members in algorithms that we do not know: one that is known is enough.
    """
    try:
        text = file.path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    ends = [each.not_valid_after_utc for each in _certificates(text)]
    if not ends:
        log.warning("certificate_unreadable", name=file.name)
        return Ending(name=file.name, ends_at=None)
    return Ending(name=file.name, ends_at=min(ends) if file.chain else max(ends))


def _certificates(text: str) -> Iterator[x509.Certificate]:
    for part in text.split(_BEGIN)[1:]:
        try:
            yield x509.load_pem_x509_certificate(f"{_BEGIN}{part.partition(_END)[0]}{_END}\n".encode())
        except ValueError:
            continue


async def public_ending(public_url: str, *, timeout_s: float = LOOK_S) -> Ending | None:
    """The certificate of the public address, whoever keeps it; None without https, or where it cannot be reached.

    It is looked at and not verified: one that has ended already is the very thing to be told.
    """
    url = urlsplit(public_url)
    if url.scheme != "https" or not url.hostname:
        return None
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        async with asyncio.timeout(timeout_s):
            _, writer = await asyncio.open_connection(url.hostname, url.port or 443, ssl=context)
            shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        return Ending(name=url.hostname, ends_at=x509.load_der_x509_certificate(shown).not_valid_after_utc)
    except (OSError, ValueError, TypeError, TimeoutError):
        log.warning("public_certificate_unseen")  # A network may not reach itself from inside: that is no alarm.
        return None


async def _of_provider(provider: object) -> Ending | None:
    if not isinstance(provider, DatedProvider):
        return None
    try:
        ends_at = await provider.keys_end_at()
    except Trouble as trouble:
        log.warning("provider_keys_unknown", provider=provider.name, trouble=trouble.key)
        return None
    return Ending(name=f"pay.provider.{provider.name}", ends_at=ends_at, renews=True) if ends_at else None


def _of_settings(settings: Settings) -> Iterator[CertificateFile]:
    for name, chain in (("modbus_ca_file", False), ("modbus_certificate_file", True)):
        path = getattr(settings, name)
        if path:
            yield CertificateFile(name=f"CHATWATT_{name.upper()}", path=Path(path), chain=chain)
    if settings.dial_in_file is None:
        return
    try:
        ports = tls_files(settings.dial_in_file)
    except Refused as refused:
        log.warning("dial_in_file_unreadable", trouble=refused.key)  # Whoever listens refuses to start with it.
        return
    for port, files in ports:
        yield CertificateFile(name=f"port {port} certificate_file", path=Path(files.certificate_file), chain=True)
        if files.ca_file:
            yield CertificateFile(name=f"port {port} ca_file", path=Path(files.ca_file), chain=False)


def _of_stores(settings: Settings) -> Iterator[CertificateFile]:
    yield from _of_uri("CHATWATT_MONGODB_URI", settings.mongodb_uri, _MONGODB)
    yield from _of_uri("CHATWATT_REDIS_URL", settings.redis_url, _REDIS)


def _of_uri(name: str, uri: SecretStr | None, options: Sequence[tuple[str, bool]]) -> Iterator[CertificateFile]:
    """Files that are named in an address; the address itself is secret, and no part of it but the option is told."""
    given = parse_qs(urlsplit(uri.get_secret_value()).query) if uri is not None else {}
    for option, chain in options:
        for path in given.get(option, ()):
            yield CertificateFile(name=f"{name} {option}", path=Path(path), chain=chain)


def _of_alipay() -> Iterator[CertificateFile]:
    alipay = load_alipay()
    for name, chain in (("app_certificate_file", True), ("certificate_file", False), ("root_certificate_file", False)):
        path = getattr(alipay, name)
        if path is not None:
            yield CertificateFile(name=f"CHATWATT_ALIPAY_{name.upper()}", path=path, chain=chain)
