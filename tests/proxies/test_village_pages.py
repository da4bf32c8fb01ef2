"""The pages of the village office and of groups: who sees what, names only on paper, both languages."""

from __future__ import annotations

from typing import Any

import pytest
from neighbourhood import Somebody, Town
from village_world import account, look_again, picture, send_batch, workbook

# The database does not matter here.
ONE_ENGINE = pytest.mark.parametrize("engine_name", ["sqlite"])

NAME = "周桂英"


def page(somebody: Somebody, path: str, language: str = "zh") -> Any:
    client = somebody.app.test_client()
    client.set_cookie("lang", language)
    return client.get(path, headers=somebody.headers)


@ONE_ENGINE
def test_names_stand_on_paper_only_and_every_page_speaks_both_languages(
    town: Town, officer: Somebody, second: Somebody
) -> None:
    number = account(officer)
    officer.make(f"/village/accounts/{number}/cards", {"number": "8801000012345678"})
    rows = [(number, "SH03", "2026-11-20", 1, "", "a.jpg"), (number, "SH03", "2026-13-01", 1, "", "a.jpg")]
    batch = send_batch(officer, workbook(rows), {"a.jpg": picture(2)}, name="<b>代录.xlsx").json
    look_again(second, batch)
    holder = town.db.read(lambda session: session.connection().exec_driver_sql(
        "SELECT holder FROM paper_account").scalar())  # fmt: skip
    town.give_points(holder, 100)
    voucher = officer.make(f"/village/accounts/{number}/redemptions", {"reward": "soap"}, key="soap")
    on_paper = [f"/village/{number}/slip?month=2026-11", f"/village/{number}/vouchers/{voucher['id']}"]
    masked = ["/village", f"/village/{number}", "/village/batches", f"/village/batches/{batch['id']}",
              "/village/consent-form", "/groups", "/league"]  # fmt: skip
    for path in (*on_paper, *masked):
        for language in ("zh", "en"):
            answer = page(officer, path, language)
            assert answer.status_code == 200, (path, answer.text[:300])
            assert (NAME in answer.text) is (path in on_paper), path
            assert "8801000012345678" not in answer.text
            assert "<b>" not in answer.text
    slip = page(officer, on_paper[0]).text
    assert "光盘行动" in slip
    assert voucher["voucher_code"] in slip
    assert "月份" in page(officer, f"/village/{number}/slip?month=nonsense").text
    assert "12345" in slip  # where to complain


@ONE_ENGINE
def test_pages_are_for_the_office_and_for_its_own_villages(town: Town, officer: Somebody) -> None:
    number = account(officer)
    elsewhere = town.colleague("外乡", "village_officer", region="411522")
    citizen = town.person("somebody")
    paths = [f"/village/{number}", f"/village/{number}/slip", f"/village/{number}/vouchers/1"]
    for path in paths:
        assert page(elsewhere, path).status_code == 404, path
        assert page(citizen, path).status_code == 403, path
        assert town.app.test_client().get(path).status_code == 302, path
    assert page(citizen, "/groups").status_code == 403
    assert town.app.test_client().get("/league").status_code == 200
    assert number not in page(elsewhere, "/village").text
