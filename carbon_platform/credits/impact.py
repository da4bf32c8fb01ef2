"""What a change of parameters would do (影响预览): every stored run computed again with the proposed value.

Nothing is published by looking. The preview is computed in memory from the stored inputs; what is stored is
the preview itself. The results on record have a fingerprint, taken before the computation and again in the
transaction that stores the preview: were they to differ, nothing would be stored.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.credits import rules
from carbon_platform.credits.adoption_tables import ImpactPreview
from carbon_platform.credits.append_only import KEPT
from carbon_platform.credits.assessment import Transaction, recompute, run_rows, visible_runs
from carbon_platform.credits.fragments import Change, in_hypothesis, published, read_fragment
from carbon_platform.credits.tables import AssessmentRun, RunRow
from carbon_platform.db import serialise
from carbon_platform.errors import NotFound, PlatformError
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.service import audit
from carbon_platform.projects.rules import UnknownMethodology
from carbon_platform.projects.tables import Project
from methodologies import registry
from methodologies.contract import NET, Methodology, Quantification
from methodologies.errors import InvalidRows, MethodologyError

# So many rows are computed while the person waits: about half a minute.
ROWS_AT_ONCE = 50_000


class TooMuchAtOnce(PlatformError):
    code, status = "credits.too_much_at_once", 409
    zh = (
        "要重算的核算共 {rows} 行，超过网页一次能算的 {limit} 行。"
        "请平台管理员用命令 flask methodology preview 来算，结果会出现在这里。"
    )
    en = (
        "The runs hold {rows} rows, more than the {limit} computed while you wait. "
        "Ask the administrator to run 'flask methodology preview'; the result appears here."
    )


class StoredResultsMoved(PlatformError):
    code, status = "credits.stored_results_moved", 409
    zh = "预览期间，已存的核算结果被改动过，预览没有保存。请联系平台核查，不要发布这个参数。"
    en = (
        "Stored results changed during the preview; it was not kept. Have this looked into before publishing."
    )


def preview(
    read: Transaction,
    transact: Transaction,
    actor: Actor,
    *,
    methodology_key: str,
    fragment: str,
    now: datetime,
    at_once: int | None = ROWS_AT_ONCE,
) -> ImpactPreview:
    """Compute and keep a preview of ``fragment`` for every stored run in the actor's region.

    ``at_once``: refuse more rows than that (None: take any). What was computed before on the same results
    is returned as it is. Errors: ``UnknownMethodology``, ``FragmentRefused``, ``TooMuchAtOnce``,
    ``StoredResultsMoved``.
    """
    if methodology_key not in registry():
        raise UnknownMethodology(key=methodology_key, known="、".join(sorted(registry())))
    methodology = registry()[methodology_key]
    changes = read_fragment(methodology, fragment)

    def look(session: Session) -> tuple[list[int], str, dict[str, Any]]:
        runs = list(session.scalars(_runs(actor, methodology_key)))
        rows = sum(run.parcel_count for run in runs)
        if at_once is not None and rows > at_once:
            raise TooMuchAtOnce(rows=rows, limit=at_once)
        ids = [run.id for run in runs]
        return ids, fingerprint(session, ids), _result(session, methodology, changes, runs)

    ids, digest, result = read(look)

    def keep(session: Session) -> ImpactPreview:
        if fingerprint(session, ids) != digest:
            raise StoredResultsMoved
        return _keep(session, actor, methodology, changes, fragment, digest, result, now=now)

    return transact(keep)


def _keep(
    session: Session,
    actor: Actor,
    methodology: Methodology,
    changes: tuple[Change, ...],
    fragment: str,
    digest: str,
    result: dict[str, Any],
    *,
    now: datetime,
) -> ImpactPreview:
    serialise(session, f"preview-{methodology.key}")
    made = _asked_before(session, actor, methodology, fragment, digest, result)
    if made is None:
        start = max(change.valid_from for change in changes)
        made = ImpactPreview(
            methodology_key=methodology.key,
            fragment=fragment,
            in_force_from=start,
            proposed_digest=published(methodology, changes).digest(start),
            results_digest=digest,
            result=result,
            region_code=actor.region_code,
            created_by=actor.name,
            created_at=now,
        )
        session.add(made)
        session.flush()
    detail = {"preview": made.id, "parameters": [change.name for change in changes],
              "proposed_digest": made.proposed_digest, "runs": len(result["runs"])}  # fmt: skip
    audit(session, actor, "parameters.preview", object_kind="methodology", object_id=methodology.key, now=now,
          detail=detail)  # fmt: skip
    return made


def _asked_before(
    session: Session,
    actor: Actor,
    methodology: Methodology,
    fragment: str,
    digest: str,
    result: dict[str, Any],
) -> ImpactPreview | None:
    """The preview that says the same: a second click, or a colleague with the same question."""
    found: ImpactPreview | None = session.scalar(
        visible_previews(actor)
        .where(
            ImpactPreview.methodology_key == methodology.key,
            ImpactPreview.region_code == actor.region_code,
            ImpactPreview.fragment == fragment,
            ImpactPreview.results_digest == digest,
        )
        .limit(1)
    )
    return found if found is not None and found.result == result else None


def _runs(actor: Actor, methodology_key: str) -> sa.Select[Any]:
    return (
        visible_runs(actor)
        .where(AssessmentRun.methodology_key == methodology_key)
        .order_by(None)
        .order_by(AssessmentRun.id)
    )


def fingerprint(session: Session, run_ids: Iterable[int]) -> str:
    """SHA-256 of everything these runs hold but their status: figures, inputs, outputs, to the last digit."""
    total = hashlib.sha256()
    for number in run_ids:
        run = session.execute(
            sa.select(*(getattr(AssessmentRun, name) for name in KEPT["assessment_run"])).where(
                AssessmentRun.id == number
            )
        ).one_or_none()
        rows = session.execute(
            sa.select(RunRow.parcel_id, RunRow.inputs, RunRow.outputs, RunRow.net_t)
            .where(RunRow.run_id == number)
            .order_by(RunRow.parcel_id)
        )
        for line in (run, *rows):
            plain = None if line is None else list(line)
            total.update(json.dumps(plain, ensure_ascii=False, sort_keys=True, default=str).encode() + b"\n")
    return total.hexdigest()


def _result(
    session: Session, methodology: Methodology, changes: tuple[Change, ...], runs: list[AssessmentRun]
) -> dict[str, Any]:
    """Old → new per run and per county, as plain values. County sums count the newest run of each period."""
    proposed = replace(methodology, parameters=in_hypothesis(methodology, changes))
    newest = {(run.project_id, run.period_start, run.period_end): run.id for run in runs}
    told = [
        _run_impact(session, run, proposed, changes)
        | {"newest": newest[run.project_id, run.period_start, run.period_end] == run.id}
        for run in runs
    ]
    return {
        "changes": [change.as_dict() for change in changes],
        "runs": told,
        "counties": _counties(told),
        "runs_changed": sum(1 for one in told if one["delta_t"]),
    }


def _run_impact(
    session: Session, run: AssessmentRun, proposed: Methodology, changes: tuple[Change, ...]
) -> dict[str, Any]:
    """One run. ``replays``: with the present parameters the stored figures come out again, so that the whole
    difference is the change's. ``refused``: why the method does not take the stored input any more."""
    project = session.get_one(Project, run.project_id)
    used = {parameter["name"] for parameter in run.parameters}
    stored = {code: (row.net_t, county) for row, code, county, _ in session.execute(run_rows(run))}
    old = math.fsum(net for net, _ in stored.values())
    told: dict[str, Any] = {
        "run": run.code,
        "project": project.code,
        "project_name": project.name_zh,
        "period": rules.period_words(run.period_start, run.period_end),
        "as_of": run.as_of.isoformat(),
        "status": run.status,
        "uses": sorted(change.name for change in changes if change.name in used),
        "in_force_then": all(change.valid_from <= run.as_of for change in changes),
        "replays": _replays(session, run, {code: net for code, (net, _) in stored.items()}),
        "old_t": run.net_t,
        "old_issuable_t": run.issuable_t,
        "parcels": run.parcel_count,
        "stored_sum_agrees": old == run.net_t,
        "refused": None,
    }
    try:
        again = recompute(session, run, methodology=proposed)
    except (InvalidRows, MethodologyError) as refused:
        words = str(refused.errors[0]["zh"]) if isinstance(refused, InvalidRows) else refused.message("zh")
        return told | {
            "new_t": None,
            "delta_t": None,
            "new_issuable_t": None,
            "counties": [],
            "refused": words,
        }
    nets = _nets(again)
    by_county: dict[str, list[tuple[float, float]]] = {}
    for code, (net, county) in stored.items():
        by_county.setdefault(county, []).append((net, nets[code]))
    return told | {
        "new_t": again.net_t,
        "delta_t": again.net_t - run.net_t,
        "new_issuable_t": rules.whole_tonnes(again.net_t).issuable_t,
        "parcels_changed": sum(1 for code, (net, _) in stored.items() if nets[code] != net),
        "counties": [
            _county(county, [pair[0] for pair in pairs], [pair[1] for pair in pairs])
            for county, pairs in sorted(by_county.items())
        ],
    }


def _replays(session: Session, run: AssessmentRun, stored: dict[str, float]) -> bool:
    try:
        return _nets(recompute(session, run)) == stored
    except MethodologyError:
        return False


def _nets(result: Quantification) -> dict[str, float]:
    return {str(code): float(net) for code, net in result.frame[NET].items()}


def _county(code: str, old: list[float], new: list[float]) -> dict[str, Any]:
    old_t, new_t = math.fsum(old), math.fsum(new)
    return {
        "county_code": code,
        "old_t": old_t,
        "new_t": new_t,
        "delta_t": new_t - old_t,
        "parcels": len(old),
    }


def _counties(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    parts: dict[str, list[dict[str, Any]]] = {}
    for run in runs:
        for county in run["counties"] if run["newest"] else ():
            parts.setdefault(county["county_code"], []).append(county)
    return [
        _county(code, [part["old_t"] for part in found], [part["new_t"] for part in found])
        | {"parcels": sum(part["parcels"] for part in found), "runs": len(found)}
        for code, found in sorted(parts.items())
    ]


def visible_previews(actor: Actor) -> sa.Select[Any]:
    """Previews of runs inside the actor's region, newest first: who asked saw no further than that."""
    statement = sa.select(ImpactPreview).order_by(ImpactPreview.id.desc())
    if not actor.region_code:
        return statement.where(sa.false())
    return statement.where(ImpactPreview.region_code.startswith(actor.region_code, autoescape=True))


def previews(session: Session, actor: Actor, methodology_key: str = "") -> list[ImpactPreview]:
    """Previews on file, newest first; of one methodology or of all."""
    statement = visible_previews(actor)
    if methodology_key:
        statement = statement.where(ImpactPreview.methodology_key == methodology_key)
    return list(session.scalars(statement))


def get_preview(session: Session, actor: Actor, number: int) -> ImpactPreview:
    """``NotFound`` for a number that is not there, or of another region."""
    found: ImpactPreview | None = session.scalar(visible_previews(actor).where(ImpactPreview.id == number))
    if found is None:
        raise NotFound(what="影响预览", key=number)
    return found
