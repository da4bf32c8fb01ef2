"""The scene operator's page: what it shows, to whom, in both languages, and what it never shows."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

from flask import Flask
from partner_world import BUS, ONE_ENGINE, Bus, Caller, ride, settle

from carbon_platform.db import Database

pytestmark = ONE_ENGINE


def page(app: Flask, who: Caller | None, path: str, language: str = "zh") -> Any:
    client = app.test_client()
    client.set_cookie("lang", language)
    return client.get(path, headers={**(who.headers if who else {}), "Accept": "text/html"})


def test_the_operator_sees_pushes_results_quality_keys_and_days(
    bus: Bus, rider: Caller, staff: Callable[[str], Caller], app: Flask, db: Database
) -> None:
    company = staff("scene_operator")
    empty = page(app, company, f"/scenes/{BUS}").get_data(as_text=True)
    assert "还没有推送" in empty and "不打分" in empty and "还没有对账文件" in empty
    bus.push([ride(1), ride(2), "{broken", ride(3, subject="stranger")])
    settle(db)
    bus.send("reconciliations", b"day,behaviour,records,quantity\n2026-11-21,XI14b,5,5\n", "text/csv")
    seen = page(app, company, f"/scenes/{BUS}").get_data(as_text=True)
    for text in ("信阳公交", bus.key_id, "2026-11-21", "相差 3", "示意", "二手来源", "行为结束后 2 天内"):
        assert text in seen, text
    assert bus.secret not in seen and "改状态" not in seen and "c-1" not in seen
    detail = page(app, company, f"/scenes/{BUS}/pushes/1?recheck=1").get_data(as_text=True)
    for text in ("not_json", "act.subject_unknown", "r-1 r-2", "2 条全部一致"):
        assert text in detail, text
    english = page(app, company, f"/scenes/{BUS}", "en").get_data(as_text=True)
    assert "Xinyang bus ride code" in english and 'lang="en"' in english


def test_who_may_look_and_who_may_not(
    staff: Callable[[str], Caller], citizen: Callable[..., Caller], app: Flask
) -> None:
    company = staff("scene_operator")
    assert page(app, company, "/scenes/clean-plate").status_code == 404
    listed = page(app, company, "/scenes").get_data(as_text=True)
    assert f"/scenes/{BUS}" in listed and "/scenes/clean-plate" not in listed
    assert page(app, citizen(), "/scenes").status_code == 403
    assert page(app, None, "/scenes").status_code == 302
    for role in ("auditor", "ecology_bureau"):
        looked = page(app, staff(role), f"/scenes/{BUS}")
        assert looked.status_code == 200
        text = looked.get_data(as_text=True)
        assert "make-key" not in text and "terms-form" not in text and "state-form" not in text
    assert "state-form" in page(app, staff("operator"), f"/scenes/{BUS}").get_data(as_text=True)


def test_a_wish_waits_in_the_second_persons_inbox(staff: Callable[[str], Caller], app: Flask) -> None:
    office, bureau = staff("operator"), staff("ecology_bureau")
    note = "<script>alert(1)</script>先减半"
    assert office.post(f"/scenes/{BUS}/terms", {"evidence_percent": 50, "note": note}).status_code == 200
    inbox = page(app, bureau, "/reviews").get_data(as_text=True)
    assert "信阳公交乘车码" in inbox and f"/scenes/{BUS}" in inbox
    seen = page(app, bureau, f"/scenes/{BUS}").get_data(as_text=True)
    assert "decide-form-" in seen and "&lt;script&gt;" in seen and "<script>alert" not in seen
    assert "decide-form-" not in page(app, office, f"/scenes/{BUS}").get_data(as_text=True)


def test_a_suspended_scene_says_what_to_do(
    bus: Bus, rider: Caller, staff: Callable[[str], Caller], app: Flask
) -> None:
    bus.push([ride(1)])
    assert staff("operator").post(
        f"/scenes/{BUS}/state", {"state": "suspended", "note": "抽查差错率 6%"}
    ).status_code == 200  # fmt: skip
    seen = page(app, staff("operator"), f"/scenes/{BUS}").get_data(as_text=True)
    assert "这个场景已暂停" in seen and f"/scenes/{BUS}/pushes/1?recheck=1" in seen


def test_a_daily_file_by_hand(bus: Bus, rider: Caller, staff: Callable[[str], Caller], app: Flask) -> None:
    bus.push([ride(1)])
    company = staff("scene_operator")

    def send(body: bytes) -> Any:
        return app.test_client().post(
            f"/api/v1/scenes/{BUS}/reconciliations", headers=company.headers,
            data={"file": (io.BytesIO(body), "day.csv")}, content_type="multipart/form-data",
        )  # fmt: skip

    gbk = "day,behaviour,records,quantity,备注\n2026-11-21,XI14b,1,1,无\n".encode("gbk")
    agreed = send(gbk)
    assert agreed.status_code == 200 and agreed.json["outcome"] == "agreed", agreed.json
    assert send(b"x" * (8 * 1024 * 1024 + 1)).status_code == 413
