"""A house with only this room in it: tables, reference data, users, HTTP."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from flask import Flask
from flask_babel import Babel

from carbon_platform.config import Settings
from carbon_platform.db import Base, Database
from carbon_platform.identity import tables as identity_tables
from carbon_platform.identity.api import blp as identity_api
from carbon_platform.identity.rules import PERMISSIONS, SYSTEM, Actor
from carbon_platform.identity.service import add_user, authenticate, csrf_token
from carbon_platform.parcels import export_tables, history_tables, outside_claims_tables
from carbon_platform.parcels import tables as parcels_tables
from carbon_platform.parcels.api import blp as parcels_api
from carbon_platform.parcels.candidates import bbox_ddl
from carbon_platform.parcels.changes_api import blp as changes_api
from carbon_platform.parcels.drawing_api import blp as drawing_api
from carbon_platform.parcels.exports_api import blp as exports_api
from carbon_platform.parcels.history_ddl import history_ddl
from carbon_platform.regions import tables as regions_tables
from carbon_platform.regions.service import load_reference
from carbon_platform.web import idempotency
from carbon_platform.web.calls import Hooks, Platform
from carbon_platform.web.language import locale
from carbon_platform.web.openapi import init_openapi
from carbon_platform.web.problems import init_problems

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
PASSWORD = "a long enough password"


def actor(region: str, role: str = "forestry_officer") -> Actor:
    return Actor(name=f"{role} {region}", role=role, permissions=PERMISSIONS[role], region_code=region)


OFFICER = actor("411522")
STRANGER = actor("411523")


def prepare_parcels(url: str) -> None:
    """The tables, the index of boxes, the regions."""
    database = Database(url)
    names = _table_names()
    ours = [table for table in Base.metadata.sorted_tables if table.name in names]
    with database.engine.begin() as connection:
        Base.metadata.create_all(connection, tables=ours)
        for statement in [*bbox_ddl(connection.dialect.name), *history_ddl(connection.dialect.name)]:
            connection.exec_driver_sql(statement)
    database.transact(load_reference)
    database.dispose()


def _table_names() -> set[str]:
    # Other tests may have imported other rooms; their tables refer to more than is here.
    modules = (
        identity_tables, idempotency, export_tables, history_tables, outside_claims_tables, parcels_tables,
        regions_tables,
    )  # fmt: skip
    return {
        value.__tablename__
        for module in modules
        for value in vars(module).values()
        if isinstance(value, type) and hasattr(value, "__tablename__")
    }


def make_app(database_url: str, var: Path, *, upload_limit_bytes: int = 8 << 20) -> Flask:
    settings = Settings(
        mode="test", database_url=database_url, var=var, upload_limit_bytes=upload_limit_bytes
    )
    app = Flask("carbon_platform.app")
    app.testing = True
    app.config["MAX_CONTENT_LENGTH"] = upload_limit_bytes
    hooks = Hooks(authenticate=lambda s, token, now: authenticate(s, token, now=now), csrf_token=csrf_token)
    database = Database(database_url)
    app.extensions["carbon"] = Platform(settings=settings, db=database, clock=lambda: NOW, hooks=hooks)
    Babel(app, default_locale="zh_Hans_CN", locale_selector=locale)
    init_problems(app)
    init_openapi(app, (identity_api, parcels_api, changes_api, drawing_api, exports_api))
    for name, role, region in (
        ("officer", "forestry_officer", "411522"),
        ("second", "forestry_officer", "411522"),
        ("bureau", "forestry_bureau", "4115"),
        ("stranger", "forestry_officer", "411523"),
        ("city", "forestry_officer", "4115"),
        ("operator", "operator", "4115"),
        ("buyer", "enterprise", "4115"),
    ):
        database.transact(
            lambda s, n=name, r=role, c=region: add_user(
                s, SYSTEM, username=n, password=PASSWORD, display_name=n, role=r, region_code=c, now=NOW
            )
        )
    return app
