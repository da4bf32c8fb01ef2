"""One of everything a village office and a family have, for tests that walk over all addresses."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Flask
from neighbourhood import Somebody
from village_world import VILLAGE, account, picture, send_batch, workbook


def village_things(
    app: Flask, officer_headers: dict[str, str], citizen_headers: dict[str, str]
) -> dict[str, str]:
    """An argument for each place of an address; made the first time, found again later."""
    officer, citizen = Somebody(app, officer_headers), Somebody(app, citizen_headers)
    family = _family(officer, citizen)
    listed = [row["number"] for row in officer.get("/village/accounts")["items"]]
    number = next(n for n in listed if officer.ask("GET", f"/village/accounts/{n}/family").status_code == 200)
    batches = officer.get("/village/batches")["items"]
    batch = batches[-1]["id"] if batches else _batch(officer, number)
    groups = officer.get("/groups")["items"]
    body = {"kind": "community", "name": "三里店社区", "region_code": VILLAGE}
    group = groups[-1] if groups else officer.make("/groups", body)
    return {
        "/village/accounts/": number,
        "/village/cards/": "1",
        "/village/batches/": str(batch),
        "/family/members/": str(family["member_id"]),
        "/citizen/groups/": "999999",
        "/groups/": str(group["id"]),
        "/proxies/": str(citizen.get("/citizen/proxies")["items"][0]["id"]),
    }


def _family(officer: Somebody, citizen: Somebody) -> dict[str, Any]:
    """The citizen's family, with somebody in it who has an account on paper and lets the citizen act."""
    found = citizen.ask("GET", "/citizen/family")
    if found.status_code != 200:
        # The citizen may have left one; whoever has an account on paper is still in it.
        number = account(officer)
        version = citizen.version("platform", "family")
        made = citizen.make("/citizen/family", {"name": "我们家", "consent_version": version})
        code = made["invitation"]["code"]
        [mine] = officer.make(f"/village/accounts/{number}/family", {"code": code})
        form = {"paper": (io.BytesIO(picture(1)), "授权.jpg"), "member_id": mine["member_id"]}
        path = f"/village/accounts/{number}/proxies"
        granted = officer.ask("POST", path, data=form, content_type="multipart/form-data")
        assert granted.status_code == 201, granted.json
    family: dict[str, Any] = citizen.get("/citizen/family")
    return family


def _batch(officer: Somebody, number: str) -> int:
    yesterday = (datetime.now(UTC) + timedelta(hours=8) - timedelta(days=1)).date()
    sheet = workbook([(number, "SH03", yesterday.isoformat(), 1, "", "a.jpg")])
    made = send_batch(officer, sheet, {"a.jpg": picture(2)})
    assert made.json["rows"][0]["outcome"] == "ready", made.json
    return int(made.json["id"])
