"""Photos: what the camera wrote against parcel and season, likeness of pictures, and hostile files."""

from __future__ import annotations

import io
import random
import struct
import zlib
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from evidence_house import MIDDLE, PADDY, PLACES, photo, scene, utc
from PIL import Image, ImageFilter

from carbon_platform.parcels import evidence_rules
from carbon_platform.parcels.evidence_reading import Claim, Land, Read, read
from carbon_platform.parcels.evidence_rules import EvidenceRefused, PictureRefused, bits_apart, limits
from carbon_platform.parcels.photo_child import picture_hash
from gis.projection_gcj import to_gcj02

NOW = utc(2026, 11, 22, 4)
FIELD = shapely.box(*PLACES[PADDY])


def land(kind: str = "rice") -> Land:
    return Land(1, PADDY, kind, FIELD, "王某", frozenset({PADDY}))


def look(folder: Path, content: bytes, *, kind: str = "rice", shows: Any = None, what: str = "photo") -> Read:
    path = folder / "file"
    path.write_bytes(content)
    return read(path, land(kind), Claim(what, shows=shows), scratch=folder, limits=limits(), now=NOW)


def codes(found: Read) -> list[str]:
    return [one["code"] for one in found.findings]


def test_place_and_time_come_out_as_the_camera_wrote_them(tmp_path: Path) -> None:
    found = look(tmp_path, photo(taken=datetime(2026, 6, 10, 9, 30), offset="+08:00"))  # noqa: DTZ001
    assert (round(found.lon or 0, 7), round(found.lat or 0, 7)) == MIDDLE
    assert found.taken_at == utc(2026, 6, 10, 1, 30)
    assert found.data["camera"] == "Testphone T1"
    assert codes(found) == ["place_inside", "time_inside"]
    assert found.distance_m == 0
    west = look(tmp_path, photo(taken=datetime(2026, 6, 10, 9, 30), offset="-03:30"))  # noqa: DTZ001
    assert west.taken_at == utc(2026, 6, 10, 13, 0)
    silent = look(tmp_path, photo(taken=datetime(2026, 6, 10, 9, 30), offset=None))  # noqa: DTZ001
    assert silent.taken_at == utc(2026, 6, 10, 1, 30), "a camera without a zone is on Beijing time"
    assert silent.data["clock_assumed"] is True


@pytest.mark.parametrize(
    ("place", "code"),
    [
        ((114.9055, 31.9025), "place_near"),  # 47 m east of the field
        ((114.9003, 31.9056), "place_far"),  # 66 m north
        ((114.7, 31.7), "place_far"),
        (None, "place_missing"),
        ((0.0, 0.0), "place_missing"),  # no fix
        (tuple(to_gcj02([MIDDLE])[0]), "place_shifted"),
    ],
)
def test_the_place_against_the_parcel(tmp_path: Path, place: Any, code: str) -> None:
    found = look(tmp_path, photo(place=place))
    assert codes(found)[0] == code
    if code == "place_near":
        # A degree of longitude at 31.9° N is 94,560 m by the ellipsoid: worked out apart from the code.
        a, e2 = 6_378_137.0, 6.69438002290e-3
        phi = np.radians(31.9025)
        metres = np.radians(0.0005) * a * np.cos(phi) / np.sqrt(1 - e2 * np.sin(phi) ** 2)
        assert found.distance_m == pytest.approx(metres, abs=0.1)
        assert 47 < metres < 48


@pytest.mark.parametrize(
    ("taken", "kind", "shows", "expected"),
    [
        (datetime(2026, 4, 1, 0, 0), "rice", None, "time_inside"),  # noqa: DTZ001
        (datetime(2026, 3, 31, 23, 59), "rice", None, "season_outside"),  # noqa: DTZ001
        (datetime(2025, 12, 20, 9, 0), "rice", None, "season_outside"),  # noqa: DTZ001
        (datetime(2025, 12, 20, 9, 0), "camellia", None, None),  # noqa: DTZ001
        (datetime(2025, 12, 20, 9, 0), "rice", (date(2025, 12, 1), date(2025, 12, 31)), "time_inside"),  # noqa: DTZ001
        (datetime(2026, 1, 1, 9, 0), "rice", (date(2025, 12, 1), date(2025, 12, 31)), "time_outside"),  # noqa: DTZ001
        (None, "rice", None, "time_missing"),
    ],
)
def test_the_time_against_period_and_season(
    tmp_path: Path, taken: datetime | None, kind: str, shows: Any, expected: str | None
) -> None:
    found = look(tmp_path, photo(taken=taken), kind=kind, shows=shows)
    assert [code for code in codes(found) if not code.startswith("place")] == ([expected] if expected else [])


def test_clocks_that_are_wrong_and_pictures_that_were_edited(tmp_path: Path) -> None:
    late = look(tmp_path, photo(taken=datetime(2027, 6, 1, 9, 0)))  # noqa: DTZ001
    assert "time_future" in codes(late)
    apart = look(tmp_path, photo(gps_at=datetime(2026, 6, 10, 3, 0, tzinfo=UTC)))
    assert "clock_apart" in codes(apart)
    assert "90" in next(f["zh"] for f in apart.findings if f["code"] == "clock_apart")
    agrees = look(tmp_path, photo(gps_at=datetime(2026, 6, 10, 1, 31, tzinfo=UTC)))
    assert "clock_apart" not in codes(agrees)
    only_gps = look(tmp_path, photo(taken=None, gps_at=datetime(2026, 6, 10, 1, 31, tzinfo=UTC)))
    assert only_gps.taken_at == utc(2026, 6, 10, 1, 31)
    assert "edited" in codes(look(tmp_path, photo(software="Adobe Photoshop 27.0")))
    assert "edited" not in codes(look(tmp_path, photo(software="HarmonyOS 5.1")))


def test_every_finding_has_words_in_both_languages() -> None:
    from carbon_platform.parcels.evidence_words import CATALOGUE

    for code, (outcome, zh, en) in CATALOGUE.items():
        assert outcome in ("ok", "warned"), code
        assert zh.endswith("。"), code
        assert en.endswith("."), code
        names = {field for text in (zh, en) for field in _fields(text)}
        assert not {name for name in names if "en" not in name and name not in _fields(zh)}, code


def _fields(text: str) -> set[str]:
    import string

    return {name.split(":")[0] for _, name, _, _ in string.Formatter().parse(text) if name}


def hash_of(image: Image.Image, quality: int = 90) -> str:
    """As the child computes it, of the picture saved as JPEG."""
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality)
    found = picture_hash(Image.open(out).convert("RGB"))
    assert found
    return found


def test_copies_are_recognised_and_other_pictures_are_not() -> None:
    """Saved again worse, smaller, brighter, blurred: within the limit; 435 pairs of others: far off."""
    limit = limits().photo_duplicate_bits
    original = scene(500)
    known = hash_of(original)
    copies = {
        "saved again": hash_of(original, quality=35),
        "half the size": hash_of(original.resize((320, 240))),
        "a thumbnail": hash_of(original.resize((160, 120)), quality=60),
        "brighter": hash_of(original.point([min(255, int(v * 1.15)) for v in range(256)] * 3)),
        "blurred": hash_of(original.filter(ImageFilter.GaussianBlur(2))),
    }
    apart = {name: bits_apart(known, other) for name, other in copies.items()}
    assert all(bits <= limit for bits in apart.values()), apart
    others = [hash_of(scene(seed)) for seed in range(30)]
    pairs = [bits_apart(a, b) for place, a in enumerate(others) for b in others[:place]]
    assert len(pairs) == 435
    assert min(pairs) > 2 * limit, min(pairs)


def test_the_nearest_of_many_are_found_as_one_by_one() -> None:
    rng = random.Random(7)
    own = rng.getrandbits(128)
    many = [
        f"{own ^ sum(1 << bit for bit in rng.sample(range(128), rng.randint(0, 20))):032x}"
        for _ in range(500)
    ]
    found = evidence_rules.alike(f"{own:032x}", many, 10)
    assert found == sorted(
        (bits, place) for place, other in enumerate(many) if (bits := bits_apart(f"{own:032x}", other)) <= 10
    )
    assert 100 < len(found) < 500
    assert evidence_rules.alike(f"{own:032x}", [], 10) == []


def test_a_flat_picture_has_no_telling_hash(tmp_path: Path) -> None:
    flat = look(tmp_path, photo(picture=Image.new("RGB", (400, 300), (90, 120, 80))))
    assert flat.picture_hash is None


def test_small_pictures_say_nothing_of_place_and_certificates_show_nothing(tmp_path: Path) -> None:
    small = look(tmp_path, photo(seed=3, size=(2400, 1800))).thumbnail or b""
    opened = Image.open(io.BytesIO(small))
    assert max(opened.size) == 480
    assert not opened.getexif()
    assert b"Testphone" not in small
    paper = Image.new("RGB", (1200, 1600), "white")
    paper.paste((0, 0, 0), (200, 300, 1000, 330))
    print_of_text = photo(
        picture=Image.composite(paper, scene(4, (1200, 1600)), Image.new("L", (1200, 1600), 200))
    )
    found = look(tmp_path, print_of_text, what="tenure")
    masked = np.asarray(Image.open(io.BytesIO(found.thumbnail or b"")).convert("L"), dtype=int)
    # 20 blocks across: inside a block (of 18 pixels) nothing changes but for what JPEG adds.
    inner = [int(np.ptp(masked[100, start + 5 : start + 13])) for start in range(0, 340, 18)]
    assert max(inner) <= 6, inner
    assert found.lon is None and found.taken_at is None, "where a paper was photographed may be a home"


def png_of(width: int, height: int) -> bytes:
    """A PNG that says it is so large; its data are of no use."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(b"\0" * 999))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"GIF89a" + b"\0" * 99,
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"<OGRVRTDataSource/>",
        b"\xff\xd8\xff" + b"\0" * 999,
        b"\x89PNG\r\n\x1a\n" + b"\0" * 99,
        b"RIFF\0\0\0\0WEBPVP8 " + b"\xff" * 99,
        png_of(60_000, 60_000),  # 10 GB unpacked
        png_of(9_000, 9_000),  # 81 million pixels: one more than allowed
        photo()[:2000],
        b"MZ" + b"\0" * 99,
        b"\0\0\0\x18ftypheic" + b"\0" * 99,
    ],
    ids=range(12),
)
def test_what_is_no_photo_is_refused_in_words(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(EvidenceRefused) as caught:
        look(tmp_path, content)
    assert caught.value.message("zh").endswith("。")
    if b"ftypheic" in content:
        assert "HEIC" in caught.value.message("zh")


def test_flipped_bytes_are_refused_or_read_and_never_crash(tmp_path: Path) -> None:
    """20 photos with 1 to 20 bytes changed, in the first kilobyte (where the camera writes) or anywhere."""
    rng = random.Random(20261123)
    original = photo(size=(320, 240))
    outcomes = {"read": 0, "refused": 0}
    for number in range(20):
        damaged = bytearray(original)
        for _ in range(rng.randint(1, 20)):
            damaged[rng.randrange(3, 1000 if number % 2 else len(damaged))] = rng.randrange(256)
        try:
            look(tmp_path, bytes(damaged))
            outcomes["read"] += 1
        except PictureRefused:
            outcomes["refused"] += 1
    assert outcomes["read"] > 2, outcomes
    assert sum(outcomes.values()) == 20


def test_seasons_and_limits_name_their_sources() -> None:
    import tomllib

    path = Path(evidence_rules.__file__).with_name("data") / "evidence.toml"
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    data.pop("version")
    for entry in (*data.pop("season").values(), *data.values()):
        assert entry["source"], entry
        assert entry["status"] in ("verified", "secondary", "unverified", "illustrative", "local-decision")
