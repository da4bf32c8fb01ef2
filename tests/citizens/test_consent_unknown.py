"""Consent to what nobody asks for, and records under a consent that was never given (both engines)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from citizen_world import Citizen

from carbon_platform.citizens.tables import Act
from carbon_platform.db import Database
from carbon_platform.identity.tables import Consent

KNOWN = {"partner": "xinyang-bus", "purpose": "acts", "version": "2026-11"}


@pytest.mark.parametrize(
    "change",
    [{"partner": "metro"}, {"purpose": "advertising"}, {"version": "2031-01"}, {"partner": "platform"}],
)
def test_an_unknown_text_cannot_be_agreed_to(
    sign_in: Callable[..., Citizen], db: Database, change: dict[str, str]
) -> None:
    citizen = sign_in("new", "新人")
    before = given(db)
    answer = citizen.post("/citizen/consents", {**KNOWN, **change})
    assert (answer.status_code, answer.json["code"]) == (409, "citizen.consent_text_unknown"), answer.json
    # what was asked for and where the texts are
    assert next(iter(change.values())) in answer.json["detail"]
    assert "/api/v1/citizen/consents" in answer.json["detail"]
    assert given(db) == before
    assert citizen.ride().json["code"] == "citizen.consent_missing"
    assert db.read(lambda session: session.scalar(sa.select(sa.func.count()).select_from(Act))) == 0


def given(db: Database) -> int:
    return db.read(lambda session: session.scalar(sa.select(sa.func.count()).select_from(Consent))) or 0
