"""Ways to be reached on the stage: a chat and a webhook; one number is none, one code is the right one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from bot.conversations.topics.contacts import ConfirmContact, NameContact, RemoveContact, ShowContacts
from prepaid.domain.errors import Refused
from prepaid.usecases.add_contact import Contact, Contacts, Named
from tests.fakes.rights import STAFF, Who, free

BOUND = STAFF | {Who.TENANT}


def _named(stage: Any, user: str, effect: NameContact) -> Named | Refused:
    del user
    if effect.given == "12345678":
        return Refused("refused.phone")
    secret = "5ec2e7" * 4 if effect.channel == "webhook" else ""
    return Named(channel=effect.channel, secret=secret, until=stage.now + timedelta(minutes=15))


def _confirmed(stage: Any, user: str, effect: ConfirmContact) -> str | Refused:
    del stage, user
    return "sms" if effect.code == "7KQ2M9XA" else Refused("refused.contact_code")


ANSWERS = {
    ShowContacts: lambda _, user, ___: Contacts(
        contacts=(
            Contact(id="telegram:0011223344556677", channel="telegram", own=False),
            Contact(id="webhook:8899aabbccddeeff", channel="webhook", own=True),
        ),
        offered=("sms", "webhook", "apprise"),
        awaited="sms" if user == "ben" else "",
    ),
    NameContact: _named,
    ConfirmContact: _confirmed,
    RemoveContact: lambda _, __, ___: "webhook",
}
SCRIPTS = {
    "contacts": (
        ("anna", "联系方式"),
        ("anna", "/contacts sms"),
        ("anna", "12345678"),
        ("anna", "13812345678"),
        ("anna", "AAAA2222"),
        ("anna", "7KQ2M9XA"),
        ("ben", "my contacts"),
        ("ben", "/contacts webhook"),
        ("ben", "https://home.example/hook"),
        ("ben", "/contacts drop:webhook:8899aabbccddeeff"),
        ("ben", "yes"),
        ("new", "contacts"),
    )
}
RIGHTS = (
    free("contacts", lambda _: ShowContacts(), BOUND),
    free("contacts", lambda _: NameContact(channel="webhook", given="https://home.example/"), BOUND),
    free("contacts", lambda _: ConfirmContact(code="7KQ2M9XA"), BOUND),
    free("contacts", lambda _: RemoveContact(contact_id="sms:0011223344556677"), ()),
)
