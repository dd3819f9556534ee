"""A new price on the stage: last month of two rooms before and after, and the approval that it waits for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bot.conversations.topics.tariff import ChangeTariff, PreviewTariff
from prepaid.domain.approvals import Approval, Content, Effect
from prepaid.usecases.change_tariff import PreviewLine, TariffPreview
from tests.fakes.rehearsed.approvals import approval
from tests.fakes.rights import MANAGES, right


def _preview(stage: Any, user: str, effect: PreviewTariff) -> TariffPreview:
    del user
    lines = tuple(
        PreviewLine(
            account_id=account_id,
            label=room.label,
            energy_wh=100_000 * number,
            before_micro=52_830_000 * number,
            after_micro=effect.price_micro * 100 * number,
        )
        for number, (account_id, room) in enumerate(stage.rooms.items(), start=1)
    )
    return TariffPreview(month="2026-10", lines=lines, accounts=len(lines))


def _change(stage: Any, user: str, effect: ChangeTariff) -> Approval:
    del user
    content: Content = {"site": effect.site_id, "version": effect.version}
    return approval(stage, "9999aaaabbbbcccc", Effect.CHANGE_TARIFF, content, "p3")


ANSWERS = {PreviewTariff: _preview, ChangeTariff: _change}
SCRIPTS = {
    "tariff": (
        ("admin", "/tariff 枫丹苑"),
        ("admin", "五毛"),
        ("admin", "52"),
        ("admin", "0.62"),
        ("admin", "供电局调价"),
        ("admin", "是"),
    ),
}
RIGHTS = (
    replace(
        right("tariff", lambda on: PreviewTariff(site_id=on.site_id, name="", price_micro=600_000), MANAGES),
        at_site=True,
    ),
    replace(
        right(
            "tariff",
            lambda on: ChangeTariff(site_id=on.site_id, price_micro=600_000, version="flat-x", why="test"),
            MANAGES,
        ),
        at_site=True,
    ),
)
