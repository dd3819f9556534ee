"""Puts what the tenants' use cases returned into parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, time
from zoneinfo import ZoneInfo

from bot.conversations import flows, openings
from bot.conversations.effects import (
    BindChat,
    ConfirmTopUp,
    ConfirmUnbind,
    ListAccounts,
    SetLanguage,
    ShowBalance,
    ShowHistory,
    StartTopUp,
    UnbindChat,
)
from bot.conversations.inbound import Turn
from bot.conversations.parts import Item, KeyValueTable, List, Look, Part, Row, Tone
from bot.conversations.pay_by import choose_provider
from bot.conversations.reply import Reply, choose, press, say
from bot.conversations.session import Session
from bot.conversations.thread import payment_thread
from bot.conversations.wording import supply_rows
from bot.texts import text
from prepaid.domain.access import Grant
from prepaid.domain.accounts import Account
from prepaid.domain.ledger import Entry
from prepaid.domain.money import micro_from_fen
from prepaid.domain.notices import Stage
from prepaid.domain.orders import Order, OrderState
from prepaid.usecases.views import AccountLine, BalanceView


def balance(effect: ShowBalance, value: BalanceView, turn: Turn, session: Session) -> Reply:
    """Balance, supply, how long it lasts, what protects it, and the next step."""
    del effect
    language = turn.actor.language
    tone = Tone.WARNING if value.low else Tone.GOOD
    title = text(language, "balance.title", label=value.label)
    table = KeyValueTable(title=title, rows=_balance_rows(language, value), tone=tone, note=_as_of(language, value))
    own = value.account_id in turn.actor.accounts
    parts: tuple[Part, ...] = (table,)
    if own:
        look = Look.PRIMARY if value.low else Look.PLAIN
        buttons = [press(language, "intent.recharge", "recharge", look)]
        buttons += [press(language, f"intent.{name}", name) for name in ("usage", "history")]
        urgent = value.low and value.spared_rule is None
        key = "balance.low_prompt" if urgent else "balance.prompt"
        parts = (table, choose(text(language, key), language, *buttons))
    return Reply(session=session, parts=parts)


def _as_of(language: str, value: BalanceView) -> str:
    return text(language, "balance.as_of", at=value.at, time_zone=value.site_time_zone)


def _balance_rows(language: str, value: BalanceView) -> tuple[Row, ...]:
    rows = [
        Row(
            label=text(language, "row.balance"),
            value=text(language, "figure.balance", balance_micro=value.balance_micro),
        ),
        *(
            Row(label=wallet.label, value=text(language, "figure.balance", balance_micro=wallet.balance_micro))
            for wallet in value.wallets
        ),
        *supply_rows(language, value.supplies),
    ]
    if value.outage is not None:
        words = text(language, "figure.outage", until=value.outage.until, time_zone=value.site_time_zone)
        rows.append(Row(label=text(language, "row.outage"), value=words))
    rows += _left_rows(language, value)
    price = text(language, "figure.price", price_micro_per_kwh=value.price_micro_per_kwh)
    rows.append(Row(label=text(language, "row.price"), value=price))
    if value.spared_rule is not None:
        key = "balance.spared" if value.spared_until is None else "balance.spared_until"
        words = text(language, key, rule=value.spared_rule, until=value.spared_until, time_zone=value.site_time_zone)
        rows.append(Row(label=text(language, "row.spared"), value=words))
    return tuple(rows)


def _left_rows(language: str, value: BalanceView) -> list[Row]:
    """By the days lately where they are known, or else by the power drawn now; and what gets through days off."""
    rows, left, hint, zone = [], value.days_left, value.hint, value.site_time_zone
    if left is not None and left.ends_at is not None:
        params = {"least": left.least, "most": left.most, "until": left.ends_at, "time_zone": zone}
        rows.append(Row(label=text(language, "row.left"), value=text(language, "figure.left_days", **params)))
    elif value.hours_left is not None and value.balance_micro > 0:
        key = "figure.left" if value.hours_left else "figure.left_little"
        words = text(language, key, left_s=value.hours_left * 3600)
        rows.append(Row(label=text(language, "row.left"), value=words))
    if hint is not None:
        last = datetime.combine(hint.last_day, time(), ZoneInfo(zone))
        words = text(language, "figure.hint", amount_micro=hint.amount_micro, until=last, time_zone=zone)
        rows.append(Row(label=text(language, "row.hint"), value=words))
    return rows


def history(effect: ShowHistory, value: Sequence[Entry], turn: Turn, session: Session) -> Reply:
    """The latest entries of the ledger, newest first."""
    del effect
    language = turn.actor.language
    if not value:
        return Reply(session=session, parts=(say(language, "history.none"),))
    items = tuple(
        Item(
            label=text(language, f"entry.{entry.kind}"),
            value=text(language, "figure.delta", delta_micro=entry.delta_micro),
            detail=text(language, "entry.detail", at=entry.effective_at, balance_micro=entry.balance_micro),
        )
        for entry in value
    )
    return Reply(session=session, parts=(List(title=text(language, "history.title"), items=items),))


def accounts(effect: ListAccounts, value: Sequence[AccountLine], turn: Turn, session: Session) -> Reply:
    """The person's accounts to choose from; the choice goes on with what was asked for."""
    language = turn.actor.language
    if not value:
        return Reply(session=session, parts=openings.how_to_bind(turn))
    rest = f":{effect.then}:{effect.argument}".rstrip(":") if effect.then else ""
    items = tuple(
        Item(
            label=line.label,
            value=text(language, "figure.balance", balance_micro=line.balance_micro),
            detail=text(language, "accounts.chosen") if line.account_id == session.account_id else "",
            action=_fit(f"use:{line.account_id}", rest),
        )
        for line in value
    )
    key = "accounts.which" if effect.then else "accounts.title"
    listing = List(title=text(language, key), items=items, hint=text(language, "menu.hint"))
    return Reply(session=session, parts=(listing,))


def _fit(action: str, rest: str) -> str:
    """An argument that is too long, or not ASCII, is asked for again rather than lost halfway."""
    whole = action + rest
    return whole if whole.isascii() and len(whole) <= 64 else action  # noqa: PLR2004 - parts.MAX_ACTION_BYTES


def confirm_topup(effect: ConfirmTopUp, value: BalanceView, turn: Turn, session: Session) -> Reply:
    """Names room and amount before any money moves."""
    data: dict[str, str | int] = {
        "account_id": effect.account_id,
        "label": value.label,
        "amount_fen": effect.amount_fen,
    }
    if len(turn.providers) > 1:
        return choose_provider(turn, session, data)
    prompt = text(
        turn.actor.language,
        "recharge.confirm",
        label=value.label,
        amount_fen=effect.amount_fen,
        after_micro=value.balance_micro + micro_from_fen(effect.amount_fen),
    )
    return flows.ask_confirm(turn, session, "recharge", prompt, Look.PRIMARY, **data)


def topup(effect: StartTopUp, value: Order, turn: Turn, session: Session) -> Reply:
    """The QR code with its thread; or, when the provider did not answer in time, what happens next."""
    language = turn.actor.language
    if value.state is OrderState.UNKNOWN or value.pay_uri is None:
        words = say(language, "pay.unknown", Tone.WARNING, amount_fen=effect.amount_fen, order_id=value.id)
        return Reply(session=session, parts=(words,))
    if turn.inbound.pushes:
        return Reply(session=session, parts=(say(language, "pay.opened", amount_fen=effect.amount_fen),))
    params = {
        "amount_micro": micro_from_fen(value.amount_fen),
        "pay_uri": value.pay_uri,
        "order_id": value.id,
        "label": effect.label,
    }
    return Reply(session=session, parts=payment_thread(language, value.id, Stage.WAITING, params))


def bound(effect: BindChat, value: Account | Grant, turn: Turn, session: Session) -> Reply:
    """A welcome, and the balance with it; staff is told what they are now and how to look around."""
    del effect
    if isinstance(value, Grant):
        role = text(turn.actor.language, f"role.{value.role}")
        hello = say(turn.actor.language, "bind.staff", Tone.GOOD, role=role, scope=value.scope)
        return Reply(session=replace(session, flow=None), parts=(hello,))
    hello = say(turn.actor.language, "bind.done", Tone.GOOD, label=value.label)
    chosen = replace(session, account_id=value.id, flow=None)
    return Reply(session=chosen, parts=(hello,), effects=(ShowBalance(account_id=value.id),))


def confirm_unbind(effect: ConfirmUnbind, value: BalanceView, turn: Turn, session: Session) -> Reply:
    """Names the room before it is let go."""
    prompt = text(turn.actor.language, "unbind.confirm", label=value.label)
    return flows.ask_confirm(turn, session, "unbind", prompt, Look.DANGER, account_id=effect.account_id)


def unbound(effect: UnbindChat, value: object, turn: Turn, session: Session) -> Reply:
    """Done, and how to come back."""
    del effect, value
    return Reply(session=replace(session, account_id=None), parts=(say(turn.actor.language, "unbind.done"),))


def language_set(effect: SetLanguage, value: object, turn: Turn, session: Session) -> Reply:
    """Answers in the new language."""
    del value, turn
    return Reply(session=session, parts=(say(effect.language, "language.done", Tone.GOOD),))
