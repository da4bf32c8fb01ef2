"""WeRun steps over HTTP: what WeChat encrypted, opened here, as one walk per ended day."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import marshmallow as ma
import sqlalchemy as sa
from flask_smorest import Blueprint
from sqlalchemy.orm import Session

from carbon_platform.citizens import catalogue, consents, refusals, werun
from carbon_platform.citizens.claims import Claim
from carbon_platform.citizens.errors import ActConflict, StepsImplausible
from carbon_platform.citizens.intake import Taken, take_in
from carbon_platform.citizens.refusals import Refused
from carbon_platform.citizens.said import said_of
from carbon_platform.citizens.wechat import port_for
from carbon_platform.citizens.werun import StepDay
from carbon_platform.identity.service import audit
from carbon_platform.identity.tables import Person
from carbon_platform.web import Call, Schema, outside_transaction

blp = Blueprint("citizen_steps", __name__, url_prefix="/api/v1", description="微信运动 WeRun steps")

# What the mock mini-program calls itself; live mode has its own id in the settings.
MOCK_APP_ID = "wx-mock"


class StepsIn(Schema):
    code = ma.fields.String(
        required=True,
        validate=ma.validate.Length(1, 128),
        metadata={"description": "wx.login code, taken just before wx.getWeRunData; works once"},
    )
    encrypted_data = ma.fields.String(required=True, validate=ma.validate.Length(24, 65_536))
    iv = ma.fields.String(required=True, validate=ma.validate.Length(24, 24))


class StepDayOut(Schema):
    day = ma.fields.String(metadata={"example": "2026-11-21"})
    steps = ma.fields.Integer()
    distance_m = ma.fields.Integer(metadata={"description": "metres, at 1,540 steps a kilometre"})
    result = ma.fields.String(metadata={"description": "counted, repeated, refused"})
    reduction_g = ma.fields.Integer(metadata={"description": "grams in the book, after caps"})
    points = ma.fields.Integer()
    act_id = ma.fields.Integer(allow_none=True)
    code = ma.fields.String()
    zh = ma.fields.String()
    en = ma.fields.String()


@blp.post("/citizen/steps")
@outside_transaction("citizen.self")
@blp.arguments(StepsIn)
@blp.response(200, StepDayOut(many=True))
def take_steps(call: Call, payload: dict[str, Any]) -> Any:
    """同步步数 Ended days of the last 31, one walk each. A day counts once, as it was first read."""
    # WeChat is asked first: no transaction waits for the network. The session key is kept nowhere.
    session_key = _session_key(call, payload["code"])
    plain = werun.decrypt(session_key, payload["encrypted_data"], payload["iv"])
    live = call.settings.wechat_mode == "live"
    app_id = call.settings.wechat_app_id if live else MOCK_APP_ID
    days = [day for day in werun.read_days(plain, app_id=app_id, now=call.now) if day.distance_m]
    return call.transact(lambda session: _take(session, call, days))


def _session_key(call: Call, code: str) -> str:
    said = port_for(call.settings).code_to_openid(code)
    # Accounts that were merged are one person's: either of their WeChat accounts may bring the steps.
    own = sa.or_(Person.id == call.actor.person_id, Person.merged_into_id == call.actor.person_id)
    found = call.read(
        lambda session: session.scalar(sa.select(Person.id).where(Person.openid == said.openid, own))
    )
    if found is None:
        raise werun.StepsOfAnother
    return said.session_key


def _take(session: Session, call: Call, days: Sequence[StepDay]) -> list[dict[str, Any]]:
    """One walk per day; what cannot be a day's walk is answered with its reason."""
    holder = call.actor.holder
    plausible = [day for day in days if day.steps <= werun.STEPS_MAX]
    claims = [_walk(call, day) for day in plausible]
    taken = dict(zip(plausible, take_in(session, claims, now=call.now), strict=True))
    for one in taken.values():
        if one.error is not None and not isinstance(one.error, ActConflict):
            raise one.error  # consent missing, scene closed: true of every day
    odd = [day for day in days if day not in taken]
    if odd:
        # Nothing above has asked if no day was plausible; and nothing is kept without.
        consents.demand(session, call.actor, werun.SOURCE, catalogue.ACTS_PURPOSE)
        refusals.keep(session, [_refused(_walk(call, day), day) for day in odd], now=call.now)
    audit(
        session, call.actor, "steps.take", object_kind="citizen", object_id=holder, now=call.now,
        detail={"days": len(days), "refused": len(days) - len(plausible)},
    )  # fmt: skip
    return [_answer(day, taken.get(day)) for day in days]


def _walk(call: Call, day: StepDay) -> Claim:
    """The walk of one day."""
    return Claim(
        holder=call.actor.holder,
        source=werun.SOURCE,
        external_id=f"{call.actor.holder}:{day.day}",
        behaviour=werun.BEHAVIOUR,
        starts_at=day.starts_at,
        distance_m=day.distance_m,
        daily=True,
        region_code=call.actor.region_code,
    )


def _refused(claim: Claim, day: StepDay) -> Refused:
    return Refused(claim.holder, claim.source, _too_many(day), claim.external_id, said_of(claim))


def _too_many(day: StepDay) -> StepsImplausible:
    return StepsImplausible(day=day.day, steps=f"{day.steps:,}", most=f"{werun.STEPS_MAX:,}")


def _answer(day: StepDay, taken: Taken | None) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "day": day.day, "steps": day.steps, "distance_m": day.distance_m, "result": "counted",
        "reduction_g": 0, "points": 0, "act_id": taken.act_id if taken else None,
        "code": "", "zh": "", "en": "",
    }  # fmt: skip
    if taken is None:
        why = _too_many(day)
        return answer | {
            "result": "refused",
            "code": "too_many_steps",
            "zh": f"{why.message('zh')}觉得不对，可以在账本的“没有收下的”里申诉，或打 12345。",
            "en": f"{why.message('en')} If that is wrong, appeal under what was not taken, or call 12345.",
        }
    if taken.repeated or taken.error is not None:
        # The same day read again, perhaps with other steps from a second device: the first reading stands.
        return answer | {"result": "repeated", "zh": "这一天已经记过了。", "en": "This day is in already."}
    act = taken.act
    return answer | {
        "reduction_g": act.reduction_g,
        "points": act.points,
        "code": act.reason_code,
        "zh": act.reason_zh,
        "en": act.reason_en,
    }
