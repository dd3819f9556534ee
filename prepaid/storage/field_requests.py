"""Requests to the owners of buses: a few rows for each gateway, used again and again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pydantic import TypeAdapter

from prepaid.domain.field_requests import PLACES, Answer, FieldKind, FieldRequest, FieldState, Seen, Setting, places_for
from prepaid.storage.driver import Database, Document, DuplicateKey
from prepaid.storage.mapping import Mapper

_REQUESTS = Mapper(FieldRequest)
_SEEN = TypeAdapter(tuple[Seen, ...])
_SETTINGS = TypeAdapter(tuple[Setting, ...])


class MongoFieldRequests:
    """Implements `prepaid.ports.FieldRequests`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._requests = database.collection("field_requests")

    async def migrate(self) -> None:
        """Creates the collection; every query is by key."""
        await self._database.ensure_collection("field_requests")

    async def put(self, request: FieldRequest, now: datetime) -> bool:
        """A place that is free, or one whose time is over."""
        document = _REQUESTS.to_doc(request)
        fields = {key: value for key, value in document.items() if key != "_id"}
        over = {"_id": request.id, "expires_at": {"$lte": now}}
        if (await self._requests.update_one(over, {"$set": fields})).matched_count == 1:
            return True
        try:
            await self._requests.insert_one(document)
        except DuplicateKey:
            return False
        return True

    async def get(self, request: FieldRequest) -> FieldRequest | None:
        """As it stands."""
        return _REQUESTS.optional(await self._requests.find_one(_this(request)))

    async def waiting(self, gateway_id: str, kind: FieldKind, owner: str) -> Sequence[FieldRequest]:
        """By the keys of the places."""
        places = [f"{gateway_id}:{place}" for place in places_for(kind)]
        query = {
            "_id": {"$in": places},
            "state": {"$in": list(kind.open_states)},
            "kind": kind,
            "taken_by": {"$ne": owner},
        }
        found = [_REQUESTS.from_doc(row) for row in await self._requests.find_list(query, limit=PLACES)]
        return sorted(found, key=lambda request: request.asked_at)

    async def take(self, request: FieldRequest, owner: str, now: datetime) -> bool:
        """Once, in time."""
        query = {
            **_this(request),
            "state": {"$in": list(request.kind.open_states)},
            "taken_by": request.taken_by,
            "expires_at": {"$gt": now},
        }
        changes = {"$set": {"state": FieldState.TAKEN, "taken_by": owner}}
        return (await self._requests.update_one(query, changes)).matched_count == 1

    async def finish(self, request: FieldRequest, owner: str, answer: Answer) -> bool:
        """Only from whoever took it."""
        query = {**_this(request), "state": FieldState.TAKEN, "taken_by": owner}
        seen = _SEEN.dump_python(answer.seen)
        settings = _SETTINGS.dump_python(answer.settings)
        changes: Document = {
            "state": FieldState.ANSWERED,
            "seen": seen,
            "settings": settings,
            "through": answer.through,
        }
        if (trouble := answer.trouble) is not None:
            params = {name: value for name, value in trouble.params.items() if isinstance(value, str | int)}
            changes = {"state": FieldState.FAILED, "trouble": trouble.key, "trouble_params": params}
        return (await self._requests.update_one(query, {"$set": changes})).matched_count == 1

    async def retract(self, request: FieldRequest) -> bool:
        """By its state, which only one of the two writes can change."""
        query = {**_this(request), "state": FieldState.ASKED}
        return (await self._requests.update_one(query, {"$set": {"state": FieldState.FAILED}})).matched_count == 1

    async def withdraw(self, request: FieldRequest, now: datetime) -> None:
        """Its time is over."""
        await self._requests.update_one(_this(request), {"$set": {"expires_at": now}})


def _this(request: FieldRequest) -> Document:
    return {"_id": request.id, "number": request.number}
