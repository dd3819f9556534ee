"""Carries effects out: each is one use case, called with the actor (A8). The only part of a conversation that waits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from bot.conversations import effects as do
from bot.conversations.rooms import Found, readings
from bot.conversations.topic import Performer, topics
from prepaid.domain.access import Actor
from prepaid.ports import Business
from prepaid.usecases.bind_chat import bind_chat, unbind_chat
from prepaid.usecases.find_account import find_first
from prepaid.usecases.hold_supply import hold_supply
from prepaid.usecases.issue_bind_code import issue_bind_code
from prepaid.usecases.overview import overview
from prepaid.usecases.page_sessions import make_page_link
from prepaid.usecases.set_language import set_language
from prepaid.usecases.show_balance import my_accounts, show_balance
from prepaid.usecases.show_history import show_history
from prepaid.usecases.start_topup import start_topup
from prepaid.usecases.switch_supply import switch_supply
from prepaid.usecases.take_list import Fetch


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """Who asks, over which chat, and by whom payments go."""

    business: Business
    actor: Actor
    chat: str
    provider: str
    fetch: Fetch | None = None
    """Brings what was sent over the chat's channel; None where nothing can be sent."""


async def perform(effect: do.Effect, on: Situation) -> object:
    """Calls the effect's use case. Raises `Trouble` as the use case does."""
    return await _performers()[type(effect)](effect, on)


def performed() -> frozenset[type[do.Effect]]:
    """Every kind of effect that can be carried out."""
    return frozenset(_performers())


_BASIC: dict[type[do.Effect], Performer] = {
    do.ShowBalance: lambda e, on: show_balance(on.business, on.actor, e.account_id),
    do.ConfirmTopUp: lambda e, on: show_balance(on.business, on.actor, e.account_id),
    do.ConfirmUnbind: lambda e, on: show_balance(on.business, on.actor, e.account_id),
    do.ShowHistory: lambda e, on: show_history(on.business, on.actor, e.account_id, limit=10),
    do.ListAccounts: lambda _, on: my_accounts(on.business, on.actor),
    do.StartTopUp: lambda e, on: start_topup(
        on.business, on.actor, e.account_id, e.amount_fen, provider=e.provider or on.provider
    ),
    do.BindChat: lambda e, on: bind_chat(on.business, on.actor, e.code, chat=on.chat),
    do.UnbindChat: lambda e, on: unbind_chat(on.business, on.actor, e.account_id),
    do.SetLanguage: lambda e, on: set_language(on.business, on.actor, e.language),
    do.OpenOverview: lambda _, on: make_page_link(on.business, on.actor),
    do.ShowOverview: lambda _, on: overview(on.business, on.actor),
    do.FindAccount: lambda e, on: _find(on, e),
    do.SwitchSupply: lambda e, on: switch_supply(on.business, on.actor, e.account_id, on=e.on, reason=e.reason),
    do.HoldSupply: lambda e, on: hold_supply(on.business, on.actor, e.account_id, kind=e.kind, why=e.why),
    do.IssueBindCode: lambda e, on: issue_bind_code(on.business, on.actor, e.account_id),
}


async def _find(on: Situation, effect: do.FindAccount) -> Found:
    read = readings(effect.text, effect.then)
    place, account = await find_first(on.business, on.actor, [each.room for each in read])
    return Found(account=account, besides=read[place].besides)


@cache
def _performers() -> Mapping[type[do.Effect], Performer]:
    return _BASIC | {kind: call for topic in topics() for kind, call in topic.performers.items()}
