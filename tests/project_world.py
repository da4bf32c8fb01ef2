"""A small world to assess in: organisations, users, and square parcels made by hand. Nothing here is real.

Six camellia parcels (three in 光山 411522, two in 新县 411523, one that ended) and three paddies in 息县
411528, all of round sizes, so that a figure can be checked with a pencil.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import shapely
from flask import Flask
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from carbon_platform import ledger
from carbon_platform.config import Settings
from carbon_platform.credits.api import blp as credits_api
from carbon_platform.credits.claims_api import blp as claims_api
from carbon_platform.credits.sheets_api import blp as sheets_api
from carbon_platform.credits.uncertainty_api import blp as uncertainty_api
from carbon_platform.db import Base, Database
from carbon_platform.identity.api import blp as identity_api
from carbon_platform.identity.rules import SYSTEM, Actor
from carbon_platform.identity.service import (
    add_organisation,
    add_user,
    authenticate,
    csrf_token,
    sign_in,
)
from carbon_platform.parcels.outside_claims_api import blp as outside_claims_api
from carbon_platform.parcels.tables import Parcel, ParcelImport
from carbon_platform.projects.api import blp as projects_api
from carbon_platform.regions.service import load_reference
from carbon_platform.web.calls import Hooks, Platform
from carbon_platform.web.openapi import init_openapi
from carbon_platform.web.problems import init_problems

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
PASSWORD = "a long enough password"
PERIOD = {"period_start": "2021-01-01", "period_end": "2026-01-01"}
RICE_PERIOD = {"period_start": "2025-01-01", "period_end": "2026-01-01"}
USERS = {  # user name → role, region, organisation
    "operator": ("operator", "4115", "operator"),
    "rival": ("operator", "4115", "rival"),
    "verifier": ("verifier", "4115", "verifier"),
    "insider": ("verifier", "4115", "operator"),
    "ecology": ("ecology_bureau", "4115", None),
    "forestry": ("forestry_bureau", "4115", None),
    "xinxian": ("forestry_bureau", "411523", None),
    "authority": ("authority", "4115", None),
    "officer": ("forestry_officer", "411522", None),
    "alpha": ("enterprise", "411502", "alpha"),
}
# code → kind, hectares, status
LAND = {
    "411522-1": ("camellia", 10.0, "registered"),
    "411522-2": ("camellia", 20.0, "registered"),
    "411522-3": ("camellia", 5.0, "registered"),
    "411523-1": ("camellia", 8.0, "registered"),
    "411523-2": ("camellia", 4.0, "registered"),
    "411523-9": ("camellia", 1.0, "ended"),
    "411528-1": ("rice", 30.0, "registered"),
    "411528-2": ("rice", 12.0, "registered"),
    "411528-3": ("rice", 6.0, "registered"),
}
CAMELLIA = ["411522-1", "411522-2", "411522-3", "411523-1", "411523-2"]
RICE = ["411528-1", "411528-2", "411528-3"]


def prepare_world(url: str) -> None:
    """Tables, triggers, users and parcels. For ``fresh_database(engine_name, prepare_world)``."""
    db = Database(url)
    with db.engine.begin() as connection:
        Base.metadata.create_all(connection)
        name = connection.dialect.name
        for statement in (*ledger.append_only_ddl(name), *ledger.posting_ddl(name)):
            connection.exec_driver_sql(statement)
    db.transact(_people)
    db.transact(_land)
    db.dispose()


def _people(session: Session) -> None:
    load_reference(session)
    kinds = {organisation for _, _, organisation in USERS.values() if organisation}
    organisations = {
        kind: add_organisation(
            session, SYSTEM, name_zh=f"{kind}（测试）", kind=kind, region_code="4115", now=NOW
        )
        for kind in sorted(kinds)
    }
    for username, (role, region, organisation) in USERS.items():
        add_user(
            session,
            SYSTEM,
            username=username,
            password=PASSWORD,
            display_name=f"{username} 经办",
            role=role,
            region_code=region,
            now=NOW,
            organisation_id=organisations[organisation].id if organisation else None,
        )


def _land(session: Session) -> None:
    source = ParcelImport(
        file_name="made.zip", file_sha256="0", region_code="4115", kind="camellia", family="A",
        encoding="GBK", epsg=4526, crs_origin="", layer="", notes=[], counts={}, seen_parcel_id=0,
        status="accepted", uploaded_by="t", uploaded_at=NOW, accepted_by="t", accepted_at=NOW,
    )  # fmt: skip
    session.add(source)
    session.flush()
    for place, (code, (kind, area_ha, status)) in enumerate(LAND.items()):
        square = shapely.box(114.9 + place * 0.01, 31.9, 114.905 + place * 0.01, 31.905)
        min_lon, min_lat, max_lon, max_lat = square.bounds
        session.add(
            Parcel(
                code=code, kind=kind, county_code=code[:6], township_code=f"{code[:6]}100",
                village_code=f"{code[:6]}100001", area_m2=area_ha * 10_000, stated_area_m2=None,
                species_code="", land_class_code="", planting_year=2018, right_holder="王某", attributes={},
                geometry=square.wkb, source_geometry=square.wkb, source_epsg=4490, min_lon=min_lon,
                min_lat=min_lat, max_lon=max_lon, max_lat=max_lat, status=status,
                valid_from=date(2025, 1, 1), valid_to=None, import_id=source.id,
            )
        )  # fmt: skip


def camellia_row(code: str, **changes: Any) -> dict[str, Any]:
    """Readings of a young plantation on the default route, fertilised lightly."""
    return {
        "parcel_code": code,
        "activity": "new_planting",
        "planting_year": 2018,
        "route": "default",
        "cleared_stock_t_per_ha": 0.0,
        "n_synthetic_kg_per_ha_per_year": 60.0,
        "n_organic_kg_per_ha_per_year": 20.0,
        "diesel_l": 100.0,
    } | changes


def rice_row(code: str, **changes: Any) -> dict[str, Any]:
    """One season of ratoon rice with several drainages, after single-season rice drained once."""
    return {
        "parcel_code": code,
        "activity": "A1",
        "previous_flood_end_date": "2024-10-15",
        "main_land_prep_date": "2025-04-10",
        "main_harvest_date": "2025-08-08",
        "ratoon_harvest_date": "2025-10-13",
        "ratoon_drainage_date": "2025-10-01",
        "base1_nonflooded_days": 177,
        "base1_cultivation_days": 120.0,
        "base2_cultivation_days": 66.0,
        "main_regime": "multiple",
        "ratoon_regime": "single",
        "base1_regime": "single",
        "base2_regime": "single",
        "main_n_kg_per_ha": 165.0,
        "ratoon_n_kg_per_ha": 110.0,
        "base1_n_kg_per_ha": 165.0,
        "base2_n_kg_per_ha": 110.0,
        "main_straw_short_t_per_ha": 0.0,
        "main_straw_long_t_per_ha": 4.0,
        "base1_straw_short_t_per_ha": 0.0,
        "base1_straw_long_t_per_ha": 4.0,
        "baseline_straw_evidence": False,
        "diesel_l": 180.0,
        "baseline_diesel_l": 180.0,
        "yield_t_per_ha": 13.1,
        "baseline_yield_t_per_ha": 13.0,
    } | changes


@dataclass
class World:
    """The platform over one database, with a clock that can be set."""

    url: str
    now: datetime = NOW
    app: Flask = field(init=False)
    db: Database = field(init=False)
    tokens: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.db = Database(self.url)
        self.app = Flask("project_world")
        self.app.testing = True
        self.app.extensions["carbon"] = Platform(
            settings=Settings(mode="test", database_url=self.url),
            db=self.db,
            clock=lambda: self.now,
            hooks=Hooks(
                authenticate=lambda session, token, now: authenticate(session, token, now=now),
                csrf_token=csrf_token,
            ),
        )
        init_problems(self.app)
        apis = [identity_api, projects_api, credits_api, claims_api, outside_claims_api]
        init_openapi(self.app, [*apis, sheets_api, uncertainty_api])

    def close(self) -> None:
        self.db.dispose()

    def actor(self, who: str) -> Actor:
        def work(session: Session) -> Actor:
            found = authenticate(session, self._token(who), now=self.now)
            assert found
            return found

        return self.db.read(work)

    def _token(self, who: str) -> str:
        if who not in self.tokens:
            signed_in = self.db.transact(lambda s: sign_in(s, who, matches=True, now=self.now))
            assert signed_in
            self.tokens[who] = signed_in[0]
        return self.tokens[who]

    def later(self, **step: int) -> None:
        self.now += timedelta(**step)

    def call(self, who: str, method: str, path: str, body: Any = None, **extra: Any) -> TestResponse:
        """One request as a user, or as the public if ``who`` is empty."""
        headers = {"Authorization": f"Bearer {self._token(who)}"} if who else {}
        extra = {"json": body} | extra if body is not None else extra
        return self.app.test_client().open(f"/api/v1{path}", method=method, headers=headers, **extra)

    def get(self, who: str, path: str, **query: Any) -> Any:
        response = self.call(who, "GET", path, query_string=query)
        assert response.status_code == 200, response.get_json()
        return response.get_json()

    def post(self, who: str, path: str, body: Any) -> Any:
        response = self.call(who, "POST", path, body)
        assert response.status_code in {200, 201}, response.get_json()
        return response.get_json()

    def refused(self, who: str, method: str, path: str, body: Any = None) -> tuple[int, str]:
        response = self.call(who, method, path, body)
        return response.status_code, response.get_json()["code"]

    def project(self, *, who: str = "operator", methodology: str = "camellia_oil_v1", **changes: Any) -> str:
        body = {
            "name_zh": f"{methodology} 项目（测试）",
            "methodology_key": methodology,
            "crediting_from": "2021-01-01",
            "crediting_to": "2041-01-01",
        }
        return str(self.post(who, "/projects", body | changes)["code"])

    def monitor(
        self, project: str, rows: list[dict[str, Any]], period: dict[str, str] = PERIOD, who: str = "operator"
    ) -> Any:
        return self.post(who, f"/projects/{project}/monitoring", {**period, "rows": rows})

    def camellia_project(self, codes: list[str] = CAMELLIA, **changes: dict[str, Any]) -> str:
        """A project with parcels and readings; ``changes``: parcel code with ``_`` for ``-`` → readings."""
        project = self.project()
        self.post("operator", f"/projects/{project}/parcels", {"codes": codes})
        rows = [camellia_row(code, **changes.get("p" + code.replace("-", "_"), {})) for code in codes]
        self.monitor(project, rows)
        return project

    def run(self, project: str, period: dict[str, str] = PERIOD) -> Any:
        return self.post("operator", f"/projects/{project}/runs", period)

    def sign_parameters(self, key: str = "camellia_oil_v1") -> Any:
        digest = self.get("", f"/methodologies/{key}")["parameter_digest"]
        body = {
            "methodology_key": key,
            "parameter_digest": digest,
            "document_number": "演示〔2026〕1号",
            "document_title": "参数采纳（演示）",
            "signed_on": "2026-11-20",
        }
        filed = self.post("authority", "/parameter-signoffs", body)
        return self.post("ecology", f"/parameter-proposals/{filed['id']}/decision", {"decision": "approve"})

    def review(self, who: str, run: str, decision: str = "confirm", note: str = "") -> Any:
        return self.post(who, f"/runs/{run}/reviews", {"decision": decision, "note": note})
