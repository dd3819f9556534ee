"""What we read of an update, beside what the library reads of it: an update that Telegram sends never means another."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from telegram import Bot, Chat, Message, Update, User

from bot.channels.telegram_heard import Heard, read
from bot.conversations.inbound import MAX_HEARD_CHARS, Attached, Inbound, Thing
from bot.texts import language_for

Json = dict[str, Any]
pytestmark = pytest.mark.filterwarnings("ignore::telegram.warnings.PTBDeprecationWarning")
NAME = "chatwatt_bot"
BOT = Bot("110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0")
AT = 1_764_144_000
PERSON: Json = {"id": 7, "is_bot": False, "first_name": "安娜", "username": "anna", "language_code": "zh-hans"}
ROBOT: Json = {"id": 8, "is_bot": True, "first_name": "Echo", "username": "echo_bot"}
OURSELVES: Json = {"id": 110_201_543, "is_bot": True, "first_name": "chatwatt", "username": "Chatwatt_Bot"}
HOME: Json = {"id": 7, "type": "private", "first_name": "安娜", "username": "anna"}
GROUP: Json = {"id": -100, "type": "group", "title": "3 栋", "all_members_are_administrators": False}
SUPER: Json = {"id": -1_001_234_567_890, "type": "supergroup", "title": "Keepers", "is_forum": True}
NEWS: Json = {"id": -1_009, "type": "channel", "title": "News"}
FILE: Json = {"file_id": "AgAC", "file_unique_id": "AQ", "file_size": 4_096}
PICTURE: Json = {**FILE, "width": 90, "height": 60}
FILM: Json = {**PICTURE, "duration": 3, "mime_type": "video/mp4", "thumbnail": PICTURE}
PLACE: Json = {"latitude": 31.2, "longitude": 121.5, "horizontal_accuracy": 12.5}
POLL: Json = {
    "id": "5",
    "question": "?",
    "options": [{"persistent_id": "1", "text": "a", "voter_count": 0}],
    "total_voter_count": 0,
    "is_closed": False,
    "is_anonymous": True,
    "type": "regular",
    "allows_multiple_answers": False,
    "allows_revoting": False,
    "members_only": False,
}
STICKER: Json = {**PICTURE, "type": "regular", "is_animated": False, "is_video": False, "emoji": "⚡"}
BOUGHT: Json = {
    "currency": "XTR",
    "total_amount": 5,
    "invoice_payload": "p",
    "telegram_payment_charge_id": "t",
    "provider_payment_charge_id": "p",
}
ASKED: Json = {"title": "i", "description": "d", "start_parameter": "", "currency": "CNY", "total_amount": 1}
THINGS: Mapping[str, Json] = {
    "photo": {"photo": [PICTURE, PICTURE]},
    "document": {"document": {**FILE, "file_name": "bill.xlsx", "mime_type": "application/x"}},
    "voice": {"voice": {**FILE, "duration": 2}},
    "audio": {"audio": {**FILE, "duration": 2, "title": "song"}},
    "video": {"video": FILM},
    "video_note": {"video_note": {**FILE, "length": 240, "duration": 3}},
    "animation": {"animation": FILM, "document": FILE},
    "sticker": {"sticker": STICKER},
    "contact": {"contact": {"phone_number": "+8613800000000", "first_name": "B", "user_id": 9}},
    "location": {"location": PLACE},
    "venue": {"venue": {"location": PLACE, "title": "Gate", "address": "1 Road"}, "location": PLACE},
    "dice": {"dice": {"emoji": "🎲", "value": 3}},
    "poll": {"poll": POLL},
    "game": {"game": {"title": "g", "description": "d", "photo": [PICTURE]}},
    "invoice": {"invoice": ASKED},
    "story": {"story": {"chat": NEWS, "id": 4}},
    "paid_media": {"paid_media": {"star_count": 1, "paid_media": [{"type": "preview", "width": 1}]}},
    "passport": {"passport_data": {"data": [], "credentials": {"data": "", "hash": "", "secret": ""}}},
    "paid": {"successful_payment": BOUGHT},
    "photo said": {"photo": [PICTURE], "caption": "/balance@chatwatt_bot 101"},
    "document said": {"document": FILE, "caption": "余额"},
}
SERVICE: Mapping[str, Json] = {
    "came": {"new_chat_members": [PERSON]},
    "went": {"left_chat_member": PERSON},
    "named": {"new_chat_title": "4 栋"},
    "pinned": {"pinned_message": {"message_id": 3, "date": AT, "chat": HOME, "text": "x"}},
    "pinned and gone": {"pinned_message": {"message_id": 3, "date": 0, "chat": HOME}},
    "grew": {"migrate_to_chat_id": -1_001_234_567_890},
    "timer": {"message_auto_delete_timer_changed": {"message_auto_delete_time": 60}},
    "shared": {"users_shared": {"request_id": 1, "users": [{"user_id": 9}]}},
    "page": {"web_app_data": {"data": "x", "button_text": "y"}},
    "write": {"write_access_allowed": {"from_request": True}},
    "nothing": {},
}
WORDS = (
    "余额",
    "充值１００元",
    "/start",
    "/start k8Jd_-x",
    "/balance@chatwatt_bot",
    "/balance@CHATWATT_BOT 101",
    "/balance@other_bot",
    "@chatwatt_bot how much",
    "mail x@chatwatt_botany please",
    "@chatwatt_bot",
    "今晚 @Chatwatt_Bot @chatwatt_bot",
    "@chatwatt_bot /tonight",
    "@other_bot how much",
    "/ 100",
    "/充值 50",
    "/a\nb",
    "",
    " ",
    "x" * 4_096,
)


def message(body: Json, chat: Json = HOME, sender: Json | None = PERSON) -> Json:
    """A message as Telegram writes it."""
    return {"message_id": 2, "date": AT, "chat": chat, **({"from": sender} if sender else {}), **body}


SHOWN = message({"text": "old", "reply_markup": {"inline_keyboard": [[{"text": "a", "callback_data": "t:1"}]]}})
SENDERS: Mapping[str, Json] = {
    "robot": message({"text": "hi"}, HOME, ROBOT),
    "nobody": message({"text": "hi"}, NEWS, None),
    "as the group": {**message({"text": "@chatwatt_bot hi"}, SUPER, ROBOT), "sender_chat": SUPER},
    "no language": message({"text": "hi"}, HOME, {key: PERSON[key] for key in ("id", "is_bot", "first_name")}),
    "english": message({"text": "hi"}, HOME, {**PERSON, "language_code": "en-GB"}),
    "somebody else's home": message({"text": "hi"}, {**HOME, "id": 9}),
    "answered in a group": {
        **message({"text": "是的"}, SUPER),
        "reply_to_message": message({"text": "?"}, SUPER, OURSELVES),
    },
    "answered to another": {**message({"text": "hi"}, SUPER), "reply_to_message": message({"text": "?"}, SUPER, ROBOT)},
    "topic": {**message({"text": "/tonight"}, SUPER), "message_thread_id": 4, "is_topic_message": True},
    "answer": {**message({"text": "yes"}), "reply_to_message": SHOWN, "quote": {"text": "old", "position": 0}},
    "marked": message({"text": "/help", "entities": [{"type": "bot_command", "offset": 0, "length": 5}]}),
    "forwarded": {**message({"text": "hi"}), "forward_origin": {"type": "user", "date": AT, "sender_user": ROBOT}},
}
PRESSES: Mapping[str, Json] = {
    "press": {"message": SHOWN, "data": "t:abc"},
    "press on what is gone": {"message": {"message_id": 2, "date": 0, "chat": HOME}, "data": "t:abc"},
    "press in a group": {"message": {**SHOWN, "chat": SUPER}, "data": "t:abc"},
    "press from elsewhere": {"inline_message_id": "x", "data": "t:abc"},
    "press of a game": {"message": SHOWN, "game_short_name": "g"},
    "press of nothing": {"message": SHOWN, "data": ""},
}
OTHERS: Mapping[str, Json] = {
    "edited": {"edited_message": message({"text": "hi"})},
    "news": {"channel_post": message({"text": "hi"}, NEWS, None)},
    "asked": {"inline_query": {"id": "1", "from": PERSON, "query": "x", "offset": ""}},
    "unknown": {"a_kind_of_next_year": {"x": 1}},
    "a poll": {"poll": POLL},
}


def updates() -> dict[str, Json]:
    """Every shape, by name."""
    bodies = {f"text {number}": {"text": words} for number, words in enumerate(WORDS)}
    bodies |= {**THINGS, **{f"service {name}": body for name, body in SERVICE.items()}}
    said = {f"{chat['type']} {name}": message(body, chat) for chat in (HOME, SUPER) for name, body in bodies.items()}
    pressed = {"id": "4382", "from": PERSON, "chat_instance": "-3"}
    return {
        **{name: {"update_id": 1, "message": body} for name, body in {**said, **SENDERS}.items()},
        **{name: {"update_id": 1, "callback_query": {**pressed, **body}} for name, body in PRESSES.items()},
        **{name: {"update_id": 1, **body} for name, body in OTHERS.items()},
    }


UPDATES = updates()


def test_an_update_is_read_as_the_library_reads_it() -> None:
    """A1: who speaks, where, whether in private, and what: each shape of Telegram's means what the library says."""
    heard = {name: read(copy.deepcopy(update), username=NAME) for name, update in UPDATES.items()}
    assert heard == {name: as_the_library(update) for name, update in UPDATES.items()}
    # The comparison is not of nothing with nothing.
    assert len([each for each in heard.values() if each]) > len(THINGS) + len(WORDS)
    assert len([each for each in heard.values() if each is None]) > len(THINGS) + len(WORDS)


WORD = st.text(st.sampled_from("/@_ a余1\n"), max_size=12) | st.sampled_from(WORDS)
ODD: st.SearchStrategy[object] = (
    st.none() | st.integers() | st.text(max_size=3) | st.lists(st.integers(), max_size=2) | st.just({})
)


@settings(max_examples=60, deadline=None)
@given(
    text=st.none() | WORD,
    caption=st.none() | WORD,
    thing=st.sampled_from([{}, *THINGS.values(), *SERVICE.values()]),
    chat=st.sampled_from([HOME, GROUP, SUPER, NEWS]),
    sender=st.sampled_from([PERSON, ROBOT, {**PERSON, "id": 9}, None]),
)
def test_what_no_table_thought_of_is_read_alike_too(
    text: str | None, caption: str | None, thing: Json, chat: Json, sender: Json | None
) -> None:
    """A1: any words with anything from anybody anywhere."""
    said = {name: words for name, words in (("text", text), ("caption", caption)) if words is not None}
    update = {"update_id": 1, "message": message({**thing, **said}, chat, sender)}
    assert read(update, username=NAME) == as_the_library(update)


@settings(max_examples=60, deadline=None)
@given(update=st.sampled_from(list(UPDATES.values())), data=st.data())
def test_an_update_that_telegram_would_not_send_is_passed_over(update: Json, data: st.DataObject) -> None:
    """A1: with anything of another kind in any place, an update is heard of the same person, or not at all."""
    changed, before = copy.deepcopy(update), read(update, username=NAME)
    holder: Json = changed
    while isinstance(inner := holder[name := data.draw(st.sampled_from(sorted(holder)))], dict) and inner:
        if data.draw(st.booleans()):
            break
        holder = inner
    holder[name] = data.draw(ODD)
    heard = read(changed, username=NAME)
    if heard is not None and before is not None and name != "id":
        assert (heard.chat, heard.inbound.user) == (before.chat, before.inbound.user)


def as_the_library(update: Json) -> Heard | None:
    """What is heard of an update when the library's own objects are asked."""
    known = Update.de_json(copy.deepcopy(update), BOT)
    query, said = known.callback_query, known.message
    if query is not None:
        if query.message is None or not query.data:
            return None
        return _heard(query.message.chat, query.from_user, action=query.data, press=query.id)
    if said is None or said.from_user is None or said.from_user.is_bot:
        return None
    private = _is_private(said.chat, said.from_user)
    words, thing = _words(said, private=private), _thing(said)
    # Words that are for another bot take what came with them along.
    if words is None and (thing is None or not private or said.text or said.caption):
        return None
    text = None if words is None else words[:MAX_HEARD_CHARS]
    return _heard(said.chat, said.from_user, text=text, thing=thing)


def _thing(said: Message) -> Attached | None:
    """What came along, with what can be fetched of it."""
    if said.effective_attachment is None:
        return None
    if said.document is not None and said.animation is None:
        document = said.document
        name = document.file_name or ""
        return Attached(thing=Thing.DOCUMENT, reference=document.file_id, name=name, size_bytes=document.file_size or 0)
    if said.photo:
        largest = said.photo[-1]
        return Attached(thing=Thing.PHOTO, reference=largest.file_id, size_bytes=largest.file_size or 0)
    if said.voice or said.audio:
        return Attached(thing=Thing.VOICE)
    if said.location or said.venue:
        return Attached(thing=Thing.PLACE)
    return Attached(thing=Thing.CONTACT if said.contact else Thing.OTHER)


def _words(said: Message, *, private: bool) -> str | None:
    """A command without its addressee, when that is us; other words when they are said in private or name us."""
    words = said.text or said.caption
    if words is None:
        return None
    name = _name(words[1:])
    if not words.startswith("/") or not name:
        return words if private else _for_us(said, words)
    rest = words[1 + len(name) :]
    whom = _name(rest[1:]) if rest.startswith("@") else ""
    if not whom:
        return f"/{name}{rest}"
    return f"/{name}{rest[1 + len(whom) :]}" if whom.lower() == NAME else None


def _for_us(said: Message, words: str) -> str | None:
    """What is left of words that name us; words that answer us."""
    if _names_us(words):
        low, rest = words.lower(), ""
        while (at := next((i for i in _places(low) if not _name(low[i + len(NAME) + 1 :])), None)) is not None:
            rest, words, low = rest + words[:at] + " ", words[at + len(NAME) + 1 :], low[at + len(NAME) + 1 :]
        return (rest + words).strip() or "/help"
    answered = said.reply_to_message
    author = answered.from_user if answered is not None else None
    return words if author is not None and (author.username or "").lower() == NAME else None


def _places(low: str) -> list[int]:
    return [at for at in range(len(low)) if low.startswith(f"@{NAME}", at)]


def _name(words: str) -> str:
    """The letters, digits and underscores at the beginning."""
    end = next((at for at, char in enumerate(words) if not (char.isalnum() or char == "_")), len(words))
    return words[:end]


def _names_us(words: str) -> bool:
    """Whether our name stands in the words, and is not the beginning of another."""
    return any(not _name(after) for after in words.lower().split(f"@{NAME}")[1:])


def _is_private(chat: Chat, user: User) -> bool:
    return chat.type == Chat.PRIVATE and chat.id == user.id


def _heard(
    chat: Chat,
    user: User,
    *,
    text: str | None = None,
    action: str | None = None,
    press: str | None = None,
    thing: Attached | None = None,
) -> Heard:
    inbound = Inbound(
        channel="telegram",
        user=str(user.id),
        text=text,
        action=action,
        language=language_for(user.language_code),
        private=_is_private(chat, user),
        attached=thing,
        group="" if _is_private(chat, user) else str(chat.id),
    )
    return Heard(chat=str(chat.id), inbound=inbound, press_id=press)
