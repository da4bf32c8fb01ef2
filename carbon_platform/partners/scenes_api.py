"""Scenes over HTTP: apply, change, decide, keys, pushes, quality, reconciliations."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
import sqlalchemy as sa
from flask_smorest import Blueprint

from carbon_platform.citizens import scene_changes
from carbon_platform.citizens.scene_tables import Scene
from carbon_platform.identity.sealing import keyring_of
from carbon_platform.partners import (
    keys,
    push,
    quality,
    recheck,
    reconciliation,
    rules,
    scene_desk,
    schemas,
)
from carbon_platform.partners.errors import PushTooLarge
from carbon_platform.partners.tables import PartnerPush
from carbon_platform.web import Call, PageArgs, in_transaction, paged, reading

blp = Blueprint("scenes", __name__, url_prefix="/api/v1", description="减排场景 Scenes and their operators")


@blp.get("/scenes")
@reading("scene.read")
@blp.response(200, schemas.SceneOut(many=True))
def list_scenes(call: Call) -> Any:
    """场景 Every scene; an operator of scenes sees those of the own organisation."""
    return scene_changes.list_scenes(call.session, call.actor)


@blp.post("/scenes")
@in_transaction("scene.self")
@blp.arguments(schemas.SceneIn)
@blp.response(201, schemas.SceneOut)
def apply(call: Call, payload: dict[str, Any]) -> Any:
    """申请场景 Apply for a scene. Publishing it takes a second person."""
    said = {name: payload.pop(name) for name in ("code", "operator_zh", "organisation_id", "local", "note")}
    return scene_changes.apply(call.session, call.actor, terms=payload, now=call.now, **said)


@blp.get("/scenes/<string:code>")
@reading("scene.read")
@blp.response(200, schemas.SceneDetailOut)
def get_scene(call: Call, code: str) -> Any:
    """一个场景 One scene with its changes and the quality of its data."""
    scene = _scene(call, code)
    return {
        "scene": scene,
        "changes": scene_changes.changes_of(call.session, code),
        "quality": quality.quality(call.session, code, now=call.now),
    }


@blp.post("/scenes/<string:code>/state")
@in_transaction("scene.write")
@blp.arguments(schemas.StateIn)
@blp.response(200, schemas.SceneChangeOut)
def change_state(call: Call, payload: dict[str, Any], code: str) -> Any:
    """改状态 Take a scene a step on, or propose it where a second person decides."""
    scene = _scene(call, code)
    return scene_desk.change_state(
        call.session, call.actor, scene, payload["state"], note=payload["note"], now=call.now
    )


@blp.post("/scenes/<string:code>/terms")
@in_transaction("scene.self")
@blp.arguments(schemas.TermsChangeIn)
@blp.response(200, schemas.SceneChangeOut)
def change_terms(call: Call, payload: dict[str, Any], code: str) -> Any:
    """改条款 Propose other terms; they hold once a second person has agreed."""
    _scene(call, code)
    note = payload.pop("note")
    return scene_changes.change_terms(call.session, call.actor, code, payload, note=note, now=call.now)


@blp.post("/scenes/changes/<int:change_id>/decision")
@in_transaction("scene.approve")
@blp.arguments(schemas.ChangeDecisionIn)
@blp.response(200, schemas.SceneChangeOut)
def decide(call: Call, payload: dict[str, Any], change_id: int) -> Any:
    """决定 Carry a proposed change out or decline it: never the one who proposed."""
    return scene_changes.decide(call.session, call.actor, change_id, now=call.now, **payload)


@blp.get("/scenes/<string:code>/keys")
@reading("scene.self")
@blp.response(200, schemas.PartnerKeyOut(many=True))
def list_keys(call: Call, code: str) -> Any:
    """密钥 The keys of a scene, never their secrets."""
    return keys.keys_of(call.session, _scene(call, code).code)


@blp.post("/scenes/<string:code>/keys")
@in_transaction("scene.self")
@blp.response(201, schemas.NewPartnerKeyOut)
def make_key(call: Call, code: str) -> Any:
    """新密钥 Make a key; its secret is in this answer and nowhere else. The older one works seven days on."""
    scene = _scene(call, code)
    made = keys.make_key(call.session, call.actor, scene, keyring_of(call.settings), now=call.now)
    plain = {name: getattr(made.key, name) for name in ("key_id", "made_by", "made_at", "ends_at")}
    return plain | {"secret": made.secret}


@blp.delete("/scene-keys/<string:key_id>")
@in_transaction("scene.self")
@blp.response(200, schemas.PartnerKeyOut)
def end_key(call: Call, key_id: str) -> Any:
    """停用密钥 End a key at once."""
    scene = _scene(call, keys.get_key(call.session, key_id).scene_code)
    return keys.end_key(call.session, call.actor, scene, key_id, now=call.now)


@blp.get("/scenes/<string:code>/pushes")
@reading("scene.read")
@blp.arguments(PageArgs, location="query")
@blp.response(200, schemas.PushesOut)
def list_pushes(call: Call, args: dict[str, Any], code: str) -> Any:
    """推送记录 What came in, newest first, with what became of the rows."""
    wanted = sa.select(PartnerPush).where(PartnerPush.scene_code == _scene(call, code).code)
    return paged(call.session, wanted.order_by(PartnerPush.id.desc()), **args)


@blp.get("/scene-pushes/<int:push_id>")
@reading("scene.read")
@blp.response(200, schemas.PushDetailOut)
def get_push(call: Call, push_id: int) -> Any:
    """一次推送 One push and what became of its rows."""
    return {"push": _push(call, push_id), "outcomes": push.outcomes(call.session, push_id)}


@blp.get("/scene-pushes/<int:push_id>/recheck")
@reading("scene.read")
@blp.response(200, schemas.RecheckOut)
def recheck_push(call: Call, push_id: int) -> Any:
    """重算一批 Every act of a push computed again from what was sent; what differs is named."""
    _push(call, push_id)
    return recheck.recheck(call.session, push_id)


@blp.post("/scenes/<string:code>/reconciliations")
@in_transaction("scene.self")
@blp.arguments(schemas.DayFileIn, location="files", unknown=ma.RAISE)
@blp.response(200, schemas.PartnerDayOut)
def upload_reconciliation(call: Call, payload: dict[str, Any], code: str) -> Any:
    """上传对账文件 As the partner's server does, by hand: a day's totals or record numbers."""
    scene = _scene(call, code)
    body = payload["file"].read(rules.BODY_MAX_BYTES + 1)
    if len(body) > rules.BODY_MAX_BYTES:
        raise PushTooLarge(most=f"{rules.BODY_MAX_BYTES:,}", size=f"{len(body):,}")
    kept = reconciliation.submit(call.session, call.actor, scene.code, body, now=call.now)
    return reconciliation.present(kept.day, kept.ours, kept)


@blp.get("/scenes/<string:code>/reconciliations")
@reading("scene.read")
@blp.response(200, schemas.PartnerDayOut(many=True))
def list_reconciliations(call: Call, code: str) -> Any:
    """对账 The newest comparison of each of the last 31 days."""
    rows = reconciliation.recent(call.session, _scene(call, code).code)
    return [reconciliation.present(row.day, row.ours, row) for row in rows]


def _push(call: Call, push_id: int) -> PartnerPush:
    """A push of a scene within the caller's reach."""
    found = push.find_push(call.session, push_id)
    _scene(call, found.scene_code)
    return found


def _scene(call: Call, code: str) -> Scene:
    return scene_changes.get_scene(call.session, call.actor, code)
