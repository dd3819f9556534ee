"""Sites, accounts and gateways as they were set up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bson import Int64
from pydantic import TypeAdapter

from prepaid.domain.accounts import Account, AccountStatus, Site
from prepaid.domain.holidays import HolidayTable
from prepaid.domain.metering import Gateway
from prepaid.domain.preferences import Alerts
from prepaid.domain.tariffs import Pricing, TariffPlan, Utility
from prepaid.storage.bounded import below
from prepaid.storage.driver import Database, Document, DuplicateKey
from prepaid.storage.mapping import Mapper

MOST = 10_000

_RULED = ("name", "policy", "credit", "limits", "messages")
_RULED_CALENDAR = ("protected", "country", "override_holidays", "override_working_days")

_SITES = Mapper(Site)
_ACCOUNTS = Mapper(Account)
_GATEWAYS = Mapper(Gateway)
_PLANS = TypeAdapter(TariffPlan)


class MongoSites:
    """Implements `prepaid.ports.Sites`."""

    def __init__(self, database: Database) -> None:
        self._sites = database.collection("sites", durable=True)
        self._accounts = database.collection("accounts", durable=True)
        self._gateways = database.collection("gateways", durable=True)

    async def migrate(self) -> None:
        """Creates the indexes."""
        await self._sites.create_index([("path", 1)], unique=True)
        await self._accounts.create_index([("path", 1)])
        await self._accounts.create_index([("emergency_micro", 1)])

    async def site(self, site_id: str) -> Site | None:
        """One site."""
        return _SITES.optional(await self._sites.find_one({"_id": site_id}))

    async def save_site(self, site: Site) -> None:
        """Creates or replaces a site's description."""
        document = _SITES.to_json_doc(site)
        fixed = {"listed_fees_from": document.pop("listed_fees_from")}
        await self._sites.update_one({"_id": site.id}, {"$set": document, "$setOnInsert": fixed}, upsert=True)

    async def add_site(self, site: Site) -> bool:
        """Creates it; an id is given once, and so is a place."""
        try:
            await self._sites.insert_one(_SITES.to_json_doc(site))
        except DuplicateKey:
            return False
        return True

    async def set_rules(self, site: Site) -> bool:
        """Field by field, so that whoever sets a hold or a price at the same time keeps theirs."""
        document = _SITES.to_json_doc(site)
        calendar = {f"calendar.{name}": document["calendar"][name] for name in _RULED_CALENDAR}
        rules = {name: document[name] for name in _RULED} | calendar
        return (await self._sites.update_one({"_id": site.id}, {"$set": rules})).matched_count == 1

    async def set_tariff(self, site_id: str, old: Pricing | None, new: TariffPlan) -> bool:
        """One field of the site, found by the versions that it had."""
        field = "water_tariff" if new.utility is Utility.WATER else "tariff"
        changes = {"$set": {field: _PLANS.dump_python(new, mode="json")}}
        return (await self._sites.update_one({"_id": site_id, **_held(field, old)}, changes)).matched_count == 1

    async def set_weather_hold(self, site_id: str, until: datetime | None) -> None:
        """One field of the calendar."""
        value = None if until is None else until.isoformat()
        await self._sites.update_one({"_id": site_id}, {"$set": {"calendar.weather_hold_until": value}})

    async def set_mass_cut(self, site_id: str, until: datetime | None) -> None:
        """One field of the site."""
        value = None if until is None else until.isoformat()
        await self._sites.update_one({"_id": site_id}, {"$set": {"mass_cut_until": value}})

    async def set_holidays(self, site_id: str, table: HolidayTable) -> None:
        """Two fields of the calendar."""
        days = {
            "calendar.holidays": [day.isoformat() for day in table.holidays],
            "calendar.working_days": [day.isoformat() for day in table.working_days],
        }
        await self._sites.update_one({"_id": site_id}, {"$set": days})

    async def sites(self) -> Sequence[Site]:
        """All of them."""
        return [_SITES.from_doc(document) async for document in self._sites.find({}, limit=MOST)]

    async def account(self, account_id: str) -> Account | None:
        """One account."""
        return _ACCOUNTS.optional(await self._accounts.find_one({"_id": account_id}))

    async def accounts(self, account_ids: Sequence[str]) -> Sequence[Account]:
        """Many accounts in one query."""
        found = self._accounts.find({"_id": {"$in": list(account_ids)}}) if account_ids else None
        return [] if found is None else [_ACCOUNTS.from_doc(document) async for document in found]

    async def accounts_below(self, scope: str) -> Sequence[Account]:
        """The subtree of `scope`, whole path segments only."""
        found = await below(self._accounts, scope, {}, limit=MOST, by="path")
        return [_ACCOUNTS.from_doc(document) for document in found]

    async def save_account(self, account: Account) -> None:
        """Creates or replaces an account's description; its money lives in the journal, credit and warnings stay."""
        document = _ACCOUNTS.to_doc(account)
        kept = {key: document.pop(key) for key in ("emergency_micro", "emergency_at", "emergency_seq", "alerts")}
        change = {"$set": document, "$setOnInsert": kept}
        await self._accounts.update_one({"_id": account.id}, change, upsert=True)

    async def take_emergency(self, account_id: str, amount_micro: int, at: datetime, *, after_seq: int) -> bool:
        """The filter carries the condition that none is in force; accounts from before there was any have no field."""
        none = {"_id": account_id, "emergency_micro": {"$in": [0, None]}}
        values = {"emergency_micro": Int64(amount_micro), "emergency_at": at, "emergency_seq": Int64(after_seq)}
        change = {"$set": values}
        return (await self._accounts.update_one(none, change)).matched_count == 1

    async def clear_emergency(self, account_id: str, taken_at: datetime) -> bool:
        """Only the one that was taken then."""
        query = {"_id": account_id, "emergency_at": taken_at, "emergency_micro": {"$gt": 0}}
        change = {"$set": {"emergency_micro": 0, "emergency_at": None}}
        return (await self._accounts.update_one(query, change)).matched_count == 1

    async def in_emergency(self, limit: int) -> Sequence[Account]:
        """Few at any time, and indexed."""
        found = self._accounts.find({"emergency_micro": {"$gt": 0}}, limit=limit)
        return [_ACCOUNTS.from_doc(document) async for document in found]

    async def set_alerts(self, account_id: str, alerts: Alerts) -> None:
        """One field of the account."""
        values = {
            "low_balance_micro": [Int64(level) for level in alerts.low_balance_micro],
            "days_left": list(alerts.days_left),
        }
        await self._accounts.update_one({"_id": account_id}, {"$set": {"alerts": values}})

    async def add_account(self, account: Account) -> bool:
        """Creates it; an id is given once."""
        try:
            await self._accounts.insert_one(_ACCOUNTS.to_doc(account))
        except DuplicateKey:
            return False
        return True

    async def move_account(self, account_id: str, old: AccountStatus, new: AccountStatus, **changes: object) -> bool:
        """A status is left only from where it was read."""
        query = {"_id": account_id, "status": old}
        return (await self._accounts.update_one(query, {"$set": {"status": new, **changes}})).matched_count == 1

    async def gateway(self, gateway_id: str) -> Gateway | None:
        """One communication unit."""
        return _GATEWAYS.optional(await self._gateways.find_one({"_id": gateway_id}))

    async def gateways(self) -> Sequence[Gateway]:
        """All of them."""
        return [_GATEWAYS.from_doc(document) async for document in self._gateways.find({}, limit=MOST)]

    async def save_gateway(self, gateway: Gateway) -> None:
        """Creates or replaces a gateway's description."""
        await self._gateways.update_one({"_id": gateway.id}, {"$set": _GATEWAYS.to_doc(gateway)}, upsert=True)


def _held(field: str, pricing: Pricing | None) -> Document:
    """What the field must hold for this pricing to be the current one."""
    if pricing is None:
        return {field: None}
    if not isinstance(pricing, TariffPlan):
        return {f"{field}.id": pricing.id}
    count = len(pricing.versions)
    newest = {f"{field}.versions.{count - 1}.id": pricing.versions[-1].id}
    return {**newest, f"{field}.versions.{count}": {"$exists": False}}
