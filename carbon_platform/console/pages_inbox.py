"""待办: what waits for this role, the oldest first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from carbon_platform.console.formats import count, figure, yuan
from carbon_platform.console.money_inbox import bundles_to_apply, money_to_confirm, statements_to_approve
from carbon_platform.console.pages_land_changes import layers_to_review
from carbon_platform.console.pages_projects import may_review
from carbon_platform.console.pages_public import methodology_title
from carbon_platform.console.pages_scene import changes_waiting
from carbon_platform.console.points_inbox import appeals_waiting, rules_waiting, truth_waiting
from carbon_platform.console.site import SIGNED_IN, page, said
from carbon_platform.credits import adoption, approval, lifecycle
from carbon_platform.credits.assessment import visible_runs
from carbon_platform.credits.tables import AssessmentRun, CreditBatch, RunReview
from carbon_platform.errors import PlatformError
from carbon_platform.identity.tables import Organisation
from carbon_platform.market.queries import trades
from carbon_platform.market.tables import CashDeposit, Trade
from carbon_platform.parcels.acceptance import same_person
from carbon_platform.parcels.export_tables import ParcelExport
from carbon_platform.parcels.exports import exports_statement, number_of
from carbon_platform.parcels.import_records import awaiting_statement
from carbon_platform.parcels.service import imports_statement
from carbon_platform.parcels.tables import ParcelImport
from carbon_platform.projects.service import visible_projects
from carbon_platform.projects.tables import Project
from carbon_platform.revenue.tables import Distribution
from carbon_platform.web import Call
from methodologies import registry
from methodologies.parameters import ISSUABLE_STATUSES

blp = Blueprint("inbox", __name__)

SHOWN = 50
DONE_SHOWN = 10
Task = dict[str, Any]


@blp.get("/reviews")
@page(SIGNED_IN)
def inbox(call: Call) -> ResponseReturnValue:
    tasks = [task for make in _waiting_for(call) for task in make(call)]
    tasks.sort(key=lambda task: (task["since"] is None, task["since"] or call.now))
    return render_template(
        "reviews.html",
        tasks=tasks[:SHOWN],
        done=_done(call),
        deposits=_deposits(call) if call.actor.may("cash.confirm") else None,
    )


def _waiting_for(call: Call) -> Iterator[Callable[[Call], Iterator[Task]]]:
    for permission, make in (
        ("run.review", _runs_to_review),
        ("parcel.import", _imports_to_accept),
        ("parcel.approve", _changes_to_approve),
        ("parcel.approve", _exports_to_let_out),
        ("order.write", _land_to_review),
        ("project.write", _own_projects),
        ("methodology.sign", _parameters_to_sign),
        ("methodology.approve", _parameters_to_approve),
        ("distribution.write", _receipts_to_share),
        ("scene.approve", changes_waiting),
        ("appeal.decide", appeals_waiting),
        ("points.publish", rules_waiting),
        ("points.correct", truth_waiting),
        ("merchant.approve", statements_to_approve),
        ("inclusion.write", bundles_to_apply),
        ("cash.confirm", money_to_confirm),
    ):
        if call.actor.may(permission):
            yield make


def _task(title: str, note: str, url: str, label: str, state: str, since: datetime | None) -> Task:
    return {"title": title, "note": note, "url": url, "label": label, "state": state, "since": since}


def _runs_to_review(call: Call) -> Iterator[Task]:
    open_runs = visible_runs(call.actor).where(AssessmentRun.status.in_(("estimate", "verified")))
    for run in call.session.scalars(open_runs.limit(SHOWN)):
        project = call.session.get_one(Project, run.project_id)
        if may_review(call, run, project):
            yield _task(
                _("核算 %(code)s 等您审核", code=run.code),
                _("%(name)s，%(n)s 吨", name=project.name_zh, n=figure(run.net_t)),
                f"/runs/{run.code}",
                _("去审核"),
                run.status,
                run.created_at,
            )


def _imports_to_accept(call: Call) -> Iterator[Task]:
    staged = imports_statement(call.actor).where(ParcelImport.status == "staged")
    for record in call.session.scalars(staged.limit(SHOWN)):
        ready = sum(record.counts.get(name, {}).get("rows", 0) for name in ("accepted", "repaired"))
        yield _task(
            _("%(file)s 等您确认", file=record.file_name),
            _("%(n)s 行可以入库", n=count(ready)),
            f"/imports/{record.id}",
            _("看报告"),
            "staged",
            record.uploaded_at,
        )


def _land_to_review(call: Call) -> Iterator[Task]:
    """Fire and clear-cut that somebody else imported: accounts stand still until it is looked at."""
    for layer in layers_to_review(call, SHOWN):
        yield _task(
            _("%(number)s 有 %(n)s 块地待复核", number=layer["number"], n=count(layer["waiting"])),
            _("%(source)s，由%(who)s导入；有关碳票已停住", source=layer["source"], who=layer["uploaded_by"]),
            layer["url"],
            _("去复核"),
            "review",
            layer["uploaded_at"],
        )


def _changes_to_approve(call: Call) -> Iterator[Task]:
    """Changes of registered parcels, and large repairs, that somebody else proposed."""
    for record, rows in call.session.execute(awaiting_statement(call.actor).limit(SHOWN)):
        if not same_person(record, call.actor):
            yield _task(
                _("%(file)s 等您核准", file=record.file_name),
                _("%(n)s 行改动登记簿，由%(who)s提出", n=count(rows), who=record.uploaded_by),
                f"/imports/{record.id}",
                _("看变更"),
                "review",
                record.uploaded_at,
            )


def _exports_to_let_out(call: Call) -> Iterator[Task]:
    waiting = exports_statement(call.actor).where(
        ParcelExport.status == "waiting", ParcelExport.requested_by_id != call.actor.user_id
    )
    for export in call.session.scalars(waiting.limit(SHOWN)):
        yield _task(
            _("导出 %(number)s 等您批准", number=number_of(export)),
            _("%(who)s，%(n)s 块地：%(purpose)s", who=export.requested_by, n=count(export.rows),
              purpose=export.purpose),
            f"/exports#e-{export.id}",
            _("去看"),
            "review",
            export.requested_at,
        )  # fmt: skip


def _own_projects(call: Call) -> Iterator[Task]:
    own = visible_projects(call.actor).where(Project.owner_organisation_id == call.actor.organisation_id)
    for project in call.session.scalars(own.where(Project.status != "ended").limit(SHOWN)):
        file = lifecycle.project_file(call.session, call.actor, project.code)
        step, run = file["next_step"], file["runs"][0] if file["runs"] else None
        if step.who != call.actor.role or (run and run.status == "issued"):
            continue
        url = f"/runs/{run.code}" if run and run.status != "returned" else f"/projects/{project.code}"
        yield _task(
            project.name_zh,
            said(step.zh, step.en),
            url,
            _("去办"),
            run.status if run else project.status,
            run.created_at if run else project.created_at,
        )


def _parameters_to_sign(call: Call) -> Iterator[Task]:
    for key in sorted(registry()):
        found = approval.describe_methodology(call.session, key, now=call.now)
        weak = sum(number for status, number in found["statuses"].items() if status not in ISSUABLE_STATUSES)
        if weak and found["sign_off"] is None and found["proposal"] is None:
            yield _task(
                _("%(title)s 的参数等您签署", title=methodology_title(key)),
                _("%(n)s 个参数没有核实，签署采纳之前只能试算", n=weak),
                f"/sources#{key}",
                _("去看参数"),
                "draft",
                None,
            )


def _parameters_to_approve(call: Call) -> Iterator[Task]:
    """Sets somebody else filed and signed."""
    for filed in adoption.proposals(call.session, status=adoption.PENDING)[:SHOWN]:
        try:
            adoption.check_second(filed, call.actor)
        except PlatformError:
            continue
        yield _task(
            _("%(title)s 的参数等您批准", title=methodology_title(filed.methodology_key)),
            _("%(document)s，%(name)s 提交", document=filed.document_number, name=filed.proposed_by),
            f"/sources#{filed.methodology_key}",
            _("去批准"),
            "pending",
            filed.proposed_at,
        )


def _receipts_to_share(call: Call) -> Iterator[Task]:
    found = call.session.scalars(undistributed(call).order_by(None).order_by(Trade.id).limit(SHOWN)).all()
    if found:
        yield _task(
            _("有 %(n)s 笔款等着分配", n=len(found)),
            _("共 %(sum)s", sum=yuan(sum(trade.amount_fen for trade in found))),
            "/revenue",
            _("去分配"),
            "pending",
            found[0].at,
        )


def undistributed(call: Call) -> sa.Select[Any]:
    """First sales within the reader's sight whose money is not shared out yet."""
    shared = sa.select(Distribution.trade_id)
    return trades(call.actor).where(Trade.is_first_sale.is_(True), Trade.id.not_in(shared))


def _deposits(call: Call) -> dict[str, Any]:
    enterprises = sa.select(Organisation).where(Organisation.kind == "enterprise").order_by(Organisation.id)
    return {"enterprises": [{"id": one.id, "name": one.name_zh} for one in call.session.scalars(enterprises)]}


def _done(call: Call) -> list[dict[str, Any]]:
    """What the reader decided lately."""
    actor, done = call.actor, []
    if actor.may("run.review"):
        mine = sa.select(RunReview, AssessmentRun).join(AssessmentRun, AssessmentRun.id == RunReview.run_id)
        for review, run in call.session.execute(
            mine.where(RunReview.user_id == actor.user_id).order_by(RunReview.id.desc()).limit(DONE_SHOWN)
        ):
            state = "confirmed" if review.decision == "confirm" else "returned"
            done.append(_finished(_("核算 %(code)s", code=run.code), review.at, f"/runs/{run.code}", state))
    if actor.may("parcel.import"):
        kept = imports_statement(actor).where(ParcelImport.status == "accepted").limit(DONE_SHOWN)
        done += [
            _finished(record.file_name, record.accepted_at, f"/imports/{record.id}", "imported")
            for record in call.session.scalars(kept)
        ]
    if actor.may("batch.issue"):
        issued = sa.select(CreditBatch).order_by(CreditBatch.id.desc()).limit(DONE_SHOWN)
        done += [
            _finished(batch.code, batch.issued_at, f"/explain/batch/{batch.code}", "issued")
            for batch in call.session.scalars(issued)
        ]
    if actor.may("cash.confirm"):
        came = sa.select(CashDeposit, Organisation.name_zh).join(
            Organisation, Organisation.id == CashDeposit.organisation_id
        )
        done += [
            _finished(f"{name} {yuan(deposit.amount_fen)}", deposit.confirmed_at, None, "received")
            for deposit, name in call.session.execute(came.order_by(CashDeposit.id.desc()).limit(DONE_SHOWN))
        ]
    return done[:DONE_SHOWN]


def _finished(title: str, at: datetime | None, url: str | None, state: str) -> dict[str, Any]:
    return {"title": title, "at": at, "url": url, "state": state}
