"""The partners' secrets change keys with everything else that is sealed: one command, and pushes go on."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from flask import Flask
from partner_world import BUS, Caller, make_bus, ride

from carbon_platform.db import Database
from carbon_platform.identity import sealing
from carbon_platform.partners.tables import PartnerKey
from carbon_platform.web import platform


def test_after_a_change_of_the_key_file_a_partner_signs_on(
    app: Flask,
    db: Database,
    clock: dict[str, datetime],
    citizen: Callable[..., Caller],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "keys.toml"
    sealing.add_key(path, "2026-10")
    house = platform(app)
    settings = replace(house.settings, data_key_file=path)
    monkeypatch.setitem(app.extensions, "carbon", replace(house, settings=settings))
    sealing.say_keys(db, settings)
    bus = make_bus(app, clock)
    rider = citizen().agree(BUS)
    assert rider.post("/citizen/bindings", {"code": bus.code_for("c-1")}).status_code == 201
    assert sealed_with(db, bus.key_id) == "2026-10"

    sealing.add_key(path, "2026-11", kinds=("seal",))
    done = app.test_cli_runner().invoke(args=["people", "reseal"])
    assert done.exit_code == 0, done.output
    assert re.search(r"^partner_key\.secret_sealed +1$", done.output, re.MULTILINE)
    assert sealed_with(db, bus.key_id) == "2026-11"
    # the old key is gone for good, and the partner's server notices nothing
    without_old = re.sub(r'\[\[seal\]\]\nid = "2026-10"\nkey = ".*"\n', "", path.read_text())
    assert without_old.count("[[seal]]") == 1
    path.write_text(without_old)
    assert [row["result"] for row in bus.push([ride(1)]).json["results"]] == ["received"]


def sealed_with(db: Database, key_id: str) -> str:
    return sealing.sealed_with(db.read(lambda session: session.get_one(PartnerKey, key_id).secret_sealed))
