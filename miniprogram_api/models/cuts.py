"""Who is cut tonight and by which rule; what holds cuts back; cuts of many."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, Field

from miniprogram_api.models.common import Account, Given, Micro, Shown
from miniprogram_api.models.desk import Why
from prepaid.usecases.bulk_cut import MOST_ACCOUNTS
from prepaid.usecases.tonight import Tonight, TonightRow

Until = Annotated[AwareDatetime, Field(description="With its offset from UTC", examples=["2026-11-27T08:00:00+08:00"])]


class TonightLine(Shown):
    """One supply without credit: when it would be cut, or until when it is spared, and by which rule."""

    account_id: Account
    label: str
    meter_id: str
    balance_micro: Micro
    rule: str = Field(examples=["rule.no_credit"])
    words: str = Field(description="The rule in words")
    at: datetime | None
    spared_until: datetime | None


class TonightOut(Shown):
    """The coming night of a site, played by its rules. `changeSupply` holds one of these or lets it go again."""

    site_id: str
    at: datetime
    until: datetime
    time_zone: str
    cut: list[TonightLine]
    spared: list[TonightLine]


class MassCutWish(Given):
    """Until when more than the site's share may be cut by its rules, and why."""

    until: Until
    why: Why


class WeatherWish(Given):
    """Until when nobody on the site is cut by rule, and why; null ends the hold."""

    until: Until | None
    why: Why


class WeatherOut(Shown):
    """The hold as it stands now."""

    site_id: str
    until: datetime | None


class BulkCutWish(Given):
    """Which accounts of one site are to be cut by hand, and why."""

    account_ids: list[Account] = Field(min_length=1, max_length=MOST_ACCOUNTS)
    reason: Why


def tonight_line(row: TonightRow, words: str) -> TonightLine:
    """One supply; `words` say its rule."""
    return TonightLine(
        account_id=row.account_id,
        label=row.label,
        meter_id=row.meter_id,
        balance_micro=row.balance_micro,
        rule=row.rule,
        words=words,
        at=row.at,
        spared_until=row.spared_until,
    )


def tonight_out(found: Tonight, cut: list[TonightLine], spared: list[TonightLine]) -> TonightOut:
    """The night."""
    return TonightOut(
        site_id=found.site_id, at=found.at, until=found.until, time_zone=found.time_zone, cut=cut, spared=spared
    )
