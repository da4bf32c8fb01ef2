"""The rules of points: what is in force, proposals, simulation, publication, campaigns; fetching points."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask_smorest import Blueprint

from carbon_platform.citizens import (
    points,
    points_rule_changes,
    points_rules,
    points_schemas,
    points_simulation,
    purse,
    rules,
)
from carbon_platform.errors import InvalidInput
from carbon_platform.identity.service import audit
from carbon_platform.web import Call, PageArgs, in_transaction, outside_transaction, paged, reading

blp = Blueprint("points", __name__, url_prefix="/api/v1", description="积分规则 Rules of points, campaigns")


@blp.get("/points/rules")
@reading(None)
@blp.response(200, points_schemas.PointsRuleOut(many=True))
def list_rules(call: Call) -> Any:
    """公布的积分规则 Every published rule, the one that begins last first."""
    return [asdict(rule) for rule in reversed(points_rules.published_rules(call.session))]


@blp.get("/points/rule-versions")
@reading("inclusion.read")
@blp.arguments(PageArgs, location="query")
@blp.response(200, points_schemas.RuleVersionsOut)
def list_versions(call: Call, args: dict[str, Any]) -> Any:
    """规则版本 Proposals and published versions with their simulations, the latest first."""
    return paged(call.session, points_rule_changes.versions(), **args)


@blp.post("/points/rule-versions")
@in_transaction("points.rule")
@blp.arguments(points_schemas.RuleIn)
@blp.response(201, points_schemas.RuleVersionOut)
def propose_rule(call: Call, payload: dict[str, Any]) -> Any:
    """提出新规则 Propose a version; it is simulated next, then another person publishes it."""
    payload["valid_from"] = payload["valid_from"].isoformat()
    return points_rule_changes.propose_rule(call.session, call.actor, now=call.now, **payload)


@blp.post("/points/rule-versions/<string:version>/simulation")
@outside_transaction("points.rule")
@blp.arguments(points_schemas.SimulationIn)
@blp.response(200, points_schemas.RuleVersionOut)
def simulate_rule(call: Call, payload: dict[str, Any], version: str) -> Any:
    """试算 What the proposal would have meant for a month that is over: who gains, who loses, the cost."""
    today = rules.local_day(call.now)
    month = payload["month"] or points_simulation.last_month(today)
    if month >= today[:7]:
        raise InvalidInput(reason=f"{month} 还没有过完，请选过完的月份", reason_en=f"{month} is not over")
    # Long reading first; only its result is written.
    result = call.read(
        lambda session: points_simulation.simulate(
            session,
            points_rules.to_rule(points_rule_changes.get_version(session, version)),
            month=month,
        )
    )
    return call.transact(
        lambda session: points_rule_changes.keep_simulation(
            session, call.actor, version, result, now=call.now
        )
    )


@blp.post("/points/rule-versions/<string:version>/decision")
@in_transaction("points.publish")
@blp.arguments(points_schemas.PublishIn)
@blp.response(200, points_schemas.RuleVersionOut)
def decide_rule(call: Call, payload: dict[str, Any], version: str) -> Any:
    """发布或否决 Publish or decline: never the one who proposed."""
    return points_rule_changes.decide_rule(call.session, call.actor, version, now=call.now, **payload)


@blp.get("/points/campaigns")
@reading("inclusion.read")
@blp.arguments(PageArgs, location="query")
@blp.response(200, points_schemas.CampaignsOut)
def list_campaigns(call: Call, args: dict[str, Any]) -> Any:
    """活动 Campaigns with their budgets, the latest first."""
    return paged(call.session, points_rule_changes.campaigns(), **args)


@blp.post("/points/campaigns")
@in_transaction("points.rule")
@blp.arguments(points_schemas.CampaignIn)
@blp.response(201, points_schemas.CampaignOut)
def propose_campaign(call: Call, payload: dict[str, Any]) -> Any:
    """提出活动 More points for a while, up to a budget; another person publishes it."""
    days = {name: payload[name].isoformat() for name in ("starts_on", "ends_on")}
    return points_rule_changes.propose_campaign(call.session, call.actor, now=call.now, **{**payload, **days})


@blp.post("/points/campaigns/<string:code>/decision")
@in_transaction("points.publish")
@blp.arguments(points_schemas.PublishIn)
@blp.response(200, points_schemas.CampaignOut)
def decide_campaign(call: Call, payload: dict[str, Any], code: str) -> Any:
    """发布或否决活动 Publish or decline: never the one who proposed."""
    return points_rule_changes.decide_campaign(call.session, call.actor, code, now=call.now, **payload)


@blp.get("/citizen/points/claims")
@reading("citizen.self")
@blp.response(200, points_schemas.ClaimableOut)
def read_claimable(call: Call) -> Any:
    """待领取 Points that wait to be fetched, and when the first of them lapse."""
    return points.claimable(call.session, call.actor.holder, now=call.now)


@blp.post("/citizen/points/claims")
@in_transaction("citizen.self")
@blp.response(200, points_schemas.ClaimedOut)
def claim_points(call: Call) -> Any:
    """领取积分 Fetch all points that wait. A second click fetches nothing and says so."""
    done = points.claim(call.session, call.actor.holder, now=call.now)
    audit(
        call.session, call.actor, "points.claim", object_kind="points", object_id="", now=call.now,
        detail={"acts": done.entries, "points": done.points},
    )  # fmt: skip
    available = purse.open_purse(call.session, call.actor.holder, now=call.now).available
    return {
        "points": done.points, "acts": done.entries, "more": done.after is not None, "available": available,
    }  # fmt: skip
