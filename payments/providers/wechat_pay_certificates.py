"""Platform certificates: downloaded at the start and by the clock, never because of a message that is not believed.

The answer is opened with the APIv3 key, which nobody but WeChat Pay and the merchant has, and its seal must then be of
one of the certificates in it or of a key that was believed before. Several are valid at once while they change.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta

import structlog

from payments.metrics import CERTIFICATE_ENDS
from payments.problems import FormatProblem
from payments.providers.wechat_pay_config import KeyMode, WeChatPayConfig
from payments.providers.wechat_pay_crypto import PlatformCertificate, Verifier, load_certificate
from payments.providers.wechat_pay_link import Answer, WeChatPayLink
from payments.providers.wechat_pay_notification import NAME, open_resource
from payments.strict_json import inner, parse_object, text
from prepaid.domain.errors import Refused, Trouble, TryAgain, Unknown
from prepaid.ports import Clock

log = structlog.get_logger()

TARGET = "/v3/certificates"
CERTIFICATES_MAX = 20
EVERY_S = 12 * 3600.0
WARN_BEFORE = timedelta(days=30)
NO_CERTIFICATES = frozenset({"RESOURCE_NOT_EXISTS", "NOT_FOUND"})


def open_certificates(api_v3_key: bytes, body: bytes, now: datetime) -> dict[str, PlatformCertificate]:
    """The valid ones of an answer of /v3/certificates, by serial number. Raises `FormatProblem`."""
    entries = parse_object(body).get("data")
    if not isinstance(entries, list) or not 0 < len(entries) <= CERTIFICATES_MAX:
        raise FormatProblem("bad_certificates")
    found = [_certificate(api_v3_key, entry) for entry in entries]
    return {each.serial: each for each in found if each.begins_at <= now < each.ends_at}


def _certificate(api_v3_key: bytes, entry: object) -> PlatformCertificate:
    if not isinstance(entry, dict):
        raise FormatProblem("bad_certificates")
    pem = open_resource(api_v3_key, inner(entry, "encrypt_certificate"))
    try:
        certificate = load_certificate(pem.decode("ascii"))
    except ValueError:
        raise FormatProblem("bad_certificates") from None
    if certificate.serial != text(entry, "serial_no", length_max=64).upper():
        raise FormatProblem("bad_certificates")
    return certificate


class CertificateKeeper:
    """Keeps the verifier's certificates fresh."""

    def __init__(self, config: WeChatPayConfig, link: WeChatPayLink, verifier: Verifier, clock: Clock) -> None:
        self._config = config
        self._link = link
        self._verifier = verifier
        self._clock = clock
        self._one_at_a_time = asyncio.Lock()
        self._ends_at: datetime | None = None

    async def ready(self) -> None:
        """Before a request of ours: sees to it that its answer can be believed. Raises `TryAgain`, `Refused`."""
        if not self._verifier.empty:
            return
        async with self._one_at_a_time:
            if self._verifier.empty:
                try:
                    await self.refresh()
                except Unknown as unknown:
                    # Nothing of the caller's was sent yet.
                    raise TryAgain("try_again.provider", **unknown.params) from None

    async def last_end(self) -> datetime | None:
        """When the last of them ends, by a fresh download. Where none can be had, by the newest that could.

        Whoever asks may be a process that downloads for nothing else. Raises `Trouble` where none was ever had.
        """
        try:
            await self.refresh()
        except Trouble:
            if self._ends_at is None:
                raise
        return self._ends_at

    async def refresh(self) -> None:
        """Downloads them now. Raises `TryAgain`, `Unknown`, or `Refused` where the merchant has none."""
        found: dict[str, PlatformCertificate] = {}

        def believed(headers: Mapping[str, str], body: bytes) -> None:
            now = self._clock.now()
            found.update(open_certificates(self._config.api_v3_key.encode(), body, now))
            keys = self._config.keys() | {serial: each.key for serial, each in found.items()}
            Verifier(keys).check(headers, body, now_s=now.timestamp())

        answer = await self._link.call("certificates", "GET", TARGET, check=believed)
        if answer.code is not None:
            self._none(answer)
            return
        self._verifier.trust({serial: each.key for serial, each in found.items()})
        self._warn(found)

    def _none(self, answer: Answer) -> None:
        """A merchant with a public key only has no certificates (any more): well, if the public key is there."""
        if answer.code in NO_CERTIFICATES and self._config.key_mode is KeyMode.SWITCHING:
            log.info("platform_certificates_gone", provider=NAME)
            self._verifier.trust({})
            self._ends_at = None
            return
        raise Refused("refused.provider", provider=NAME, code=answer.code)

    def _warn(self, found: Mapping[str, PlatformCertificate]) -> None:
        """Warns when even the last of them ends soon: WeChat Pay shows the next one long before."""
        ends_at = max((each.ends_at for each in found.values()), default=self._clock.now())
        self._ends_at = ends_at
        CERTIFICATE_ENDS.labels(NAME).set(ends_at.timestamp())
        log.info("platform_certificates", provider=NAME, count=len(found), ends_at=ends_at.isoformat())
        if ends_at - self._clock.now() < WARN_BEFORE:
            log.warning("platform_certificate_ends_soon", provider=NAME, ends_at=ends_at.isoformat())
