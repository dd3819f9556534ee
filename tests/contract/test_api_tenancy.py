"""What surrounds an account, through the API: being told, sharing it, turning to the staff, its bills, moving out."""

from __future__ import annotations

from itertools import pairwise

from prepaid.domain.access import Actor, Role
from prepaid.domain.notices import NoticeKind
from prepaid.usecases.tell import Crossing, tell_account
from tests.fakes.api_house import ApiHouse


async def test_levels_and_quiet_hours_are_chosen_and_checked(house: ApiHouse, token: str) -> None:
    """N1, N3: own levels take the place of the site's until they are given back; hours that no day has are refused."""
    where = "/accounts/acc-1/alerts"
    of_site = (await house.call("GET", where, token=token)).body["levels_micro"]
    wish = {"low_balance_micro": [5_000_000, 20_000_000, 5_000_000], "days_left": [3]}
    own = (await house.call("PUT", where, token=token, body=wish)).body
    assert (own["levels_micro"], own["days_left"]) == ([20_000_000, 5_000_000], [3])
    assert of_site
    assert (await house.call("PUT", where, token=token, body={})).body["levels_micro"] == of_site
    assert (await house.call("PUT", where, token=token, body={"days_left": [0]})).status == 400
    mine = "/me/preferences"
    night = {"channels": ["chat"], "quiet": {"since_min": 1320, "until_min": 420}}
    assert (await house.call("PUT", mine, token=token, body=night)).body == night
    assert (await house.call("GET", mine, token=token)).body == night
    for bad in ({"channels": ["pigeon"]}, {"quiet": {"since_min": 60, "until_min": 60}}):
        assert (await house.call("PUT", mine, token=token, body=bad)).status == 422


async def test_messages_come_in_pages_and_are_ones_own(house: ApiHouse, tenant: Actor, token: str) -> None:
    """A1, N1: each notice of the person once, newest first, many of one instant among them; nobody else's."""
    neighbour = await house.building.flat(2)
    store, site = house.parts.business.store, house.building.site
    for unit, key in ((1, "a"), (1, "b"), (1, "c"), (2, "d"), (1, "e")):
        account = await store.sites.account(f"acc-{unit}")
        assert account is not None
        house.building.clock.advance(seconds=0 if key in "bc" else 90 * 86_400)
        params = {"balance_micro": 1_000_000, "level_micro": 5_000_000}
        await tell_account(house.parts.business, account, site, Crossing(NoticeKind.LOW_BALANCE, key), params)
    token = (await house.tokens(tenant)).access
    seen, cursor = [], ""
    for _ in range(9):
        page = (await house.call("GET", f"/me/messages?limit=2{cursor}", token=token)).body
        seen += page["messages"]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert [each["message_id"].split(":")[2] for each in seen] == ["e", "c", "b", "a"]
    assert all("101" in each["words"] and each["account_id"] == "acc-1" for each in seen)
    other = (await house.call("GET", "/me/messages", token=(await house.tokens(neighbour)).access)).body
    assert len(other["messages"]) == 1
    for bad in ("MQ", "eCB5", "OTk5OTk5OTk5OTk5OTk5IHg"):
        assert (await house.call("GET", f"/me/messages?cursor={bad}", token=token)).body["key"] == "refused.cursor"


async def test_a_yes_to_a_subscribe_message_is_counted_once(house: ApiHouse, token: str) -> None:
    """N1, M15: each reported yes is one message more, the same report twice is one; unknown templates are refused."""
    where = "/me/subscriptions"
    wish = {"answers": {"tmpl-low-1234": "accept", "tmpl-any-1234": "reject"}}
    for key in ("report-1", "report-1", "report-2"):
        found = await house.call("POST", where, token=token, body=wish, headers={"Idempotency-Key": key})
    assert found.body == (await house.call("GET", where, token=token)).body
    assert [(each["template_id"], each["kinds"], each["left"]) for each in found.body["subscriptions"]] == [
        ("tmpl-low-1234", ["low_balance"], 2),
        ("tmpl-any-1234", ["default"], 0),
    ]
    other = await house.call("POST", where, token=token, body={"answers": {"tmpl-other-1": "accept"}})
    assert (other.status, other.body["key"]) == (422, "refused.template_unknown")


async def test_an_account_is_shared_by_a_code_and_ended_at_once(house: ApiHouse, tenant: Actor, token: str) -> None:
    """A5: a code binds one more person; whoever is let go has no access with the next request."""
    mate = await house.building.flat(2, tenant=False)
    theirs = (await house.tokens(mate)).access
    code = (await house.call("POST", "/accounts/acc-1/members", token=token)).body["code"]
    assert (await house.call("POST", "/bindings", token=theirs, body={"code": code})).body["account"]["label"] == "101"
    members = (await house.call("GET", "/accounts/acc-1/members", token=token)).body["members"]
    assert [(each["person_id"], each["is_me"]) for each in members] == [(tenant.id, True), (mate.id, False)]
    assert (await house.call("GET", "/accounts/acc-1/balance", token=theirs)).status == 200
    assert (await house.call("DELETE", f"/accounts/acc-1/members/{mate.id}", token=token)).status == 204
    assert (await house.call("GET", "/accounts/acc-1/balance", token=theirs)).status == 404


async def test_bills_are_months_that_join_without_a_gap(house: ApiHouse, tenant: Actor) -> None:
    """M2, T4: each month begins with what the one before ended with, and its lines lead from one to the other."""
    for register in range(1_000, 6_000, 1_000):
        await house.building.read(1, register, advance_s=20 * 86_400)
    token = (await house.tokens(tenant)).access
    bills = (await house.call("GET", "/accounts/acc-1/bills?months=12", token=token)).body["bills"]
    assert len(bills) >= 3
    assert [bill["ended"] for bill in bills] == [False] + [True] * (len(bills) - 1)
    for newer, older in pairwise(bills):
        assert (newer["since"], newer["opening_micro"]) == (older["until"], older["closing_micro"])
    for bill in bills:
        found = (await house.call("GET", f"/accounts/acc-1/statement?month={bill['month']}", token=token)).body
        assert found["entries"] == bill["entries"] == len(found["lines"])
        assert bill["opening_micro"] + sum(line["amount_micro"] for line in found["lines"]) == bill["closing_micro"]
        for line in found["lines"][:1]:
            why = await house.call("GET", f"/accounts/acc-1/entries/{line['seq']}", token=token)
            assert abs(why.body["amount_micro"]) == abs(line["amount_micro"])


async def test_a_move_out_is_asked_for_begun_agreed_to_and_ended(house: ApiHouse, tenant: Actor) -> None:
    """T5, A6: the tenant asks, the staff begins, both see the same figures; an agreement names exactly these."""
    await house.building.read(1, 1_000)
    await house.building.give("acc-1", 2 * house.building.site.limits.refund_micro, "much")
    boss = await house.building.operator(role=Role.MANAGER)
    token, staff = (await house.tokens(tenant)).access, (await house.tokens(boss)).access
    where = "/accounts/acc-1"
    wish = {"wish": "move_out", "words": "I leave on Friday"}
    assert (await house.call("POST", f"{where}/wishes", token=token, body=wish)).status == 200
    told = (await house.call("GET", "/me/messages", token=staff)).body["messages"]
    assert [each["kind"] for each in told] == [NoticeKind.MOVE_OUT_ASKED]
    assert (await house.call("GET", f"{where}/move-out", token=token)).status == 404
    begun = await house.call("POST", f"/admin{where}/move-out", token=staff, body={"reason": "moved"})
    seen = (await house.call("GET", f"{where}/move-out", token=token)).body
    assert (begun.status, begun.body) == (200, seen)
    assert (seen["step"], seen["agreed"], [each["energy_wh"] for each in seen["readings"]]) == (
        "balancing",
        False,
        [1_000],
    )
    assert "second person" in seen["waits_for"]
    agree = f"{where}/move-out/agreement"
    changed = await house.call("POST", agree, token=token, body={"digest": "0" * 64})
    assert (changed.status, changed.body["key"]) == (409, "refused.closing_changed")
    agreed = await house.call("POST", agree, token=token, body={"digest": seen["digest"]})
    assert (agreed.status, agreed.body) == (200, {**seen, "agreed": True})
    assert (await house.call("GET", f"{where}/move-out", token=staff)).body["agreed"] is True
    trail = await house.parts.business.store.audit.latest("acme/maple/b1/101", 20)
    assert "agree_closing" in [line.action for line in trail]


async def test_reports_tie_and_come_as_files(house: ApiHouse, tenant: Actor) -> None:
    """A2, M1: a month's figures tie to both balances, the file says the same, and a viewer gets neither."""
    for register in (1_000, 3_000):
        await house.building.read(1, register, advance_s=3_600)
    del tenant
    staff = {role: await house.building.operator(role=role) for role in (Role.FINANCE, Role.VIEWER)}
    tokens = {role: (await house.tokens(actor)).access for role, actor in staff.items()}
    where = "/admin/sites/maple"
    report = (await house.call("GET", f"{where}/reports/finance", token=tokens[Role.FINANCE])).body
    (row,) = report["accounts"]
    assert row["opening_micro"] + sum(row["columns_micro"].values()) == row["closing_micro"] == report["closing_micro"]
    usage = (await house.call("GET", f"{where}/reports/usage", token=tokens[Role.FINANCE])).body
    assert (usage["energy_wh"], usage["ranks"][0]["label"]) == (sum(report["energy_by_band_wh"].values()), "101")
    sheet = await house.call("GET", f"{where}/exports/finance?format=csv", token=tokens[Role.FINANCE])
    book = await house.call("GET", f"{where}/exports/usage", token=tokens[Role.FINANCE])
    balance = f"{row['closing_micro'] / 1_000_000:.2f}"
    assert sheet.headers["Content-Disposition"] == f'attachment; filename="finance-{report["month"]}.csv"'
    assert balance in sheet.body.decode("utf-8-sig").splitlines()[1].split(",")
    assert (book.status, book.body[:2]) == (200, b"PK")
    for path in ("reports/finance", "exports/finance", "reports/usage", "exports/usage"):
        assert (await house.call("GET", f"{where}/{path}", token=tokens[Role.VIEWER])).status == 404
    trail = await house.call("GET", "/admin/accounts/acc-1/audit", token=tokens[Role.FINANCE])
    assert trail.status == 200
