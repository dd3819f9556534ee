"""The journal on the real store against a list and a dictionary, with two processes posting at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from chatwatt.embedded import StoreUris
from prepaid.domain.errors import Refused
from prepaid.domain.ledger import Audit, Entry, Kind, Line, Posting, customer
from prepaid.storage.driver import DriverName
from prepaid.storage.ledger import MongoLedger
from tests.fakes.clock import EPOCH, ManualClock
from tests.fakes.rig import Rig, rig

SETTINGS = settings(
    max_examples=20,
    stateful_step_count=12,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
KEYS = st.sampled_from(["k1", "k2", "k3", "k4", "k5", "k6"])
AMOUNTS = st.integers(-3_000, 3_000)
FLOORS = st.none() | st.integers(-1_000, 1_000)
ACCOUNTS = st.integers(0, 1)
WRITERS = st.integers(0, 1)


@dataclass
class Book:
    """The model of one account: what was posted under which key, in order."""

    posted: dict[str, int] = field(default_factory=dict)

    @property
    def balance(self) -> int:
        """The sum."""
        return sum(self.posted.values())

    def says(self, key: str, amount: int, floor: int | None) -> str:
        """What must come of it: "new", "same", or the refusal."""
        if key in self.posted:
            return "same" if self.posted[key] == amount else "refused.idempotency_conflict"
        if amount < 0 and floor is not None and self.balance + amount < floor:
            return "refused.not_enough"
        return "new"

    def post(self, key: str, amount: int, floor: int | None) -> str:
        """Says and does."""
        answer = self.says(key, amount, floor)
        if answer == "new":
            self.posted[key] = amount
        return answer


class LedgerMachine(RuleBasedStateMachine):
    """Two accounts, two writers; the stage is set by the test."""

    stage: ClassVar[Rig]
    ledgers: ClassVar[list[MongoLedger]]

    def __init__(self) -> None:
        super().__init__()
        self.names = [f"acc-{self.stage.name()}", f"acc-{self.stage.name()}"]
        self.books = [Book(), Book()]

    def posting(self, account: int, key: str, amount: int, floor: int | None) -> Posting:
        name = self.names[account]
        return Posting(
            account_id=name,
            idem=key,
            kind=Kind.ADJUSTMENT,
            lines=(Line(customer(name), amount), Line("adjustments:test", -amount)),
            effective_at=EPOCH,
            actor="test",
            reason="r",
            floor_micro=floor,
        )

    @rule(writer=WRITERS, account=ACCOUNTS, key=KEYS, amount=AMOUNTS, floor=FLOORS)
    def post(self, writer: int, account: int, key: str, amount: int, floor: int | None) -> None:
        """One writer alone."""
        expected = self.books[account].post(key, amount, floor)
        (got,) = self.stage.both(self.ledgers[writer].post(self.posting(account, key, amount, floor)))
        assert answer_of(got) == ("" if expected in ("new", "same") else expected)
        if isinstance(got, Entry):
            assert got.delta_micro == amount

    @rule(account=ACCOUNTS, keys=st.tuples(KEYS, KEYS), amounts=st.tuples(AMOUNTS, AMOUNTS), floor=FLOORS)
    def race(self, account: int, keys: tuple[str, str], amounts: tuple[int, int], floor: int | None) -> None:
        """Both at once: what comes of it is what one order of the two would have given."""
        book = self.books[account]
        posts = [self.posting(account, keys[i], amounts[i], floor) for i in (0, 1)]
        got = self.stage.both(*(self.ledgers[i].post(posts[i]) for i in (0, 1)))
        answers = [answer_of(each) for each in got]
        possible = []
        for order in ((0, 1), (1, 0)):
            trial, says = Book(dict(book.posted)), ["", ""]
            for i in order:
                said = trial.post(keys[i], amounts[i], floor)
                says[i] = "" if said in ("new", "same") else said
            possible.append((says, trial))
        fitting = [trial for says, trial in possible if says == answers]
        assert fitting, (answers, possible)
        self.books[account] = self._as_stored(account, fitting)

    def _as_stored(self, account: int, fitting: list[Book]) -> Book:
        head = self.stage.run(self.ledgers[0].head(self.names[account]))
        matching = [book for book in fitting if book.balance == head.balance_micro]
        assert matching, (head, fitting)
        return matching[0]

    @rule(writer=WRITERS, account=ACCOUNTS, key=KEYS)
    def reverse(self, writer: int, account: int, key: str) -> None:
        """Once for each entry, whoever does it; both writers at once are one."""
        book, name = self.books[account], f"rev:{key}"
        if key not in book.posted:
            return
        undo = self.posting(account, name, -book.posted[key], None)
        got = self.stage.both(self.ledgers[writer].post(undo), self.ledgers[1 - writer].post(undo))
        assert len({each.hash for each in got if isinstance(each, Entry)}) == 1
        book.posted[name] = -book.posted[key]

    @invariant()
    def heads_say_the_sum(self) -> None:
        """M2: in both processes, after every step."""
        for name, book in zip(self.names, self.books, strict=True):
            heads = [self.stage.run(ledger.head(name)) for ledger in self.ledgers]
            assert {(head.balance_micro, head.seq) for head in heads} == {(book.balance, len(book.posted))}


def answer_of(got: object) -> str:
    """The refusal's key, or nothing for an entry; anything else is a finding."""
    if isinstance(got, Refused):
        return got.key
    assert isinstance(got, Entry), got
    return ""


async def audited(ledger: MongoLedger) -> Audit:
    """A replay of everything."""
    audit = Audit()
    async for entry in ledger.replay():
        audit.feed((entry,))
    return audit


def test_two_processes_post_like_one(store_uris: StoreUris, driver_name: DriverName) -> None:
    """M2, M3, M10, M14, M15: keys, floors, reversals and races give what a list and a dictionary give."""
    with rig(store_uris, driver_name) as stage:
        clock = ManualClock()
        ledgers = [MongoLedger(stage.database, clock), MongoLedger(stage.database, clock)]
        stage.run(ledgers[0].migrate())
        LedgerMachine.stage, LedgerMachine.ledgers = stage, ledgers
        run_state_machine_as_test(LedgerMachine, settings=SETTINGS)
        audit = stage.run(audited(ledgers[1]))
        assert audit.clean
        assert audit.entries > 0
