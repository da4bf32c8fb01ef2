"""How much is enough: the figures of ``make test``, and those of a night (``CARBON_NIGHTLY=1``)."""

from __future__ import annotations

import os

import pytest

NIGHTLY = os.environ.get("CARBON_NIGHTLY") == "1"

# A test that takes long on a busy machine is not stuck; the night has no limit.
LONG = pytest.mark.timeout(0 if NIGHTLY else 1_200)


def figure(by_day: int, by_night: int) -> int:
    """How many times something is done."""
    return by_night if NIGHTLY else by_day
