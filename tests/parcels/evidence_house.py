"""A house with evidence in it, and files as phones, scanners and loggers make them. Nothing here is real."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from flask import Flask
from flask.testing import FlaskClient
from flask_babel import Babel
from parcel_files import API
from parcel_house import NOW, PASSWORD
from PIL import Image
from sqlalchemy.orm import Session

from carbon_platform.all_tables import metadata
from carbon_platform.config import Settings
from carbon_platform.db import Database
from carbon_platform.identity.api import blp as identity_api
from carbon_platform.identity.rules import SYSTEM
from carbon_platform.identity.service import add_user, authenticate, csrf_token
from carbon_platform.parcels.candidates import bbox_ddl
from carbon_platform.parcels.evidence_api import blp as evidence_api
from carbon_platform.parcels.evidence_commands import group
from carbon_platform.parcels.evidence_kept import evidence_ddl
from carbon_platform.parcels.tables import Parcel, ParcelImport
from carbon_platform.regions.service import load_reference
from carbon_platform.web.calls import Hooks, Platform
from carbon_platform.web.language import locale
from carbon_platform.web.openapi import init_openapi
from carbon_platform.web.problems import init_problems
from carbon_platform.web.security import init_security

PADDY, GROVE, ELSEWHERE = "411522-100-001-R1", "411522-100-001-C2", "411523-100-001-C3"
# West, south, east, north: squares of about 470 m.
PLACES = {
    PADDY: (114.900, 31.900, 114.905, 31.905),
    GROVE: (114.920, 31.900, 114.925, 31.905),
    ELSEWHERE: (114.940, 31.900, 114.945, 31.905),
}
MIDDLE = (114.9025, 31.9025)  # of the paddy


def prepare_evidence(url: str) -> None:
    """For ``fresh_database(engine_name, prepare_evidence)``: three parcels, two of them in 光山; log-ins."""
    db = Database(url)
    with db.engine.begin() as connection:
        metadata.create_all(connection)
        name = connection.dialect.name
        for statement in (*bbox_ddl(name), *evidence_ddl(name)):
            connection.exec_driver_sql(statement)
    db.transact(load_reference)
    db.transact(_people)
    db.transact(_land)
    db.dispose()


def _people(session: Session) -> None:
    for name, role, region in (
        ("officer", "forestry_officer", "411522"),
        ("stranger", "forestry_officer", "411523"),
        ("operator", "operator", "4115"),
        ("verifier", "verifier", "4115"),
        ("buyer", "enterprise", "4115"),
        ("dingxin", "dingxin", "4115"),
    ):
        add_user(
            session, SYSTEM, username=name, password=PASSWORD, display_name=name, role=role,
            region_code=region, now=NOW,
        )  # fmt: skip


def _land(session: Session) -> None:
    source = ParcelImport(
        file_name="made.zip", file_sha256="0", region_code="4115", kind="rice", family="A", encoding="GBK",
        epsg=4490, crs_origin="", layer="", notes=[], counts={}, seen_parcel_id=0, status="accepted",
        uploaded_by="t", uploaded_at=NOW, accepted_by="t", accepted_at=NOW,
    )  # fmt: skip
    session.add(source)
    session.flush()
    for code, bounds in PLACES.items():
        shape = shapely.box(*bounds)
        session.add(
            Parcel(
                code=code, kind="rice" if code == PADDY else "camellia", county_code=code[:6],
                township_code=f"{code[:6]}100", village_code=f"{code[:6]}100001", area_m2=220_000.0,
                stated_area_m2=None, species_code="", land_class_code="", planting_year=2018,
                right_holder="王某", attributes={"sub_compartment": "0007"}, geometry=shapely.to_wkb(shape),
                source_geometry=shapely.to_wkb(shape), source_epsg=4490, min_lon=bounds[0],
                min_lat=bounds[1], max_lon=bounds[2], max_lat=bounds[3], status="registered",
                valid_from=date(2025, 1, 1), valid_to=None, import_id=source.id,
            )
        )  # fmt: skip


def evidence_app(url: str, var: Path) -> Flask:
    """Signing in, evidence, its command; nothing else of the platform."""
    settings = Settings(mode="test", database_url=url, var=var)
    app = Flask("carbon_platform.app")
    app.testing = True
    app.config["MAX_CONTENT_LENGTH"] = settings.upload_limit_bytes
    hooks = Hooks(authenticate=lambda s, token, now: authenticate(s, token, now=now), csrf_token=csrf_token)
    house = Platform(settings=settings, db=Database(url), clock=lambda: NOW, hooks=hooks)
    app.extensions["carbon"] = house
    Babel(app, default_locale="zh_Hans_CN", locale_selector=locale)
    init_problems(app)
    init_security(app)
    init_openapi(app, (identity_api, evidence_api))
    app.cli.add_command(group)
    return app


def scene(seed: int, size: tuple[int, int] = (640, 480)) -> Image.Image:
    """A picture with structure of its own: soft patches of light, some grain."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 255, (7, 9, 3), dtype=np.uint8))
    picture = np.asarray(small.resize(size, Image.Resampling.BICUBIC), dtype=np.int16)
    grain = rng.integers(-6, 7, picture.shape)
    return Image.fromarray(np.clip(picture + grain, 0, 255).astype(np.uint8))


def _parts(value: float) -> tuple[float, float, float]:
    whole = abs(value)
    minutes = whole % 1 * 60
    return float(int(whole)), float(int(minutes)), minutes % 1 * 60


def photo(
    seed: int = 1,
    *,
    place: tuple[float, float] | None = MIDDLE,
    taken: datetime | None = datetime(2026, 6, 10, 9, 30),  # noqa: DTZ001 — a camera's clock has no zone
    offset: str | None = "+08:00",
    gps_at: datetime | None = None,
    software: str = "",
    size: tuple[int, int] = (640, 480),
    quality: int = 90,
    picture: Image.Image | None = None,
) -> bytes:
    """A JPEG as a phone writes it."""
    image = picture or scene(seed, size)
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Testphone", "T1"
    if software:
        exif[0x0131] = software
    camera: dict[int, Any] = {}
    if taken:
        camera[0x9003] = taken.strftime("%Y:%m:%d %H:%M:%S")
    if taken and offset:
        camera[0x9011] = offset
    exif[0x8769] = camera
    if place or gps_at:
        gps: dict[int, Any] = {}
        if place:
            gps |= {1: "N", 2: _parts(place[1]), 3: "E", 4: _parts(place[0])}
        if gps_at:
            gps |= {7: (float(gps_at.hour), float(gps_at.minute), 0.0), 29: gps_at.strftime("%Y:%m:%d")}
        exif[0x8825] = gps
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality, exif=exif)
    return out.getvalue()


PDF_FILE = b"%PDF-1.7\n1 0 obj <</Type /Catalog>> endobj\ntrailer <</Root 1 0 R>>\n%%EOF\n"


def log_csv(
    levels: Sequence[tuple[date, float]], *, label: str | None = None, encoding: str = "utf-8"
) -> bytes:
    head = ["日期", "水位（cm）"] if encoding != "utf-8" else ["level_date", "level_cm"]
    lines = [",".join([*(["row"] if label else []), *head])]
    lines += [",".join([*([label] if label else []), day.isoformat(), f"{level:g}"]) for day, level in levels]
    return "\n".join(lines).encode(encoding)


def daily(first: date, levels: Sequence[float]) -> list[tuple[date, float]]:
    return [(first + timedelta(days=place), level) for place, level in enumerate(levels)]


def hand_in(
    client: FlaskClient,
    who: dict[str, str],
    parcel: str,
    content: bytes,
    *,
    kind: str = "photo",
    name: str = "IMG_0001.jpg",
    **fields: str,
) -> Any:
    form = {"file": (io.BytesIO(content), name), "kind": kind, **fields}
    return client.post(f"{API}/parcels/{parcel}/evidence", headers=who, data=form)


def codes(answer: Any) -> list[str]:
    assert answer.status_code == 201, answer.text
    return [found["code"] for found in answer.json["findings"]]


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]
