"""The use cases that the field side calls, in one place, so that a bus can be tried without a business behind it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from prepaid.domain.field_requests import Answer, FieldKind, FieldRequest
from prepaid.domain.metering import Sweep
from prepaid.domain.supply import Reported
from prepaid.ports import Business
from prepaid.usecases.answer_field import answer_field, take_field
from prepaid.usecases.bus_plan import bus_plan
from prepaid.usecases.gateway_link import gateway_found, gateway_lost
from prepaid.usecases.may_switch import may_switch
from prepaid.usecases.record_switch import record_switch
from prepaid.usecases.report_relay import recuts_held, relay_bypassed, relay_moved
from prepaid.usecases.settle_readings import settle_readings
from prepaid.usecases.views import BusPlan


class MaySwitch(Protocol):
    """The last-moment check."""

    def __call__(self, business: Business, meter_id: str, generation: int, /, *, on: bool) -> Awaitable[bool]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """What a bus owner asks of the business."""

    bus_plan: Callable[[Business, str], Awaitable[BusPlan]] = bus_plan
    settle_readings: Callable[[Business, Sweep], Awaitable[None]] = settle_readings
    may_switch: MaySwitch = may_switch
    record_switch: Callable[[Business, str, int, Reported | None], Awaitable[None]] = record_switch
    relay_moved: Callable[[Business, str, int, Reported], Awaitable[None]] = relay_moved
    relay_bypassed: Callable[[Business, str, int], Awaitable[None]] = relay_bypassed
    recuts_held: Callable[[Business, str, int], Awaitable[None]] = recuts_held
    gateway_lost: Callable[[Business, str], Awaitable[None]] = gateway_lost
    gateway_found: Callable[[Business, str], Awaitable[None]] = gateway_found
    take_field: Callable[[Business, str, tuple[FieldKind, ...], str], Awaitable[FieldRequest | None]] = take_field
    answer_field: Callable[[Business, FieldRequest, str, Answer], Awaitable[None]] = answer_field
