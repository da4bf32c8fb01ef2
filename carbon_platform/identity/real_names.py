"""Name and identity number, given by choice: checked in form, sealed, one number per account.

They are what the person says of themselves; no register is asked. Errors name no number.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.db import serialise
from carbon_platform.identity import merging, persons, sealing
from carbon_platform.identity import person_rules as rules
from carbon_platform.identity.auditing import audit
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.tables import AuditRecord, MergeOffer

_LOCAL = ZoneInfo("Asia/Shanghai")
_TRIED = "person.real_name_try"


def count_try(session: Session, actor: Actor, *, now: datetime) -> None:
    """Count an attempt, in a transaction of its own. Errors: ``TooManyTries``."""
    person = persons.get_person(session, actor, lock=True)
    tried = session.scalar(
        sa.select(sa.func.count())
        .select_from(AuditRecord)
        .where(
            AuditRecord.object_kind == "person",
            AuditRecord.object_id == str(person.id),
            AuditRecord.action == _TRIED,
            AuditRecord.at > now - timedelta(days=1),
        )
    )
    if (tried or 0) >= rules.REAL_NAMES_PER_DAY:
        raise rules.TooManyTries(per_day=rules.REAL_NAMES_PER_DAY)
    audit(session, actor, _TRIED, object_kind="person", object_id=person.id, now=now)


def give(session: Session, actor: Actor, name: str, number: str, *, now: datetime) -> MergeOffer | None:
    """Keep name and number; returns an offer instead when another account has the number.

    Also sets whether the person is under 14. Errors: ``NameInvalid``, ``IdNumberInvalid``.
    """
    today = now.astimezone(_LOCAL).date()
    name, checked = rules.real_name(name), rules.id_number(number, today)
    serialise(session, f"id:{sealing.keys(session).index('id', checked.text)}")
    person = persons.get_person(session, actor, lock=True)
    other = persons.find_by_id_number(session, checked.text)
    if other is not None and other.id != person.id:
        proven = json.dumps([name, checked.text])
        return merging.offer(session, actor, other, merging.ID, proven, now=now)
    person.under_14 = rules.age(checked.born, today) < rules.GUARDIAN_UNTIL_AGE
    merging.take_real_name(session, actor, name, checked.text, now=now)
    return None


def is_child(number: str, *, now: datetime) -> bool:
    """Whether the number says its owner is under 14. Errors: ``IdNumberInvalid``."""
    today = now.astimezone(_LOCAL).date()
    return rules.age(rules.id_number(number, today).born, today) < rules.GUARDIAN_UNTIL_AGE


def forget(session: Session, actor: Actor, *, now: datetime) -> None:
    """Take name and number out of the account. Repeatable."""
    identity = persons.find_identity(session, persons.get_person(session, actor).id)
    if identity is not None:
        identity.name_sealed = identity.id_sealed = identity.id_index = identity.real_name_at = None
    audit(session, actor, "person.real_name_forget", object_kind="person",
          object_id=actor.person_id or 0, now=now)  # fmt: skip
