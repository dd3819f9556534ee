"""What comes by itself, on the stage: one report of the staff, the bill of a tenant."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bot.conversations.topics.mail_outs import ListMailOuts, OrderMailOut, StopMailOut
from prepaid.domain.errors import not_found
from prepaid.domain.mail_outs import BILL, Every, MailOut, ReportForm, ReportKind, mail_out_id
from tests.fakes.rights import EVERYBODY, SEES, STAFF, free, right


def _row(stage: Any, user: str, effect: OrderMailOut) -> MailOut:
    bill = effect.kind == BILL
    person = stage.actors[user].id
    return MailOut(
        id=mail_out_id(person, effect.kind, effect.subject, effect.every),
        person_id=person,
        kind=effect.kind,
        subject=effect.subject,
        label=stage.rooms[effect.subject].label if bill else "枫丹苑",
        every=effect.every,
        form=effect.form,
        site_id="maple",
        ordered_at=stage.now,
        last="2026-10",
    )


def _mine(stage: Any, user: str, effect: ListMailOuts) -> tuple[MailOut, ...]:
    del effect
    if user != "admin":
        return ()
    losses = OrderMailOut(kind=ReportKind.LOSSES, subject="maple", every=Every.DAY, form=ReportForm.PICTURE)
    finance = OrderMailOut(kind=ReportKind.FINANCE, subject="maple", every=Every.MONTH, form=ReportForm.XLSX)
    return (_row(stage, user, losses), _row(stage, user, finance))


def _stop(stage: Any, user: str, effect: StopMailOut) -> MailOut:
    for each in _mine(stage, user, ListMailOuts()):
        if each.id == effect.mail_out:
            return each
    raise not_found()


CSV = ReportForm.CSV
_FINANCE = mail_out_id("p3", ReportKind.FINANCE, "maple", Every.MONTH)
ANSWERS = {OrderMailOut: _row, ListMailOuts: _mine, StopMailOut: _stop}
SCRIPTS = {
    "mailout": (
        ("admin", "订阅每天线损 枫丹苑"),
        ("admin", "每月发财务报表 excel 枫丹苑"),
        ("admin", "subscribe to the daily consumption report of maple"),
    ),
    "mailbill": (("anna", "订阅账单"), ("ben", "subscribe to my bill as excel")),
    "mailouts": (
        ("admin", "我的订阅"),
        ("admin", f"/mailouts stop {_FINANCE}"),
        ("ben", "subscriptions"),
        ("anna", "退订"),
    ),
}
RIGHTS = (
    replace(
        right("mailbill", lambda on: OrderMailOut(kind=BILL, subject=on.account_id, every=Every.MONTH, form=CSV), SEES),
        stored=True,
    ),
    replace(
        right("mailout", lambda on: OrderMailOut(kind="use", subject=on.site_id, every=Every.DAY, form=CSV), STAFF),
        at_site=True,
        stored=True,
    ),
    free("mailouts", lambda _: ListMailOuts(), EVERYBODY),
    right("mailouts", lambda on: StopMailOut(mail_out=on.account_id), ()),
)
