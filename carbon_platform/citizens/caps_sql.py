"""What caps over weeks, months and years look at, for a whole batch; see :mod:`intake_sql`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy.engine import Connection

from carbon_platform.citizens.intake_sql import arrays
from carbon_platform.db import ask


class MonthSum(NamedTuple):
    """Quantity of a behaviour that counts in a month (``2026-11``) of a person's book."""

    holder: str
    behaviour: str
    month: str
    milli: int


def month_sums(connection: Connection, asked: Iterable[tuple[str, str, str, str]]) -> list[MonthSum]:
    """For (holder, behaviour, first day, last day): what counts, per month of the days asked for."""
    wanted = sorted(set(asked))
    what = (
        "a.holder, a.behaviour, substr(a.day, 1, 7), sum(a.counted_milli)",
        "WHERE a.counted_milli > 0 AND a.withdrawn_at IS NULL GROUP BY 1, 2, 3",
    )
    if connection.dialect.name == "postgresql":
        rows = ask(
            connection,
            f"SELECT {what[0]} FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[]) "
            "AS w(holder, behaviour, first, last) JOIN act a ON a.holder = w.holder "
            f"AND a.behaviour = w.behaviour AND a.day BETWEEN w.first AND w.last {what[1]}",
            arrays(wanted),
        )
    else:
        rows = ask(
            connection,
            f"SELECT {what[0]} FROM json_each(?) AS j CROSS JOIN act AS a ON a.holder = j.value ->> 0 "
            f"AND a.behaviour = j.value ->> 1 AND a.day BETWEEN j.value ->> 2 AND j.value ->> 3 {what[1]}",
            (json.dumps(wanted),),
        )
    return [MonthSum(holder, behaviour, month, int(milli)) for holder, behaviour, month, milli in rows]


def day_sums(
    connection: Connection, windows: dict[str, tuple[str, str]]
) -> list[tuple[str, str, str, int, int]]:
    """(holder, day, behaviour, grams, points) of what counts inside each person's window of days."""
    spans = [(holder, *window) for holder, window in windows.items()]
    what = (
        "a.holder, a.day, a.behaviour, sum(a.reduction_g), sum(a.points)",
        "WHERE a.counted_milli > 0 AND a.withdrawn_at IS NULL GROUP BY 1, 2, 3",
    )
    if connection.dialect.name == "postgresql":
        rows = ask(
            connection,
            f"SELECT {what[0]} FROM unnest(%s::text[], %s::text[], %s::text[]) AS w(holder, first, last) "
            f"JOIN act a ON a.holder = w.holder AND a.day BETWEEN w.first AND w.last {what[1]}",
            arrays(spans),
        )
    else:
        rows = ask(
            connection,
            f"SELECT {what[0]} FROM json_each(?) AS j CROSS JOIN act AS a ON a.holder = j.value ->> 0 "
            f"AND a.day BETWEEN j.value ->> 1 AND j.value ->> 2 {what[1]}",
            (json.dumps(spans),),
        )
    return [(holder, day, code, int(grams), int(points)) for holder, day, code, grams, points in rows]
