"""The style sheet: contrast of every text colour, size, nothing from elsewhere."""

import itertools
import re
from pathlib import Path

import pytest

CSS = (Path(__file__).parents[2] / "carbon_platform/console/static/console.css").read_text(encoding="utf-8")
TEXTS = ("ink", "ink-2", "ink-3", "huai", "cam", "tea", "oil", "brick", "plum")
GROUNDS = ("paper", "surface", "sunk")


def tokens(selector: str) -> dict[str, str]:
    block = re.search(rf"^{re.escape(selector)} \{{(.*?)^\}}", CSS, re.S | re.M)
    assert block, selector
    return dict(re.findall(r"--([\w-]+): (#[0-9A-Fa-f]{3,6})\b", block[1]))


THEMES = {
    "light": tokens(":root"),
    "dark": tokens(":root") | tokens("[data-theme=dark]"),
    "hc": tokens(":root") | tokens("[data-theme=hc]"),
}


def luminance(colour: str) -> float:
    digits = colour.lstrip("#")
    digits = "".join(c * 2 for c in digits) if len(digits) == 3 else digits
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """WCAG 2 contrast ratio."""
    bright, dim = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def test_contrast_of_known_pairs() -> None:
    assert contrast("#000", "#fff") == pytest.approx(21)
    assert contrast("#777777", "#FFFFFF") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("theme", THEMES)
def test_text_is_readable_on_every_ground_and_on_its_own_wash(theme: str) -> None:
    colours = THEMES[theme]
    for text, ground in itertools.product(TEXTS, GROUNDS):
        assert contrast(colours[text], colours[ground]) >= 4.5, (theme, text, ground)
    for name in ("huai", "cam", "tea", "oil", "brick", "plum"):
        assert contrast(colours[name], colours[f"{name}-wash"]) >= 4.5, (theme, name)
        assert contrast(colours["ink"], colours[f"{name}-wash"]) >= 4.5, (theme, name)
    for fill in ("huai", "brick"):
        assert contrast(colours["on"], colours[fill]) >= 4.5, (theme, fill)
    assert contrast("#fff", colours["slab"]) >= 4.5
    for border in ("edge", "cam-fill", "tea-fill", "oil-fill", "water", "pine"):
        assert contrast(colours[border], colours["surface"]) >= 3, (theme, border)


def test_size_targets_and_origin() -> None:
    assert len(CSS.encode()) <= 30 * 1024
    assert "--tap: 44px" in CSS
    assert "--tap: 60px" in CSS  # large type
    assert "url(" not in CSS
    assert "@import" not in CSS
    assert "@media print" in CSS
    assert "prefers-reduced-motion" in CSS
