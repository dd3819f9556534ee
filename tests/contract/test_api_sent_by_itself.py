"""What is sent by itself, seen over the API: groups that are told what the staff is told, reports that come again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from prepaid.domain.access import Actor, Role
from prepaid.domain.errors import Refused
from prepaid.usecases.admin_groups import bind_group, issue_group_code
from prepaid.usecases.mail_outs import mail_out_to_send
from prepaid.usecases.staff_chats import StaffChats
from tests.fakes.api_house import ApiHouse


async def bound(house: ApiHouse, manager: Actor, number: str, scope: str) -> None:
    """A group in Telegram that is bound to a place."""
    business = house.parts.business
    code = await issue_group_code(business, manager, scope)
    assert await bind_group(business, manager, "telegram", number, code, chat=f"telegram:{number}") == scope


async def test_groups_are_listed_to_those_who_bind_them_and_let_go(house: ApiHouse) -> None:
    """A2, A5: whoever may bind one sees those of their places, by no number of the chat; one let go is told no more."""
    building, business = house.building, house.parts.business
    await building.flat(1)
    await business.store.sites.save_site(replace(building.site, id="oak", name="Oak Yard", path="acme/oak"))
    owner = await building.operator(scope="acme", role=Role.OWNER)
    here = await building.operator(scope="acme/maple", role=Role.MANAGER)
    looks = await building.operator(scope="acme", role=Role.VIEWER)
    for number, scope in (("-1001", "acme/maple"), ("-1002", "acme/maple/b1"), ("-1003", "acme/oak")):
        await bound(house, owner, number, scope)
    tokens = {each.id: (await house.tokens(each)).access for each in (owner, here, looks)}

    async def seen(actor: Actor) -> list[str]:
        answer = await house.call("GET", "/admin/groups", token=tokens[actor.id])
        assert "-100" not in str(answer.body)
        return [each["scope"] for each in answer.body["groups"]]

    assert await seen(owner) == ["acme/maple", "acme/maple/b1", "acme/oak"]
    assert await seen(here) == ["acme/maple", "acme/maple/b1"]
    assert (await house.call("GET", "/admin/groups", token=tokens[looks.id])).status == 404
    staff = (await house.call("GET", "/admin/staff", token=tokens[here.id])).body["staff"]
    assert {each["person_id"] for each in staff if not each["is_group"]} >= {here.id}
    assert len([each for each in staff if each["is_group"]]) == 2
    group = next(each for each in staff if each["is_group"] and each["scope"] == "acme/maple")
    wish = {"role": group["role"], "scope": group["scope"], "why": "the team is another"}
    menus = StaffChats(business, "telegram")
    async with menus.changes() as changed:
        where = f"/admin/staff/{group['person_id']}/revocation"
        assert (await house.call("POST", where, token=tokens[here.id], body=wish)).status == 204
        assert await changed.wait(timeout_s=5.0)
    assert await seen(here) == ["acme/maple/b1"]
    assert {chat for chat in await menus.rooms_too() if chat.startswith("-")} == {"-1002", "-1003"}


async def test_a_report_that_is_stopped_comes_no_more(house: ApiHouse) -> None:
    """A1, N1: each ends their own, at once, also one that waits already; another's and a missing one are not there."""
    business = house.parts.business
    await house.building.flat(1)
    people = [await house.building.operator(role=role) for role in (Role.MANAGER, Role.FINANCE)]
    mine, other = [(await house.tokens(each)).access for each in people]
    ids = []
    for every in ("day", "month"):
        wish = {"kind": "use", "subject": "maple", "every": every}
        ids.append((await house.call("POST", "/me/mail-outs", token=mine, body=wish)).body["mail_out_id"])
    for token, wanted in ((other, ids[0]), (mine, "none")):
        assert (await house.call("DELETE", f"/me/mail-outs/{wanted}", token=token)).status == 404
    assert (await mail_out_to_send(business, ids[0], people[0].id)).id == ids[0]
    assert (await house.call("DELETE", f"/me/mail-outs/{ids[0]}", token=mine)).status == 204
    assert (await house.call("DELETE", f"/me/mail-outs/{ids[0]}", token=mine)).status == 404
    left = (await house.call("GET", "/me/mail-outs", token=mine)).body["mail_outs"]
    assert [each["mail_out_id"] for each in left] == ids[1:]
    with pytest.raises(Refused, match="mail_out_stopped"):
        await mail_out_to_send(business, ids[0], people[0].id)
