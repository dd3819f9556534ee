"""Main meters of a site by their places, what is lost behind each, and the common part shared out among the rooms (A2).

A meter whose place contains other meters' places is a main meter: "acme/maple/b1" stands above "acme/maple/b1/101".
Behind it stand the meters below it that no other main meter stands in front of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from prepaid.domain.access import Action, Actor, Subject, covers, may
from prepaid.domain.accounts import Account, Site
from prepaid.domain.errors import Refused, not_found
from prepaid.domain.metering import Meter
from prepaid.domain.sharing import Rule, shared
from prepaid.ports import Business
from prepaid.usecases.at_once import at_once
from prepaid.usecases.authorize import reach_place
from prepaid.usecases.spans import Span, reach_site, span_of
from prepaid.usecases.usage_report import Losses


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One room: what its own meters counted, and its share of what is common."""

    account_id: str
    label: str
    own_wh: int
    share_wh: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation:
    """The common part behind a main meter: stairs, lifts and losses. The shares add up to it, to the unit."""

    main_meter_id: str
    span: str
    rule: Rule
    main_wh: int
    shares: tuple[Share, ...]

    @property
    def own_wh(self) -> int:
        """Of all rooms."""
        return sum(each.own_wh for each in self.shares)

    @property
    def common_wh(self) -> int:
        """What the rooms did not count."""
        return self.main_wh - self.own_wh


async def site_losses(business: Business, actor: Actor, site_id: str, name: str) -> tuple[Losses, ...]:
    """What is lost behind each main meter of the site that the actor sees, by place."""
    site = await reach_site(business, actor, site_id)
    span = _begun(business, site, name)
    found = await business.store.meters.below(site.path)
    seen = [each for each in found if each.site_id == site.id and may(actor, Action.SEE_SITE, Subject(each.path))]
    mains = main_meters(seen)
    behind = {main.id: [each for each in seen if _in_front(mains, each) is main] for main in mains}
    used = await _used(business, [*mains, *(each for meters in behind.values() for each in meters)], span)
    return tuple(
        Losses(
            main_meter_id=main.id,
            month=span.name,
            main_wh=used[main.id] or 0,
            meters_wh={each.id: wh for each in behind[main.id] if (wh := used[each.id]) is not None},
            silent=tuple(each.id for each in behind[main.id] if used[each.id] is None),
        )
        for main in mains
    )


async def share_common(business: Business, actor: Actor, main_meter_id: str, name: str, rule: Rule) -> Allocation:
    """Shares what the rooms behind a main meter did not count. By area, every room's area must be known.

    Raises `Refused("refused.share_silent")` while a room's meter was not heard: its use would fall on the others.
    """
    main = await business.store.meters.get(main_meter_id)
    site = await business.store.sites.site(main.site_id) if main is not None else None
    if main is None or site is None:
        raise not_found()
    await reach_place(business, actor, main.path, Action.SEE_SITE, named=main_meter_id)
    span = _begun(business, site, name)
    behind = await business.store.meters.below(main.path)
    rooms = [each for each in behind if each.account_id and each.id != main.id and each.utility is main.utility]
    used = await _used(business, [main, *rooms], span)
    silent = [each.id for each in (main, *rooms) if used[each.id] is None]
    if silent:
        raise Refused("refused.share_silent", meter=silent[0])
    accounts = {each.id: each for each in await business.store.sites.accounts_below(main.path)}
    own: dict[str, int] = {}
    for meter in rooms:
        own[str(meter.account_id)] = own.get(str(meter.account_id), 0) + (used[meter.id] or 0)
    common = (used[main.id] or 0) - sum(own.values())
    shares = shared(common, _weights(rule, own, accounts))
    return Allocation(
        main_meter_id=main.id,
        span=span.name,
        rule=rule,
        main_wh=used[main.id] or 0,
        shares=tuple(
            Share(account_id=each, label=_label(accounts, each), own_wh=own[each], share_wh=shares[each])
            for each in sorted(own, key=lambda each: _label(accounts, each))
        ),
    )


async def site_shares(business: Business, actor: Actor, site_id: str, name: str, rule: Rule) -> tuple[Allocation, ...]:
    """What is common behind each main meter that has rooms behind it, shared out; by place."""
    shares = []
    for each in await site_losses(business, actor, site_id, name):
        try:
            shares.append(await share_common(business, actor, each.main_meter_id, name, rule))
        except Refused as refused:
            if refused.key != "refused.share_weights":  # Nobody's room behind it, or nobody used anything.
                raise
    return tuple(shares)


def main_meters(meters: Sequence[Meter]) -> tuple[Meter, ...]:
    """Those in whose places other meters of the same kind stand."""
    return tuple(main for main in meters if any(_behind(main, each) for each in meters))


def _behind(main: Meter, meter: Meter) -> bool:
    below = meter.path != main.path and covers(main.path, meter.path)
    return below and meter.utility is main.utility and main.account_id is None


def _in_front(mains: Sequence[Meter], meter: Meter) -> Meter | None:
    """The nearest main meter in front of a meter."""
    return max((main for main in mains if _behind(main, meter)), key=lambda main: len(main.path), default=None)


def _weights(rule: Rule, own: Mapping[str, int], accounts: Mapping[str, Account]) -> Mapping[str, int]:
    if not own:
        raise Refused("refused.share_weights")
    if rule is Rule.EQUAL:
        return dict.fromkeys(own, 1)
    if rule is Rule.USE:
        return own
    areas = {each: accounts[each].area_cm2 if each in accounts else 0 for each in own}
    unknown = sorted(each for each, area in areas.items() if area <= 0)
    if unknown:
        raise Refused("refused.share_area", label=_label(accounts, unknown[0]))
    return areas


def _label(accounts: Mapping[str, Account], account_id: str) -> str:
    return accounts[account_id].label if account_id in accounts else account_id


def _begun(business: Business, site: Site, name: str) -> Span:
    span = span_of(site, name)
    if span.since >= business.clock.now():
        raise Refused("refused.report_span", text=name[:20])
    return span


async def _used(business: Business, meters: Sequence[Meter], span: Span) -> dict[str, int | None]:
    async def ask(meter: Meter) -> tuple[str, int | None]:
        return meter.id, (await business.store.readings.hours(meter.id, span.since, span.until)).total_wh

    return {meter_id: wh async for meter_id, wh in at_once(meters, ask)}
