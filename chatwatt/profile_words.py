"""Tells in words what a meter model is: what is read and how long it takes, how it switches, what it cannot do."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from bot.texts import text
from meters import codec
from meters.parts import BandRegister, Read
from meters.profile import Board, Profile, Switch
from meters.profile_files import Looked
from meters.profiles import board_names, load_board, load_profile, profile_names, template_names, wrong_names
from meters.switching import Proves
from prepaid.domain.tariffs import Utility
from sandbox.meters_timing import char_s, silence_s, transaction_s

FRAME_BYTES = 5
"""Function, address and count: the PDU of a read request, and of every write's reply."""
FLOAT_STEP_ABOVE = 65_536
HEAD_CHARS = 13
"""Request and the rest of a reply, without its registers: what one transaction costs before it brings anything."""


def listed(language: str) -> Iterator[Sequence[str]]:
    """A head, then one row for each file: name, maker, model, what it counts, how it switches, state."""
    yield "name", "maker", "model", "counts", "switches", "state"
    for name in profile_names():
        model = load_profile(name)
        yield name, model.maker, model.model, model.utility, _switches(model), _state(language, tried=model.tried)
    for name in board_names():
        board = load_board(name)
        yield name, board.maker, board.model, "-", f"{board.channels.count} relays", _state(language, tried=board.tried)
    for name in template_names():
        yield name, "-", "-", "-", "-", text(language, "profile_words.template")
    for name in wrong_names():
        yield name, "-", "-", "-", "-", text(language, "profile_words.wrong")


def _state(language: str, *, tried: bool) -> str:
    return text(language, "profile_words.tried" if tried else "profile_words.untried")


def _switches(model: Profile) -> str:
    if model.valve is not None:
        return "valve"
    if model.relay is not None:
        return "relay"
    return "board"


def explained(looked: Looked, language: str) -> Iterator[str]:
    """Line by line; of a template only what it is and what is empty."""
    if looked.template:
        yield text(language, "profile_words.is_template", empty=len(looked.mistakes))
        return
    device = looked.device
    if device is None:
        return
    variant = f" ({device.variant})" if device.variant else ""
    yield f"{device.maker} {device.model}{variant}: {device.name}"
    yield text(language, "profile_words.tried_long" if device.tried else "profile_words.untried_long")
    assumed = text(language, "profile_words.assumed") if device.serial.assumed else ""
    line = device.serial
    yield text(language, "profile_words.serial", baud=line.baud, form=line.format, unit=line.unit, assumed=assumed)
    yield from _meter(device, language) if isinstance(device, Profile) else _board(device, language)
    if device.forbidden_writes:
        addresses = ", ".join(f"0x{address:04X}" for address in sorted(device.forbidden_writes))
        yield text(language, "profile_words.forbidden", addresses=addresses)
    for sentence in device.cannot:
        # Beside the words and not within them: a parameter of a text is cut at 200 characters.
        yield text(language, "profile_words.cannot") + sentence
    for source in device.sources:
        yield text(language, "profile_words.source") + source


def _board(board: Board, language: str) -> Iterator[str]:
    yield text(language, "profile_words.board", count=board.channels.count, first=board.channels.first)
    relay = board.channel(board.channels.first)
    if relay is not None:
        yield from _switch(relay, language, "relay")


def _meter(model: Profile, language: str) -> Iterator[str]:
    yield from _reads(model, language)
    for register in model.registers:
        yield text(language, "profile_words.figure", name=register.measures, place=_place(register))
    yield text(language, "profile_words.billed", figure=model.billed)
    if codec.is_float(model.billed_register.decode):
        large, small = ("m3", "L") if model.utility is Utility.WATER else ("kWh", "Wh")
        yield text(language, "profile_words.float", above=FLOAT_STEP_ABOVE, large=large, small=small)
    if model.register_wraps_wh is not None:
        yield text(language, "profile_words.wraps", figure=f"{model.register_wraps_wh:,}")
    for band, counter in model.bands.items():
        yield text(language, "profile_words.band", band=band, place=_place(counter))
    for name, ratio in (("CT", model.ratios.ct), ("VT", model.ratios.vt)):
        if ratio is not None:
            place = f"0x{ratio.address:04X}" if ratio.address is not None else str(ratio.figure)
            yield text(language, "profile_words.ratio", name=name, place=place)
    key = "profile_words.identity" if model.identity is not None else "profile_words.no_identity"
    yield text(language, key, place=f"0x{model.identity.address:04X}" if model.identity is not None else "")
    yield from _switching(model, language)
    yield from _rest(model, language)


def _reads(model: Profile, language: str) -> Iterator[str]:
    for read in model.reads:
        yield text(language, "profile_words.read", function=read.function, place=_span(read), count=read.count)
    for read in model.slow_reads:
        yield text(language, "profile_words.slow_read", function=read.function, place=_span(read), count=read.count)
    took_ms = sum(1000 * read_s(model, read.count) for read in model.reads)
    yield text(
        language,
        "profile_words.poll",
        transactions=len(model.reads),
        milliseconds=round(took_ms),
        baud=model.serial.baud,
        meters=int(60_000 / took_ms),
    )
    if model.gaps_readable:
        for one, other in could_be_one(model):
            yield text(language, "profile_words.could_be_one", one=_span(one), other=_span(other))


def read_s(model: Profile, registers: int) -> float:
    """How long one read takes at the speed with which the meter is delivered."""
    line = model.serial
    return transaction_s(FRAME_BYTES, 2 + 2 * registers, line.baud, model.turnaround_ms / 1000, line.format)


def could_be_one(model: Profile) -> Iterator[tuple[Read, Read]]:
    """Neighbouring reads that would cost less as one: the registers between them are cheaper than a transaction."""
    line = model.serial
    register_s = 2 * char_s(line.baud, line.format)
    head_s = HEAD_CHARS * char_s(line.baud, line.format) + 2 * silence_s(line.baud, line.format)
    worth = (head_s + model.turnaround_ms / 1000) / register_s
    reads = sorted(model.reads, key=lambda read: (read.function, read.address))
    for one, other in itertools.pairwise(reads):
        gap = other.address - one.address - one.count
        together = other.address + other.count - one.address
        if one.function == other.function and 0 <= gap < worth and together <= model.max_registers:
            yield one, other


def _switching(model: Profile, language: str) -> Iterator[str]:
    if model.switch is not None:
        yield from _switch(model.switch, language, "relay" if model.relay is not None else "valve")
    elif model.blind_relay is not None:
        place = f"0x{model.blind_relay.address:04X}"
        yield text(language, "profile_words.blind", place=place)
    else:
        yield text(language, "profile_words.no_switch")


def _switch(switch: Switch, language: str, name: str) -> Iterator[str]:
    write, back = switch.write, switch.read_back
    yield text(
        language,
        f"profile_words.{name}",
        function=write.function,
        place=f"0x{write.address:04X}",
        flow=_words(write.flow),
        stop=_words(write.stop),
    )
    yield text(
        language,
        "profile_words.read_back",
        function=back.function,
        place=f"0x{back.address:04X}",
        flow=_words(back.flow),
        stop=_words(back.stop),
        first=switch.settle_ms,
        last=switch.patience_ms,
    )
    if back.proves is Proves.ORDER:
        yield text(language, "profile_words.proves_order")
    yield text(language, f"profile_words.restore_{switch.restore}")


def _words(words: Sequence[int]) -> str:
    return " ".join(f"{word:04X}" for word in words)


def _rest(model: Profile, language: str) -> Iterator[str]:
    if model.alarms:
        yield text(language, "profile_words.alarms", names=", ".join(alarm.alarm for alarm in model.alarms))
    if model.clock is not None:
        key = "profile_words.clock_set" if model.clock.write_function else "profile_words.clock_read"
        yield text(language, key, place=f"0x{model.clock.address:04X}")
    for parameter in model.parameters:
        low, high = parameter.between
        key = "profile_words.parameter_written" if parameter.write_function else "profile_words.parameter_read"
        yield text(language, key, name=parameter.name, low=low, high=high, suffix=parameter.unit)
    for check in (*model.checks, *model.first_look):
        key = "profile_words.check" if check in model.checks else "profile_words.first_look"
        yield text(language, key, name=check.name)
    for setting in model.commissioning:
        yield text(language, "profile_words.commissioning", name=setting.name) + setting.why


def _span(read: Read) -> str:
    return f"0x{read.address:04X}"


def _place(figure: BandRegister) -> str:
    return f"0x{figure.address:04X} {figure.decode} {figure.order} x {figure.scale}"
