"""The payment thread: one message that edits itself up to "power is on", or says why it is stuck (FEATURES N3).

The reply to a confirmed top-up and every later notice build the same message here, so that one can replace the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from bot.conversations.parts import Part, PayQR, ProgressThread, Step, StepState
from bot.texts import has, text
from prepaid.domain.notices import Stage

Params = Mapping[str, object]
_SHORT = (Stage.WAITING, Stage.PAID, Stage.CREDITED_STILL_ON)
_LONG = (Stage.WAITING, Stage.PAID, Stage.CREDITED, Stage.SWITCHING, Stage.POWER_ON)
_ENDS = frozenset({Stage.POWER_ON, Stage.CREDITED_STILL_ON, Stage.EXPIRED, Stage.DISPUTED})


def payment_thread(
    language: str, order_id: str, stage: Stage, params: Params, times: Mapping[Stage, datetime] | None = None
) -> tuple[Part, ...]:
    """The whole message at `stage`. `times` holds when earlier stages happened, as far as that is known."""
    told = {each: params[f"{each}_at"] for each in Stage if params.get(f"{each}_at")}
    known = {**(times or {}), **told, stage: params.get("at")}
    clocks = {each: text(language, "figure.clock", **{**params, "at": at}) for each, at in known.items() if at}
    thread = ProgressThread(
        thread=order_id,
        stage=stage,
        title=text(language, "thread.title", **params),
        lines=_lines(language, stage, params, clocks),
        note=_note(language, stage, params),
    )
    uri = params.get("pay_uri")
    if stage is not Stage.WAITING or not uri:
        return (thread,)
    return (_qr(language, order_id, str(uri), params), thread)


def _qr(language: str, order_id: str, uri: str, params: Params) -> PayQR:
    return PayQR(
        uri=uri,
        amount=text(language, "figure.amount", **params),
        order_id=order_id,
        caption=text(language, "pay.caption", **params),
        note=text(language, "pay.note", order_id=order_id),
    )


def _lines(language: str, stage: Stage, params: Params, clocks: Mapping[Stage, str]) -> tuple[Step, ...]:
    if stage is Stage.EXPIRED:
        return (_step(language, Stage.EXPIRED, StepState.STUCK, params, clocks),)
    if stage is Stage.DISPUTED:
        paid = _step(language, Stage.PAID, StepState.DONE, params, clocks)
        return (paid, _step(language, Stage.DISPUTED, StepState.STUCK, params, clocks))
    path = _path(stage, params)
    stuck = stage is Stage.STUCK
    reached = path.index(Stage.SWITCHING if stuck else stage)
    steps: list[Step] = []
    for place, each in enumerate(path):
        steps += _steps_of(language, each, _state(place, reached, stage), params, clocks)
    if stuck:
        steps[-2:] = [_step(language, Stage.STUCK, StepState.STUCK, params, clocks)]
    return tuple(steps)


def _path(stage: Stage, params: Params) -> tuple[Stage, ...]:
    """Four lines when the power was never off, the whole way when it has to come back."""
    long = stage in {Stage.SWITCHING, Stage.POWER_ON, Stage.STUCK, Stage.CREDITED} or bool(params.get("was_off"))
    return _LONG if long and stage is not Stage.CREDITED_STILL_ON else _SHORT


def _state(place: int, reached: int, stage: Stage) -> StepState:
    """Waiting is under way until the money is in; every other stage, once told, has happened."""
    if place < reached or (place == reached and stage is not Stage.WAITING):
        return StepState.DONE
    is_next = reached > 0 and place == reached + 1  # Before the money is in, nothing beyond it has begun.
    return StepState.DOING if place == reached or is_next else StepState.TODO


def _steps_of(
    language: str, each: Stage, state: StepState, params: Params, clocks: Mapping[Stage, str]
) -> tuple[Step, ...]:
    step = _step(language, each, state, params, clocks)
    if each is Stage.WAITING and state is StepState.DONE:
        return ()  # Once the money is in, "waiting" is no news.
    if each is not Stage.POWER_ON:
        return (step,)
    # The relay's own word and what it means for the person come together.
    key = "thread.read_back.done" if state is StepState.DONE else "thread.read_back"
    read_back = Step(text=text(language, key), state=state, clock=step.clock)
    return (read_back, step if state is StepState.DONE else _step(language, each, StepState.TODO, params, clocks))


def _step(language: str, each: Stage, state: StepState, params: Params, clocks: Mapping[Stage, str]) -> Step:
    key = f"thread.{each}.{state}"
    words = text(language, key if has(key) else f"thread.{each}", **params)
    clock = clocks.get(each, "") if state in {StepState.DONE, StepState.STUCK} else ""
    return Step(text=words, state=state, clock=clock)


def _note(language: str, stage: Stage, params: Params) -> str:
    if stage in _ENDS and params.get("balance_micro") is not None:
        return text(language, "thread.balance", **params)
    key = f"thread.note.{stage}"
    why = params.get("why")
    if stage in {Stage.STUCK, Stage.DISPUTED} and isinstance(why, str) and has(why):
        return text(language, why, **params)
    return text(language, key, **params) if has(key) else ""
