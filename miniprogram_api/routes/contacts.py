"""Ways to be reached besides a chat (N2), and for the staff what reached nobody (N1, A2)."""

from __future__ import annotations

from miniprogram_api.contract import Ask, Route
from miniprogram_api.models.contacts import (
    ContactAddedOut,
    ContactCodeWish,
    ContactsOut,
    ContactWish,
    DropWish,
    LetterOut,
    LettersOut,
    LettersWish,
    NamedOut,
    contacts_out,
    letter_out,
    named_out,
)
from prepaid.usecases.add_contact import confirm_contact, name_contact, remove_contact, show_contacts
from prepaid.usecases.dead_letters import DeadLetter, dead_letters, drop_letter, send_again


async def _contacts(ask: Ask) -> ContactsOut:
    return contacts_out(await show_contacts(ask.business, ask.actor))


async def _add(ask: Ask) -> NamedOut:
    wish = ask.body(ContactWish)
    return named_out(await name_contact(ask.business, ask.actor, wish.channel, wish.address))


async def _confirm(ask: Ask) -> ContactAddedOut:
    channel = await confirm_contact(ask.business, ask.actor, ask.body(ContactCodeWish).code)
    return ContactAddedOut(channel=channel)


async def _remove(ask: Ask) -> None:
    await remove_contact(ask.business, ask.actor, ask.path["contact_id"])


async def _letters(ask: Ask) -> LettersOut:
    found = await dead_letters(ask.business, ask.actor, limit=ask.query(LettersWish).limit)
    return LettersOut(letters=[_letter(ask, each) for each in found])


async def _again(ask: Ask) -> LetterOut:
    return _letter(ask, await send_again(ask.business, ask.actor, ask.path["letter_id"]))


async def _drop(ask: Ask) -> LetterOut:
    why = ask.body(DropWish).reason
    return _letter(ask, await drop_letter(ask.business, ask.actor, ask.path["letter_id"], why=why))


def _letter(ask: Ask, letter: DeadLetter) -> LetterOut:
    words = ask.parts.words
    return letter_out(letter, words.text(ask.language, letter.why) if words.has(letter.why) else letter.why)


ROUTES = (
    Route(
        method="GET",
        path="/me/contacts",
        name="listContacts",
        summary="How the person can be reached",
        tag="messages",
        handle=_contacts,
        answers=ContactsOut,
    ),
    Route(
        method="POST",
        path="/me/contacts",
        name="addContact",
        summary="Name a new address: a code is sent to it",
        tag="messages",
        handle=_add,
        body=ContactWish,
        answers=NamedOut,
        keeps_reply=False,
        waits_s=10,
    ),
    Route(
        method="POST",
        path="/me/contacts/confirm",
        name="confirmContact",
        summary="Give the code that came to the new address",
        tag="messages",
        handle=_confirm,
        body=ContactCodeWish,
        answers=ContactAddedOut,
        keeps_reply=False,
    ),
    Route(
        method="DELETE",
        path="/me/contacts/{contact_id}",
        name="removeContact",
        summary="Take an address away",
        tag="messages",
        handle=_remove,
    ),
    Route(
        method="GET",
        path="/admin/letters",
        name="listUndelivered",
        summary="Messages within reach that reached nobody",
        tag="staff",
        handle=_letters,
        query=LettersWish,
        answers=LettersOut,
    ),
    Route(
        method="POST",
        path="/admin/letters/{letter_id}/again",
        name="sendLetterAgain",
        summary="Send one again, from the first channel on",
        tag="staff",
        handle=_again,
        answers=LetterOut,
    ),
    Route(
        method="POST",
        path="/admin/letters/{letter_id}/drop",
        name="dropLetter",
        summary="Put one aside, for a reason",
        tag="staff",
        handle=_drop,
        body=DropWish,
        answers=LetterOut,
    ),
)
