"""A process of its own that accepts or approves imports, one a round, each when told to go.

    python accept_apart.py URL GO_FILE ROUNDS        ROUNDS: JSON [[import id, accept | approve, unlocked], …]

Prints what each round registered. ``unlocked`` takes the lock away and holds the door open between check and
write: the negative control.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from change_desk import SECOND
from parcel_house import NOW, OFFICER

from carbon_platform.db import Database
from carbon_platform.parcels import acceptance

APPLY, LOCK = acceptance.apply_rows, acceptance.serialise


def late(*args: Any, **kwargs: Any) -> None:
    time.sleep(0.3)
    APPLY(*args, **kwargs)


def main(url: str, go: str, rounds: str) -> None:
    database = Database(url)
    told = []
    for number, (import_id, act, unlocked) in enumerate(json.loads(rounds)):
        acceptance.serialise = (lambda _session, _name: None) if unlocked else LOCK
        acceptance.apply_rows = late if unlocked else APPLY
        work = acceptance.approve_import if act == "approve" else acceptance.accept_import
        who = SECOND if act == "approve" else OFFICER
        database.read(lambda session: session.connection())
        Path(f"{go}{number}.{import_id}").touch()
        while not Path(f"{go}{number}").exists():
            time.sleep(0.002)
        done = database.transact(lambda s, w=work, a=who, i=import_id: w(s, a, i, now=NOW))
        told.append(done.registered_rows)
    print(json.dumps(told))
    database.dispose()


if __name__ == "__main__":
    main(*sys.argv[1:])
