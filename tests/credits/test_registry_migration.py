"""Certificates on file survive the change of tables, up and down, with the digest that was printed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from project_world import NOW

from carbon_platform.credits import certificates, retirement, tracing
from carbon_platform.db import Database
from carbon_platform.ledger import HOLDING, ISSUANCE, PLATFORM, RETIRED, AccountKey, Asset, Entry, Move, post
from carbon_platform.migrate import alembic_config

BATCH = "XY-PH-camellia_oil_v1-P0001-411522-2025"
NUMBER = "XY-C2026-000001"
# What the older program printed, and the digest it took of it.
PRINTED = {
    "certificate_number": NUMBER,
    "quantity_kg": 30,
    "quantity_t": "0.030",
    "serials": [f"{BATCH}-1-20", f"{BATCH}-31-40"],
    "batch": BATCH,
    "project_code": "XY-P0001",
    "project_name": "油茶园（测试）",
    "methodology_key": "camellia_oil_v1",
    "methodology_name": "油茶林碳汇",
    "county_code": "411522",
    "county_name": "光山县",
    "vintage": 2025,
    "retired_by_organisation": "持有人（测试）",
    "beneficiary_name": "某会议（测试）",
    "beneficiary_credit_code": "",
    "purpose": "event",
    "purpose_zh": "会议活动",
    "consumption_from": "2026-11-01",
    "consumption_to": "2026-11-03",
    "consumption_place": "信阳市浉河区",
    "retired_at": "2026-11-22T04:00:00+00:00",
    "is_demo": True,
}
DIGEST = hashlib.sha256(json.dumps(PRINTED, ensure_ascii=False, sort_keys=True).encode()).hexdigest()


@pytest.fixture
def older(database_url: str) -> Iterator[Database]:
    """A database of the older tables with a certificate of two ranges and the ledger's entries for it."""
    command.upgrade(alembic_config(database_url), "0002")
    db = Database(database_url)
    tables = sa.MetaData()
    tables.reflect(db.engine)
    run: dict[str, Any] = {
        "id": 1, "code": "XY-R000001", "project_id": 1, "period_start": date(2025, 1, 1),
        "period_end": date(2026, 1, 1), "methodology_key": "camellia_oil_v1", "parameter_digest": "p",
        "input_digest": "i", "code_digest": "c", "gwp_set": "AR5", "as_of": date(2026, 11, 22),
        "parameters": [], "totals": {}, "net_t": 1.0, "issuable_t": 1, "deficit_t": 0.0, "parcel_count": 1,
        "area_m2": 1.0, "warnings": [], "status": "issued", "created_by": "t", "created_at": NOW,
    }  # fmt: skip
    rows: dict[str, dict[str, Any]] = {
        "organisation": {"id": 1, "name_zh": "持有人（测试）", "kind": "enterprise", "region_code": "4115",
                         "credit_code": "", "holder": "org:1"},
        "project": {"id": 1, "code": "XY-P0001", "name_zh": "油茶园（测试）", "scheme": "inclusion",
                    "methodology_key": "camellia_oil_v1", "region_code": "4115", "owner_organisation_id": 1,
                    "crediting_from": date(2021, 1, 1), "crediting_to": date(2041, 1, 1),
                    "status": "registered", "created_by": "t", "created_at": NOW},
        "assessment_run": run,
        "credit_batch": {"id": 7, "code": BATCH, "run_id": 1, "project_id": 1, "county_code": "411522",
                         "vintage": 2025, "quantity_kg": 1_000, "is_demo": True, "issued_at": NOW,
                         "issued_by": "t", "entry_reference": f"batch:{BATCH}:issue"},
        "retirement": {"id": 3, "certificate_number": NUMBER, "batch_id": 7, "organisation_id": 1,
                       "quantity_kg": 30, "ranges": [[1, 20], [31, 40]], "purpose": "event",
                       "beneficiary_name": "某会议（测试）", "beneficiary_credit_code": "",
                       "consumption_from": date(2026, 11, 1), "consumption_to": date(2026, 11, 3),
                       "consumption_place": "信阳市浉河区", "is_demo": True, "digest": DIGEST,
                       "retired_by": "t", "retired_at": NOW},
    }  # fmt: skip
    with db.engine.begin() as connection:
        for name, row in rows.items():
            connection.execute(sa.insert(tables.tables[name]).values(row))
    yield db
    db.dispose()


def key(role: str, holder: str) -> AccountKey:
    return AccountKey(role, holder, Asset.CREDIT, BATCH)


def book(db: Database) -> None:
    """The ledger of the certificate: 1–20 and 31–990 issued to the holder, the lowest 30 retired."""
    entries = [
        ("issue", "one", (key(ISSUANCE, PLATFORM), key(HOLDING, "org:1"), 20)),
        ("issue", "two", (key(ISSUANCE, PLATFORM), key(HOLDING, "org:2"), 10)),
        ("issue", "three", (key(ISSUANCE, PLATFORM), key(HOLDING, "org:1"), 960)),
        ("retire", f"retirement:{NUMBER}", (key(HOLDING, "org:1"), key(RETIRED, "org:1"), 30)),
    ]

    def work(session: Any) -> None:
        for reason, reference, move in entries:
            post(session, Entry(reason, reference, (Move(*move),), None, "t"), now=NOW)

    db.transact(work)


def row_of(db: Database, table: str) -> dict[str, Any]:
    with db.engine.connect() as connection:
        found = sa.Table(table, sa.MetaData(), autoload_with=connection)
        return dict(connection.execute(sa.select(found)).mappings().one())


def test_up_keeps_the_printed_digest_and_down_gives_the_columns_back(older: Database) -> None:
    before = row_of(older, "retirement")
    config = alembic_config(older.url)
    command.upgrade(config, "head")
    book(older)
    found = older.read(lambda s: retirement.get_retirement(s, NUMBER))
    assert (found.digest, json.loads(found.content)) == (DIGEST, PRINTED)
    assert older.read(lambda s: certificates.differences(s, found)) == []
    assert older.read(lambda s: tracing.spans_of(s, found)) == {7: [(1, 20), (31, 40)]}
    said = certificates.view(found)
    assert [line["batch"] for line in said["lines"]] == [BATCH]
    assert said["serials"] == PRINTED["serials"]
    older.engine.dispose()
    command.downgrade(config, "0002")
    assert row_of(older, "retirement") == before
    command.upgrade(config, "head")
    again = older.read(lambda s: retirement.get_retirement(s, NUMBER))
    assert (again.digest, again.content) == (DIGEST, found.content)


def test_several_batches_do_not_fit_the_older_tables(older: Database) -> None:
    config = alembic_config(older.url)
    command.upgrade(config, "head")
    with older.engine.begin() as connection:
        batch = sa.Table("credit_batch", sa.MetaData(), autoload_with=connection)
        row = dict(connection.execute(sa.select(batch)).mappings().one())
        connection.execute(sa.insert(batch).values(row | {"id": 8, "code": f"{BATCH}.2", "vintage": 2024}))
        line = {"retirement_id": 3, "position": 2, "batch_id": 8, "quantity_kg": 1}
        connection.execute(sa.insert(certificates.RetirementLine).values(line))
    older.engine.dispose()
    with pytest.raises(RuntimeError, match=NUMBER):
        command.downgrade(config, "0002")
    assert row_of(older, "retirement")["digest"] == DIGEST


def decided(status: str) -> dict[str, Any]:
    people = {"proposed_by": "a", "proposed_by_user": 1, "decided_by": "b", "decided_by_user": 2}
    return people | {"status": status, "proposed_at": NOW, "decided_at": NOW, "decision_note": ""}


def test_open_pledges_and_debts_are_not_dropped(older: Database) -> None:
    config = alembic_config(older.url)
    command.upgrade(config, "head")
    tables = sa.MetaData()
    tables.reflect(older.engine)
    pledge, cancellation = tables.tables["pledge"], tables.tables["cancellation"]
    batch = {"batch_id": 7, "quantity_kg": 40}
    paid = batch | decided("done") | {"organisation_id": 1, "make_good_id": 1, "kind": "make_good",
                                      "reason": "r", "document": "d"}  # fmt: skip
    with older.engine.begin() as connection:
        other = connection.execute(sa.select(tables.tables["organisation"])).mappings().one()
        connection.execute(
            sa.insert(tables.tables["organisation"]).values(
                {**other, "id": 2, "name_zh": "质权人", "holder": "o2"}
            )
        )
        texts = dict.fromkeys(
            ("contract_reference", "register_name", "register_reference", "pledged_by"), "x"
        )
        connection.execute(
            sa.insert(pledge).values(
                batch | texts | {"id": 1, "number": "XY-Z1", "pledger_id": 1, "pledgee_id": 2,
                                 "status": "pledged", "pledged_at": NOW}
            )
        )  # fmt: skip
        connection.execute(
            sa.insert(tables.tables["invalidation"]).values(
                batch | decided("confirmed") | {"id": 1, "number": "XY-I1", "reason": "r", "document": "d"}
            )
        )
        owed = {"id": 1, "invalidation_id": 1, "organisation_id": 1, "owed_kg": 100, "arose_at": NOW}
        connection.execute(sa.insert(tables.tables["make_good"]).values(owed))
        connection.execute(sa.insert(cancellation).values(paid | {"id": 1, "number": "XY-X1"}))
    steps: list[tuple[str, Any]] = [
        ("pledge XY-Z1 of 40 kg is open", sa.update(pledge).values(status="released", closed_at=NOW)),
        ("XY-I1 is still owed 60 kg",
         sa.insert(cancellation).values(paid | {"id": 2, "number": "XY-X2", "quantity_kg": 60})),
    ]  # fmt: skip
    for said, remedy in steps:
        older.engine.dispose()
        with pytest.raises(RuntimeError, match=said):
            command.downgrade(config, "0002")
        with older.engine.begin() as connection:
            connection.execute(remedy)
    older.engine.dispose()
    command.downgrade(config, "0002")
    assert row_of(older, "retirement")["digest"] == DIGEST
