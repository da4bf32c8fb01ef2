"""``python -m benchmarks.map_frames``: how the map console moves with 100,000 parcels in one view.

Written to ``results/map.md`` and ``.json``. Chromium draws without a graphics card here (SwiftShader), so the
frame times are the worst case; an empty map of the same size beside it says what the renderer costs.
Nothing is asserted: figures of a machine, not goals.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import statistics
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from playwright.sync_api import Page, sync_playwright
from werkzeug.serving import make_server

from benchmarks import gis_land
from benchmarks.gis_land import Land, scratch
from benchmarks.gis_register import fill_register
from benchmarks.profiles import RESULTS, suffix
from benchmarks.server import migrate
from benchmarks.sizes import sizes
from carbon_platform.app import create_app
from carbon_platform.config import Settings
from carbon_platform.regions.service import load_reference
from carbon_platform.web import platform
from demo.world import PASSWORD, populate

VIEW = {"width": 2560, "height": 1440}
# At zoom 11 a pixel is 32 m here: this box fills the view of the map with 100,000 fields of 1.4 ha.
WEST, SOUTH, EAST, NORTH = 114.63, 31.8325, 115.17, 32.0875
MIDDLE = [(WEST + EAST) / 2, (SOUTH + NORTH) / 2]
FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
CONSOLE = "document.querySelector('[data-map-console]').mapConsole"

# Frame by frame while the map moves, in milliseconds: the times between pictures, and of each the part that
# is the page's own work (the rest is the renderer's).
_MOVE = """(how) => new Promise((done) => {
  const map = MAP.map, times = [], scripts = [], render = map._render;
  map._render = function (...given) {
    const begun = performance.now();
    const result = render.apply(this, given);
    scripts.push(performance.now() - begun);
    return result;
  };
  let last = performance.now(), moving = true;
  const step = (now) => {
    times.push(now - last);
    last = now;
    if (moving) requestAnimationFrame(step);
    else {
      delete map._render;
      done([times.slice(1), scripts]);
    }
  };
  map.once('moveend', () => (moving = false));
  requestAnimationFrame(step);
  if (how === 'pan') map.panBy([600, 0], { duration: 4000, easing: (t) => t });
  if (how === 'back') map.panBy([-600, 0], { duration: 4000, easing: (t) => t });
  if (how === 'in') map.zoomTo(13, { duration: 4000, easing: (t) => t });
  if (how === 'out') map.zoomTo(11, { duration: 4000, easing: (t) => t });
})""".replace("MAP", CONSOLE)  # fmt: skip
_IDLE = (
    "() => new Promise((done) => { const m = MAP.map, t = performance.now();"
    " m.once('idle', () => done(performance.now() - t)); m.triggerRepaint(); })"
).replace("MAP", CONSOLE)
_SHOWN = (
    "() => new Set(MAP.map.querySourceFeatures('land', {sourceLayer: 'parcels'}).map((f) => f.id)).size"
).replace("MAP", CONSOLE)


def small_fields(count: int) -> Land:
    """``count`` fields with wavy shared borders that fill the view, all of one county."""
    frame = shapely.box(WEST, SOUTH, EAST, NORTH)
    cells = gis_land._fields(frame, count, digits=9)[:count]
    return Land(cells, cells, np.full(len(cells), "411522"))


@contextmanager
def served(count: int) -> Iterator[str]:
    """A platform with that many parcels on a free port; its address."""
    with scratch() as place:
        url = f"sqlite:///{Path(place) / 'register.sqlite3'}"
        migrate(url)
        app = create_app(Settings(mode="test", database_url=url, var=Path(place)))
        house = platform(app)
        house.db.transact(load_reference)
        house.db.transact(lambda session: populate(session, now=datetime.now(UTC)))
        fill_register(house.db, small_fields(count))
        server = make_server("127.0.0.1", 0, app, threaded=True)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
        server.server_close()
        house.db.dispose()


def measure(page: Page, wanted: int) -> dict[str, Any]:
    """One look at the map: opening, moving, clicking. Times in ms."""
    place = f"#map=11/{MIDDLE[1]:.4f}/{MIDDLE[0]:.4f}"
    page.goto(f"/map{place}")
    page.wait_for_selector("[data-map-console][data-ready=yes]")
    first = page.evaluate("() => performance.now()")
    page.reload()
    page.wait_for_selector("[data-map-console][data-ready=yes]")
    again = page.evaluate("() => performance.now()")
    shown = page.evaluate(_SHOWN)
    if shown < 0.9 * wanted:
        raise RuntimeError(f"only {shown} of {wanted} parcels are in the view")
    moves = {how: page.evaluate(_MOVE, how) for how in ("pan", "back")}
    settled = page.evaluate(_IDLE)
    moves |= {how: page.evaluate(_MOVE, how) for how in ("in", "out")}
    page.evaluate(_IDLE)
    clicked = _click(page)
    recoloured = _timed(page, "() => { dispatchEvent(new CustomEvent('xy:theme')); }")
    for layer in ("parcel", "parcel-edge"):
        # In braces: the map itself as an answer would be sent over piece by piece.
        page.evaluate(f"() => {{ {CONSOLE}.map.setLayoutProperty('{layer}', 'visibility', 'none'); }}")
    page.evaluate(_IDLE)
    empty = page.evaluate(_MOVE, "pan")
    return {
        "parcels_in_view": shown,
        "open_ms": first,
        "open_again_ms": again,
        "settle_after_move_ms": settled,
        "click_to_sheet_ms": clicked,
        "recolour_ms": recoloured,
        "frames_ms": {
            "pan": _both(moves["pan"], moves["back"]),
            "zoom": _both(moves["in"], moves["out"]),
            "pan of an empty map": empty,
        },
    }


def _both(one: list[list[float]], other: list[list[float]]) -> list[list[float]]:
    return [[*one[0], *other[0]], [*one[1], *other[1]]]


def _click(page: Page) -> float:
    box = page.locator("[data-map-console] canvas").first.bounding_box()
    if box is None:
        raise RuntimeError("there is no map to click on")
    begun = page.evaluate("() => performance.now()")
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_selector("#sheet h2 a")
    return float(page.evaluate("() => performance.now()")) - float(begun)


def _timed(page: Page, act: str) -> float:
    begun = page.evaluate("() => performance.now()")
    page.evaluate(act)
    page.evaluate(_IDLE)
    return float(page.evaluate("() => performance.now()")) - float(begun)


def look(address: str, wanted: int) -> dict[str, Any]:
    executable = shutil.which("chromium") or shutil.which("chromium-browser")
    if executable is None:
        sys.exit("Chromium is not installed: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        context = browser.new_context(base_url=address, viewport=VIEW, locale="zh-CN")  # type: ignore[arg-type]
        sign_in = {"username": "operator", "password": PASSWORD, "transport": "cookie"}
        if not context.request.post("/api/v1/sessions", data=sign_in).ok:
            raise RuntimeError("nobody could sign in")
        page = context.new_page()
        page.set_default_timeout(900_000)
        found = measure(page, wanted) | {"chromium": browser.version}
        browser.close()
    return found


def _frames(measured: list[list[float]]) -> dict[str, float]:
    times, scripts = measured
    ordered = sorted(times)
    return {
        "frames": len(ordered),
        "median": round(statistics.median(ordered), 1),
        "p95": round(ordered[int(0.95 * (len(ordered) - 1))], 1),
        "worst": round(ordered[-1], 1),
        "script": round(statistics.median(scripts), 1),
        "per_second": round(1000 * len(ordered) / sum(ordered), 1),
    }


def write(found: dict[str, Any], wanted: int, load: float) -> Path:
    facts = {
        "date": datetime.now(UTC).date().isoformat(),
        "cores": os.cpu_count(),
        "load_before": round(load, 1),
        "chromium": found.pop("chromium"),
        "renderer": "SwiftShader (no graphics card)",
        "view": VIEW,
        "parcels": wanted,
    }
    frames = {name: _frames(times) for name, times in found.pop("frames_ms").items()}
    figures = {name: round(value) for name, value in found.items()}
    RESULTS.mkdir(exist_ok=True)
    name = f"map{suffix()}"
    text = json.dumps(
        {"machine": facts, "figures": figures, "frames_ms": frames}, indent=1, ensure_ascii=False
    )
    (RESULTS / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    path = RESULTS / f"{name}.md"
    path.write_text("\n".join(_lines(facts, figures, frames)) + "\n", encoding="utf-8")
    return path


def _lines(facts: dict[str, Any], figures: dict[str, Any], frames: dict[str, Any]) -> list[str]:
    words = {
        "parcels_in_view": "parcels in the tiles of the view",
        "open_ms": "opening the page until everything is drawn, first time, ms",
        "open_again_ms": "the same once more (tiles kept by the browser, asked for by ETag), ms",
        "settle_after_move_ms": "from the end of a move until nothing is missing, ms",
        "click_to_sheet_ms": "click on a parcel until its sheet is read, ms",
        "recolour_ms": "other colours for all parcels, ms",
    }
    return [
        "# Map console: how it moves",
        "",
        f"{facts['date']}, {facts['cores']} cores, load before the run {facts['load_before']}; Chromium "
        f"{facts['chromium']}, {facts['renderer']}; window {VIEW['width']} × {VIEW['height']}, zoom 11, "
        f"{facts['parcels']:,} registered parcels with 49 positions each.",
        *(["", "**A quick look with few parcels.**"] if sizes().quick else []),
        "",
        "| what | figure |",
        "|---|---:|",
        *(f"| {words[name]} | {value:,} |" for name, value in figures.items()),
        "",
        "| while moving, 4 s each way | frames | median ms | 95th ms | worst ms | page's own ms | per s |",
        "|---|---:|---:|---:|---:|---:|---:|",
        *(
            f"| {name} | {f['frames']} | {f['median']} | {f['p95']} | {f['worst']} | {f['script']} | "
            f"{f['per_second']} |"
            for name, f in frames.items()
        ),
        "",
        "Made by `make bench-map`. Nothing here is a goal: without a graphics card the processor draws every",
        "pixel, beside the server and the browser; the empty map says what that alone costs.",
    ]


def main() -> None:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    wanted = 10_000 if sizes().quick else 100_000
    load = os.getloadavg()[0]
    with served(wanted) as address:
        found = look(address, wanted)
    print(write(found, wanted, load).read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
