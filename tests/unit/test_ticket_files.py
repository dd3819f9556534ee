"""Pictures and files on tickets, over the real store: whose, how many, how large, of what kind, and for how long."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prepaid.domain.access import Actor, Role
from prepaid.domain.errors import Refused
from prepaid.domain.sent_files import JPEG, PDF, PNG, media_type_of
from prepaid.domain.tickets import MOST_FILES, MoneyKind, MoneyTicket, Ticket
from prepaid.storage.driver import Database
from prepaid.usecases.claim_payment import claim_payment
from prepaid.usecases.dispute_entry import answer_dispute, dispute_line, show_dispute
from prepaid.usecases.money_tickets import open_money_tickets, settle_ticket
from prepaid.usecases.ticket_files import (
    DAY_S,
    FILE_BYTES_MAX,
    FILES_A_DAY,
    KEPT,
    Attached,
    SentFile,
    SeveralTickets,
    attach_file,
    own_open_tickets,
    show_ticket_file,
)
from tests.fakes.building import Building, build
from tests.fakes.clock import ManualClock

TXN = "4200001234202611238888"
HEADS = {
    JPEG: b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01",
    PNG: b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR",
    PDF: b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
}
SENT = SentFile(reference="f1")


def picture(mark: str = "", *, kind: str = JPEG, size: int = 64) -> bytes:
    """Something that begins as its kind does."""
    return (HEADS[kind] + mark.encode()).ljust(size, b"\0")


def brings(content: bytes) -> Callable[[str], Awaitable[bytes]]:
    """A channel that has it."""

    async def fetch(reference: str) -> bytes:
        assert reference == SENT.reference
        return content

    return fetch


async def never(reference: str) -> bytes:
    """A channel that must not be asked."""
    raise AssertionError(reference)


@pytest.fixture
async def building(database: Database, clock: ManualClock) -> Building:
    """Two flats with money, each with a tenant."""
    return await build(database, clock)


async def _disputed(building: Building, unit: int = 1) -> tuple[Actor, Ticket]:
    tenant = await building.flat(unit, balance_micro=5_000_000)
    return tenant, await dispute_line(building.business, tenant, f"acc-{unit}", 1, why="too much")


async def _attached(building: Building, actor: Actor, content: bytes, **named: str) -> Attached:
    done = await attach_file(building.business, actor, SENT, brings(content), **named)
    assert isinstance(done, Attached)
    return done


async def _refused(work: Awaitable[object]) -> str:
    with pytest.raises(Refused) as refused:
        await work
    return refused.value.key


async def test_a_picture_goes_to_the_open_dispute_and_is_seen_by_who_answers_it(building: Building) -> None:
    """T2, A2: the very bytes, under a name of ours; whoever may not answer the dispute cannot tell that it is there."""
    business = building.business
    tenant, ticket = await _disputed(building)
    content = picture("reading")
    sent = replace(SENT, words="  this morning  ")
    done = await attach_file(business, tenant, sent, brings(content))
    assert isinstance(done, Attached)
    (file,) = done.ticket.files
    assert (file.media_type, file.size_bytes, file.sent_by, file.words) == (JPEG, 64, tenant.id, "this morning")
    assert file.digest == sha256(content).hexdigest()
    for role in (Role.FINANCE, Role.MANAGER, Role.OWNER):
        shown = await show_ticket_file(business, await building.operator(role=role), ticket.id, 1)
        assert (shown.content, shown.name, shown.is_picture) == (content, "photo-1.jpg", True)
    neighbour = await building.flat(2)
    others = [await building.operator(role=role, scope="acme/oak") for role in (Role.OWNER, Role.FINANCE)]
    seers = [await building.operator(role=role) for role in (Role.OPERATOR, Role.VIEWER)]
    for actor in (neighbour, tenant, *others, *seers):
        assert await _refused(show_ticket_file(business, actor, ticket.id, 1)) == "refused.not_found"
    finance = await building.operator(role=Role.FINANCE)
    for number in (0, 2, -1):
        assert await _refused(show_ticket_file(business, finance, ticket.id, number)) == "refused.not_found"


async def test_somebody_elses_ticket_and_none_are_refused_alike_and_nothing_is_fetched(building: Building) -> None:
    """A1: a neighbour, a member of the same household and another's number learn nothing and cost no download."""
    business = building.business
    tenant, ticket = await _disputed(building)
    neighbour, _ = await _disputed(building, 2)
    mate = Actor(id="mate", accounts=tenant.accounts)
    staff = await building.operator(role=Role.OWNER)
    for actor in (neighbour, mate, staff, Actor(id="moved-out"), replace(tenant, accounts=frozenset())):
        for number in (ticket.id, "tk_404", "mt_404", "", "../x"):
            if number or actor is not neighbour:
                key = await _refused(attach_file(business, actor, SENT, never, ticket_id=number))
                assert key == ("refused.not_found" if number else "refused.no_open_ticket")
    held = await business.store.tickets.get(ticket.id)
    assert held is not None
    assert held.files == ()


async def test_of_several_open_tickets_one_is_named(building: Building) -> None:
    """T2: a dispute, a lost payment and a payment without power are a person's own; which is meant is asked first."""
    business = building.business
    tenant, dispute = await _disputed(building)
    await claim_payment(business, tenant, "acc-1", TXN)
    power = MoneyTicket(
        id="mt_power",
        kind=MoneyKind.POWER,
        provider="testpay",
        why="stuck.relay",
        opened_at=business.clock.now(),
        path=dispute.path,
        account_id="acc-1",
    )
    await business.store.money_tickets.add(power)
    await business.store.money_tickets.add(replace(power, id="mt_bill", kind=MoneyKind.BILL))
    asked = await attach_file(business, tenant, SENT, never)
    assert isinstance(asked, SeveralTickets)
    claim = next(each for each in asked.tickets if isinstance(each, MoneyTicket) and each.kind is MoneyKind.CLAIM)
    assert {each.id for each in asked.tickets} == {dispute.id, claim.id, power.id}
    assert await _refused(attach_file(business, tenant, SENT, never, ticket_id="mt_bill")) == "refused.not_found"
    for ticket_id in (claim.id, power.id):
        done = await _attached(building, tenant, picture(kind=PDF), ticket_id=ticket_id)
        assert (done.ticket.id, done.ticket.files[0].media_type) == (ticket_id, PDF)
    finance = await building.operator(role=Role.FINANCE)
    shown = await show_ticket_file(business, finance, claim.id, 1)
    assert (shown.name, shown.is_picture) == ("file-1.pdf", False)
    # Whatever is found about it later leaves what was sent.
    await business.store.money_tickets.add(replace(power, why="stuck.meter"))
    assert [len(each.files) for each in await open_money_tickets(business, finance) if each.id != "mt_bill"] == [1, 1]
    await settle_ticket(business, finance, claim.id, words="found")
    assert {each.id for each in await own_open_tickets(business, tenant)} == {power.id, dispute.id}


async def test_a_ticket_holds_a_few_files_each_once_however_they_come(building: Building) -> None:
    """Y3: of many at once as many as there is room for are taken; the same one twice is one; the rest leave nothing."""
    business = building.business
    tenant, ticket = await _disputed(building)
    contents = [picture(str(number)) for number in range(MOST_FILES + 3)]

    async def send(content: bytes) -> str:
        try:
            await attach_file(business, tenant, SENT, brings(content))
        except Refused as refused:
            return refused.key
        return ""

    answers = await asyncio.gather(*(send(content) for content in [*contents, contents[0]]))
    assert set(answers) <= {"", "refused.too_many_files"}
    held = await business.store.tickets.get(ticket.id)
    assert held is not None
    digests = {file.digest for file in held.files}
    assert len(digests) == len(held.files) == MOST_FILES
    now = business.clock.now()
    for content in contents:
        digest = sha256(content).hexdigest()
        assert (await business.store.ticket_files.get(ticket.id, digest, now) is not None) is (digest in digests)
    assert await send(picture("more")) == "refused.too_many_files"


async def test_an_answered_dispute_takes_nothing_more(building: Building) -> None:
    """T2: also where the answer came while the picture was on its way; what was sent before can still be looked at."""
    business = building.business
    tenant, ticket = await _disputed(building)
    finance = await building.operator(role=Role.FINANCE)
    await _attached(building, tenant, picture())

    async def slow(reference: str) -> bytes:
        await answer_dispute(business, finance, ticket.id, upheld=True, words="right")
        return picture(reference)

    assert await _refused(attach_file(business, tenant, SENT, slow)) == "refused.dispute_answered"
    late = sha256(picture(SENT.reference)).hexdigest()
    assert await business.store.ticket_files.get(ticket.id, late, business.clock.now()) is None
    assert await _refused(attach_file(business, tenant, SENT, never)) == "refused.no_open_ticket"
    named = attach_file(business, tenant, SENT, never, ticket_id=ticket.id)
    assert await _refused(named) == "refused.dispute_answered"
    assert (await show_ticket_file(business, finance, ticket.id, 1)).content == picture()


async def test_size_kind_and_number_are_bounded(building: Building, clock: ManualClock) -> None:
    """Y3: five megabytes to the byte, three kinds by their bytes, twenty in a day; what is told of a size is a hint."""
    business = building.business
    tenant, ticket = await _disputed(building)
    largest, larger = picture(size=FILE_BYTES_MAX), picture(size=FILE_BYTES_MAX + 1)
    told = replace(SENT, size_bytes=FILE_BYTES_MAX + 1)
    assert await _refused(attach_file(business, tenant, told, never)) == "refused.file_too_large"
    assert await _refused(attach_file(business, tenant, SENT, brings(larger))) == "refused.file_too_large"
    for odd in (b"", b"GIF89a" + b"\0" * 60, b"<svg xmlns=" + b" " * 60, b"PK\x03\x04" + b"\0" * 60, HEADS[JPEG][:9]):
        assert await _refused(attach_file(business, tenant, SENT, brings(odd))) == "refused.file_kind"
    assert await _refused(attach_file(business, tenant, SENT, None)) == "refused.no_files"
    assert await _refused(attach_file(business, tenant, SentFile(reference=""), never)) == "refused.no_files"
    await _attached(building, tenant, largest)
    assert (await show_dispute(business, await building.operator(role=Role.OWNER), ticket.id)).files[0].size_bytes == (
        FILE_BYTES_MAX
    )
    for _ in range(FILES_A_DAY - 7):
        await attach_file(business, tenant, SENT, brings(largest))
    assert await _refused(attach_file(business, tenant, SENT, never)) == "refused.files_today"
    clock.advance(seconds=DAY_S)
    await _attached(building, tenant, picture("tomorrow"))


async def test_the_bytes_go_after_half_a_year_and_that_they_were_there_stays(
    building: Building, clock: ManualClock
) -> None:
    """A7: what people send is not kept for ever, whether the ticket was answered or not."""
    business = building.business
    tenant, ticket = await _disputed(building)
    finance = await building.operator(role=Role.FINANCE)
    await _attached(building, tenant, picture())
    clock.advance(seconds=KEPT.total_seconds() - 1)
    assert (await show_ticket_file(business, finance, ticket.id, 1)).content == picture()
    clock.advance(seconds=1)
    assert await _refused(show_ticket_file(business, finance, ticket.id, 1)) == "refused.file_over"
    assert len((await show_dispute(business, finance, ticket.id)).files) == 1
    assert timedelta(days=180) == KEPT


@given(st.binary(max_size=64), st.sampled_from(["", *HEADS]))
def test_only_three_heads_are_anything(content: bytes, kind: str) -> None:
    """Y3: whatever follows, a file is what its first bytes are, and nothing where they are cut or stand later."""
    if kind:
        assert media_type_of(HEADS[kind].ljust(20, b"\0") + content) == kind
        assert media_type_of(b"\0" + HEADS[kind] + content) is None
        assert media_type_of(HEADS[kind][:2] + content) in (None, media_type_of(content[-64:]))
    elif not content.startswith((b"\xff\xd8\xff", b"\x89PNG", b"%PDF-")):
        assert media_type_of(content) is None
