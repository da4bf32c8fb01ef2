"""A house with the tables this room needs, three organisations and the people who import."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from registry_files import CODES
from sqlalchemy.orm import Session

import carbon_platform.registry.tables
import carbon_platform.web.idempotency  # noqa: F401 — its table
from carbon_platform import ledger
from carbon_platform.db import Base, Database
from carbon_platform.identity.rules import PERMISSIONS, SYSTEM, Actor
from carbon_platform.identity.service import add_organisation
from carbon_platform.identity.tables import Organisation
from carbon_platform.ledger import AccountKey, Asset
from carbon_platform.registry import commit, service
from carbon_platform.registry.tables import RegistryImport, RegistryImportRow

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
_OURS = ("ledger_", "registry_", "external_", "organisation", "user_account", "person", "login_session",
         "audit_record", "idempotency_key")  # fmt: skip
OPERATOR = Actor("经办", "operator", PERMISSIONS["operator"], region_code="4115", user_id=1)


def prepare_registry(url: str) -> None:
    """For ``fresh_database(engine_name, prepare_registry)``."""
    database = Database(url)
    ours = [table for name, table in Base.metadata.tables.items() if name.startswith(_OURS)]
    with database.engine.begin() as connection:
        Base.metadata.create_all(connection, tables=ours)
        for statement in ledger.append_only_ddl(connection.dialect.name):
            connection.exec_driver_sql(statement)

    def people(session: Session) -> None:
        for name, code in CODES.items():
            add_organisation(
                session,
                SYSTEM,
                name_zh=name,
                kind="enterprise",
                region_code="4115",
                credit_code=code,
                now=NOW,
            )

    database.transact(people)
    database.dispose()


@dataclass
class Desk:
    """The operator's desk: upload, look, accept."""

    db: Database
    now: datetime = NOW

    def stage(self, path: Path, source: str = "ccer") -> RegistryImport:
        checked = service.check_file(self.db.read, path, source_key=source, now=self.now)
        return self.db.transact(lambda s: service.stage_import(s, OPERATOR, checked, now=self.now))

    def accept(self, staged: RegistryImport, **more: Any) -> RegistryImport:
        given = {"digest": staged.digest} | more
        return self.db.transact(lambda s: commit.accept_import(s, OPERATOR, staged.id, now=self.now, **given))

    def rows(self, staged: RegistryImport) -> list[RegistryImportRow]:
        return self.db.read(lambda s: list(s.scalars(service.rows_statement(staged))))

    def codes(self, staged: RegistryImport) -> list[list[str]]:
        """Status or the codes of the findings, row by row."""
        return [[f["code"] for f in row.findings] or [row.status] for row in self.rows(staged)]

    def holdings(self) -> dict[tuple[str, str], int]:
        """(organisation, role) → kilograms."""

        def work(session: Session) -> dict[tuple[str, str], int]:
            found: dict[tuple[str, str], int] = {}
            for name, holder in session.execute(sa.select(Organisation.name_zh, Organisation.holder)):
                for account in ledger.balances(session, holder, asset=Asset.CREDIT):
                    key = (name, account.key.role)
                    found[key] = found.get(key, 0) + account.balance.posted
            return {key: kg for key, kg in found.items() if kg}

        return self.db.read(work)

    def numbers(self, name: str, role: str, lot: str) -> list[tuple[int, int]]:
        def work(session: Session) -> list[tuple[int, int]]:
            holder = session.scalars(sa.select(Organisation.holder).filter_by(name_zh=name)).one()
            spans = ledger.ranges(session, AccountKey(role, holder, Asset.CREDIT, lot))
            return [(r.first, r.last) for r in spans]

        return self.db.read(work)

    def assert_sound(self) -> None:
        report = self.db.read(ledger.verify)
        assert report.ok, report.findings
        for lot in self.db.read(ledger.lot_positions):
            assert lot.issued == lot.placed, lot
            assert lot.issued == lot.external + lot.retired, "nothing of another registry is for sale here"
