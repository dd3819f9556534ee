"""The coming night on the stage: one cut, one spared by hours, the others by hand; two sites to choose from."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from bot.conversations.desk import PickSite
from bot.conversations.topics.tonight import AllowMassCut, ShowTonight
from prepaid.domain.approvals import Effect
from prepaid.domain.errors import not_found
from prepaid.usecases.find_sites import SiteLine
from prepaid.usecases.tonight import Tonight, TonightRow
from tests.fakes.rehearsed.approvals import ZONE, approval
from tests.fakes.rights import OPERATES, STAFF, right

SITES = (
    SiteLine(site_id="maple", name="枫丹苑", path="acme/maple", time_zone=ZONE),
    SiteLine(site_id="oak", name="橡树里", path="acme/oak", time_zone=ZONE),
)


def _sites(stage: Any, user: str, effect: PickSite) -> tuple[SiteLine, ...]:
    del stage, user
    found = tuple(site for site in SITES if effect.text in ("", site.site_id, site.name))
    if not found:
        raise not_found()
    return found


def _night(stage: Any, user: str, effect: ShowTonight) -> Tonight:
    del user
    now = stage.now
    base = TonightRow(
        account_id="a102",
        label="102",
        meter_id="m-a102",
        balance_micro=-1_240_000,
        rule="rule.no_credit",
        inputs={},
        at=now + timedelta(hours=2),
        spared_until=None,
    )
    friendly = replace(base, account_id="a103", label="103", rule="rule.protected_hours", at=None)
    held = replace(base, account_id="a104", label="104", rule="rule.held_on", at=None)
    quiet = replace(friendly, spared_until=now + timedelta(hours=15))
    cut = (base,) if effect.site_id == "maple" else ()
    spared = (quiet, held, *(replace(held, account_id=f"a{n}", label=str(n)) for n in range(105, 112)))
    return Tonight(
        site_id=effect.site_id,
        at=now,
        until=now + timedelta(hours=18),
        time_zone=ZONE,
        cut=cut,
        spared=spared if cut else (),
    )


ANSWERS = {
    PickSite: _sites,
    ShowTonight: _night,
    AllowMassCut: lambda stage, _, e: approval(
        stage, "0123456789abcdef", Effect.MASS_CUT, {"site": e.site_id, "until": str(e.hours)}, "p3"
    ),
}
SCRIPTS = {
    "tonight": (
        ("admin", "今晚谁断电"),
        ("admin", "/tonight maple"),
        ("admin", "/tonight maple:2"),
        ("admin", "/tonight 橡树里"),
        ("admin", "/tonight nowhere"),
    ),
    "masscut": (
        ("admin", "/masscut 枫丹苑"),
        ("admin", "很久"),
        ("admin", "48"),
        ("admin", "12"),
        ("admin", "欠费太多"),
        ("admin", "确认"),
    ),
}
RIGHTS = (
    replace(right("tonight", lambda on: PickSite(text=on.site_id, then="tonight"), STAFF), at_site=True),
    replace(right("tonight", lambda on: ShowTonight(site_id=on.site_id, name=""), STAFF), at_site=True),
    replace(right("masscut", lambda on: AllowMassCut(site_id=on.site_id, hours=2, why="x"), OPERATES), at_site=True),
)
