"""Log in elsewhere: a code with which a mini-program or another program logs in for this person, once (A5).

The program says what to type, so it is not in the help. The link carries the same code behind a "#", which no browser
sends: neither a log nor the preview that a chat makes of a link ever sees it.
"""

from __future__ import annotations

from dataclasses import dataclass

from bot.conversations.effects import Effect
from bot.conversations.inbound import Turn
from bot.conversations.parts import Part
from bot.conversations.reply import Reply, say
from bot.conversations.session import Session
from bot.conversations.topic import Topic
from bot.conversations.vocabulary import Audience, Intent
from prepaid.domain.logins import LOGIN_CODE_TTL
from prepaid.usecases.log_in import issue_login_code

LINK = "/api/v1/docs#login="
"""The page of the API, which exchanges the code once and takes it out of its address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueLoginCode(Effect):
    """Makes a code for whoever asks."""


def _issued(effect: IssueLoginCode, value: str, turn: Turn, session: Session) -> Reply:
    del effect
    language, ttl_s = turn.actor.language, int(LOGIN_CODE_TTL.total_seconds())
    parts: tuple[Part, ...] = (say(language, "login.code", code=value, ttl_s=ttl_s),)
    if turn.public_url:
        parts += (say(language, "login.link", url=f"{turn.public_url}{LINK}{value}"),)
    return Reply(session=session, parts=parts)


TOPIC = Topic(
    intents=(
        Intent(
            name="login",
            audience=Audience.ANYONE,
            commands=("login", "登录", "登录码"),
            phrases=(r"(?:我要|请|帮我)?(?:获取|取)?登录(?:码|小程序)?", r"(?:log ?in|get a login code|login code)"),
            in_help=False,
        ),
    ),
    openings={"login": lambda _turn, session, _heard: Reply(session=session, effects=(IssueLoginCode(),))},
    performers={IssueLoginCode: lambda _effect, on: issue_login_code(on.business, on.actor)},
    presenters={IssueLoginCode: _issued},
)
