"""The terms a batch is taken in under, read in one statement: scenes, rules of points, what is going on, and
what its persons agreed to. One act by itself is a few short statements, so each of them counts."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from carbon_platform.citizens import catalogue, points_rules, scenes
from carbon_platform.citizens.intake_sql import LOCK_OF, texts
from carbon_platform.citizens.points_scheme import PointsRule, read_rule
from carbon_platform.citizens.scene_tables import Scene
from carbon_platform.db import among_texts, ask
from carbon_platform.identity import service as identity
from carbon_platform.identity.service import Standing

_SCENE = [column.name for column in Scene.__table__.columns]
_RULE = ("version", "valid_from", "content", "source", "status")
_PERSON = ", ".join(("holder", "state", "region_code", "partner", "text_version"))
_GOING_ON = (
    "EXISTS (SELECT 1 FROM points_campaign WHERE state = 'published'), "
    "EXISTS (SELECT 1 FROM account_review WHERE state <> 'cleared')"
)
_ON_POSTGRESQL = (
    f"SELECT (SELECT json_agg(s) FROM (SELECT {', '.join(_SCENE)} FROM scene "  # noqa: S608 — names of ours
    "WHERE code {codes}) AS s), "
    f"(SELECT json_agg(r) FROM (SELECT {', '.join(_RULE)} FROM points_rule "
    f"WHERE state = 'published' ORDER BY valid_from) AS r), {_GOING_ON}, "
    f"(SELECT json_agg(json_build_array({_PERSON})) FROM ({{people}}) AS p), "
    "(SELECT json_agg(nextval('act_id_seq')) FROM generate_series(1, %s)), "
    f"(SELECT count(pg_advisory_xact_lock({LOCK_OF})) FROM unnest(%s::text[]) AS holder)"
)


def _object(names: Collection[str], documents: Collection[str]) -> str:
    pairs = (f"'{name}', {f'json({name})' if name in documents else name}" for name in names)
    return f"json_object({', '.join(pairs)})"


_ON_SQLITE = (
    f"SELECT (SELECT json_group_array({_object(_SCENE, ['behaviours'])}) FROM scene "  # noqa: S608 — as above
    "WHERE code {codes}), "
    f"(SELECT json_group_array({_object(_RULE, ['content'])}) FROM (SELECT * FROM points_rule "
    f"WHERE state = 'published' ORDER BY valid_from)), {_GOING_ON}, "
    f"(SELECT json_group_array(json_array({_PERSON})) FROM ({{people}}) AS p), "
    "(SELECT coalesce(max(id), 0) FROM act)"
)


class Terms(NamedTuple):
    """What holds for a batch. ``campaigns``, ``reviews``: whether any campaign is published, and any account
    under review (mostly neither, and nobody asks on). ``people``: where each person stands, by holder.
    ``ids``: numbers for new acts, so that acts can name each other before they are written; those that are
    not needed are lost."""

    campaigns: bool
    reviews: bool
    people: dict[str, Standing]
    ids: Sequence[int]


def read_terms(
    session: Session, codes: Collection[str], holders: Collection[str] = (), ids: int = 0
) -> Terms:
    """Read the scenes of these codes, the published rules and what these persons agreed to, for this
    transaction. Who is about to write acts asks for ``ids`` and has the persons' locks (``points.lock``) from
    here on, taken in one order everywhere."""
    connection = session.connection()
    these, codes_given = among_texts(connection, codes)
    people_text, people_given = identity.standings_query(
        connection, holders, partners=codes, purpose=catalogue.ACTS_PURPOSE
    )
    given: tuple[Any, ...] = (codes_given, *people_given)
    if connection.dialect.name == "postgresql":
        locks = texts(sorted(set(holders)) if ids else ())
        text = _ON_POSTGRESQL.format(codes=these, people=people_text)
        (row,) = ask(connection, text, (*given, ids, locks))
        numbers: Sequence[int] = row[5] or ()
    else:  # one writer: nobody else takes a number or changes a person's book meanwhile
        (row,) = ask(connection, _ON_SQLITE.format(codes=these, people=people_text), given)
        numbers = range(row[5] + 1, row[5] + ids + 1)
    found, rules, people = (_read(row[place]) for place in (0, 1, 4))
    scenes.keep(session, found)
    points_rules.keep(session, tuple(_rule(json.dumps(rule)) for rule in rules))
    return Terms(bool(row[2]), bool(row[3]), identity.standings_of(people), numbers)


def _read(value: Any) -> list[Any]:
    rows: list[Any] = json.loads(value) if isinstance(value, str) else value or []
    return rows


@lru_cache(maxsize=256)
def _rule(text: str) -> PointsRule:
    row = json.loads(text)
    return read_rule({**{name: row[name] for name in _RULE if name != "content"}, **row["content"]})
