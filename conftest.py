"""Where nothing may be skipped (``CARBON_REQUIRE_ALL=1``, set by CI), a skip is a failure.

No test is timed: a slow or busy machine says nothing about the code (speed lives in ``benchmarks/``).
"""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import Any

import pytest
from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: Any) -> Generator[None, Any, None]:
    outcome = yield
    report = outcome.get_result()
    if report.skipped and os.environ.get("CARBON_REQUIRE_ALL") == "1":
        report.outcome = "failed"
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.longrepr = f"CARBON_REQUIRE_ALL=1 allows no skip: {item.nodeid}: {reason}"
