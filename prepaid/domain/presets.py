"""Rules for the places that chatwatt is used in. A site starts from one of them and changes what it likes.

The numbers that carry weight have their reasons beside them. Notices for homes and shops follow the longest periods
that were found in Chinese regulations; what binds a site is its own contract and local law, and a preset is no advice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from enum import StrEnum

from prepaid.domain.calendar import ALL_WEEK, SiteCalendar, Window
from prepaid.domain.credit import CreditRules
from prepaid.domain.supply import SupplyPolicy

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR
YUAN = 1_000_000

WEEKDAYS = (0, 1, 2, 3, 4)
WEEKEND = (5, 6)
MIDNIGHT = time(0)


class Place(StrEnum):
    """Kinds of sites."""

    RESIDENTIAL = "residential"
    DORMITORY = "dormitory"
    OFFICE = "office"
    SHOP = "shop"
    SUPERMARKET = "supermarket"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A consistent set of rules, and why it is as it is: reasons by the name of the rule."""

    place: Place
    policy: SupplyPolicy
    calendar: SiteCalendar
    credit: CreditRules
    reasons: Mapping[str, str]


RESIDENTIAL = Preset(
    place=Place.RESIDENTIAL,
    policy=SupplyPolicy(
        low_balance_micro=(50 * YUAN, 20 * YUAN),
        warning_lead_s=7 * DAY,
        reminder_leads_s=(3 * DAY, 30 * MINUTE),
        operations_a_day=6,
        cuts_a_site_hour=10,
        cuts_site_permille=50,
    ),
    calendar=SiteCalendar(
        protected=(
            Window(since=time(17), until=time(9), weekdays=ALL_WEEK),
            Window(since=MIDNIGHT, until=MIDNIGHT, weekdays=WEEKEND),
        )
    ),
    credit=CreditRules(
        emergency_micro=20 * YUAN,
        emergency_threshold_micro=5 * YUAN,
        recovery_permille=200,
        recovery_cap_month_micro=100 * YUAN,
    ),
    reasons={
        "warning_lead_s": "residents: seven days' notice by provincial rules, by practice again half an hour before",
        "protected": "no cut from evening to morning, at weekends or on holidays, when nobody is there to help",
        "emergency_micro": "about four days of a small flat, enough to reach payday or a working terminal",
        "recovery_permille": "a fifth of a top-up repays old debt, so that most of what is paid still buys power",
        "cuts_site_permille": "one flat in twenty on one day is more likely a fault of ours than of the tenants",
    },
)

DORMITORY = Preset(
    place=Place.DORMITORY,
    policy=SupplyPolicy(
        low_balance_micro=(10 * YUAN, 3 * YUAN),
        warning_lead_s=DAY,
        reminder_leads_s=(HOUR,),
        operations_a_day=8,
        cuts_a_site_hour=30,
        cuts_site_permille=100,
    ),
    calendar=SiteCalendar(
        protected=(
            Window(since=time(18), until=time(8), weekdays=ALL_WEEK),
            Window(since=MIDNIGHT, until=MIDNIGHT, weekdays=WEEKEND),
        )
    ),
    credit=CreditRules(emergency_micro=5 * YUAN, emergency_threshold_micro=YUAN, recovery_permille=100),
    reasons={
        "low_balance_micro": "rooms use little and pay in small amounts, so the levels are low",
        "protected": "students study and sleep in the rooms; the warden's office is open by day only",
        "emergency_micro": "one evening and a night",
        "cuts_a_site_hour": "many small rooms run dry on the same days of a month",
    },
)

OFFICE = Preset(
    place=Place.OFFICE,
    policy=SupplyPolicy(
        low_balance_micro=(500 * YUAN, 100 * YUAN),
        warning_lead_s=3 * DAY,
        reminder_leads_s=(HOUR,),
        operations_a_day=4,
        cuts_a_site_hour=5,
        cuts_site_permille=100,
    ),
    calendar=SiteCalendar(
        protected=(
            Window(since=time(17), until=time(10), weekdays=ALL_WEEK),
            Window(since=MIDNIGHT, until=MIDNIGHT, weekdays=WEEKEND),
        )
    ),
    credit=CreditRules(recovery_permille=300),
    reasons={
        "warning_lead_s": "non-residents: three days in writing, and again one hour before",
        "protected": "a cut falls into hours in which somebody can pay and machines can be shut down in order",
        "emergency_micro": "none: a company agrees on an overdraft by account instead",
        "operations_a_day": "large contactors wear faster",
    },
)

SHOP = Preset(
    place=Place.SHOP,
    policy=SupplyPolicy(
        low_balance_micro=(200 * YUAN, 50 * YUAN),
        warning_lead_s=3 * DAY,
        reminder_leads_s=(HOUR,),
        operations_a_day=6,
        cuts_a_site_hour=5,
        cuts_site_permille=100,
    ),
    calendar=SiteCalendar(protected=(Window(since=time(20), until=time(9), weekdays=ALL_WEEK),)),
    credit=CreditRules(emergency_micro=50 * YUAN, emergency_threshold_micro=0, recovery_permille=300),
    reasons={
        "warning_lead_s": "non-residents: three days in writing, and again one hour before",
        "protected": "weekends are trading days, so only the night is protected; holidays are always",
        "emergency_micro": "a day's trade, so that a shop need not close at noon for want of a top-up",
    },
)

SUPERMARKET = Preset(
    place=Place.SUPERMARKET,
    policy=SupplyPolicy(
        low_balance_micro=(2_000 * YUAN, 500 * YUAN),
        warning_lead_s=7 * DAY,
        reminder_leads_s=(3 * DAY, HOUR, 30 * MINUTE),
        no_off_after_on_s=30 * MINUTE,
        operations_a_day=2,
        cuts_a_site_hour=1,
        cuts_site_permille=50,
        cuts_site_free=1,
    ),
    calendar=SiteCalendar(protected=(Window(since=time(16), until=time(10), weekdays=ALL_WEEK),)),
    credit=CreditRules(emergency_micro=500 * YUAN, emergency_threshold_micro=0, recovery_permille=300),
    reasons={
        "warning_lead_s": "food spoils: the longest notice in use, with three reminders",
        "no_off_after_on_s": "cold rooms need half an hour to come back before they may be taken off again",
        "cuts_site_free": "a second cut on one day already needs a second person",
        "protected": "a cut happens in the late morning, when technicians are at work and goods can be moved",
    },
)

PRESETS: Mapping[Place, Preset] = {
    preset.place: preset for preset in (RESIDENTIAL, DORMITORY, OFFICE, SHOP, SUPERMARKET)
}
