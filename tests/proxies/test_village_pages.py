"""The pages of the village office and of groups: who sees what, names only on paper, both languages."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from neighbourhood import Somebody, Town
from village_world import account, look_again, picture, send_batch, workbook

from carbon_platform.citizens.tables import Reward
from carbon_platform.proxies.tables import PaperAccount

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


@ONE_ENGINE
def test_what_cannot_be_had_says_why_and_every_consent_its_own_name(town: Town, officer: Somebody) -> None:
    number = account(officer, partners="xinyang-bus,village-entry", id_number="110101194806151234")
    holder = town.db.read(lambda session: session.scalar(sa.select(PaperAccount.holder)))
    price = town.db.read(lambda session: session.get_one(Reward, "soap").price_points)
    assert f"还差 {price} 分" in page(officer, f"/village/{number}").text
    town.give_points(holder, price)
    assert 'value="soap">' in page(officer, f"/village/{number}").text
    assert "现在就能换" in page(officer, f"/village/{number}/slip").text

    def cheaper_in_spring(session: Any) -> None:
        soap = session.get_one(Reward, "soap")
        plain = {column.name: getattr(soap, column.name) for column in Reward.__table__.columns}
        changes = {"price_points": 1, "season_from": "2027-03-01"}
        session.add_all(Reward(**plain | changes | {"code": f"spring-{n}"}) for n in range(4))

    town.db.transact(cheaper_in_spring)
    assert "现在就能换" in page(officer, f"/village/{number}/slip").text, "not crowded out by what is to come"
    town.db.transact(lambda session: session.execute(sa.update(Reward).values(season_from="2027-03-01")))
    assert "现在不是季节" in page(officer, f"/village/{number}").text
    assert "现在就能换" not in page(officer, f"/village/{number}/slip").text
    shown = page(officer, f"/village/{number}").text.split('id="consents-h"')[1]
    for name in ("实名", "村级代录"):
        assert f"<span>{name}<br>" in shown
    form = page(officer, "/village/consent-form").text
    for name in ("家庭里互相看得到", "实名", "村级代录"):
        assert f"同意：{name}" in form


@ONE_ENGINE
def test_a_slip_leads_to_the_month_before_and_after_but_not_ahead(officer: Somebody) -> None:
    number = account(officer)
    this = page(officer, f"/village/{number}/slip").text
    assert "?month=2026-10" in this
    assert "下一个月" not in this
    january = page(officer, f"/village/{number}/slip?month=2026-01").text
    assert "?month=2025-12" in january
    assert "?month=2026-02" in january
