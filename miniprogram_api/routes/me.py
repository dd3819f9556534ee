"""The person: who they are, what they are bound to, and the language that they are spoken to in."""

from __future__ import annotations

from typing import Literal, cast

from miniprogram_api.contract import Ask, Route
from miniprogram_api.models.tenant import AccountsOut, BindWish, BoundOut, LanguageChoice, Me, account_of
from prepaid.domain.access import Grant
from prepaid.domain.accounts import Account
from prepaid.usecases.bind_chat import bind_chat, unbind_chat
from prepaid.usecases.set_language import set_language
from prepaid.usecases.show_balance import my_accounts
from prepaid.usecases.views import AccountLine


async def _me(ask: Ask) -> Me:
    actor = ask.actor
    accounts = await my_accounts(ask.business, actor)
    return Me(
        person_id=actor.id,
        language=cast("Literal['zh', 'en']", actor.language),
        is_staff=actor.is_staff,
        roles=[f"{grant.role}:{grant.scope}" for grant in actor.grants],
        accounts=[account_of(line) for line in accounts],
    )


async def _accounts(ask: Ask) -> AccountsOut:
    return AccountsOut(accounts=[account_of(line) for line in await my_accounts(ask.business, ask.actor)])


async def _speak(ask: Ask) -> None:
    await set_language(ask.business, ask.actor, ask.body(LanguageChoice).language)


async def _bind(ask: Ask) -> BoundOut:
    code = ask.body(BindWish).code
    return await _bound(ask, await bind_chat(ask.business, ask.actor, code, chat=f"api:{ask.actor.id}"))


async def _bound(ask: Ask, bound: Account | Grant) -> BoundOut:
    if isinstance(bound, Grant):
        return BoundOut(account=None, role=f"{bound.role}:{bound.scope}")
    head = await ask.business.store.ledger.head(bound.id)
    line = AccountLine(account_id=bound.id, label=bound.label, balance_micro=head.balance_micro)
    return BoundOut(account=account_of(line), role=None)


async def _unbind(ask: Ask) -> None:
    await unbind_chat(ask.business, ask.actor, ask.path["account_id"])


ROUTES = (
    Route(method="GET", path="/me", name="getMe", summary="Who is logged in", tag="me", handle=_me, answers=Me),
    Route(
        method="PUT",
        path="/me/language",
        name="setLanguage",
        summary="Choose the language",
        tag="me",
        handle=_speak,
        body=LanguageChoice,
    ),
    Route(
        method="POST",
        path="/bindings",
        name="bind",
        summary="Bind an account with a one-time code",
        tag="me",
        handle=_bind,
        body=BindWish,
        answers=BoundOut,
    ),
    Route(
        method="DELETE",
        path="/bindings/{account_id}",
        name="unbind",
        summary="End a binding, at once",
        tag="me",
        handle=_unbind,
    ),
    Route(
        method="GET",
        path="/accounts",
        name="listAccounts",
        summary="The accounts that one is bound to",
        tag="accounts",
        handle=_accounts,
        answers=AccountsOut,
    ),
)
