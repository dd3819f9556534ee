"""Persons, bindings, addresses and one-time codes."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from prepaid.domain.access import Grant
from prepaid.domain.errors import InvariantBroken
from prepaid.domain.people import CONTACT_TTL_S, Address, BindCode, NewContact, Person
from prepaid.domain.preferences import Preferences
from prepaid.storage.driver import Database, Document, DuplicateKey
from prepaid.storage.mapping import Mapper

MOST = 1000
TRIES_KEPT_S = 24 * 3600

_PEOPLE = Mapper(Person)
_CODES = Mapper(BindCode, id_field="hash")
_NEW = Mapper(NewContact, id_field="person_id")


class MongoPeople:
    """Implements `prepaid.ports.People`."""

    def __init__(self, database: Database) -> None:
        self._people = database.collection("people", durable=True)
        self._codes = database.collection("bind_codes", durable=True)
        self._tries = database.collection("bind_tries")
        self._new = database.collection("new_contacts", durable=True)

    async def migrate(self) -> None:
        """Creates the indexes. An address belongs to one person."""
        await self._people.create_index([("addresses.key", 1)], unique=True)
        await self._people.create_index([("accounts", 1)])
        await self._people.create_index([("grants.scope", 1)])
        await self._tries.create_index([("at", 1)], expireAfterSeconds=TRIES_KEPT_S)
        await self._new.create_index([("expires_at", 1)], expireAfterSeconds=CONTACT_TTL_S)

    async def get(self, person_id: str) -> Person | None:
        """One person."""
        return _PEOPLE.optional(await self._people.find_one({"_id": person_id}))

    async def known(self, channel: str, user: str) -> Person | None:
        """Whoever is at an address, if anybody was ever seen there."""
        return _PEOPLE.optional(await self._people.find_one({"addresses.key": f"{channel}:{user}"}))

    async def staff(self) -> Sequence[Person]:
        """Everybody with a role."""
        return await self._some({"grants.scope": {"$gte": ""}})

    async def at(self, channel: str, user: str, *, language: str) -> Person:
        """The person at an address, made on first contact; a race makes one."""
        key = f"{channel}:{user}"
        found = await self.known(channel, user)
        if found is not None:
            return found
        person = Person(
            id=f"p_{secrets.token_hex(8)}", language=language, addresses=(Address(channel=channel, user=user),)
        )
        try:
            await self._people.insert_one(_to_doc(person))
        except DuplicateKey:
            found = _PEOPLE.optional(await self._people.find_one({"addresses.key": key}))
            if found is None:
                raise InvariantBroken(f"address {channel} is taken by nobody") from None
            return found
        return person

    async def save(self, person: Person) -> None:
        """Creates or replaces a person."""
        await self._people.update_one({"_id": person.id}, {"$set": _to_doc(person)}, upsert=True)

    async def bind(self, person_id: str, account_id: str) -> None:
        """Adds an account."""
        await self._people.update_one({"_id": person_id}, {"$addToSet": {"accounts": account_id}})

    async def unbind(self, person_id: str, account_id: str) -> None:
        """Takes an account away."""
        await self._people.update_one({"_id": person_id}, {"$pull": {"accounts": account_id}})

    async def grant(self, person_id: str, grant: Grant) -> bool:
        """Adds a role."""
        update = {"$addToSet": {"grants": {"role": grant.role, "scope": grant.scope}}}
        return (await self._people.update_one({"_id": person_id}, update)).matched_count == 1

    async def revoke(self, person_id: str, grant: Grant) -> bool:
        """Takes a role away; in force with the person's next message."""
        held = {"role": grant.role, "scope": grant.scope}
        query = {"_id": person_id, "grants": {"$elemMatch": held}}
        return (await self._people.update_one(query, {"$pull": {"grants": held}})).matched_count == 1

    async def set_language(self, person_id: str, language: str) -> None:
        """Stores a choice."""
        await self._people.update_one({"_id": person_id}, {"$set": {"language": language}})

    async def set_preferences(self, person_id: str, preferences: Preferences) -> None:
        """Stores a choice; nothing else of the person changes."""
        await self._people.update_one({"_id": person_id}, {"$set": {"preferences": asdict(preferences)}})

    async def add_address(self, person_id: str, address: Address) -> bool:
        """The unique key of an address decides whose it is; the same person's own is there already."""
        row = {"channel": address.channel, "user": address.user, "key": f"{address.channel}:{address.user}"}
        query = {"_id": person_id, "addresses.key": {"$ne": row["key"]}}
        try:
            counts = await self._people.update_one(query, {"$push": {"addresses": row}})
        except DuplicateKey:
            return False
        return counts.matched_count == 1

    async def drop_address(self, person_id: str, address: Address) -> None:
        """One way less."""
        key = f"{address.channel}:{address.user}"
        await self._people.update_one({"_id": person_id}, {"$pull": {"addresses": {"key": key}}})

    async def name_contact(self, contact: NewContact) -> None:
        """The newest one holds."""
        document = _NEW.to_doc(contact)
        await self._new.update_one({"_id": document.pop("_id")}, {"$set": document}, upsert=True)

    async def new_contact(self, person_id: str) -> NewContact | None:
        """The one that waits for its code."""
        return _NEW.optional(await self._new.find_one({"_id": person_id}))

    async def forget_contact(self, person_id: str, code_hash: str) -> None:
        """Exactly that one: another may have been named since."""
        await self._new.delete_many({"_id": person_id, "code_hash": code_hash})

    async def many(self, person_ids: Sequence[str]) -> Sequence[Person]:
        """In one query."""
        ids = sorted(set(person_ids))
        rows = await self._people.find_list({"_id": {"$in": ids}}, limit=len(ids)) if ids else []
        return [_PEOPLE.from_doc(row) for row in rows]

    async def of_account(self, account_id: str) -> Sequence[Person]:
        """Everybody bound to the account."""
        return await self._some({"accounts": account_id})

    async def staff_over(self, path: str) -> Sequence[Person]:
        """Everybody with a role on `path` or above it."""
        parts = path.split("/")
        scopes = ["/".join(parts[: end + 1]) for end in range(len(parts))]
        return await self._some({"grants.scope": {"$in": scopes}})

    async def _some(self, query: Document) -> Sequence[Person]:
        return [_PEOPLE.from_doc(document) async for document in self._people.find(query, limit=MOST)]

    async def add_code(self, code: BindCode) -> None:
        """Stores a fresh code's hash."""
        await self._codes.insert_one(_CODES.to_doc(code))

    async def code(self, code_hash: str) -> BindCode | None:
        """The code with that hash."""
        return _CODES.optional(await self._codes.find_one({"_id": code_hash}))

    async def use_code(self, code_hash: str, person_id: str) -> bool:
        """Taken once, by one person."""
        query = {"_id": code_hash, "used_by": {"$in": [None, person_id]}}
        return (await self._codes.update_one(query, {"$set": {"used_by": person_id}})).matched_count == 1

    async def count_try(self, key: str, at: datetime, window_s: int) -> int:
        """Counts in fixed windows. Two tries at once are both counted before either count is read."""
        row = f"{key}:{int(at.timestamp()) // window_s}"
        await self._tries.update_one({"_id": row}, {"$inc": {"n": 1}, "$set": {"at": at}}, upsert=True)
        found = await self._tries.find_one({"_id": row})
        return int(found["n"]) if found else 1


def _to_doc(person: Person) -> Document:
    document = _PEOPLE.to_doc(person)
    document["addresses"] = [{**each, "key": f"{each['channel']}:{each['user']}"} for each in document["addresses"]]
    return document
