"""Sharing an account, turning to the staff, bills, and moving out (T1, T5)."""

from __future__ import annotations

from miniprogram_api.contract import Ask, Route
from miniprogram_api.models.tenancy import (
    AgreeWish,
    AskedOut,
    BillOut,
    BillsOut,
    BillsWish,
    InvitationOut,
    MemberOut,
    MembersOut,
    MoveOutOut,
    MoveOutWish,
    StaffWish,
    move_out,
)
from prepaid.domain.closing import Closing
from prepaid.domain.people import CODE_TTL_S
from prepaid.domain.staff_requests import Wish
from prepaid.usecases.agree_closing import agree_closing, waive_agreement
from prepaid.usecases.ask_staff import ask_staff
from prepaid.usecases.close_account import close_account, show_closing
from prepaid.usecases.list_bills import list_bills
from prepaid.usecases.share_account import invite_member, members_of, remove_member


async def _members(ask: Ask) -> MembersOut:
    found = await members_of(ask.business, ask.actor, ask.path["account_id"])
    return MembersOut(members=[MemberOut.model_validate(each, from_attributes=True) for each in found])


async def _invite(ask: Ask) -> InvitationOut:
    code = await invite_member(ask.business, ask.actor, ask.path["account_id"])
    return InvitationOut(code=code, valid_s=CODE_TTL_S)


async def _remove(ask: Ask) -> None:
    await remove_member(ask.business, ask.actor, ask.path["account_id"], ask.path["person_id"])


async def _ask_staff(ask: Ask) -> AskedOut:
    wish = ask.body(StaffWish)
    at = await ask_staff(ask.business, ask.actor, ask.path["account_id"], Wish(wish.wish), words=wish.words)
    return AskedOut(asked_at=at)


async def _bills(ask: Ask) -> BillsOut:
    months = ask.query(BillsWish).months
    found = await list_bills(ask.business, ask.actor, ask.path["account_id"], months=months)
    return BillsOut(bills=[BillOut.model_validate(each, from_attributes=True) for each in found])


async def _move_out(ask: Ask) -> MoveOutOut:
    return _shown(ask, await show_closing(ask.business, ask.actor, ask.path["account_id"]))


async def _agree(ask: Ask) -> MoveOutOut:
    digest = ask.body(AgreeWish).digest
    return _shown(ask, await agree_closing(ask.business, ask.actor, ask.path["account_id"], digest))


async def _waive(ask: Ask) -> MoveOutOut:
    reason = ask.body(MoveOutWish).reason
    return _shown(ask, await waive_agreement(ask.business, ask.actor, ask.path["account_id"], reason=reason))


async def _close(ask: Ask) -> MoveOutOut:
    reason = ask.body(MoveOutWish).reason
    return _shown(ask, await close_account(ask.business, ask.actor, ask.path["account_id"], reason=reason))


def _shown(ask: Ask, closing: Closing) -> MoveOutOut:
    return move_out(closing, ask.parts.words.text(ask.language, closing.waits_for) if closing.waits_for else "")


ROUTES = (
    Route(
        method="GET",
        path="/accounts/{account_id}/bills",
        name="listBills",
        summary="Monthly bills, newest first; the statement of a month has the lines",
        tag="accounts",
        handle=_bills,
        query=BillsWish,
        answers=BillsOut,
    ),
    Route(
        method="GET",
        path="/accounts/{account_id}/members",
        name="listMembers",
        summary="Who else is bound to the account",
        tag="tenancy",
        handle=_members,
        answers=MembersOut,
    ),
    Route(
        method="POST",
        path="/accounts/{account_id}/members",
        name="inviteMember",
        summary="A one-time code for one more person",
        tag="tenancy",
        handle=_invite,
        answers=InvitationOut,
        keeps_reply=False,
    ),
    Route(
        method="DELETE",
        path="/accounts/{account_id}/members/{person_id}",
        name="removeMember",
        summary="End somebody else's binding, at once",
        tag="tenancy",
        handle=_remove,
    ),
    Route(
        method="POST",
        path="/accounts/{account_id}/wishes",
        name="askStaff",
        summary="Ask the staff for help, for protection, or to move out",
        tag="tenancy",
        handle=_ask_staff,
        body=StaffWish,
        answers=AskedOut,
    ),
    Route(
        method="GET",
        path="/accounts/{account_id}/move-out",
        name="getMoveOut",
        summary="How far a move-out is: final readings, what is left, where it goes",
        tag="tenancy",
        handle=_move_out,
        answers=MoveOutOut,
    ),
    Route(
        method="POST",
        path="/accounts/{account_id}/move-out/agreement",
        name="agreeToMoveOut",
        summary="Agree to exactly these final readings and this statement",
        tag="tenancy",
        handle=_agree,
        body=AgreeWish,
        answers=MoveOutOut,
        money=True,
    ),
    Route(
        method="POST",
        path="/admin/accounts/{account_id}/move-out",
        name="beginMoveOut",
        summary="Begin a move-out, or go on with it",
        tag="staff",
        handle=_close,
        body=MoveOutWish,
        answers=MoveOutOut,
        money=True,
    ),
    Route(
        method="POST",
        path="/admin/accounts/{account_id}/move-out/waiver",
        name="waiveMoveOut",
        summary="Let a move-out go on without the tenant's agreement, for a reason",
        tag="staff",
        handle=_waive,
        body=MoveOutWish,
        answers=MoveOutOut,
        money=True,
    ),
)
