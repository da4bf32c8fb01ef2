"""A citizen at the phone, and the hour of the tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from flask import Flask

from carbon_platform import all_tables, ledger
from carbon_platform.citizens.service import load_reference
from carbon_platform.db import Database
from carbon_platform.regions.service import load_reference as load_regions

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)  # noon in Xinyang


def prepare(url: str) -> None:
    db = Database(url)
    all_tables.metadata.create_all(db.engine)
    with db.engine.begin() as connection:
        name = db.engine.dialect.name
        for statement in (*ledger.append_only_ddl(name), *ledger.posting_ddl(name)):
            connection.exec_driver_sql(statement)
    db.transact(load_regions)
    db.transact(load_reference)
    db.dispose()


@dataclass
class Citizen:
    """A signed-in citizen; each call opens its own client, so that threads may share one citizen."""

    app: Flask
    headers: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, **extra: Any) -> Any:
        return self.app.test_client().get(f"/api/v1{path}", headers=self.headers, **extra)

    def post(self, path: str, body: dict[str, Any], **headers: str) -> Any:
        client = self.app.test_client()
        return client.post(f"/api/v1{path}", json=body, headers={**self.headers, **headers})

    def delete(self, path: str) -> Any:
        return self.app.test_client().delete(f"/api/v1{path}", headers=self.headers)

    def agree(self, *partners: str) -> None:
        current = {text["partner"]: text["version"] for text in self.get("/citizen/consents").json}
        for partner in partners:
            answer = self.post("/citizen/consents", {"partner": partner, "version": current[partner]})
            assert answer.status_code == 201, answer.json

    def ride(self, external_id: str = "ride-1", at: str = "2026-11-22T09:00:00+08:00", **more: Any) -> Any:
        body = {"behaviour": "XI14b", "source": "xinyang-bus", "external_id": external_id, "occurred_at": at}
        return self.post("/acts", {**body, **more})

    def plate(self, external_id: str, at: str = "2026-11-22T07:30:00+08:00", **more: Any) -> Any:
        body = {"behaviour": "SH03", "source": "clean-plate", "external_id": external_id, "occurred_at": at}
        return self.post("/acts", {**body, **more})

    def rides(self, day: str, count: int) -> None:
        """``count`` counted rides on one day."""
        for number in range(count):
            answer = self.ride(f"{day}-{number}", f"{day}T{7 + number:02d}:00:00+08:00")
            assert answer.json["status"] == "counted", answer.json
