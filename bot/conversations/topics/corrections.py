"""Corrections of money: an adjustment with its cause, a refund of a payment; the yes names amount and account (P2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bot.conversations import amounts, desk, flows
from bot.conversations.effects import Effect
from bot.conversations.form import REASON, Data, Form, Question, fen, wish
from bot.conversations.inbound import Turn
from bot.conversations.openings import for_room
from bot.conversations.parts import Item, Look, Tone
from bot.conversations.reply import Reply, say
from bot.conversations.session import Session
from bot.conversations.topic import Topic
from bot.conversations.vocabulary import Audience, Intent, Wants
from bot.texts import LANGUAGES, text
from prepaid.domain.accounts import Account
from prepaid.domain.approvals import Approval
from prepaid.domain.errors import Refused
from prepaid.domain.ledger import Entry
from prepaid.domain.money import micro_from_fen
from prepaid.domain.orders import Order
from prepaid.domain.refunds import Refund, RefundStep, left_fen
from prepaid.usecases.adjust import Cause, adjust
from prepaid.usecases.refund import refund
from prepaid.usecases.refundable import refundable

CAUSES = tuple(cause for cause in Cause if cause is not Cause.OPENING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjust(Effect):
    """Moves a balance, once for the key that its question was given."""

    account_id: str
    label: str
    amount_fen: int
    cause: str
    why: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListRefundable(Effect):
    """Payments of which something is left; `besides` is what was said along with the room."""

    account_id: str
    label: str
    besides: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundOrder(Effect):
    """Gives money back, once for the key that its question was given."""

    order_id: str
    label: str
    amount_fen: int
    why: str
    key: str


def _signed(heard: str) -> int:
    """An amount with its sign: "-12.50" takes from the balance."""
    plain = heard.strip().replace("－", "-").replace("−", "-").replace("＋", "+")
    if plain[:1] in "+-" and plain:
        amount = amounts.read_fen(plain[1:])
        return -amount if plain[0] == "-" else amount
    return fen(plain)


def _cause(heard: str) -> str:
    """A typed cause, by its name or number; anything else is explained."""
    plain = heard.strip().casefold()
    if plain not in set(CAUSES):
        raise Refused("refused.adjust_cause")
    return plain


def _spot_cause(besides: str) -> tuple[str, str] | None:
    """A cause that begins what was said, by its name or by its words in either language."""
    for cause in CAUSES:
        for name in (cause, *(text(language, f"reason.{cause}") for language in LANGUAGES)):
            if besides.casefold().startswith(name.casefold()):
                return str(cause), besides[len(name) :].strip(" ,，、:：")
    return None


def _adjust_ready(turn: Turn, session: Session, data: Data) -> Reply:
    language = turn.actor.language
    amount_micro = micro_from_fen(int(data["amount"]))
    cause = text(language, f"reason.{data['cause']}")
    prompt = text(
        language,
        "adjust.confirm",
        label=data["label"],
        delta_micro=amount_micro,
        cause=cause,
        words=data["why"],
    )
    return flows.ask_confirm(turn, session, "adjust", prompt, Look.DANGER, wish=wish(turn), **data)


def _spot_sum(besides: str) -> tuple[int, str] | None:
    spotted = amounts.spot_fen(besides)
    return spotted if spotted is not None and spotted[0] > 0 else None


def _refund_ready(turn: Turn, session: Session, data: Data) -> Reply:
    prompt = text(
        turn.actor.language,
        "refund.confirm",
        label=data["label"],
        amount_fen=data["amount"],
        order_id=data["order"],
        words=data["why"],
    )
    return flows.ask_confirm(turn, session, "refund", prompt, Look.DANGER, wish=wish(turn), **data)


ADJUST = Form(
    name="adjust",
    questions=(
        Question(name="amount", read=_signed, spot=amounts.spot_fen),
        Question(
            name="cause",
            read=_cause,
            picks=tuple((f"reason.{cause}", str(cause)) for cause in CAUSES),
            spot=_spot_cause,
        ),
        REASON,
    ),
    done=_adjust_ready,
)
REFUND = Form(name="refund", questions=(Question(name="amount", read=fen, spot=_spot_sum), REASON), done=_refund_ready)


def _adjust(turn: Turn, session: Session, account: Account) -> Reply:
    return ADJUST.begin(turn, session, {"account_id": account.id, "label": account.label})


def _refund(turn: Turn, session: Session, account: Account) -> Reply:
    listing = ListRefundable(account_id=account.id, label=account.label, besides=turn.besides)
    return Reply(session=session, effects=(listing,))


def _begin_refund(turn: Turn, session: Session, argument: str) -> Reply:
    """A pressed payment comes as "order:<id>:<what is left>:<room>"; anything else is a room."""
    kind, _, rest = argument.partition(":")
    order_id, _, tail = rest.partition(":")
    left, _, label = tail.partition(":")
    if kind != "order" or not left.isdecimal():
        return for_room("refund")(turn, session, argument)
    return REFUND.ask(turn, session, {"order": order_id, "label": label or order_id, "left_fen": int(left)})


def _listed(effect: ListRefundable, value: Sequence[Order], turn: Turn, session: Session) -> Reply:
    language = turn.actor.language
    if not value:
        return Reply(session=session, parts=(say(language, "refund.none", label=effect.label),))
    spotted = _spot_sum(effect.besides)
    if spotted is not None:
        # With an amount only those come into question that have so much left; a single one needs no choice.
        value = [order for order in value if left_fen(order) >= spotted[0]] or value
        if len(value) == 1:
            data: dict[str, str | int] = {"order": value[0].id, "label": effect.label, "left_fen": left_fen(value[0])}
            return REFUND.begin(replace(turn, besides=effect.besides), session, data)
    items = [_order(language, order, effect.label) for order in value[: desk.PAGE_ROWS]]
    listing = desk.paged(language, "refund.which", items, 1)
    return Reply(session=session, parts=(listing,))


def _order(language: str, order: Order, label: str) -> Item:
    left = left_fen(order)
    named = desk.action("refund", "order", order.id, str(left), label)
    return Item(
        label=text(language, "figure.fen", amount_fen=order.amount_fen),
        value=text(language, "figure.when", at=order.paid_at or order.created_at),
        detail=text(language, "refund.left", left_fen=left),
        action=named or desk.action("refund", "order", order.id, str(left)),
    )


def _adjusted(effect: Adjust, value: Entry | Approval, turn: Turn, session: Session) -> Reply:
    if isinstance(value, Approval):
        return Reply(session=session, parts=(desk.waits(turn, value),))
    figures = {"delta_micro": value.delta_micro, "balance_micro": value.balance_micro}
    words = say(turn.actor.language, "adjust.done", Tone.GOOD, label=effect.label, **figures)
    return Reply(session=session, parts=(words,))


def _refunded(effect: RefundOrder, value: Refund | Approval, turn: Turn, session: Session) -> Reply:
    if isinstance(value, Approval):
        return Reply(session=session, parts=(desk.waits(turn, value),))
    key = "refund.done" if value.step is RefundStep.DONE else "refund.under_way"
    words = say(turn.actor.language, key, Tone.GOOD, label=effect.label, amount_fen=value.amount_fen, number=value.id)
    return Reply(session=session, parts=(words,))


TOPIC = Topic(
    intents=(
        Intent(
            name="adjust",
            audience=Audience.STAFF,
            commands=("adjust", "调账", "调整余额"),
            phrases=(
                r"(?:调账|调整余额|冲账)\s*(?P<arg>[^\s].{0,40})",
                r"adjust (?:the )?(?:balance )?(?:of |for )?(?P<arg>.{1,40})",
            ),
            wants=Wants.ROOM,
        ),
        Intent(
            name="refund",
            audience=Audience.STAFF,
            commands=("refund", "退款"),
            phrases=(
                r"退款(?:给)?\s*(?P<arg>[^\s].{0,40})",
                r"refund (?:a payment )?(?:of |to |for )?(?P<arg>.{1,40})",
            ),
            wants=Wants.ROOM,
        ),
    ),
    openings={"adjust": for_room("adjust"), "refund": _begin_refund},
    confirmed={
        "confirm.adjust": lambda d: Adjust(
            account_id=str(d["account_id"]),
            label=str(d["label"]),
            amount_fen=int(d["amount"]),
            cause=str(d["cause"]),
            why=str(d["why"]),
            key=str(d["wish"]),
        ),
        "confirm.refund": lambda d: RefundOrder(
            order_id=str(d["order"]),
            label=str(d["label"]),
            amount_fen=int(d["amount"]),
            why=str(d["why"]),
            key=str(d["wish"]),
        ),
    },
    steps={ADJUST.step: ADJUST.heard, REFUND.step: REFUND.heard},
    picked={ADJUST.step: ADJUST.picked},
    after_found={"adjust": _adjust, "refund": _refund},
    performers={
        Adjust: lambda e, on: adjust(
            on.business,
            on.actor,
            e.account_id,
            micro_from_fen(e.amount_fen),
            key=e.key,
            cause=Cause(e.cause),
            why=e.why,
        ),
        ListRefundable: lambda e, on: refundable(on.business, on.actor, e.account_id),
        RefundOrder: lambda e, on: refund(on.business, on.actor, e.order_id, e.amount_fen, key=e.key, why=e.why),
    },
    presenters={Adjust: _adjusted, ListRefundable: _listed, RefundOrder: _refunded},
)
