"""Several batches retired with one form in Chromium: the total has to be typed, empty rows are not meant."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from desk_world import CHAPTERS
from playwright.sync_api import Page

from demo import story

pytestmark = pytest.mark.browser


def test_the_total_is_typed_and_a_batch_left_empty_stays(
    serve: Callable[[int], object], signed_in: Callable[..., Page]
) -> None:
    traded = serve(CHAPTERS.index(story.trade) + 1)
    page = signed_in("cement", at=traded)
    page.goto("/holdings")
    page.click('[data-dialog="retire-several"]')
    form = page.locator("#several-form")
    form.locator("#sl-0").fill("1.5")
    form.locator("#sl-2").fill("0.001")
    form.locator("#rf-several").fill("2025-01-01")
    form.locator("#re-several").fill("2025-12-31")
    submit = form.locator("button[type=submit]")
    assert submit.inner_text() == "注销 1.501 吨"
    form.locator("#sl-sum").fill("1.5")
    submit.click()
    assert "请照原样输入 1.501" in form.locator(".errors").inner_text()
    assert page.url.endswith("/holdings")
    form.locator("#sl-sum").fill("1.501")
    submit.click()
    page.wait_for_url(re.compile(r"/certificates/XY-C"))
    text = page.inner_text(".certificate")
    assert "1.501" in text
    assert "[1] 1.500 吨" in text
    assert "[2] 0.001 吨" in text
    assert page.watched.asked_elsewhere == []  # type: ignore[attr-defined]
    assert page.watched.complaints == []  # type: ignore[attr-defined]
