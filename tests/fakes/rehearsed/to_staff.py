"""Wishes to the staff and family on the stage: room 102 is moving out already."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from bot.conversations.topics.answer import AnswerTenant
from bot.conversations.topics.family import InviteMember, ListFamily, RemoveMember
from bot.conversations.topics.to_staff import AgreeToStatement, AskStaff, Leaving, LookAtMoveOut
from prepaid.domain.closing import Closing, FinalReading, PayBack, Step
from prepaid.domain.errors import Refused
from prepaid.domain.staff_requests import Wish
from prepaid.usecases.share_account import Member
from tests.fakes.rights import OPERATES, SEES, TENANT, Subject, right


def _leaving(stage: Any, user: str, effect: LookAtMoveOut) -> Leaving:
    del user
    closing = Closing(
        id=effect.account_id,
        site_id="maple",
        path="acme/maple/102",
        asked_by="p3",
        asked_at=stage.now,
        reason="moved",
        step=Step.PAYING,
        waits_for="closing.refund_under_way",
        readings=(FinalReading(meter_id="m-a102", at=stage.now - timedelta(minutes=4), energy_wh=120_800),),
        balance_micro=46_380_000,
        plan=(PayBack(order_id="cw26", amount_fen=4_000),),
        payable_micro=6_380_000,
    )
    if effect.account_id not in stage.agreed:
        closing = replace(closing, step=Step.BALANCING, waits_for="closing.not_agreed", payable_micro=0)
    balance = stage.balance(effect.account_id)
    return Leaving(balance=balance, closing=closing if effect.account_id == "a102" else None)


def _agree(stage: Any, user: str, effect: AgreeToStatement) -> Closing:
    stage.agreed.add(effect.account_id)
    shown = _leaving(stage, user, LookAtMoveOut(account_id=effect.account_id)).closing
    assert shown is not None
    return shown


def _asked(stage: Any, user: str, effect: AskStaff) -> object:
    if user == "both":
        raise Refused("refused.nobody_to_ask")
    del effect
    return stage.now


def _wish(on: Subject, wish: Wish) -> AskStaff:
    return AskStaff(account_id=on.account_id, wish=wish, words="please")


ANSWERS = {
    AnswerTenant: lambda _, __, ___: 2,
    AskStaff: _asked,
    LookAtMoveOut: _leaving,
    AgreeToStatement: _agree,
    ListFamily: lambda _, __, ___: (
        Member(person_id="p_1", channel="telegram", is_me=True),
        Member(person_id="p_2", channel="wechat", is_me=False),
    ),
    InviteMember: lambda _, __, ___: "7KQ2M9XA",
    RemoveMember: lambda _, __, ___: None,
}
SCRIPTS = {
    "human": (("anna", "人工客服"), ("anna", "断电"), ("ben", "talk to a human"), ("ben", "cancel")),
    "answer": (
        ("admin", "/answer 102"),
        ("admin", "Tomorrow at nine"),
        ("admin", "是"),
        ("admin", "答复 101 明天上午来修"),
        ("admin", "不"),
        ("anna", "/answer 102 hello"),
    ),
    "protectme": (("anna", "家里有病人"), ("anna", "使用呼吸机"), ("both", "申请保电")),
    "leave": (("anna", "退租"), ("anna", "是"), ("ben", "moving out"), ("ben", "yes"), ("ben", "moving out")),
    "family": (("anna", "家人"), ("ben", "my family")),
    "share": (("anna", "邀请家人"), ("ben", "invite a roommate")),
    "unfamily": (
        ("anna", "/unfamily p_2"),
        ("anna", "是"),
        ("ben", "/unfamily"),
        ("ben", "/unfamily p_2"),
        ("ben", "no"),
    ),
}
RIGHTS = (
    right("answer", lambda on: AnswerTenant(account_id=on.account_id, label="", words="x", wish="w"), OPERATES),
    right("human", lambda on: _wish(on, Wish.HELP), TENANT),
    right("protectme", lambda on: _wish(on, Wish.PROTECTION), TENANT),
    right("leave", lambda on: _wish(on, Wish.MOVE_OUT), TENANT),
    right("leave", lambda on: LookAtMoveOut(account_id=on.account_id), SEES),
    right("leave", lambda on: AgreeToStatement(account_id=on.account_id, digest="0" * 64), TENANT),
    right("family", lambda on: ListFamily(account_id=on.account_id), TENANT),
    right("share", lambda on: InviteMember(account_id=on.account_id), TENANT),
    right("unfamily", lambda on: RemoveMember(account_id=on.account_id, person_id=on.person_id), TENANT),
)
