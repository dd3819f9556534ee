"""Runs a conversation: greet, load the session, handle, call use cases, present, save. One message a chat at a time.

The session is saved before the effects run, so that a crash in the middle leaves no open "yes" that could be pressed
again (M15 would still hold, but the person would be asked to pay twice).
"""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from dataclasses import replace

import structlog

from bot.conversations.core import handle
from bot.conversations.effects import BindChat, Effect, Outcome, SetLanguage, UnbindChat
from bot.conversations.inbound import Inbound, Turn
from bot.conversations.parts import Part, Text, Tone
from bot.conversations.perform import Situation, perform
from bot.conversations.present import present
from bot.conversations.reply import Reply
from bot.conversations.session import Session, session_from_plain
from bot.texts import LANGUAGES, language_for, text, trouble_text
from prepaid.domain.access import Actor
from prepaid.domain.errors import Trouble, TryAgain
from prepaid.ports import Business, Sessions
from prepaid.usecases.admin_groups import in_group
from prepaid.usecases.greet import greet
from prepaid.usecases.take_list import Fetch

SESSION_TTL_S = 7 * 24 * 3600
HEAR_WITHIN_S = 25.0
"""An answer that takes longer than this is given up, and the person is told to try again."""
MOST_EFFECTS = 6
MOST_CHATS = 10_000

_log = structlog.get_logger()


class Conversation:
    """Hears what a channel hands it and returns the parts to show."""

    def __init__(
        self,
        business: Business,
        sessions: Sessions,
        *,
        provider: str,
        within_s: float = HEAR_WITHIN_S,
        public_url: str = "",
    ) -> None:
        self._business = business
        self._sessions = sessions
        self._provider = provider
        self._within_s = within_s
        self._public_url = public_url.rstrip("/")
        self._locks: OrderedDict[str, asyncio.Lock] = OrderedDict()
        self._languages: OrderedDict[str, str] = OrderedDict()
        self._files: dict[str, Fetch] = {}
        self._pictures_alone: set[str] = set()

    def take_files(self, channel: str, fetch: Fetch, *, pictures_alone: bool = False) -> None:
        """From now on people can send files over the channel, or only pictures; `fetch` brings one by its reference."""
        self._files[channel] = fetch
        if pictures_alone:
            self._pictures_alone.add(channel)

    async def hear(self, inbound: Inbound) -> list[Part]:
        """What to show in answer. Never raises: trouble is put in words, our own bugs are logged with a reference."""
        # What is open in a group is another conversation than what the same person has open in private.
        key = f"{inbound.channel}:{inbound.user}" + (f"@{inbound.group}" if inbound.group else "")
        try:
            async with asyncio.timeout(self._within_s), self._lock(key):
                return await self._hear(key, inbound)
        except Trouble as trouble:
            return [Text(body=trouble_text(self._language(key, inbound), trouble), tone=Tone.TROUBLE)]
        except TimeoutError:
            _log.warning("conversation_timed_out", channel=inbound.channel)
            return [Text(body=text(self._language(key, inbound), "try_again.general"), tone=Tone.TROUBLE)]
        except Exception:  # noqa: BLE001 - whatever broke, the person gets an answer and we get the trace.
            reference = secrets.token_hex(4)
            _log.exception("conversation_failed", reference=reference, channel=inbound.channel)
            body = text(self._language(key, inbound), "trouble.ours", reference=reference)
            return [Text(body=body, tone=Tone.TROUBLE)]

    def language_of(self, channel: str, user: str) -> str | None:
        """The language that this chat was last answered in, if it spoke lately."""
        return self._languages.get(f"{channel}:{user}")

    async def _hear(self, key: str, inbound: Inbound) -> list[Part]:
        person = await greet(self._business, inbound.channel, inbound.user, language=language_for(inbound.language))
        member = await self._as_member(person.actor(), inbound)
        turn = Turn(
            inbound=inbound,
            actor=member or person.actor(),
            admin_group=member is not None,
            at=self._business.clock.now(),
            providers=tuple(sorted(self._business.providers)),
            public_url=self._public_url,
            carries_files=inbound.channel in self._files and inbound.channel not in self._pictures_alone,
            carries_pictures=inbound.channel in self._files,
        )
        self._remember(key, turn.actor.language)
        reply = handle(turn, session_from_plain(await self._load(key)))
        if reply.effects:
            await self._save(key, reply.session)
        parts, session = await self._carry_out(key, turn, reply)
        await self._save(key, session.with_menu(parts))
        return parts

    async def _as_member(self, actor: Actor, inbound: Inbound) -> Actor | None:
        """The person as they may act in the group; None in private, and in a group that is nobody's."""
        if inbound.private or not actor.is_staff:
            return None
        return await in_group(self._business, actor, inbound.channel, inbound.group)

    async def _carry_out(self, key: str, turn: Turn, reply: Reply) -> tuple[list[Part], Session]:
        parts, session, queue = list(reply.parts), reply.session, list(reply.effects)
        for _ in range(MOST_EFFECTS):
            if not queue:
                break
            effect = queue.pop(0)
            outcome = await self._perform(key, turn, effect)
            turn = await self._refreshed(key, turn, outcome)
            answer = present(outcome, turn, session)
            parts += answer.parts
            session = answer.session
            queue += answer.effects
        return parts, session

    async def _perform(self, key: str, turn: Turn, effect: Effect) -> Outcome:
        on = Situation(
            business=self._business,
            actor=turn.actor,
            chat=key,
            provider=self._provider,
            fetch=self._files.get(turn.inbound.channel),
        )
        try:
            return Outcome(effect=effect, value=await perform(effect, on))
        except Trouble as trouble:
            return Outcome(effect=effect, trouble=trouble)

    async def _refreshed(self, key: str, turn: Turn, outcome: Outcome) -> Turn:
        """After a change of who the person is, the rest of the reply speaks to the new person."""
        if outcome.trouble is not None or not isinstance(outcome.effect, BindChat | UnbindChat | SetLanguage):
            return turn
        inbound = turn.inbound
        person = await greet(self._business, inbound.channel, inbound.user, language=turn.actor.language)
        self._remember(key, person.language)
        member = await self._as_member(person.actor(), inbound)
        return replace(turn, actor=member or person.actor(), admin_group=member is not None)

    async def _load(self, key: str) -> dict[str, object]:
        """A session store in trouble costs the open question, not the answer (Y2)."""
        try:
            return dict(await self._sessions.load(key))
        except TryAgain:
            _log.warning("sessions_unreachable")
            return {}

    async def _save(self, key: str, session: Session) -> None:
        try:
            await self._sessions.save(key, session.to_plain(), ttl_s=SESSION_TTL_S)
        except TryAgain:
            _log.warning("sessions_unreachable")

    def _lock(self, key: str) -> asyncio.Lock:
        lock = self._locks.setdefault(key, asyncio.Lock())
        self._locks.move_to_end(key)
        while len(self._locks) > MOST_CHATS and not next(iter(self._locks.values())).locked():
            self._locks.popitem(last=False)
        return lock

    def _remember(self, key: str, language: str) -> None:
        self._languages[key] = language if language in LANGUAGES else language_for(language)
        self._languages.move_to_end(key)
        while len(self._languages) > MOST_CHATS:
            self._languages.popitem(last=False)

    def _language(self, key: str, inbound: Inbound) -> str:
        return self._languages.get(key) or language_for(inbound.language)
