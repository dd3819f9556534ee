"""Family: several people of one account, invited by a code, shown to one another, let go again (T1, A5)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bot.conversations import flows
from bot.conversations.effects import Effect, ListAccounts
from bot.conversations.inbound import Turn
from bot.conversations.openings import account_action, account_of, for_account
from bot.conversations.parts import Item, List, Look, Tone
from bot.conversations.reply import Reply, choose, press, say
from bot.conversations.session import Session
from bot.conversations.topic import Topic
from bot.conversations.vocabulary import Audience, Intent
from bot.texts import has, text
from prepaid.domain.people import CODE_TTL_S
from prepaid.usecases.share_account import Member, invite_member, members_of, remove_member

_PERSON_ID = re.compile(r"p_[0-9a-f]{1,32}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListFamily(Effect):
    """Who is bound to the account."""

    account_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InviteMember(Effect):
    """A code for one more person."""

    account_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveMember(Effect):
    """Lets somebody go."""

    account_id: str
    person_id: str


def _remove(turn: Turn, session: Session, argument: str) -> Reply:
    """Asked about first; who it is stands in the list, since nobody's name is known."""
    account_id = account_of(turn, session)
    if account_id is None:
        return Reply(session=session, effects=(ListAccounts(then="family"),))
    if not _PERSON_ID.fullmatch(argument):
        return Reply(session=session, effects=(ListFamily(account_id=account_id),))
    prompt = text(turn.actor.language, "family.confirm_remove")
    data = {"account_id": account_id, "person_id": argument}
    return flows.ask_confirm(turn, session, "remove_member", prompt, Look.DANGER, **data)


def _listed(effect: ListFamily, value: Sequence[Member], turn: Turn, session: Session) -> Reply:
    language = turn.actor.language
    items = tuple(
        Item(
            label=text(language, "family.me") if member.is_me else text(language, "family.other", place=str(place)),
            value=_channel(language, member.channel),
            detail="" if member.is_me else text(language, "family.press"),
            action="" if member.is_me else account_action(effect.account_id, "unfamily", member.person_id),
        )
        for place, member in enumerate(value, start=1)
    )
    listing = List(title=text(language, "family.title"), items=items)
    invite = press(language, "button.share", account_action(effect.account_id, "share"), Look.PRIMARY)
    return Reply(session=session, parts=(listing, choose(text(language, "family.next"), language, invite)))


def _channel(language: str, channel: str) -> str:
    key = f"channel.{channel}"
    return text(language, key) if has(key) else channel


def _invited(effect: InviteMember, value: str, turn: Turn, session: Session) -> Reply:
    del effect
    words = say(turn.actor.language, "family.code", Tone.GOOD, code=value, ttl_s=CODE_TTL_S)
    return Reply(session=session, parts=(words,))


def _removed(effect: RemoveMember, value: object, turn: Turn, session: Session) -> Reply:
    del value
    words = say(turn.actor.language, "family.removed", Tone.GOOD)
    return Reply(session=session, parts=(words,), effects=(ListFamily(account_id=effect.account_id),))


TOPIC = Topic(
    intents=(
        Intent(
            name="family",
            hints=(
                r"(?:有谁|有哪些人|都?谁|哪些人).{0,6}(?:房间|账户|看到|看见|在用|绑定)|家里.{0,3}(?:谁|哪些人)|家人|成员",
                r"who .*\b(?:see|use|has)\b.*(?:room|account|this)|family|members",
            ),
            audience=Audience.TENANT,
            commands=("family", "家人", "成员"),
            phrases=(
                r"(?:我的|查看|管理)?(?:家人|家庭成员|成员|共用人)(?:列表|管理)?",
                r"(?:谁|还有谁)(?:能|可以)(?:看|用)(?:这个|我的)?(?:账户|房间)",
                r"(?:my )?(?:family|members|people)|who (?:else )?can see (?:this|my) (?:account|room)",
            ),
        ),
        Intent(
            name="share",
            of_staff="code",
            hints=(
                r"[加添请](?:个|一个|一位|我)?(?:的)?(?:家人|室友|老婆|老公|爱人|爸|妈|父母|朋友|儿子|女儿)(?!.*[充付交缴])",
                r"(?:add|invite) (?:my|a|an|another|one more)\b",
            ),
            audience=Audience.TENANT,
            commands=("share", "邀请家人", "添加家人"),
            phrases=(
                r"(?:我要|我想|帮我)?(?:邀请|添加|增加|加)(?:一个|一位)?(?:家人|成员|室友|人)",
                r"(?:invite|add) (?:a |my |another )?(?:person|(?:family )?member|family|wife|husband|roommate)",
            ),
        ),
        Intent(name="unfamily", audience=Audience.TENANT, commands=("unfamily",), in_help=False),
    ),
    openings={
        "family": for_account("family", lambda account, _: ListFamily(account_id=account)),
        "share": for_account("share", lambda account, _: InviteMember(account_id=account)),
        "unfamily": _remove,
    },
    confirmed={
        "confirm.remove_member": lambda data: RemoveMember(
            account_id=str(data["account_id"]), person_id=str(data["person_id"])
        )
    },
    after_choice=frozenset({"family", "share", "unfamily"}),
    performers={
        ListFamily: lambda e, on: members_of(on.business, on.actor, e.account_id),
        InviteMember: lambda e, on: invite_member(on.business, on.actor, e.account_id),
        RemoveMember: lambda e, on: remove_member(on.business, on.actor, e.account_id, e.person_id),
    },
    presenters={ListFamily: _listed, InviteMember: _invited, RemoveMember: _removed},
)
