"""``python -m benchmarks [L1 L2 …]``: run all rows, or those named, and write the table."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import growth_rows, hot_rows, http_rows, posting_rows, registry_rows, report, sqlite_rows
from benchmarks.exact import check_reconciled, check_sums, check_verify
from benchmarks.fill import fill
from benchmarks.measure import Row
from benchmarks.profiles import forget_profiles
from benchmarks.server import Server, migrate, work_directory
from benchmarks.sizes import Sizes, sizes
from carbon_platform.db import Database


class Run:
    """One run: its server, its ledgers and the rows so far."""

    def __init__(self, size: Sizes, server: Server, place: Path) -> None:
        self.size, self.server, self.place = size, server, place
        self.rows: list[Row] = []
        self._databases: list[Database] = []
        self._begun = time.monotonic()

    def say(self, words: str) -> None:
        print(f"{time.monotonic() - self._begun:6.0f} s  {words}", flush=True)

    def database(self, url: str) -> Database:
        self._databases.append(Database(url))
        return self._databases[-1]

    def copy(self, name: str, template: str) -> Database:
        """A copy of a PostgreSQL ledger; nobody may be connected to the template."""
        for database in self._databases:
            database.dispose()
        return self.database(self.server.create(name, template))

    def take(self, rows: list[Row]) -> None:
        for row in rows:
            self.rows.append(row)
            median = "–" if row.median is None else f"{row.median:.2f}"
            self.say(f"{row.code:16} {median:>6}  {row.what}{'; ' + row.note if row.note else ''}")

    def close(self) -> None:
        for database in self._databases:
            database.dispose()


def postgresql(run: Run, wanted: Callable[[str], bool]) -> None:
    """L1 to L10 on one server: a ledger with a long journal, and one with a short."""
    server, size = run.server, run.size
    migrate(server.create("empty"))
    few = run.copy("few", "empty")
    fill(few, accounts=size.accounts, entries=size.few_entries)
    many = run.copy("many", "empty")
    fill(many, accounts=size.accounts, entries=size.entries)
    run.say(f"filled: {size.accounts:,} accounts, {size.entries:,} and {size.few_entries:,} entries")
    copied = run.copy("copied", "many")
    if wanted("L2"):
        run.take(posting_rows.singles(server, many, copied, size, run.place))
    if wanted("L3"):
        run.take(posting_rows.batches(many, copied, size))
    copied.dispose()
    server.drop("copied")
    if wanted("L5") or wanted("L6"):
        run.take(posting_rows.against_hordak(server, many, size))
    if wanted("L10"):
        run.take(growth_rows.growth(many, few, size))
    if wanted("L8"):
        run.take(hot_rows.hot(server, many, size))
    if wanted("L9"):
        run.take(hot_rows.sealing(few, size))
    if wanted("L1") or wanted("L4"):
        run.take(http_rows.over_http(many, size, run.place))
    run.take([Row("X", "the long journal at the end", note=f"{check_sums(many)}; {check_reconciled(many)}")])
    run.take([Row("X", "the short journal at the end", note=f"{check_sums(few)}; {check_verify(few)}")])


def sqlite(run: Run) -> None:
    """L11 on two copies of one file."""
    path, copied = run.place / "ledger.sqlite3", run.place / "copy.sqlite3"
    database = run.database(f"sqlite:///{path}")
    migrate(database.url)
    fill(database, accounts=run.size.accounts, entries=run.size.entries // 2)
    database.dispose()
    copied.write_bytes(path.read_bytes())
    run.say(f"filled SQLite: {run.size.entries // 2:,} entries")
    run.take(sqlite_rows.sqlite(database, run.database(f"sqlite:///{copied}"), run.size))


def main(names: list[str]) -> None:
    def wanted(name: str) -> bool:
        return not names or name in names

    size, begun = sizes(), time.monotonic()
    if not names:
        forget_profiles()
    server = Server()
    facts = report.machine(server.version())
    try:
        with work_directory() as place:
            run = Run(size, server, place)
            try:
                if not names or any(name not in {"L11", "registry"} for name in names):
                    postgresql(run, wanted)
                if wanted("L11"):
                    sqlite(run)
                if wanted("registry"):
                    run.take(registry_rows.registry(server, size))
            finally:
                run.close()
    finally:
        server.close()
    if names:
        run.say("only some rows were asked for: no table written")
    else:
        run.say(f"written: {report.write(run.rows, facts, size, seconds=time.monotonic() - begun).name}")


if __name__ == "__main__":
    main(sys.argv[1:])
