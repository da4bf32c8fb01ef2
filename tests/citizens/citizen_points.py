"""People and their points without HTTP: for tests that go through many states or many threads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import sqlalchemy as sa
from citizen_world import prepare
from sqlalchemy import event

from carbon_platform import ledger
from carbon_platform.citizens import consents
from carbon_platform.citizens.catalogue import consent_texts
from carbon_platform.citizens.purse import issued_account, points_account
from carbon_platform.citizens.service import ActReport, report_act
from carbon_platform.citizens.tables import Act, Reward
from carbon_platform.db import Database
from carbon_platform.identity.rules import Actor

START = datetime(2025, 1, 1, tzinfo=UTC)
KINDS = {"bus": ("xinyang-bus", "XI14b"), "plate": ("clean-plate", "SH03"), "walk": ("self", "XI16")}


@dataclass
class Books:
    """A platform with people who have agreed to everything; ``legacy``: points from before lots."""

    db: Database
    people: int = 0
    records: int = 0
    legacy: int = 0

    def new_person(self, region_code: str = "411502") -> Actor:
        self.people += 1

        def work(session: Any) -> Actor:
            _, actor = consents.open_account(
                session,
                f"openid-{self.people}",
                nickname="某人",
                region_code=region_code,
                under_14=False,
                guardian_agrees=False,
                now=START,
            )
            for text in consent_texts().values():
                consents.agree(
                    session,
                    actor,
                    partner=text.partner,
                    purpose=text.purpose,
                    version=text.version,
                    now=START,
                )
            return actor

        return self.db.transact(work)

    def report(self, actor: Actor, kind: str, at: datetime, metres: int, now: datetime) -> Act:
        self.records += 1
        source, behaviour = KINDS[kind]
        report = ActReport(
            behaviour, source, f"record-{self.records}", at, distance_m=metres if kind == "walk" else None
        )
        return self.db.transact(lambda session: report_act(session, actor, report, now=now).act)

    def run(self, step: Callable[..., Any], now: datetime, limit: int = 500) -> int:
        """A job's chunks until the end; returns the entries made. Nothing may be refused."""
        after = {"after": 0} if step.__name__ == "expire_due" else {"after": None}
        entries = 0
        while True:
            chunk = self.db.transact(partial(step, now=now, limit=limit, **after))
            assert chunk.refused == ()
            entries += chunk.entries
            if chunk.after is None:
                return entries
            after = {"after": chunk.after}


def legacy(holder: str, amount: int) -> ledger.Entry:
    """Points as they were posted before lots were dated."""
    return ledger.Entry(
        reason="act",
        reference=f"legacy:{holder}",
        moves=[ledger.Move(issued_account(""), points_account(holder), amount)],
        effective_at=None,
        actor_name=holder,
    )


def make_books(fresh_database: Callable[..., str], engine_name: str, prices: dict[str, int]) -> Books:
    db = Database(fresh_database(engine_name, prepare))
    if engine_name == "sqlite":
        # Nothing here has to survive a power cut.
        event.listen(db.engine, "connect", lambda raw, _: raw.execute("PRAGMA synchronous=OFF"))
    common = {"name_en": "thing", "provider_zh": "店", "value_fen": 1, "stock": 10**6, "active": True}
    rows = [
        {"code": code, "name_zh": "东西", "price_points": price, "status": "illustrative", "source": "test"}
        | common
        for code, price in prices.items()
    ]
    db.transact(lambda session: session.execute(sa.insert(Reward), rows))
    return Books(db)
