"""What a village office has on its desk: pictures, sheets, papers; and a bus company that pushes rides."""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Sequence
from typing import Any

from neighbourhood import Somebody, Town
from openpyxl import Workbook
from PIL import Image

from carbon_platform.citizens import inbox
from carbon_platform.citizens.scene_tables import Scene
from carbon_platform.identity.rules import SYSTEM
from carbon_platform.identity.sealing import keyring_of
from carbon_platform.partners import keys
from carbon_platform.partners.signed import signature_headers
from carbon_platform.proxies import cards, rules
from carbon_platform.web import platform

OFFICE = "411502001"  # a township
VILLAGE = "411502001001"
HEADINGS = ("户号", "行为", "日期", "数量", "第几次", "照片")
_nonces = itertools.count()


def picture(seed: int, *, taken: str = "", size: int = 64) -> bytes:
    """A JPEG with a pattern of its own; ``taken``: by the camera's clock, Beijing time."""
    image = Image.new("RGB", (size, size))
    pixels = [((x * (seed * 37 + 5)) % 256, (y * (seed * 53 + 11)) % 256, (x * y * (seed + 1)) % 256)
              for y in range(size) for x in range(size)]  # fmt: skip
    image.putdata(pixels)
    out = io.BytesIO()
    if not taken:
        image.save(out, "JPEG", quality=90)
    else:
        exif = image.getexif()
        exif.get_ifd(0x8769)[0x9003] = taken
        image.save(out, "JPEG", quality=90, exif=exif)
    return out.getvalue()


def workbook(rows: Sequence[Sequence[Any]], headings: Sequence[str] = HEADINGS) -> bytes:
    book = Workbook()
    sheet = book.active
    for row in (headings, *rows):
        sheet.append(list(row))
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def csv_sheet(rows: Sequence[Sequence[Any]], encoding: str = "gb18030") -> bytes:
    lines = [",".join(str(cell) for cell in row) for row in (HEADINGS, *rows)]
    return "\r\n".join(lines).encode(encoding)


def open_paper(officer: Somebody, **fields: Any) -> Any:
    """The answer to opening an account on paper."""
    form = {
        "name": "周桂英",
        "born_year": "1948",
        "village_code": VILLAGE,
        "partners": "xinyang-bus,village-entry",
        "paper": (io.BytesIO(picture(1)), "同意书.jpg"),
    } | fields
    return officer.ask("POST", "/village/accounts", data=form, content_type="multipart/form-data")


def account(officer: Somebody, **fields: Any) -> str:
    """A new account on paper; its number."""
    answer = open_paper(officer, **fields)
    assert answer.status_code == 201, answer.json
    return str(answer.json["number"])


def send_batch(
    officer: Somebody, sheet: bytes, photos: dict[str, bytes], *, name: str = "代录.xlsx", **fields: Any
) -> Any:
    """The answer to uploading a batch."""
    form = {
        "village_code": VILLAGE,
        "file": (io.BytesIO(sheet), name),
        "photos": [(io.BytesIO(content), photo) for photo, content in photos.items()],
    } | fields
    return officer.ask("POST", "/village/batches", data=form, content_type="multipart/form-data")


def look_again(second: Somebody, batch: dict[str, Any], wrong: Sequence[int] = ()) -> dict[str, Any]:
    """Another person's look at every drawn row; ``wrong``: row numbers found wrong. Returns the batch."""
    found = batch
    for row in batch["rows"]:
        if row["drawn"]:
            verdict = "wrong" if row["row_number"] in wrong else "right"
            found = second.make(
                f"/village/batches/{batch['id']}/checks", {"row_id": row["id"], "verdict": verdict},
                status=200,
            )  # fmt: skip
    return found


def bus_pushes(town: Town, card: str, rides: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
    """The bus company sends rides of a card as (record, time) and the worker takes them in; result per row.

    It knows the key it shares with the platform, and makes the pseudonym of the card itself.
    """
    house = platform(town.app)

    def work(session: Any) -> Any:
        scene = session.get(Scene, "xinyang-bus")
        return keys.make_key(session, SYSTEM, scene, keyring_of(house.settings), now=town.clock["now"])

    made = house.db.transact(work)
    shared = cards.partner_key(keyring_of(house.settings), "xinyang-bus")
    subject = rules.card_subject(shared, card)
    lines = [
        json.dumps({"external_id": record, "subject": subject, "behaviour": "XI14b", "occurred_at": at})
        for record, at in rides
    ]
    path, body = "/api/v1/partner/acts", "\n".join(lines).encode()
    headers = signature_headers(
        key_id=made.key.key_id, secret=made.secret, method="POST", path=path, body=body, query="",
        at=town.clock["now"], nonce=f"village-nonce-{next(_nonces):012d}",
    )  # fmt: skip
    answer = town.app.test_client().post(
        path, data=body, headers=headers, content_type="application/x-ndjson"
    )
    assert answer.status_code == 200, answer.json
    inbox.process_next(house.db, now=town.clock["now"])
    results: list[dict[str, Any]] = answer.json["results"]
    return results
