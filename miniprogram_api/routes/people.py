"""Roles, messages to everybody, and reports that come by themselves: the same use cases and rights as in chat (A2)."""

from __future__ import annotations

from miniprogram_api.contract import Ask, Route
from miniprogram_api.models.estate import CodeOut
from miniprogram_api.models.people import (
    AudienceOut,
    BroadcastWish,
    GroupsOut,
    GroupWish,
    HoldersOut,
    InviteWish,
    MailOutOut,
    MailOutsOut,
    MailOutWish,
    RevokeWish,
    ToldOut,
    WordsWish,
    audience_out,
    group_out,
    holder_out,
    mail_out_out,
)
from miniprogram_api.routes.declared import staff_read, staff_write
from prepaid.domain.access import Role
from prepaid.domain.mail_outs import Every, ReportForm
from prepaid.domain.people import INVITATION_TTL_S
from prepaid.usecases.admin_groups import issue_group_code
from prepaid.usecases.broadcast import Audience, broadcast, preview_broadcast
from prepaid.usecases.grant_role import revoke_role
from prepaid.usecases.invite_staff import invite_staff
from prepaid.usecases.list_staff import list_groups, list_staff
from prepaid.usecases.mail_outs import my_mail_outs, order_mail_out, stop_mail_out


async def _staff(ask: Ask) -> HoldersOut:
    return HoldersOut(staff=[holder_out(each) for each in await list_staff(ask.business, ask.actor)])


async def _groups(ask: Ask) -> GroupsOut:
    return GroupsOut(groups=[group_out(each) for each in await list_groups(ask.business, ask.actor)])


async def _invite(ask: Ask) -> CodeOut:
    wish = ask.body(InviteWish)
    code = await invite_staff(ask.business, ask.actor, Role(wish.role), wish.scope, why=wish.why)
    return CodeOut(code=code, valid_s=INVITATION_TTL_S)


async def _group_code(ask: Ask) -> CodeOut:
    return CodeOut(
        code=await issue_group_code(ask.business, ask.actor, ask.body(GroupWish).scope), valid_s=INVITATION_TTL_S
    )


async def _revoke(ask: Ask) -> None:
    wish = ask.body(RevokeWish)
    await revoke_role(ask.business, ask.actor, ask.path["person_id"], Role(wish.role), wish.scope, why=wish.why)


async def _preview(ask: Ask) -> AudienceOut:
    wish = ask.body(WordsWish)
    found = await preview_broadcast(ask.business, ask.actor, ask.path["site_id"], wish.part, wish.words)
    return _audience(ask, found, wish.words)


async def _broadcast(ask: Ask) -> ToldOut:
    wish = ask.body(BroadcastWish)
    found, new = await broadcast(ask.business, ask.actor, ask.path["site_id"], wish.part, wish.words, wish=wish.key)
    return ToldOut(audience=_audience(ask, found, wish.words), new=new)


def _audience(ask: Ask, found: Audience, words: str) -> AudienceOut:
    """With the message as those read it who use Chinese, and those who use English."""
    say = ask.parts.words.text
    said = {each: say(each, "notice.broadcast", label=found.site.name, words=words.strip()) for each in ("zh", "en")}
    return audience_out(found, said)


async def _mail_outs(ask: Ask) -> MailOutsOut:
    return MailOutsOut(mail_outs=[mail_out_out(each) for each in await my_mail_outs(ask.business, ask.actor)])


async def _order(ask: Ask) -> MailOutOut:
    wish = ask.body(MailOutWish)
    every, form = Every(wish.every), ReportForm(wish.form)
    return mail_out_out(await order_mail_out(ask.business, ask.actor, wish.kind, wish.subject, every=every, form=form))


async def _stop(ask: Ask) -> None:
    await stop_mail_out(ask.business, ask.actor, ask.path["mail_out_id"])


ROUTES = (
    staff_read("staff", "listStaff", "Who holds which role, groups among them", _staff, HoldersOut),
    staff_read(
        "groups", "listGroups", "Group chats that are told what the staff of a place is told", _groups, GroupsOut
    ),
    staff_write(
        "staff/invitations",
        "inviteStaff",
        "A one-time code that gives a role on a subtree",
        _invite,
        CodeOut,
        body=InviteWish,
        keeps_reply=False,
    ),
    staff_write(
        "staff/{person_id}/revocation",
        "revokeRole",
        "End a role, with the person's next request",
        _revoke,
        body=RevokeWish,
    ),
    staff_write(
        "group-codes",
        "issueGroupCode",
        "A one-time code that binds a group chat to a place",
        _group_code,
        CodeOut,
        body=GroupWish,
        keeps_reply=False,
    ),
    staff_write(
        "sites/{site_id}/broadcast/preview",
        "previewBroadcast",
        "Who would be told, and what exactly",
        _preview,
        AudienceOut,
        body=WordsWish,
    ),
    staff_write(
        "sites/{site_id}/broadcast",
        "broadcast",
        "Tell everybody of the site or a part of it the same words, once for each key",
        _broadcast,
        ToldOut,
        body=BroadcastWish,
    ),
    Route(
        method="GET",
        path="/me/mail-outs",
        name="listMailOuts",
        summary="Reports and bills that come to the chat by themselves",
        tag="messages",
        handle=_mail_outs,
        answers=MailOutsOut,
    ),
    Route(
        method="POST",
        path="/me/mail-outs",
        name="orderMailOut",
        summary="Have a report or a bill sent every day or month; the same again changes its form",
        tag="messages",
        handle=_order,
        body=MailOutWish,
        answers=MailOutOut,
    ),
    Route(
        method="DELETE",
        path="/me/mail-outs/{mail_out_id}",
        name="stopMailOut",
        summary="End one of these, at once",
        tag="messages",
        handle=_stop,
    ),
)
