"""The catalogue is culture, tourism, commerce and public services; each is registered, found and redeemed."""

from __future__ import annotations

import pytest
from flask import Flask
from shop_world import NOW, SPONSOR, Caller, citizen, terms

from carbon_platform.citizens.reward_rules import KINDS
from carbon_platform.db import Database
from carbon_platform.identity.rules import SYSTEM
from carbon_platform.identity.service import add_organisation

pytestmark = pytest.mark.usefixtures("verified")


@pytest.mark.parametrize("kind", ["culture", "tourism", "commerce", "public"])
def test_every_kind_is_offered_found_by_its_name_and_redeemed(
    app: Flask, operator: Caller, db: Database, kind: str
) -> None:
    organisation = db.transact(
        lambda session: (
            add_organisation(
                session, SYSTEM, name_zh="一家单位", kind="merchant", region_code="411502", now=NOW
            ).id
        )
    )
    body = {
        "code": f"some-{kind}", "organisation_id": organisation, "kind": kind, "name_zh": "一家单位",
        "source": "测试", "sponsor_code": SPONSOR,
    }  # fmt: skip
    assert operator.post("/merchants", body).status_code == 201
    answer = operator.post(
        f"/merchants/some-{kind}/budgets", {"month": NOW.strftime("%Y-%m"), "limit_fen": 500}
    )
    assert answer.status_code == 200, answer.json
    offer = operator.post(f"/merchants/some-{kind}/offers", terms(f"{kind}-1", 50, 250))
    assert offer.status_code == 201, offer.json

    xiaoman = citizen(app, "小满", 100)
    everything = xiaoman.get("/citizen/rewards").json
    found = xiaoman.get(f"/citizen/rewards?kind={kind}").json
    assert {row["kind"] for row in found} == {kind}
    (mine,) = [row for row in found if row["code"] == f"{kind}-1"]
    assert (mine["kind_zh"], mine["kind_en"]) == KINDS[kind]
    assert [row for row in everything if row["kind"] == kind] == found
    assert xiaoman.redeem(f"{kind}-1").status_code == 201
    assert xiaoman.points() == 50
    assert xiaoman.get("/citizen/rewards?kind=casino").status_code == 422
