"""What was sent about a person and not taken in: kept so that the person reads why, and can contest it.

Without a consent in force only that the source tried is kept, once a day: no number, no content. Everything
here is forgotten when it cannot be contested any more, and what was appealed loses its content then.
Callers open the transaction.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from carbon_platform.citizens import bindings, catalogue, claims, rules
from carbon_platform.citizens.errors import (
    AccountNotOpen,
    ActConflict,
    ActInFuture,
    ActTooOld,
    BehaviourNotOffered,
    ConsentMissing,
    ConsentOutdated,
    IntakeFailed,
    RowInvalid,
    WithdrawnBefore,
)
from carbon_platform.citizens.inbox_tables import ActRefusal
from carbon_platform.citizens.tables import Act
from carbon_platform.citizens.truth_tables import Appeal
from carbon_platform.errors import NotFound, PlatformError
from carbon_platform.identity.rules import Actor

CONFLICT = ActConflict.code
# Reasons for which nothing of what was sent may be kept.
SILENT = (ConsentMissing, AccountNotOpen)
# Rows of one pass of the chore.
CHUNK = 2_000
# A number longer than this might be somebody's telephone.
_SHORT = 8

# The sources read what they have to mend; these are the same reasons for the person. Others speak for
# themselves.
_WORDS = {
    ConsentOutdated.code: (
        "授权说明改过以后您还没有再同意，所以来源送来的这一条没有收下，内容也没有留下。"
        "想要它记账，请在“我的授权”里读新版后再同意一次。",
        "The consent text has changed and you have not agreed again, so what the source sent was not taken "
        "and nothing of it was kept. Read the new text under consents and agree if you want it counted.",
    ),
    ConsentMissing.code: (
        "来源想送来一条记录，当时没有您的同意，所以没有收下，内容也没有留下。"
        "想要它记账，请在“我的授权”里同意。",
        "The source tried to send a record without your consent, so it was not taken and nothing of it was "
        "kept. Agree under consents if you want it counted.",
    ),
    AccountNotOpen.code: (
        "账户当时已停用，来源送来的这一条没有收下，内容也没有留下。",
        "The account was closed then, so what the source sent was not taken and nothing of it was kept.",
    ),
    ActConflict.code: (
        "来源用同一个记录号送过另一件事，内容不同，所以这一条没有收下，也没有重复记账。",
        "The source used the same record number for something else before, so this one was not taken and "
        "nothing was counted twice.",
    ),
    ActTooOld.code: (
        "这件事送来时已超过 {days} 天，不能再记账。",
        "This was sent more than {days} days after it happened and can no longer be kept.",
    ),
    ActInFuture.code: (
        "来源写的时间比它送来的时候还晚。发生过的事才能记账；来源改正后可以重送。",
        "The source gave a time later than the moment it was sent. Only what has happened can be kept; the "
        "source may correct it and send it again.",
    ),
    BehaviourNotOffered.code: (
        "这个来源不报这一类行为（{behaviour}），所以没有收下。",
        "This source does not report acts of this kind ({behaviour}), so it was not taken.",
    ),
    WithdrawnBefore.code: (
        "来源先撤回了这条记录，后来才送到，所以没有计入。",
        "The source had taken this record back before it arrived, so it was not counted.",
    ),
    IntakeFailed.code: (
        "平台处理这一条时程序出错，没有计入。管理员会看到；您也可以申诉，请人补记。",
        "The platform failed on this one and counted nothing. An administrator will see it; you can also "
        "appeal, and a person will look.",
    ),
}


# What a field is called where the person reads about it.
_FIELDS = {
    "external_id": ("记录号", "record number"),
    "behaviour": ("行为代码", "code of the behaviour"),
    "occurred_at": ("时间", "time"),
    "quantity": ("数量", "quantity"),
    "quantity_milli": ("数量", "quantity"),
    "distance_m": ("里程", "distance"),
    "duration_s": ("时长", "duration"),
    "avoided_m": ("少走的路程", "distance avoided"),
    "meeting_min": ("会议时长", "length of the meeting"),
    "saved_kwh_per_year": ("一年省的电", "electricity saved a year"),
}


@dataclass(frozen=True)
class Refused:
    """A row of ``holder`` that was not taken in, and why.

    ``record``: what the source calls it, readable or not. ``said``: as :func:`said.said_of`; empty if the row
    could not be read. ``digest``: of its content, where another one stands under the same number.
    """

    holder: str
    source: str
    why: PlatformError
    record: str
    said: Mapping[str, Any]
    digest: str = ""


def keep(session: Session, refused: Sequence[Refused], *, now: datetime) -> None:
    """Write refusals down; the same row refused again for the same reason is the first refusal."""
    rows: dict[tuple[str, str, str], dict[str, Any]] = {}
    for one in refused:
        row = _row(one, now)
        rows.setdefault((row["holder"], row["source"], row["refusal_key"]), row)
    if not rows:
        return
    postgres = session.get_bind().dialect.name == "postgresql"
    statement = (postgresql.insert if postgres else sqlite.insert)(ActRefusal).on_conflict_do_nothing(
        index_elements=["holder", "source", "refusal_key"]
    )
    # In one order everywhere, so that two pushes about the same rows wait instead of blocking each other.
    session.connection().execute(statement, [rows[key] for key in sorted(rows)])


def _row(one: Refused, now: datetime) -> dict[str, Any]:
    silent = isinstance(one.why, SILENT)
    record = "" if silent or not _may_stand(one.record) else one.record
    parts = [one.why.code, record or rules.local_day(now)]
    if one.why.code == CONFLICT:
        parts.append(one.digest[:16])
    said = {} if silent or one.said.get("behaviour") not in catalogue.behaviours() else dict(one.said)
    zh, en = words_of(one.why)
    return {
        "holder": one.holder,
        "source": one.source,
        "external_id": record,
        "refusal_key": ":".join(parts),
        "reason_code": one.why.code,
        "reason_zh": zh,
        "reason_en": en,
        "said": json.dumps(said, sort_keys=True) if said else "",
        "refused_at": now,
    }


def _may_stand(record: str) -> bool:
    """Whether a record number is one, and nobody's telephone or identity number."""
    return bool(claims.RECORD.fullmatch(record)) and not bindings.names_somebody(record)


def words_of(why: PlatformError) -> tuple[str, str]:
    """(zh, en) of a reason as the person reads it."""
    if isinstance(why, RowInvalid):
        return _field_words(why)
    if why.code not in _WORDS:
        return why.message("zh"), why.message("en")
    zh, en = _WORDS[why.code]
    # Whatever a source calls a behaviour: only names the platform has itself are shown.
    known = catalogue.behaviours().get(str(why.values.get("behaviour", "")))
    names = (known.name_zh, known.name_en) if known else ("…", "…")
    return zh.format(**why.values | {"behaviour": names[0]}), en.format(
        **why.values | {"behaviour": names[1]}
    )


def _field_words(why: RowInvalid) -> tuple[str, str]:
    """Which field is wrong. What stands in it is shown only if it is a short number: it may be anything."""
    field, value = str(why.values["field"]), str(why.values["value"])
    if field not in claims.FIELDS:
        return (
            "来源送来的这一条里有平台不收的内容，没有收下，也没有留下。来源改正后可以重送。",
            "What the source sent holds something this platform does not take; it was not taken and nothing "
            "of it was kept. The source may correct it and send it again.",
        )
    shown = value if len(value) <= _SHORT and value.lstrip("-").replace(".", "", 1).isdigit() else ""
    name_zh, name_en = _FIELDS.get(field, (f"{field} 这一项", field))
    zh = f"{name_zh}写成了 {shown}" if shown else f"{name_zh}写得不对"
    en = f"the {name_en} is {shown}" if shown else f"the {name_en}"
    allowed, allowed_en = why.values["allowed"], why.values["allowed_en"]
    return (
        f"来源送来的这一条，{zh}（应为{allowed}），没有收下。来源改正后可以重送。",
        f"What the source sent is wrong ({en}; expected: {allowed_en}) and was not taken. "
        "The source may correct it and send it again.",
    )


def days() -> int:
    """How long a refusal is kept and can be contested (days)."""
    return int(catalogue.truth()["refusals"]["days"])


def mine(actor: Actor) -> sa.Select[Any]:
    """The person's own refusals, newest first, for paging."""
    return sa.select(ActRefusal).where(ActRefusal.holder == actor.holder).order_by(ActRefusal.id.desc())


def get_mine(session: Session, actor: Actor, refusal_id: int) -> ActRefusal:
    """The person's own refusal; another one's is ``NotFound`` like one that is not there."""
    row = session.scalar(
        sa.select(ActRefusal).where(ActRefusal.id == refusal_id, ActRefusal.holder == actor.holder)
    )
    if row is None:
        raise NotFound(what="没有收下的记录", key=refusal_id)
    return row


def counted_since(session: Session, rows: Sequence[ActRefusal]) -> dict[int, int]:
    """By refusal: the act that stands in the person's book under that record number by now, sent again or
    counted on an appeal. A conflict has none: its number is another act's."""
    asked = [row for row in rows if row.external_id and row.reason_code != CONFLICT]
    if not asked:
        return {}
    found = session.execute(
        sa.select(Act.holder, Act.source, Act.external_id, Act.id).where(
            Act.holder.in_({row.holder for row in asked}),
            Act.source.in_({row.source for row in asked}),
            Act.record_key.in_(
                {row.external_id for row in asked} | {f"{row.holder}:{row.external_id}" for row in asked}
            ),
        )
    )
    known = {(holder, source, record): int(act_id) for holder, source, record, act_id in found}
    acts = {row.id: known.get((row.holder, row.source, row.external_id)) for row in asked}
    return {number: act_id for number, act_id in acts.items() if act_id is not None}


def forget(session: Session, *, now: datetime, limit: int = CHUNK) -> int:
    """Delete refusals that cannot be contested any more; appealed ones stay without their content, and an
    open appeal keeps it. At most ``limit`` rows; returns how many changed."""
    old = ActRefusal.refused_at < now - timedelta(days=days())
    appealed = sa.exists().where(Appeal.refusal_id == ActRefusal.id)
    undecided = sa.exists().where(Appeal.refusal_id == ActRefusal.id, Appeal.decided_at.is_(None))
    due = list(
        session.scalars(
            sa.select(ActRefusal.id).where(old, ~appealed).order_by(ActRefusal.refused_at).limit(limit)
        )
    )
    session.execute(
        sa.delete(ActRefusal).where(ActRefusal.id.in_(due)).execution_options(synchronize_session=False)
    )
    emptied = session.execute(
        sa.update(ActRefusal)
        .where(old, ActRefusal.said != "", appealed, ~undecided)
        .values(said="")
        .execution_options(synchronize_session=False)
    )
    return len(due) + int(emptied.rowcount)  # type: ignore[attr-defined]
