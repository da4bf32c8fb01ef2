"""Batches of a village officer: bad rows say why, good ones wait for another person's look."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from neighbourhood import Somebody, Town
from openpyxl import Workbook
from shop_world import NOW
from village_world import HEADINGS, account, csv_sheet, look_again, picture, send_batch, workbook

from carbon_platform.citizens.tables import Act
from carbon_platform.proxies import rules, sheets
from carbon_platform.proxies.errors import SheetRefused

# The database does not matter here.
ONE_ENGINE = pytest.mark.parametrize("engine_name", ["sqlite"])

DAY = "2026-11-20"


def acts(town: Town) -> int:
    return int(town.db.read(lambda session: session.scalar(sa.select(sa.func.count()).select_from(Act))) or 0)


def test_half_a_batch_broken_keeps_the_good_rows_and_says_why_of_the_others(
    town: Town, officer: Somebody, second: Somebody
) -> None:
    number = account(officer)
    silent = account(officer, name="吴秀兰", partners="xinyang-bus")
    broken = {
        "unknown": ("XY12345674", "SH03", DAY, 1, "", "a.jpg"),
        "typo": (number[:-1] + str((int(number[-1]) + 1) % 10), "SH03", DAY, 1, "", "a.jpg"),
        "no consent": (silent, "SH03", DAY, 1, "", "a.jpg"),
        "behaviour": (number, "XI14b", DAY, 1, "", "a.jpg"),
        "empty": (number, "", DAY, 1, "", "a.jpg"),
        "negative": (number, "YI01", DAY, -2, "", "a.jpg"),
        "half a meal": (number, "SH03", DAY, 1.5, "", "a.jpg"),
        "too much": (number, "YI01", DAY, 201, "", "a.jpg"),
        "words": (number, "YI01", DAY, "两斤", "", "a.jpg"),
        "future": (number, "YI01", "2026-11-24", 1, "", "a.jpg"),
        "31 days": (number, "YI01", "2026-10-23", 1, "", "a.jpg"),
        "no day": (number, "YI01", "2026-02-30", 1, "", "a.jpg"),
        "no photo": (number, "YI01", DAY, 1, "", ""),
        "photo missing": (number, "YI01", DAY, 1, "", "b.jpg"),
        "count": (number, "YI01", DAY, 1, "二", "a.jpg"),
        "count of nothing": (number, "YI01", DAY, 1, "0", "a.jpg"),
        "count beyond": (number, "YI01", DAY, 1, "100", "a.jpg"),
    }
    good = [
        (number, "旧衣回收", "2026年11月20日", "1.25", "", "a.jpg"),
        (f" {number[:2].lower()} {number[2:]} ", "YI01", "2026/11/19", 1, "", "a.jpg"),
        (number, "YI01", DAY, 1, "2", "a.jpg"),
        (number, "YI01", DAY, 3, "2", "a.jpg"),
    ]
    answer = send_batch(officer, workbook([*broken.values(), *good]), {"a.jpg": picture(4)})
    assert answer.status_code == 201, answer.json
    rows = answer.json["rows"]
    wrong = dict(zip(broken, rows, strict=False))
    for name, row in wrong.items():
        assert row["outcome"] == "refused", (name, row)
        assert len(row["reason_zh"]) > 8, name
        assert len(row["reason_en"]) > 8, name
    assert "31" not in wrong["31 days"]["reason_zh"].replace("2026-10-23", "")
    assert "b.jpg" in wrong["photo missing"]["reason_zh"]
    rest = rows[len(broken) :]
    assert [row["outcome"] for row in rest] == ["ready", "ready", "ready", "refused"]  # the same one twice
    assert [row["milli"] for row in rest[:3]] == [1_250, 1_000, 1_000]
    assert answer.json["state"] == "checking"
    assert acts(town) == 0

    done = look_again(second, answer.json)
    assert done["state"] == "taken"
    assert acts(town) == 3
    again = send_batch(
        officer, csv_sheet([(number, "YI01", DAY, 9, "", "c.jpg")]), {"c.jpg": picture(5)}, name="代录.csv"
    )
    assert again.json["state"] == "returned"  # nothing in it that could be counted
    assert "已经录过" in again.json["rows"][0]["reason_zh"]


def test_the_one_who_entered_it_cannot_be_the_one_who_looks_again(
    town: Town, officer: Somebody, second: Somebody
) -> None:
    number = account(officer)
    batch = send_batch(officer, workbook([(number, "SH03", DAY, 1, "", "a.jpg")]), {"a.jpg": picture(4)}).json
    row = batch["rows"][0]
    check = {"row_id": row["id"], "verdict": "right"}
    path = f"/village/batches/{batch['id']}/checks"
    assert officer.post(path, check).json["code"] == "village.second_person_needed"
    elsewhere = town.colleague("外乡", "village_officer", region="411522")
    assert elsewhere.post(path, check).status_code == 404
    assert second.post(path, {**check, "row_id": row["id"] + 999}).status_code == 404
    assert second.post(path, {**check, "verdict": "maybe"}).status_code == 422
    assert acts(town) == 0
    assert second.make(path, check, status=200)["state"] == "taken"
    assert second.post(path, check).json["code"] == "village.batch_closed"
    assert acts(town) == 1


def test_too_many_wrong_ones_send_the_whole_batch_back_and_it_may_come_again(
    town: Town, officer: Somebody, second: Somebody
) -> None:
    number = account(officer)
    rows = [(number, "YI01", f"2026-11-{day:02d}", 1, "", "a.jpg") for day in range(10, 20)]
    batch = send_batch(officer, workbook(rows), {"a.jpg": picture(4)}).json
    drawn = [row["row_number"] for row in batch["rows"] if row["drawn"]]
    assert len(drawn) == 3
    done = look_again(second, batch, wrong=drawn[:1])
    assert done["state"] == "returned"
    assert Counter(row["outcome"] for row in done["rows"]) == {"refused": 10}
    assert acts(town) == 0
    photo_again = send_batch(officer, workbook(rows), {"a.jpg": picture(4)}).json
    assert {row["outcome"] for row in photo_again["rows"]} == {"refused"}
    assert "用过" in photo_again["rows"][0]["reason_zh"]
    second_try = send_batch(officer, workbook(rows), {"a.jpg": picture(6)}).json
    assert look_again(second, second_try)["state"] == "taken"
    assert acts(town) == 10


@ONE_ENGINE
def test_a_photo_of_another_day_is_no_proof(officer: Somebody) -> None:
    number = account(officer)
    sheet = workbook(
        [(number, "YI01", DAY, 1, "", "same.jpg"), (number, "YI01", "2026-11-19", 1, "", "other.jpg")]
    )
    photos = {
        "same.jpg": picture(4, taken="2026:11:20 09:30:00"),
        "other.jpg": picture(5, taken="2026:11:01 09:30:00"),
    }
    rows = send_batch(officer, sheet, photos).json["rows"]
    assert [row["outcome"] for row in rows] == ["ready", "refused"]
    assert "2026-11-01" in rows[1]["reason_zh"]


@ONE_ENGINE
def test_sheets_that_are_none_are_refused_whole(officer: Somebody) -> None:
    number = account(officer)
    formula = Workbook()
    formula.active.append(list(HEADINGS))
    formula.active.append([number, "SH03", DAY, "=1+1", "", "a.jpg"])
    many = [(number, "SH03", DAY, 1, n, "a.jpg") for n in range(1, 502)]
    cases = [
        (b"", "sheet.csv"),
        (b"PK\x03\x04 no workbook", "sheet.xlsx"),
        (b"\x89PNG\r\n", "sheet.csv"),
        (workbook([]), "sheet.xlsx"),
        (workbook([("x",)], headings=("姓名",)), "sheet.xlsx"),
        (workbook(many), "sheet.xlsx"),
    ]
    for content, name in cases:
        answer = send_batch(officer, content, {"a.jpg": picture(4)}, name=name)
        assert answer.status_code == 422, (name, answer.json)
        assert answer.json["code"] == "village.sheet_refused"
    bad_photo = send_batch(
        officer, workbook([(number, "SH03", DAY, 1, "", "a.jpg")]), {"a.jpg": b"no picture"}
    )
    assert bad_photo.json["code"] == "proxy.paper_refused"
    assert officer.get("/village/batches")["total"] == 0


def test_withdrawn_consent_stops_a_batch_that_waits(town: Town, officer: Somebody, second: Somebody) -> None:
    number = account(officer)
    batch = send_batch(officer, workbook([(number, "SH03", DAY, 1, "", "a.jpg")]), {"a.jpg": picture(4)}).json
    town.db.transact(
        lambda session: session.execute(
            sa.text("UPDATE consent SET withdrawn_at = :now WHERE partner = 'village-entry'"),
            {"now": NOW.replace(tzinfo=None) if town.db.url.startswith("sqlite") else NOW},
        )
    )
    done = look_again(second, batch)
    assert done["rows"][0]["outcome"] == "refused"
    assert "同意" in done["rows"][0]["reason_zh"]
    assert acts(town) == 0


@ONE_ENGINE
def test_the_template_can_be_filled_in_and_read_back(officer: Somebody, tmp_path: Any) -> None:
    answer = officer.ask("GET", "/village/template.xlsx")
    assert answer.status_code == 200
    path = tmp_path / "template.xlsx"
    path.write_bytes(answer.data)
    with pytest.raises(SheetRefused, match="no rows"):
        sheets.read(path, name="template.xlsx")


@given(
    st.text(min_size=1, max_size=20), st.sets(st.integers(1, 600), max_size=80), st.integers(0, 100),
    st.integers(0, 10),
)  # fmt: skip
def test_the_draw_is_the_same_for_a_seed_and_has_the_size_asked_for(
    seed: str, rows: set[int], percent: int, at_least: int
) -> None:
    drawn = rules.draw(seed, rows, percent=percent, at_least=at_least)
    assert drawn == rules.draw(seed, sorted(rows, reverse=True), percent=percent, at_least=at_least)
    assert drawn <= rows
    share = -(-len(rows) * percent // 100)
    assert len(drawn) == min(len(rows), max(at_least, share))


def test_every_row_is_drawn_about_as_often() -> None:
    draws = [rules.draw(str(seed), range(30), percent=10, at_least=3) for seed in range(2_000)]
    seen = Counter(row for draw in draws for row in draw)
    assert set(seen) == set(range(30))
    assert max(seen.values()) < 1.5 * min(seen.values())  # 200 each, standard deviation 13


@given(st.integers(0, 9_999_999), st.integers(0, 7), st.integers(1, 9))
def test_an_account_number_with_one_wrong_digit_is_known(seven: int, place: int, change: int) -> None:
    number = rules.account_number(seven)
    assert rules.parse_number(f"{number[:5]} {number[5:]}".lower()) == number
    digits = list(number[2:])
    digits[place] = str((int(digits[place]) + change) % 10)
    with pytest.raises(rules.AccountNumberInvalid):
        rules.parse_number("XY" + "".join(digits))


@ONE_ENGINE
def test_the_second_look_is_done_once_however_often_it_is_clicked(
    town: Town, officer: Somebody, second: Somebody
) -> None:
    number = account(officer)
    rows = [(number, "YI01", f"2026-11-{day}", 1, "", "a.jpg") for day in (17, 18, 19, 20)]
    batch = send_batch(officer, workbook(rows), {"a.jpg": picture(4)}).json
    first = next(row for row in batch["rows"] if row["drawn"])
    path = f"/village/batches/{batch['id']}/checks"
    second.make(path, {"row_id": first["id"], "verdict": "wrong"}, status=200)
    changed = second.make(path, {"row_id": first["id"], "verdict": "right"}, status=200)  # thought again
    assert changed["state"] == "checking"
    town.clock["now"] = NOW + timedelta(hours=1)
    assert look_again(second, batch)["state"] == "taken"
    assert acts(town) == 4
