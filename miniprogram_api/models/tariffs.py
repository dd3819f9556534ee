"""Price lists: the same shape where one is shown and where one is proposed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BeforeValidator, Field

from miniprogram_api.models.common import Account, Given, Micro, Shown, whole
from miniprogram_api.models.desk import Why
from prepaid.domain.tariffs import ALWAYS, Band, Tariff, TariffPlan, Utility
from prepaid.domain.tariffs.bands import DayRule, Holidays, Schedule, Season, Span
from prepaid.domain.tariffs.plan import MOST_PRICE_MICRO, BandPrice, Every, Fee, Step
from prepaid.usecases.change_tariff import TariffPreview
from prepaid.usecases.show_prices import PriceSheet, PricesView

BandName = Literal["sharp", "peak", "flat", "valley", "deep_valley"]
UtilityName = Literal["electricity", "water"]
Price = Annotated[
    int,
    Field(ge=0, le=MOST_PRICE_MICRO, description="Micro-yuan per kWh or m3", examples=[620_000]),
    BeforeValidator(whole),
]
Used = Annotated[
    int, Field(ge=0, le=10**12, description="Wh, or litres of water", examples=[0]), BeforeValidator(whole)
]
Minute = Annotated[int, Field(ge=0, le=1440, description="Of the local day", examples=[480]), BeforeValidator(whole)]
Weekday = Annotated[int, Field(ge=0, le=6, description="0 is Monday"), BeforeValidator(whole)]
MonthDay = Annotated[str, Field(pattern=r"^[0-9]{2}-[0-9]{2}$", examples=["07-01"])]


class PriceOfBand(Given):
    """The price of one band; a single price of a step holds in every band."""

    band: BandName = "flat"
    price_micro: Price


class StepOf(Given):
    """Prices of what is used above `above_wh` in the step period, until the next step begins."""

    above_wh: Used = 0
    prices: list[PriceOfBand] = Field(min_length=1, max_length=5)


class HoursOf(Given):
    """Minutes of the local day in one band, `until_min` excluded."""

    band: BandName
    since_min: Minute
    until_min: Minute


class SeasonOf(Given):
    """Days of the year, both included; a later `since` runs over New Year."""

    since: MonthDay
    until: MonthDay


class DayRuleOf(Given):
    """The bands of some days. Without seasons it is for the whole year."""

    hours: list[HoursOf] = Field(max_length=48)
    seasons: list[SeasonOf] = Field(default=[], max_length=12)
    weekdays: list[Weekday] = Field(default=[0, 1, 2, 3, 4, 5, 6], max_length=7)
    holidays: Literal["any", "only", "never"] = "any"


class ScheduleOf(Given):
    """Rules for days; the first that covers a day gives its bands, and hours that none names are in `rest`."""

    rules: list[DayRuleOf] = Field(max_length=24)
    rest: BandName = "flat"


class FeeOf(Given):
    """A fixed fee."""

    id: str = Field(min_length=1, max_length=32, examples=["line"])
    every: Literal["day", "month"]
    amount_micro: Annotated[int, Field(ge=1, le=10**12, examples=[5_000_000]), BeforeValidator(whole)]


class TariffVersion(Given):
    """One version of a price list. Without a start it holds from the moment when two persons have agreed to it."""

    id: str = Field(min_length=1, max_length=40, pattern=r"^[0-9A-Za-z_.-]+$", examples=["2027-summer"])
    start: AwareDatetime | None = None
    steps: list[StepOf] = Field(min_length=1, max_length=12)
    step_every: Literal["month", "year"] = "month"
    year_starts: MonthDay = "01-01"
    schedule: ScheduleOf | None = None
    free_wh: Used = 0
    sewage_micro: Price = 0
    fees: list[FeeOf] = Field(default=[], max_length=8)


class TariffWish(Given):
    """A version that is to be tried on last month."""

    utility: UtilityName = "electricity"
    version: TariffVersion


class TariffProposal(Given):
    """A version that a second person is asked to agree to, and why."""

    utility: UtilityName = "electricity"
    version: TariffVersion
    why: Why


class PlanOut(Shown):
    """A price list: its versions, oldest first, and the name of the one in force."""

    utility: UtilityName
    in_force: str
    versions: list[TariffVersion]


class PlansOut(Shown):
    """A site's price lists."""

    site_id: str
    plans: list[PlanOut]


class PreviewLineOut(Shown):
    """What one account's last month cost, and would have cost."""

    account_id: Account
    label: str
    energy_wh: int
    before_micro: Micro
    after_micro: Micro


class PreviewOut(Shown):
    """Some accounts' last month under both; `accounts` is how many the list is for."""

    month: str = Field(examples=["2026-10"])
    accounts: int
    lines: list[PreviewLineOut]


class BandChange(Shown):
    """From this minute of the local day on."""

    minute: int
    band: BandName


class SheetOut(Shown):
    """What one utility costs: the version in force, today's bands, and the version that takes over next."""

    utility: UtilityName
    version: TariffVersion
    today: list[BandChange]
    coming: TariffVersion | None


class PricesOut(Shown):
    """All price lists of an account, with fees of the site's rules."""

    account_id: Account
    time_zone: str
    sheets: list[SheetOut]
    fees: list[FeeOf]


def tariff_of(version: TariffVersion) -> Tariff:
    """The version as the business knows it. Raises `Refused` naming what is wrong with it."""
    return Tariff(
        id=version.id,
        start=version.start or ALWAYS,
        steps=tuple(
            Step(
                above_wh=step.above_wh,
                prices=tuple(BandPrice(band=Band(each.band), price_micro=each.price_micro) for each in step.prices),
            )
            for step in version.steps
        ),
        step_every=Every(version.step_every),
        year_starts=version.year_starts,
        schedule=None if version.schedule is None else _schedule(version.schedule),
        free_wh=version.free_wh,
        sewage_micro=version.sewage_micro,
        fees=tuple(Fee(id=fee.id, every=Every(fee.every), amount_micro=fee.amount_micro) for fee in version.fees),
    )


def _schedule(given: ScheduleOf) -> Schedule:
    return Schedule(rules=tuple(_rule(rule) for rule in given.rules), rest=Band(given.rest))


def _rule(given: DayRuleOf) -> DayRule:
    return DayRule(
        spans=tuple(Span(band=Band(h.band), since_min=h.since_min, until_min=h.until_min) for h in given.hours),
        seasons=tuple(Season(since=each.since, until=each.until) for each in given.seasons),
        weekdays=tuple(sorted(set(given.weekdays))),
        holidays=Holidays(given.holidays),
    )


def version_out(tariff: Tariff) -> TariffVersion:
    """The version as the contract shows it. It is in force, so it is shown and not judged anew."""
    return TariffVersion.model_construct(
        id=tariff.id,
        start=None if tariff.start == ALWAYS else tariff.start,
        steps=[StepOf.model_construct(above_wh=step.above_wh, prices=_prices_out(step)) for step in tariff.steps],
        step_every=tariff.step_every.value,
        year_starts=tariff.year_starts,
        schedule=None if tariff.schedule is None else _schedule_out(tariff.schedule),
        free_wh=tariff.free_wh,
        sewage_micro=tariff.sewage_micro,
        fees=[fee_out(fee.id, fee.every, fee.amount_micro) for fee in tariff.fees],
    )


def _prices_out(step: Step) -> list[PriceOfBand]:
    return [PriceOfBand.model_construct(band=each.band.value, price_micro=each.price_micro) for each in step.prices]


def _schedule_out(schedule: Schedule) -> ScheduleOf:
    return ScheduleOf.model_construct(rules=[_rule_out(rule) for rule in schedule.rules], rest=schedule.rest.value)


def _rule_out(rule: DayRule) -> DayRuleOf:
    return DayRuleOf.model_construct(
        hours=[
            HoursOf.model_construct(band=span.band.value, since_min=span.since_min, until_min=span.until_min)
            for span in rule.spans
        ],
        seasons=[SeasonOf.model_construct(since=each.since, until=each.until) for each in rule.seasons],
        weekdays=list(rule.weekdays),
        holidays=rule.holidays.value,
    )


def fee_out(fee_id: str, every: str, amount_micro: int) -> FeeOf:
    """One fee."""
    return FeeOf.model_construct(id=fee_id, every=str(every), amount_micro=amount_micro)


def plans_out(site_id: str, plans: Mapping[Utility, TariffPlan], now: datetime) -> PlansOut:
    """A site's price lists."""
    found = [
        PlanOut(
            utility=utility.value,
            in_force=plan.at(now).id,
            versions=[version_out(each) for each in plan.versions],
        )
        for utility, plan in plans.items()
    ]
    return PlansOut(site_id=site_id, plans=found)


def preview_out(preview: TariffPreview) -> PreviewOut:
    """Last month under both."""
    lines = [PreviewLineOut.model_validate(line, from_attributes=True) for line in preview.lines]
    return PreviewOut(month=preview.month, accounts=preview.accounts, lines=lines)


def prices_out(view: PricesView) -> PricesOut:
    """What holds for an account."""
    return PricesOut(
        account_id=view.account_id,
        time_zone=view.site_time_zone,
        sheets=[_sheet_out(sheet) for sheet in view.sheets],
        fees=[fee_out(*fee) for fee in view.fees],
    )


def _sheet_out(sheet: PriceSheet) -> SheetOut:
    return SheetOut(
        utility=sheet.utility.value,
        version=version_out(sheet.version),
        today=[BandChange(minute=minute, band=band.value) for minute, band in sheet.today],
        coming=None if sheet.coming is None else version_out(sheet.coming),
    )
