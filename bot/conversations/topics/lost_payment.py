"""I paid and nothing came: the number from the payment record is pasted, the provider is asked by it (P2, M5)."""

from __future__ import annotations

from dataclasses import dataclass

from bot.conversations.effects import Effect, ListAccounts, ShowBalance
from bot.conversations.inbound import Turn
from bot.conversations.openings import account_of
from bot.conversations.parts import Tone
from bot.conversations.reply import Reply, say
from bot.conversations.session import Flow, Session
from bot.conversations.topic import Topic
from bot.conversations.topics.ticket_files import invitation
from bot.conversations.vocabulary import Ask, Audience, Intent, Wants
from prepaid.usecases.claim_payment import Claim, claim_payment

MOST_CHARS = 80
_PAID = r"(?:我)?(?:已经?)?(?:充值|充了|付款?了?|交了|转了)(?:钱|值|款|电费)?了?"
_NOT = r"(?:did ?n[o']t|has ?n[o']t|never|nothing|is ?n[o']t)"
_CAME = r"(?:came|come|arrived?|credited|here|shown? up)"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimPayment(Effect):
    """Asks the providers for a payment by its number."""

    account_id: str
    number: str


def _begin(turn: Turn, session: Session, argument: str) -> Reply:
    account_id = account_of(turn, session)
    if account_id is None:
        return Reply(session=session, effects=(ListAccounts(then="claim", argument=argument),))
    if argument:
        return Reply(session=session, effects=(ClaimPayment(account_id=account_id, number=argument[:MOST_CHARS]),))
    asked = session.ask("claim.number", turn.at, account_id=account_id)
    return Reply(session=asked, parts=(say(turn.actor.language, "claim.which"),))


def _heard(turn: Turn, session: Session, flow: Flow, words: str, ask: Ask | None) -> Reply | None:
    """A number with the spaces that copying puts into it; words that mean something else leave the question."""
    if ask is not None:
        return None
    number = "".join(words.split())
    if not number.isascii():
        return Reply(session=session, parts=(say(turn.actor.language, "refused.txn_number", Tone.TROUBLE),))
    claim = ClaimPayment(account_id=str(flow.data["account_id"]), number=number[:MOST_CHARS])
    return Reply(session=session, effects=(claim,))


def _answered(effect: ClaimPayment, value: Claim, turn: Turn, session: Session) -> Reply:
    tone = Tone.WARNING if value is Claim.PASSED_ON else Tone.GOOD
    shows = (ShowBalance(account_id=effect.account_id),) if value is not Claim.PASSED_ON else ()
    more = invitation(turn) if value is Claim.PASSED_ON and effect.account_id in turn.actor.accounts else ()
    return Reply(session=session.settled(), parts=(say(turn.actor.language, value, tone), *more), effects=shows)


TOPIC = Topic(
    intents=(
        Intent(
            name="claim",
            hints=(
                r"[充付交转缴].{0,12}(?:没|未|不见|不)(?:有|能)?(?:到|来|收|进|显示|加上)",
                r"\b(?:paid|payment|topped|top[ -]?up|money)\b.*(?:n't|not|never|nothing|missing|lost|where)",
                r"where(?:'s| is) my (?:money|payment|top)",
            ),
            audience=Audience.TENANT,
            commands=("claim", "未到账"),
            phrases=(
                rf"{_PAID}(?:怎么|为什么|但是?|却)?(?:还)?(?:没有?|未)(?:到账|到帐|收到|到)",
                r"(?:钱|充值|付款)?(?:没有?|未)(?:到账|到帐)",
                r"(?:lost|missing) (?:payment|top[- ]?up|recharge|money)",
                rf"i (?:have )?paid (?:but|and) (?:it |the money )?{_NOT} ?{_CAME}(?: yet)?",
                rf"my (?:payment|top[- ]?up|recharge|money) (?:is missing|is lost|{_NOT} {_CAME})(?: yet)?",
            ),
            wants=Wants.NUMBER,
        ),
    ),
    openings={"claim": _begin},
    steps={"claim.number": _heard},
    after_choice=frozenset({"claim"}),
    performers={ClaimPayment: lambda e, on: claim_payment(on.business, on.actor, e.account_id, e.number)},
    presenters={ClaimPayment: _answered},
)
