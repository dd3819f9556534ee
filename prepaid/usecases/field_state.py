"""What is down in the field: gateways without answer and silent meters, within the actor's reach (A2)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from prepaid.domain.access import Action, Actor, covers
from prepaid.domain.accounts import Account
from prepaid.domain.errors import Refused, not_found
from prepaid.domain.metering import Meter
from prepaid.ports import Business
from prepaid.usecases.authorize import reach_account, scopes


@dataclass(frozen=True, slots=True, kw_only=True)
class Silent:
    """A gateway of which no meter answers, or one meter. `meters` counts those behind it."""

    gateway_id: str
    meter_id: str
    place: str
    since: datetime
    meters: int
    time_zone: str


async def silent_devices(business: Business, actor: Actor) -> tuple[Silent, ...]:
    """Gateways first, then single meters, the longest silent first."""
    reach = scopes(actor, Action.SEE_SITE)
    if not reach:
        raise not_found()
    zones = {site.id: site.calendar.time_zone for site in await business.store.sites.sites()}
    gateways: list[Silent] = []
    meters: list[Silent] = []
    for gateway in await business.store.sites.gateways():
        known = [
            meter
            for meter in await business.store.meters.on_gateway(gateway.id)
            if any(covers(scope, meter.path) for scope in reach)
        ]
        down = [(meter, meter.silent_since) for meter in known if meter.silent_since is not None]
        zone = zones.get(gateway.site_id, "")
        lines = [_line(gateway.id, meter, since, zone) for meter, since in down if since is not None]
        if lines and len(lines) == len(known) and len(known) > 1:
            since = min(line.since for line in lines)
            gateways.append(
                Silent(gateway_id=gateway.id, meter_id="", place="", since=since, meters=len(lines), time_zone=zone)
            )
        else:
            meters += lines
    return (*sorted(gateways, key=_oldest), *sorted(meters, key=_oldest))


async def meters_of_room(business: Business, actor: Actor, account_id: str) -> tuple[Meter, ...]:
    """The meters of an account, for whoever may replace them."""
    account: Account = await reach_account(business, actor, account_id, Action.REPLACE_METER)
    meters = tuple(await business.store.meters.of_account(account.id))
    if not meters:
        raise Refused("refused.no_meter")
    return meters


def _oldest(line: Silent) -> tuple[datetime, str]:
    return line.since, line.meter_id or line.gateway_id


def _line(gateway_id: str, meter: Meter, since: datetime, zone: str) -> Silent:
    return Silent(
        gateway_id=gateway_id,
        meter_id=meter.id,
        place=meter.path.rsplit("/", 1)[-1],
        since=since,
        meters=1,
        time_zone=zone,
    )
