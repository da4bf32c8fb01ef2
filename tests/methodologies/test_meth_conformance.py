"""The conformance kit on generated frames, and proof that each check can fail."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from meth_strategies import examples

from methodologies import conformance, registry
from methodologies.contract import Example, Methodology
from methodologies.errors import ConformanceFailed

KEYS = sorted(registry())
ON_FRAMES = [check for check in conformance.CHECKS if check is not conformance.refuses_invalid_input]


@pytest.mark.parametrize("key", KEYS)
def test_the_own_example_conforms(key: str) -> None:
    conformance.check_all(registry()[key])


@pytest.mark.parametrize("check", ON_FRAMES, ids=lambda check: check.__name__)
@pytest.mark.parametrize("key", KEYS)
@given(data=st.data())
@settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
def test_generated_frames_conform(
    key: str, check: Callable[[Methodology, Example], None], data: st.DataObject
) -> None:
    methodology = registry()[key]
    check(methodology, data.draw(examples(methodology, rows_max=4)))


def _broken(change: Callable[[pd.DataFrame, pd.DataFrame], pd.DataFrame]) -> Methodology:
    """Camellia with its output spoilt: ``change(inputs, outputs)``."""
    good = registry()["camellia_oil_v1"]

    def quantify(frame: pd.DataFrame, *, period: object, p: object) -> pd.DataFrame:
        return change(frame, good.quantify(frame, period=period, p=p).copy())  # type: ignore[arg-type]

    return dataclasses.replace(good, quantify=quantify)


def _shift(out: pd.DataFrame, by: object) -> pd.DataFrame:
    return out.assign(net_t=out["net_t"] + by)


def test_a_model_that_looks_at_its_neighbours_is_caught() -> None:
    spoilt = _broken(lambda frame, out: _shift(out, out["net_t"].mean() * 1e-6))
    with pytest.raises(ConformanceFailed) as caught:
        conformance.batch_equals_one_by_one(spoilt, spoilt.example())
    assert caught.value.values["check"] == "batch_equals_one_by_one"


def test_a_model_that_depends_on_row_order_is_caught() -> None:
    spoilt = _broken(lambda frame, out: _shift(out, np.arange(len(out)) * 1e-6))
    with pytest.raises(ConformanceFailed):
        conformance.ignores_row_and_column_order(spoilt, spoilt.example())


def test_a_fixed_cost_per_parcel_is_caught_at_size_zero_and_when_split() -> None:
    spoilt = _broken(lambda frame, out: _shift(out, -0.5))
    with pytest.raises(ConformanceFailed):
        conformance.zero_gives_zero(spoilt, spoilt.example())
    with pytest.raises(ConformanceFailed):
        conformance.splitting_keeps_the_sum(spoilt, spoilt.example())


def test_a_model_without_memory_of_its_equations_is_caught() -> None:
    spoilt = _broken(lambda frame, out: out.assign(net_t=out["net_t"] * (1 + 1e-6)))
    with pytest.raises(Exception, match="explanation_mismatch"):
        conformance.explains_itself(spoilt, spoilt.example())


def test_randomness_is_caught() -> None:
    generator = np.random.default_rng(1)
    spoilt = _broken(lambda frame, out: _shift(out, generator.normal(size=len(out)) * 1e-9))
    with pytest.raises(ConformanceFailed):
        conformance.repeats_itself(spoilt, spoilt.example())


def test_a_model_cannot_reach_the_callers_frame() -> None:
    good = registry()["camellia_oil_v1"]
    example = good.example()

    def meddle(frame: pd.DataFrame, out: pd.DataFrame) -> pd.DataFrame:
        # What run() hands over is a copy-on-write view: writing to it must not reach the caller.
        frame.loc[frame.index[0], "area_ha"] = 99.0
        return out

    conformance.leaves_input_alone(_broken(meddle), example)


def test_an_accepted_invalid_frame_is_caught() -> None:
    good = registry()["camellia_oil_v1"]
    columns = tuple(
        dataclasses.replace(column, default=1.0) if column.name == "area_ha" else column
        for column in good.columns
    )
    loose = dataclasses.replace(good, columns=columns)
    frame = good.example().frame.drop(columns="area_ha")
    with pytest.raises(ConformanceFailed):
        conformance._expect_refusal(loose, good.example(), frame, "area_ha")
