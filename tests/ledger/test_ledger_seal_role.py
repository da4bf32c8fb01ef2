"""PostgreSQL: the role under which the platform runs can post and seal, and change nothing written."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa
from books import BANK, NOW, assert_sound, cash, holding, post
from sealed import DAY, KEY_ID, seal, sign, tell
from sqlalchemy.exc import ProgrammingError

from carbon_platform import ledger
from carbon_platform.app import create_app
from carbon_platform.config import Settings
from carbon_platform.db import Database
from carbon_platform.ledger import Move
from carbon_platform.web import platform

pytestmark = pytest.mark.postgresql

WRITTEN_ONCE = {
    "ledger_entry": "note",
    "ledger_transfer": "amount",
    "ledger_movement": "last",
    "ledger_hold_use": "amount",
    "ledger_block": "hash",
    "ledger_head": "signature",
    "audit_record": "action",
}


def migrated(url: str) -> None:
    app = create_app(Settings(mode="test", database_url=url))
    assert app.test_cli_runner().invoke(args=["db", "upgrade"]).exit_code == 0
    platform(app).db.dispose()


@pytest.fixture
def role(fresh_database: Callable[..., str]) -> Iterator[tuple[Database, Database]]:
    """(as the role, as the owner): one migrated database, the grants made by the command."""
    url = fresh_database("postgresql", migrated)
    name = f"carbon_app_{uuid.uuid4().hex[:8]}"
    app = create_app(Settings(mode="test", database_url=url))
    owner = platform(app).db
    run = app.test_cli_runner()
    missing = run.invoke(args=["db", "grant-app-role", name])
    assert missing.exit_code == 1 and f"CREATE ROLE {name}" in missing.output
    with owner.engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE ROLE {name} NOLOGIN")
    for _ in range(2):
        granted = run.invoke(args=["db", "grant-app-role", name])
        assert granted.exit_code == 0, granted.output
    # Every connection is the role's from its first moment, as if it had logged in.
    restricted = Database(
        sa.make_url(url)
        .update_query_dict({"options": f"-crole={name}"})
        .render_as_string(hide_password=False)
    )
    yield restricted, owner
    restricted.dispose()
    with owner.engine.begin() as connection:
        connection.exec_driver_sql(f"DROP OWNED BY {name}")
        connection.exec_driver_sql(f"DROP ROLE {name}")
    owner.dispose()


def test_the_role_posts_seals_signs_and_verifies(role: tuple[Database, Database]) -> None:
    restricted, _ = role
    tell(restricted)
    post(restricted, "more", Move(BANK, cash("c"), 5), now=NOW + 2 * DAY)
    assert seal(restricted, NOW + 2 * DAY).entries == 1
    assert sign(restricted, NOW + 3 * DAY)
    assert restricted.read(lambda s: ledger.prove(s, 8))["block"]["number"] == 4
    assert restricted.read(lambda s: ledger.verify(s, {KEY_ID})).ok


@pytest.mark.parametrize("table", WRITTEN_ONCE)
def test_the_role_cannot_change_what_is_written(role: tuple[Database, Database], table: str) -> None:
    restricted, _ = role
    column = WRITTEN_ONCE[table]
    for statement in (
        f"UPDATE {table} SET {column} = {column}",
        f"DELETE FROM {table}",
        f"TRUNCATE {table}",
        f"ALTER TABLE {table} DISABLE TRIGGER ALL",
        f"DROP TABLE {table}",
    ):
        with pytest.raises(ProgrammingError) as refused, restricted.engine.begin() as connection:
            connection.exec_driver_sql(statement)
        assert refused.value.orig.sqlstate == "42501", statement


def test_the_role_cannot_go_round_the_rules(role: tuple[Database, Database]) -> None:
    restricted, owner = role
    tell(restricted)
    for statement in (
        "SET session_replication_role = replica",
        "SELECT setval(pg_get_serial_sequence('ledger_entry', 'id'), 1)",
        "CREATE TRIGGER t BEFORE INSERT ON ledger_entry EXECUTE FUNCTION ledger_refuse_change()",
        "DROP FUNCTION ledger_refuse_change()",
        # PostgreSQL answers a grant by somebody without the right to it with no more than a warning.
        "GRANT UPDATE ON ledger_entry TO current_user; UPDATE ledger_entry SET note = ''",
    ):
        with pytest.raises(ProgrammingError) as refused, restricted.engine.begin() as connection:
            connection.exec_driver_sql(statement)
        assert refused.value.orig.sqlstate == "42501", statement
    assert_sound(owner)
    assert holding("a").role == "holding"


@pytest.mark.parametrize(
    "name", ["", "Carbon", "a b", "a;drop table ledger_entry", 'a"b', "1a", "a" * 64, "角色"]
)
def test_odd_role_names_are_refused(name: str) -> None:
    with pytest.raises(ledger.RoleNameInvalid) as refused:
        ledger.grants_ddl(name)
    assert repr(name) in refused.value.message("en")
