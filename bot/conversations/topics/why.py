"""Why did my balance drop? The day summed up, its largest lines, each down to registers, bands and prices (T2)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from bot.conversations import flows
from bot.conversations.effects import Effect
from bot.conversations.inbound import Turn
from bot.conversations.openings import account_action, account_of, for_account, number_of
from bot.conversations.parts import Item, KeyValueTable, List, Part, Row, Tone
from bot.conversations.reply import Reply, choose, press, say
from bot.conversations.session import Session
from bot.conversations.topic import Topic
from bot.conversations.topics.ticket_files import invitation
from bot.conversations.vocabulary import Audience, Intent, Wants
from bot.conversations.wording import band_words
from bot.texts import text
from prepaid.domain.ledger import Entry
from prepaid.domain.money import MICRO_PER_FEN
from prepaid.domain.tariffs import Utility
from prepaid.domain.tickets import Ticket
from prepaid.usecases.dispute_entry import dispute_line
from prepaid.usecases.explain import ExplainedLine, Explanation, explain
from prepaid.usecases.show_history import show_history

LOOKED_AT = 100
SHOWN = 5
DAY = timedelta(days=1)
NANO_PER_MICRO = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowDrops(Effect):
    """What has gone off the balance lately."""

    account_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainEntry(Effect):
    """One line of the ledger, down to its prices."""

    account_id: str
    seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AskWhatIsWrong(Effect):
    """Looks at the line that is to be disputed, so that the question names it."""

    account_id: str
    seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeEntry(Effect):
    """Hands the line to the staff."""

    account_id: str
    seq: int
    why: str


def _why(account_id: str, argument: str) -> Effect:
    seq = number_of(argument)
    return ExplainEntry(account_id=account_id, seq=seq) if seq else ShowDrops(account_id=account_id)


def _dispute(turn: Turn, session: Session, argument: str) -> Reply:
    """A line is disputed from where it is explained; without one, the lines to choose from."""
    account_id, seq = account_of(turn, session), number_of(argument)
    if account_id is None or not seq:
        words = say(turn.actor.language, "dispute.which")
        reply = for_account("why", _why)(turn, session, "")
        return Reply(session=reply.session, parts=(words, *reply.parts), effects=reply.effects)
    return Reply(session=session, effects=(AskWhatIsWrong(account_id=account_id, seq=seq),))


def _drops(effect: ShowDrops, value: Sequence[Entry], turn: Turn, session: Session) -> Reply:
    language, drops = turn.actor.language, [entry for entry in value if entry.delta_micro < 0]
    if not drops:
        return Reply(session=session, parts=(say(language, "why.none", Tone.GOOD),))
    # A day without any use still answers: then it is about the newest line and the day before it.
    since = min(turn.at, drops[0].effective_at) - DAY
    recent = [entry for entry in drops if entry.effective_at > since]
    sums: Counter[str] = Counter()
    for entry in recent:
        sums[_kind_key(entry)] += entry.delta_micro
    rows = tuple(
        Row(label=text(language, key), value=text(language, "figure.delta", delta_micro=amount))
        for key, amount in sorted(sums.items(), key=lambda item: item[1])
    )
    title = text(language, "why.title", since=since, total_micro=-sum(sums.values()))
    return Reply(
        session=session,
        parts=(KeyValueTable(title=title, rows=rows), _largest(language, effect.account_id, recent)),
    )


def _largest(language: str, account_id: str, drops: Sequence[Entry]) -> List:
    largest = sorted(drops, key=lambda entry: (entry.delta_micro, -entry.seq))[:SHOWN]
    items = tuple(
        Item(
            label=text(language, _kind_key(entry)),
            value=text(language, "figure.delta", delta_micro=entry.delta_micro),
            detail=text(language, "entry.detail", at=entry.effective_at, balance_micro=entry.balance_micro),
            action=account_action(account_id, "why", str(entry.seq)),
        )
        for entry in largest
    )
    return List(title=text(language, "why.largest"), items=items, hint=text(language, "menu.hint"))


def _kind_key(entry: Entry) -> str:
    water = any(line.account.endswith(f":{Utility.WATER}") for line in entry.lines)
    return "entry.water" if water else f"entry.{entry.kind}"


def _explained(effect: ExplainEntry, value: Explanation, turn: Turn, session: Session) -> Reply:
    language = turn.actor.language
    water = any(line.account.endswith(f":{Utility.WATER}") for line in value.postings)
    kind = text(language, "entry.water" if water else f"entry.{value.kind}")
    used = value.meter_id is not None
    delta = -value.amount_micro if used else value.amount_micro
    title = text(language, "why.entry", kind=kind, delta_micro=delta)
    rows = _rows(language, value, water=water) if used else _plain_rows(language, value)
    again = account_action(effect.account_id, "why")
    wrong = account_action(effect.account_id, "dispute", str(value.seq))
    parts: tuple[Part, ...] = (KeyValueTable(title=title, rows=rows, note=_note(language, value)),)
    if effect.account_id in turn.actor.accounts:
        buttons = (press(language, "button.wrong", wrong), press(language, "button.other_lines", again))
        parts = (*parts, choose(text(language, "why.next"), language, *buttons))
    return Reply(session=session, parts=parts)


def _rows(language: str, value: Explanation, *, water: bool) -> tuple[Row, ...]:
    amount = "_l" if water else "_wh"
    registers = {f"from{amount}": value.from_wh, f"to{amount}": value.to_wh}
    key = "why.register_water" if water else "why.register"
    rows = [
        Row(
            label=text(language, "why.span"), value=text(language, "why.from_to", since=value.since, until=value.until)
        ),
        Row(label=text(language, "why.meter", meter_id=value.meter_id), value=text(language, key, **registers)),
    ]
    rows += [_line(language, line, water=water) for line in value.lines]
    cost = text(language, "why.total_figure", total_exact_micro=max(0, value.amount_micro))
    carried = value.brought_nano - value.carried_nano
    if carried // NANO_PER_MICRO:
        words = text(language, "why.carried_figure", carried_micro=carried // NANO_PER_MICRO)
        rows.append(Row(label=text(language, "why.carried"), value=words))
    rows.append(Row(label=text(language, "why.total"), value=cost))
    return tuple(rows)


def _line(language: str, line: ExplainedLine, *, water: bool) -> Row:
    """What of it was used at one price: "peak, step 2" and "1.23 kWh x ¥0.90 = ¥1.10"."""
    band = band_words(language, line.band)
    step = text(language, "why.step", step=line.block) if line.block > 1 else ""
    kind = "" if line.kind == "use" else text(language, f"why.{line.kind}")
    label = text(language, "figure.separator").join(word for word in (band, step, kind) if word)
    cost_micro = line.exact_nano // NANO_PER_MICRO
    if water:
        words = text(
            language,
            "why.line_water",
            used_l=line.energy_wh,
            price_micro_per_m3=line.price_micro,
            cost_exact_micro=cost_micro,
        )
        return Row(label=label, value=words)
    words = text(
        language,
        "why.line",
        used_wh=line.energy_wh,
        price_micro_per_kwh=line.price_micro,
        cost_exact_micro=cost_micro,
    )
    return Row(label=label, value=words)


def _plain_rows(language: str, value: Explanation) -> tuple[Row, ...]:
    when = text(language, "why.at", at=value.at)
    reason = text(language, "why.reason", reason=value.reason)
    rows = [Row(label=text(language, "why.when"), value=when)]
    return (*rows, Row(label=text(language, "why.because"), value=reason)) if reason else tuple(rows)


def _note(language: str, value: Explanation) -> str:
    """Near zero the meter is read more often, and little can be used beyond zero before that is seen."""
    if value.pace is None or not value.pace.near_zero:
        return ""
    beyond_micro = -(-value.pace.overshoot_micro // MICRO_PER_FEN) * MICRO_PER_FEN
    return text(language, "why.pace", every_s=value.pace.every_s, beyond_micro=beyond_micro)


def _ask_why(effect: AskWhatIsWrong, value: Explanation, turn: Turn, session: Session) -> Reply:
    delta = -value.amount_micro if value.meter_id is not None else value.amount_micro
    line = text(turn.actor.language, "dispute.line", at=value.at, delta_micro=delta)
    return flows.ask_reason(turn, session, "dispute", effect.account_id, line, seq=effect.seq)


def _disputed(effect: DisputeEntry, value: Ticket, turn: Turn, session: Session) -> Reply:
    del effect
    opened = say(turn.actor.language, "dispute.opened", Tone.GOOD, ticket_id=value.id)
    return Reply(session=session, parts=(opened, *invitation(turn)))


TOPIC = Topic(
    intents=(
        Intent(
            name="why",
            hints=(
                r"(?:为什么|为啥|怎么|咋).{0,8}(?:扣|少了?|贵|多|快|没了)|[扣花](?:得|了)?(?:太|这么|那么)(?:多|快)|太贵",
                r"(?:why|so|too) .*(?:expensive|fast|much|charged|high|less|lower|drop\w*|gone)",
                r"where did .*(?:money|credit) go|charged",
            ),
            audience=Audience.TENANT,
            commands=("why", "为什么扣费", "扣费"),
            phrases=(
                (
                    r"(?:我的|我)?(?:余额|钱|电费|电)?(?:为什么|为啥|怎么|咋)(?:我的|会|又)?(?:余额|钱|电费)?"
                    r"(?:少了|变少了?|降了|掉了|没了|扣了|被扣了?|用得?(?:这么|那么)?快|扣(?:这么|那么)多)(?:这么|那么)?(?:多|快)?(?:钱|电费)?"
                ),
                r"(?:为什么|为啥|怎么)扣(?:费|钱|我钱|电费)",
                (
                    r"why (?:did|has|is) my (?:balance|credit|money) (?:drop|dropped|gone|going|fall|fallen|lower|less)"
                    r"(?: down)?(?: so (?:fast|much|quickly))?"
                ),
                r"why (?:was i|am i|did you) charged?(?: me)?",
                r"where did my (?:money|credit|balance) go",
            ),
            wants=Wants.LINE,
        ),
        Intent(
            name="dispute",
            hints=(
                r"(?:账单|扣费|账|收费|读数|电表).{0,6}(?:不对|错|有问题|不准)",
                r"(?:bill|charge|line|reading|meter|statement)\b.*\b(?:wrong|mistake|incorrect|error|off)|overcharged",
            ),
            audience=Audience.TENANT,
            commands=("dispute", "异议", "申诉"),
            phrases=(
                r"(?:我要|我想)?(?:对账单有异议|申诉|提出异议|账单不对|扣错了?|扣费不对)",
                r"(?:this|that|the bill|my bill|it) (?:is|looks) wrong",
                r"i (?:want to )?(?:dispute|contest)(?: (?:this|that|a line|it))?",
            ),
            wants=Wants.LINE,
        ),
    ),
    openings={"why": for_account("why", _why), "dispute": _dispute},
    confirmed={
        "confirm.dispute": lambda data: DisputeEntry(
            account_id=str(data["account_id"]), seq=int(data["seq"]), why=str(data["reason"])
        )
    },
    reasons={"dispute": ("reason.too_much", "reason.not_at_home", "reason.wrong_meter")},
    after_choice=frozenset({"why", "dispute"}),
    performers={
        ShowDrops: lambda e, on: show_history(on.business, on.actor, e.account_id, limit=LOOKED_AT),
        ExplainEntry: lambda e, on: explain(on.business, on.actor, e.account_id, e.seq),
        AskWhatIsWrong: lambda e, on: explain(on.business, on.actor, e.account_id, e.seq),
        DisputeEntry: lambda e, on: dispute_line(on.business, on.actor, e.account_id, e.seq, why=e.why),
    },
    presenters={
        ShowDrops: _drops,
        ExplainEntry: _explained,
        AskWhatIsWrong: _ask_why,
        DisputeEntry: _disputed,
    },
)
