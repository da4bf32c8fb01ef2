"""Lock-out counts every failure, also those that arrive at once; consent is in force once."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from carbon_platform.db import Base, Database
from carbon_platform.identity import service
from carbon_platform.identity.rules import FAILURES_BEFORE_LOCK, SYSTEM, Actor
from carbon_platform.identity.tables import AuditRecord, Consent, User

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)


@pytest.fixture
def db(database_url: str) -> Database:
    db = Database(database_url)
    Base.metadata.create_all(db.engine)
    db.transact(
        lambda s: service.add_user(
            s, SYSTEM, username="u", password="a long enough password", display_name="甲", role="verifier",
            region_code="4115", now=NOW,
        )
    )  # fmt: skip
    return db


def at_once(count: int, work: object) -> None:
    threads = [threading.Thread(target=work) for _ in range(count)]  # type: ignore[arg-type]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_failures_at_once_are_all_counted(db: Database) -> None:
    at_once(
        FAILURES_BEFORE_LOCK, lambda: db.transact(lambda s: service.sign_in(s, "u", matches=False, now=NOW))
    )
    user = db.read(lambda s: s.scalars(sa.select(User)).one())
    assert user.locked_until is not None
    assert db.transact(lambda s: service.sign_in(s, "u", matches=True, now=NOW)) is None


def test_password_and_unknown_name_are_verified_alike(db: Database) -> None:
    known = db.read(lambda s: service.find_password_hash(s, "u"))
    assert service.password_matches(known, "a long enough password")
    assert not service.password_matches(known, "another password")
    unknown = db.read(lambda s: service.find_password_hash(s, "nobody"))
    assert unknown.startswith("$argon2id$")
    assert not service.password_matches(unknown, "a long enough password")


def test_consents_given_at_once_are_one_and_end_together(db: Database) -> None:
    _, actor = db.transact(
        lambda s: service.sign_in_person(s, "openid", nickname="小满", region_code="411502", now=NOW)
    )

    def give() -> None:
        db.transact(
            lambda s: service.give_consent(
                s, actor, partner="bus", purpose="acts", text_version="1", channel="h5", now=NOW
            )
        )

    at_once(6, give)
    given = db.read(lambda s: s.scalars(sa.select(Consent)).all())
    assert len(given) == 1
    db.transact(lambda s: service.withdraw_consent(s, actor, given[0].id, now=NOW))
    assert db.read(lambda s: service.find_consent(s, actor, partner="bus", purpose="acts")) is None


def test_audit_knows_a_citizen_only_by_the_opaque_holder(db: Database) -> None:
    _, actor = db.transact(
        lambda s: service.sign_in_person(s, "openid", nickname="小满", region_code="411502", now=NOW)
    )
    assert isinstance(actor, Actor)
    record = db.read(lambda s: s.scalars(sa.select(AuditRecord).where(AuditRecord.role == "citizen")).one())
    assert record.actor_name == actor.holder
    assert "小满" not in str(record.detail)
