"""Fire and clear-cut: parcels are flagged, their kilograms stop, two people look (both engines)."""

from __future__ import annotations

import io
import json
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any
from uuid import uuid4

import geopandas
import pyogrio
import pytest
import shapely
import sqlalchemy as sa
from change_files import CUT, FIRE, check, drawn, enter, flags_of, geojson, index_all, prepare_changes, review
from project_world import World
from registry_desk import assert_nothing_lost, decide, held_by, position, propose, sell
from ticket_desk import add_parcel, add_run, batch_codes, box, issue, retire

from carbon_platform import ledger
from carbon_platform.config import Settings
from carbon_platform.credits import (
    disturbance,
    invalidation,
    issuance,
    land_change_queries,
    land_changes,
    standstill,
)
from carbon_platform.credits.decisions import AlreadyDecided, SamePerson
from carbon_platform.credits.land_change_api import blp as land_change_api
from carbon_platform.credits.land_change_rules import (
    ChangeLayerRefused,
    LandDisturbed,
)
from carbon_platform.credits.land_change_tables import LandChangeLayer, LandFlag, LandFlagRange
from carbon_platform.credits.registry_tables import Invalidation
from carbon_platform.credits.tables import BatchShare, CreditBatch
from carbon_platform.errors import NotFound
from carbon_platform.ledger.errors import AccountFrozen
from carbon_platform.parcels.tables import Parcel
from gis.crs import PLANE, to_plane

# The world's parcels: five squares of 100 m, 200 m apart; the first three in 光山, the third a source.
BURNT = box(-10.0, 990.0, 60.0, 120.0)  # the western half of the first parcel, and 10 m around it


@pytest.fixture
def world(engine_name: str, fresh_database: Callable[..., str]) -> Iterator[World]:
    world = World(fresh_database(engine_name, prepare_changes))
    yield world
    assert_nothing_lost(world)
    world.close()


def share_of(world: World, batch: str, parcel_id: int) -> tuple[int, int]:
    wanted = sa.select(BatchShare.first, BatchShare.last).join(
        CreditBatch, CreditBatch.id == BatchShare.batch_id
    )
    row = world.db.read(
        lambda s: s.execute(wanted.where(CreditBatch.code == batch, BatchShare.parcel_id == parcel_id)).one()
    )
    return row.first, row.last


def test_a_fire_flags_its_parcel_and_stops_what_was_issued_on_it(world: World) -> None:
    batch, other = batch_codes(world)
    layer = enter(world, drawn([BURNT], FIRE))
    [(flag, _code)] = flags_of(world, layer)
    assert (flag.kind, flag.happened_on, flag.status) == ("fire", date(2026, 5, 4), "open")
    assert flag.share == pytest.approx(0.5, abs=1e-4)
    assert flag.affected_m2 == pytest.approx(5000, abs=1)
    first, last = share_of(world, batch, flag.parcel_id)
    assert flag.quantity_kg == last - first + 1
    ranges = world.db.read(lambda s: s.scalars(sa.select(LandFlagRange)).all())
    assert [(one.flag_id, one.first, one.last) for one in ranges] == [(flag.id, first, last)]
    # Who holds them stands still; the other batch goes on.
    with pytest.raises(AccountFrozen):
        sell(world, batch, 1, "alpha")
    with pytest.raises(AccountFrozen):
        retire(world, batch, 1)
    sell(world, other, 500, "alpha", reference="other")
    [frozen] = world.db.read(ledger.open_freezes)
    assert flag.number in frozen.reason
    assert "火灾" in frozen.reason
    # The same file once more changes nothing.
    assert enter(world, drawn([BURNT], FIRE)).number == layer.number
    assert len(world.db.read(ledger.open_freezes)) == 1


def test_only_holders_of_the_parcels_numbers_stand_still(world: World) -> None:
    """Low numbers were sold first: alpha has kilograms of the burnt parcel, rival only of others."""
    batch, _other = batch_codes(world)
    parcel_id = world.db.read(lambda s: s.scalar(sa.select(BatchShare.parcel_id).order_by(BatchShare.first)))
    assert parcel_id
    first, last = share_of(world, batch, parcel_id)
    sell(world, batch, last - first + 1, "alpha", reference="all of the first parcel")
    sell(world, batch, 300, "rival", reference="of the second")
    burnt = world.db.read(lambda s: s.get_one(Parcel, parcel_id))
    shape = to_plane([shapely.from_wkb(burnt.geometry)])[0]
    layer = enter(world, drawn([shape], CUT))
    [(flag, _code)] = flags_of(world, layer)
    assert (flag.parcel_id, flag.kind, round(flag.share, 6)) == (parcel_id, "clear_cut", 1)
    with pytest.raises(AccountFrozen):
        retire(world, batch, 1, "alpha")
    retire(world, batch, 100, "rival")
    sell(world, batch, 10, "rival", reference="the operator's rest goes on")


def test_a_second_person_clears_and_everything_goes_on(world: World) -> None:
    batch, _other = batch_codes(world)
    layer = enter(world, drawn([BURNT], FIRE))
    with pytest.raises(SamePerson):
        review(world, layer, "clear", "forestry")
    with pytest.raises(NotFound):
        review(world, layer, "clear", "xinxian")  # sees the layer of the city, but none of its parcels
    [done] = review(world, layer, "clear")
    assert (done.status, done.reviewed_by) == ("cleared", "ecology 经办")
    sell(world, batch, 1, "alpha")
    with pytest.raises(NotFound):
        review(world, layer, "clear")
    with pytest.raises(AlreadyDecided):
        review(world, layer, "confirm", flags=[done.number])
    with pytest.raises(AlreadyDecided):
        review(world, layer, "settle", flags=[done.number])


def test_a_loss_that_is_confirmed_becomes_an_invalidation_of_those_numbers(world: World) -> None:
    batch, _other = batch_codes(world)
    layer = enter(world, drawn([BURNT], FIRE))
    [(flag, _code)] = flags_of(world, layer)
    first, last = share_of(world, batch, flag.parcel_id)
    retired = retire_before(world, batch)
    assert retired == 0, "nothing was retired: the account stood still from the first moment"
    [done] = review(world, layer, "confirm", share=0.25)
    [number] = done.invalidations
    spans = world.db.read(
        lambda s: invalidation.ranges_of(
            s, s.scalar(sa.select(Invalidation).where(Invalidation.number == number))
        )  # type: ignore[arg-type]
    )
    quarter = -(-(last - first + 1) // 4)
    assert [(span.first, span.last) for span in spans] == [(first, first + quarter - 1)]
    # Between both decisions nothing slips away: the invalidation's own freeze holds the account.
    with pytest.raises(AccountFrozen):
        sell(world, batch, 1, "alpha")
    with pytest.raises(SamePerson):
        decide(world, number, "ecology")
    decide(world, number, "forestry")
    assert position(world, batch)["invalidated"] == quarter
    sell(world, batch, 1, "alpha", reference="after")
    assert world.db.read(ledger.open_freezes) == []
    [settled] = review(world, layer, "settle", note="复测合格")
    assert settled.status == "settled"


def retire_before(world: World, batch: str) -> int:
    try:
        retire(world, batch, 1)
    except AccountFrozen:
        return 0
    return 1


def test_what_is_void_already_is_not_named_again(world: World) -> None:
    batch, _other = batch_codes(world)
    parcel_id = world.db.read(lambda s: s.scalar(sa.select(BatchShare.parcel_id).order_by(BatchShare.first)))
    first, last = share_of(world, batch, parcel_id or 0)
    named = propose(world, batch, numbers=[(first, first + 99)])
    layer = enter(world, drawn([BURNT], FIRE))
    # Both hold the account; deciding one lifts the other for a moment and puts it back as it was.
    decide(world, named.number)
    [kept] = world.db.read(ledger.open_freezes)
    assert "火灾" in kept.reason
    [done] = review(world, layer, "confirm")
    spans = world.db.read(
        lambda s: invalidation.ranges_of(
            s,
            s.scalar(sa.select(Invalidation).where(Invalidation.number == done.invalidations[0])),  # type: ignore[arg-type]
        )
    )
    assert [(span.first, span.last) for span in spans] == [(first + 100, last)]


def test_two_layers_over_one_parcel_are_both_waited_for(world: World) -> None:
    batch, _other = batch_codes(world)
    fire = enter(world, drawn([BURNT], FIRE))
    cut = enter(world, drawn([BURNT], CUT))
    review(world, fire, "clear")
    with pytest.raises(AccountFrozen):
        sell(world, batch, 1, "alpha")
    review(world, cut, "clear")
    sell(world, batch, 1, "alpha")


def test_borders_drawn_a_pixel_off_flag_nobody_and_halves_count_together(world: World) -> None:
    shapes = [
        box(200.0, 1090.0, 100.0, 300.0),  # 10 m into the second parcel along its north side: width 9.1 m
        box(405.0, 1005.0, 15.0, 15.0),  # a speck in the third
        box(600.0, 1000.0, 12.0, 100.0),  # three strips of the fourth, together a third of it …
        box(612.0, 1000.0, 12.0, 100.0),
        box(618.0, 1000.0, 15.0, 100.0),  # … where they overlap counted once
    ]
    layer = enter(world, drawn(shapes, FIRE))
    [(flag, code)] = flags_of(world, layer)
    assert code.startswith("411523")
    assert flag.rows == [3, 4, 5]
    assert flag.share == pytest.approx(0.33, abs=1e-4)
    # The same in two files of which neither alone covers enough does flag when one does.
    assert flags_of(world, enter(world, drawn([box(600, 1000, 9, 100)], FIRE))) == []


def test_a_county_flags_its_own_parcels_only(world: World) -> None:
    everything = box(-50.0, 900.0, 1200.0, 300.0)
    layer = enter(world, drawn([everything], FIRE), "officer")
    assert {code[:6] for _flag, code in flags_of(world, layer)} == {"411522"}
    assert len(flags_of(world, layer)) == 3
    assert layer.counts["parcels"] == 3
    city = enter(world, drawn([everything], CUT))
    assert len(flags_of(world, city)) == 5
    sees = world.db.read(
        lambda s: s.execute(land_change_queries.layers_statement(world.actor("xinxian"))).all()
    )
    assert [row[0].number for row in sees] == [city.number]


# --- issuance -------------------------------------------------------------------------------------


def run_over(world: World, shape: Any, period: tuple[date, date]) -> str:
    def work(session: Any) -> str:
        parcel = add_parcel(session, shape)
        index_all(session)
        return add_run(session, "operator", [(parcel, 12.5)], period=period).code

    return world.db.transact(work)


def test_nothing_is_issued_on_burnt_land_until_it_is_settled(world: World) -> None:
    field = box(2000.0, 2000.0)
    layer = enter(world, drawn([box(1990, 1990, 60, 60), BURNT], FIRE))
    assert len(flags_of(world, layer)) == 1, "the field is not registered yet"
    year = (date(2026, 1, 1), date(2027, 1, 1))
    registered_later = run_over(world, field, year)
    layer = enter(world, drawn([box(1990, 1990, 60, 60)], CUT))
    with pytest.raises(LandDisturbed) as caught:
        issue(world, registered_later)
    assert caught.value.errors[0]["value"] == f"{layer.number}-0001"
    # A part of it that was divided off is the same land; land beside it is not.
    divided = run_over(world, box(2000.0, 2000.0, 30.0, 30.0), year)
    with pytest.raises(LandDisturbed):
        issue(world, divided)
    assert issue(world, run_over(world, box(2110.0, 2000.0, 40.0, 40.0), year))
    # What ended before the day is not touched by it.
    assert issue(
        world, run_over(world, box(2000.0, 2000.0, 30.0, 30.0), (date(2025, 1, 1), date(2026, 1, 1)))
    )
    flags = [flag.number for flag, _code in flags_of(world, layer)]
    review(world, layer, "confirm", flags=flags)
    with pytest.raises(LandDisturbed):
        issue(world, registered_later)
    review(world, layer, "settle")
    assert issue(world, registered_later)


def race(world: World, turn: int) -> tuple[str, bool]:
    """Import a fire and issue on the burnt land at the same moment: ("issued" | "refused", held still?)."""
    shape = box(3000.0 + 300 * turn, 5000.0)
    run = run_over(world, shape, (date(2026, 1, 1), date(2027, 1, 1)))
    forestry, operator = world.actor("forestry"), world.actor("operator")
    start = threading.Barrier(2)
    outcome: list[str] = []
    checked = drawn([shape], FIRE)

    def monitoring() -> None:
        start.wait()
        world.db.transact(lambda s: land_changes.enter(s, forestry, checked, source="测试", now=world.now))

    def issuer() -> None:
        start.wait()
        try:
            issue(world, run, operator)
            outcome.append("issued")
        except LandDisturbed:
            outcome.append("refused")

    threads = [threading.Thread(target=work) for work in (monitoring, issuer)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    newest = sa.select(LandFlag.quantity_kg).order_by(LandFlag.id.desc()).limit(1)
    return outcome[0], bool(world.db.read(lambda s: s.scalar(newest)))


def test_issuing_and_monitoring_race_and_nothing_slips_through(world: World) -> None:
    for turn in range(6):
        outcome, still = race(world, turn)
        assert (outcome, still) in {("issued", True), ("refused", False)}


@pytest.mark.postgresql
def test_the_race_would_be_lost_without_the_lock(
    fresh_database: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: without the lock kilograms of burnt land go round, and this harness sees it."""
    world = World(fresh_database("postgresql", prepare_changes))
    looked = disturbance.check_undisturbed

    def slowly(*args: Any, **kwargs: Any) -> None:
        looked(*args, **kwargs)
        time.sleep(1.5)

    monkeypatch.setattr(land_changes, "serialise", lambda session, name: None)
    monkeypatch.setattr(issuance, "check_undisturbed", slowly)
    entered = land_changes.enter

    def a_moment_later(*args: Any, **kwargs: Any) -> Any:
        time.sleep(0.5)
        return entered(*args, **kwargs)

    monkeypatch.setattr(land_changes, "enter", a_moment_later)
    assert race(world, 0) == ("issued", False)
    world.close()


# --- files ----------------------------------------------------------------------------------------


@pytest.fixture
def desk(fresh_database: Callable[..., str]) -> Iterator[World]:
    """One engine is enough where the file is what matters."""
    world = World(fresh_database("sqlite", prepare_changes))
    yield world
    assert_nothing_lost(world)
    world.close()


def test_rows_that_cannot_be_used_are_told_and_the_others_count(desk: World, tmp_path: Path) -> None:
    shapes = [BURNT, box(200, 1000), box(400, 1000), box(600, 1000)]
    facts = [FIRE, FIRE | {"类型": "建设占用"}, FIRE | {"发生日期": "2027-01-01"}, FIRE | {"发生日期": None}]
    layer = enter(desk, check(desk, tmp_path, geojson(shapes, *facts)))
    assert (layer.counts["rows"], layer.counts["refused"], layer.counts["parcels"]) == (4, 3, 1)
    assert [(one["row"], one["field"]) for one in layer.refusals] == [
        (2, "类型"),
        (3, "发生日期"),
        (4, "发生日期"),
    ]
    with pytest.raises(ChangeLayerRefused) as caught:
        check(desk, tmp_path, geojson(shapes[:2]))
    assert len(caught.value.errors) == 2, "neither kind nor day is named, nor given"
    given = check(desk, tmp_path, geojson(shapes), kind="clear_cut", day=date(2026, 6, 1))
    assert {(row.kind, row.happened_on) for row in given.rows} == {("clear_cut", date(2026, 6, 1))}
    for content, name in ((b"", "a.geojson"), (b"x", "a.exe"), (b"{}", "a.geojson"), (b"PK\3\4", "a.zip")):
        with pytest.raises(ChangeLayerRefused):
            check(desk, tmp_path, content, name=name)


def test_a_bureaus_own_shapefile_in_the_zone_is_read(desk: World, tmp_path: Path) -> None:
    """GBK names, no .cpg, EPSG:4526, a date field: the square that burnt is the square of the register."""
    rows = [{"BHLX": "火烧", "FSRQ": "20260504"}]
    frame = geopandas.GeoDataFrame(rows, geometry=[box(200.0, 1000.0)], crs=PLANE)
    pyogrio.write_dataframe(frame, tmp_path / "layer.shp", driver="ESRI Shapefile", encoding="GBK")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for part in (".shp", ".shx", ".dbf", ".prj"):
            archive.writestr(f"火烧{part}", (tmp_path / f"layer{part}").read_bytes())
    layer = enter(desk, check(desk, tmp_path, out.getvalue(), name="火烧.zip"))
    [(flag, _code)] = flags_of(desk, layer)
    assert (layer.epsg, flag.kind, round(flag.share, 6)) == (PLANE, "fire", 1)


# --- over HTTP ------------------------------------------------------------------------------------


def test_import_look_and_review_over_http(world: World, tmp_path: Path) -> None:
    world.app.register_blueprint(land_change_api)
    house = world.app.extensions["carbon"]
    settings = Settings(mode="test", database_url=world.url, var=tmp_path / "var")
    world.app.extensions["carbon"] = replace(house, settings=settings)
    batch, _other = batch_codes(world)

    def upload(who: str, content: bytes, **fields: str) -> Any:
        form = {"file": (io.BytesIO(content), "火.geojson"), "source": "卫星（测试）", **fields}
        return world.call(who, "POST", "/land-changes", data=form)

    assert upload("operator", geojson([BURNT], FIRE)).status_code == 403
    assert upload("", geojson([BURNT], FIRE)).status_code == 401
    refused = upload("officer", geojson([BURNT], {"x": 1}))
    assert (refused.status_code, refused.json["code"]) == (422, "credits.change_layer_refused")
    made = upload("officer", geojson([BURNT, box(200, 1000)], FIRE))
    assert made.status_code == 201, made.text
    number = made.json["number"]
    assert made.json["counts"]["parcels"] == 2
    assert not any((tmp_path / "var" / "uploads").iterdir())
    listed = world.get("ecology", f"/land-changes/{number}/flags", status="open")
    assert [item["status"] for item in listed["items"]] == ["open", "open"]
    assert {one["batch"] for item in listed["items"] for one in item["ranges"]} == {batch}
    assert world.call("xinxian", "GET", f"/land-changes/{number}").status_code == 404
    shapes = json.loads(world.call("officer", "GET", f"/land-changes/{number}/flags.geojson").text)
    assert len(shapes["features"]) == 4
    assert "right_holder" not in str(shapes)

    def decide_over_http(who: str, key: str | None = None, **body: Any) -> Any:
        headers = {"Authorization": f"Bearer {world._token(who)}", "Idempotency-Key": key or uuid4().hex}
        body = {"note": "现场看过"} | body
        return world.app.test_client().post(
            f"/api/v1/land-changes/{number}/review", json=body, headers=headers
        )

    first = listed["items"][0]["number"]
    assert decide_over_http("officer", decision="clear").status_code == 403
    assert decide_over_http("ecology", decision="confirm").json["errors"][0]["field"] == "document"
    assert decide_over_http("ecology", decision="clear", flags=["XY-G2026-999999-0001"]).status_code == 404
    key = uuid4().hex
    done = [decide_over_http("ecology", key, decision="clear", flags=[first]) for _ in range(2)]
    assert [answer.status_code for answer in done] == [201, 201], "the second click"
    assert done[0].json == done[1].json
    assert done[0].json[0]["status"] == "cleared"
    rest = decide_over_http("ecology", decision="confirm", document="信环函 1 号", share_percent=10)
    assert len(rest.json[0]["invalidations"]) == 1
    assert decide_over_http("ecology", decision="clear").status_code == 404
    assert held_by(world, batch, "operator") > 0
    layers = world.db.read(lambda s: s.scalars(sa.select(LandChangeLayer)).all())
    assert [layer.number for layer in layers] == [number]
    assert standstill.PREFIX
