"""Turns notices of the outbox into parts in a person's language, and carries them over a channel."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from bot.conversations.parts import MAX_ACTION_BYTES, Buttons, Look, Part, Text, Tone
from bot.conversations.reply import choose, press
from bot.conversations.thread import payment_thread
from bot.pace import NOTICE_WAIT_S, waiting_at_most
from bot.texts import has, language_for, text, text_of
from prepaid.domain.delivery import lane_of
from prepaid.domain.notices import Lane, Notice, NoticeKind, Stage
from prepaid.domain.outages import words_key
from prepaid.domain.people import Address, Person

MOST_THREADS = 5_000
_K = NoticeKind
_TONES: Mapping[NoticeKind, Tone] = {
    _K.LOW_BALANCE: Tone.WARNING,
    _K.LOW_DAYS: Tone.WARNING,
    _K.BALANCE_GONE: Tone.WARNING,
    _K.CUT_DONE: Tone.TROUBLE,
    _K.RESTORED: Tone.GOOD,
    _K.SWITCH_STUCK: Tone.TROUBLE,
    _K.PRESS_BUTTON: Tone.GOOD,
    _K.CONFIRM_SAFE: Tone.WARNING,
    _K.RELAY_MOVED: Tone.WARNING,
    _K.RELAY_BYPASSED: Tone.TROUBLE,
    _K.RECUTS_HELD: Tone.WARNING,
    _K.METER_DOWN: Tone.WARNING,
    _K.METER_ALARM: Tone.WARNING,
    _K.TOO_MUCH_LOAD: Tone.WARNING,
    _K.PAYMENT_DISPUTED: Tone.TROUBLE,
    _K.READING_HELD: Tone.WARNING,
    _K.GATEWAY_DOWN: Tone.TROUBLE,
    _K.GATEWAY_BACK: Tone.GOOD,
    _K.CASH_RECEIVED: Tone.GOOD,
    _K.REFUND_DONE: Tone.GOOD,
    _K.REFUND_FAILED: Tone.TROUBLE,
    _K.APPROVAL_ASKED: Tone.WARNING,
    _K.APPROVAL_DONE: Tone.GOOD,
    _K.APPROVAL_FAILED: Tone.TROUBLE,
    _K.APPROVAL_DECLINED: Tone.WARNING,
    _K.APPROVAL_AGREED: Tone.WARNING,
    _K.APPROVAL_UNDONE: Tone.WARNING,
    _K.ENTRY_DISPUTED: Tone.WARNING,
    _K.DISPUTE_ANSWERED: Tone.PLAIN,
    _K.POWER_ANSWERED: Tone.PLAIN,
    _K.CLOSING_WAITS: Tone.WARNING,
    _K.CLOSING_STATEMENT: Tone.PLAIN,
    _K.CLOSING_REMINDER: Tone.WARNING,
    _K.ACCOUNT_CLOSED: Tone.PLAIN,
    _K.RECONCILED: Tone.GOOD,
    _K.RECONCILED_OPEN: Tone.WARNING,
    _K.CLAIM_OPENED: Tone.WARNING,
    _K.CASH_VOIDED: Tone.WARNING,
    _K.HELP_ASKED: Tone.WARNING,
    _K.STAFF_ANSWERED: Tone.PLAIN,
    _K.PROTECTION_ASKED: Tone.WARNING,
    _K.MOVE_OUT_ASKED: Tone.PLAIN,
    _K.MEMBER_REMOVED: Tone.WARNING,
    _K.EMERGENCY_TAKEN: Tone.GOOD,
    _K.TARIFF_CHANGES: Tone.WARNING,
    _K.CERTIFICATE_ENDS: Tone.WARNING,
    _K.CLOCKS_APART: Tone.WARNING,
    _K.BROADCAST: Tone.WARNING,
    _K.OUTAGE_PLANNED: Tone.WARNING,
    _K.OUTAGE_SOON: Tone.WARNING,
    _K.OUTAGE_CALLED_OFF: Tone.GOOD,
    _K.REPORT: Tone.PLAIN,
    _K.CONTACT_CODE: Tone.PLAIN,
}
_OF_WATER = frozenset({_K.BALANCE_GONE, _K.CUT_DONE, _K.RESTORED})
"""These say what is cut off or comes back."""
_NOT_SAID = {"meter_id": "", "gateway_id": ""}
"""For rows that an older program queued, whose words name less."""
_OUTAGES = frozenset({_K.OUTAGE_PLANNED, _K.OUTAGE_SOON, _K.OUTAGE_CALLED_OFF})
_ASKS_FOR_MONEY = frozenset({_K.LOW_BALANCE, _K.LOW_DAYS, _K.BALANCE_GONE, _K.CUT_DONE})


class Channel(Protocol):
    """A chat that can be written to. Raises `TryAgain` (later) or `Refused` (this user will never take it)."""

    async def show(self, user: str, parts: Sequence[Part], *, reference: str | None, bulk: bool = False) -> str:
        """Shows a message, or replaces the message `reference`; returns the reference of the message now shown.

        `bulk`: it is told to many, and gives way to what somebody waits for.
        """
        ...


class Papers(Protocol):
    """Makes what a notice carries besides its words."""

    async def parts(self, notice: Notice, person: Person) -> Sequence[Part]:
        """The pictures, tables or the file, with the rights that the person has now; raises as the use cases do."""
        ...


def notice_parts(
    notice: Notice, language: str, *, times: Mapping[Stage, datetime] | None = None, buttons: bool = True
) -> tuple[Part, ...]:
    """The message of one notice. Figures come from the row alone, so they are of one snapshot (N4)."""
    if notice.stage is not None and notice.thread is not None:
        return payment_thread(language, notice.thread, notice.stage, notice.params, times)
    body = Text(body=sentence(notice, language), tone=_TONES[notice.kind])
    if not buttons or notice.kind not in _ASKS_FOR_MONEY:
        return (body,)
    return (body, _recharge(notice, language))


def sentence(notice: Notice, language: str) -> str:
    """What a notice says, in words alone."""
    given = {**_NOT_SAID, "room": notice.params.get("label"), **notice.params, **_named(notice, language)}
    return text_of(language, _key(notice), given)


class NoticeSender:
    """`prepaid.ports.Sender` over one channel.

    `buttons=False` is for channels where buttons become numbers: a number under a notice would be read against the
    menu of the last reply, so there the notice's own words say what to write.
    """

    def __init__(self, channel: Channel, *, buttons: bool = True, papers: Papers | None = None) -> None:
        self._channel = channel
        self._papers = papers
        self._buttons = buttons
        self._times: OrderedDict[tuple[str, str], dict[Stage, datetime]] = OrderedDict()

    async def send(self, address: Address, notice: Notice, person: Person, *, reference: str | None) -> str:
        """Delivers, or edits the thread's message; raises as the channel does."""
        times = self._times_of(notice, person)
        parts = notice_parts(notice, language_for(person.language), times=times, buttons=self._buttons)
        if notice.kind is NoticeKind.REPORT and self._papers is not None:
            parts = (*parts, *await self._papers.parts(notice, person))
        bulk = lane_of(notice.kind) is Lane.BULK
        with waiting_at_most(NOTICE_WAIT_S):
            return await self._channel.show(address.user, parts, reference=reference, bulk=bulk)

    def _times_of(self, notice: Notice, person: Person) -> Mapping[Stage, datetime]:
        """When the stages of a thread happened. Lost with the process: then a line has its mark but no clock."""
        if notice.thread is None or notice.stage is None:
            return {}
        times = self._times.setdefault((notice.thread, person.id), {})
        times[notice.stage] = notice.at
        while len(self._times) > MOST_THREADS:
            self._times.popitem(last=False)
        return times


def _named(notice: Notice, language: str) -> Mapping[str, str]:
    """The provider, and what a certificate belongs to, as people call it."""
    found: dict[str, str] = {}
    if "provider" in notice.params and has(key := f"pay.provider.{notice.params['provider']}"):
        found["provider"] = key
    if notice.kind is NoticeKind.CERTIFICATE_ENDS and has(name := str(notice.params.get("name"))):
        found["name"] = text(language, name)
    return found


def _key(notice: Notice) -> str:
    if notice.kind is NoticeKind.SWITCH_STUCK:
        return "notice.switch_stuck.on" if notice.params.get("on") else "notice.switch_stuck.off"
    if notice.kind in _OF_WATER:
        return _supply_key(notice)
    if notice.kind is NoticeKind.LOW_DAYS:
        return _days_key(notice)
    if notice.kind is NoticeKind.ACCOUNT_CLOSED:
        return _closed_key(notice)
    if notice.kind is NoticeKind.CERTIFICATE_ENDS and notice.params.get("state"):
        return f"notice.certificate_ends.{notice.params['state']}"
    if notice.kind in _OUTAGES:
        return words_key(notice.kind, str(notice.params.get("utility")))
    if notice.kind is NoticeKind.TARIFF_CHANGES:
        return _tariff_key(notice)
    if notice.kind is NoticeKind.METER_ALARM:
        return _alarm_key(notice)
    return f"notice.{notice.kind}"


def _supply_key(notice: Notice) -> str:
    untimed = notice.kind is NoticeKind.BALANCE_GONE and not notice.params.get("cut_at")
    water = notice.params.get("utility") == "water"
    ending = {(False, False): "", (True, False): ".water", (False, True): ".no_time", (True, True): ".water_no_time"}
    return f"notice.{notice.kind}{ending[water, untimed]}"


def _days_key(notice: Notice) -> str:
    """Days as people count them: no "1 to 1 days"."""
    least, most = str(notice.params.get("least")), str(notice.params.get("most"))
    if notice.params.get("through_at"):
        return "notice.low_days.holiday"
    if most in ("0", "1"):
        return "notice.low_days.one" if least == "1" else "notice.low_days.within_one"
    return "notice.low_days.exactly" if least == most else "notice.low_days"


def _closed_key(notice: Notice) -> str:
    left, at_desk = notice.params.get("balance_micro"), notice.params.get("payable_micro")
    if not left:
        return "notice.account_closed.nothing"
    if not at_desk:
        return "notice.account_closed.payer"
    return "notice.account_closed.desk" if at_desk == left else "notice.account_closed"


def _tariff_key(notice: Notice) -> str:
    figures = notice.params
    single = all(figures.get(f"{age}_exact_micro") == figures.get(f"{age}_most_exact_micro") for age in ("old", "new"))
    endings = {(False, True): "", (False, False): ".ranges", (True, True): ".water", (True, False): ".water_ranges"}
    return "notice.tariff_changes" + endings[figures.get("utility") == "water", single]


def _alarm_key(notice: Notice) -> str:
    """With what to do about that alarm, where there is more to say than that somebody should look."""
    key = f"notice.meter_alarm.{str(notice.params.get('why')).removeprefix('alarm.')}"
    if notice.params.get("told"):
        key += ".told"
    return key if has(key) else "notice.meter_alarm"


def _recharge(notice: Notice, language: str) -> Buttons:
    """A press that tops up the very account of the notice, whichever one the chat had chosen."""
    action = f"use:{notice.account_id}:recharge"
    fits = action.isascii() and len(action) <= MAX_ACTION_BYTES
    pay = press(language, "intent.recharge", action if fits else "recharge", Look.PRIMARY)
    return choose(text(language, "notice.recharge_prompt"), language, pay, press(language, "intent.balance", "balance"))
