"""A used PostgreSQL database comes back as it was, or not at all."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from pg_reuse import restore

pytestmark = pytest.mark.postgresql


def prepare_seeded(url: str) -> None:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE region (id bigserial PRIMARY KEY, name text)")
        connection.exec_driver_sql("CREATE TABLE parcel (id bigserial, region_id bigint REFERENCES region)")
        connection.exec_driver_sql("INSERT INTO region (name) VALUES ('浉河'), ('平桥')")


def rows(url: str, *statements: str) -> list[tuple[object, ...]]:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        for statement in statements[:-1]:
            connection.exec_driver_sql(statement)
        return [tuple(row) for row in connection.exec_driver_sql(statements[-1])]


def test_rows_and_sequences_return(fresh_database: Callable[..., str]) -> None:
    url = fresh_database("postgresql", prepare_seeded)
    next_ids = "SELECT nextval('region_id_seq'), nextval('parcel_id_seq')"
    assert rows(
        url,
        "UPDATE region SET name = 'x' WHERE id = 1",
        "INSERT INTO region (name) VALUES ('新')",
        "INSERT INTO parcel (region_id) VALUES (3), (3)",
        next_ids,
    ) == [(4, 3)]
    assert restore(url)
    assert rows(url, "SELECT id, name FROM region ORDER BY id") == [(1, "浉河"), (2, "平桥")]
    assert rows(url, "SELECT count(*) FROM parcel") == [(0,)]
    assert rows(url, next_ids) == [(3, 1)]


@pytest.mark.parametrize(
    "change",
    [
        "CREATE TABLE other (id bigint)",
        "DROP TABLE parcel",
        "ALTER TABLE region ADD COLUMN code text",
        "ALTER TABLE region ALTER COLUMN name SET NOT NULL",
        "ALTER TABLE parcel DROP CONSTRAINT parcel_region_id_fkey",
        "CREATE INDEX by_name ON region (name)",
    ],
)
def test_a_changed_schema_is_noticed(fresh_database: Callable[..., str], change: str) -> None:
    url = fresh_database("postgresql", prepare_seeded)
    rows(url, change, "SELECT 1")
    assert not restore(url)
