"""Previews of a parameter change: right by a second computation, and without a trace in stored results."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from project_world import (
    CAMELLIA,
    LAND,
    NOW,
    PASSWORD,
    PERIOD,
    RICE,
    RICE_PERIOD,
    World,
    camellia_row,
    prepare_world,
    rice_row,
)

from carbon_platform.app import create_app
from carbon_platform.config import Settings
from carbon_platform.credits import assessment, impact
from carbon_platform.credits.fragments import FragmentRefused, published, read_fragment
from carbon_platform.credits.tables import AssessmentRun, RunRow
from carbon_platform.identity.rules import SYSTEM
from carbon_platform.identity.service import add_user
from carbon_platform.web import platform
from methodologies import registry
from methodologies.errors import InvalidDeclaration
from methodologies.parameters import ParameterSet

KEY = "camellia_oil_v1"
PREVIEW = "/parameter-previews"
CLEANER = """
[ef_diesel]
value = 0.003
from = 2027-01-01
source = "IPCC AR6 WG1"
page = "Table 7.15"
status = "secondary"
low = 0.001
high = 0.005
"""


@pytest.fixture
def world(engine_name: str, fresh_database: Callable[..., str]) -> Iterator[World]:
    world = World(fresh_database(engine_name, prepare_world))
    yield world
    world.close()


def fragment(name: str, value: float, start: str = "2027-01-01", **more: str) -> str:
    lines = {"source": '"IPCC AR6 WG1"', "status": '"secondary"', "page": '"Table 7.15"'} | more
    return f"[{name}]\nvalue = {value}\nfrom = {start}\n" + "".join(f"{k} = {v}\n" for k, v in lines.items())


def ask(world: World, text: str, key: str = KEY, who: str = "authority") -> Any:
    return world.post(who, PREVIEW, {"methodology_key": key, "fragment": text})


def everything_stored(world: World) -> str:
    """An own fingerprint of both tables, cell by cell, with every status."""

    def read(session: Any) -> str:
        total = hashlib.sha256()
        for table in (AssessmentRun.__table__, RunRow.__table__):
            for line in session.execute(sa.select(table).order_by(*table.primary_key.columns)):
                total.update(repr(tuple(line)).encode())
        return total.hexdigest()

    return world.db.read(read)


def diesel(world: World) -> float:
    [value] = [
        p["value"] for p in world.get("", f"/methodologies/{KEY}")["parameters"] if p["name"] == "ef_diesel"
    ]
    return float(value)


def test_old_and_new_per_run_and_county_by_hand(world: World) -> None:
    """Diesel enters linearly: each parcel burns 100 L, 10 % risk is taken off what is positive."""
    run = world.run(world.camellia_project(p411523_2={"n_synthetic_kg_per_ha_per_year": 600.0}))
    before, ef = everything_stored(world), diesel(world)
    proposed = round(ef * 1.25, 9)
    told = ask(world, fragment("ef_diesel", proposed, low=str(ef / 2), high=str(ef * 2)))
    [one] = told["result"]["runs"]
    rows = {r["parcel_code"]: r["net_t"] for r in world.get("verifier", f"/runs/{run['code']}/rows")["items"]}
    assert rows["411523-2"] < 0 < rows["411523-1"]
    extra = (proposed - ef) * 100.0
    by_hand = {code: -extra * (0.9 if net > 0 else 1.0) for code, net in rows.items()}
    assert one["old_t"] == run["net_t"] and one["replays"] and one["stored_sum_agrees"]
    assert math.isclose(one["delta_t"], sum(by_hand.values()), rel_tol=1e-9)
    assert one["new_issuable_t"] == math.floor(one["new_t"]) and one["parcels_changed"] == len(rows)
    assert (one["uses"], one["in_force_then"], one["newest"]) == (["ef_diesel"], False, True)
    for county in one["counties"]:
        own = [code for code in rows if code.startswith(county["county_code"])]
        assert county["parcels"] == len(own)
        assert math.isclose(county["old_t"], sum(rows[code] for code in own), rel_tol=1e-12)
        assert math.isclose(county["delta_t"], sum(by_hand[code] for code in own), rel_tol=1e-8)
    totals = told["result"]["counties"]
    assert [c["county_code"] for c in totals] == ["411522", "411523"]
    assert math.isclose(sum(c["new_t"] for c in totals), one["new_t"], rel_tol=1e-12)
    assert everything_stored(world) == before
    assert LAND["411522-1"][1] == 10.0


def test_stored_results_never_move(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Preview, then the value is published and in force: what was stored stays and comes out again."""
    project = world.camellia_project()
    first = world.run(project)
    seen = world.get("verifier", f"/runs/{first['code']}")
    before = everything_stored(world)
    told = ask(world, CLEANER)
    assert everything_stored(world) == before
    again = ask(world, CLEANER)
    assert again["results_digest"] == told["results_digest"] and again["result"] == told["result"]

    old = registry()[KEY]
    changes = read_fragment(old, CLEANER)
    monkeypatch.setitem(registry(), KEY, replace(old, parameters=published(old, changes)))
    world.now = datetime(2027, 1, 2, tzinfo=UTC)
    world.tokens.clear()
    assert world.get("", f"/methodologies/{KEY}")["parameter_digest"] == told["proposed_digest"]
    assert world.db.read(lambda s: assessment.replay_run(s, stored(s, first["code"]))) == []
    assert everything_stored(world) == before
    assert world.get("verifier", f"/runs/{first['code']}") == seen
    # A new run of the same readings takes the new value, and gives what the preview said.
    second = world.run(project)
    [promised] = told["result"]["runs"]
    assert second["net_t"] == promised["new_t"] != first["net_t"]
    assert second["parameter_digest"] == told["proposed_digest"]
    assert world.db.read(lambda s: stored(s, first["code"])).net_t == first["net_t"]


def stored(session: Any, code: str) -> AssessmentRun:
    found: AssessmentRun = session.scalars(sa.select(AssessmentRun).filter_by(code=code)).one()
    return found


def test_a_preview_that_meets_moving_results_is_not_kept(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.run(world.camellia_project())
    real = impact._result

    def tampering(session: Any, *rest: Any) -> Any:
        result = real(session, *rest)
        world.db.transact(lambda s: s.execute(sa.update(RunRow).values(net_t=RunRow.net_t + 1e-9)))
        return result

    monkeypatch.setattr(impact, "_result", tampering)
    body = {"methodology_key": KEY, "fragment": CLEANER}
    assert world.refused("authority", "POST", PREVIEW, body) == (409, "credits.stored_results_moved")
    assert world.get("authority", PREVIEW) == []


def test_only_runs_that_use_it_move_and_only_the_newest_counts(world: World) -> None:
    project = world.camellia_project()
    world.run(project)
    world.monitor(project, [camellia_row(code, diesel_l=400.0) for code in CAMELLIA], PERIOD)
    world.later(minutes=1)
    second = world.run(project)
    rice = world.project(methodology="ratoon_rice_v1")
    world.post("operator", f"/projects/{rice}/parcels", {"codes": RICE})
    world.monitor(rice, [rice_row(code) for code in RICE], RICE_PERIOD)
    world.run(rice, RICE_PERIOD)
    told = ask(world, CLEANER)["result"]
    assert [(one["newest"], one["old_t"] == second["net_t"]) for one in told["runs"]] == [
        (False, False),
        (True, True),
    ]
    assert math.isclose(sum(c["old_t"] for c in told["counties"]), second["net_t"], rel_tol=1e-12)
    assert told["runs_changed"] == 2
    # A parameter no equation of these parcels read moves nothing.
    used = {parameter["name"] for parameter in second["parameters"]}
    idle = next(parameter for parameter in registry()[KEY].parameters if parameter.name not in used)
    middle = (idle.low + idle.high) / 2
    unused = ask(world, fragment(idle.name, middle))["result"]
    assert unused["runs_changed"] == 0 and all(one["delta_t"] == 0 for one in unused["runs"])
    assert ask(world, CLEANER, "ratoon_rice_v1")["result"]["runs"]


def test_the_digest_is_the_one_the_file_will_have(tmp_path: Path) -> None:
    """The line written into the parameter file by hand: the days before keep digest, value and source."""
    for key in ("camellia_oil_v1", "ratoon_rice_v1"):
        methodology = registry()[key]
        proposed = published(methodology, read_fragment(methodology, CLEANER))
        old = (methodology.folder / "parameters.toml").read_text(encoding="utf-8")
        head, section, rest = old.partition("[ef_diesel]\n")
        values, bracket, tail = rest.partition("values = [")
        last, end, after = tail.partition("]")
        line = (
            '{ from = 2027-01-01, value = 0.003, source = "IPCC AR6 WG1", page = "Table 7.15", '
            'status = "secondary", low = 0.001, high = 0.005 }'
        )
        made = head + section + values + bracket + f"{last.rstrip().rstrip(',')}, {line}" + end + after
        (tmp_path / "parameters.toml").write_text(made, encoding="utf-8")
        file = ParameterSet.load(tmp_path / "parameters.toml")
        # A method may also take parameters from shared forest data, which stay as they are.
        loaded = ParameterSet(
            {p.name: file.get(p.name) if p.name in file else p for p in methodology.parameters}
        )
        day = date(2027, 1, 1)
        assert loaded.digest(day) == proposed.digest(day) != methodology.parameters.digest(day)
        for past in (day - timedelta(days=1), date(2026, 1, 1)):
            assert loaded.digest(past) == proposed.digest(past) == methodology.parameters.digest(past)
        assert loaded.at(day)["ef_diesel"] == 0.003
        assert loaded.at(day).describe("ef_diesel").source == "IPCC AR6 WG1"


@pytest.mark.parametrize(
    "line",
    ['source = ""', "source = 3", 'status = "certain"', "low = 2.0", 'high = "x"', 'unit = "t"'],
)
def test_a_dated_line_is_checked_like_the_parameter(tmp_path: Path, line: str) -> None:
    old = (registry()[KEY].folder / "parameters.toml").read_text(encoding="utf-8")
    head, _, rest = old.partition("values = [")
    made = f"{head}values = [{{ from = 1990-01-01, value = 1.0, {line} }}, {rest}"
    (tmp_path / "parameters.toml").write_text(made, encoding="utf-8")
    with pytest.raises(InvalidDeclaration):
        ParameterSet.load(tmp_path / "parameters.toml")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[ef_diesel", "TOML"),
        ("", "没有参数"),
        (fragment("ef_petrol", 1.0), "ef_petrol"),
        ("ef_diesel = 3", "[ef_diesel]"),
        ("[ef_diesel]\nvalue = 1.0\n", "from"),
        (fragment("ef_diesel", 0.003, unit='"t"'), "unit"),
        (fragment("ef_diesel", 999.0), "999"),
        (fragment("ef_diesel", 0.003, status='"certain"'), "certain"),
        (fragment("ef_diesel", 0.003, source='""'), "source"),
        (fragment("ef_diesel", 0.003, source="3"), "source"),
        (fragment("ef_diesel", 0.003, low="nan"), "low"),
        ('[ef_diesel]\nvalue = true\nfrom = 2027-01-01\nsource = "x"\nstatus = "secondary"\n', "value"),
        ('[ef_diesel]\nvalue = 0.003\nfrom = "2027"\nsource = "x"\nstatus = "secondary"\n', "from"),
        (fragment("ef_diesel", 0.003, start="1999-01-01"), "1999-01-01"),
        ("x" * 20_001, "20000"),
        ("a = " + "[" * 9_000, "TOML"),
        (
            f'[ef_diesel]\nvalue = {"9" * 400}\nfrom = 2027-01-01\nsource = "x"\nstatus = "secondary"\n',
            "value",
        ),
        (
            f'[ef_diesel]\nvalue = {"9" * 5_000}\nfrom = 2027-01-01\nsource = "x"\nstatus = "secondary"\n',
            "TOML",
        ),
        (fragment("ef_diesel", 0.003, source='"x\\u0000"'), "控制字符"),
    ],
)
def test_a_fragment_that_is_wrong_is_named(text: str, words: str) -> None:
    with pytest.raises(FragmentRefused) as refused:
        read_fragment(registry()[KEY], text)
    assert words in refused.value.message("zh") and refused.value.message("en")


def test_a_day_that_has_a_value_is_refused() -> None:
    methodology = registry()[KEY]
    start = methodology.parameters.get("ef_diesel").values[-1].valid_from
    with pytest.raises(FragmentRefused):
        read_fragment(methodology, fragment("ef_diesel", 0.003, start=start.isoformat()))


def test_who_may_ask_and_who_may_read(world: World) -> None:
    world.run(world.camellia_project())
    body = {"methodology_key": KEY, "fragment": CLEANER}
    assert world.refused("operator", "POST", PREVIEW, body) == (403, "identity.not_allowed")
    assert world.refused("", "POST", PREVIEW, body) == (401, "identity.not_signed_in")
    unknown = body | {"methodology_key": "none_v1"}
    assert world.refused("authority", "POST", PREVIEW, unknown) == (422, "projects.unknown_methodology")
    assert world.refused("authority", "POST", PREVIEW, body | {"fragment": "["}) == (
        422,
        "credits.fragment_refused",
    )
    made = ask(world, body["fragment"])
    assert world.get("ecology", f"{PREVIEW}/{made['id']}") == made
    assert [one["id"] for one in world.get("ecology", PREVIEW, methodology_key=KEY)] == [made["id"]]
    assert world.get("ecology", PREVIEW, methodology_key="ratoon_rice_v1") == []
    assert world.refused("verifier", "GET", PREVIEW) == (403, "identity.not_allowed")
    assert world.refused("ecology", "GET", f"{PREVIEW}/99") == (404, "platform.not_found")


def test_asked_twice_is_one_preview_and_more_results_make_another(world: World) -> None:
    project = world.camellia_project()
    world.run(project)
    first = ask(world, CLEANER)
    assert ask(world, CLEANER) == first, "a second click"
    world.run(project)
    other = ask(world, CLEANER)
    assert other["id"] != first["id"] and len(other["result"]["runs"]) == 2
    assert [one["id"] for one in world.get("ecology", PREVIEW)] == [other["id"], first["id"]]


def test_a_county_s_desk_reads_no_preview_of_the_city(world: World) -> None:
    """A preview names runs and tonnes of every county: who sees one county sees only what it asked for."""
    world.run(world.camellia_project())
    whole = ask(world, CLEANER)["id"]
    desks = {"guangshan.authority": "authority", "guangshan.ecology": "ecology_bureau"}

    def open_desks(session: Any) -> None:
        for name, role in desks.items():
            add_user(
                session, SYSTEM, username=name, password=PASSWORD, display_name=name, role=role,
                region_code="411522", now=NOW, organisation_id=None,
            )  # fmt: skip

    world.db.transact(open_desks)
    for name in desks:
        assert world.get(name, PREVIEW) == []
        assert world.refused(name, "GET", f"{PREVIEW}/{whole}") == (404, "platform.not_found")
    own = ask(world, CLEANER, who="guangshan.authority")
    assert own["id"] != whole and own["result"]["runs"] == [], "the project is the city's"
    assert world.get("guangshan.ecology", f"{PREVIEW}/{own['id']}") == own
    assert [one["id"] for one in world.get("ecology", PREVIEW)] == [own["id"], whole]


def test_what_would_take_minutes_is_left_to_the_command(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.run(world.camellia_project())
    keep = partial(impact.preview, world.db.read, world.db.transact, world.actor("authority"),
                   methodology_key=KEY, fragment=CLEANER, now=NOW)  # fmt: skip
    with pytest.raises(impact.TooMuchAtOnce) as refused:
        keep(at_once=4)
    assert "5" in refused.value.message("zh") and "methodology preview" in refused.value.message("en")
    assert keep(at_once=None).result["runs_changed"] == 1


def test_the_command_keeps_one_preview_and_names_a_missing_file(world: World, tmp_path: Path) -> None:
    world.run(world.camellia_project())
    change = tmp_path / "cleaner.toml"
    change.write_text(CLEANER, encoding="utf-8")
    app = create_app(Settings(mode="test", database_url=world.db.url))
    run = app.test_cli_runner().invoke
    done = run(args=["methodology", "preview", KEY, str(change)])
    assert done.exit_code == 0, done.output
    assert "1 run(s), 1 moved" in done.output
    assert len(world.get("authority", PREVIEW)) == 1
    lost = run(args=["methodology", "preview", KEY, str(tmp_path / "nowhere.toml")])
    assert lost.exit_code == 1 and "nowhere.toml" in lost.output
    platform(app).db.dispose()
