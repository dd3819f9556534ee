"""Somebody else pays: a link to hand on, and the links that can be taken back (P7)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bot.conversations import amounts
from bot.conversations.effects import Effect, ListAccounts
from bot.conversations.inbound import Turn
from bot.conversations.openings import account_of, for_account
from bot.conversations.parts import Item, Link, List, Part, Text, Tone
from bot.conversations.reply import Reply, choose, press, say
from bot.conversations.session import Session
from bot.conversations.topic import Topic
from bot.conversations.vocabulary import Audience, Intent, Wants
from bot.texts import text, trouble_text
from prepaid.domain.errors import Refused
from prepaid.domain.orders import check_amount
from prepaid.domain.pay_links import PayLink
from prepaid.usecases.pay_links import MadeLink, live_pay_links, make_pay_link, revoke_pay_link

_AMOUNT = r"(?P<arg>[\d¥].{0,20})"
_OTHERS = r"(?:别人|朋友|家人|爸妈|他人|人)"
_SOMEBODY = r"(?:someone|somebody|a friend|my (?:mother|father|parents?|family))"
_LINK_ID = re.compile(r"[0-9a-z_]{1,32}")


@dataclass(frozen=True, slots=True, kw_only=True)
class MakePayLink(Effect):
    """A fresh link; whoever pays chooses the amount where there is none."""

    account_id: str
    amount_fen: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPayLinks(Effect):
    """The links that can still be paid by."""

    account_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokePayLink(Effect):
    """Takes a link back."""

    link_id: str


def _begin(turn: Turn, session: Session, argument: str) -> Reply:
    account_id = account_of(turn, session)
    if account_id is None:
        return Reply(session=session, effects=(ListAccounts(then="payforme", argument=argument),))
    if not argument:
        return Reply(session=session, effects=(MakePayLink(account_id=account_id),))
    try:
        amount_fen = check_amount(amounts.read_fen(argument))
    except Refused as problem:
        wrong = Text(body=trouble_text(turn.actor.language, problem), tone=Tone.TROUBLE)
        return Reply(session=session, parts=(wrong, say(turn.actor.language, "payforme.how")))
    return Reply(session=session, effects=(MakePayLink(account_id=account_id, amount_fen=amount_fen),))


def _revoke(turn: Turn, session: Session, argument: str) -> Reply:
    if _LINK_ID.fullmatch(argument):
        return Reply(session=session, effects=(RevokePayLink(link_id=argument),))
    return for_account("paylinks", lambda account, _: ListPayLinks(account_id=account))(turn, session, "")


def _made(effect: MakePayLink, value: MadeLink, turn: Turn, session: Session) -> Reply:
    """The link stands alone in its message, so that it can be handed on as it is."""
    language, link = turn.actor.language, value.link
    key = "payforme.made" if link.amount_fen else "payforme.made_open"
    told = say(language, key, Tone.GOOD, amount_fen=link.amount_fen or 0, until=link.expires_at)
    back = press(language, "button.take_back", f"unlink:{link.id}")
    others = press(language, "intent.paylinks", "paylinks")
    address = Link(label=text(language, "payforme.open"), url=f"{turn.public_url}/pay/{value.token}")
    del effect
    return Reply(
        session=session, parts=(told, address, choose(text(language, "payforme.next"), language, back, others))
    )


def _listed(effect: ListPayLinks, value: Sequence[PayLink], turn: Turn, session: Session) -> Reply:
    del effect
    language = turn.actor.language
    if not value:
        return Reply(session=session, parts=(say(language, "paylinks.none"),))
    items = tuple(
        Item(
            label=text(language, "paylinks.take_back"),
            value=text(language, "figure.fen", amount_fen=link.amount_fen) if link.amount_fen else "",
            detail=text(language, "paylinks.until", until=link.expires_at),
            action=f"unlink:{link.id}",
        )
        for link in value
    )
    listing: Part = List(title=text(language, "paylinks.title"), items=items, hint=text(language, "menu.hint"))
    return Reply(session=session, parts=(listing,))


def _taken_back(effect: RevokePayLink, value: object, turn: Turn, session: Session) -> Reply:
    del effect, value
    return Reply(session=session, parts=(say(turn.actor.language, "paylinks.revoked", Tone.GOOD),))


TOPIC = Topic(
    intents=(
        Intent(
            name="payforme",
            hints=(
                r"(?:别人|他人|朋友|家人|爸妈?|妈妈?|公司|单位|儿子|女儿|老公|老婆|房东).{0,3}(?:帮|替|给|为)?我?[们]?[充付交缴]",
                r"(?:someone|else|friend|mother|father|parents?|mum|company|employer) (?:to |can |will )?(?:pay|top)",
            ),
            audience=Audience.TENANT,
            commands=("payforme", "代付", "请人代付"),
            phrases=(
                rf"(?:我要|我想|请|帮我)?(?:找|请|让|叫)?{_OTHERS}?(?:帮我|替我|给我)?(?:代付|付电费)(?:链接)?\s*{_AMOUNT}?",
                rf"(?:let |have |ask )?{_SOMEBODY}(?: else)? (?:to )?pays?(?: for me)?(?: {_AMOUNT})?",
                rf"pay[- ]for[- ]me(?: link)?(?: {_AMOUNT})?",
            ),
            wants=Wants.AMOUNT,
        ),
        Intent(
            name="paylinks",
            audience=Audience.TENANT,
            commands=("paylinks", "代付链接"),
            phrases=(r"(?:我的|查看)代付链接", r"(?:my )?(?:pay|payment) links?"),
        ),
        Intent(name="unlink", audience=Audience.TENANT, commands=("unlink",), in_help=False),
    ),
    openings={
        "payforme": _begin,
        "paylinks": for_account("paylinks", lambda account, _: ListPayLinks(account_id=account)),
        "unlink": _revoke,
    },
    after_choice=frozenset({"payforme", "paylinks"}),
    performers={
        MakePayLink: lambda e, on: make_pay_link(on.business, on.actor, e.account_id, amount_fen=e.amount_fen),
        ListPayLinks: lambda e, on: live_pay_links(on.business, on.actor, e.account_id),
        RevokePayLink: lambda e, on: revoke_pay_link(on.business, on.actor, e.link_id),
    },
    presenters={MakePayLink: _made, ListPayLinks: _listed, RevokePayLink: _taken_back},
)
