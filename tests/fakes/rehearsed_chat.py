"""The real conversation core over a tiny stage: two rooms, one tenant each, one admin, fixed figures and a fixed clock.

It answers effects from plain values instead of use cases, so golden transcripts and the chat page can be tried without
a store. Everything that a person sees comes from the product's own `handle` and `present`.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.conversations import effects as do
from bot.conversations.core import handle
from bot.conversations.inbound import Attached, Inbound, Thing, Turn
from bot.conversations.parts import Part
from bot.conversations.present import present
from bot.conversations.rooms import Found, readings
from bot.conversations.session import Session
from prepaid.domain.access import Actor, Grant, Role
from prepaid.domain.accounts import Account
from prepaid.domain.errors import Refused, Trouble, not_found
from prepaid.domain.ledger import Entry, Kind
from prepaid.domain.metering import Usage
from prepaid.domain.orders import Order, OrderState
from prepaid.domain.supply import HoldKind, Outcome
from prepaid.usecases.page_sessions import PageLink
from prepaid.usecases.views import AccountLine, AccountRow, BalanceView, Overview, SiteView, SupplyView, UsageView
from tests.fakes.rehearsed import answers

AT = datetime(2026, 11, 23, 10, 30, tzinfo=UTC)
ZONE = "Asia/Shanghai"
_SENT = re.compile(r"\[(\w+)\] ?(.*)")
LOAD_WH = (
    120,
    90,
    80,
    70,
    75,
    110,
    320,
    540,
    380,
    210,
    190,
    260,
    480,
    430,
    220,
    200,
    240,
    390,
    880,
    1240,
    1010,
    760,
    420,
    210,
)


@dataclass(slots=True)
class Room:
    """One account on the stage."""

    label: str
    balance_micro: int
    on: bool = True
    hold: HoldKind | None = None


@dataclass(slots=True)
class RehearsedChat:
    """`hear` like the product's Conversation, over the stage."""

    rooms: dict[str, Room] = field(
        default_factory=lambda: {"a101": Room("101", 46_382_100), "a102": Room("102", -1_240_000, on=False)}
    )
    actors: dict[str, Actor] = field(
        default_factory=lambda: {
            "anna": Actor(id="p1", accounts=frozenset({"a101"})),
            "ben": Actor(id="p2", accounts=frozenset({"a102"}), language="en"),
            "both": Actor(id="p4", accounts=frozenset({"a101", "a102"})),
            "admin": Actor(id="p3", grants=(Grant(Role.OPERATOR, "acme"),)),
            "new": Actor(id="p5"),
        }
    )
    now: datetime = AT
    alerts: dict[str, Any] = field(default_factory=dict)
    numbered: bool = False
    providers: tuple[str, ...] = ()
    public_url: str = "https://power.example"
    calls: list[do.Effect] = field(default_factory=list)
    agreed: set[str] = field(default_factory=set)
    sessions: dict[str, Session] = field(default_factory=dict)
    on_topup: Callable[[Order], Awaitable[None]] | None = None
    broken: dict[type[do.Effect], Trouble] = field(default_factory=dict)

    async def hear(self, inbound: Inbound) -> list[Part]:
        """Handles, answers the effects, presents."""
        actor = self.actors[inbound.user]
        turn = Turn(
            inbound=inbound,
            actor=actor,
            at=self.now,
            providers=self.providers,
            public_url=self.public_url,
            carries_files=True,
            carries_pictures=True,
        )
        reply = handle(turn, self.sessions.get(inbound.user, Session()))
        parts, session, queue = list(reply.parts), reply.session, list(reply.effects)
        while queue:
            effect = queue.pop(0)
            outcome = await self._play(inbound.user, effect)
            turn = replace(turn, actor=self.actors[inbound.user])
            answer = present(outcome, turn, session)
            parts, session = [*parts, *answer.parts], answer.session
            queue += answer.effects
        self.sessions[inbound.user] = session.with_menu(parts)
        return parts

    async def say(self, user: str, text: str) -> list[Part]:
        """One typed message, or "[thing] name" for what is sent instead of words."""
        sent = _SENT.fullmatch(text)
        if sent is not None:
            attached = Attached(thing=Thing(sent[1]), reference="f1", name=sent[2])
            return await self.hear(Inbound(channel="test", user=user, attached=attached, numbered=self.numbered))
        return await self.hear(Inbound(channel="test", user=user, text=text, numbered=self.numbered))

    async def press(self, user: str, action: str) -> list[Part]:
        """One pressed button."""
        return await self.hear(Inbound(channel="test", user=user, action=action))

    def language_of(self, channel: str, user: str) -> str | None:
        """The language of a user."""
        del channel
        return self.actors[user].language

    async def status(self, user: str) -> dict[str, Any]:
        """What the lamp shows."""
        room = next((self.rooms[a] for a in sorted(self.actors[user].accounts)), None)
        return {} if room is None else {"on": room.on, "balance_micro": room.balance_micro}

    async def _play(self, user: str, effect: do.Effect) -> do.Outcome:
        self.calls.append(effect)
        trouble = self.broken.get(type(effect))
        if trouble is not None:
            return do.Outcome(effect=effect, trouble=trouble)
        try:
            value: Any = ({**_STAGE, **answers()})[type(effect)](self, user, effect)
        except Trouble as caught:
            return do.Outcome(effect=effect, trouble=caught)
        if isinstance(value, Order) and self.on_topup is not None:
            await self.on_topup(value)
        return do.Outcome(effect=effect, value=value)

    def account(self, account_id: str) -> Account:
        """An account of the stage."""
        room = self.rooms[account_id]
        return Account(id=account_id, site_id="maple", path=f"acme/maple/{room.label}", label=room.label)

    def supplies(self, account_id: str) -> tuple[SupplyView, ...]:
        """The one supply of an account."""
        room = self.rooms[account_id]
        rule = "rule.credit" if room.on else "rule.no_credit"
        return (
            SupplyView(
                meter_id=f"m-{account_id}",
                on=room.on,
                wanted_on=room.on,
                reason=rule,
                outcome=Outcome.CONFIRMED,
                hold=room.hold,
                silent=False,
                at=self.now,
            ),
        )

    def balance(self, account_id: str) -> BalanceView:
        """The balance of an account."""
        room = self.rooms[account_id]
        return BalanceView(
            account_id=account_id,
            label=room.label,
            balance_micro=room.balance_micro,
            at=self.now,
            supplies=self.supplies(account_id),
            price_micro_per_kwh=528_300,
            low=room.balance_micro < 20_000_000,
            spared_rule=None,
            spared_until=None,
            hours_left=max(0, room.balance_micro // 500_000),
            site_time_zone=ZONE,
        )

    def usage(self, account_id: str, hours: int) -> UsageView:
        """The last hours, the same load each day."""
        start = self.now.replace(minute=0) - timedelta(hours=hours)
        lines = tuple(
            Usage(
                start=start + timedelta(hours=hour), energy_wh=LOAD_WH[hour % 24], amount_micro=LOAD_WH[hour % 24] * 528
            )
            for hour in range(hours)
        )
        return UsageView(
            account_id=account_id,
            label=self.rooms[account_id].label,
            site_time_zone=ZONE,
            hours=lines,
            total_wh=sum(line.energy_wh for line in lines),
            total_micro=sum(line.amount_micro for line in lines),
            since=start,
            until=self.now,
        )

    def history(self, account_id: str) -> tuple[Entry, ...]:
        """A top-up and an hour of electricity."""
        return (
            self._entry(account_id, 2, Kind.CONSUMPTION, -528_300),
            self._entry(account_id, 1, Kind.TOP_UP, 50_000_000),
        )

    def _entry(self, account_id: str, seq: int, kind: Kind, delta_micro: int) -> Entry:
        at = self.now - timedelta(hours=3 - seq)
        return Entry(
            account_id=account_id,
            seq=seq,
            idem=str(seq),
            request_hash="",
            kind=kind,
            lines=(),
            delta_micro=delta_micro,
            credit_seq=1,
            balance_micro=self.rooms[account_id].balance_micro,
            at=at,
            effective_at=at,
            actor="clock",
            reason="",
            currency="CNY",
            ref={},
            prev_hash="",
            hash="",
        )

    def order(self, user: str, effect: do.StartTopUp) -> Order:
        """A pending order with its code."""
        return Order(
            id="cw2611231830000123456789abcdef",
            account_id=effect.account_id,
            site_id="maple",
            person_id=self.actors[user].id,
            provider="wechat_pay",
            amount_fen=effect.amount_fen,
            created_at=self.now,
            expires_at=self.now + timedelta(hours=2),
            state=OrderState.PENDING,
            pay_uri="weixin://wxpay/bizpayurl?pr=Yq8RrS0zz",
        )

    def overview(self) -> Overview:
        """All rooms."""
        rows = tuple(
            AccountRow(
                account_id=account_id,
                label=room.label,
                balance_micro=room.balance_micro,
                on=room.on,
                wanted_on=room.on,
                outcome=Outcome.CONFIRMED,
                hold=room.hold,
                silent=False,
            )
            for account_id, room in self.rooms.items()
        )
        lit = sum(row.on is True for row in rows)
        arrears = -sum(min(0, row.balance_micro) for row in rows)
        site = SiteView(
            site_id="maple", name="枫丹苑", rows=rows, on=lit, off=len(rows) - lit, silent=0, arrears_micro=arrears
        )
        return Overview(sites=(site,))

    def find(self, effect: do.FindAccount) -> Found:
        """A room by its label; what is missing and what is foreign look the same."""
        for read in readings(effect.text, effect.then):
            for account_id, room in self.rooms.items():
                if read.room.casefold() in (account_id, room.label):
                    return Found(account=self.account(account_id), besides=read.besides)
        raise not_found()

    def bind(self, user: str, code: str) -> Account:
        """The one code of the stage binds room 101."""
        if code.upper() != "7KQ2M9XA":
            raise Refused("refused.code_wrong")
        self.actors[user] = replace(self.actors[user], accounts=frozenset({"a101"}))
        return self.account("a101")

    def speak(self, user: str, language: str) -> None:
        """Changes a user's language."""
        self.actors[user] = replace(self.actors[user], language=language)

    def unbind(self, user: str) -> None:
        """Lets go of everything."""
        self.actors[user] = replace(self.actors[user], accounts=frozenset())

    def switch(self, effect: do.SwitchSupply) -> tuple[SupplyView, ...]:
        """Switches at once."""
        self.rooms[effect.account_id].on = effect.on
        return self.supplies(effect.account_id)

    def hold(self, effect: do.HoldSupply) -> tuple[SupplyView, ...]:
        """Sets the hold."""
        self.rooms[effect.account_id].hold = effect.kind
        return self.supplies(effect.account_id)

    def lines(self, user: str) -> tuple[AccountLine, ...]:
        """The accounts of a user."""
        mine = sorted(self.actors[user].accounts)
        return tuple(
            AccountLine(account_id=a, label=self.rooms[a].label, balance_micro=self.rooms[a].balance_micro)
            for a in mine
        )


_STAGE: dict[type[do.Effect], Callable[[RehearsedChat, str, Any], Any]] = {
    do.ShowBalance: lambda stage, _, e: stage.balance(e.account_id),
    do.ConfirmTopUp: lambda stage, _, e: stage.balance(e.account_id),
    do.ConfirmUnbind: lambda stage, _, e: stage.balance(e.account_id),
    do.ShowHistory: lambda stage, _, e: stage.history(e.account_id),
    do.ListAccounts: lambda stage, user, _: stage.lines(user),
    do.StartTopUp: lambda stage, user, e: stage.order(user, e),
    do.BindChat: lambda stage, user, e: stage.bind(user, e.code),
    do.UnbindChat: lambda stage, user, _: stage.unbind(user),
    do.SetLanguage: lambda stage, user, e: stage.speak(user, e.language),
    do.OpenOverview: lambda *_: PageLink(token="0123456789abcdef" * 4 + "0123", until=AT),
    do.ShowOverview: lambda stage, _, __: stage.overview(),
    do.FindAccount: lambda stage, _, e: stage.find(e),
    do.SwitchSupply: lambda stage, _, e: stage.switch(e),
    do.HoldSupply: lambda stage, _, e: stage.hold(e),
    do.IssueBindCode: lambda _, __, ___: "7KQ2M9XA",
}
