"""How each intent begins: ask for what is missing, or call the use case. One function each, in one table."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache

from bot.conversations import amounts
from bot.conversations.effects import (
    BindChat,
    ConfirmTopUp,
    ConfirmUnbind,
    Effect,
    FindAccount,
    ListAccounts,
    OpenOverview,
    SetLanguage,
    ShowBalance,
    ShowHistory,
    ShowOverview,
)
from bot.conversations.inbound import Turn
from bot.conversations.intents import offered
from bot.conversations.parts import MAX_ACTION_BYTES, Item, List, Look, Part, Text, Tone
from bot.conversations.reply import Reply, choose, press, say
from bot.conversations.session import Session
from bot.conversations.topic import Opening, topics
from bot.texts import text, trouble_text
from prepaid.domain.errors import Refused
from prepaid.domain.orders import MAX_TOPUP_FEN, MIN_TOPUP_FEN, check_amount

READY_YUAN = (20, 50, 100, 200)
MOST_DIGITS = 9
_BARE_CODE = re.compile(r"(?=.*[2-9])[2-9A-HJ-NP-Z]{8}")
_ENGLISH = re.compile(r"en|english|英文|英语")
_CHINESE = re.compile(r"zh|chinese|中文|汉语")


def account_of(turn: Turn, session: Session) -> str | None:
    """The account that is meant: the chosen one while it is still bound, or the only one."""
    if session.account_id in turn.actor.accounts:
        return session.account_id
    return next(iter(turn.actor.accounts)) if len(turn.actor.accounts) == 1 else None


def account_action(account_id: str, intent: str, argument: str = "") -> str:
    """A press that is about this account whichever one the chat has chosen; without it where that does not fit."""
    action = f"use:{account_id}:{intent}:{argument}".rstrip(":")
    if action.isascii() and len(action) <= MAX_ACTION_BYTES:
        return action
    return f"{intent}:{argument}".rstrip(":")


def number_of(argument: str) -> int:
    """A plain number of up to nine digits; 0 for anything else."""
    return int(argument) if argument.isascii() and argument.isdecimal() and len(argument) <= MOST_DIGITS else 0


def how_to_bind(turn: Turn) -> tuple[Part, ...]:
    """What a person without an account is told."""
    if turn.actor.is_staff:
        return (say(turn.actor.language, "bind.staff_without_account"),)
    return (say(turn.actor.language, "bind.how"),)


def maybe_code(turn: Turn, session: Session, heard: str) -> Reply | None:
    """A bare bind code, as people paste it; only for those who are bound to nothing yet."""
    code = heard.strip().upper()
    if turn.actor.accounts or turn.actor.is_staff or not _BARE_CODE.fullmatch(code):
        return None
    return Reply(session=session, effects=(BindChat(code=code),))


def ask_amount(turn: Turn, session: Session, account_id: str, problem: Refused | None = None) -> Reply:
    """Asks how much; with `problem`, says first what was wrong. The question stays open."""
    language = turn.actor.language
    prompt = text(language, "recharge.how_much", min_fen=MIN_TOPUP_FEN, max_fen=MAX_TOPUP_FEN)
    buttons = [press(language, "button.yuan", f"recharge:{yuan}", yuan=str(yuan)) for yuan in READY_YUAN]
    question = choose(prompt, language, *buttons, press(language, "button.cancel", "cancel"))
    wrong = () if problem is None else (Text(body=trouble_text(language, problem), tone=Tone.TROUBLE),)
    return Reply(session=session.ask("recharge.amount", turn.at, account_id=account_id), parts=(*wrong, question))


def with_amount(turn: Turn, session: Session, account_id: str, typed: str) -> Reply:
    """Goes on to the confirmation, or explains and keeps the question open."""
    try:
        amount_fen = check_amount(amounts.read_fen(typed))
    except Refused as problem:
        return ask_amount(turn, session, account_id, problem)
    return Reply(session=session.settled(), effects=(ConfirmTopUp(account_id=account_id, amount_fen=amount_fen),))


def for_account(intent: str, effect: Callable[[str, str], Effect]) -> Opening:
    """An intent that only needs to know the account."""

    def begin(turn: Turn, session: Session, argument: str) -> Reply:
        account_id = account_of(turn, session)
        if account_id is None:
            return Reply(session=session, effects=(ListAccounts(then=intent, argument=argument),))
        return Reply(session=session, effects=(effect(account_id, argument),))

    return begin


def _recharge(turn: Turn, session: Session, argument: str) -> Reply:
    account_id = account_of(turn, session)
    if account_id is None:
        return Reply(session=session, effects=(ListAccounts(then="recharge", argument=argument),))
    return with_amount(turn, session, account_id, argument) if argument else ask_amount(turn, session, account_id)


def _use(turn: Turn, session: Session, argument: str) -> Reply:
    """Chooses an account. The argument is `<account>[:<intent that waited>[:<its argument>]]`."""
    account_id, _, rest = argument.partition(":")
    if account_id not in turn.actor.accounts:
        return Reply(session=session, parts=(say(turn.actor.language, "refused.not_found", Tone.TROUBLE),))
    then, _, then_argument = rest.partition(":")
    chosen = replace(session, account_id=account_id)
    return opening(then if then in _after_choice() else "balance")(turn, chosen, then_argument)


def _bind(turn: Turn, session: Session, argument: str) -> Reply:
    if argument:
        return Reply(session=session, effects=(BindChat(code=argument),))
    return Reply(session=session.ask("bind.code", turn.at), parts=(say(turn.actor.language, "bind.ask_code"),))


def _start(turn: Turn, session: Session, argument: str) -> Reply:
    if argument and not turn.actor.is_staff:
        return Reply(session=session, effects=(BindChat(code=argument),))
    if turn.actor.accounts or turn.actor.is_staff:
        return _help(turn, session, "")
    return Reply(session=session, parts=how_to_bind(turn))


def _as_typed(turn: Turn, argument: str) -> str:
    """An argument with its capitals, which a reason that goes into the trail keeps."""
    typed = " ".join(unicodedata.normalize("NFKC", turn.inbound.text or "").split())
    begins = typed.casefold().rfind(argument)
    same = len(typed) == len(typed.casefold()) and begins >= 0
    return typed[begins : begins + len(argument)] if same else argument


def for_room(intent: str) -> Opening:
    """A staff intent that needs a room."""

    def begin(turn: Turn, session: Session, argument: str) -> Reply:
        if argument:
            return Reply(session=session, effects=(FindAccount(text=_as_typed(turn, argument), then=intent),))
        prompt = say(turn.actor.language, "room.which")
        return Reply(session=session.ask("room", turn.at, then=intent), parts=(prompt,))

    return begin


def _overview(turn: Turn, session: Session, argument: str) -> Reply:
    page = int(argument) if argument.isdecimal() and len(argument) <= 4 else 1  # noqa: PLR2004 - far above any page
    # A link is its own key, so it is never written where others read along.
    opens = turn.inbound.private and turn.public_url and page <= 1
    link = (OpenOverview(),) if opens else ()
    return Reply(session=session, effects=(ShowOverview(page=max(1, page)), *link))


def _language(turn: Turn, session: Session, argument: str) -> Reply:
    wanted = argument.casefold()
    if _ENGLISH.fullmatch(wanted):
        return Reply(session=session, effects=(SetLanguage(language="en"),))
    if _CHINESE.fullmatch(wanted):
        return Reply(session=session, effects=(SetLanguage(language="zh"),))
    language = turn.actor.language
    buttons = (press(language, "button.chinese", "language:zh"), press(language, "button.english", "language:en"))
    return Reply(session=session, parts=(choose(text(language, "language.which"), language, *buttons),))


def _help(turn: Turn, session: Session, argument: str) -> Reply:
    """The words that work for this person, by role."""
    del argument
    language, actor = turn.actor.language, turn.actor
    intents = offered(tenant=bool(actor.accounts), staff=actor.is_staff)
    items = tuple(Item(label=text(language, f"help.{intent.name}")) for intent in intents)
    listing = List(
        title=text(language, "help.title"), items=items, note=text(language, "help.note") if actor.accounts else ""
    )
    quick = ["balance", "recharge", "usage"] * bool(actor.accounts) + ["overview"] * actor.is_staff
    if not quick:
        return Reply(session=session, parts=(listing, *how_to_bind(turn)))
    buttons = [
        press(language, f"intent.{name}", name, Look.PRIMARY if name == "recharge" else Look.PLAIN) for name in quick
    ]
    return Reply(session=session, parts=(listing, choose(text(language, "help.quick"), language, *buttons)))


def _cancel(turn: Turn, session: Session, argument: str) -> Reply:
    del argument
    return Reply(session=session.settled(), parts=(say(turn.actor.language, "flow.nothing_open"),))


def _accounts(turn: Turn, session: Session, argument: str) -> Reply:
    del turn, argument
    return Reply(session=session, effects=(ListAccounts(),))


_AFTER_CHOICE = frozenset({"balance", "recharge", "history", "unbind"})
_BASIC: dict[str, Opening] = {
    "balance": for_account("balance", lambda account, _: ShowBalance(account_id=account)),
    "history": for_account("history", lambda account, _: ShowHistory(account_id=account)),
    "unbind": for_account("unbind", lambda account, _: ConfirmUnbind(account_id=account)),
    "recharge": _recharge,
    "accounts": _accounts,
    "use": _use,
    "bind": _bind,
    "start": _start,
    "language": _language,
    "help": _help,
    "cancel": _cancel,
    "overview": _overview,
    **{name: for_room(name) for name in ("find", "cut", "restore", "protect", "release", "code")},
}


def opening(intent: str) -> Opening:
    """How the intent of that name begins."""
    return _openings()[intent]


@cache
def _openings() -> Mapping[str, Opening]:
    return _BASIC | {name: begin for topic in topics() for name, begin in topic.openings.items()}


@cache
def _after_choice() -> frozenset[str]:
    return _AFTER_CHOICE.union(*(topic.after_choice for topic in topics()))
