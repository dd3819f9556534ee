"""A code to log in with, on the stage: the same one each time, so that the transcript stays."""

from __future__ import annotations

from bot.conversations.topics.log_in import IssueLoginCode
from tests.fakes.rights import EVERYBODY, free

ANSWERS = {IssueLoginCode: lambda _stage, _user, _effect: "7K2MQ4XA"}
SCRIPTS = {"login": (("ben", "login code"), ("anna", "登录码"))}
RIGHTS = (free("login", lambda _: IssueLoginCode(), EVERYBODY),)
