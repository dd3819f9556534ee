"""What a route is: declared once, and both served and described from that."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from pydantic import BaseModel

from miniprogram_api.parts import Parts
from prepaid.domain.access import Actor
from prepaid.domain.errors import InvariantBroken
from prepaid.ports import Business
from prepaid.usecases.log_in import LoggedIn

ROOT = "/api/v1"
BODY_BYTES_MAX = 32 * 1024
M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One request, read and checked as far as the door can."""

    parts: Parts
    caller: LoggedIn | None
    path: Mapping[str, str]
    given_query: BaseModel | None
    given_body: BaseModel | None
    language: str
    address: str
    file: bytes = b""
    """What was sent, where the route takes a file as its body."""

    @property
    def business(self) -> Business:
        """What use cases are given."""
        return self.parts.business

    @property
    def who(self) -> LoggedIn:
        """Whoever is logged in."""
        if self.caller is None:
            raise InvariantBroken("a route for persons was reached by nobody")
        return self.caller

    @property
    def actor(self) -> Actor:
        """The person with the rights of this moment."""
        return self.who.actor

    def query(self, model: type[M]) -> M:
        """The query, as the route declares it."""
        return _of(model, self.given_query)

    def body(self, model: type[M]) -> M:
        """The body, as the route declares it."""
        return _of(model, self.given_body)


class Blob(BaseModel):
    """A file as an answer."""

    content: bytes
    media_type: str
    name: str


Handler = Callable[[Ask], Awaitable[BaseModel | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One operation. Its `path` begins after `ROOT`; `{names}` in it are strings."""

    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: str
    name: str
    """The operation's id in the contract."""
    summary: str
    tag: str
    handle: Handler
    answers: type[BaseModel] | None = None
    media_types: tuple[str, ...] = ()
    """Kinds of file that it answers with, instead of a model."""
    later: type[BaseModel] | None = None
    """What it answers instead, with 202, when the work takes longer; its `url` is where to look."""
    query: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    takes: str = ""
    """The kind of file that is its body, as it is and in no envelope; what else is said stands in the query."""
    is_open: bool = False
    """Needs no token: a login, or a link that is its own key."""
    keeps_reply: bool = True
    """A write whose answer is kept under its idempotency key; not one that answers with tokens."""
    money: bool = False
    """The answer to its key is kept for ever (M15)."""
    volatile: frozenset[str] = field(default_factory=lambda: frozenset({"at"}))
    """Fields that say nothing new by themselves: the entity tag leaves them out."""
    waits_s: float = 0.0
    """How much longer than others it may take."""
    bytes_max: int = BODY_BYTES_MAX
    """The largest body that it reads."""

    @property
    def is_read(self) -> bool:
        """Whether it changes nothing."""
        return self.method == "GET"

    @property
    def status(self) -> int:
        """What it answers when all is well."""
        return 200 if self.answers is not None or self.media_types else 204


def _of(model: type[M], value: BaseModel | None) -> M:
    if not isinstance(value, model):
        raise InvariantBroken(f"a route reads {model.__name__} and does not declare it")
    return value
