"""An admin group on the stage: the code that binds one is made in private."""

from __future__ import annotations

from dataclasses import replace

from bot.conversations.topics.admin_group import BindGroup, IssueGroupCode, UnbindGroup
from tests.fakes.rights import EVERYBODY, MANAGES, Subject, free, right

ANSWERS = {
    IssueGroupCode: lambda _stage, _user, _effect: "7KQ2M9XC",
    BindGroup: lambda _stage, _user, _effect: "acme/maple",
    UnbindGroup: lambda _stage, _user, _effect: None,
}


def _at(on: Subject) -> str:
    return f"acme/{on.site_id}"


SCRIPTS = {"group": (("admin", "绑定管理群"), ("admin", "/group maple"))}
RIGHTS = (
    replace(right("group", lambda on: IssueGroupCode(scope=_at(on)), MANAGES), at_site=True),
    free("bind", lambda _: BindGroup(channel="test", group="-1", code="AAAA2222"), EVERYBODY),
    free("unbind", lambda _: UnbindGroup(channel="test", group="-404"), ()),  # Bound ones: test_usecase_admin_groups.
)
