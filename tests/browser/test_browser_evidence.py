"""Evidence in Chromium: a photo chosen and uploaded, seen with what was found, wide and narrow, axe clean."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import desk_world
import pytest
from PIL import Image
from test_browser_pages import cut_off, serious, settle

pytestmark = pytest.mark.browser


def photo(place: tuple[float, float]) -> bytes:
    """A JPEG with a place, as a phone writes it."""
    exif = Image.Exif()
    exif[0x8769] = {0x9003: "2026:06:10 09:30:00", 0x9011: "+08:00"}
    parts = [(float(int(v)), float(int(v % 1 * 60)), v * 60 % 1 * 60) for v in (place[1], place[0])]
    exif[0x8825] = {1: "N", 2: parts[0], 3: "E", 4: parts[1]}
    out = io.BytesIO()
    Image.effect_noise((640, 480), 80).convert("RGB").save(out, "JPEG", exif=exif)
    return out.getvalue()


def test_a_photo_is_uploaded_and_its_pages_are_whole(signed_in: Any, tmp_path: Path) -> None:
    page = signed_in("forestry.guangshan")
    parcel = page.request.get("/api/v1/parcels?kind=camellia&size=1").json()["items"][0]
    west, south, east, north = page.request.get(f"/api/v1/parcels/{parcel['code']}").json()["bounds"]
    file = tmp_path / "IMG_0001.jpg"
    file.write_bytes(photo(((west + east) / 2 + 0.02, (south + north) / 2)))
    page.goto(f"/parcels/{parcel['code']}")
    page.get_by_role("link", name="交证据").click()
    page.wait_for_url("**/evidence")
    page.get_by_label("文件", exact=True).set_input_files(file)
    page.get_by_label("说明", exact=True).fill("秋季抚育")
    page.get_by_role("button", name="上传并检查").click()
    page.wait_for_url("**/evidence/*")
    assert "超过 50 米" in page.locator("main").inner_text()
    number = page.url.rpartition("/")[2]
    for path in (f"/evidence/{number}", "/evidence", f"/parcels/{parcel['code']}/evidence", "/land-changes"):
        page.goto(path)
        settle(page)
        if path != "/land-changes":
            page.locator(f"img[src*='/evidence/{number}/']").first.scroll_into_view_if_needed()
            page.wait_for_function(
                "n => [...document.images].some("
                "(i) => i.src.includes(`/evidence/${n}/`) && i.naturalWidth > 0)",
                arg=number,
            )
        for width in (1440, 390):
            page.set_viewport_size({"width": width, "height": 900})
            assert cut_off(page) <= 0, f"{path} is cut off at {width} px"
            assert serious(page) == [], f"{path} at {width} px"
    page.goto(f"/evidence/{number}")
    page.get_by_text("撤回", exact=True).first.click()
    page.get_by_label("原因").fill("拍错了")
    page.get_by_role("button", name="撤回").click()
    page.get_by_text("撤回：拍错了").wait_for()
    assert page.watched.asked_elsewhere == []
    assert page.watched.complaints == []


def test_burnt_land_is_imported_looked_at_and_cleared(signed_in: Any, serve: Any, tmp_path: Path) -> None:
    """On a platform of its own: accounts stand still in between."""
    own = serve(len(desk_world.CHAPTERS))
    page = signed_in("forestry", at=own)
    parcel = page.request.get("/api/v1/parcels?kind=camellia&size=1").json()["items"][0]
    shape = page.request.get(f"/api/v1/parcels/{parcel['code']}").json()["geometry"]
    feature = {"type": "Feature", "properties": {"类型": "火灾", "日期": "2026-05-04"}, "geometry": shape}
    file = tmp_path / "fire.geojson"
    file.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}), encoding="utf-8")
    page.goto("/land-changes")
    page.get_by_label("图斑文件").set_input_files(file)
    page.get_by_label("来源").fill("巡护（演示）")
    page.get_by_role("button", name="导入并停住").click()
    page.wait_for_url("**/land-changes/XY-G*")
    address = page.url.removeprefix(own.base_url)
    assert "须由另一位登录用户复核" in page.locator("main").inner_text()
    other = signed_in("ecology", at=own)
    for path in ("/reviews", "/land-changes", address):
        other.goto(path)
        settle(other)
        assert other.get_by_text("待复核").count(), path
        for width in (1440, 390):
            other.set_viewport_size({"width": width, "height": 900})
            assert cut_off(other) <= 0, f"{path} is cut off at {width} px"
            assert serious(other) == [], f"{path} at {width} px"
    other.locator("#clear-form").get_by_label("怎么查的").fill("地表火，林木无损")
    other.get_by_role("button", name="放行").click()
    other.get_by_text("地表火，林木无损").wait_for()
    assert other.locator("#clear-form").count() == 0
    for seen in (page, other):
        assert seen.watched.asked_elsewhere == []
        assert seen.watched.complaints == []
