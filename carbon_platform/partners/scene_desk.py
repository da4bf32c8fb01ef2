"""The scene desk: what an operator and the second person do with scenes, keys included."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from carbon_platform.citizens import scene_changes, scenes
from carbon_platform.citizens.scene_errors import SceneNotReady
from carbon_platform.citizens.scene_tables import Scene, SceneChange
from carbon_platform.identity.rules import Actor
from carbon_platform.partners import keys

# Scenes whose records do not come from a partner's server: nothing signs for them.
WITHOUT_KEYS = {"self", "werun"}


def change_state(
    session: Session, actor: Actor, scene: Scene, to_state: str, *, note: str, now: datetime
) -> SceneChange:
    """As :func:`scene_changes.change_state`; a scene is connected only once it has a key.

    Errors: those, and ``SceneNotReady``.
    """
    needs_key = to_state == scenes.CONNECTED and scene.code not in WITHOUT_KEYS
    if needs_key and not keys.keys_in_force(session, scene.code, now=now):
        raise SceneNotReady(
            scene=scene.name_zh,
            scene_en=scene.name_en,
            reason="还没有有效的签名密钥，请先生成一把交给运营方",
            reason_en="it has no key in force; make one for its operator first",
        )
    return scene_changes.change_state(session, actor, scene.code, to_state, note=note, now=now)
