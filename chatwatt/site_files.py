"""Reads a site that a landlord wrote as YAML: who it is, the preset it starts from, and what it has otherwise.

Amounts are in yuan, times like "7d", "12h" or "30min". What is wrong is refused with its line and field.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, time
from pathlib import Path
from zoneinfo import available_timezones

from chatwatt.tariff_files import load_plan
from chatwatt.yaml_fields import WEEKDAYS, Field, read_yaml
from prepaid.domain.accounts import Site
from prepaid.domain.approvals import Limits
from prepaid.domain.calendar import SiteCalendar, Window
from prepaid.domain.credit import CreditRules, Every, FixedFee, Wallet
from prepaid.domain.preferences import MessagePolicy, Quiet, check_quiet
from prepaid.domain.presets import PRESETS, Place
from prepaid.domain.supply import SupplyPolicy
from prepaid.domain.tariffs import TariffPlan, Utility

PERCENT_IN_PERMILLE = 10
MOST_PERCENT = 99
MOST_CUTS = 1000
_SPAN_S = {"min": 60, "h": 3600, "d": 24 * 3600}
_SPAN = re.compile(r"^(\d{1,4})(min|h|d)$", re.ASCII)
_HOURS = re.compile(r"^(\d\d:\d\d)-(\d\d:\d\d)$", re.ASCII)
_CAN = (
    "time_zone",
    "country",
    "water_tariff",
    "wallet",
    "low_balance",
    "before_cut",
    "cuts",
    "protected",
    "holidays",
    "working_days",
    "emergency",
    "arrears",
    "fees",
    "two_persons_above",
    "undo_window",
    "move_out_agreement",
    "messages",
)


def load_site(path: Path) -> Site:
    """The site in a file; price lists are files beside it. Raises `Refused` with the line and the field."""
    parts = read_yaml(path.read_text(encoding="utf-8"), unreadable="refused.site_file").parts(
        must=("id", "name", "path", "preset", "tariff"), can=_CAN
    )
    preset = PRESETS[Place(parts["preset"].choice(list(Place)))]
    tariff = _tariff(parts["tariff"], path, Utility.ELECTRICITY)
    return Site(
        id=parts["id"].text(),
        name=parts["name"].text(),
        path=parts["path"].text(),
        calendar=_calendar(parts, preset.calendar),
        policy=_policy(parts, preset.policy),
        credit=_credit(parts, preset.credit),
        limits=_limits(parts),
        messages=_messages(parts),
        tariff=tariff,
        water_tariff=_tariff(parts["water_tariff"], path, Utility.WATER) if "water_tariff" in parts else None,
    )


def _tariff(field: Field, path: Path, utility: Utility) -> TariffPlan:
    with field.blamed():
        try:
            plan = load_plan(path.parent / field.text())
        except (OSError, UnicodeDecodeError):
            raise field.wrong() from None
    if plan.utility is not utility:
        raise field.wrong()
    return plan


def _calendar(parts: Mapping[str, Field], calendar: SiteCalendar) -> SiteCalendar:
    if "time_zone" in parts:
        if parts["time_zone"].text() not in available_timezones():
            raise parts["time_zone"].wrong()
        calendar = replace(calendar, time_zone=parts["time_zone"].text())
    if "country" in parts:
        calendar = replace(calendar, country=parts["country"].text())
    if "protected" in parts:
        calendar = replace(calendar, protected=tuple(_window(each) for each in parts["protected"].items()))
    if "holidays" in parts:
        calendar = replace(calendar, override_holidays=_days(parts["holidays"]))
    if "working_days" in parts:
        calendar = replace(calendar, override_working_days=_days(parts["working_days"]))
    return calendar


def _days(field: Field) -> tuple[date, ...]:
    return tuple(each.day() for each in field.items())


def _window(field: Field) -> Window:
    parts = field.parts(must=("hours",), can=("days",))
    found = _HOURS.match(parts["hours"].text())
    days = parts["days"].items() if "days" in parts else ()
    try:
        since, until = (time.fromisoformat(each) for each in found.groups()) if found else (None, None)
    except ValueError:
        raise parts["hours"].wrong() from None
    if since is None or until is None:
        raise parts["hours"].wrong()
    weekdays = tuple(WEEKDAYS.index(each.choice(WEEKDAYS)) for each in days) or tuple(range(7))
    return Window(since=since, until=until, weekdays=weekdays)


def _policy(parts: Mapping[str, Field], policy: SupplyPolicy) -> SupplyPolicy:
    if "low_balance" in parts:
        levels = tuple(each.micro() for each in parts["low_balance"].items())
        if not levels or levels != tuple(sorted(set(levels), reverse=True)):
            raise parts["low_balance"].wrong()
        policy = replace(policy, low_balance_micro=levels)
    if "before_cut" in parts:
        leads = tuple(_span_s(each) for each in parts["before_cut"].items())
        if not leads or leads != tuple(sorted(set(leads), reverse=True)):
            raise parts["before_cut"].wrong()
        policy = replace(policy, warning_lead_s=leads[0], reminder_leads_s=leads[1:])
    if "cuts" in parts:
        cuts = parts["cuts"].parts(can=("an_hour", "percent_a_day"))
        if "an_hour" in cuts:
            policy = replace(policy, cuts_a_site_hour=cuts["an_hour"].whole(MOST_CUTS))
        if "percent_a_day" in cuts:
            permille = cuts["percent_a_day"].whole(100) * PERCENT_IN_PERMILLE
            policy = replace(policy, cuts_site_permille=permille)
    return policy


def _span_s(field: Field) -> int:
    found = _SPAN.match(field.text())
    if found is None or int(found[1]) == 0:
        raise field.wrong()
    return int(found[1]) * _SPAN_S[found[2]]


def _or_none_s(field: Field) -> int:
    return 0 if field.text() == "none" else _span_s(field)


def _credit(parts: Mapping[str, Field], credit: CreditRules) -> CreditRules:
    if "emergency" in parts:
        emergency = parts["emergency"].parts(must=("amount", "at"))
        credit = replace(
            credit,
            emergency_micro=emergency["amount"].micro(),
            emergency_threshold_micro=emergency["at"].micro(),
        )
    if "arrears" in parts:
        arrears = parts["arrears"].parts(must=("percent",), can=("most_of_a_top_up", "most_in_a_month"))
        credit = replace(
            credit,
            recovery_permille=arrears["percent"].whole(MOST_PERCENT) * PERCENT_IN_PERMILLE,
            recovery_cap_top_up_micro=_optional_micro(arrears.get("most_of_a_top_up")),
            recovery_cap_month_micro=_optional_micro(arrears.get("most_in_a_month")),
        )
    if "fees" in parts:
        credit = replace(credit, fees=tuple(_fee(each) for each in parts["fees"].items()))
    if "wallet" in parts:
        credit = replace(credit, wallet=Wallet(parts["wallet"].choice(list(Wallet))))
    return credit


def _optional_micro(field: Field | None) -> int | None:
    return None if field is None else field.micro()


def _fee(field: Field) -> FixedFee:
    parts = field.parts(must=("id", "every", "amount", "since"))
    amount_micro = parts["amount"].micro()
    if amount_micro == 0:
        raise parts["amount"].wrong()
    every = Every(parts["every"].choice(list(Every)))
    return FixedFee(id=parts["id"].text(), every=every, amount_micro=amount_micro, since=parts["since"].day())


def _messages(parts: Mapping[str, Field]) -> MessagePolicy:
    """The order of channels and the quiet hours for whoever chose none."""
    if "messages" not in parts:
        return MessagePolicy()
    fields = parts["messages"].parts(can=("channels", "quiet"))
    channels = tuple(each.text() for each in fields["channels"].items()) if "channels" in fields else ()
    return MessagePolicy(channels=channels, quiet=_quiet(fields["quiet"]) if "quiet" in fields else None)


def _quiet(field: Field) -> Quiet:
    found = _HOURS.match(field.text())
    if found is None:
        raise field.wrong()
    since_min, until_min = (int(each[:2]) * 60 + int(each[3:]) for each in found.groups())
    quiet = Quiet(since_min=since_min, until_min=until_min)
    with field.blamed():
        check_quiet(quiet)
    return quiet


def _limits(parts: Mapping[str, Field]) -> Limits:
    limits = Limits()
    if "two_persons_above" in parts:
        above = parts["two_persons_above"].parts(can=("cash", "adjust", "refund"))
        limits = replace(limits, **{f"{name}_micro": field.micro() for name, field in above.items()})
    if "undo_window" in parts:
        limits = replace(limits, undo_s=_or_none_s(parts["undo_window"]))
    if "move_out_agreement" in parts:
        limits = replace(limits, agree_s=_or_none_s(parts["move_out_agreement"]))
    return limits
