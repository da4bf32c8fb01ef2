"""Everything a ledger says, as lines of text without numbers or times of its own making.

Two ledgers that were asked the same in the same order give equal lines, whatever happened in between:
ids are left out (a refused request may use one up), and so is the time of recording.
"""

from __future__ import annotations

import json

import sqlalchemy as sa

from carbon_platform.db import Database

_ACCOUNTS = "SELECT id, role, holder, asset, lot FROM ledger_account"
_ENTRIES = (
    "SELECT e.id, e.reference, e.reason, e.digest, e.actor, e.note, e.detail, r.reference AS back"
    " FROM ledger_entry e LEFT JOIN ledger_entry r ON r.id = e.reverses ORDER BY e.id"
)
_TRANSFERS = "SELECT id, entry_id, source_id, destination_id, amount FROM ledger_transfer ORDER BY id"
_MOVEMENTS = 'SELECT transfer_id, "first", "last" FROM ledger_movement ORDER BY transfer_id, "first"'
_HOLDS = "SELECT id, reference, digest, account_id, amount, posted, remaining, status FROM ledger_hold"
_USES = "SELECT entry_id, hold_id, amount, released, release_rest FROM ledger_hold_use"
_PLACES = 'SELECT account_id, lot, "first", "last" FROM ledger_holding ORDER BY lot, "first"'
_BALANCES = "SELECT account_id, posted, held FROM ledger_balance"


def dump(database: Database) -> list[str]:
    """The journal in its order, then what follows from it."""
    with database.engine.connect() as connection:

        def rows(query: str) -> list[sa.Row[tuple[object, ...]]]:
            return list(connection.exec_driver_sql(query).all())

        names = {row.id: "/".join((row.role, row.holder, row.asset, row.lot)) for row in rows(_ACCOUNTS)}
        holds = rows(_HOLDS)
        hold_names = {row.id: row.reference for row in holds}
        numbers: dict[int, list[str]] = {}
        for row in rows(_MOVEMENTS):
            numbers.setdefault(row.transfer_id, []).append(f"{row.first}-{row.last}")
        inside: dict[int, list[str]] = {}
        for row in rows(_TRANSFERS):
            way = f"  {names[row.source_id]} > {names[row.destination_id]} {row.amount}"
            inside.setdefault(row.entry_id, []).append(" ".join([way, *numbers.pop(row.id, [])]))
        for row in rows(_USES):
            used = f"  uses {hold_names[row.hold_id]} {row.amount} {row.released} {bool(row.release_rest)}"
            inside.setdefault(row.entry_id, []).append(used)
        lines = []
        for row in rows(_ENTRIES):
            detail = json.loads(row.detail) if isinstance(row.detail, str) else row.detail
            words = [row.reference, row.reason, row.digest, row.actor, row.note, row.back, detail]
            lines += [json.dumps(words, ensure_ascii=False, sort_keys=True), *inside.pop(row.id, [])]
        assert not inside and not numbers, "rows without their entry or transfer"
        lines += sorted(
            f"hold {r.reference} {r.digest} {names[r.account_id]} {r.status}"
            f" {r.amount} {r.posted} {r.remaining}"
            for r in holds
        )
        # An account without anything may remain of a refused request, on one engine or the other.
        lines += sorted(
            f"balance {names[r.account_id]} {r.posted} {r.held}"
            for r in rows(_BALANCES)
            if r.posted or r.held
        )
        return lines + [f"place {names[r.account_id]} {r.first}-{r.last}" for r in rows(_PLACES)]
