"""The whole export of the other platform, 73,000 accounts with history in GBK: killed, run on, run again."""

from __future__ import annotations

import csv
import random
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from partner_world import NOW

from carbon_platform import ledger
from carbon_platform.db import Database
from carbon_platform.identity.tables import Person
from carbon_platform.partners import takeover as module
from carbon_platform.partners.tables import TakenAccount, TakenRecord
from carbon_platform.partners.takeover import Expected, take_over

pytestmark = pytest.mark.usefixtures("verified")

ACCOUNTS, RECORDS = 73_000, 73_000
COUNTIES = ("浉河区", "平桥区", "罗山县", "光山县", "新县", "商城县", "固始县", "潢川县", "淮滨县", "息县")


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Expected]:
    """Files as the other platform would write them, and the totals it names."""
    place, chosen = tmp_path_factory.mktemp("export"), random.Random(73)
    points = [chosen.randrange(0, 400) for _ in range(ACCOUNTS)]
    grams = [0] * ACCOUNTS
    records = []
    for number in range(RECORDS):
        whose, amount = chosen.randrange(ACCOUNTS), chosen.randrange(10, 2_000)
        grams[whose] += amount
        records.append([f"t{number}", f"u{whose}", "公交出行", f"2025-{1 + number % 12:02}-10", amount, 1])
    accounts = [
        [
            f"u{n}",
            f"市民{n}",
            f"139{n:08}" if n % 3 else "",
            COUNTIES[n % 10],
            "2024-05-06",
            points[n],
            grams[n],
        ]
        for n in range(ACCOUNTS)
    ]
    files = []
    for name, header, rows in (
        ("accounts", ["账号", "昵称", "手机号", "区县", "开户时间", "积分余额", "累计减排克数"], accounts),
        ("records", ["流水号", "账号", "行为", "日期", "减排量(克)", "积分"], records),
    ):
        files.append(place / f"{name}.csv")
        with files[-1].open("w", encoding="gbk", newline="") as out:
            csv.writer(out).writerows([header, *rows])
    return files[0], files[1], Expected(accounts=ACCOUNTS, points=sum(points), grams=sum(grams))


def test_73_000_accounts_come_over_once_and_agree(
    db: Database, export: tuple[Path, Path, Expected], monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts, records, expected = export

    def run() -> Any:
        return take_over(db, "city-old", accounts, records, expected=expected, dry_run=False, by="t", now=NOW)

    # Killed in the middle: what was written stays, and the next run goes on behind it.
    whole, done = module._take_accounts, []

    def dies(*args: Any, **more: Any) -> None:
        done.append(1)
        if len(done) == 20:
            raise KeyboardInterrupt
        whole(*args, **more)

    monkeypatch.setattr(module, "_take_accounts", dies)
    with pytest.raises(KeyboardInterrupt):
        run()
    monkeypatch.setattr(module, "_take_accounts", whole)
    found = run()
    assert found.agreed, found.findings
    assert (found.rows, found.again, found.taken) == (ACCOUNTS, 19_000, ACCOUNTS - 19_000)

    def state() -> tuple[Any, ...]:
        def read(session: Any) -> tuple[Any, ...]:
            tables = (Person, TakenAccount, TakenRecord)
            counts = [session.scalar(sa.select(sa.func.count()).select_from(table)) for table in tables]
            owed = sa.text(
                "SELECT count(*), sum(b.posted) FROM ledger_balance b JOIN ledger_account a "
                "ON a.id = b.account_id WHERE a.role = 'points' AND b.posted > 0"
            )
            return (*counts, *session.execute(owed).one())

        return db.read(read)

    before = state()
    assert before[1:3] == (ACCOUNTS, RECORDS) and before[4] == expected.points
    again = run()
    assert (again.again, again.taken, again.agreed) == (ACCOUNTS, 0, True)
    assert state() == before, "the same export again changes nothing"
    assert ledger.reconcile(db, lambda: NOW).ok
