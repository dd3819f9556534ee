"""Orders: what waits to be paid, how far a payment has come, and an order taken back (P1, N3)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bot.conversations import flows
from bot.conversations.effects import Effect
from bot.conversations.inbound import Turn
from bot.conversations.openings import for_account
from bot.conversations.parts import Item, List, Look, Part, Tone
from bot.conversations.pay_by import provider_words
from bot.conversations.reply import Reply, choose, press, say
from bot.conversations.session import Session
from bot.conversations.thread import payment_thread
from bot.conversations.topic import Topic
from bot.conversations.vocabulary import Audience, Intent
from bot.texts import text
from prepaid.domain.money import micro_from_fen
from prepaid.domain.notices import Stage
from prepaid.domain.orders import OPEN, Order, OrderState
from prepaid.usecases.cancel_topup import cancel_topup
from prepaid.usecases.follow_order import Progress, follow_order
from prepaid.usecases.list_orders import list_orders
from prepaid.usecases.show_order import show_order

SHOWN = 8
_ORDER_ID = re.compile(r"[0-9a-z_-]{2,32}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOrders(Effect):
    """The newest orders of the account."""

    account_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowOrder(Effect):
    """How far one has come."""

    order_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AskCancelOrder(Effect):
    """Looks at the order that is to be taken back, so that the question names it."""

    order_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelOrder(Effect):
    """Takes it back."""

    order_id: str


def _order(turn: Turn, session: Session, argument: str) -> Reply:
    if _ORDER_ID.fullmatch(argument):
        return Reply(session=session, effects=(FollowOrder(order_id=argument),))
    return for_account("orders", lambda account, _: ListOrders(account_id=account))(turn, session, "")


def _unorder(turn: Turn, session: Session, argument: str) -> Reply:
    if _ORDER_ID.fullmatch(argument):
        return Reply(session=session, effects=(AskCancelOrder(order_id=argument),))
    return _order(turn, session, "")


def _listed(effect: ListOrders, value: Sequence[Order], turn: Turn, session: Session) -> Reply:
    del effect
    language = turn.actor.language
    if not value:
        return Reply(session=session, parts=(say(language, "orders.none"),))
    items = tuple(
        Item(
            label=text(language, "figure.fen", amount_fen=order.amount_fen),
            value=text(language, f"order.{order.state}"),
            detail=text(language, "orders.detail", at=order.created_at, by=provider_words(language, order.provider)),
            action=f"order:{order.id}",
        )
        for order in value[:SHOWN]
    )
    listing: Part = List(title=text(language, "orders.title"), items=items, hint=text(language, "menu.hint"))
    return Reply(session=session, parts=(listing,))


def _followed(effect: FollowOrder, value: Progress, turn: Turn, session: Session) -> Reply:
    del effect
    order, language = value.order, turn.actor.language
    params = {
        "amount_micro": micro_from_fen(order.amount_fen),
        "pay_uri": order.pay_uri if value.stage is Stage.WAITING else None,
        "order_id": order.id,
        "label": text(language, "orders.own"),
        "at": None,
    }
    parts = payment_thread(language, order.id, value.stage, params)
    if order.state not in OPEN:
        return Reply(session=session, parts=parts)
    back = press(language, "button.cancel_order", f"unorder:{order.id}", Look.DANGER)
    return Reply(session=session, parts=(*parts, choose(text(language, "orders.next"), language, back)))


def _ask_cancel(effect: AskCancelOrder, value: Order, turn: Turn, session: Session) -> Reply:
    if value.state not in OPEN:
        return Reply(session=session, parts=(_state(turn, value),))
    prompt = text(turn.actor.language, "orders.confirm_cancel", amount_fen=value.amount_fen, at=value.created_at)
    return flows.ask_confirm(turn, session, "cancel_order", prompt, Look.DANGER, order_id=effect.order_id)


def _cancelled(effect: CancelOrder, value: Order, turn: Turn, session: Session) -> Reply:
    """It may have been paid a moment before: then the person is told so, and keeps the credit (M8)."""
    del effect
    if value.state is OrderState.EXPIRED:
        return Reply(session=session, parts=(say(turn.actor.language, "orders.cancelled", Tone.GOOD),))
    return Reply(session=session, parts=(_state(turn, value),))


def _state(turn: Turn, order: Order) -> Part:
    language = turn.actor.language
    words = text(language, f"order.{order.state}")
    return say(language, "orders.stands", amount_fen=order.amount_fen, state=words)


TOPIC = Topic(
    intents=(
        Intent(
            name="orders",
            hints=(
                r"订单",
                r"\borders?\b|(?:pending|open|unpaid) payments?",
            ),
            audience=Audience.TENANT,
            commands=("orders", "订单"),
            phrases=(
                r"(?:查询|查|看看|看)?(?:我的|充值|未付|支付)?订单",
                r"(?:show |see )?(?:my )?(?:orders|open payments|pending payments)",
            ),
        ),
        Intent(name="order", audience=Audience.TENANT, commands=("order",), in_help=False),
        Intent(
            name="unorder",
            audience=Audience.TENANT,
            commands=("unorder",),
            phrases=(r"取消(?:充值|订单|支付)", r"cancel (?:the |my )?(?:order|payment|top[- ]?up|recharge)"),
            in_help=False,
        ),
    ),
    openings={
        "orders": for_account("orders", lambda account, _: ListOrders(account_id=account)),
        "order": _order,
        "unorder": _unorder,
    },
    confirmed={"confirm.cancel_order": lambda data: CancelOrder(order_id=str(data["order_id"]))},
    after_choice=frozenset({"orders"}),
    performers={
        ListOrders: lambda e, on: list_orders(on.business, on.actor, e.account_id, limit=SHOWN),
        FollowOrder: lambda e, on: follow_order(on.business, on.actor, e.order_id),
        AskCancelOrder: lambda e, on: show_order(on.business, on.actor, e.order_id),
        CancelOrder: lambda e, on: cancel_topup(on.business, on.actor, e.order_id),
    },
    presenters={
        ListOrders: _listed,
        FollowOrder: _followed,
        AskCancelOrder: _ask_cancel,
        CancelOrder: _cancelled,
    },
)
