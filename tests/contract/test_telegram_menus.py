"""The command menus of the staff and of their groups: there with the role, gone with it, mended after any outage."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from bot.channels.telegram import TelegramChannel
from bot.channels.telegram_intake import Unreachable
from prepaid.domain.access import Role
from prepaid.storage.driver import Database
from prepaid.storage.wakeups import LocalWakeups
from prepaid.usecases.admin_groups import bind_group, issue_group_code, unbind_group
from prepaid.usecases.bind_chat import bind_chat, unbind_chat
from prepaid.usecases.grant_role import revoke_role
from prepaid.usecases.invite_staff import invite_staff
from prepaid.usecases.issue_bind_code import issue_bind_code
from prepaid.usecases.staff_chats import StaffChats
from sandbox.telegram import TelegramSandbox
from tests.contract.test_telegram_story import GROUP, PlainSessions, Script, channel_for, running
from tests.fakes.building import Building, build
from tests.fakes.clock import ManualClock

WAIT_S = 30.0
OTHER = -1_001_234
KEEPER, LODGER = 77, 78


@pytest.fixture
async def building(database: Database, clock: ManualClock) -> Building:
    """A building whose processes wake one another."""
    building = await build(database, clock)
    building.business = replace(building.business, wakeups=LocalWakeups())
    return building


async def _bound(building: Building, group: int) -> None:
    manager = await building.operator(role=Role.MANAGER)
    code = await issue_group_code(building.business, manager, building.site.path)
    await bind_group(building.business, manager, "telegram", str(group), code, chat=f"telegram:1@{group}")


def _channel(building: Building, sandbox: TelegramSandbox, sessions: PlainSessions) -> TelegramChannel:
    soon = Unreachable(first_s=0.01, last_s=0.02)
    staff = StaffChats(building.business, "telegram")
    return channel_for(sandbox, Script(), sessions, staff=staff, menus_unreachable=soon)


async def _menus(sandbox: TelegramSandbox, chat: int, languages: set[str]) -> None:
    """Waits until the chat has a menu in these languages and in no other."""

    def there() -> set[str]:
        return {language for scope, language in sandbox.commands if scope == f"chat:{chat}"}

    async with asyncio.timeout(WAIT_S), sandbox.changed:
        await sandbox.changed.wait_for(lambda: there() == languages)


async def test_a_group_has_its_menu_while_it_is_bound(building: Building) -> None:
    """A2: what the staff may ask there in both languages and no key; nothing is left when it is let go."""
    async with TelegramSandbox() as sandbox:
        sandbox.screen(GROUP)
        async with running(_channel(building, sandbox, PlainSessions())):
            await sandbox.wait_calls("getUpdates", 1, WAIT_S)
            await _bound(building, GROUP)
            await _menus(sandbox, GROUP, {"", "zh"})
            names = {each["command"] for each in sandbox.commands[f"chat:{GROUP}", "zh"]}
            assert {"tonight", "find", "help"} <= names
            assert not {"code", "invite", "group", "recharge", "balance"} & names
            manager = await building.operator(role=Role.MANAGER)
            await unbind_group(building.business, manager, "telegram", str(GROUP))
            await _menus(sandbox, GROUP, set())


async def test_what_telegram_did_not_take_is_put_again(building: Building) -> None:
    """Y1, Y2: bound while Telegram was away, it heals; a restart puts nothing twice; a group that is gone is left."""
    sessions = PlainSessions()
    await _bound(building, GROUP)
    await _bound(building, OTHER)
    async with TelegramSandbox() as sandbox:
        sandbox.screen(GROUP)
        sandbox.fail("setMyCommands", 500, times=4)
        async with running(_channel(building, sandbox, sessions)):
            await _menus(sandbox, GROUP, {"", "zh"})
            assert ("all_private_chats", "zh") in sandbox.commands  # The first menus had failed as well.
            await sandbox.wait_calls("setMyCommands", 9, WAIT_S)
        put = len([call for call in sandbox.calls if call.method == "setMyCommands"])
        assert put == 9  # 4 failures, 2 of private chats, 2 of the group, 1 of a group that is gone.
        async with running(_channel(building, sandbox, sessions)):
            await sandbox.wait_calls("getUpdates", 2, WAIT_S)
        again = [call for call in sandbox.calls if call.method == "setMyCommands"][put:]
        assert {str(call.params["scope"]["type"]) for call in again} == {"all_private_chats"}


async def test_each_of_the_staff_has_a_menu_while_there_is_a_role(building: Building) -> None:
    """A2: their commands in both languages, a tenant's too where they rent; no other menu names a staff command."""
    business, people = building.business, building.business.store.people
    manager = await building.operator(role=Role.MANAGER)
    await building.flat(1, tenant=False)
    keeper, lodger = [await people.at("telegram", str(user), language="zh") for user in (KEEPER, LODGER)]
    async with TelegramSandbox() as sandbox:
        for user in (KEEPER, LODGER):
            sandbox.screen(user)

        def names(scope: str, language: str) -> set[str]:
            return {each["command"] for each in sandbox.commands.get((scope, language), ())}

        async def until(*, rents: bool) -> None:
            async with asyncio.timeout(WAIT_S), sandbox.changed:
                await sandbox.changed.wait_for(lambda: ("recharge" in names(f"chat:{KEEPER}", "zh")) is rents)

        async with running(_channel(building, sandbox, PlainSessions())):
            await sandbox.wait_calls("getUpdates", 1, WAIT_S)
            role = await invite_staff(business, manager, Role.OPERATOR, building.site.path)
            await bind_chat(business, keeper.actor(), role, chat=f"telegram:{KEEPER}")
            await _menus(sandbox, KEEPER, {"", "zh"})
            for language in ("", "zh"):
                assert {"tonight", "find", "code", "invite", "help"} <= names(f"chat:{KEEPER}", language)
                assert "recharge" not in names(f"chat:{KEEPER}", language)
                assert not {"tonight", "find", "code", "invite"} & names("all_private_chats", language)
            for person in (lodger, await people.get(keeper.id)):
                assert person is not None
                room = await issue_bind_code(business, manager, "acc-1")
                await bind_chat(business, person.actor(), room, chat=f"telegram:{person.id}")
            await until(rents=True)
            tenant = await people.get(keeper.id)
            assert tenant is not None
            await unbind_chat(business, tenant.actor(), "acc-1")
            await until(rents=False)
            await revoke_role(business, manager, keeper.id, Role.OPERATOR, building.site.path, why="left the house")
            await _menus(sandbox, KEEPER, set())
            assert not names(f"chat:{LODGER}", "zh")
