"""The paper: PDF/A, the same bytes every time, and words that stay words."""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from project_world import World
from ticket_desk import batch_codes, prepare_tickets, retire, retire_lines, scatter, seven_batches

from carbon_platform.credits import certificates, retirement
from carbon_platform.credits.glyphs import GlyphMissing, check_glyphs
from carbon_platform.credits.paper import FOLDER, certificate_pdf, verify_url
from carbon_platform.db import Database
from carbon_platform.identity.tables import Organisation
from carbon_platform.projects.tables import Project

BASE = "https://carbon.example.org/"


@pytest.fixture
def world(engine_name: str, fresh_database: Callable[..., str]) -> Iterator[World]:
    world = World(fresh_database(engine_name, prepare_tickets))
    yield world
    world.close()


def print_it(db: Database, number: str) -> bytes:
    return db.read(
        lambda s: certificate_pdf(s, retirement.get_retirement(s, number), base_url=BASE),
    )


def text_of(pdf: bytes, folder: Path, order: str = "-layout") -> str:
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext is not installed: apt-get install poppler-utils")
    path = folder / "paper.pdf"
    path.write_bytes(pdf)
    done = subprocess.run(["pdftotext", order, path, "-"], capture_output=True, text=True, check=True)
    return done.stdout


def test_the_same_retirement_is_the_same_paper_in_every_process(world: World) -> None:
    number = retire(world, batch_codes(world)[0], 1_234).certificate_number
    first = print_it(world.db, number)
    elsewhere = Database(world.url)
    assert print_it(elsewhere, number) == first
    elsewhere.dispose()
    other = retire(world, batch_codes(world)[1], 1_234).certificate_number
    assert print_it(world.db, other) != first


def test_it_is_an_archive_pdf_of_one_page_with_its_fonts_inside(world: World) -> None:
    pdf = print_it(world.db, retire(world, batch_codes(world)[0], 1_234).certificate_number)
    assert pdf.startswith(b"%PDF-1.7")
    assert re.search(rb"<pdfaid:part>3</pdfaid:part>", pdf)
    assert re.search(rb"<pdfaid:conformance>B</pdfaid:conformance>", pdf)
    assert b"/FontFile2" in pdf or b"/FontFile3" in pdf or b"/ObjStm" in pdf
    assert b"/JavaScript" not in pdf
    assert b"/Launch" not in pdf


@pytest.mark.parametrize(
    "name",
    [
        "#evil(1) $x$ <b>",
        '#read("/etc/passwd") *粗* _斜_',
        "\"]; #panic() // `raw` \\u{41} @ref <label> ~ -- '",
        "=标题 /列表 https://evil.example [](){}&amp;%s{0}",
    ],
)
def test_a_name_that_looks_like_markup_stays_text(world: World, tmp_path: Path, name: str) -> None:
    found = retire(world, batch_codes(world)[0], 2_000, beneficiary_name=name)
    text = text_of(print_it(world.db, found.certificate_number), tmp_path)
    assert re.sub(r"\s", "", name) in re.sub(r"\s", "", text)
    assert "root:" not in text


def test_the_paper_says_what_the_record_says(world: World, tmp_path: Path) -> None:
    batch = batch_codes(world)[1]
    found = retire(world, batch, 1_234, beneficiary_name="淮畔会议", consumption_place="信阳市浉河区")
    text = re.sub(r"\s", "", text_of(print_it(world.db, found.certificate_number), tmp_path))
    for words in (
        found.certificate_number,
        "1.234即1,234千克",
        "淮畔会议",
        "信阳市浉河区",
        "会议活动",
        f"{batch}-1-1234",
        "新县（411523），2025年",
        "2026-11-2212:00:00（北京时间）",
        found.digest,
        verify_url(BASE, found.certificate_number),
        "演示",
        "不是国家核证自愿减排量",
    ):
        assert words in text, words
    assert "王某" not in text  # no right holder on a public paper


def test_seven_batches_and_many_ranges_stand_on_a_page_of_their_own(world: World, tmp_path: Path) -> None:
    """Every second kilogram of a batch was sold on, so that what is retired is in twelve pieces."""
    lines = seven_batches(world)
    [first, *_] = lines
    scatter(world, first[0], pieces=12)
    found = retire_lines(world, [(first[0], 12), *lines[1:]])
    pdf = print_it(world.db, found.certificate_number)
    text = re.sub(r"\s", "", text_of(pdf, tmp_path, "-raw"))
    said = certificates.view(found)
    assert len(said["serials"]) == 12 + 6
    for line in said["lines"]:
        assert f"{line['quantity_kg']:,}" in text
        for serial in line["serials"]:
            assert serial in text
    assert "第1页，共2页" in text
    assert f"合计{said['quantity_kg']:,}" in text
    assert print_it(world.db, found.certificate_number) == pdf


def test_two_batches_share_the_first_page(world: World, tmp_path: Path) -> None:
    found = retire_lines(world, [(code, 1_500) for code in batch_codes(world)])
    text = re.sub(r"\s", "", text_of(print_it(world.db, found.certificate_number), tmp_path))
    assert "第1页" not in text
    assert "光山县、新县" in text
    for serial in certificates.view(found)["serials"]:
        assert serial in text


def test_a_name_changed_later_does_not_change_the_paper(world: World) -> None:
    """Neither does a name that the font could not print."""
    number = retire(world, batch_codes(world)[0], 1_000).certificate_number
    before = print_it(world.db, number)
    with world.db.engine.begin() as connection:
        connection.execute(sa.update(Project).values(name_zh="𬭩山油茶"))
        connection.execute(sa.update(Organisation).values(name_zh=Organisation.name_zh + "（已更名）"))
    assert print_it(world.db, number) == before
    assert world.db.read(lambda s: certificates.is_genuine(s, retirement.get_retirement(s, number)))
    with pytest.raises(GlyphMissing) as refused:
        retire(world, batch_codes(world)[0], 1_000)
    assert "𬭩" in refused.value.message("zh")
    assert refused.value.status == 422


def characters_of(font: bytes) -> set[str]:
    """What a TrueType font maps to a glyph, read from its ``cmap`` table, format 12 (ISO/IEC 14496-22)."""
    tables = {}
    for n in range(struct.unpack_from(">H", font, 4)[0]):
        name, _, offset, _ = struct.unpack_from(">4sIII", font, 12 + 16 * n)
        tables[name] = offset
    cmap = tables[b"cmap"]
    found: set[str] = set()
    for n in range(struct.unpack_from(">H", font, cmap + 2)[0]):
        start = cmap + struct.unpack_from(">HHI", font, cmap + 4 + 8 * n)[2]
        if struct.unpack_from(">H", font, start)[0] == 12:
            for group in range(struct.unpack_from(">I", font, start + 12)[0]):
                first, last, _ = struct.unpack_from(">III", font, start + 16 + 12 * group)
                found |= {chr(point) for point in range(first, last + 1)}
    return found


def test_every_character_we_promise_is_in_the_font() -> None:
    printable = characters_of((FOLDER / "NotoSerifSC-Regular.ttf").read_bytes())
    assert len(printable) > 10_000
    for character in sorted(printable | {"浉", "潢", "淠", "㙓", "𬭩", "𠮷", "🌱"}):
        try:
            check_glyphs({"name": character})
        except GlyphMissing:
            assert character not in printable or not character.isprintable()
        else:
            assert character in printable
