"""A landlord sets up a site from a file, changes its rules and prices, and makes staff of whoever has the code."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from chatwatt.commands import staff as staff_command
from chatwatt.commands import tariff as tariff_command
from chatwatt.site_files import load_site
from chatwatt.tariff_files import load_plan
from prepaid.domain.access import Actor, Grant, Role
from prepaid.domain.approvals import Approval
from prepaid.domain.credit import Wallet
from prepaid.domain.errors import Refused
from prepaid.domain.presets import DORMITORY
from prepaid.domain.tariffs import TariffPlan, plan_of
from prepaid.ports import Business
from prepaid.storage.driver import Database
from prepaid.usecases.authorize import as_of_now
from prepaid.usecases.bind_chat import bind_chat
from prepaid.usecases.carry_out import resume_approvals
from prepaid.usecases.decide_approval import approve, waiting_approvals
from prepaid.usecases.invite_staff import invite_staff
from prepaid.usecases.set_up_site import SetUp, set_up_site
from tests.fakes.building import build
from tests.fakes.clock import ManualClock

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
EXAMPLE = EXAMPLES / "sites" / "dormitory.yaml"
SHELL = Actor(id="site", system=True)


def test_the_example_says_what_it_means() -> None:
    """FEATURES O4: what the file names differs from the preset, and nothing else does."""
    site = load_site(EXAMPLE)
    assert site.policy.low_balance_micro == (15_000_000, 5_000_000)
    assert site.policy.leads_s == (24 * 3600, 2 * 3600)
    assert site.policy.operations_a_day == DORMITORY.policy.operations_a_day
    assert site.calendar.protected == DORMITORY.calendar.protected
    assert site.calendar.override_holidays == (date(2026, 12, 31),)
    assert (site.credit.emergency_micro, site.credit.recovery_permille) == (5_000_000, 100)
    assert [(fee.id, fee.amount_micro) for fee in site.credit.fees] == [("network", 6_000_000)]
    assert site.credit.wallet is Wallet.SHARED
    assert site.limits.refund_micro == 200_000_000
    assert plan_of(site.tariff) == load_plan(EXAMPLES / "tariffs" / "school.yaml")


@pytest.mark.parametrize(
    ("old", "new", "line", "field"),
    [
        ("preset: dormitory", "preset: castle", 5, "preset"),
        ("low_balance: [15, 5]", "low_balance: [5, 15]", 9, "low_balance"),
        ("low_balance: [15, 5]", "low_balance: [-1]", 9, "low_balance[1]"),
        ("before_cut: [1d, 2h]", "before_cut: [2 days]", 10, "before_cut[1]"),
        ("18:00-08:00", "18:00-25:00", 12, "protected[1].hours"),
        ("days: [sat, sun]", "days: [samstag]", 13, "protected[2].days[1]"),
        ("2026-12-31", "31.12.2026", 14, "holidays[1]"),
        ("percent_a_day: 10", "percent_a_day: 101", 15, "cuts.percent_a_day"),
        ("amount: 5, at: 1", "amount: 5.0000001, at: 1", 17, "emergency.amount"),
        ("arrears: {percent: 10", "arrears: {percent: 100", 18, "arrears.percent"),
        ("amount: 6.00", "amount: 0", 20, "fees[1].amount"),
        ("wallet: shared", "wallet: leather", 21, "wallet"),
        ("wallet: shared", "walet: shared", 21, "walet"),
        ("time_zone: Asia/Shanghai", "time_zone: Mars", 7, "time_zone"),
        ("../tariffs/school.yaml", "../tariffs/none.yaml", 6, "tariff"),
        ("tariff: ../tariffs/school.yaml", "tariff: ../tariffs/water.yaml", 6, "tariff"),
    ],
)
def test_a_slip_is_told_by_its_line(tmp_path: Path, old: str, new: str, line: int, field: str) -> None:
    """STYLE: bad input is refused with its line and field, and nothing is guessed."""
    words = EXAMPLE.read_text(encoding="utf-8")
    assert old in words
    (tmp_path / "tariffs").mkdir()
    for path in (EXAMPLES / "tariffs").glob("*.yaml"):
        (tmp_path / "tariffs" / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "sites").mkdir()
    file = tmp_path / "sites" / "site.yaml"
    file.write_text(words.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(Refused) as refused:
        load_site(file)
    assert (refused.value.params["line"], refused.value.params["field"]) == (line, field)


async def test_a_site_is_set_up_once_and_its_rules_change(database: Database, clock: ManualClock) -> None:
    """A3, A6: created with its prices; again is nothing; rules change, on record; place, time and price stay."""
    business = (await build(database, clock)).business
    site = load_site(EXAMPLE)
    assert await set_up_site(business, SHELL, site, dry_run=True) is SetUp.CREATED
    assert await business.store.sites.site(site.id) is None
    assert await set_up_site(business, SHELL, site) is SetUp.CREATED
    assert await set_up_site(business, SHELL, site) is SetUp.UNCHANGED
    until = clock.now() + timedelta(days=1)
    await business.store.sites.set_weather_hold(site.id, until)
    dearer = load_plan(EXAMPLES / "tariffs" / "flat.yaml")
    kinder = replace(site, policy=replace(site.policy, warning_lead_s=2 * 24 * 3600), tariff=dearer)
    assert await set_up_site(business, SHELL, kinder, why="the council asked") is SetUp.CHANGED
    stored = await business.store.sites.site(site.id)
    assert stored is not None
    assert stored.policy == kinder.policy
    assert stored.tariff == site.tariff
    assert stored.calendar.weather_hold_until == until
    for moved, key in (
        (replace(site, path="college/elsewhere"), "site_moves"),
        (replace(site, currency="EUR"), "site_moves"),
        (replace(site, calendar=replace(site.calendar, time_zone="Europe/Berlin")), "site_time_zone"),
        (replace(site, id="twin"), "site_path_taken"),
        (replace(site, path="college"), "path"),
    ):
        with pytest.raises(Refused, match=key):
            await set_up_site(business, SHELL, moved)


async def test_only_who_reaches_a_place_sets_it_up(database: Database, clock: ManualClock) -> None:
    """A2, A8: the table of roles decides in the use case; a manager elsewhere is told that nothing is there."""
    business = (await build(database, clock)).business
    site = load_site(EXAMPLE)
    for role in Role:
        actor = Actor(id=f"p-{role}", grants=(Grant(role, "college"),))
        if role in (Role.OWNER, Role.MANAGER):
            assert await set_up_site(business, actor, site, dry_run=True) is SetUp.CREATED
        else:
            with pytest.raises(Refused, match="not_found"):
                await set_up_site(business, actor, site)
    elsewhere = Actor(id="p-else", grants=(Grant(Role.OWNER, "other"),))
    await set_up_site(business, SHELL, site)
    with pytest.raises(Refused, match="not_found"):
        await set_up_site(business, elsewhere, replace(site, path="other/north-hall"))


async def test_an_invitation_makes_one_person_staff(database: Database, clock: ManualClock) -> None:
    """A2, A5: the first to type the code has the role, for an hour, once; nobody invites above themselves."""
    business = (await build(database, clock)).business
    people = business.store.people
    owner, rival = [await people.at("chat", name, language="en") for name in ("owner", "rival")]
    code = await invite_staff(business, SHELL, Role.OWNER, "college", why="the first")
    assert await bind_chat(business, owner.actor(), code, chat="chat:1") == Grant(Role.OWNER, "college")
    with pytest.raises(Refused, match="code_wrong"):
        await bind_chat(business, rival.actor(), code, chat="chat:2")
    now_owner = await people.get(owner.id)
    assert now_owner is not None
    assert now_owner.grants == (Grant(Role.OWNER, "college"),)
    manager = Actor(id="p-manager", grants=(Grant(Role.MANAGER, "college"),))
    for role, scope in ((Role.OWNER, "college"), (Role.VIEWER, "other")):
        with pytest.raises(Refused, match="not_found"):
            await invite_staff(business, manager, role, scope)
    late = await invite_staff(business, manager, Role.VIEWER, "college/north-hall")
    clock.advance(hours=1)
    with pytest.raises(Refused, match="code_wrong"):
        await bind_chat(business, rival.actor(), late, chat="chat:2")


async def test_a_price_from_a_file_waits_for_a_second_person(
    database: Database, clock: ManualClock, capsys: pytest.CaptureFixture[str]
) -> None:
    """A6: the command previews and asks; the price changes when somebody else has agreed, and never twice."""
    building = await build(database, clock)
    business = building.business
    await set_up_site(business, SHELL, load_site(EXAMPLE))
    plan = TariffPlan(versions=load_plan(EXAMPLES / "tariffs" / "flat.yaml").versions[:1])
    asker, owner = [await business.store.people.at("chat", name, language="en") for name in ("asker", "owner")]
    for person in (asker, owner):
        await business.store.people.grant(person.id, Grant(Role.OWNER, "college"))
    assert [row[1:] for row in await staff_command.rows(business)] == [("owner", "college", "chat")] * 2
    assert await tariff_command.change(business, "north-hall", plan) == 0
    assert "before\tafter" in capsys.readouterr().out
    with pytest.raises(Refused, match="not_found"):
        await tariff_command.change(business, "north-hall", plan, "why not", "p_nobody")
    assert await _waiting(business) == []
    await tariff_command.change(business, "north-hall", plan, "cheaper at the exchange", asker.id)
    [waiting] = await _waiting(business)
    with pytest.raises(Refused, match="approval_own"):
        await approve(business, await as_of_now(business, asker.id), waiting.id, waiting.digest)
    await approve(business, await as_of_now(business, owner.id), waiting.id, waiting.digest)
    clock.advance(seconds=60)
    assert await resume_approvals(business) == 1
    stored = await business.store.sites.site("north-hall")
    assert stored is not None
    assert plan_of(stored.tariff).versions[-1] == replace(plan.versions[0], start=clock.now())
    with pytest.raises(Refused, match="tariff_nothing_new"):
        await tariff_command.change(business, "north-hall", plan, "again", asker.id)
    with pytest.raises(Refused, match="tariff_one_version"):
        tariff_command.new_version(stored, load_plan(EXAMPLES / "tariffs" / "time-of-use-with-steps.yaml"))


async def _waiting(business: Business) -> list[Approval]:
    owner = Actor(id="p-owner", grants=(Grant(Role.OWNER, "college"),))
    return list(await waiting_approvals(business, owner))
