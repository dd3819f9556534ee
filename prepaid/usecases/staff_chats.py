"""The chats of the staff on one channel, persons and groups, for whoever keeps something for each of them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from prepaid.ports import TOPIC_STAFF, Business, Waiter


@dataclass(frozen=True, slots=True)
class StaffChats:
    """Those of one channel. What is kept for them is looked at again when somebody gets or loses a role."""

    business: Business
    channel: str

    async def rooms_too(self) -> Mapping[str, bool]:
        """The user numbers of everybody with a role, groups below 0 among them; whether they rent a room as well."""
        return {
            address.user: bool(member.accounts)
            for member in await self.business.store.people.staff()
            for address in member.addresses
            if address.channel == self.channel
        }

    def changes(self) -> AbstractAsyncContextManager[Waiter]:
        """Is woken when somebody's role is given or taken, or a group is bound or let go."""
        return self.business.wakeups.waiter(TOPIC_STAFF)
