"""Uncertainty of a run over HTTP."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from flask_smorest import Blueprint

from carbon_platform.credits import assessment, uncertainty
from carbon_platform.credits.tables import AssessmentRun
from carbon_platform.credits.uncertainty_tables import RunUncertainty
from carbon_platform.errors import NotFound
from carbon_platform.web import Call, Schema, outside_transaction, reading
from methodologies.uncertainty import TRIALS_MIN

blp = Blueprint("uncertainty", __name__, url_prefix="/api/v1", description="不确定性 Uncertainty of a run")
TRIALS_PER_REQUEST_MAX = 100_000


class UncertaintyIn(Schema):
    trials = ma.fields.Integer(
        strict=True,
        load_default=TRIALS_MIN,
        validate=ma.validate.Range(TRIALS_MIN, TRIALS_PER_REQUEST_MAX),
        metadata={"description": f"trials of the simulation, at least {TRIALS_MIN}"},
    )


class UncertaintyOut(Schema):
    run_code = ma.fields.String()
    trials = ma.fields.Integer()
    seed = ma.fields.Integer(metadata={"description": "follows from the run's input digest"})
    mean_t = ma.fields.Float(metadata={"description": "t CO2e"})
    low_t = ma.fields.Float(metadata={"description": "2.5th percentile, t CO2e"})
    high_t = ma.fields.Float(metadata={"description": "97.5th percentile, t CO2e"})
    issue_t = ma.fields.Float(
        metadata={"description": "33.3rd percentile before the flat deduction, t CO2e, unrounded"}
    )
    negative = ma.fields.Float(metadata={"description": "probability that the net figure is below zero"})
    way = ma.fields.String(
        metadata={"description": "declared | flat | percentile: which deduction the rules want"}
    )
    quantity_t = ma.fields.Integer(metadata={"description": "whole tonnes that way"})
    percentile_quantity_t = ma.fields.Integer(metadata={"description": "whole tonnes by the percentile"})
    result = ma.fields.Dict(
        metadata={"description": "distribution, contributions and error propagation, t CO2e, unrounded"}
    )
    created_by = ma.fields.String()
    created_at = ma.fields.AwareDateTime()


@blp.post("/runs/<code>/uncertainty")
@outside_transaction("run.read")
@blp.arguments(UncertaintyIn)
@blp.response(201, UncertaintyOut)
def analyse_run(call: Call, payload: dict[str, Any], code: str) -> Any:
    """不确定性分析 Simulate a run with drawn parameters; the same request gives the same figures."""
    made = uncertainty.analyse_run(
        call.read, call.transact, call.actor, code, trials=payload["trials"], now=call.now
    )
    return call.read(lambda session: present(assessment.get_run(session, call.actor, code), made))


@blp.get("/runs/<code>/uncertainty")
@reading("run.read")
@blp.response(200, UncertaintyOut)
def get_uncertainty(call: Call, code: str) -> Any:
    """不确定性 The analysis on file with most trials."""
    run = assessment.get_run(call.session, call.actor, code)
    found = uncertainty.newest(call.session, run)
    if found is None:
        raise NotFound(what="不确定性分析", key=code)
    return present(run, found)


def present(run: AssessmentRun, found: RunUncertainty) -> dict[str, Any]:
    """An analysis with what the rules make of it."""
    plain = {column.name: getattr(found, column.name) for column in RunUncertainty.__table__.columns}
    rule = uncertainty.rule_of(run, found)
    return plain | {
        "run_code": run.code,
        "way": rule.way,
        "quantity_t": rule.quantity.issuable_t,
        "percentile_quantity_t": rule.by_percentile.issuable_t,
    }
