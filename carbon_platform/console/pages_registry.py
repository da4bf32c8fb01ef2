"""Other registries' records: upload, preview, changes, acceptance; external batches and holdings."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from carbon_platform.console.site import asked_page, page, pager, said
from carbon_platform.registry import queries, rules, service
from carbon_platform.registry.mapping import sources
from carbon_platform.registry.tables import RegistryImport, RegistryImportRow
from carbon_platform.web import Call, paged

blp = Blueprint("registry_pages", __name__)

PAGE_SIZE = 50
PROBLEMS = ("error", "conflict")
# Sums shown on the page; all of them are in the API.
CHANGES_SHOWN = 200


@blp.get("/registry")
@page("registry.read")
def registry(call: Call) -> ResponseReturnValue:
    found = paged(call.session, service.imports_statement(call.actor), page=asked_page(), size=PAGE_SIZE)
    batches = paged(call.session, queries.batches_statement(), page=1, size=PAGE_SIZE)
    return render_template(
        "registry.html",
        sources=[_source(queries.source_view(key)) for key in sources()],
        imports=[
            {
                "id": record.id,
                "file_name": record.file_name,
                "source": _source_title(record.source_key),
                "uploaded_by": record.uploaded_by,
                "uploaded_at": record.uploaded_at,
                "status": record.status,
                "counts": record.counts,
                "url": f"/registry/imports/{record.id}",
            }
            for record in found.items
        ],
        page=pager(found),
        batches=[_batch(queries.batch_view(batch)) for batch in batches.items],
        batch_count=batches.total,
        limits={"mb": rules.FILE_LIMIT_MB, "rows": rules.ROW_LIMIT},
        can={"import": call.actor.may("registry.import")},
    )


def _source(view: dict[str, Any]) -> dict[str, Any]:
    return view | {
        "title": said(view["title_zh"], view["title_en"]),
        "here": said(view["here_zh"], view["here_en"]),
    }


def _source_title(key: str) -> str:
    source = sources().get(key)
    return said(source.title_zh, source.title_en) if source else key


def _batch(view: dict[str, Any]) -> dict[str, Any]:
    return view | {
        "url": f"/registry/batches/{view['lot']}",
        "source_title": _source_title(view["source"]),
        "methodology": said(view["methodology_zh"], view["methodology_en"]),
    }


@blp.get("/registry/imports/<int:import_id>")
@page("registry.read")
def registry_import(call: Call, import_id: int) -> ResponseReturnValue:
    record = service.get_import(call.session, call.actor, import_id)
    counts = record.counts
    troubled = counts["error"] + counts["conflict"]
    show = request.args.get("show") or ("problems" if troubled else "all")
    statement = service.rows_statement(record, statuses=PROBLEMS if show == "problems" else ())
    found = paged(call.session, statement, page=asked_page(), size=PAGE_SIZE)
    sums = ("issued_kg", "received_kg", "sent_kg", "retired_kg")
    return render_template(
        "registry_import.html",
        report={
            "id": record.id,
            "file_name": record.file_name,
            "source": _source_title(record.source_key),
            "uploaded_by": record.uploaded_by,
            "uploaded_at": record.uploaded_at,
            "status": record.status,
            "accepted_by": record.accepted_by,
            "accepted_at": record.accepted_at,
            "read_as": _read_as(record),
            "ignored": record.ignored_columns,
            "counts": counts | {"total": sum(counts.values()), "problems": troubled},
            "digest": record.digest,
            "result": record.result,
        },
        changes=record.changes[:CHANGES_SHOWN],
        more_changes=max(0, len(record.changes) - CHANGES_SHOWN),
        totals={name: sum(change[name] for change in record.changes) for name in sums},
        rows=[_row(row) for row in found.items],
        show=show,
        page=pager(found),
        can={"accept": call.actor.may("registry.import")},
        trail=[{"label": _("登记簿导入"), "url": "/registry"}, {"label": record.file_name}],
    )


def _read_as(record: RegistryImport) -> str:
    if record.file_format == "xlsx":
        return _("XLSX，工作表“%(sheet)s”，表头在第 %(row)s 行", sheet=record.sheet, row=record.header_row)
    return _("CSV，编码 %(encoding)s，表头在第 %(row)s 行", encoding=record.encoding, row=record.header_row)


def kind_label(kind: str) -> str:
    words = {"issuance": _("签发"), "transfer": _("划转"), "retirement": _("注销")}
    return words.get(kind, _("读不出"))


def _row(row: RegistryImportRow) -> dict[str, Any]:
    return {
        "row_number": row.row_number,
        "status": row.status,
        "kind": kind_label(row.kind),
        "project": row.project_code,
        "vintage": row.vintage,
        "serials": row.serials,
        "quantity_kg": row.quantity_kg,
        "holder": row.holder_name,
        "counterparty": row.counterparty_name,
        "happened_at": row.happened_at,
        "findings": [
            {"text": said(f["zh"], f["en"]), "advice": said(f["advice_zh"], f["advice_en"])}
            for f in row.findings
        ],
    }


@blp.get("/registry/batches/<lot>")
@page("registry.read")
def registry_batch(call: Call, lot: str) -> ResponseReturnValue:
    batch = queries.get_batch(call.session, lot)
    view = _batch(queries.batch_view(batch))
    source = sources().get(batch.source_key)
    segments = queries.segments(call.session, batch)
    return render_template(
        "registry_batch.html",
        batch=view | {"here": said(source.here_zh, source.here_en) if source else ""},
        held_kg=sum(s["quantity_kg"] for s in segments if s["state"] == "held"),
        retired_kg=sum(s["quantity_kg"] for s in segments if s["state"] == "retired"),
        segments=segments,
        events=[
            event | {"label": kind_label(event["kind"]), "url": f"/registry/imports/{event['import_id']}"}
            for event in queries.history(call.session, batch)
        ],
        trail=[{"label": _("登记簿导入"), "url": "/registry"}, {"label": batch.lot}],
    )


@blp.get("/registry/holdings")
@page("holding.read")
def registry_holdings(call: Call) -> ResponseReturnValue:
    may_read = call.actor.may("registry.read")
    found = [_batch(view) for view in queries.holdings(call.session, call.actor)]
    return render_template(
        "registry_holdings.html",
        holdings=[
            view | {"here": said(view["here_zh"], view["here_en"]), "url": view["url"] if may_read else None}
            for view in found
        ],
        held_kg=sum(view["held_kg"] for view in found),
        trail=[{"label": _("我的持仓"), "url": "/holdings"}, {"label": _("外部登记簿持仓")}],
    )
