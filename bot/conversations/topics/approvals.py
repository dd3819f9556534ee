"""Approvals: what waits for a second person, its exact content, the yes or no to it, and the way back (A6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.conversations import desk
from bot.conversations.effects import Effect
from bot.conversations.form import MOST_CHARS, REASON, Data, Form
from bot.conversations.inbound import Turn
from bot.conversations.parts import Buttons, Item, KeyValueTable, Look, Part, Row, Tone
from bot.conversations.price_rows import sheet_table
from bot.conversations.reply import Reply, choose, press, say
from bot.conversations.session import Session
from bot.conversations.topic import Topic
from bot.conversations.vocabulary import Audience, Intent
from bot.conversations.wording import who_words
from bot.texts import has, text
from prepaid.domain.approvals import Approval, ApprovalState
from prepaid.usecases.decide_approval import approve, decline, undo
from prepaid.usecases.view_approvals import ApprovalView, view_approval, view_approvals

MOST_NAMED = 10
"""So many accounts of a long list are shown by id; the count says how many there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListApprovals(Effect):
    """Those that wait."""

    page: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowApproval(Effect):
    """One of them, with the question."""

    approval_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Approve(Effect):
    """Agrees to exactly the content that was shown."""

    approval_id: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decline(Effect):
    """Says no, or takes it back."""

    approval_id: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Undo(Effect):
    """Takes back what two persons agreed to, while there is time."""

    approval_id: str
    why: str = ""


def _begin(turn: Turn, session: Session, argument: str) -> Reply:
    del turn
    if argument.startswith("ap_"):
        return Reply(session=session, effects=(ShowApproval(approval_id=argument),))
    return Reply(session=session, effects=(ListApprovals(page=desk.page_of(argument)),))


def _refuse(turn: Turn, session: Session, argument: str) -> Reply:
    if not argument:
        return Reply(session=session, effects=(ListApprovals(),))
    return FORM.ask(turn, session, {"approval_id": argument})


def _undo(turn: Turn, session: Session, argument: str) -> Reply:
    del turn
    number, _, why = argument.strip().partition(" ")
    effect = Undo(approval_id=number, why=why.strip()[:MOST_CHARS]) if number else ListApprovals()
    return Reply(session=session, effects=(effect,))


def _refused(turn: Turn, session: Session, data: Data) -> Reply:
    del turn
    return Reply(session=session, effects=(Decline(approval_id=str(data["approval_id"]), why=str(data["why"])),))


FORM = Form(name="decline", questions=(REASON,), done=_refused)


def _listed(effect: ListApprovals, value: Sequence[ApprovalView], turn: Turn, session: Session) -> Reply:
    language = turn.actor.language
    if not value:
        return Reply(session=session, parts=(say(language, "approvals.none"),))
    items = [
        Item(
            label=text(language, f"effect.{each.approval.effect}"),
            value=each.label,
            detail=_until(language, each),
            action=desk.action("approvals", each.approval.id),
        )
        for each in value
    ]
    return Reply(session=session, parts=(desk.paged(language, "approvals.title", items, effect.page, "approvals"),))


def _until(language: str, each: ApprovalView) -> str:
    if each.approval.due_at is not None:
        return text(language, "approvals.begins", due_at=each.approval.due_at, time_zone=each.time_zone)
    return text(language, "approvals.until", until=each.approval.expires_at, time_zone=each.time_zone)


def _shown(effect: ShowApproval, value: ApprovalView, turn: Turn, session: Session) -> Reply:
    """The yes is tied to the digest of what this very message shows."""
    language, approval = turn.actor.language, value.approval
    tables = (_table(language, value), *_lists(language, value))
    if approval.state is ApprovalState.AGREED:
        return Reply(session=session, parts=(*tables, _way_back(turn, approval)))
    if approval.state is not ApprovalState.ASKED or turn.at >= approval.expires_at:
        return Reply(session=session, parts=tables)
    refuse = press(language, "button.decline", desk.action("decline", effect.approval_id), Look.DANGER)
    if approval.asked_by == turn.actor.id:
        prompt = text(language, "approvals.own")
        return Reply(session=session, parts=(*tables, choose(prompt, language, refuse)))
    asked = session.ask("confirm.approve", turn.at, approval_id=approval.id, digest=approval.digest)
    buttons = (press(language, "button.approve", f"yes:{asked.turns}", Look.PRIMARY), refuse)
    leave = press(language, "button.cancel", f"no:{asked.turns}")
    return Reply(session=asked, parts=(*tables, choose(text(language, "approvals.agree"), language, *buttons, leave)))


def _way_back(turn: Turn, approval: Approval) -> Buttons:
    """How long it can be taken back, with the button for it."""
    language = turn.actor.language
    left_s = 0 if approval.due_at is None else max(0, int((approval.due_at - turn.at).total_seconds()))
    what = text(language, f"effect.{approval.effect}")
    prompt = text(language, "approvals.way_back", effect=what, left_s=left_s, approval_id=approval.id)
    return choose(prompt, language, press(language, "button.undo", desk.action("undo", approval.id), Look.DANGER))


def _lists(language: str, value: ApprovalView) -> tuple[KeyValueTable, ...]:
    """A price list that is asked for, then the one in force: whoever agrees sees each price."""
    sheets = (value.tariff, value.held)
    return tuple(sheet_table(language, each, value.time_zone, name=value.label) for each in sheets if each is not None)


def _table(language: str, value: ApprovalView) -> KeyValueTable:
    approval = value.approval
    shown = {} if value.tariff is not None else value.content
    rows = [_row(language, name, figure, value.time_zone) for name, figure in sorted(shown.items())]
    about = (
        Row(label=text(language, "row.place"), value=value.label),
        *rows,
        Row(label=text(language, "row.why"), value=approval.reason),
        Row(label=text(language, "row.asked_by"), value=who_words(language, approval.asked_by, value.asked_by)),
        Row(label=text(language, "row.until"), value=_when(language, approval, value.time_zone)),
        Row(label=text(language, "row.state"), value=text(language, f"approval.{approval.state}")),
    )
    return KeyValueTable(
        title=text(language, f"effect.{approval.effect}"),
        rows=tuple(row for row in about if row.value),
        note=text(language, "approvals.number", approval_id=approval.id),
    )


def _row(language: str, name: str, figure: object, time_zone: str) -> Row:
    label = text(language, f"content.{name}") if has(f"content.{name}") else name
    if isinstance(figure, int) and not isinstance(figure, bool) and name.endswith(("_micro", "_fen")):
        key = "figure.fen" if name.endswith("_fen") else "figure.delta"
        return Row(label=label, value=text(language, key, amount_fen=figure, delta_micro=figure))
    if isinstance(figure, list):
        named = text(language, "figure.separator").join(str(each) for each in figure[:MOST_NAMED])
        return Row(label=label, value=text(language, "approvals.several", count=len(figure), named=named))
    if name == "until":
        return Row(label=label, value=text(language, "figure.when", at=str(figure), time_zone=time_zone))
    return Row(label=label, value="" if figure is None else str(figure))


def _when(language: str, approval: Approval, time_zone: str) -> str:
    return text(language, "figure.when", at=approval.expires_at, time_zone=time_zone)


def _decided(effect: Effect, value: Approval, turn: Turn, session: Session) -> Reply:
    del effect
    language = turn.actor.language
    if value.state is ApprovalState.AGREED:
        return Reply(session=session, parts=(_way_back(turn, value),))
    what = text(language, f"effect.{value.effect}")
    tone = Tone.TROUBLE if value.state is ApprovalState.FAILED else Tone.GOOD
    why = value.outcome if value.state is ApprovalState.FAILED else ""
    parts: tuple[Part, ...] = (say(language, f"approval.now_{value.state}", tone, effect=what, why=why),)
    return Reply(session=session, parts=parts)


TOPIC = Topic(
    intents=(
        Intent(
            name="approvals",
            hints=(
                r"审批|待复核",
                r"\bapprovals?\b|to approve",
            ),
            audience=Audience.STAFF,
            commands=("approvals", "approve", "审批", "待审批", "复核"),
            phrases=(
                r"(?:查看|看看|看)?(?:待审批|审批列表|待复核|待办审批)",
                r"(?:同意|批准|通过)(?:审批)?\s*(?P<arg>ap_[0-9a-f]{4,32})",
                r"(?:show |see )?(?:the )?(?:pending |waiting )?approvals",
                r"(?:what|who) (?:waits|is waiting) for (?:me|approval)",
            ),
        ),
        Intent(
            name="decline",
            audience=Audience.STAFF,
            commands=("decline", "驳回", "拒绝审批"),
            phrases=(r"(?:驳回|拒绝|撤回)(?:审批)?\s*(?P<arg>ap_[0-9a-f]{4,32})",),
            in_help=False,
        ),
        Intent(
            name="undo",
            audience=Audience.STAFF,
            commands=("undo", "撤销", "撤销审批"),
            phrases=(
                r"(?:撤销|收回)(?:审批)?\s*(?P<arg>ap_[0-9a-f]{4,32}(?: .{1,200})?)",
                r"(?:take back|undo) (?P<arg>ap_[0-9a-f]{4,32}(?: .{1,200})?)",
            ),
            in_help=False,
        ),
    ),
    openings={"approvals": _begin, "decline": _refuse, "undo": _undo},
    confirmed={"confirm.approve": lambda d: Approve(approval_id=str(d["approval_id"]), digest=str(d["digest"]))},
    steps={FORM.step: FORM.heard},
    performers={
        ListApprovals: lambda _, on: view_approvals(on.business, on.actor),
        ShowApproval: lambda e, on: view_approval(on.business, on.actor, e.approval_id),
        Approve: lambda e, on: approve(on.business, on.actor, e.approval_id, e.digest),
        Decline: lambda e, on: decline(on.business, on.actor, e.approval_id, why=e.why),
        Undo: lambda e, on: undo(on.business, on.actor, e.approval_id, why=e.why),
    },
    presenters={ListApprovals: _listed, ShowApproval: _shown, Approve: _decided, Decline: _decided, Undo: _decided},
)
