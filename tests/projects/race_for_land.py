"""Processes that claim land at the same moment: ``python race_for_land.py <database url> [unlocked]``.

Each line of standard input is a contest, a JSON list of acts; every act gets a process of its own, all start
together, and a JSON list of what came of them is printed. An act is ``["attach", project, codes, who]`` or
``["declare", west, south, east, north]`` (plane). ``unlocked`` takes the lock out and lets the processes
wait for each other between the look and the write: what the lock is there for then happens.
"""

from __future__ import annotations

import json
import multiprocessing
import sys
from typing import Any

import numpy as np
import shapely
from claim_desk import DECLARED
from project_world import NOW, World

import carbon_platform.all_tables  # noqa: F401 — foreign keys need their tables
from carbon_platform.db import Database
from carbon_platform.identity.rules import Actor
from carbon_platform.parcels import land_claims, outside_claims
from carbon_platform.projects import claims, service
from carbon_platform.projects.rules import ParcelsRefused
from gis.counties import load_counties
from gis.crs import PLANE, to_lonlat

FORK = multiprocessing.get_context("fork")


def unlock(meeting: Any) -> None:
    """No lock, and a rendezvous between the look and the write."""
    check = claims.check_reservable

    def slowly(*args: Any) -> Any:
        found = check(*args)
        meeting.wait(timeout=30)
        return found

    for module in (service, claims):
        module.serialise = lambda session, name: None  # type: ignore[attr-defined]
    land_claims.lock = lambda session: None
    claims.check_reservable = slowly


def act(url: str, who: Actor, what: list[Any], start: Any, meeting: Any) -> str:
    if meeting is not None:
        unlock(meeting)
    database = Database(url)
    name, *rest = what
    start.wait(timeout=30)
    try:
        if name == "attach":
            database.transact(lambda s: service.attach_parcels(s, who, rest[0], codes=rest[1], now=NOW))
            return "attached"
        shapes = to_lonlat(np.array([shapely.box(*rest)], dtype=object), PLANE)
        drawn = outside_claims.lands_of(shapes, who, load_counties(), file_name="made", file_sha256="0")
        database.transact(lambda s: outside_claims.declare(s, who, DECLARED, drawn, now=NOW))
        return "declared"
    except ParcelsRefused as refused:
        [code] = {error["code"] for error in refused.errors}
        return str(code)
    finally:
        database.dispose()


def contest(url: str, actors: dict[str, Actor], acts: list[list[Any]], unlocked: bool) -> list[str]:
    start = FORK.Barrier(len(acts))
    meeting = FORK.Barrier(len(acts)) if unlocked else None
    answers = FORK.SimpleQueue()

    def run(number: int, what: list[Any]) -> None:
        who = actors[what[3] if what[0] == "attach" else "ecology"]
        answers.put((number, act(url, who, what, start, meeting)))

    children = [FORK.Process(target=run, args=pair) for pair in enumerate(acts)]
    for child in children:
        child.start()
    for child in children:
        child.join(60)
        assert child.exitcode == 0, child.exitcode
    return [answer for _, answer in sorted(answers.get() for _ in acts)]


def main(url: str, *flags: str) -> None:
    world = World(url)
    actors = {who: world.actor(who) for who in ("operator", "rival", "ecology")}
    world.close()
    for line in sys.stdin:
        print(json.dumps(contest(url, actors, json.loads(line), "unlocked" in flags)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
