"""How stored values read on a page."""

from datetime import UTC, date, datetime

import pytest

from carbon_platform.console import formats as f


def test_area_is_mu_first_with_half_up_rounding() -> None:
    assert f.mu(28400.0) == "42.6"
    assert f.mu(100.0) == "0.2"  # 0.15: half up
    assert f.ha(28400.0) == "2.84"
    assert f.mu(10_000_000.0) == "15,000.0"
    assert f.mu(None) == "—"


def test_money_is_exact_in_ledgers_and_short_in_headlines() -> None:
    assert f.yuan(14_336_966) == "¥143,369.66"
    assert f.yuan(-5) == "−¥0.05"
    assert f.yuan_short(15_000_000_000) == "¥1.5 亿"
    assert f.yuan_short(170_501_100) == "¥170.5 万"
    assert f.yuan_short(98_000) == "¥980"
    assert f.yuan_short(15_000_000_000, "en") == "¥150 m"
    assert f.yuan(0) == "¥0.00"


@pytest.mark.parametrize(
    ("grams", "text"), [(326, "326 克"), (6840, "6.84 千克"), (1_000_000, "1.00 吨"), (-80, "−80 克")]
)
def test_carbon_of_a_person(grams: int, text: str) -> None:
    assert f.carbon(grams) == text


def test_negative_figures_keep_a_true_minus() -> None:
    assert f.figure(-293.25, 1) == "−293.3"
    assert f.exact(-0.15) == "−0.15"
    assert f.count(-1234) == "−1,234"


def test_parameters_are_shown_as_used() -> None:
    assert f.exact(35.21) == "35.21"
    assert f.exact(0.000012) == "1.2e−05"
    assert f.exact(273) == "273"
    assert f.exact(2026) == "2026"
    assert f.exact(2013.0) == "2013"
    assert f.exact(12345) == "12,345"
    assert f.exact(True) == "是"
    assert f.exact("AR6") == "AR6"


def test_times_are_those_of_china() -> None:
    late = datetime(2026, 11, 22, 17, 30, tzinfo=UTC)
    assert f.daytime(late) == "2026-11-23 01:30"
    assert f.day(late) == "2026-11-23"
    assert f.day(date(2026, 8, 1)) == "2026-08-01"


def test_shares_and_digests() -> None:
    assert f.percent(0.725) == "72.5%"
    assert f.percent(0.0114, 2) == "1.14%"
    assert f.digest("9c41e07a52bd00ff") == "9c41 e07a 52bd"
    assert f.digest("") == "—"
    assert f.digest("camellia_oil_v1") == "camellia_oil_v1"
