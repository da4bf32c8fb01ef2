"""The daily file both ways, its faults, the score of a week and the warning."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from partner_world import BUS, NOW, ONE_ENGINE, Bus, Caller, ride

from carbon_platform.citizens.scene_tables import Scene
from carbon_platform.db import Database
from carbon_platform.partners import quality, rules
from carbon_platform.partners.chores import forget_used, judge_quality
from carbon_platform.partners.errors import ReconciliationInvalid
from carbon_platform.partners.reconciliation import as_csv, read_file
from carbon_platform.partners.rules import Tally
from carbon_platform.partners.tables import PartnerNonce, PartnerPush

DAY = "2026-11-21"


def totals(*rows: str) -> bytes:
    return "\r\n".join(["day,behaviour,records,quantity", *rows]).encode()


def test_totals_agree_or_the_difference_is_named(
    bus: Bus, rider: Caller, staff: Callable[[str], Caller]
) -> None:
    bus.push([ride(1), ride(2), ride(3, behaviour="XI14", distance_m=5_500)])
    bus.push([ride(1)])  # a duplicate adds nothing
    bus.push([{"external_id": "r-2"}], "reversals")
    good = bus.send("reconciliations", totals(f"{DAY},XI14b,2,2", f"{DAY},XI14,1,5.5"), "text/csv")
    assert good.status_code == 200 and good.json["outcome"] == "agreed", good.json
    bad = bus.send("reconciliations", totals(f"{DAY},XI14b,3,3"), "text/csv")
    assert bad.json["outcome"] == "differs"
    found = {
        (row["behaviour"], row["field"]): (row["theirs"], row["ours"]) for row in bad.json["differences"]
    }
    assert found == {
        ("XI14b", "records"): (3, 2), ("XI14b", "quantity_milli"): (3_000, 2_000),
        ("XI14", "records"): (0, 1), ("XI14", "quantity_milli"): (0, 5_500),
    }  # fmt: skip
    assert "相差 1" in bad.get_data(as_text=True)
    listed = staff("scene_operator").get(f"/scenes/{BUS}/reconciliations").json
    assert [(row["day"], row["outcome"]) for row in listed] == [(DAY, "differs")]


@ONE_ENGINE
def test_our_side_as_a_file(bus: Bus, rider: Caller, app: Flask) -> None:
    bus.push([ride(1), ride(2)])
    path = "/api/v1/partner/reconciliations"
    line = f'{{"day": "{DAY}", "behaviour": "XI14b", "records": 2, "quantity": "2"}}'
    for query, expected in (
        (f"day={DAY}&format=csv", f"day,behaviour,records,quantity\r\n{DAY},XI14b,2,2\r\n"),
        (f"day={DAY}&format=ndjson", f"{line}\n"),
    ):
        headers = bus.headers("GET", path, b"", query=query)
        answer = app.test_client().get(path, headers=headers, query_string=query)
        assert answer.get_data(as_text=True).removeprefix("\ufeff") == expected
        # what we hand out can be handed in
        sent = bus.send("reconciliations", answer.get_data(), "text/csv")
        assert sent.json["outcome"] == "agreed", sent.json
    query = f"day={DAY}"
    headers = bus.headers("GET", path, b"", query=query)
    ours = app.test_client().get(path, headers=headers, query_string=query).json
    assert ours["ours"] == {"XI14b": {"records": 2, "quantity_milli": 2_000}}


def test_missing_records_are_named(bus: Bus, rider: Caller) -> None:
    bus.push([ride(1)])
    rows = [f'{{"day": "{DAY}", "record_id": "{name}", "behaviour": "XI14b", "quantity": 1}}'
            for name in ("r-1", "r-9")]  # fmt: skip
    answer = bus.send("reconciliations", "\n".join(rows).encode())
    assert answer.json["outcome"] == "differs"
    assert "记录 r-9" in answer.get_data(as_text=True) and "记录 r-1 " not in answer.get_data(as_text=True)


@ONE_ENGINE
def test_two_days_in_a_file_and_other_faults(bus: Bus) -> None:
    for body, word in (
        (totals(f"{DAY},XI14b,1,1", "2026-11-20,XI14b,1,1"), "第 3 行"),
        (totals(f"{DAY},XI14b,-1,1"), "第 2 行"),
        (totals(f"{DAY},XI14b,1,1.0005"), "三位小数"),
        (totals(f"{DAY},XI14b,1,NaN"), "第 2 行"),
        (totals(f"{DAY},<b>,1,1"), "不对"),
        (totals("gestern,XI14b,1,1"), "2026-11-22"),
        (totals(), "没有数据行"),
        (b"a,b\n1,2", "a、b"),
        (b"{not json", "第 1 行"),
        (b"\xff\xff", "编码"),
    ):
        answer = bus.send("reconciliations", body, "text/csv")
        assert answer.status_code == 422 and word in answer.json["detail"], (body, answer.json)


@given(
    st.dictionaries(
        st.from_regex(r"[A-Z]{2}[0-9]{2}", fullmatch=True),
        st.fixed_dictionaries({"records": st.integers(0, 10**6), "quantity_milli": st.integers(0, 10**12)}),
        min_size=1,
    )
)
def test_a_file_reads_back_as_it_was_written(found: dict[str, dict[str, int]]) -> None:
    read = read_file(as_csv(DAY, found).encode())
    assert read.totals == found
    assert rules.differences(read.totals, found) == []


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 40 * 86_400))
def test_a_score_is_a_score(received: int, conflicts: int, refused: int, late: int) -> None:
    rows = received + conflicts + refused
    found = rules.quality(
        Tally(rows, received, 0, conflicts, refused, late), days_reconciled=7, days_agreed=7
    )
    assert 0 <= found.score <= 100
    worse = rules.quality(
        Tally(rows + 1, received, 0, conflicts, refused + 1, late), days_reconciled=7, days_agreed=6
    )
    assert not rows or worse.score <= found.score


def test_bad_data_warn_the_scene_once(
    bus: Bus, rider: Caller, db: Database, clock: dict[str, datetime]
) -> None:
    bus.push([ride(number) for number in range(30)])
    assert judge_quality(db, now=clock["now"])[0] == "ok"  # too few rows to judge
    bus.push(["broken"] * 90)
    score = db.read(lambda session: quality.quality(session, BUS, now=clock["now"]))
    assert score.rows == 120 and score.score < rules.SCORE_WARNING
    assert judge_quality(db, now=clock["now"]) == ("alarm", f"warned: {BUS}")
    assert judge_quality(db, now=clock["now"])[0] == "ok"
    assert db.read(lambda session: session.get(Scene, BUS).state) == "warned"
    assert bus.push([ride(40)]).json["received"] == 1  # a warning is no stop


@ONE_ENGINE
def test_used_nonces_go_but_not_too_early(bus: Bus, rider: Caller, db: Database) -> None:
    bus.push([ride(1)])

    def left() -> Any:
        return db.read(lambda session: session.query(PartnerNonce).count())

    assert forget_used(db, now=NOW)[0] == "ok" and left() == 2
    forget_used(db, now=NOW + 4 * rules.WINDOW)
    assert left() == 0 and db.read(lambda session: session.query(PartnerPush).count()) == 1


def test_the_standard_vectors() -> None:
    """SM3 of ``abc`` as GB/T 32905-2016 prints it; SHA-256 as FIPS 180-4 does."""
    assert rules.body_digest(rules.SM3, b"abc") == (
        "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
    )
    assert rules.body_digest(rules.SHA256, b"abc") == (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )


@pytest.mark.parametrize("at", ["", "-1", "1e9", "soon", "9" * 13])
def test_a_time_that_is_none_is_out_of_the_window(at: str) -> None:
    assert not rules.in_window(at, NOW)


def test_a_file_of_record_numbers_that_name_somebody_is_refused() -> None:
    body = f"day,record_id,behaviour,quantity\r\n{DAY},13800000000-1,XI14b,1".encode()
    with pytest.raises(ReconciliationInvalid) as refused:
        read_file(body)
    assert "第 2 行" in refused.value.message("zh") and "13800000000" not in refused.value.message("zh")
