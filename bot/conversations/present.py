"""`present` turns how an effect ended into a reply. Pure, like `handle`; the runner calls it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from bot.conversations import effects as do
from bot.conversations import openings, present_staff, present_tenant
from bot.conversations.inbound import Turn
from bot.conversations.parts import Text, Tone
from bot.conversations.reply import Reply
from bot.conversations.session import Session
from bot.conversations.topic import Presenter, topics
from bot.texts import trouble_text
from prepaid.domain.errors import Refused, Trouble

_WRONG_AMOUNT = frozenset({"refused.amount_range", "refused.amount_unreadable"})
_BASIC: dict[type[do.Effect], Presenter] = {
    do.ShowBalance: present_tenant.balance,
    do.ShowHistory: present_tenant.history,
    do.ListAccounts: present_tenant.accounts,
    do.ConfirmTopUp: present_tenant.confirm_topup,
    do.StartTopUp: present_tenant.topup,
    do.ConfirmUnbind: present_tenant.confirm_unbind,
    do.BindChat: present_tenant.bound,
    do.UnbindChat: present_tenant.unbound,
    do.SetLanguage: present_tenant.language_set,
    do.OpenOverview: present_staff.overview_link,
    do.ShowOverview: present_staff.overview,
    do.FindAccount: present_staff.found,
    do.SwitchSupply: present_staff.switched,
    do.HoldSupply: present_staff.held,
    do.IssueBindCode: present_staff.code,
}


def present(outcome: do.Outcome, turn: Turn, session: Session) -> Reply:
    """A reply to one outcome. It may ask for further effects (a binding is followed by the balance)."""
    if outcome.trouble is not None:
        return _trouble(outcome.effect, outcome.trouble, turn, session)
    return _presenters()[type(outcome.effect)](outcome.effect, outcome.value, turn, session)


@cache
def _presenters() -> Mapping[type[do.Effect], Presenter]:
    return _BASIC | {kind: show for topic in topics() for kind, show in topic.presenters.items()}


def _trouble(effect: do.Effect, trouble: Trouble, turn: Turn, session: Session) -> Reply:
    """Says what is wrong. A wrong amount or code keeps its question open, so that the next message can mend it."""
    words = Text(body=trouble_text(turn.actor.language, trouble), tone=Tone.TROUBLE)
    if isinstance(effect, do.ConfirmTopUp | do.StartTopUp) and trouble.key in _WRONG_AMOUNT:
        return openings.ask_amount(turn, session, effect.account_id, Refused(trouble.key, **trouble.params))
    if isinstance(effect, do.BindChat) and trouble.key == "refused.code_wrong":
        return Reply(session=session.ask("bind.code", turn.at), parts=(words,))
    return Reply(session=session, parts=(words,))
