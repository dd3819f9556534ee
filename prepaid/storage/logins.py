"""Logins, login codes and kept answers. Every condition stands in the write; the store forgets what has ended."""

from __future__ import annotations

from datetime import datetime

from prepaid.domain.errors import InvariantBroken
from prepaid.domain.logins import Login, LoginCode
from prepaid.ports.logins import KeptReply
from prepaid.storage.driver import Database, DuplicateKey
from prepaid.storage.mapping import Mapper

_LOGINS = Mapper(Login)
_CODES = Mapper(LoginCode, id_field="hash")
_REPLIES = Mapper(KeptReply)


class MongoLogins:
    """Implements `prepaid.ports.Logins`."""

    def __init__(self, database: Database) -> None:
        self._logins = database.collection("logins", durable=True)
        self._codes = database.collection("login_codes", durable=True)

    async def migrate(self) -> None:
        """Creates the indexes."""
        await self._logins.create_index([("person_id", 1)])
        await self._logins.create_index([("expires_at", 1)], expireAfterSeconds=0)
        await self._codes.create_index([("expires_at", 1)], expireAfterSeconds=0)

    async def open(self, login: Login) -> None:
        """A new row."""
        await self._logins.insert_one(_LOGINS.to_doc(login))

    async def get(self, login_id: str) -> Login | None:
        """One login."""
        return _LOGINS.optional(await self._logins.find_one({"_id": login_id}))

    async def rotate(self, login_id: str, rotation: int, expires_at: datetime) -> bool:
        """Of two that come with the same token one is counted."""
        query = {"_id": login_id, "rotation": rotation, "revoked": False}
        change = {"$set": {"rotation": rotation + 1, "expires_at": expires_at}}
        return (await self._logins.update_one(query, change)).matched_count == 1

    async def revoke(self, login_id: str) -> None:
        """It opens nothing any more."""
        await self._logins.update_one({"_id": login_id}, {"$set": {"revoked": True}})

    async def revoke_all(self, person_id: str) -> None:
        """All there are; what is opened afterwards is another matter."""
        await self._logins.update_many({"person_id": person_id}, {"$set": {"revoked": True}})

    async def add_code(self, code: LoginCode) -> None:
        """A fresh code's hash."""
        await self._codes.insert_one(_CODES.to_doc(code))

    async def use_code(self, code_hash: str, now: datetime) -> str | None:
        """Whose code it is never changes, so it may be read before it is taken."""
        code = _CODES.optional(await self._codes.find_one({"_id": code_hash}))
        if code is None:
            return None
        query = {"_id": code_hash, "used": False, "expires_at": {"$gt": now}}
        taken = (await self._codes.update_one(query, {"$set": {"used": True}})).matched_count == 1
        return code.person_id if taken else None


class MongoReplies:
    """Implements `prepaid.ports.Replies`."""

    def __init__(self, database: Database) -> None:
        self._rows = database.collection("api_replies", durable=True)

    async def migrate(self) -> None:
        """Creates the index. A row without an end is kept."""
        await self._rows.create_index([("expires_at", 1)], expireAfterSeconds=0)

    async def begin(self, wish: KeptReply, now: datetime) -> KeptReply:
        """Inserted, or taken over from whoever did not come back, or found."""
        try:
            await self._rows.insert_one(_REPLIES.to_doc(wish))
        except DuplicateKey:
            left = {"_id": wish.id, "request_hash": wish.request_hash, "status": 0, "until": {"$lte": now}}
            await self._rows.update_one(left, {"$set": {"holder": wish.holder, "until": wish.until}})
            held = _REPLIES.optional(await self._rows.find_one({"_id": wish.id}))
            if held is None:
                raise InvariantBroken("a kept answer vanished") from None
            return held
        return wish

    async def get(self, reply_id: str) -> KeptReply | None:
        """By its key."""
        return _REPLIES.optional(await self._rows.find_one({"_id": reply_id}))

    async def finish(self, reply_id: str, holder: str, status: int, body: str) -> None:
        """Once: whoever lost the row to another changes nothing."""
        query = {"_id": reply_id, "holder": holder, "status": 0}
        await self._rows.update_one(query, {"$set": {"status": status, "body": body}})

    async def release(self, reply_id: str, holder: str, now: datetime) -> None:
        """Only by its holder."""
        await self._rows.update_one({"_id": reply_id, "holder": holder, "status": 0}, {"$set": {"until": now}})
