"""A scene with a key, a push, a change and a binding, for tests that walk over all addresses."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from carbon_platform.citizens.scene_tables import Binding, SceneChange
from carbon_platform.db import Database
from carbon_platform.partners.tables import PartnerKey, PartnerPush
from demo.partners import SCENE


def scene_things(db: Database) -> dict[str, str]:
    """An argument for each place of an address; key, push and binding are the story's."""

    def newest(column: Any) -> str:
        return db.read(lambda session: str(session.scalar(sa.select(sa.func.max(column)))))

    return {
        "/scenes/": SCENE,
        "/scenes/changes/": newest(SceneChange.id),
        "/scene-keys/": newest(PartnerKey.key_id),
        "/scene-pushes/": newest(PartnerPush.id),
        "/partner/pushes/": newest(PartnerPush.id),
        "/citizen/bindings/": newest(Binding.id),
    }
