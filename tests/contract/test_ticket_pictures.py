"""A photo goes from a tenant to the staff who look into the dispute: over Telegram, WeChat and the chat page."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator

import aiohttp
import pytest

from bot.channels.browser import MOST_FILE_BYTES, BrowserChannel, BrowserUser
from bot.channels.telegram_request import MAX_ANSWER_BYTES
from bot.channels.wechat_http import MAX_MEDIA_BYTES
from bot.conversations.inbound import Inbound
from bot.conversations.parts import File
from bot.conversations.runner import Conversation
from bot.rendering.charts import png
from bot.rendering.plain import render
from prepaid.domain.access import Actor, Grant, Role
from prepaid.domain.tickets import MOST_FILES, Ticket
from prepaid.storage.claims import RedisClaims
from prepaid.storage.driver import Database
from prepaid.storage.redis_connection import connect_redis
from prepaid.storage.sessions import RedisSessions
from prepaid.usecases.claim_payment import claim_payment
from prepaid.usecases.dispute_entry import dispute_line
from prepaid.usecases.ticket_files import FILE_BYTES_MAX
from sandbox.telegram_people import SandboxUser
from tests.contract.test_telegram_tenant import House, bind, house
from tests.contract.test_wechat_media import CHART
from tests.fakes.building import Building, build
from tests.fakes.clock import ManualClock
from tests.fakes.wechat_rig import Account, account, served

__all__ = ["house"]
WAIT_S = 30.0
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF" + b"\x00" * 2_000 + b"\xff\xd9"
PDF = b"%PDF-1.7\n" + b"x" * 4_000
TXN = "4200001234202611238888"


async def _staff(house: House, user: int, role: Role = Role.FINANCE, scope: str = "acme/maple") -> SandboxUser:
    """Somebody with a role who writes from Telegram."""
    people = house.building.business.store.people
    person = await people.at("telegram", str(user), language="en")
    await people.grant(person.id, Grant(role, scope))
    return house.sandbox.user(user, language="en")


async def _person(building: Building, channel: str, user: str) -> Actor:
    return (await building.business.store.people.at(channel, user, language="en")).actor()


async def _dispute(building: Building, channel: str, user: str) -> Ticket:
    """The tenant says over the very channel that the first line is wrong."""
    tenant = await _person(building, channel, user)
    return await dispute_line(building.business, tenant, "acc-1", 1, why="too much")


async def _files(building: Building, ticket_id: str) -> list[tuple[str, int, str]]:
    ticket = await building.business.store.tickets.get(ticket_id)
    assert ticket is not None
    return [(file.media_type, file.size_bytes, file.words) for file in ticket.files]


async def test_a_photo_in_telegram_reaches_whoever_answers_the_dispute(house: House) -> None:
    """T2, A1, A2: the tenant is invited and sends; finance sees the picture; a neighbour and another site see none."""
    tenant = house.tenant
    await bind(house)
    await tenant.say("/dispute 1")
    await tenant.wait_message(lambda m: "wrong" in m.text.lower() and bool(m.labels), WAIT_S)
    await tenant.say("I was not at home")
    asked = await tenant.wait_message(lambda m: len(m.labels) == 2, WAIT_S)
    await tenant.press(asked.labels[0])
    opened = await tenant.wait_message(lambda m: "send it here" in m.text, WAIT_S)
    ticket_id = opened.text.split("tk_")[1][:20]
    await tenant.send_photo(JPEG, caption="the meter this morning")
    await tenant.wait_message(lambda m: "1 of at most 5" in m.text, WAIT_S)
    await tenant.send_file("receipt.exe", PDF)
    await tenant.wait_message(lambda m: "2 of at most 5" in m.text, WAIT_S)
    assert await _files(house.building, f"tk_{ticket_id}") == [
        ("image/jpeg", len(JPEG), "the meter this morning"),
        ("application/pdf", len(PDF), ""),
    ]
    finance = await _staff(house, 31)
    await finance.say("/disputes")
    listed = await finance.wait_message(lambda m: "Attached: 2" in m.text, WAIT_S)
    await finance.press(listed.labels[0])
    shown = await finance.wait_message(lambda m: "Photo 1" in m.text and "the meter this morning" in m.text, WAIT_S)
    await finance.press(next(label for label in shown.labels if "Photo 1" in label))
    picture = await finance.wait_message(lambda m: m.photo == JPEG, WAIT_S)
    assert "the meter this morning" in picture.text
    back = await finance.wait_message(lambda m: m.labels == ["Back"], WAIT_S)
    await finance.press(back.labels[0])
    await finance.wait_message(lambda m: "File 2" in m.text, WAIT_S)
    await finance.press("File 2")
    await finance.wait_message(lambda m: m.photo == PDF, WAIT_S)
    stranger, operator = await _staff(house, 32, scope="acme/oak"), await _staff(house, 33, Role.OPERATOR)
    for other in (stranger, operator):
        for words in (f"/photo tk_{ticket_id}:1", f"/disputes tk_{ticket_id}"):
            await other.say(words)
            await other.wait_message(lambda m: "not" in m.text.lower(), WAIT_S)
        assert all(message.photo is None for message in other.screen.newest())
    await tenant.say(f"/photo tk_{ticket_id}:1")
    await tenant.wait_message(lambda m: "did not understand" in m.text.lower() or bool(m.labels), WAIT_S)
    assert all(message.photo is None for message in tenant.screen.newest())


async def test_what_cannot_be_taken_is_told_in_plain_words(house: House) -> None:
    """Y3, Y7: no ticket, too large, another kind, gone, Telegram away, a full ticket: each has its own sentence."""
    tenant = house.tenant
    await bind(house)
    await tenant.send_photo(JPEG)
    await tenant.wait_message(lambda m: "you have none" in m.text and len(m.labels) == 3, WAIT_S)
    assert house.sandbox.files.fetched == []
    ticket = await _dispute(house.building, "telegram", "7")
    await tenant.send_file("a.jpg", b"\xff\xd8\xff" + b"\0" * FILE_BYTES_MAX)
    await tenant.wait_message(lambda m: "at most 5 MB" in m.text, WAIT_S)
    assert house.sandbox.files.fetched == []
    await tenant.send({"document": {"file_id": house.sandbox.files.keep(b"\xff\xd8\xff" + b"\0" * 7_000_000)}})
    await tenant.wait_message(lambda m: "too large to be fetched" in m.text, WAIT_S)
    for content in (b"GIF89a" + b"\0" * 100, b"<html><script>", b"\xff\xd8"):
        await tenant.send_file("photo.jpg", content)
        await tenant.wait_message(lambda m: "Only JPEG or PNG" in m.text, WAIT_S)
    await tenant.send({"photo": [{"file_id": "gone", "file_unique_id": "g", "width": 1, "height": 1}]})
    await tenant.wait_message(lambda m: "no longer be fetched" in m.text, WAIT_S)
    house.sandbox.fail("getFile", 500)
    await tenant.send_photo(JPEG)
    await tenant.wait_message(lambda m: "cannot be fetched right now" in m.text, WAIT_S)
    assert await _files(house.building, ticket.id) == []
    for number in range(MOST_FILES):
        await tenant.send_photo(JPEG + bytes([number]))
        await tenant.wait_message(lambda m, n=number: f"{n + 1} of at most 5" in m.text, WAIT_S)  # type: ignore[misc]
    await tenant.send_photo(JPEG)
    await tenant.wait_message(lambda m: "has 5 attachments already" in m.text, WAIT_S)
    # What Telegram does not take as a photograph comes as a file.
    finance = await _staff(house, 31)
    await finance.say(f"/photo {ticket.id}:1")
    await finance.wait_message(lambda m: m.photo == JPEG + b"\0", WAIT_S)
    await house.sandbox.wait_confirmed(WAIT_S)


async def test_an_open_question_stays_open_and_words_under_a_picture_may_be_its_answer(house: House) -> None:
    """T4: a picture in the middle of a question is kept; a caption that is a command is heard, and only that."""
    tenant = house.tenant
    await bind(house)
    ticket = await _dispute(house.building, "telegram", "7")
    await tenant.say("human")
    await tenant.wait_message(lambda m: bool(m.text), WAIT_S)
    await tenant.send_photo(JPEG)
    await tenant.wait_message(lambda m: "1 of at most 5" in m.text, WAIT_S)
    await tenant.send_photo(JPEG + b"2", caption="the lamp in the hall is broken")
    await tenant.wait_message(lambda m: "only the words" in m.text, WAIT_S)
    assert len(await _files(house.building, ticket.id)) == 1
    await tenant.send_photo(JPEG + b"3", caption="/balance")
    await tenant.wait_message(lambda m: "¥12.34" in m.text, WAIT_S)
    assert len(await _files(house.building, ticket.id)) == 1


async def test_of_two_matters_one_is_pressed_before_anything_is_fetched(house: House) -> None:
    """T2: a dispute and a payment that is missing: the picture goes where the tenant says, by a press or its words."""
    tenant, business = house.tenant, house.building.business
    await bind(house)
    ticket = await _dispute(house.building, "telegram", "7")
    await claim_payment(business, await _person(house.building, "telegram", "7"), "acc-1", TXN)
    await tenant.send_photo(JPEG)
    asked = await tenant.wait_message(lambda m: "Which matter" in m.text, WAIT_S)
    assert house.sandbox.files.fetched == []
    await tenant.press(next(label for label in asked.labels if TXN in label))
    await tenant.wait_message(lambda m: TXN in m.text and "1 of at most 5" in m.text, WAIT_S)
    await tenant.send_photo(JPEG)
    asked = await tenant.wait_message(lambda m: "Which matter" in m.text and m.id > asked.id, WAIT_S)
    await tenant.say(next(label for label in asked.labels if "dispute" in label))
    await tenant.wait_message(lambda m: "your dispute" in m.text and "1 of at most 5" in m.text, WAIT_S)
    assert await _files(house.building, ticket.id) == [("image/jpeg", len(JPEG), "")]
    finance = await _staff(house, 31)
    await finance.say("/tickets")
    listed = await finance.wait_message(lambda m: "Attached: 1" in m.text, WAIT_S)
    await finance.press(listed.labels[0])
    shown = await finance.wait_message(lambda m: any("Photo 1" in label for label in m.labels), WAIT_S)
    await finance.press(next(label for label in shown.labels if "Photo 1" in label))
    await finance.wait_message(lambda m: m.photo == JPEG, WAIT_S)


@pytest.fixture
async def building(database: Database, clock: ManualClock) -> Building:
    """Flat 101 with money."""
    building = await build(database, clock)
    await building.flat(1, balance_micro=12_340_000, tenant=False)
    return building


@pytest.fixture
async def wechat(building: Building, clock: ManualClock, redis_url: str, redis_prefix: str) -> AsyncIterator[Account]:
    """The account with the strict stand-in across, wired as the program wires it."""
    redis = connect_redis(redis_url)
    sessions = RedisSessions(redis, prefix=redis_prefix)
    conversation = Conversation(building.business, sessions, provider="testpay")
    async with account(conversation, sessions, RedisClaims(redis, prefix=redis_prefix), clock) as wechat:
        conversation.take_files("wechat", wechat.channel.fetch, pictures_alone=True)
        yield wechat
        assert wechat.sandbox.complaints == []
    await redis.aclose()


async def test_a_picture_on_wechat_is_fetched_by_its_number_and_shown_as_one(
    building: Building, wechat: Account
) -> None:
    """T2: media/get with a token that is renewed once; the staff on WeChat see the picture; files come by no door."""
    store = building.business.store
    person = await store.people.at("wechat", "o-tenant", language="en")
    await store.people.bind(person.id, "acc-1")
    clerk = await store.people.at("wechat", "o-clerk", language="en")
    await store.people.grant(clerk.id, Grant(Role.FINANCE, "acme/maple"))
    ticket = await _dispute(building, "wechat", "o-tenant")
    tenant, finance = wechat.sandbox.follower("o-tenant"), wechat.sandbox.follower("o-clerk")
    tenant.follows = finance.follows = True
    await tenant.say("/balance")
    wechat.sandbox.revoke_tokens()
    drawn = png(CHART)
    await tenant.send_picture(drawn)
    assert "1 of at most 5" in tenant.texts[-1]
    assert [code for path, code in wechat.sandbox.calls if path == "media/get"] == [40001, 0]
    assert await _files(building, ticket.id) == [("image/png", len(drawn), "")]
    await finance.say(f"/photo {ticket.id}:1")
    shown = await finance.wait(lambda message: bool(message.picture))
    assert shown.picture == drawn
    await finance.say("import")
    assert "Telegram" in finance.texts[-1]
    wechat.sandbox.fail("media/get", 40007)
    await tenant.send_picture(drawn + b"2")
    assert "no longer be fetched" in tenant.texts[-1]
    wechat.sandbox.fail("media/get", 45009)
    await tenant.send_picture(drawn + b"3")
    assert "cannot be fetched right now" in tenant.texts[-1]
    await tenant.send_picture(b"\xff\xd8\xff" + b"\0" * FILE_BYTES_MAX)
    assert "at most 5 MB" in tenant.texts[-1]
    await tenant.send_picture(b"GIF89a" + b"\0" * 64)
    assert "Only JPEG or PNG" in tenant.texts[-1]
    assert len(await _files(building, ticket.id)) == 1


async def test_the_chat_page_takes_one_too(building: Building, redis_url: str, redis_prefix: str) -> None:
    """T2: a picture over the page's button goes to the ticket; the staff's column gets it back, byte for byte."""
    redis = connect_redis(redis_url)
    conversation = Conversation(building.business, RedisSessions(redis, prefix=redis_prefix), provider="testpay")
    users = [BrowserUser(id=name, label=name, language="en", staff=name == "clerk") for name in ("anna", "clerk")]
    page = BrowserChannel(conversation, users)
    conversation.take_files(page.name, page.fetch)
    store = building.business.store
    person = await store.people.at(page.name, "anna", language="en")
    await store.people.bind(person.id, "acc-1")
    clerk = await store.people.at(page.name, "clerk", language="en")
    await store.people.grant(clerk.id, Grant(Role.OWNER, "acme"))
    ticket = await _dispute(building, page.name, "anna")
    content = JPEG + b"\0" * (FILE_BYTES_MAX - len(JPEG))
    async with served(page.routes()) as base, aiohttp.ClientSession() as http:
        for body, status in ((content, 204), (JPEG, 204)):
            query = {"user": "anna", "name": "meter.jpg"}
            async with http.post(f"{base}/chat/file", params=query, data=io.BytesIO(body)) as answer:
                assert answer.status == status
    assert [size for _, size, _ in await _files(building, ticket.id)] == [FILE_BYTES_MAX, len(JPEG)]
    parts = await conversation.hear(Inbound(channel=page.name, user="clerk", action=f"photo:{ticket.id}:1"))
    assert [part.content() for part in parts if isinstance(part, File)] == [content]
    refused = await conversation.hear(Inbound(channel=page.name, user="anna", action=f"photo:{ticket.id}:1"))
    assert "photo" not in render(refused)
    await page.close()
    await redis.aclose()


def test_transports_carry_more_than_is_taken() -> None:
    """Y3: a file of the largest size that people are told of is never cut by the transport below."""
    assert min(MAX_ANSWER_BYTES, MAX_MEDIA_BYTES, MOST_FILE_BYTES) > FILE_BYTES_MAX
