"""A new price list on the stage: the one in force, last month of two rooms, and the approval that it waits for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bot.conversations.price_words import read_price_list
from bot.conversations.topics.tariff import ChangeTariff, PreviewTariff, ShowTariffs
from prepaid.domain.accounts import Site
from prepaid.domain.approvals import Approval, Content, Effect
from prepaid.domain.errors import Refused
from prepaid.domain.tariffs import Tariff, TariffPlan, Utility, flat, tariff_text
from prepaid.domain.tariffs.wish import version_of
from prepaid.usecases.change_tariff import PreviewLine, TariffPreview
from prepaid.usecases.draft_tariff import SiteTariffs, Stage, TariffDraft, VersionSheet, sheet_of
from tests.fakes.rehearsed.approvals import approval
from tests.fakes.rights import MANAGES, right

HELD = flat("t1", 528_300)
MAPLE = Site(id="maple", name="枫丹苑", path="acme/maple", tariff=TariffPlan(versions=(HELD,)))


def _sheet(stage: Any, version: Tariff, when: Stage) -> VersionSheet:
    return sheet_of(MAPLE, Utility.ELECTRICITY, version, when, stage.now)


def _show(stage: Any, user: str, effect: ShowTariffs) -> SiteTariffs:
    del user
    sheets = (_sheet(stage, HELD, Stage.NOW),)
    return SiteTariffs(site_id=effect.site_id, name=MAPLE.name, time_zone="Asia/Shanghai", sheets=sheets)


def _preview(stage: Any, user: str, effect: PreviewTariff) -> TariffDraft | Refused:
    del user
    try:
        version = version_of(read_price_list(effect.said), HELD, "draft")
    except Refused as problem:
        return problem
    first = version.steps[0].prices[0].price_micro
    lines = tuple(
        PreviewLine(
            account_id=account_id,
            label=room.label,
            energy_wh=100_000 * number,
            before_micro=52_830_000 * number,
            after_micro=first * 100 * number,
        )
        for number, (account_id, room) in enumerate(stage.rooms.items(), start=1)
    )
    return TariffDraft(
        after=_sheet(stage, version, Stage.COMING),
        before=_sheet(stage, HELD, Stage.NOW),
        preview=TariffPreview(month="2026-10", lines=lines, accounts=len(lines)),
        time_zone="Asia/Shanghai",
    )


def _change(stage: Any, user: str, effect: ChangeTariff) -> Approval:
    del user
    content: Content = {"site": effect.site_id, "utility": effect.utility, "version": effect.version}
    return approval(stage, "9999aaaabbbbcccc", Effect.CHANGE_TARIFF, content, "p3")


ANSWERS = {ShowTariffs: _show, PreviewTariff: _preview, ChangeTariff: _change}
SCRIPTS = {
    "tariff": (
        ("admin", "/tariff 枫丹苑"),
        ("admin", "五毛"),
        ("admin", "52"),
        ("admin", "峰0.86 8-11 18-23"),
        ("admin", "0.53，超200度0.58，超200度0.83"),
        ("admin", "峰0.86 8-11 18-23，谷0.31 23-7，平0.56，超200度加0.05"),
        ("admin", "下月"),
        ("admin", "同意后立即"),
        ("admin", "供电局调价"),
        ("admin", "是"),
    ),
}
RIGHTS = (
    replace(right("tariff", lambda on: ShowTariffs(site_id=on.site_id), MANAGES), at_site=True),
    replace(
        right("tariff", lambda on: PreviewTariff(site_id=on.site_id, name="", said="0.6", begins="at_once"), MANAGES),
        at_site=True,
    ),
    replace(
        right(
            "tariff",
            lambda on: ChangeTariff(
                site_id=on.site_id,
                utility="electricity",
                version=tariff_text(flat("draft", 600_000)),
                name="chat-x",
                why="test",
            ),
            MANAGES,
        ),
        at_site=True,
    ),
)
