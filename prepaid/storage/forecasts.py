"""What each account is expected to spend, one row for each, made anew every local day."""

from __future__ import annotations

from prepaid.domain.days_left import Forecast
from prepaid.storage.driver import Database
from prepaid.storage.mapping import Mapper

_FORECASTS = Mapper(Forecast)


class MongoForecasts:
    """Implements `prepaid.ports.schedule.Forecasts`."""

    def __init__(self, database: Database) -> None:
        self._rows = database.collection("forecasts")
        self._done = database.collection("forecasts_done")

    async def migrate(self) -> None:
        """Rows are found by their ids alone."""

    async def keep(self, forecast: Forecast) -> None:
        """By the account's id."""
        document = _FORECASTS.to_doc(forecast)
        account_id = document.pop("_id")
        await self._rows.update_one({"_id": account_id}, {"$set": document}, upsert=True)

    async def get(self, account_id: str) -> Forecast | None:
        """By its account."""
        return _FORECASTS.optional(await self._rows.find_one({"_id": account_id}))

    async def complete(self, site_id: str, day: str) -> None:
        """Marks it, whoever else does."""
        await self._done.update_one({"_id": site_id}, {"$max": {"day": day}}, upsert=True)

    async def newest_day(self, site_id: str) -> str | None:
        """From the mark."""
        row = await self._done.find_one({"_id": site_id})
        return None if row is None else str(row["day"])
