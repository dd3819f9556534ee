"""Pay-for-me links: made and taken back by a tenant, paid by whoever holds one."""

from __future__ import annotations

from datetime import timedelta

from miniprogram_api.contract import Ask, Route
from miniprogram_api.models.common import Shown
from miniprogram_api.models.money import (
    FollowWish,
    LinkLine,
    LinkOut,
    LinkProgress,
    LinksOut,
    LinkTopUpWish,
    LinkView,
    LinkWish,
    PaymentOut,
    payment_of,
    way_of,
)
from miniprogram_api.routes.orders import stage_words
from prepaid.domain.orders import PayWay
from prepaid.usecases.follow_order import Progress, follow_pay_link, shown_order
from prepaid.usecases.pay_links import live_pay_links, look_at_pay_link, make_pay_link, pay_by_link, revoke_pay_link

PAGE = "/pay/"


class LinkPayment(Shown):
    """How to pay, and how far the payment has come."""

    progress: LinkProgress
    payment: PaymentOut | None


async def _make(ask: Ask) -> LinkOut:
    wish = ask.body(LinkWish)
    made = await make_pay_link(
        ask.business,
        ask.actor,
        ask.path["account_id"],
        amount_fen=wish.amount_fen,
        ttl=timedelta(seconds=wish.ttl_s),
    )
    return LinkOut(
        link_id=made.link.id,
        token=made.token,
        url=f"{ask.parts.public_url.rstrip('/')}{PAGE}{made.token}",
        amount_fen=made.link.amount_fen,
        expires_at=made.link.expires_at,
    )


async def _list(ask: Ask) -> LinksOut:
    found = await live_pay_links(ask.business, ask.actor, ask.path["account_id"])
    return LinksOut(
        links=[LinkLine(link_id=link.id, amount_fen=link.amount_fen, expires_at=link.expires_at) for link in found]
    )


async def _revoke(ask: Ask) -> None:
    await revoke_pay_link(ask.business, ask.actor, ask.path["link_id"])


async def _look(ask: Ask) -> LinkView:
    view = await look_at_pay_link(ask.business, ask.path["token"])
    return LinkView(
        site=view.site_name,
        label=view.label,
        amount_fen=view.amount_fen,
        min_fen=view.min_fen,
        max_fen=view.max_fen,
        expires_at=view.expires_at,
        providers=list(view.providers),
    )


async def _pay(ask: Ask) -> LinkPayment:
    wish = ask.body(LinkTopUpWish)
    way = way_of(wish.way)
    order = await pay_by_link(
        ask.business,
        ask.path["token"],
        provider=wish.provider,
        amount_fen=wish.amount_fen,
        way=way,
        payer_ip=ask.address if way is PayWay.WAP else None,
    )
    found = await shown_order(ask.business, order)
    payment = payment_of(order) if found.stage == "waiting" else None
    return LinkPayment(progress=progress_of(ask, found), payment=payment)


async def _follow(ask: Ask) -> LinkProgress:
    wish = ask.query(FollowWish)
    found = await follow_pay_link(
        ask.business, ask.path["token"], seen=wish.seen, wait_s=wish.wait_s, stopping=ask.parts.stopping
    )
    return progress_of(ask, found)


def progress_of(ask: Ask, found: Progress | None) -> LinkProgress:
    """A payment's progress, without whose account it is."""
    if found is None:
        words = ask.parts.words.text(ask.language, "pay.stage.none")
        return LinkProgress(stage="none", ended=False, words=words, amount_fen=None)
    return LinkProgress(
        stage=found.stage, ended=found.ended, words=stage_words(ask, found), amount_fen=found.order.amount_fen
    )


ROUTES = (
    Route(
        method="POST",
        path="/accounts/{account_id}/pay-links",
        name="makePayLink",
        summary="Make a link by which somebody else pays, once",
        tag="pay links",
        handle=_make,
        body=LinkWish,
        answers=LinkOut,
        money=True,
    ),
    Route(
        method="GET",
        path="/accounts/{account_id}/pay-links",
        name="listPayLinks",
        summary="Links that can still be paid by",
        tag="pay links",
        handle=_list,
        answers=LinksOut,
    ),
    Route(
        method="DELETE",
        path="/pay-links/{link_id}",
        name="revokePayLink",
        summary="Take a link back",
        tag="pay links",
        handle=_revoke,
    ),
    Route(
        method="GET",
        path="/pay/{token}",
        name="lookAtPayLink",
        summary="What a link is good for",
        tag="pay links",
        handle=_look,
        answers=LinkView,
        is_open=True,
    ),
    Route(
        method="POST",
        path="/pay/{token}/orders",
        name="payByLink",
        summary="Pay by a link",
        tag="pay links",
        handle=_pay,
        body=LinkTopUpWish,
        answers=LinkPayment,
        is_open=True,
        money=True,
    ),
    Route(
        method="GET",
        path="/pay/{token}/progress",
        name="followPayLink",
        summary="How far the payment by a link has come; waits for news",
        tag="pay links",
        handle=_follow,
        query=FollowWish,
        answers=LinkProgress,
        is_open=True,
        waits_s=30.0,
    ),
)
