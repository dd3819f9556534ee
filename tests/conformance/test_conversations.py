"""One golden transcript for each intent, run through every renderer. `CHATWATT_WRITE_GOLDEN=1` writes them anew."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from bot.conversations.intents import intents
from bot.conversations.parts import KINDS, Part, from_json, menu_of, to_json
from bot.rendering import plain, telegram_html, wechat_text
from bot.rendering.capabilities import FALLBACKS, Capabilities, Means, blocks, split_lines
from tests.fakes.rehearsed import Script, scripts
from tests.fakes.rehearsed_chat import RehearsedChat

GOLDEN = Path(__file__).parent / "transcripts"
SCRIPTS: dict[str, Script] = {
    **scripts(),
    "balance": (("anna", "余额"), ("ben", "how much do I have left?")),
    "recharge": (
        ("anna", "充值"),
        ("anna", "多多"),
        ("anna", "一百元"),
        ("anna", "是"),
        ("ben", "recharge 20"),
        ("ben", "no"),
    ),
    "history": (("anna", "明细"), ("ben", "/history")),
    "accounts": (("both", "切换房间"),),
    "use": (("both", "/use a102"), ("both", "余额"), ("both", "/use nowhere")),
    "bind": (("new", "余额"), ("new", "绑定"), ("new", "AAAA2222"), ("new", "7KQ2M9XA")),
    "unbind": (("ben", "unbind"), ("ben", "yes"), ("ben", "balance")),
    "overview": (("admin", "总览"), ("ben", "/overview")),
    "find": (("admin", "查找 101"), ("admin", "查找 999")),
    "cut": (("admin", "断电 101"), ("admin", "线路检修"), ("admin", "确认")),
    "restore": (("admin", "送电 102"), ("admin", "确认")),
    "protect": (("admin", "保电 101"), ("admin", "家有病人"), ("admin", "取消")),
    "release": (("admin", "解除保电 101"), ("admin", "好")),
    "code": (("admin", "绑定码 101"),),
    "language": (("anna", "语言"), ("anna", "English"), ("anna", "help")),
    "help": (("anna", "帮助"), ("ben", "help"), ("admin", "帮助"), ("new", "help")),
    "start": (("anna", "你好"), ("new", "/start")),
    "cancel": (("anna", "取消"), ("ben", "/balanec")),
}


def telegram(parts: Sequence[Part]) -> str:
    """Telegram's messages as one text."""
    return "\n---\n".join(
        message.html
        + "".join(
            "\n" + " ".join(f"[{key.text} | {key.callback_data or key.url}]" for key in row) for row in message.keyboard
        )
        for message in telegram_html.render(parts)
    )


RENDERERS: dict[str, Callable[[Sequence[Part]], str]] = {
    "plain": plain.render,
    "telegram": telegram,
    "wechat": lambda parts: "\n---\n".join(wechat_text.render(parts)),
    "json": lambda parts: "\n".join(json.dumps(to_json(part), ensure_ascii=False, sort_keys=True) for part in parts),
}
CAPABILITIES: dict[str, Capabilities] = {
    "plain": plain.CAPABILITIES,
    "telegram": telegram_html.CAPABILITIES,
    "wechat": wechat_text.CAPABILITIES,
}


async def replies(intent: str) -> list[tuple[str, str, list[Part]]]:
    """The script of an intent, played."""
    chat = RehearsedChat()
    return [(user, words, await chat.say(user, words)) for user, words in SCRIPTS[intent]]


def test_every_intent_has_a_script() -> None:
    """A new intent comes with its transcript."""
    assert set(SCRIPTS) == {intent.name for intent in intents()}


@pytest.mark.parametrize("renderer", RENDERERS)
@pytest.mark.parametrize("intent", SCRIPTS)
async def test_transcript(intent: str, renderer: str) -> None:
    """FEATURES T3: what each channel shows for each intent is on record, and changes only on purpose."""
    told = [f"> {user}: {words}\n{RENDERERS[renderer](parts)}\n" for user, words, parts in await replies(intent)]
    path = GOLDEN / f"{intent}.{renderer}.txt"
    if os.environ.get("CHATWATT_WRITE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(told), encoding="utf-8")
    assert path.read_text(encoding="utf-8") == "\n".join(told)


@pytest.mark.parametrize("channel", CAPABILITIES)
@pytest.mark.parametrize("intent", SCRIPTS)
async def test_nothing_pressable_is_lost(intent: str, channel: str) -> None:
    """Whatever can be pressed reaches the person: as a button with its action, or as a number with its label."""
    for _, _, parts in await replies(intent):
        shown = RENDERERS[channel](parts)
        for number, button in enumerate(menu_of(parts), start=1):
            wanted = (
                f"| {button.action}]" if CAPABILITIES[channel].buttons is Means.INLINE else f"{number}. {button.label}"
            )
            assert wanted in shown


@pytest.mark.parametrize("intent", SCRIPTS)
async def test_messages_fit(intent: str) -> None:
    """No message is longer than its channel takes: WeChat counts 2,048 bytes, Telegram 4,096 characters."""
    for _, _, parts in await replies(intent):
        assert all(len(message.encode()) <= 2_048 for message in wechat_text.render(parts))
        assert all(len(message.html) <= 4_096 for message in telegram_html.render(parts))


@pytest.mark.parametrize("intent", SCRIPTS)
async def test_parts_survive_json(intent: str) -> None:
    """The terminal and the page get the same parts as everybody, over JSON."""
    for _, _, parts in await replies(intent):
        assert [from_json(json.loads(json.dumps(to_json(part)))) for part in parts] == parts


def test_every_degradable_part_has_a_fallback() -> None:
    """A part that some channel cannot show says what stands in for it."""
    assert set(KINDS) - {"text", "table"} == set(FALLBACKS)


def test_blocks_and_splitting_at_the_edges() -> None:
    """Zero is blank, the highest is full, the smallest something shows; long texts are cut without loss."""
    assert blocks((0, 1, 1000)) == " ▁█"
    assert blocks((0, 0)) == "  "
    pieces = split_lines("a" * 25 + "\nbb\ncc", 10)
    assert "".join(pieces).replace("\n", "") == "a" * 25 + "bbcc"
    assert max(map(len, pieces)) <= 10
