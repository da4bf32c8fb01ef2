"""The matrix of roles, scope by region, consent, and what a citizen's session may do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from carbon_platform.db import Base, Database
from carbon_platform.errors import Conflict, NotAllowed, NotFound
from carbon_platform.identity import rules, service
from carbon_platform.identity.rules import PERMISSIONS, SYSTEM, Actor
from carbon_platform.identity.tables import AuditRecord, LoginSession

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)


@pytest.fixture
def db(database_url: str) -> Database:
    db = Database(database_url)
    Base.metadata.create_all(db.engine)
    return db


def person(db: Database, openid: str = "openid-1") -> tuple[str, Actor]:
    return db.transact(
        lambda s: service.sign_in_person(s, openid, nickname="小满", region_code="411502", now=NOW)
    )


@pytest.mark.parametrize(
    ("scope", "code", "sees"),
    [
        ("4115", "411522", True),
        ("411522", "411522207", True),
        ("411522", "411523", False),
        ("411522", "4115", False),
        ("", "411522", False),
    ],
)
def test_scope_is_the_subtree_of_the_region(scope: str, code: str, sees: bool) -> None:
    assert Actor(name="a", role="x", permissions=frozenset(), region_code=scope).sees_region(code) is sees


def test_every_role_has_a_chinese_name_and_no_role_mixes_duties() -> None:
    assert set(PERMISSIONS) == set(rules.ROLES_ZH)
    for role, granted in PERMISSIONS.items():
        assert not {"run.write", "run.review"} <= granted, role  # who computes does not confirm
        assert not {"run.review", "methodology.sign"} <= granted, role
        assert not {"cash.confirm", "market.buy"} <= granted, role
        assert not {"user.write", "batch.issue"} <= granted, role


def test_demand_names_role_and_permission() -> None:
    with pytest.raises(NotAllowed, match=r"batch\.issue"):
        Actor(name="a", role="enterprise", permissions=PERMISSIONS["enterprise"]).demand("batch.issue")


def test_the_same_wechat_user_keeps_one_holder(db: Database) -> None:
    assert person(db)[1].holder == person(db)[1].holder
    assert person(db)[1].holder != person(db, "openid-2")[1].holder


def test_only_the_hash_of_a_token_is_stored_and_it_expires(db: Database) -> None:
    token, _ = person(db)
    stored = db.read(lambda s: list(s.scalars(sa.select(LoginSession.token_hash))))
    assert token not in stored
    assert db.read(lambda s: service.authenticate(s, token, now=NOW)) is not None
    later = NOW + timedelta(days=rules.CITIZEN_SESSION_DAYS)
    assert db.read(lambda s: service.authenticate(s, token, now=later)) is None
    assert db.read(lambda s: service.authenticate(s, "guess", now=NOW)) is None


def test_consent_is_in_force_until_withdrawn_and_belongs_to_one_person(db: Database) -> None:
    _, actor = person(db)
    _, other = person(db, "openid-2")
    given = db.transact(
        lambda s: (
            service.give_consent(
                s, actor, partner="bus", purpose="acts", text_version="1", channel="h5", now=NOW
            ).id
        )
    )
    find = lambda who: db.read(lambda s: service.find_consent(s, who, partner="bus", purpose="acts"))  # noqa: E731
    assert find(actor) is not None
    assert find(other) is None
    with pytest.raises(NotFound):
        db.transact(lambda s: service.withdraw_consent(s, other, given, now=NOW))
    db.transact(lambda s: service.withdraw_consent(s, actor, given, now=NOW))
    assert find(actor) is None


def test_user_names_are_unique_and_passwords_long(db: Database) -> None:
    def add(password: str) -> object:
        return db.transact(
            lambda s: service.add_user(
                s, SYSTEM, username="u", password=password, display_name="甲", role="verifier",
                region_code="4115", now=NOW,
            )
        )  # fmt: skip

    with pytest.raises(rules.WeakPassword):
        add("short")
    add("a long enough password")
    with pytest.raises(Conflict):
        add("a long enough password")


def test_changes_leave_audit_records(db: Database) -> None:
    person(db)
    rows = db.read(lambda s: list(s.scalars(sa.select(AuditRecord))))
    assert [(row.action, row.role, row.at) for row in rows] == [("session.open", "citizen", NOW)]
