"""Price lists: shown, tried on last month, proposed to a second person; as in chat (P5, A6, M12)."""

from __future__ import annotations

from miniprogram_api.contract import Ask, Route
from miniprogram_api.models.staff import ApprovalOut, approval_out
from miniprogram_api.models.tariffs import (
    PlansOut,
    PreviewOut,
    PricesOut,
    TariffProposal,
    TariffWish,
    plans_out,
    preview_out,
    prices_out,
    tariff_of,
)
from miniprogram_api.routes.declared import staff_read, staff_write
from prepaid.domain.tariffs import Utility
from prepaid.usecases.change_tariff import change_tariff, preview_tariff
from prepaid.usecases.list_tariffs import list_tariffs
from prepaid.usecases.show_prices import show_prices


async def _prices(ask: Ask) -> PricesOut:
    return prices_out(await show_prices(ask.business, ask.actor, ask.path["account_id"]))


async def _plans(ask: Ask) -> PlansOut:
    site_id = ask.path["site_id"]
    return plans_out(site_id, await list_tariffs(ask.business, ask.actor, site_id), ask.business.clock.now())


async def _preview(ask: Ask) -> PreviewOut:
    wish = ask.body(TariffWish)
    found = await preview_tariff(
        ask.business, ask.actor, ask.path["site_id"], tariff_of(wish.version), utility=Utility(wish.utility)
    )
    return preview_out(found)


async def _propose(ask: Ask) -> ApprovalOut:
    wish = ask.body(TariffProposal)
    found = await change_tariff(
        ask.business,
        ask.actor,
        ask.path["site_id"],
        tariff_of(wish.version),
        why=wish.why,
        utility=Utility(wish.utility),
    )
    return approval_out(found)


ROUTES = (
    Route(
        method="GET",
        path="/accounts/{account_id}/prices",
        name="getPrices",
        summary="The price lists in force, today's bands, steps and fees",
        tag="accounts",
        handle=_prices,
        answers=PricesOut,
    ),
    staff_read("sites/{site_id}/tariffs", "listTariffs", "A site's price lists with all versions", _plans, PlansOut),
    staff_write(
        "sites/{site_id}/tariffs/preview",
        "previewTariff",
        "What last month would have cost under a version",
        _preview,
        PreviewOut,
        body=TariffWish,
    ),
    staff_write(
        "sites/{site_id}/tariffs",
        "proposeTariff",
        "Ask a second person to agree to exactly this version",
        _propose,
        ApprovalOut,
        body=TariffProposal,
    ),
)
