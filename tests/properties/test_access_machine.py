"""Roles, bindings and requests for a second person against a naive model, with two actors taking turns."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from prepaid.domain.access import ROLE_ACTIONS, TENANT_ACTIONS, Action, Grant, Role, Subject, may, may_appoint
from prepaid.domain.approvals import Approval, ApprovalState, Effect, Request, ask, check_approver
from prepaid.domain.errors import Refused
from prepaid.domain.people import Person
from tests.fakes.clock import EPOCH

PEOPLE = ("ann", "bob", "eve")
PLACES = ("org", "org/a", "org/ab", "org/a/1", "org/a/1/x", "other")
ACCOUNTS = {"x1": "org/a/1/x", "x2": "org/ab", "x3": "other"}
RANK = {Role.OWNER: 3, Role.MANAGER: 2, Role.OPERATOR: 1, Role.FINANCE: 1, Role.VIEWER: 0}
TTL_S = 100

people, places, accounts = st.sampled_from(PEOPLE), st.sampled_from(PLACES), st.sampled_from(sorted(ACCOUNTS))


def inside(place: str, scope: str) -> bool:
    """Segment by segment, with no string trick."""
    wanted, given = scope.split("/"), place.split("/")
    return given[: len(wanted)] == wanted


class AccessMachine(RuleBasedStateMachine):
    """The model is two sets of facts; the product is asked after every step."""

    def __init__(self) -> None:
        super().__init__()
        self.persons = {name: Person(id=name) for name in PEOPLE}
        self.held: set[tuple[str, Role, str]] = {("ann", Role.OWNER, "org")}
        self.bound: set[tuple[str, str]] = set()
        self.now = EPOCH
        self.waiting: list[tuple[Approval, str]] = []
        self._rebuild()

    def _rebuild(self) -> None:
        """People as the store would give them back."""
        for name in PEOPLE:
            grants = tuple(Grant(role, scope) for who, role, scope in sorted(self.held) if who == name)
            owned = tuple(account for who, account in sorted(self.bound) if who == name)
            self.persons[name] = replace(self.persons[name], grants=grants, accounts=owned)

    @rule(who=people, whom=people, role=st.sampled_from(Role), scope=places, giving=st.booleans())
    def appoint(self, who: str, whom: str, role: Role, scope: str, giving: bool) -> None:
        """One actor appoints or dismisses another."""
        powers = [(own, top) for name, own, top in self.held if name == who and inside(scope, top)]
        expected = any(RANK[own] >= 2 and RANK[role] <= RANK[own] for own, _ in powers)
        assert may_appoint(self.persons[who].actor(), Grant(role, scope)) == expected
        if expected:
            change = self.held.add if giving else self.held.discard
            change((whom, role, scope))
            self._rebuild()

    @rule(who=people, account=accounts, binding=st.booleans())
    def bind(self, who: str, account: str, binding: bool) -> None:
        """A tenant comes or goes."""
        change = self.bound.add if binding else self.bound.discard
        change((who, account))
        self._rebuild()

    @rule(who=people, account=accounts, effect=st.sampled_from(Effect))
    def wish(self, who: str, account: str, effect: Effect) -> None:
        """Somebody asks for a second person."""
        request = Request(effect=effect, path=ACCOUNTS[account], site_id="s", account_id=account)
        asked = ask(request, self.persons[who].actor(), self.now, TTL_S)
        if self._has(who, asked.action, account):
            self.waiting.append((asked, account))

    @rule(who=people, pick=st.integers(0, 50), right_digest=st.booleans())
    def agree(self, who: str, pick: int, right_digest: bool) -> None:
        """Somebody agrees: only another person with the right now, in time, once, to this content (A6)."""
        if not self.waiting:
            return
        place = pick % len(self.waiting)
        asked, account = self.waiting[place]
        expected = (
            who != asked.asked_by
            and right_digest
            and asked.state is ApprovalState.ASKED
            and self.now < asked.expires_at
            and self._has(who, asked.action, account)
            and self._has(asked.asked_by, asked.action, account)
        )
        asker, approver = self.persons[asked.asked_by].actor(), self.persons[who].actor()
        try:
            check_approver(asked, asker, approver, asked.digest if right_digest else "0" * 64, self.now)
            agreed = True
        except Refused:
            agreed = False
        assert agreed == expected
        if agreed:
            self.waiting[place] = (replace(asked, state=ApprovalState.APPROVED), account)

    @rule(seconds=st.integers(1, 70))
    def time_passes(self, seconds: int) -> None:
        """Requests grow old."""
        self.now += timedelta(seconds=seconds)

    def _has(self, who: str, action: Action, account: str) -> bool:
        by_role = any(
            name == who and inside(ACCOUNTS[account], scope) and action in ROLE_ACTIONS[role]
            for name, role, scope in self.held
        )
        return by_role or (action in TENANT_ACTIONS and (who, account) in self.bound)

    @invariant()
    def nobody_reaches_further(self) -> None:
        """A1, A2: every person, action and account, after every step."""
        for who in PEOPLE:
            actor = self.persons[who].actor()
            for account, path in ACCOUNTS.items():
                for action in Action:
                    assert may(actor, action, Subject(path, account)) == self._has(who, action, account)


def test_reach_is_what_was_given_and_nothing_else() -> None:
    """A1, A2, A6: whatever is granted, bound, asked and agreed in whatever order, the naive model says the same."""
    run_state_machine_as_test(AccessMachine, settings=settings(max_examples=40, stateful_step_count=30, deadline=None))
