"""The wiring: which rooms the house has, and what they are handed."""

from __future__ import annotations

import gc
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache

from flask import Flask
from flask_babel import Babel

from carbon_platform import cli, console
from carbon_platform.books.api import blp as books_api
from carbon_platform.citizens.accounts_api import blp as accounts_api
from carbon_platform.citizens.api import blp as citizens_api
from carbon_platform.citizens.bindings_api import blp as bindings_api
from carbon_platform.citizens.points_api import blp as points_api
from carbon_platform.citizens.refusals_api import blp as refusals_api
from carbon_platform.citizens.rewards_api import blp as rewards_api
from carbon_platform.citizens.steps_api import blp as steps_api
from carbon_platform.citizens.truth_api import blp as truth_api
from carbon_platform.config import Settings, load_settings
from carbon_platform.credits.api import blp as credits_api
from carbon_platform.credits.claims_api import blp as claims_api
from carbon_platform.credits.land_change_api import blp as land_change_api
from carbon_platform.credits.ledger_api import blp as ledger_api
from carbon_platform.credits.registry_api import blp as credit_registry_api
from carbon_platform.credits.sheets_api import blp as sheets_api
from carbon_platform.credits.tickets_api import blp as tickets_api
from carbon_platform.credits.tiles_api import blp as tiles_api
from carbon_platform.credits.uncertainty_api import blp as uncertainty_api
from carbon_platform.db import Database
from carbon_platform.groups.api import blp as groups_api
from carbon_platform.identity.api import blp as identity_api
from carbon_platform.identity.sealing import say_keys
from carbon_platform.identity.service import authenticate, csrf_token
from carbon_platform.inclusion.api import blp as inclusion_api
from carbon_platform.inclusion.citizen_api import blp as citizen_inclusion_api
from carbon_platform.market.api import blp as market_api
from carbon_platform.merchants.api import blp as merchants_api
from carbon_platform.parcels.api import blp as parcels_api
from carbon_platform.parcels.changes_api import blp as parcel_changes_api
from carbon_platform.parcels.drawing_api import blp as drawing_api
from carbon_platform.parcels.evidence_api import blp as evidence_api
from carbon_platform.parcels.exports_api import blp as parcel_exports_api
from carbon_platform.parcels.outside_claims_api import blp as outside_claims_api
from carbon_platform.partners.api import blp as partners_api
from carbon_platform.partners.scenes_api import blp as scenes_api
from carbon_platform.projects import parcel_uses
from carbon_platform.projects.api import blp as projects_api
from carbon_platform.proxies.api import blp as proxies_api
from carbon_platform.proxies.village_api import blp as village_api
from carbon_platform.regions.api import blp as regions_api
from carbon_platform.registry.api import blp as registry_api
from carbon_platform.revenue.api import blp as revenue_api
from carbon_platform.web.calls import Hooks, Platform
from carbon_platform.web.language import locale
from carbon_platform.web.openapi import init_openapi
from carbon_platform.web.problems import init_problems
from carbon_platform.web.security import init_security
from methodologies import registry
from methodologies.conformance import check_at_start

APIS = (
    identity_api,
    regions_api,
    books_api,
    parcels_api,
    parcel_changes_api,
    parcel_exports_api,
    evidence_api,
    drawing_api,
    projects_api,
    credits_api,
    claims_api,
    outside_claims_api,
    sheets_api,
    uncertainty_api,
    tickets_api,
    tiles_api,
    credit_registry_api,
    land_change_api,
    ledger_api,
    market_api,
    registry_api,
    revenue_api,
    citizens_api,
    accounts_api,
    bindings_api,
    steps_api,
    partners_api,
    scenes_api,
    inclusion_api,
    citizen_inclusion_api,
    points_api,
    truth_api,
    refusals_api,
    rewards_api,
    merchants_api,
    groups_api,
    proxies_api,
    village_api,
)


def now() -> datetime:
    return datetime.now(UTC)


@cache
def check_methodologies() -> None:
    """Once per process: every methodology keeps the contract on its own example, or nothing starts."""
    for methodology in registry().values():
        check_at_start(methodology)


def create_app(settings: Settings | None = None, *, clock: Callable[[], datetime] = now) -> Flask:
    """Build the application. ``clock`` returns aware UTC; tests and replays hand in their own."""
    settings = settings or load_settings()
    check_methodologies()
    app = Flask(__name__, static_folder="console/static", template_folder="console/templates")
    app.testing = settings.mode == "test"
    app.config["MAX_CONTENT_LENGTH"] = settings.upload_limit_bytes
    app.config["BABEL_TRANSLATION_DIRECTORIES"] = "console/translations"
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    db = Database(settings.database_url)
    parcel_uses.init(db)
    say_keys(db, settings)
    app.extensions["carbon"] = Platform(
        settings=settings,
        db=db,
        clock=clock,
        hooks=Hooks(
            authenticate=lambda session, token, now: authenticate(session, token, now=now),
            csrf_token=csrf_token,
        ),
    )
    Babel(app, default_locale="zh_Hans_CN", default_timezone="Asia/Shanghai", locale_selector=locale)
    init_problems(app)
    init_security(app)
    init_openapi(app, APIS)
    console.init_app(app)
    cli.init_app(app)
    return app


def serving_app() -> Flask:
    """The application of a process that stays: a server's, the scheduler's, the worker's.

    What was loaded by now stays for good: the collector need not walk over a million objects of libraries
    again and again while batches come and go.
    """
    app = create_app()
    gc.collect()
    gc.freeze()
    return app
