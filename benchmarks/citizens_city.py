"""A city of people who agreed to everything, filled by SQL: what ``benchmarks.citizens`` measures on."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

from carbon_platform.citizens import catalogue
from carbon_platform.citizens.service import load_reference
from carbon_platform.db import Database
from carbon_platform.regions.service import load_reference as load_regions

BUS, PLATE, PAY, BIKE = "xinyang-bus", "clean-plate", "bank-pay", "shared-bike"
SOURCES = (BUS, PLATE, PAY, BIKE)
# How a day's acts divide among the sources.
SHARES = (60, 15, 15, 10)

_PEOPLE = (
    "INSERT INTO person (openid, nickname, region_code, holder, opened_at, state, via) "
    "SELECT 'bench-' || i, '市民', '411502', 'person-' || md5(i::text), now(), 'open', 'wechat' "
    "FROM generate_series(1, %s) AS i"
)
_CONSENTS = (
    "INSERT INTO consent (person_id, partner, purpose, text_version, channel, given_at) "
    "SELECT id, %s, 'acts', %s, 'bench', now() FROM person"
)
_BINDINGS = (
    "INSERT INTO binding (source, subject, person_id, holder, bound_at) "
    "SELECT %s, 's' || id, id, holder, now() FROM person"
)


class City:
    """``people``: (subject, holder) of everybody; the subject is the same at every source."""

    def __init__(self, database: Database, users: int) -> None:
        self.database = database
        database.transact(load_regions)
        database.transact(load_reference)
        with database.engine.begin() as connection:
            connection.exec_driver_sql(_PEOPLE, (users,))
            for source in SOURCES:
                version = catalogue.consent_texts()[source, catalogue.ACTS_PURPOSE].version
                connection.exec_driver_sql(_CONSENTS, (source, version))
                connection.exec_driver_sql(_BINDINGS, (source,))
            rows = connection.exec_driver_sql("SELECT 's' || id, holder FROM person ORDER BY id").all()
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE person, consent, binding")
        self.people: list[tuple[str, str]] = [(row[0], row[1]) for row in rows]


def row_of(source: str, record: str, subject: str, at: datetime, chosen: random.Random) -> dict[str, Any]:
    """One act as a partner writes it."""
    row: dict[str, Any] = {"external_id": record, "subject": subject, "occurred_at": at.isoformat()}
    if source == BUS:
        if chosen.random() < 0.5:
            return row | {"behaviour": "XI14b"}
        metres = chosen.randrange(500, 15_000)
        return row | {"behaviour": "XI14", "distance_m": metres, "duration_s": 300 + metres // 8}
    if source == BIKE:
        metres = chosen.randrange(400, 6_000)
        return row | {"behaviour": "XI17", "distance_m": metres, "duration_s": 60 + metres // 4}
    return row | {"behaviour": "SH03" if source == PLATE else "SJ38"}


def rides(city: City, first: int, count: int, now: datetime) -> list[dict[str, Any]]:
    """Bus rides of one person after the other, each an hour before that person's last: none overlaps."""
    chosen, many = random.Random(first), len(city.people)
    made = []
    for number in range(first, first + count):
        subject, _ = city.people[number % many]
        at = now - timedelta(minutes=60 * (number // many % 20 + 1) + chosen.randrange(15))
        made.append(row_of(BUS, f"bench-{number}", subject, at, chosen))
    return made
