"""Every operation, declared once. What stands here is served, and is the contract."""

from __future__ import annotations

from miniprogram_api.contract import Route
from miniprogram_api.routes.accounts import ROUTES as ACCOUNTS
from miniprogram_api.routes.alerts import ROUTES as ALERTS
from miniprogram_api.routes.analyses import ROUTES as ANALYSES
from miniprogram_api.routes.contacts import ROUTES as CONTACTS
from miniprogram_api.routes.cuts import ROUTES as CUTS
from miniprogram_api.routes.desk import ROUTES as DESK
from miniprogram_api.routes.estate import ROUTES as ESTATE
from miniprogram_api.routes.field import ROUTES as FIELD
from miniprogram_api.routes.imports import ROUTES as IMPORTS
from miniprogram_api.routes.links import ROUTES as LINKS
from miniprogram_api.routes.logins import ROUTES as LOGINS
from miniprogram_api.routes.me import ROUTES as ME
from miniprogram_api.routes.office import ROUTES as OFFICE
from miniprogram_api.routes.orders import ROUTES as ORDERS
from miniprogram_api.routes.outages import ROUTES as OUTAGES
from miniprogram_api.routes.people import ROUTES as PEOPLE
from miniprogram_api.routes.reports import ROUTES as REPORTS
from miniprogram_api.routes.staff import ROUTES as STAFF
from miniprogram_api.routes.tariffs import ROUTES as TARIFFS
from miniprogram_api.routes.tenancy import ROUTES as TENANCY
from miniprogram_api.routes.tickets import ROUTES as TICKETS

ROUTES: tuple[Route, ...] = (
    *LOGINS,
    *ME,
    *ALERTS,
    *CONTACTS,
    *ACCOUNTS,
    *TENANCY,
    *ORDERS,
    *LINKS,
    *STAFF,
    *OFFICE,
    *DESK,
    *CUTS,
    *ESTATE,
    *TICKETS,
    *FIELD,
    *PEOPLE,
    *OUTAGES,
    *TARIFFS,
    *IMPORTS,
    *REPORTS,
    *ANALYSES,
)
