"""Lists of administrative codes: another city joins, names change with a date, nothing is half-written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from carbon_platform.db import Database
from carbon_platform.regions import lists, service
from carbon_platform.regions.rules import RegionsRefused, normal_code
from carbon_platform.regions.tables import DevelopmentBatch, Region, RegionBoundary, RegionChange

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
LUAN = """# 民政部代码（测试节选）
code,name_zh,name_en,valid_from
340000,安徽省,Anhui,2020-01-01
341500,六安市,Lu'an,2020-01-01
341502,金安区,Jin'an,2020-01-01
341503,裕安区,Yu'an,2020-01-01
341525,霍山县,Huoshan,2020-01-01
341525103,测试镇,,2020-01-01
341525103001,测试村,,2020-01-01
"""


def prepare(url: str) -> None:
    """Regions of the plan. For ``fresh_database(engine_name, prepare)``."""
    db = Database(url)
    tables = [table.__table__ for table in (DevelopmentBatch, Region, RegionChange, RegionBoundary)]
    db.transact(lambda s: Region.metadata.create_all(s.connection(), tables))
    db.transact(service.load_reference)
    db.dispose()


@pytest.fixture
def db(engine_name: str, fresh_database: Callable[..., str]) -> Iterator[Database]:
    db = Database(fresh_database(engine_name, prepare))
    yield db
    db.dispose()


def load(db: Database, text: str, source: str = "民政部代码 2025（测试）") -> lists.Applied:
    records = lists.read_list(text.encode("utf-8"))
    return db.transact(lambda s: lists.import_list(s, records, source=source, by="系统经办", now=NOW))


def faults(db: Database, text: str, **more: Any) -> list[dict[str, Any]]:
    before = db.read(lambda s: [tuple(row) for row in s.execute(sa.select(Region.__table__))])
    with pytest.raises(RegionsRefused) as refused:
        load(db, text, **more)
    after = db.read(lambda s: [tuple(row) for row in s.execute(sa.select(Region.__table__))])
    assert before == after
    assert all(one["zh"] and one["en"] for one in refused.value.errors)
    return refused.value.errors


def test_a_partner_city_joins_from_the_official_list(db: Database) -> None:
    assert load(db, LUAN) == lists.Applied(7, 0, 0)

    def seen(session: Any) -> None:
        county = service.get_region(session, "341525")
        assert (county.level, county.parent_code, county.name_zh) == ("county", "3415", "霍山县")
        assert county.source == "民政部代码 2025（测试）" and county.batch_number is None
        assert service.get_region(session, "341525103001").level == "village"
        assert [one.code for one in service.list_counties(session, "3415")] == ["341502", "341503", "341525"]
        # The plan of the home city is not touched by its partner.
        assert len(service.list_counties(session)) == 10

    db.read(seen)
    assert load(db, LUAN) == lists.Applied(0, 0, 0)
    assert db.read(lambda s: s.scalar(sa.select(sa.func.count()).select_from(RegionChange))) == 7


def test_a_gbk_list_reads_the_same(db: Database) -> None:
    records = lists.read_list(LUAN.encode("gb18030"))
    assert records == lists.read_list(LUAN.encode("utf-8-sig"))


def test_a_name_and_a_code_change_on_their_day(db: Database) -> None:
    load(db, LUAN)
    renamed = "code,name_zh,valid_from,valid_to,successor_code\n341503,新裕区,2026-05-01,,\n"
    assert load(db, renamed, "省政府文件（测试）") == lists.Applied(0, 1, 0)
    ended = (
        "code,name_zh,valid_from,valid_to,successor_code\n"
        "341504,叶集区,2026-07-01,,\n"
        "341502,金安区,2020-01-01,2026-07-01,341504\n"
    )
    assert load(db, ended) == lists.Applied(1, 0, 1)

    def seen(session: Any) -> None:
        name = lambda code, *day: lists.name_on(session, code, date(*day))  # noqa: E731
        assert name("341503", 2026, 4, 30) == "裕安区"
        assert name("341503", 2026, 5, 1) == "新裕区"
        assert name("341503", 2019, 12, 31) is None
        assert name("341502", 2026, 6, 30) == "金安区"
        assert name("341502", 2026, 7, 1) is None
        assert name("341504", 2026, 6, 30) is None
        assert service.get_region(session, "341502").successor_code == "341504"
        on = lambda *day: [  # noqa: E731
            one.code
            for one in session.scalars(
                service.regions_statement(level="county", within="3415", on=date(*day))
            )
        ]
        assert on(2026, 6, 30) == ["341502", "341503", "341525"]
        assert on(2026, 7, 1) == ["341503", "341504", "341525"]

    db.read(seen)
    assert load(db, renamed) == load(db, ended) == lists.Applied(0, 0, 0)


HEAD = "code,name_zh,valid_from,valid_to,successor_code\n"


@pytest.mark.parametrize(
    ("text", "field", "row"),
    [
        (HEAD, "file", 0),
        ("code,name_zh\n3415,六安市\n", "header", 0),
        (HEAD + "34150,六安市,2020-01-01,,\n", "code", 1),
        (HEAD + "皖,六安市,2020-01-01,,\n", "code", 1),
        (HEAD + "34,安徽省,2020-01-01,,\n3415,,2020-01-01,,\n", "name_zh", 2),
        (HEAD + "34,安徽省,2020年,,\n", "valid_from", 1),
        (HEAD + "34,安徽省,2020-01-01,2019-01-01,\n", "valid_to", 1),
        (HEAD + "34,安徽省,2020-01-01,,\n340000,安徽,2020-01-01,,\n", "code", 2),
        (HEAD + "3415,六安市,2020-01-01,,\n", "code", 1),
        (HEAD + "34,安徽省,2020-01-01,2026-01-01,99\n", "successor_code", 1),
        (HEAD + "411522,光州县,2019-01-01,,\n", "valid_from", 1),
        (HEAD + "411522,光山县,2020-01-01,2027-01-01,411526\n", "valid_to", 1),
    ],
)
def test_a_wrong_row_is_named_and_nothing_is_written(db: Database, text: str, field: str, row: int) -> None:
    found = faults(db, text)
    assert (found[0]["field"], found[0]["row"]) == (field, row)


def test_neither_text_nor_source_nor_size_passes(db: Database) -> None:
    for data in (b"\x81\x00\xff\xff", b"code\0", b"x" * (lists.BYTES_MAX + 1)):
        with pytest.raises(RegionsRefused):
            lists.read_list(data)
    assert faults(db, LUAN, source="  ")[0]["field"] == "source"


@given(st.sampled_from([2, 4, 6, 9, 12]), st.data())
def test_padding_a_code_changes_nothing(length: int, data: st.DataObject) -> None:
    """Official tables pad to six digits down to the county, to twelve below."""
    parts = {2: 2, 4: 2, 6: 2, 9: 3, 12: 3}
    code = ""
    for size, digits in parts.items():
        if size <= length:
            code += data.draw(st.integers(1, 10**digits - 1).map(lambda n, d=digits: f"{n:0{d}d}"))
    assert normal_code(code) == code
    assert normal_code(code.ljust(12, "0")) == code
    if length <= 6:
        assert normal_code(code.ljust(6, "0")) == code
