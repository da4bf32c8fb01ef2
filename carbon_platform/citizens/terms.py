"""The terms a batch is taken in under, read in one statement: scenes, rules of points, what is going on."""

from __future__ import annotations

import json
from collections.abc import Collection
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from carbon_platform.citizens import points_rules, scenes
from carbon_platform.citizens.intake_sql import ask
from carbon_platform.citizens.points_scheme import PointsRule, read_rule
from carbon_platform.citizens.scene_tables import Scene

_SCENE = [column.name for column in Scene.__table__.columns]
_RULE = ("version", "valid_from", "content", "source", "status")
_GOING_ON = (
    "EXISTS (SELECT 1 FROM points_campaign WHERE state = 'published'), "
    "EXISTS (SELECT 1 FROM account_review WHERE state <> 'cleared')"
)
_ON_POSTGRESQL = (
    f"SELECT (SELECT json_agg(s) FROM (SELECT {', '.join(_SCENE)} FROM scene "  # noqa: S608 — names of ours
    "WHERE code IN (SELECT json_array_elements_text(%s::json))) AS s), "
    f"(SELECT json_agg(r) FROM (SELECT {', '.join(_RULE)} FROM points_rule "
    f"WHERE state = 'published' ORDER BY valid_from) AS r), {_GOING_ON}"
)


def _object(names: Collection[str], documents: Collection[str]) -> str:
    pairs = (f"'{name}', {f'json({name})' if name in documents else name}" for name in names)
    return f"json_object({', '.join(pairs)})"


_ON_SQLITE = (
    f"SELECT (SELECT json_group_array({_object(_SCENE, ['behaviours'])}) FROM scene "  # noqa: S608 — as above
    "WHERE code IN (SELECT value FROM json_each(?))), "
    f"(SELECT json_group_array({_object(_RULE, ['content'])}) FROM (SELECT * FROM points_rule "
    f"WHERE state = 'published' ORDER BY valid_from)), {_GOING_ON}"
)


class Terms(NamedTuple):
    """Whether any campaign is published, and any account under review: mostly neither, and nobody asks on."""

    campaigns: bool
    reviews: bool


def read_terms(session: Session, codes: Collection[str]) -> Terms:
    """Read the scenes of these codes and the published rules for this transaction."""
    connection = session.connection()
    postgresql = connection.dialect.name == "postgresql"
    text = _ON_POSTGRESQL if postgresql else _ON_SQLITE
    (row,) = ask(connection, text, (json.dumps(list(codes)),))
    found, rules = (_read(value) for value in row[:2])
    scenes.keep(session, found)
    points_rules.keep(session, tuple(_rule(json.dumps(rule)) for rule in rules))
    return Terms(bool(row[2]), bool(row[3]))


def _read(value: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(value) if isinstance(value, str) else value or []
    return rows


@lru_cache(maxsize=256)
def _rule(text: str) -> PointsRule:
    row = json.loads(text)
    return read_rule({**{name: row[name] for name in _RULE if name != "content"}, **row["content"]})
