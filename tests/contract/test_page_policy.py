"""What browsers are told about every page and file of ours, and that the pages keep to it themselves.

The addresses are held against the routes of the servers, so a page that is new is missed by name.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import urlsplit

import aiohttp
import pytest
from aiohttp import web

from bot.channels import browser
from bot.channels.browser import BrowserChannel, BrowserUser
from chatwatt.web import serve
from miniprogram_api import guide, payment_page
from miniprogram_api.contract import ROOT
from miniprogram_api.overview import page as overview
from miniprogram_api.overview.page import COOKIE
from miniprogram_api.routes import ROUTES
from prepaid.domain.supply import Reported
from prepaid.usecases.credit_payment import credit_payment
from prepaid.usecases.page_sessions import make_page_link, open_page
from prepaid.usecases.pay_links import make_pay_link
from tests.fakes.api_house import ApiHouse
from tests.fakes.rehearsed_chat import RehearsedChat

POLICY = {
    "default-src": {"'none'"},
    "script-src": {"'none'", "'self'"},
    "style-src": {"'self'"},
    "img-src": {"'self'", "data:"},
    "connect-src": {"'self'"},
    "base-uri": {"'none'"},
    "form-action": {"'none'", "'self'"},
    "frame-ancestors": {"'none'"},
}
"""What a policy may say at most. A directive that is missing falls back on `default-src`, except the last three."""
STATED = ("default-src", "base-uri", "form-action", "frame-ancestors")
STYLES_ITSELF = f"{ROOT}/docs"
"""Swagger UI writes style attributes."""
ELSEWHERE = re.compile(r"""(?:https?|wss?):(?://|\\/\\/)(?!www\.w3\.org)|url\(["']?//|@import""")
NOT_OURS = {"swagger-ui.css", "swagger-ui-bundle.js"}
LEADS = {"src", "href", "xlink:href", "action", "formaction", "data", "poster", "srcset"}


class _Markup(HTMLParser):
    """Finds what the policy would stop: scripts and styles that stand in the page, and what leads elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.inline: list[str] = []
        self.abroad: list[str] = []
        self.scripts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """One element."""
        given = {name: value or "" for name, value in attrs}
        if (tag == "script" and "src" not in given) or tag == "style":
            self.inline.append(tag)
        self.inline += [f"{tag} {name}" for name in given if name.startswith("on") or name == "style"]
        self.inline += [f"{tag} {value}" for value in given.values() if value.strip().lower().startswith("javascript:")]
        for name in LEADS & {*given}:
            there = urlsplit(given[name])
            if there.netloc or there.scheme not in ("", "data"):
                self.abroad.append(f"{tag} {given[name]}")
        if tag == "script":
            self.scripts.append(given.get("src", ""))


@dataclass(frozen=True)
class Web:
    """Two servers, as a demonstration has them in one, and what to ask of each: address by route."""

    client: aiohttp.ClientSession
    house: ApiHouse
    served: dict[str, list[tuple[str, int]]]
    cookie: str


@pytest.fixture
async def site(house: ApiHouse) -> AsyncIterator[Web]:
    """Pages in every state: a link that waits, one that is paid, one that is none; the overview from inside."""
    business, building = house.parts.business, house.building
    tenant, admin = await building.flat(1, balance_micro=7_000_000), await building.operator()
    await business.store.supplies.saw("met-1", Reported(on=True, at=building.clock.now()))
    waiting = await make_pay_link(business, tenant, "acc-1", amount_fen=5_000)
    paid = await make_pay_link(business, tenant, "acc-1", amount_fen=6_000)
    wish = {"provider": "testpay", "way": "qr"}
    assert (await house.call("POST", f"/pay/{paid.token}/orders", body=wish)).status == 200
    (order,) = await business.store.orders.of_account("acc-1", 5)
    await credit_payment(business, building.payment(order))
    used, fresh = await make_page_link(business, admin), await make_page_link(business, admin)
    assert used is not None
    assert fresh is not None
    cookie = (await open_page(business, used.token)).cookie
    watch = house.page.hub.watch((await business.store.people.get(admin.id) or pytest.fail("nobody")).actor())
    assert await watch.ready(30.0) is not None
    users = [BrowserUser(id="anna", label="101")]
    channel = BrowserChannel(RehearsedChat(), users)
    async with serve(channel.routes(), host="127.0.0.1", port=0) as port:
        chat = f"http://127.0.0.1:{port}"
        yield Web(
            client=house.session,
            house=house,
            cookie=cookie,
            served={
                f"{house.url}/pay/{{token}}": [(waiting.token, 200), (paid.token, 200), ("made-up", 404)],
                f"{house.url}/pay/static/{{name}}": [*_all(payment_page.FILES), ("pay.html", 404)],
                f"{house.url}/overview/open/{{token}}": [(fresh.token, 200), (used.token, 200), ("made-up", 404)],
                f"{house.url}/overview/static/{{name}}": [*_all(overview.FILES), ("board.html", 404)],
                f"{house.url}/overview": [("", 200), ("?at=acme/nowhere", 404), ("?at=acme/maple/b1/101", 200)],
                f"{house.url}/overview/export.{{kind}}": [("csv", 200), ("xlsx", 200), ("exe", 404)],
                f"{house.url}{ROOT}/docs": [("", 200)],
                f"{house.url}{ROOT}/docs/{{name}}": [*_all(guide.FILES), *_all(guide.OURS), ("guide.html", 404)],
                f"{house.url}{ROOT}/openapi.json": [("", 200)],
                f"{chat}/chat": [("", 200)],
                f"{chat}/chat/config": [("", 200)],
                f"{chat}/chat/static/{{name}}": [*_all(browser.FILES), ("browser.py", 404)],
                f"{chat}/nowhere": [("", 404)],
            },
        )


def _all(names: object) -> list[tuple[str, int]]:
    return [(str(name), 200) for name in names]  # type: ignore[attr-defined]


def _policy(header: str) -> dict[str, set[str]]:
    parts = [part.split() for part in header.split(";")]
    return {name: set(sources) for name, *sources in parts}


def _complaints(url: str, answer: aiohttp.ClientResponse, body: bytes) -> list[str]:
    """What is wrong with an answer, in words."""
    headers = answer.headers
    found = [
        f"{name} is {headers.get(name)}"
        for name, value in (
            ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "no-referrer"),
            ("Cross-Origin-Opener-Policy", "same-origin"),
        )
        if headers.get(name) != value
    ]
    policy = _policy(headers.get("Content-Security-Policy", "nothing"))
    found += [f"the policy does not state {name}" for name in STATED if name not in policy]
    for name, sources in policy.items():
        allowed = POLICY.get(name, set()) | ({"'unsafe-inline'"} if _styles_itself(url, name) else set())
        if not sources or sources - allowed:
            found.append(f"the policy says {name} {sources}")
    text = body.decode("utf-8", "replace")
    if answer.content_type == "text/html":
        found += _of_markup(text, policy)
    elif answer.content_type in ("text/css", "text/javascript") and url.rpartition("/")[2] not in NOT_OURS:
        found += [f"it names {each.group()}" for each in ELSEWHERE.finditer(text)]
    return [f"{url}: {each}" for each in found]


def _styles_itself(url: str, directive: str) -> bool:
    return directive == "style-src" and urlsplit(url).path.startswith(STYLES_ITSELF)


def _of_markup(text: str, policy: dict[str, set[str]]) -> list[str]:
    markup = _Markup()
    markup.feed(text)
    found = [f"it has {each} inline" for each in markup.inline]
    found += [f"it leads elsewhere: {each}" for each in markup.abroad]
    if markup.scripts and policy.get("script-src") != {"'self'"}:
        found.append("its own scripts may not run")
    return found


async def test_every_page_and_file_is_closed_to_the_world(site: Web) -> None:
    """A7, A4: scripts and styles from here alone and none inside a page, no frame, no guessed types, no referrer."""
    complaints, pages = [], 0
    for route, tries in site.served.items():
        for ending, status in tries:
            base = re.sub(r"\{\w+\}$", "", route)
            async with site.client.get(f"{base}{ending}", headers={"Cookie": f"{COOKIE}={site.cookie}"}) as answer:
                body = await answer.read()
                assert answer.status == status, (route, ending)
                complaints += _complaints(f"{base}{ending}", answer, body)
                pages += answer.content_type == "text/html"
    assert complaints == []
    assert pages >= 10


async def test_what_is_sent_away_or_pressed_is_closed_too(site: Web) -> None:
    """A7: answers to presses, live news, redirects and errors say the same, though no page is in them."""
    cookie = {"Cookie": f"{COOKIE}={site.cookie}"}
    for method, path, status in (
        ("POST", "/overview/open/made-up", 404),
        ("GET", "/overview/events", 200),
        ("POST", "/overview/leave", 303),
        ("GET", "/nowhere", 404),
        ("PUT", "/overview", 405),
        ("GET", f"{ROOT}/nowhere", 404),
    ):
        url = f"{site.house.url}{path}"
        async with site.client.request(method, url, headers=cookie, allow_redirects=False) as answer:
            assert answer.status == status, path
            if path.startswith(ROOT):
                assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
            else:
                assert _complaints(url, answer, b"") == []


async def test_no_page_is_forgotten(site: Web) -> None:
    """A7: every address that is fetched by a browser stands among those that are tried here."""
    app = site.house.runner.app
    assert app is not None
    spoken = {ROOT + route.path for route in ROUTES} | {f"{ROOT}/{{rest}}"}
    known = {urlsplit(route).path for route in site.served} | {"/overview/events"}
    there = {
        route.resource.canonical
        for route in app.router.routes()
        if isinstance(route.resource, web.DynamicResource | web.PlainResource) and route.method == "GET"
    }
    assert there - spoken - known == set()
    channel = BrowserChannel(RehearsedChat(), [])
    chat = {route.path for route in channel.routes() if route.method == "GET"} - {"/chat/ws"}
    assert chat - known == set()


@pytest.mark.parametrize(
    ("markup", "found"),
    [
        ("<script>go()</script>", "script inline"),
        ('<p onclick="go()">', "p onclick inline"),
        ('<p style="color: red">', "p style inline"),
        ('<a href="javascript:go()">', "a javascript:go() inline"),
        ('<img src="//cdn.example/x.png">', "elsewhere: img //cdn.example/x.png"),
        ('<script src="https://cdn.example/x.js"></script>', "elsewhere: script https://cdn.example/x.js"),
        ('<script src="/x.js"></script>', "its own scripts may not run"),
    ],
)
def test_what_the_policy_would_stop_is_seen(markup: str, found: str) -> None:
    """A7: the look at pages bites: each way to bring in what is not ours is named."""
    assert any(found in each for each in _of_markup(markup, {"default-src": {"'none'"}}))
