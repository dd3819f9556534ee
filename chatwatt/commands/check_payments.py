"""`chatwatt check payments`: is each way to pay set up rightly? Needs no stores, moves no money."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bot.texts import language_for, text, trouble_text
from chatwatt.clock import SystemClock
from chatwatt.payment_checks import Finding, Setup, ask, look
from chatwatt.settings import Settings, load, load_alipay, load_wechat_pay
from payments.providers import build
from prepaid.domain.errors import Refused
from prepaid.ports import Clock

Say = Callable[[str], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One provider as the settings have it. `fields` reads the key files, and may refuse."""

    name: str
    given: bool
    gateway: str
    private_file: Path | None
    fields: Callable[[str], Mapping[str, object]]


def ways() -> list[Way]:
    """What the settings know of, given or not."""
    wechat_pay, alipay = load_wechat_pay(), load_alipay()
    return [
        Way(
            name="wechat_pay",
            given=wechat_pay.given,
            gateway=wechat_pay.base_url,
            private_file=wechat_pay.merchant_private_key_file,
            fields=wechat_pay.fields,
        ),
        Way(
            name="alipay",
            given=alipay.given,
            gateway=alipay.gateway_url,
            private_file=alipay.app_private_key_file,
            fields=alipay.fields,
        ),
    ]


async def run() -> int:
    """0 when every line says ok, else 1."""
    language = language_for(os.environ.get("LC_ALL") or os.environ.get("LANG") or "en")
    return await check(ways(), load(), SystemClock(), language, print)


async def check(all_ways: list[Way], settings: Settings, clock: Clock, language: str, say: Say) -> int:
    """Every way that is set up, a line for each thing that was looked at."""
    given = [way for way in all_ways if way.given]
    if not given:
        say(text(language, "check.none"))
    good = [await _one(way, settings, clock, language, say) for way in given]
    return 0 if all(good) else 1


async def _one(way: Way, settings: Settings, clock: Clock, language: str, say: Say) -> bool:
    notify_url = f"{settings.public_url.rstrip('/')}/notify/{way.name}"
    try:
        fields = way.fields(notify_url)
        provider = build(way.name, fields, clock)
        findings = [Finding(name="settings", ok=True, what="check.settings_ok")]
    except Refused as refused:
        provider, fields = None, {}
        params = {"why": trouble_text(language, refused)}
        findings = [
            Finding(name="settings", ok=False, what="check.settings_bad", do="check.do_settings", params=params)
        ]
    files = (way.private_file,) if way.private_file is not None else ()
    setup = Setup(name=way.name, fields=fields, gateway=way.gateway, notify_url=notify_url, private_files=files)
    findings += look(setup, clock.now())
    if provider is not None:
        try:
            findings += await ask(setup, provider, clock, language)
        finally:
            await provider.aclose()
    for finding in findings:
        say(line(way.name, finding, language))
    return all(finding.ok for finding in findings)


def line(way: str, finding: Finding, language: str) -> str:
    """Provider, what was looked at, how it is, and what to do."""
    verdict = "ok" if finding.ok else "FAILED"
    said = text(language, finding.what, **finding.params)
    advice = f" -> {text(language, finding.do, **finding.params)}" if finding.do else ""
    return f"{way:<10} {finding.name:<12} {verdict:<7} {said}{advice}"
