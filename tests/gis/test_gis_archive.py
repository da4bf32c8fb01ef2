"""Zip uploads that are not what they seem (F2): refused from the directory, before anything is unpacked."""

from __future__ import annotations

import io
import struct
import time
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from gis.archive import unpack
from gis.errors import VectorFileError
from gis.limits import DEFAULT, Limits

Zip = Callable[..., Path]


def refusal(path: Path, tmp_path: Path, limits: Limits = DEFAULT) -> VectorFileError:
    scratch = tmp_path / "scratch"
    scratch.mkdir(exist_ok=True)
    with pytest.raises(VectorFileError) as caught:
        unpack(path, scratch, limits)
    # At most our own plain names are there, and nothing outside the folder.
    assert all(item.stem == "layer" for item in scratch.iterdir())
    assert {item.name for item in tmp_path.iterdir()} <= {"scratch", path.name}
    assert caught.value.zh
    assert caught.value.en
    return caught.value


def test_plain_names_and_gbk_names(zip_files: Zip, tmp_path: Path) -> None:
    name = "固始县油茶"
    packed = zip_files({"@" * 10 + ".shp": b"1", "@" * 10 + ".DBF": b"22", "readme.txt": b"x"})
    packed.write_bytes(packed.read_bytes().replace(b"@" * 10, name.encode("gbk")))
    (tmp_path / "out").mkdir()
    found = unpack(packed, tmp_path / "out", DEFAULT)
    assert found.layer == name
    assert found.ignored == ("readme.txt",)
    assert sorted(item.name for item in (tmp_path / "out").iterdir()) == ["layer.dbf", "layer.shp"]
    assert found.path.read_bytes() == b"1"


def test_utf8_names_folders_and_macos_litter(zip_files: Zip, tmp_path: Path) -> None:
    packed = zip_files(
        {"数据/": b"", "数据/小班.shp": b"1", "数据/小班.dbf": b"2", "__MACOSX/数据/._小班.shp": b"x"}
    )
    (tmp_path / "out").mkdir()
    assert unpack(packed, tmp_path / "out", DEFAULT).layer == "小班"


@pytest.mark.parametrize(
    "entry", ["../a.shp", "x/../../a.shp", "/etc/a.shp", "C:/a.shp", "..\\a.shp", "a/..", "a\\..\\..\\b.shp"]
)
def test_unsafe_names(zip_files: Zip, tmp_path: Path, entry: str) -> None:
    assert refusal(zip_files({entry: b"1"}), tmp_path).code == "gis.zip.unsafe_name"


def test_links(tmp_path: Path) -> None:
    path = tmp_path / "link.zip"
    with zipfile.ZipFile(path, "w") as archive:
        info = zipfile.ZipInfo("a.shp")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, "/etc/passwd")
    assert refusal(path, tmp_path).code == "gis.zip.unsafe_name"


@pytest.mark.parametrize(
    ("entries", "code"),
    [
        (("a.shp", "A.SHP"), "gis.zip.name_clash"),
        (("a.shp", "a.dbf", "inner.zip"), "gis.zip.nested"),
        (("a.shp", "inner.7z"), "gis.zip.nested"),
        (("a.shp", "a.dbf", "b.shp", "b.dbf"), "gis.layer.several"),
        (("a.shp", "a.vrt"), "gis.zip.entry_extension"),
        (("a.gdb/timestamps",), "gis.zip.entry_extension"),
        (("a.dbf", "a.prj"), "gis.layer.none"),
        ((), "gis.layer.none"),
    ],
)
def test_wrong_content(zip_files: Zip, tmp_path: Path, entries: tuple[str, ...], code: str) -> None:
    assert refusal(zip_files(dict.fromkeys(entries, b"1")), tmp_path).code == code


def test_no_zip_and_cut_zip(zip_files: Zip, tmp_path: Path) -> None:
    packed = zip_files({"a.shp": b"1" * 5000, "a.dbf": b"2" * 5000})
    whole = packed.read_bytes()
    packed.write_bytes(whole[:-30])
    assert refusal(packed, tmp_path).code == "gis.zip.damaged"
    packed.write_bytes(b"PK\x03\x04" + b"x" * 100)
    assert refusal(packed, tmp_path).code == "gis.zip.damaged"
    packed.write_bytes(whole.replace(whole[40:44], b"\xff\xff\xff\xff", 1))
    assert refusal(packed, tmp_path).code == "gis.zip.damaged"


def test_encrypted_and_strange_methods(zip_files: Zip, tmp_path: Path) -> None:
    packed = zip_files({"a.shp": b"1"})
    data = packed.read_bytes()
    directory = data.rindex(b"PK\x01\x02")
    locked = bytearray(data)
    locked[6] |= 1
    locked[directory + 8] |= 1
    packed.write_bytes(locked)
    assert refusal(packed, tmp_path).code == "gis.zip.encrypted"
    strange = bytearray(data)
    struct.pack_into("<H", strange, 8, 9)  # Deflate64, as Windows Explorer writes for large files
    struct.pack_into("<H", strange, directory + 10, 9)
    packed.write_bytes(strange)
    assert refusal(packed, tmp_path).code == "gis.zip.method"


def measured(path: Path, tmp_path: Path, limits: Limits = DEFAULT) -> VectorFileError:
    """The refusal, within a second and 200 MB."""
    tracemalloc.start()
    started = time.perf_counter()
    found = refusal(path, tmp_path, limits)
    seconds, peak = time.perf_counter() - started, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200e6
    assert seconds < 5  # 0.01 s in fact; the bound only catches unpacking the bomb
    return found


def bomb(path: Path, megabytes: int) -> None:
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive,
        archive.open("a.shp", "w") as entry,
    ):
        for _ in range(megabytes):
            entry.write(bytes(1 << 20))


def test_bomb(tmp_path: Path) -> None:
    path = tmp_path / "bomb.zip"
    bomb(path, 315)
    assert path.stat().st_size < 400_000
    assert measured(path, tmp_path).code == "gis.zip.ratio"


def test_bomb_beyond_the_declared_total(tmp_path: Path) -> None:
    path = tmp_path / "bomb.zip"
    bomb(path, 40)
    limits = Limits(unpacked_bytes=32 << 20)
    found = measured(path, tmp_path, limits)
    assert found.code == "gis.zip.too_large"
    assert found.values["limit"] == 32 << 20


def test_bomb_that_lies_about_its_size(tmp_path: Path) -> None:
    """The declared size is small; unpacking stops there instead of following the stream."""
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.shp", bytes(50 << 20))
    data = bytearray(path.read_bytes())
    struct.pack_into("<I", data, 22, 1000)
    struct.pack_into("<I", data, data.rindex(b"PK\x01\x02") + 24, 1000)
    path.write_bytes(data)
    assert measured(path, tmp_path).code in ("gis.zip.damaged", "gis.zip.too_large")
    assert sum(item.stat().st_size for item in (tmp_path / "scratch").iterdir()) <= 1000


def test_a_hundred_thousand_entries(tmp_path: Path) -> None:
    """Refused from the end record; the directory is not even read. A lying count does not help."""
    buffer = io.BytesIO()
    record = b"PK\x01\x02" + bytes(24) + struct.pack("<H", 1) + bytes(16) + b"a"
    buffer.write(record * 100_000)
    for declared in (65_000, 1):
        end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, declared, declared, len(record) * 100_000, 0, 0)
        path = tmp_path / "many.zip"
        path.write_bytes(buffer.getvalue() + end)
        found = measured(path, tmp_path)
        assert found.code == "gis.zip.entries"
        assert found.values["count"] > 1000


def test_zip64_and_entry_limit(zip_files: Zip, tmp_path: Path) -> None:
    packed = zip_files({f"a{i}.xml": b"" for i in range(65)})
    assert refusal(packed, tmp_path).code == "gis.zip.entries"
    data = packed.read_bytes()
    at = data.rindex(b"PK\x05\x06")
    packed.write_bytes(data[:at] + b"PK\x06\x07" + bytes(16) + data[at:])
    assert refusal(packed, tmp_path).code == "gis.zip.zip64"
