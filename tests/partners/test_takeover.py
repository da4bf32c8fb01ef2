"""Another platform's accounts: CSV in UTF-8 and GBK, XLSX; dry run, repeats, faults, control totals."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from openpyxl import Workbook
from partner_world import NOW, ONE_ENGINE

from carbon_platform import ledger
from carbon_platform.citizens.purse import open_purse
from carbon_platform.db import Database
from carbon_platform.identity import rotation, sealing
from carbon_platform.identity.persons import NewPerson, open_many
from carbon_platform.identity.rules import SYSTEM
from carbon_platform.identity.tables import Person
from carbon_platform.partners import takeover as module
from carbon_platform.partners.errors import TakeoverFileInvalid
from carbon_platform.partners.tables import TakenAccount, TakenRecord
from carbon_platform.partners.takeover import Expected, Report, take_over

pytestmark = pytest.mark.usefixtures("verified")

HEADER = ["账号", "昵称", "手机号", "区县", "开户时间", "积分余额", "累计减排克数"]
ROWS: list[list[Any]] = [
    ["u1", "小满", "13800000001", "浉河区", "2024-03-01", 120, 3_400],
    ["u2", "大山", "", "411503", "2024/05/06", 0, 0],
    ["u3", "阿霞", "13800000003", "", "", 35, 900],
]
RECORDS = [
    ["流水号", "账号", "行为", "日期", "减排量(克)", "积分"],
    ["t1", "u1", "公交出行", "2024-04-01", 3_400, 120],
    ["t2", "u3", "步行", "2024-06-01", 900, 40],
    ["t3", "u3", "兑换", "2024-07-01", 0, -5],
]


def text_of(rows: list[list[Any]]) -> str:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue()


def sheet(path: Path, rows: list[list[Any]]) -> Path:
    book = Workbook()
    for row in rows:
        book.active.append(row)
    book.save(path)
    return path


def run(db: Database, accounts: Path, records: Path | None = None, **more: Any) -> Report:
    expected, dry_run = more.pop("expected", Expected()), more.pop("dry_run", False)
    return take_over(db, "city-old", accounts, records, expected=expected, dry_run=dry_run, by="t", now=NOW)


def points(db: Database) -> dict[str, int]:
    """What every account taken over can spend, by nickname."""

    def work(session: Any) -> dict[str, int]:
        rows = session.execute(
            sa.select(Person.nickname, Person.holder).join(TakenAccount, TakenAccount.holder == Person.holder)
        )
        return {name: open_purse(session, holder, now=NOW).available for name, holder in rows}

    return db.read(work)


@pytest.fixture
def accounts(tmp_path: Path) -> Path:
    path = tmp_path / "accounts.csv"
    path.write_text(text_of([HEADER, *ROWS]), encoding="utf-8-sig")
    return path


@pytest.fixture
def records(tmp_path: Path) -> Path:
    path = tmp_path / "records.csv"
    path.write_text(text_of(RECORDS), encoding="gbk")
    return path


def test_accounts_points_and_history_once_and_never_twice(
    db: Database, accounts: Path, records: Path
) -> None:
    dry = run(db, accounts, records, dry_run=True)
    assert (dry.taken, dry.records_taken, dry.agreed) == (3, 3, True)
    assert points(db) == {} and db.read(lambda session: session.query(TakenRecord).count()) == 0
    done = run(db, accounts, records, expected=Expected(3, 155, 4_300))
    assert (done.taken, done.points_taken, done.records_taken, done.findings) == (3, 155, 3, [])
    assert points(db) == {"小满": 120, "大山": 0, "阿霞": 35}
    again = run(db, accounts, records)
    assert (again.taken, again.again, again.records_again, again.agreed) == (0, 3, 3, True)
    assert points(db) == {"小满": 120, "大山": 0, "阿霞": 35}

    def look(session: Any) -> None:
        person = session.scalar(sa.select(Person).where(Person.nickname == "小满"))
        assert person.region_code == "411502" and person.opened_at.date().isoformat() == "2024-02-29"
        # grams of unknown factors enter no book
        for row in session.query(TakenAccount):
            key = ledger.AccountKey(ledger.BOOK, row.holder, ledger.Asset.REDUCTION)
            assert ledger.balance(session, key).posted == 0
        assert [row.grams for row in module.history(session, person.holder)] == [3_400]
        assert len(module.runs(session)) == 2

    db.read(look)


@ONE_ENGINE
def test_a_spreadsheet_says_the_same_as_a_csv(db: Database, tmp_path: Path, accounts: Path) -> None:
    rows = [
        [*row[:2], int(row[2]) if row[2] else None, *row[3:]] for row in ROWS
    ]  # Excel makes numbers of digits
    done = run(db, sheet(tmp_path / "a.xlsx", [HEADER, *rows]))
    assert (done.taken, done.agreed) == (3, True)
    assert run(db, accounts).again == 3


@ONE_ENGINE
def test_bad_rows_are_named_and_the_good_ones_go_on(db: Database, tmp_path: Path) -> None:
    bad: list[list[Any]] = [
        ["u4", "甲", "12345", "", "", 1, 0], ["u5", "乙", "", "南阳", "", 1, 0],
        ["u6", "丙", "", "", "", -3, 0], ["u7", "丁", "", "", "昨天", 1, 0],
        ["u1", "重复", "", "", "", 7, 0], ["", "空", "", "", "", 1, 0],
        ["u8", "戊", "", "", "", "1.5", 0],
    ]  # fmt: skip
    path = tmp_path / "bad.csv"
    path.write_text(text_of([HEADER, *ROWS, *bad]), encoding="utf-8")
    done = run(db, path, expected=Expected(11, 155, 1))
    assert (done.rows, done.taken, done.refused) == (10, 3, 7)
    named = {(finding["row"], finding["field"]) for finding in done.findings}
    assert named >= {
        (5, "phone"), (6, "region"), (7, "points"), (8, "opened_at"), (9, "external_id"), (10, "external_id"),
        (11, "points"), (0, "accounts"), (0, "grams"),
    }  # fmt: skip
    assert not any("12345" in finding["zh"].replace("打 12345", "") for finding in done.findings)


@ONE_ENGINE
def test_a_changed_row_is_named_and_left_alone(db: Database, accounts: Path, tmp_path: Path) -> None:
    run(db, accounts)
    path = tmp_path / "later.csv"
    later = [["u1", "小满", "13800000001", "浉河区", "2024-03-01", 999, 3_400], *ROWS[1:]]
    path.write_text(text_of([HEADER, *later]), encoding="utf-8")
    done = run(db, path)
    assert (done.changed, done.again, done.taken) == (1, 2, 0)
    assert points(db)["小满"] == 120


def test_a_phone_known_here_goes_on_as_that_account(db: Database, accounts: Path) -> None:
    there = db.transact(
        lambda session: open_many(
            session, SYSTEM, [NewPerson("原住户", "411502", phone="13800000001")], via="village:test", now=NOW
        )
    )[0]
    done = run(db, accounts)
    assert (done.taken, done.linked) == (3, 1)
    assert db.read(lambda session: open_purse(session, there.holder, now=NOW).available) == 120


def test_killed_half_way_the_second_run_finishes(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHUNK", 50)
    rows = [[f"n{number}", f"市民{number}", "", "", "", number, 0] for number in range(120)]
    path = tmp_path / "many.csv"
    path.write_text(text_of([HEADER, *rows]), encoding="utf-8")
    real, calls = module._take_accounts, []

    def dying(*args: Any, **kwargs: Any) -> None:
        calls.append(1)
        real(*args, **kwargs)
        if len(calls) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(module, "_take_accounts", dying)
    with pytest.raises(KeyboardInterrupt):
        run(db, path)
    monkeypatch.setattr(module, "_take_accounts", real)
    done = run(db, path)
    assert (done.again, done.taken) == (50, 70)
    assert sum(points(db).values()) == sum(range(120))


@ONE_ENGINE
def test_what_the_database_keeps_names_nobody(db: Database, accounts: Path) -> None:
    run(db, accounts)
    kept = db.read(
        lambda session: [(row.external_index, row.row_index) for row in session.query(TakenAccount)]
    )
    assert not any("u1" in text or "13800000001" in text for pair in kept for text in pair)


@ONE_ENGINE
def test_files_that_cannot_be_read(db: Database, tmp_path: Path) -> None:
    empty, strange, bad_sheet = tmp_path / "e.csv", tmp_path / "s.csv", tmp_path / "b.xlsx"
    empty.write_bytes(b"")
    strange.write_text("a,b\n1,2\n", encoding="utf-8")
    bad_sheet.write_bytes(b"PK not a workbook")
    for path in (empty, strange, bad_sheet):
        with pytest.raises(TakeoverFileInvalid) as caught:
            run(db, path)
        assert path.name in caught.value.message("zh")


@ONE_ENGINE
def test_the_command_says_what_it_did(app: Flask, accounts: Path, records: Path) -> None:
    call = ["partners", "takeover", "city-old", str(accounts), "--by", "张三", "--expect-accounts"]
    runner = app.test_cli_runner()
    wrong = runner.invoke(args=[*call, "4", "--dry-run"])
    assert wrong.exit_code == 1 and "相差 -1" in wrong.output and "什么都没有写入" in wrong.output
    right = runner.invoke(args=[*call, "3", "--records", str(records)])
    assert right.exit_code == 0, right.output
    assert "对账一致" in right.output


@ONE_ENGINE
def test_no_phone_comes_in_as_a_nickname_or_a_record_number(db: Database, tmp_path: Path) -> None:
    accounts, records = tmp_path / "accounts.csv", tmp_path / "records.csv"
    accounts.write_text(text_of([HEADER, ["u1", "13800000001", "13800000001", "浉河区", "", 120, 3_400]]))
    rows = [
        ["13800000001-1", "u1", "公交出行", "2024-04-01", 3_400, 120],
        ["t2", "u1", "步行", "2024-06-01", 0, 0],
    ]
    records.write_text(text_of([RECORDS[0], *rows]))
    done = run(db, accounts, records)
    assert (done.taken, done.records_taken, done.records_refused) == (1, 1, 1)
    assert "13800000001" not in str(done)
    kept = db.read(lambda session: [*session.scalars(sa.select(Person.nickname)),
                                    *session.scalars(sa.select(TakenRecord.record_id))])  # fmt: skip
    assert kept == ["市民", "t2"]


@ONE_ENGINE
def test_the_key_by_which_accounts_are_known_again_is_still_needed(
    db: Database, accounts: Path, tmp_path: Path
) -> None:
    run(db, accounts)
    old = db.read(sealing.keys)
    sealing.add_key(tmp_path / "keys.toml", "2026-12")
    fresh = sealing.read_keys(tmp_path / "keys.toml")
    both = sealing.Keyring({**fresh.seal_keys, **old.seal_keys}, {**fresh.index_keys, **old.index_keys})
    db.info["identity.keys"] = lambda: both
    rotation.reseal(db)
    assert db.read(rotation.left_behind) == {"derived": len(ROWS)}
    assert (run(db, accounts).again, points(db)["小满"]) == (3, 120)
