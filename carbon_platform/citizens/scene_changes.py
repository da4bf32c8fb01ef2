"""How a scene changes: applied for, reviewed, published, connected, run, warned, suspended, closed.

Publishing, opening again after a suspension and every change of terms need a second person
(``scene.approve``), never the one who proposed. Each step keeps who, when, why and the terms after it.
Callers open the transaction.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.citizens import catalogue
from carbon_platform.citizens.scene_errors import (
    SceneChangeOpen,
    SceneNotReady,
    SceneSecondPerson,
    SceneStateWrong,
    SceneTaken,
    SceneTermsInvalid,
)
from carbon_platform.citizens.scene_tables import Scene, SceneChange
from carbon_platform.citizens.scenes import (
    ACTIVE,
    APPLIED,
    CLOSED,
    CONNECTED,
    PUBLISHED,
    STATE_WORDS,
    SUSPENDED,
    TERMS,
    WARNED,
    forget_cached,
    terms_of,
)
from carbon_platform.errors import NotFound
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.service import audit, get_organisation

NEXT = {
    APPLIED: (PUBLISHED, CLOSED),
    PUBLISHED: (CONNECTED, CLOSED),
    CONNECTED: (ACTIVE, CLOSED),
    ACTIVE: (WARNED, SUSPENDED, CLOSED),
    WARNED: (ACTIVE, SUSPENDED, CLOSED),
    SUSPENDED: (ACTIVE, CLOSED),
    CLOSED: (),
}
SECOND_PERSON = {(APPLIED, PUBLISHED), (SUSPENDED, ACTIVE)}
STATE, TERMS_KIND = "state", "terms"
PROPOSED, DONE, DECLINED = "proposed", "done", "declined"
STATUSES = {"verified", "secondary", "unverified", "illustrative", "local-decision"}
_CODE = re.compile(r"[a-z][a-z0-9-]{2,39}")


def list_scenes(session: Session, actor: Actor) -> list[Scene]:
    """Scenes this person may look at: all, or those of the own organisation."""
    wanted = sa.select(Scene).order_by(Scene.code)
    if not sees_all(actor):
        wanted = wanted.where(
            Scene.organisation_id == actor.organisation_id, Scene.organisation_id.is_not(None)
        )
    return list(session.scalars(wanted))


def sees_all(actor: Actor) -> bool:
    """Everybody who may read scenes at all, but for those who run one."""
    return actor.may("scene.write") or not actor.may("scene.self")


def get_scene(session: Session, actor: Actor, code: str) -> Scene:
    """A scene within the caller's reach; somebody else's is not found."""
    scene = session.get(Scene, code)
    own = scene is not None and scene.organisation_id is not None
    if scene is None or not (sees_all(actor) or (own and scene.organisation_id == actor.organisation_id)):
        raise NotFound(what="场景", key=code)
    return scene


def changes_of(session: Session, code: str) -> list[SceneChange]:
    """Everything that happened to a scene, newest first."""
    return list(
        session.scalars(
            sa.select(SceneChange).where(SceneChange.scene_code == code).order_by(SceneChange.id.desc())
        )
    )


def apply(
    session: Session,
    actor: Actor,
    *,
    code: str,
    operator_zh: str,
    local: bool,
    terms: dict[str, Any],
    note: str,
    now: datetime,
    organisation_id: int | None = None,
) -> Scene:
    """Apply for a new scene. An operator of scenes applies for the own organisation.

    Errors: ``SceneTaken``, ``SceneTermsInvalid``, ``NotFound`` for the organisation.
    """
    if not _CODE.fullmatch(code):
        raise SceneTermsInvalid(
            reason="代码须为 3 到 40 位小写字母、数字或连字符，以字母开头",
            reason_en="a code has 3 to 40 lower-case letters, digits or hyphens and begins with a letter",
        )
    if session.get(Scene, code) is not None:
        raise SceneTaken(code=code)
    if not actor.may("scene.write"):
        organisation_id = actor.organisation_id
    if organisation_id is not None:
        operator_zh = get_organisation(session, organisation_id).name_zh
    checked = check_terms(terms, local=local)
    scene = Scene(
        code=code, operator_zh=operator_zh, organisation_id=organisation_id, local=local,
        state=APPLIED, changed_at=now, **checked,
    )  # fmt: skip
    session.add(scene)
    session.flush()
    _record(session, actor, scene, kind=STATE, to_state=APPLIED, terms=checked, note=note, now=now, done=True)
    return scene


def change_state(
    session: Session, actor: Actor, code: str, to_state: str, *, note: str, now: datetime
) -> SceneChange:
    """Take a scene to another state, or propose it where a second person decides.

    Errors: ``SceneStateWrong``, ``SceneNotReady``, ``SceneChangeOpen``, ``NotFound``.
    """
    scene = _locked(session, code)
    if to_state not in NEXT[scene.state]:
        raise _wrong_state(scene)
    _check_no_other(session, scene)
    if to_state == ACTIVE:
        _check_ready(scene)
    done = (scene.state, to_state) not in SECOND_PERSON
    change = _record(
        session,
        actor,
        scene,
        kind=STATE,
        to_state=to_state,
        terms=terms_of(scene),
        note=note,
        now=now,
        done=done,
    )
    if done:
        scene.state, scene.changed_at = to_state, now
    forget_cached(session)
    return change


def change_terms(
    session: Session, actor: Actor, code: str, terms: dict[str, Any], *, note: str, now: datetime
) -> SceneChange:
    """Propose other terms; those not named stay. A second person decides, and from then on they hold.

    Errors: ``SceneTermsInvalid``, ``SceneStateWrong``, ``SceneChangeOpen``, ``NotFound``.
    """
    scene = _locked(session, code)
    if scene.state == CLOSED:
        raise _wrong_state(scene)
    _check_no_other(session, scene)
    checked = check_terms(terms_of(scene) | terms, local=scene.local)
    return _record(
        session,
        actor,
        scene,
        kind=TERMS_KIND,
        to_state=scene.state,
        terms=checked,
        note=note,
        now=now,
        done=False,
    )


def decide(
    session: Session, actor: Actor, change_id: int, *, approve: bool, note: str, now: datetime
) -> SceneChange:
    """Carry a proposed change out or decline it: never the one who proposed.

    Errors: ``SceneSecondPerson``, ``SceneStateWrong``, ``NotFound`` (also for one decided before).
    """
    change = session.get(SceneChange, change_id, with_for_update=True)
    if change is None or change.status != PROPOSED:
        raise NotFound(what="场景变更", key=change_id)
    if change.proposed_by_id == actor.user_id:
        raise SceneSecondPerson
    scene = _locked(session, change.scene_code)
    if approve and change.kind == STATE:
        if change.to_state not in NEXT[scene.state]:
            raise _wrong_state(scene)
        scene.state = change.to_state
    elif approve:
        for name, value in change.terms.items():
            setattr(scene, name, value)
    if approve:
        scene.changed_at = now
    change.status = DONE if approve else DECLINED
    change.decided_by, change.decided_by_id, change.decided_at = actor.name, actor.user_id, now
    change.note = f"{change.note}\n{note}".strip()
    audit(
        session, actor, "scene.decide", object_kind="scene", object_id=scene.code, now=now,
        detail={"change": change.id, "kind": change.kind, "to": change.to_state, "approve": approve},
    )  # fmt: skip
    session.flush()
    forget_cached(session)
    return change


def suspend(session: Session, actor: Actor, code: str, *, note: str, now: datetime) -> bool:
    """Stop a running scene at once, as an audit of its records asks; False if it does not run.

    A wish that waits for a second person is declined with it: it was about a scene that ran.
    """
    scene = _locked(session, code)
    if SUSPENDED not in NEXT[scene.state]:
        return False
    waiting = _proposed(session, code)
    if waiting is not None:
        waiting.status, waiting.decided_by, waiting.decided_at = DECLINED, actor.name, now
        waiting.note = f"{waiting.note}\n{note}".strip()
        session.flush()
    change_state(session, actor, code, SUSPENDED, note=note, now=now)
    return True


def check_terms(terms: dict[str, Any], *, local: bool) -> dict[str, Any]:
    """The terms brought to one form. Errors: ``SceneTermsInvalid`` naming every finding."""
    found = {name: terms.get(name) for name in TERMS}
    wrong = [*_wrong_words(found), *_wrong_numbers(found), *_wrong_behaviours(found, local)]
    if local and found["creditable"]:
        wrong.append(
            (
                "本地特色场景的减排量由项目主张，不能可计入",
                "a local scene is never creditable: its project claims the tonnes",
            )
        )
    if wrong:
        raise SceneTermsInvalid(
            reason="；".join(zh for zh, _ in wrong),
            reason_en="; ".join(en for _, en in wrong),
            errors=[{"zh": zh, "en": en} for zh, en in wrong],
        )
    return found


def _wrong_words(terms: dict[str, Any]) -> list[tuple[str, str]]:
    wrong = []
    for name in ("name_zh", "name_en", "source", "observation_source"):
        if not isinstance(terms[name], str) or not 1 <= len(terms[name].strip()) <= 200:
            wrong.append((f"{name} 须为 1 到 200 个字", f"{name} needs 1 to 200 characters"))
    for name in ("status", "observation_status"):
        if terms[name] not in STATUSES:
            known = "、".join(sorted(STATUSES))
            wrong.append((f"{name} 须为其中之一：{known}", f"{name} is one of {known}"))
    if terms["observation_from"] not in ("act", "receipt"):
        wrong.append(("observation_from 须为 act 或 receipt", "observation_from is act or receipt"))
    return wrong


def _wrong_numbers(terms: dict[str, Any]) -> list[tuple[str, str]]:
    wrong = []
    for name, low, high in (("evidence_percent", 1, 100), ("observation_days", 0, 366)):
        value = terms[name]
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            wrong.append(
                (f"{name} 须为 {low} 到 {high} 的整数", f"{name} is a whole number from {low} to {high}")
            )
    if not isinstance(terms["creditable"], bool):
        wrong.append(("creditable 须为 true 或 false", "creditable is true or false"))
    return wrong


def _wrong_behaviours(terms: dict[str, Any], local: bool) -> list[tuple[str, str]]:
    codes = terms["behaviours"]
    if not isinstance(codes, list) or not codes or len(set(map(str, codes))) != len(codes):
        return [("behaviours 须为不重复的行为代码列表", "behaviours is a list of codes without repetition")]
    wrong = []
    for code in codes:
        known = catalogue.behaviours().get(str(code))
        if known is None:
            wrong.append((f"行为清单里没有 {code}", f"the catalogue has no {code}"))
        elif known.local_extra and not local:
            wrong.append(
                (f"{code} 是本地特色行为，只能用于本地特色场景", f"{code} belongs to local scenes only")
            )
        elif known.pending and not known.local_extra:
            wrong.append((f"{code} 尚无系数，不能接入", f"{code} has no figure yet"))
    return wrong


def _check_ready(scene: Scene) -> None:
    """A scene runs only when people can be asked: its consent text must be on file."""
    if (scene.code, catalogue.ACTS_PURPOSE) not in catalogue.consent_texts():
        raise SceneNotReady(
            scene=scene.name_zh,
            scene_en=scene.name_en,
            reason="还没有它的授权说明（consents.toml）",
            reason_en="there is no consent text for it yet (consents.toml)",
        )


def _locked(session: Session, code: str) -> Scene:
    scene = session.get(Scene, code, with_for_update=True)
    if scene is None:
        raise NotFound(what="场景", key=code)
    return scene


def _proposed(session: Session, code: str) -> SceneChange | None:
    return session.scalar(
        sa.select(SceneChange).where(SceneChange.scene_code == code, SceneChange.status == PROPOSED)
    )


def _check_no_other(session: Session, scene: Scene) -> None:
    if _proposed(session, scene.code) is not None:
        raise SceneChangeOpen(scene=scene.name_zh, scene_en=scene.name_en)


def _wrong_state(scene: Scene) -> SceneStateWrong:
    zh, en = STATE_WORDS[scene.state]
    possible = [STATE_WORDS[state] for state in NEXT[scene.state]]
    return SceneStateWrong(
        scene=scene.name_zh,
        scene_en=scene.name_en,
        state=zh,
        state_en=en,
        possible="、".join(words for words, _ in possible) or "无",
        possible_en=", ".join(words for _, words in possible) or "none",
    )


def _record(
    session: Session,
    actor: Actor,
    scene: Scene,
    *,
    kind: str,
    to_state: str,
    terms: dict[str, Any],
    note: str,
    now: datetime,
    done: bool,
) -> SceneChange:
    change = SceneChange(
        scene_code=scene.code, kind=kind, from_state=scene.state, to_state=to_state, terms=terms, note=note,
        status=DONE if done else PROPOSED,
        proposed_by=actor.name, proposed_by_id=actor.user_id, proposed_at=now,
        decided_by=actor.name if done else "",
        decided_by_id=actor.user_id if done else None,
        decided_at=now if done else None,
    )  # fmt: skip
    session.add(change)
    session.flush()
    audit(
        session, actor, "scene.change" if done else "scene.propose", object_kind="scene",
        object_id=scene.code, now=now, detail={"change": change.id, "kind": kind, "to": to_state},
    )  # fmt: skip
    return change
