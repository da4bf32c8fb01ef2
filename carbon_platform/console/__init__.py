"""Console (网页): pages rendered by the server; every action goes through the API."""

from flask import Flask

from carbon_platform.console import (
    base_map,
    pages_certificates,
    pages_citizen,
    pages_citizen_more,
    pages_claims,
    pages_evidence,
    pages_exports,
    pages_groups,
    pages_imports,
    pages_inbox,
    pages_inclusion,
    pages_land,
    pages_land_changes,
    pages_map,
    pages_market,
    pages_methodologies,
    pages_offsets,
    pages_parcel,
    pages_people,
    pages_points,
    pages_projects,
    pages_public,
    pages_reconciliation,
    pages_refusals,
    pages_registry,
    pages_revenue,
    pages_scene,
    pages_seal,
    pages_sheets,
    pages_shop,
    pages_tickets,
    pages_uncertainty,
    pages_village,
    site,
)
from carbon_platform.console.formats import FILTERS

PAGES = (
    site.blp,
    pages_public.blp,
    pages_certificates.blp,
    pages_inbox.blp,
    pages_land.blp,
    pages_imports.blp,
    pages_parcel.blp,
    pages_exports.blp,
    pages_evidence.blp,
    pages_land_changes.blp,
    base_map.blp,
    pages_claims.blp,
    pages_reconciliation.blp,
    pages_projects.blp,
    pages_map.blp,
    pages_market.blp,
    pages_methodologies.blp,
    pages_registry.blp,
    pages_revenue.blp,
    pages_inclusion.blp,
    pages_offsets.blp,
    pages_scene.blp,
    pages_seal.blp,
    pages_sheets.blp,
    pages_shop.blp,
    pages_tickets.blp,
    pages_uncertainty.blp,
    pages_village.blp,
    pages_groups.blp,
    pages_people.blp,
    pages_points.blp,
    pages_citizen.blp,
    pages_citizen_more.blp,
    pages_refusals.blp,
)


def init_app(app: Flask) -> None:
    """Filters, ``site`` for every template, and the pages."""
    app.jinja_env.filters.update(FILTERS)
    app.context_processor(site.site_context)
    for blueprint in PAGES:
        app.register_blueprint(blueprint)
