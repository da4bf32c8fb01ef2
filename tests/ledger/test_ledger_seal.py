"""Sealing, and finding what was changed behind the seal: each field of each table in turn (R15)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa
from books import NOW, assert_sound, deposit, holding, issue, post, retired
from sealed import DAY, KEY_ID, MIDNIGHT, found, seal, sign, tamper, tell, told
from sqlalchemy.exc import DBAPIError

from carbon_platform import ledger
from carbon_platform.db import Database
from carbon_platform.ledger import Move, Sealed, seal_checks
from carbon_platform.ledger import seal as seal_rows


@pytest.fixture
def story(engine_name: str, fresh_database: Callable[..., str]) -> Iterator[Database]:
    database = Database(fresh_database(engine_name, told))
    yield database
    database.dispose()


def blocks(database: Database) -> list[tuple[int, int, int, int]]:
    """Number, first position, count, last entry of every block."""
    query = "SELECT number, first_position, count, through_entry_id FROM ledger_block ORDER BY number"
    return database.read(lambda s: [tuple(row) for row in s.execute(sa.text(query))])


def test_blocks_follow_each_other_without_a_gap(story: Database) -> None:
    assert blocks(story) == [(1, 1, 3, 3), (2, 4, 3, 6), (3, 7, 1, 7)]
    assert story.read(ledger.verify).counts["sealed"] == 7
    assert seal(story) == Sealed(blocks=0, entries=0), "nothing is sealed twice, no empty block"
    assert found(story) == {}


def test_a_day_is_signed_once_and_days_without_blocks_too(story: Database) -> None:
    assert sign(story, MIDNIGHT + DAY) == []
    made = sign(story, MIDNIGHT + 3 * DAY)
    assert [(head.day, head.first_block, head.block_number, head.entries) for head in made] == [
        ("2026-11-24", 4, 3, 7),
        ("2026-11-25", 4, 3, 7),
    ]
    days = story.read(lambda s: [head.day for head in ledger.signed_heads(s, limit=3)])
    assert days == ["2026-11-25", "2026-11-24", "2026-11-23"]
    assert found(story) == {}


def test_an_unsealed_ledger_has_no_head(database: Database) -> None:
    assert seal(database) == Sealed(0, 0)
    assert sign(database) == []
    deposit(database, "a", 1)
    assert seal(database) == Sealed(1, 1)
    assert sign(database, NOW) == [], "the day has not ended"


def test_a_day_ends_at_midnight_in_xinyang(database: Database) -> None:
    ends = MIDNIGHT - timedelta(minutes=5)
    for number, moment in enumerate((ends - timedelta(microseconds=1), ends)):
        post(database, f"p{number}", Move(holding("a"), retired("a"), 1), now=moment) if number else issue(
            database, "a", 5
        )
        seal(database, moment)
    assert [(h.day, h.block_number) for h in sign(database, ends + DAY)] == [
        ("2026-11-22", 1),
        ("2026-11-23", 2),
    ]


def test_a_clock_set_back_does_not_turn_the_chain(database: Database) -> None:
    deposit(database, "a", 1, "one")
    seal(database, NOW)
    deposit(database, "a", 1, "two")
    seal(database, NOW - DAY)
    assert found(database) == {}


def test_large_blocks_are_cut(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    assert seal_rows.BLOCK_ENTRIES == 1_024
    monkeypatch.setattr(seal_rows, "BLOCK_ENTRIES", 16)
    for number in range(35):
        deposit(database, "a", 1, f"d{number}")
    assert seal(database) == Sealed(blocks=3, entries=35)
    assert blocks(database) == [(1, 1, 16, 16), (2, 17, 16, 32), (3, 33, 3, 35)]
    monkeypatch.setattr(seal_checks, "_TOGETHER", 20)
    assert_sound(database)
    tamper(database, "UPDATE ledger_entry SET note = 'x' WHERE id IN (20, 34)")
    [finding] = [f for f in database.read(ledger.verify).findings if f.check == "seal.altered"]
    assert (finding.row, finding.wrong) == ("20", 2)


TEXT, TIME = "'x'", "'2026-01-01 00:00:00'"
HEX = f"'{'ab' * 32}'"
# Field → a new value; the row it stands in is the fourth entry (first of the second block) throughout.
ENTRY = {
    "reason": TEXT,
    "reference": TEXT,
    "digest": TEXT,
    "actor": TEXT,
    "effective_at": TIME,
    "recorded_at": TIME,
    "reverses": "3",
    "note": TEXT,
    "detail": """'{"by": []}'""",
}
TRANSFER = {
    "id": "99",
    "source_id": "3",
    "destination_id": "2",
    "amount": "11",
    "named": "NOT named",
}
MOVEMENT = {"first": '"first" + 1', "last": '"last" - 1', "transfer_id": "999"}
HOLD_USE = {
    "hold_id": "2",
    "amount": "19",
    "released": "1",
    "release_rest": "NOT release_rest",
}
BLOCK = {
    "number": "9",
    "first_position": "9",
    "count": "2",
    "through_entry_id": "5",
    "root": HEX,
    "previous": HEX,
    "hash": HEX,
    "sealed_at": "'2026-11-22 08:00:01'",
}
HEAD = {
    "day": "'2026-11-21'",
    "first_block": "2",
    "block_number": "1",
    "block_hash": HEX,
    "blocks_root": HEX,
    "entries": "5",
    "key_id": HEX,
    "signature": f"'{'ab' * 64}'",
    "signed_at": TIME,
}
MATRIX = {
    **{f"entry {f}": (f"UPDATE ledger_entry SET {f} = {v} WHERE id = 4", "altered", "4")
       for f, v in ENTRY.items()},
    "entry effective_at by 1 µs": (
        "UPDATE ledger_entry SET recorded_at = '2026-11-22 08:00:00.000001' WHERE id = 4",
        "altered",
        "4",
    ),
    **{
        f"transfer {f}": (f"UPDATE ledger_transfer SET {f} = {v} WHERE entry_id = 4", "altered", "4")
        for f, v in TRANSFER.items()
    },
    "transfer entry_id": ("UPDATE ledger_transfer SET entry_id = 5 WHERE entry_id = 4", "altered", "4"),
    "transfer removed": ("DELETE FROM ledger_transfer WHERE entry_id = 4", "altered", "4"),
    "transfer inserted": (
        "INSERT INTO ledger_transfer (entry_id, source_id, destination_id, amount) VALUES (4, 1, 2, 1)",
        "altered",
        "4",
    ),
    **{
        f"movement {f}": (f'UPDATE ledger_movement SET "{f}" = {v} WHERE transfer_id = 6', "altered", "6")
        for f, v in MOVEMENT.items()
    },
    "movement removed": ("DELETE FROM ledger_movement WHERE transfer_id = 6", "altered", "6"),
    "movement inserted": ("INSERT INTO ledger_movement VALUES (6, 900, 901)", "altered", "6"),
    **{f"hold use {f}": (f"UPDATE ledger_hold_use SET {f} = {v}", "altered", "3")
       for f, v in HOLD_USE.items()},
    "hold use entry_id": ("UPDATE ledger_hold_use SET entry_id = 2", "altered", "2"),
    "hold use removed": ("DELETE FROM ledger_hold_use", "altered", "3"),
    "hold reference": ("UPDATE ledger_hold SET reference = 'x' WHERE id = 1", "altered", "3"),
    **{
        f"account {f}": (f"UPDATE ledger_account SET {f} = 'x' WHERE role = 'retired'", "altered", "6")
        for f in ("role", "holder", "asset", "lot")
    },
    "entry removed": ("DELETE FROM ledger_entry WHERE id = 4", "removed", "4"),
    "first entry removed": ("DELETE FROM ledger_entry WHERE id = 1", "removed", "1"),
    "last entry of a block removed": ("DELETE FROM ledger_entry WHERE id = 6", "removed", "6"),
    **{f"block {f}": (f"UPDATE ledger_block SET {f} = {v} WHERE number = 2", "block", "2")
       for f, v in BLOCK.items()},
    "block number": ("UPDATE ledger_block SET number = 9 WHERE number = 2", "chain", "3"),
    "block leaves": ("UPDATE ledger_block SET leaves = (SELECT leaves FROM ledger_block b WHERE b.number = 1)"
                     " WHERE number = 2", "block", "2"),
    "block removed": ("DELETE FROM ledger_block WHERE number = 2", "chain", "3"),
    "last block removed": ("DELETE FROM ledger_block WHERE number = 3", "head", "2026-11-23"),
    **{
        f"head {f}": (f"UPDATE ledger_head SET {f} = {v} WHERE day = '2026-11-22'", "signature", "2026-11-22")
        for f, v in HEAD.items()
    },
    "head day": ("UPDATE ledger_head SET day = '2026-11-21' WHERE day = '2026-11-22'",
                 "signature", "2026-11-21"),
    "all transfers removed": ("DELETE FROM ledger_transfer", "altered", "1"),
    "block root, no hash": ("UPDATE ledger_block SET root = 'x' WHERE number = 2", "block", "2"),
    "block hash, no hash": ("UPDATE ledger_block SET hash = 'x' WHERE number = 2", "head", "2026-11-22"),
    "block leaves emptied": ("UPDATE ledger_block SET leaves = '' WHERE number = 2", "block", "2"),
    "head day, no day": ("UPDATE ledger_head SET day = 'x' WHERE day = '2026-11-23'", "head", "x"),
    "head key, no key": ("UPDATE ledger_head SET key_id = 'x' WHERE day = '2026-11-23'",
                         "signature", "2026-11-23"),
    "head signature spelt otherwise": ("UPDATE ledger_head SET signature = upper(signature)",
                                       "signature", "2026-11-22"),
    "head removed": ("DELETE FROM ledger_head WHERE day = '2026-11-22'", "head", "2026-11-23"),
}  # fmt: skip


@pytest.mark.parametrize("name", MATRIX)
def test_every_field_is_sealed_and_the_row_is_named(story: Database, name: str) -> None:
    statement, check, row = MATRIX[name]
    tamper(story, statement)
    assert found(story).get(f"seal.{check}") == row, found(story)


def test_every_column_is_in_the_matrix(story: Database) -> None:
    """A column added later must be sealed too, or said here why not."""
    tested = {name.split(" ", 1)[1] for name in MATRIX} | {"id"}
    for table in ("entry", "transfer", "movement", "hold_use", "block", "head"):
        columns = {column["name"] for column in sa.inspect(story.engine).get_columns(f"ledger_{table}")}
        prefixed = {name.removeprefix(f"{table.replace('_', ' ')} ") for name in MATRIX}
        assert columns <= prefixed | ({"id"} if table == "entry" else set()), table
    assert tested


def test_only_what_was_altered_is_named(story: Database) -> None:
    tamper(story, "UPDATE ledger_entry SET note = 'x' WHERE id IN (2, 5)")
    report = story.read(lambda s: ledger.verify(s, {KEY_ID}))
    [finding] = [f for f in report.findings if f.check.startswith("seal")]
    assert (finding.check, finding.table, finding.row, finding.wrong) == (
        "seal.altered",
        "ledger_entry",
        "2",
        2,
    )
    assert "分录 2" in finding.zh and "entry 2" in finding.en


def test_entries_in_each_others_place_are_reordered_not_altered(story: Database) -> None:
    """Entries 2 and 4 with all that belongs to them; they lie in different blocks."""
    swap = ["UPDATE {0} SET {1} = -{1} WHERE {1} IN (2, 4)", "UPDATE {0} SET {1} = 6 + {1} WHERE {1} < 0"]
    tamper(
        story,
        "UPDATE ledger_entry SET reverses = 2 WHERE reverses = 4",
        *(s.format(*at) for at in (("ledger_entry", "id"), ("ledger_transfer", "entry_id")) for s in swap),
    )
    seen = found(story)
    assert seen["seal.reordered"] == "2"
    assert seen["seal.altered"] == "5", "the reversal, whose original was renumbered with it"
    assert "seal.removed" not in seen and "seal.inserted" not in seen


def insert_entry(entry_id: int) -> str:
    return (
        "INSERT INTO ledger_entry"
        " (id, reason, reference, digest, actor, effective_at, recorded_at, note, detail)"
        f" VALUES ({entry_id}, 'x', 'x', 'x', 'x', {TIME}, {TIME}, '', '{{}}')"
    )


@pytest.mark.postgresql
def test_an_entry_put_into_a_gap_is_named(new_ledger: Callable[[str], Database]) -> None:
    """Only PostgreSQL leaves gaps: a refused entry has used up its number."""
    database = new_ledger("postgresql")
    issue(database, "a", 10)
    with database.engine.begin() as connection:
        connection.exec_driver_sql("SELECT nextval(pg_get_serial_sequence('ledger_entry', 'id'))")
    post(database, "sale", Move(holding("a"), holding("b"), 2))
    seal(database)
    with pytest.raises(ledger.EntryNotFound):
        database.read(lambda s: ledger.prove(s, 2))
    tamper(database, insert_entry(2))
    assert found(database)["seal.inserted"] == "2"


def test_an_entry_put_in_for_a_removed_one_is_altered(story: Database) -> None:
    tamper(story, "DELETE FROM ledger_entry WHERE id = 2", insert_entry(2))
    assert found(story)["seal.altered"] == "2"


def test_an_altered_entry_that_is_not_sealed_is_found_by_its_digest(story: Database) -> None:
    deposit(story, "a", 7, "unsealed")
    tamper(story, "UPDATE ledger_entry SET note = 'x' WHERE id = 8")
    assert found(story) == {"entries": "8"}


def test_what_cannot_be_read_back_is_named(new_ledger: Callable[[str], Database]) -> None:
    """SQLite stores anything; an unreadable row must not stop the search for the others."""
    database = new_ledger("sqlite")
    tell(database)
    tamper(
        database,
        "UPDATE ledger_entry SET detail = '{' WHERE id = 4",
        "UPDATE ledger_entry SET note = 'x' WHERE id = 6",
    )
    report = database.read(ledger.verify)
    [finding] = [f for f in report.findings if f.check == "seal.altered"]
    assert (finding.row, finding.wrong) == ("4", 2)


def test_a_chain_made_anew_does_not_fit_the_signed_heads(story: Database) -> None:
    """Somebody with every right alters an entry, its digest aside, and seals everything again."""
    tamper(story, "UPDATE ledger_entry SET actor = 'x' WHERE id = 1", "DELETE FROM ledger_block")
    seal(story)
    seen = found(story)
    assert "seal.altered" not in seen and "seal.block" not in seen
    assert seen["seal.head"] == "2026-11-22"


def test_heads_signed_by_another_key_are_found(story: Database) -> None:
    report = story.read(lambda s: ledger.verify(s, {"00" * 32}))
    assert [(f.check, f.row, f.wrong) for f in report.findings] == [("seal.signature", "2026-11-22", 2)]


@pytest.mark.parametrize("table", ["ledger_block", "ledger_head"])
@pytest.mark.parametrize("change", ["UPDATE {} SET hash_ = hash_", "DELETE FROM {}"])
def test_the_seal_refuses_raw_changes(story: Database, table: str, change: str) -> None:
    column = {"ledger_block": "hash", "ledger_head": "signature"}[table]
    with pytest.raises(DBAPIError, match="append-only"), story.engine.begin() as connection:
        connection.exec_driver_sql(change.format(table).replace("hash_", column))
