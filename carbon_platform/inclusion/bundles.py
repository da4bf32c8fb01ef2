"""Aggregation: consent → window closed → sum of creditable grams → application → pooled batch.

Only acts that were posted, were not taken back, lie in a window where nothing can change any more, and
belong to someone who agreed before the act, are summed; each act once for ever. The sum is rounded once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

import pandas as pd
import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.citizens import catalogue
from carbon_platform.citizens.rules import LOCAL, MAX_AGE_DAYS, local_day
from carbon_platform.citizens.scene_tables import Scene
from carbon_platform.citizens.tables import Act
from carbon_platform.credits import pooled
from carbon_platform.credits.assessment import get_run
from carbon_platform.credits.numbering import next_number
from carbon_platform.credits.tables import AssessmentRun
from carbon_platform.db import serialise
from carbon_platform.errors import Conflict, NotFound
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.service import audit
from carbon_platform.identity.tables import Consent, Person
from carbon_platform.inclusion import rules
from carbon_platform.inclusion.errors import (
    BundleChanged,
    BundleWrongState,
    NothingToBundle,
    SeveralParameterSets,
)
from carbon_platform.inclusion.rules import Window
from carbon_platform.inclusion.tables import Bundle, BundleAct, BundleHolder
from methodologies import contract, registry

PARTNER, PURPOSE = "platform", "bundle"
_LOCK = "bundle"


def _agreed() -> sa.Exists:
    """Whether the act's person agrees to the text in force, and did so before the act."""
    version = catalogue.consent_texts()[PARTNER, PURPOSE].version
    return sa.exists().where(
        Person.holder == Act.holder,
        Consent.person_id == Person.id,
        Consent.partner == PARTNER,
        Consent.purpose == PURPOSE,
        Consent.text_version == version,
        Consent.withdrawn_at.is_(None),
        Consent.given_at <= Act.occurred_at,
    )


def _in_window(window: Window) -> list[sa.ColumnElement[bool]]:
    return [
        # Nothing is reported before it happened: years of older acts are not looked at.
        Act.reported_at >= datetime.combine(window.starts_on, time(0), LOCAL),
        Act.day >= window.starts_on.isoformat(),
        Act.day < window.ends_on.isoformat(),
        Act.creditable_g > 0,
    ]


def _countable(window: Window) -> list[sa.ColumnElement[bool]]:
    return [
        *_in_window(window),
        Act.entry_id.is_not(None),
        Act.withdrawn_at.is_(None),
        ~sa.exists().where(BundleAct.act_id == Act.id),
        _agreed(),
    ]


def close_window(session: Session, actor: Actor, window: Window, *, now: datetime) -> Bundle:
    """Sum the creditable grams of a closed window into a bundle; acts of other bundles are left out.

    Errors: ``WindowInvalid``, ``WindowOpen``, ``NothingToBundle``, ``SeveralParameterSets``.
    """
    today = date.fromisoformat(local_day(now))
    rules.check_window(
        window, today, age_days=MAX_AGE_DAYS, observation_days=_observation_days(session, window)
    )
    # One bundle at a time: two would read the same free acts.
    serialise(session, _LOCK)
    methodology, parameters, code_digest = _one_parameter_set(session, window)
    bundle = Bundle(
        code=next_number(session, Bundle.code, "B", now),
        starts_on=window.starts_on,
        ends_on=window.ends_on,
        methodology=methodology,
        parameter_digest=parameters,
        code_digest=code_digest,
        input_digest="",
        acts=1,
        holders=1,
        creditable_g=1,
        reduction_g=1,
        state=rules.CLOSED,
        run_code="",
        batch_code="",
        closed_by=actor.name,
        closed_by_id=actor.user_id or 0,
        closed_at=now,
        note="",
    )
    session.add(bundle)
    session.flush()
    _take(session, bundle, window)
    audit(
        session, actor, "bundle.close", object_kind="bundle", object_id=bundle.code, now=now,
        detail={"acts": bundle.acts, "holders": bundle.holders, "creditable_g": bundle.creditable_g},
    )  # fmt: skip
    return bundle


def _observation_days(session: Session, window: Window) -> int:
    """The longest time for which a source of creditable grams may take a record back: of sources that may
    still deliver some, and of those that did."""
    there = sa.select(Act.source).where(*_in_window(window))
    concerned = sa.or_(Scene.creditable.is_(True), Scene.code.in_(there))
    return session.scalar(sa.select(sa.func.max(Scene.observation_days)).where(concerned)) or 0


def _one_parameter_set(session: Session, window: Window) -> tuple[str, str, str]:
    """(methodology, parameter digest, code digest) of the window's acts; a batch has one."""
    sets = session.execute(
        sa.select(
            Act.methodology,
            Act.parameter_digest,
            Act.code_digest,
            sa.func.min(Act.day),
            sa.func.max(Act.day),
            sa.func.count(),
        )
        .where(*_countable(window))
        .group_by(Act.methodology, Act.parameter_digest, Act.code_digest)
        .order_by(sa.func.min(Act.day))
    ).all()
    if not sets:
        raise NothingToBundle(starts_on=window.starts_on.isoformat(), last_day=window.last_day.isoformat())
    if len(sets) > 1:
        raise SeveralParameterSets(
            count=len(sets),
            errors=[
                {
                    "field": "parameter_digest",
                    "value": digest,
                    "zh": f"{first} 至 {last}：{key}，参数 {digest[:12]}，{count} 笔",
                    "en": f"{first} – {last}: {key}, parameters {digest[:12]}, {count} acts",
                }
                for key, digest, _, first, last, count in sets
            ],
        )
    return str(sets[0][0]), str(sets[0][1]), str(sets[0][2])


def _take(session: Session, bundle: Bundle, window: Window) -> None:
    """Put the window's acts into the bundle in one statement, and sum per person."""
    free = sa.select(Act.id, sa.literal(bundle.id), Act.creditable_g).where(*_countable(window))
    session.execute(
        sa.insert(BundleAct).from_select(
            ["act_id", "bundle_id", "creditable_g"], free, include_defaults=False
        )
    )
    per_person = (
        sa.select(
            BundleAct.bundle_id,
            Act.holder,
            sa.func.count(),
            sa.func.sum(BundleAct.creditable_g),
            sa.func.sum(Act.reduction_g),
        )
        .join(Act, Act.id == BundleAct.act_id)
        .where(BundleAct.bundle_id == bundle.id)
        .group_by(BundleAct.bundle_id, Act.holder)
    )
    columns = ["bundle_id", "holder", "acts", "creditable_g", "reduction_g"]
    session.execute(sa.insert(BundleHolder).from_select(columns, per_person, include_defaults=False))
    total = session.execute(
        sa.select(
            sa.func.count(),
            sa.func.sum(BundleHolder.acts),
            sa.func.sum(BundleHolder.creditable_g),
            sa.func.sum(BundleHolder.reduction_g),
        ).where(BundleHolder.bundle_id == bundle.id)
    ).one()
    bundle.holders, bundle.acts, bundle.creditable_g, bundle.reduction_g = (int(one) for one in total)
    bundle.input_digest = input_digest(session, bundle.id)
    session.flush()


def input_digest(session: Session, bundle_id: int) -> str:
    """SHA-256 over ``act:grams`` lines in the order of act numbers."""
    digest = hashlib.sha256()
    for act_id, grams in _lines(session, bundle_id):
        digest.update(f"{act_id}:{grams}\n".encode())
    return digest.hexdigest()


def _lines(session: Session, bundle_id: int) -> Iterator[tuple[int, int]]:
    rows = session.execute(
        sa.select(BundleAct.act_id, BundleAct.creditable_g)
        .where(BundleAct.bundle_id == bundle_id)
        .order_by(BundleAct.act_id)
        .execution_options(yield_per=10_000)
    )
    yield from ((act_id, grams) for act_id, grams in rows)


def get_bundle(session: Session, code: str, *, lock: bool = False) -> Bundle:
    statement = sa.select(Bundle).where(Bundle.code == code)
    found = session.scalar(statement.with_for_update() if lock else statement)
    if found is None:
        raise NotFound(what="汇总", key=code)
    return found


def bundles() -> sa.Select[Any]:
    """Bundles, newest first, for paging."""
    return sa.select(Bundle).order_by(Bundle.id.desc())


@dataclass(frozen=True)
class Changes:
    """What is no longer as it was summed: acts taken back or altered (with their grams), people who left."""

    acts: int
    creditable_g: int
    people: int

    @property
    def none(self) -> bool:
        return not self.acts and not self.people


def changes(session: Session, bundle: Bundle) -> Changes:
    """Look at every act and every consent of a bundle again."""
    mine = BundleAct.bundle_id == bundle.id
    altered = sa.or_(
        Act.withdrawn_at.is_not(None),
        Act.creditable_g != BundleAct.creditable_g,
        Act.parameter_digest != bundle.parameter_digest,
    )
    acts, grams = session.execute(
        sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(BundleAct.creditable_g), 0))
        .join(Act, Act.id == BundleAct.act_id)
        .where(mine, altered)
    ).one()
    agrees = sa.exists().where(
        Person.holder == BundleHolder.holder,
        Consent.person_id == Person.id,
        Consent.partner == PARTNER,
        Consent.purpose == PURPOSE,
        Consent.withdrawn_at.is_(None),
        Consent.given_at <= bundle.closed_at,
    )
    people = session.scalar(
        sa.select(sa.func.count())
        .select_from(BundleHolder)
        .where(BundleHolder.bundle_id == bundle.id, ~agrees)
    )
    return Changes(int(acts), int(grams), people or 0)


def _demand_unchanged(session: Session, bundle: Bundle) -> None:
    found = changes(session, bundle)
    if not found.none:
        raise BundleChanged(bundle=bundle.code, acts=found.acts, people=found.people)


def _demand_state(bundle: Bundle, *allowed: str, zh: str, en: str) -> None:
    if bundle.state in allowed:
        return
    closed = bundle.state in (rules.ISSUED, rules.DISSOLVED)
    raise BundleWrongState(
        bundle=bundle.code,
        state=rules.BUNDLE_WORDS[bundle.state][1],
        state_zh=rules.BUNDLE_WORDS[bundle.state][0],
        action_zh=zh,
        action_en=en,
        next_zh="它不会再变。" if closed else "请先办完前一步。",
        next_en="It does not change any more." if closed else "Take the step before first.",
    )


def apply(session: Session, actor: Actor, code: str, *, now: datetime) -> Bundle:
    """Ask for a bundle to become tickets: from here the verifier and the bureau decide, as for any run.

    Errors: ``NotFound``, ``BundleWrongState``, ``BundleChanged``, ``NoOrganisation``; ``Conflict`` when the
    parameters on file are not those the acts were computed with.
    """
    bundle = get_bundle(session, code, lock=True)
    _demand_state(bundle, rules.CLOSED, zh="申请签发", en="applied for")
    _demand_unchanged(session, bundle)
    run = pooled.apply(session, actor, _pool(session, bundle), now=now)
    bundle.state, bundle.run_code = rules.APPLIED, run.code
    session.flush()
    audit(session, actor, "bundle.apply", object_kind="bundle", object_id=bundle.code, now=now,
          detail={"run": run.code})  # fmt: skip
    return bundle


def _pool(session: Session, bundle: Bundle) -> pooled.Pool:
    """The bundle as credits take it: with the parameters that its kinds of acts use, from the methodology."""
    in_bundle = sa.select(Act).join(BundleAct, BundleAct.act_id == Act.id)
    in_bundle = in_bundle.where(BundleAct.bundle_id == bundle.id)
    kinds = sorted(session.scalars(in_bundle.with_only_columns(Act.behaviour).distinct()))
    as_of = date.fromisoformat(session.scalar(in_bundle.with_only_columns(sa.func.max(Act.day))) or "")
    methodology = registry()[bundle.methodology]
    # One unit of each kind: only which parameters are read matters here, the grams are the acts' own.
    frame = pd.DataFrame({column.name: [1.0] * len(kinds) for column in methodology.columns})
    frame["code"] = kinds
    read = contract.run(methodology, frame, period=(bundle.starts_on, bundle.ends_on), as_of=as_of)
    if read.parameter_digest != bundle.parameter_digest:
        raise Conflict(
            reason=f"记录用的参数 {bundle.parameter_digest[:12]} 与方法学现存的 "
            f"{read.parameter_digest[:12]} 不同",
            reason_en=f"the acts used parameters {bundle.parameter_digest[:12]}, the methodology now holds "
            f"{read.parameter_digest[:12]}",
        )
    return pooled.Pool(
        start=bundle.starts_on,
        end=bundle.ends_on,
        methodology_key=bundle.methodology,
        parameter_digest=bundle.parameter_digest,
        input_digest=bundle.input_digest,
        code_digest=bundle.code_digest,
        gwp_set=read.gwp_set,
        as_of=as_of,
        parameters=[used.as_dict() for used in read.parameters_used],
        totals={
            "c_grade_g": bundle.creditable_g,
            "p_grade_g": bundle.reduction_g,
            "acts": bundle.acts,
            "holders": bundle.holders,
        },
        creditable_g=bundle.creditable_g,
    )


def issue(session: Session, actor: Actor, code: str, *, is_demo: bool, now: datetime) -> Bundle:
    """Make tickets of an approved bundle; one issued before answers as it is.

    Errors: ``NotFound``, ``BundleWrongState``, ``BundleChanged``, ``NotTheOwner``, ``IssueBlocked`` (not
    reviewed yet, parameters not adopted, less than one tonne).
    """
    serialise(session, _LOCK)
    bundle = get_bundle(session, code, lock=True)
    _demand_state(bundle, rules.APPLIED, rules.ISSUED, zh="签发", en="issued")
    if bundle.state == rules.APPLIED:
        _demand_unchanged(session, bundle)
    batch = pooled.issue(session, actor, bundle.run_code, is_demo=is_demo, now=now)
    bundle.state, bundle.batch_code = rules.ISSUED, batch.code
    session.flush()
    audit(session, actor, "bundle.issue", object_kind="bundle", object_id=bundle.code, now=now,
          detail={"batch": batch.code, "quantity_kg": batch.quantity_kg})  # fmt: skip
    return bundle


def dissolve(session: Session, actor: Actor, code: str, *, note: str, now: datetime) -> Bundle:
    """Give a bundle's acts free again, unless it is issued; its figures stay on record.

    Errors: ``NotFound``, ``BundleWrongState``; ``Conflict`` once the bureau has approved it unchanged.
    """
    serialise(session, _LOCK)
    bundle = get_bundle(session, code, lock=True)
    _demand_state(bundle, rules.CLOSED, rules.APPLIED, zh="解散", en="dissolved")
    if bundle.run_code:
        run = get_run(session, actor, bundle.run_code, lock=True)
        if run.status not in ("estimate", "returned") and changes(session, bundle).none:
            raise Conflict(
                reason=f"{run.code} 已经有人审过，且内容没有变化；请签发，或由审核人退回",
                reason_en=f"{run.code} is under review and nothing changed; issue it or have it returned",
            )
        # No ticket can come of it any more, whoever looks at the run.
        run.status = "returned"
    session.execute(sa.delete(BundleAct).where(BundleAct.bundle_id == bundle.id))
    session.execute(sa.delete(BundleHolder).where(BundleHolder.bundle_id == bundle.id))
    bundle.state, bundle.note = rules.DISSOLVED, note.strip()
    session.flush()
    audit(session, actor, "bundle.dissolve", object_kind="bundle", object_id=bundle.code, now=now,
          detail={"note": bundle.note})  # fmt: skip
    return bundle


def run_of(session: Session, bundle: Bundle) -> AssessmentRun | None:
    """The run a bundle was applied for with."""
    if not bundle.run_code:
        return None
    return session.scalar(sa.select(AssessmentRun).where(AssessmentRun.code == bundle.run_code))
