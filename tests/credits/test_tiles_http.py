"""Tiles through HTTP: who may see what, what a browser may keep, and when it must ask again."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from typing import Any

import mapbox_vector_tile
import pytest
import sqlalchemy as sa
from project_world import World, prepare_world
from sqlalchemy.orm import Session
from ticket_desk import add_run, issue

from carbon_platform.credits.tiles_api import blp as tiles_api
from carbon_platform.db import Database
from carbon_platform.parcels.candidates import bbox_ddl, index_boxes
from carbon_platform.parcels.tables import Parcel

# The world's land lies between 114.9 and 114.985 E at 31.9 N; this tile ends at 114.96 with its margin.
TILE = "/tiles/parcels/11/1677/832.mvt"
FAR = "/tiles/parcels/11/1670/832.mvt"
CITY, COUNTY = "/tiles/parcels/4/13/6.mvt", "/tiles/parcels/10/838/416.mvt"


def prepare_map(url: str) -> None:
    prepare_world(url)
    db = Database(url)
    with db.engine.begin() as connection:
        for statement in bbox_ddl(connection.dialect.name):
            connection.exec_driver_sql(statement)

    def fill(session: Session) -> None:
        boxes = (Parcel.id, Parcel.min_lon, Parcel.min_lat, Parcel.max_lon, Parcel.max_lat)
        index_boxes(session, ((row[0], tuple(row[1:])) for row in session.execute(sa.select(*boxes)).all()))

    db.transact(fill)
    db.dispose()


class MapWorld(World):
    """The world with tiles; ``tile`` answers the features of a layer by parcel or region code."""

    def tile(self, who: str, path: str, **query: str) -> dict[str, dict[str, Any]]:
        answer = self.call(who, "GET", path, query_string=query)
        assert answer.status_code == 200
        assert answer.mimetype == "application/vnd.mapbox-vector-tile"
        layers = mapbox_vector_tile.decode(answer.data)
        return {
            name: {feature["properties"]["code"]: feature["properties"] for feature in layer["features"]}
            for name, layer in layers.items()
        }


@pytest.fixture
def world(engine_name: str, fresh_database: Callable[..., str]) -> Iterator[MapWorld]:
    world = MapWorld(fresh_database(engine_name, prepare_map))
    world.app.extensions["carbon_api"].register_blueprint(tiles_api)
    yield world
    world.close()


def test_everyone_sees_the_land_of_the_own_region_only(world: MapWorld) -> None:
    city = world.tile("operator", TILE)["parcels"]
    assert set(city) == {"411522-1", "411522-2", "411522-3", "411523-1", "411523-2", "411528-1"}
    assert city["411522-1"] == {"code": "411522-1", "kind": "camellia", "status": "registered"}
    assert set(world.tile("officer", TILE)["parcels"]) == {"411522-1", "411522-2", "411522-3"}
    assert set(world.tile("xinxian", TILE)["parcels"]) == {"411523-1", "411523-2"}
    assert set(world.tile("xinxian", TILE, status="all")["parcels"]) == {"411523-1", "411523-2", "411523-9"}
    assert set(world.tile("operator", TILE, kind="rice")["parcels"]) == {"411528-1"}
    assert set(world.tile("officer", COUNTY)["places"]) == {"411522100"}
    assert set(world.tile("officer", CITY)["counties"]) == {"411522"}
    assert set(world.tile("operator", CITY)["places"]) == {"411522", "411523", "411528"}
    empty = world.call("officer", "GET", FAR)
    assert (empty.status_code, empty.data) == (200, b"")


def test_who_is_refused(world: MapWorld) -> None:
    assert world.call("", "GET", TILE).status_code == 401
    assert world.call("alpha", "GET", TILE).status_code == 403
    for path in ("/tiles/parcels/11/2048/0.mvt", "/tiles/parcels/23/0/0.mvt", "/tiles/parcels/11/0/-1.mvt"):
        assert world.call("officer", "GET", path).status_code == 404
    assert world.call("officer", "GET", TILE, query_string={"status": "gone"}).status_code == 422


def test_a_tile_is_kept_until_something_on_it_may_have_changed(world: MapWorld) -> None:
    first = world.call("operator", "GET", TILE)
    tag = first.headers["ETag"]
    assert first.headers["Cache-Control"] == "private, no-cache"
    assert {"Authorization", "Cookie", "Accept-Encoding"} <= set(first.headers["Vary"].split(", "))

    def again(who: str = "operator", path: str = TILE, **query: str) -> Any:
        headers = {"Authorization": f"Bearer {world._token(who)}", "If-None-Match": tag}
        return world.app.test_client().get(f"/api/v1{path}", headers=headers, query_string=query)

    kept = again()
    assert (kept.status_code, kept.data, kept.headers["ETag"]) == (304, b"", tag)
    # another's tile, another tile, another wish: never the kept one
    assert again("officer").status_code == 200
    assert again(path=FAR).status_code == 200
    assert again(kind="rice").status_code == 200
    assert again(status="all").status_code == 200
    project = world.project()
    world.post("operator", f"/projects/{project}/parcels", {"codes": ["411522-1", "411523-1"]})
    changed = again()
    assert changed.status_code == 200
    tag = changed.headers["ETag"]
    assert again().status_code == 304
    land = world.tile("operator", TILE)["parcels"]
    assert {code: of.get("project") for code, of in land.items()}["411522-1"] == project
    assert "project" not in land["411522-2"]

    def a_run(session: Session) -> str:
        parcel = session.scalars(sa.select(Parcel).where(Parcel.code == "411522-2")).one()
        return add_run(session, "operator", [(parcel, 10.5)]).code

    issue(world, world.db.transact(a_run))
    assert again().status_code == 200
    land = world.tile("operator", TILE)["parcels"]
    assert land["411522-2"]["vintage"] == 2025
    assert "vintage" not in land["411522-1"]


def test_a_tile_travels_packed_where_the_browser_reads_it(world: MapWorld) -> None:
    headers = {"Authorization": f"Bearer {world._token('operator')}", "Accept-Encoding": "gzip, br"}
    client = world.app.test_client()
    packed = client.get(f"/api/v1{CITY}", headers=headers)
    plain = client.get(f"/api/v1{CITY}", headers=headers | {"Accept-Encoding": "identity"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert gzip.decompress(packed.data) == plain.data
    assert len(packed.data) < len(plain.data)
    assert packed.headers["ETag"] == plain.headers["ETag"]
    assert packed.headers["ETag"].startswith("W/")
