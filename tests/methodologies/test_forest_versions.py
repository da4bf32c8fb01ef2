"""A second version of the afforestation methodology runs beside the first, and moves nothing of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import ccer_afforestation_v2
import pytest

import methodologies
from methodologies import conformance, registry
from methodologies.contract import InvalidRows, Methodology, Quantification, run

V1, V2 = "ccer_afforestation_v1", "ccer_afforestation_v2"


class Entry:
    """An installed entry point, as importlib.metadata hands it over."""

    name, value = "afforestation", "ccer_afforestation_v2:METHODOLOGY"

    @staticmethod
    def load() -> Methodology:
        return ccer_afforestation_v2.METHODOLOGY


@pytest.fixture
def both(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Methodology]]:
    monkeypatch.setattr(methodologies, "entry_points", lambda group: [Entry])
    yield registry.__wrapped__()


def result(methodology: Methodology, **change: Any) -> Quantification:
    example = methodology.example()
    return run(methodology, example.frame.assign(**change), period=example.period, as_of=example.as_of)


def test_the_second_version_conforms(both: dict[str, Methodology]) -> None:
    assert {V1, V2} <= set(both)
    conformance.check_all(both[V2])


def test_the_first_version_does_not_move(both: dict[str, Methodology]) -> None:
    alone = result(registry()[V1])
    record = json.dumps(alone.record(), sort_keys=True)
    second = result(both[V2])
    beside = result(both[V1])
    assert json.dumps(beside.record(), sort_keys=True) == record and beside.frame.equals(alone.frame)
    assert second.net_t != beside.net_t
    for digest in ("code_digest", "parameter_digest"):
        assert getattr(second, digest) != getattr(beside, digest)
    assert second.input_digest == beside.input_digest  # the same input, two answers


def test_what_the_first_version_says_is_pinned() -> None:
    """The net figures of its example, to the fourth digit: a change here changes a published version."""
    printed = [f"{net:.4f}" for net in result(registry()[V1]).frame["net_t"]]
    assert printed == ["415.4893", "279.4400", "1022.2300", "63.1505", "24.6237", "246.0007"]


def test_both_rules_by_hand(both: dict[str, Methodology]) -> None:
    """12 t d.m./ha on 21.4 ha at U 13.5 %: 6 % and K 0.10 in one, a quarter of the half-width and K 0.15 in
    the other."""
    change = {"pool_dead_wood": False, "agb_start_t_per_ha": 0.0, "agb_end_t_per_ha": 12.0,
        "bgb_start_t_per_ha": 0.0, "bgb_end_t_per_ha": 0.0}  # fmt: skip
    gain = 12 * 0.47 * 44 / 12 * 21.4
    first = result(both[V1], **change).frame.loc["示例-1"]
    second = result(both[V2], **change).frame.loc["示例-1"]
    assert first["net_t"] == pytest.approx(gain * 0.94 * 0.90, rel=1e-12)
    assert second["net_t"] == pytest.approx(gain * (1 - 0.25 * 0.135) * 0.85, rel=1e-12)


def test_each_version_refuses_by_its_own_rule(both: dict[str, Methodology]) -> None:
    """Above 30 % the first wants more plots; the second takes off the whole half-width."""
    with pytest.raises(InvalidRows):
        result(both[V1], uncertainty_pct=31.0)
    assert result(both[V2], uncertainty_pct=31.0).frame.loc["示例-1", "unc"] == pytest.approx(0.31)


def test_neither_may_issue(both: dict[str, Methodology]) -> None:
    first, second = result(both[V1]), result(both[V2])
    assert not first.issuable and not second.issuable
    status = {used.name: used.status for used in second.parameters_used}
    assert status["k_risk"] == "illustrative" and "cn_arcm_rate_2" not in status
    assert {used.name: used.status for used in first.parameters_used}["k_risk"] == "unverified"
