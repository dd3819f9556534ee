"""Looks at one provider's setup without moving money: files, certificates, addresses, clock, and one signed question.

Every finding is a text key with its figures and, where something is wrong, another that says what to do.
"""

from __future__ import annotations

import ipaddress
import secrets
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
from cryptography import x509

from bot.texts import trouble_text
from prepaid.domain.errors import Refused, TryAgain, Unknown
from prepaid.domain.orders import ORDER_TTL_S, Order
from prepaid.ports import Clock, PaymentProvider

ENDS_SOON = timedelta(days=30)
SKEW_MOST_S = 60
"""Providers refuse from five minutes on; a clock that is a minute off is not kept right by anything."""
REACH_S_MAX = 8.0
NOT_AN_ORDER_FEN = 1
BEGIN = "-----BEGIN CERTIFICATE-----"
END = "-----END CERTIFICATE-----"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line. `what` and `do` are text keys; `do` is "" where nothing needs to be done."""

    name: str
    ok: bool
    what: str
    do: str = ""
    params: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What is looked at of one provider, before it is built."""

    name: str
    fields: Mapping[str, object]
    """What the provider is built from: certificates in PEM are found among them."""
    gateway: str
    notify_url: str
    private_files: tuple[Path, ...] = ()


def look(setup: Setup, now: datetime) -> Iterator[Finding]:
    """What can be seen without asking anybody."""
    yield from (_file(path) for path in setup.private_files)
    yield from _certificates(setup.fields, now)
    yield address("gateway", setup.gateway, want_path="")
    yield address("notify_url", setup.notify_url, want_path=f"/notify/{setup.name}")


async def ask(setup: Setup, provider: PaymentProvider, clock: Clock, language: str) -> list[Finding]:
    """Whether the gateway answers, how far its clock is from ours, and whether each takes the other's signature."""
    reached = await reach(setup.gateway, clock)
    if not all(finding.ok for finding in reached):
        return reached
    return [*reached, await _signed(provider, clock, language)]


def _file(path: Path) -> Finding:
    """A private key is for its owner's eyes."""
    params = {"file": path.name}
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return Finding(name="key_file", ok=False, what="check.file_missing", do="check.do_file", params=params)
    if mode & 0o077:
        return Finding(name="key_file", ok=False, what="check.file_open", do="check.do_chmod", params=params)
    return Finding(name="key_file", ok=True, what="check.file_ok", params=params)


def _certificates(fields: Mapping[str, object], now: datetime) -> Iterator[Finding]:
    for name, value in fields.items():
        texts: Iterable[object] = value.values() if isinstance(value, Mapping) else (value,)
        for text in texts:
            if isinstance(text, str) and BEGIN in text:
                yield _ends(name, text, now)


def _ends(name: str, bundle: str, now: datetime) -> Finding:
    """The certificate of the bundle that ends first. One that cannot be read is not counted: root bundles have some."""
    read = []
    for part in bundle.split(BEGIN)[1:]:
        pem = BEGIN + part.partition(END)[0] + END + "\n"
        try:
            read.append(x509.load_pem_x509_certificate(pem.encode()))
        except ValueError:
            continue
    if not read:
        return Finding(
            name="certificate",
            ok=False,
            what="check.certificate_bad",
            do="check.do_certificate",
            params={"field": name},
        )
    first = min(read, key=lambda each: each.not_valid_after_utc)
    params = {"field": name, "ends": first.not_valid_after_utc.date().isoformat()}
    if any(each.not_valid_before_utc > now for each in read):
        return Finding(name="certificate", ok=False, what="check.certificate_early", do="check.do_clock", params=params)
    # A bundle of roots may carry old ones; what counts is that one of it is good.
    latest = max(each.not_valid_after_utc for each in read)
    if latest <= now:
        return Finding(
            name="certificate", ok=False, what="check.certificate_ended", do="check.do_certificate", params=params
        )
    params["ends"] = latest.date().isoformat()
    soon = latest - now < ENDS_SOON
    do = "check.do_renew" if soon else ""
    return Finding(name="certificate", ok=True, what="check.certificate_ok", do=do, params=params)


def address(name: str, url: str, *, want_path: str) -> Finding:
    """Full, https, public, without a query: what providers call and what we call (WeChat Pay, notify_url rules)."""
    parts = urlsplit(url)
    params = {"url": url}
    wrong = ""
    if parts.scheme != "https":
        wrong = "check.url_not_https"
    elif not _public(parts.hostname or ""):
        wrong = "check.url_not_public"
    elif parts.query or parts.fragment or parts.username:
        wrong = "check.url_not_plain"
    elif want_path and not parts.path.endswith(want_path):
        wrong = "check.url_path"
    if wrong:
        return Finding(name=name, ok=False, what=wrong, do=f"check.do_{name}", params=params)
    return Finding(name=name, ok=True, what="check.url_ok", params=params)


def _public(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        return "." in host and not host.endswith((".local", ".internal", ".localhost", ".test", ".invalid"))


async def reach(gateway: str, clock: Clock) -> list[Finding]:
    """Any answer will do, even a no: its Date says what the provider's clock shows."""
    timeout = aiohttp.ClientTimeout(total=REACH_S_MAX)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session,
            session.get(gateway, allow_redirects=False) as answer,
        ):
            stamp = answer.headers.get("Date", "")
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        params = {"why": type(error).__name__}
        return [Finding(name="reach", ok=False, what="check.unreachable", do="check.do_reach", params=params)]
    reached = Finding(name="reach", ok=True, what="check.reached", params={"gateway": urlsplit(gateway).netloc})
    try:
        there = parsedate_to_datetime(stamp).astimezone(UTC)
    except (TypeError, ValueError):
        return [reached, Finding(name="clock", ok=False, what="check.no_date", do="check.do_reach")]
    skew_s = round((clock.now() - there).total_seconds())
    ok = abs(skew_s) <= SKEW_MOST_S
    what, do = ("check.clock_ok", "") if ok else ("check.clock_off", "check.do_clock")
    return [reached, Finding(name="clock", ok=ok, what=what, do=do, params={"skew": skew_s})]


async def _signed(provider: PaymentProvider, clock: Clock, language: str) -> Finding:
    """Asks about an order that there is not: only a request that is rightly signed is told so."""
    now = clock.now()
    nothing = Order(
        id=f"cwcheck{secrets.token_hex(8)}",
        account_id="",
        site_id="",
        person_id="",
        provider=provider.name,
        amount_fen=NOT_AN_ORDER_FEN,
        created_at=now,
        expires_at=now + timedelta(seconds=ORDER_TTL_S),
    )
    try:
        found = await provider.query(nothing)
    except Refused as refused:
        why = str(refused.params.get("code", "")) or trouble_text(language, refused)
        return Finding(
            name="signature", ok=False, what="check.sign_refused", do="check.do_own_key", params={"why": why}
        )
    except Unknown as unknown:
        why = str(unknown.params.get("why", ""))
        return Finding(
            name="signature", ok=False, what="check.sign_doubtful", do="check.do_their_key", params={"why": why}
        )
    except TryAgain as trouble:
        why = str(trouble.params.get("why", ""))
        return Finding(name="signature", ok=False, what="check.unreachable", do="check.do_reach", params={"why": why})
    if found is not None:
        return Finding(name="signature", ok=False, what="check.sign_odd", do="check.do_their_key")
    return Finding(name="signature", ok=True, what="check.sign_ok")
