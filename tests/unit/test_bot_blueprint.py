"""The channel to copy works as it stands: signed in, signed out, nothing twice, trouble in its kind."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from bot.channels._blueprint import MAX_BODY_BYTES, WebhookChannel
from bot.conversations.parts import Text
from prepaid.domain.errors import Refused, TryAgain
from tests.fakes.rehearsed_chat import RehearsedChat

SECRET = b"between us two"


@dataclass
class Network:
    """The other side: it posts to us and keeps what we post back."""

    client: aiohttp.ClientSession
    channel: WebhookChannel
    url: str
    answers: list[dict[str, Any]] = field(default_factory=list)
    status: int = 200

    async def post(self, body: bytes, signature: str | None = None) -> int:
        """Delivers a webhook, signed rightly unless told otherwise."""
        right = hmac.new(SECRET, body, hashlib.sha256).hexdigest()
        async with self.client.post(
            f"{self.url}/webhook", data=body, headers={"X-Signature": signature or right}
        ) as answer:
            return answer.status


@pytest.fixture
async def network() -> AsyncIterator[Network]:
    """Both sides on loopback."""
    app = web.Application()
    runner = web.AppRunner(app)
    async with aiohttp.ClientSession() as client:
        networks: list[Network] = []

        async def take(request: web.Request) -> web.Response:
            networks[0].answers.append(json.loads(await request.read()))
            return web.Response(status=networks[0].status)

        chat = RehearsedChat()
        app.router.add_post("/answers", take)
        channel = WebhookChannel(chat, secret=SECRET, post_to="", session=client)
        app.add_routes(channel.routes())
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        channel._post_to = f"{url}/answers"
        networks.append(Network(client, channel, url))
        yield networks[0]
    await runner.cleanup()


def said(message_id: str, text: str) -> bytes:
    """A message of Ben's."""
    return json.dumps({"id": message_id, "user": "ben", "text": text}).encode()


async def test_a_signed_message_is_answered_once(network: Network) -> None:
    """A4: a message that came twice is heard once, and its buttons come as numbers that work."""
    assert [await network.post(said("1", "recharge")) for _ in range(2)] == [204, 204]
    assert len(network.answers) == 1
    assert "2. ¥50" in network.answers[0]["text"]
    await network.post(said("2", "2"))
    assert "¥50.00" in network.answers[1]["text"]


@pytest.mark.parametrize(
    ("body", "signature", "status"),
    [
        (said("1", "balance"), "0" * 64, 401),
        (b"no json", None, 400),
        (b'{"id": 1, "user": "ben", "text": "x"}', None, 400),
        (b"[]", None, 400),
        (b"x" * (MAX_BODY_BYTES + 1), None, 413),
    ],
)
async def test_what_is_not_ours_is_not_heard(network: Network, body: bytes, signature: str | None, status: int) -> None:
    """A4: nothing is acted on unless it is authenticated, whole and of bounded size."""
    assert await network.post(body, signature) == status
    assert network.answers == []


@pytest.mark.parametrize(("status", "trouble"), [(503, TryAgain), (404, Refused)])
async def test_trouble_of_the_network_is_told_apart(network: Network, status: int, trouble: type[Exception]) -> None:
    """Y7: a network that is away is tried again, a user who is gone is not."""
    network.status = status
    with pytest.raises(trouble):
        await network.channel.show("ben", [Text(body="x")], reference=None)
