"""The state of one conversation, as an immutable value. Losing it costs a question, never truth (Y2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from bot.conversations.parts import Button, Part, menu_of

FLOW_TTL_S = 10 * 60
"""A question that waits longer than this for its answer is forgotten."""
MENU_LIMIT = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """A question we have asked. `number` ties its buttons to it, so that an old "yes" confirms nothing new."""

    step: str
    number: int
    since: datetime
    data: Mapping[str, str | int] = field(default_factory=dict)

    def expired(self, at: datetime) -> bool:
        """Whether its answer comes too late."""
        return at - self.since > timedelta(seconds=FLOW_TTL_S)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What a conversation remembers: the open question, the last numbered menu, the chosen account."""

    account_id: str | None = None
    flow: Flow | None = None
    menu: tuple[Button, ...] = ()
    turns: int = 0
    greeted: bool = False

    def ask(self, step: str, at: datetime, **data: str | int) -> Session:
        """Opens a question."""
        return replace(self, turns=self.turns + 1, flow=Flow(step=step, number=self.turns + 1, since=at, data=data))

    def asks(self, at: datetime) -> bool:
        """Whether a question waits for its answer."""
        return self.flow is not None and not self.flow.expired(at)

    def settled(self) -> Session:
        """Closes the open question."""
        return replace(self, flow=None)

    def with_menu(self, parts: Iterable[Part]) -> Session:
        """Remembers what a number means after this reply."""
        return replace(self, menu=menu_of(parts)[:MENU_LIMIT])

    def to_plain(self) -> dict[str, object]:
        """Plain data for the session store."""
        return {
            "account_id": self.account_id,
            "turns": self.turns,
            "greeted": self.greeted,
            "menu": [[button.label, button.action] for button in self.menu],
            "flow": None if self.flow is None else _flow_to_plain(self.flow),
        }


def session_from_plain(state: Mapping[str, object]) -> Session:
    """Reads `Session.to_plain`; anything unreadable (an older release wrote it) starts a fresh session."""
    data: Mapping[str, Any] = state
    try:
        return Session(
            account_id=data.get("account_id"),
            turns=int(data.get("turns", 0)),
            greeted=bool(data.get("greeted", False)),
            menu=tuple(Button(label=label, action=action) for label, action in data.get("menu", ())),
            flow=_flow_from_plain(data.get("flow")),
        )
    except (AssertionError, AttributeError, KeyError, TypeError, ValueError):
        return Session()


def _flow_to_plain(flow: Flow) -> dict[str, object]:
    return {"step": flow.step, "number": flow.number, "since": flow.since.isoformat(), "data": dict(flow.data)}


def _flow_from_plain(data: Any) -> Flow | None:
    if data is None:
        return None
    since = datetime.fromisoformat(data["since"])
    return Flow(step=data["step"], number=int(data["number"]), since=since, data=dict(data["data"]))
