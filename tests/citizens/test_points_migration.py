"""Migrations 0005 and 0019 on both engines: what was there stays, what would be misread is refused."""

from __future__ import annotations

import warnings
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from alembic import command

from carbon_platform.migrate import alembic_config

AT = datetime(2026, 11, 1, tzinfo=UTC).isoformat(sep=" ")
REWARD = (
    "INSERT INTO reward (code, name_zh, name_en, provider_zh, price_points, value_fen, stock, active, "
    "status, source) VALUES ('soap', '皂', 'soap', '店', 60, 1, 9, {true}, 'illustrative', 'test')"
)
VOUCHER = (
    "INSERT INTO redemption (id, holder, reward_code, name_zh, name_en, price_points, voucher_code, status, "
    "entry_id, redeemed_at) VALUES (:id, 'person-1', :reward, '皂', 'soap', 60, :code, :status, 1, :at)"
)


def voucher(number: int, *, reward: str = "soap", code: str = "", status: str = "ready") -> dict[str, object]:
    return {"id": number, "reward": reward, "code": code or f"XY-{number}", "status": status, "at": AT}


@pytest.fixture
def migrated(database_url: str) -> sa.Engine:
    """A database that had a voucher before the migration."""
    config = alembic_config(database_url)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        command.upgrade(config, "0004")
        engine = sa.create_engine(database_url)
        true = "true" if engine.dialect.name == "postgresql" else "1"
        with engine.begin() as connection:
            connection.exec_driver_sql(REWARD.format(true=true))
            connection.execute(sa.text(VOUCHER), voucher(1))
        command.upgrade(config, "0005")
    return engine


def test_vouchers_stay_and_only_known_states_are_taken(migrated: sa.Engine, database_url: str) -> None:
    with migrated.begin() as connection:
        row = connection.execute(sa.text("SELECT * FROM redemption")).mappings().one()
        assert (row["voucher_code"], row["status"], row["refund_entry_id"]) == ("XY-1", "ready", None)
        limit = connection.execute(sa.text("SELECT person_month_limit FROM reward")).scalar_one()
        assert limit is None, "no limit is put on anybody by a migration"
        connection.execute(sa.text(VOUCHER), voucher(2, status="refunded"))
    for wrong in (voucher(3, status="burnt"), voucher(4, code="XY-1")):
        with pytest.raises(sa.exc.IntegrityError), migrated.begin() as connection:
            connection.execute(sa.text(VOUCHER), wrong)
    indexes = {index["name"] for index in sa.inspect(migrated).get_indexes("redemption")}
    assert {"ix_redemption_holder", "ix_redemption_reward_code"} <= indexes
    assert [key["referred_table"] for key in sa.inspect(migrated).get_foreign_keys("redemption")] == [
        "reward"
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        command.downgrade(alembic_config(database_url), "0004")
    with migrated.begin() as connection:
        assert connection.execute(sa.text("SELECT voucher_code FROM redemption")).scalars().all() == ["XY-1"]
    with pytest.raises(sa.exc.IntegrityError), migrated.begin() as connection:
        connection.execute(sa.text(VOUCHER), voucher(5, status="refunded"))
    migrated.dispose()


def test_points_in_dated_lots_keep_the_schema(migrated: sa.Engine, database_url: str) -> None:
    tables = sa.MetaData()
    tables.reflect(migrated, only=["act"])
    act = tables.tables["act"]
    blank = {int: 1, str: "", bool: False, datetime: datetime(2026, 11, 1, tzinfo=UTC)}
    values = {c.name: blank[c.type.python_type] for c in act.columns if not c.nullable}
    dated = {"points": 12, "status": "counted", "points_lot": "2027-12-31", "points_state": "pending"}
    with migrated.begin() as connection:
        connection.execute(sa.insert(act).values(values | dated))
    config = alembic_config(database_url)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for state in ("pending", "active", "expired", "withdrawn"):
            with migrated.begin() as connection:
                connection.execute(sa.update(act).values(points_state=state))
            with pytest.raises(RuntimeError, match=f"{state}: 1 acts, 12 points"):
                command.downgrade(config, "0004")
        with migrated.begin() as connection:
            # Nothing was changed by the refusals; acts from before dated lots are no hindrance.
            connection.execute(sa.text(VOUCHER), voucher(2, status="refunded"))
            assert connection.execute(sa.select(act.c.points_lot)).scalar_one() == "2027-12-31"
            connection.execute(sa.update(act).values(points_state="", points_lot=""))
        command.downgrade(config, "0004")
    migrated.dispose()


def test_rules_and_points_to_fetch_keep_the_schema(database_url: str) -> None:
    config = alembic_config(database_url)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        command.upgrade(config, "0019")
    engine = sa.create_engine(database_url)
    tables = sa.MetaData()
    tables.reflect(engine, only=["act", "points_rule"])
    act, rule = tables.tables["act"], tables.tables["points_rule"]
    blank = {int: 1, str: "", bool: False, datetime: datetime(2026, 11, 1, tzinfo=UTC)}

    def row(table: sa.Table, **values: object) -> dict[str, object]:
        required = [column for column in table.columns if not column.nullable]
        return {column.name: blank.get(column.type.python_type, {}) for column in required} | values

    waiting = row(act, status="counted", points_state="pending", claim_by=datetime(2026, 12, 1, tzinfo=UTC))
    made = row(rule, version="points-2026-2", state="published", decided_by="王敏", decided_by_id=2)
    with engine.begin() as connection:
        connection.execute(sa.insert(act).values(waiting))
        connection.execute(sa.insert(rule).values(made))
    for first in (True, False):
        with pytest.raises(sa.exc.IntegrityError), engine.begin() as connection:
            again = (
                made
                | {"version": "points-2026-3"}
                | ({} if first else {"proposed_by_id": 2, "valid_from": "x"})
            )
            connection.execute(sa.insert(rule).values(again))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(RuntimeError, match="points of 1 acts wait"):
            command.downgrade(config, "0018")
        with engine.begin() as connection:
            connection.execute(sa.update(act).values(claim_by=None, points_state=""))
        with pytest.raises(RuntimeError, match="points-2026-2"):
            command.downgrade(config, "0018")
        with engine.begin() as connection:
            connection.execute(sa.update(rule).values(decided_by=""))
        command.downgrade(config, "0018")
    engine.dispose()
