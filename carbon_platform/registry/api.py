"""Registry import over HTTP: sources, upload, preview, changes, acceptance, external batches and holdings."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any

import marshmallow as ma
from flask import Response
from flask_smorest import Blueprint
from werkzeug.exceptions import RequestEntityTooLarge

from carbon_platform.registry import commit, queries, report, rules, schemas, service
from carbon_platform.registry.mapping import sources
from carbon_platform.web import (
    Call,
    PageArgs,
    in_transaction,
    outside_transaction,
    paged,
    present_page,
    reading,
)

blp = Blueprint(
    "registry", __name__, url_prefix="/api/v1", description="登记簿导入 Other registries' records"
)
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@blp.get("/registry-sources")
@reading("registry.read")
@blp.response(200, schemas.RegistrySourceOut(many=True))
def list_sources(call: Call) -> Any:
    """来源 The layouts declared, what may be done with their units here, and what is assumed."""
    return [queries.source_view(key) for key in sources()]


@blp.post("/registry-imports")
@outside_transaction("registry.import")
@blp.arguments(schemas.RegistryUploadIn, location="files", unknown=ma.RAISE)
@blp.response(201, schemas.RegistryImportOut)
def upload(call: Call, payload: dict[str, Any]) -> Any:
    """上传登记簿 Read and compare an export with the books. Nothing is committed yet."""
    service.get_source(payload["source"])
    uploads = call.settings.var / "uploads"
    uploads.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=uploads) as folder:
        # The sender's name is only shown; on disk a fixed one, so that no name can do harm.
        path = Path(folder) / "upload"
        try:
            payload["file"].save(path)
        except RequestEntityTooLarge as error:
            raise rules.FileTooLarge(limit_mb=rules.FILE_LIMIT_MB) from error
        name = plain_name(payload["file"].filename)
        checked = service.check_file(
            call.read, path, source_key=payload["source"], now=call.now, file_name=name
        )
    return call.transact(lambda session: service.stage_import(session, call.actor, checked, now=call.now))


def plain_name(file_name: str | None) -> str:
    """The name of an upload without folders or control characters, to be shown."""
    last = re.split(r"[\\/]", file_name or "")[-1]
    return re.sub(r"[^\w.\-()（） ]", "_", last)[-120:].lstrip(".") or "upload"


@blp.get("/registry-imports")
@reading("registry.read")
@blp.arguments(PageArgs, location="query")
@blp.response(200, schemas.RegistryImportPageOut)
def list_imports(call: Call, query: dict[str, Any]) -> Any:
    """导入记录 Imports within the caller's region, newest first."""
    return paged(call.session, service.imports_statement(call.actor), **query)


@blp.get("/registry-imports/<int:import_id>")
@reading("registry.read")
@blp.response(200, schemas.RegistryImportOut)
def get_import(call: Call, import_id: int) -> Any:
    """一次导入 How the file was read, rows per status, and the digest of what would be committed."""
    return service.get_import(call.session, call.actor, import_id)


@blp.get("/registry-imports/<int:import_id>/diff")
@reading("registry.read")
@blp.response(200, schemas.RegistryDiffOut)
def get_diff(call: Call, import_id: int) -> Any:
    """变更清单 What would be created, moved and retired: sums per project, vintage and holder (kg)."""
    return service.get_import(call.session, call.actor, import_id)


@blp.get("/registry-imports/<int:import_id>/rows")
@reading("registry.read")
@blp.arguments(schemas.RegistryRowArgs, location="query")
@blp.response(200, schemas.RegistryRowPageOut)
def list_rows(call: Call, query: dict[str, Any], import_id: int) -> Any:
    """逐行结果 Rows with their status, what is wrong and what to do."""
    record = service.get_import(call.session, call.actor, import_id)
    status = query.pop("status")
    return paged(call.session, service.rows_statement(record, statuses=[status] if status else ()), **query)


@blp.get("/registry-imports/<int:import_id>/errors.csv")
@reading("registry.read")
def error_csv(call: Call, import_id: int) -> Response:
    """问题清单 What is to be put right, as CSV."""
    return _errors(call, import_id, "csv")


@blp.get("/registry-imports/<int:import_id>/errors.xlsx")
@reading("registry.read")
def error_xlsx(call: Call, import_id: int) -> Response:
    """问题清单 What is to be put right, as a workbook."""
    return _errors(call, import_id, "xlsx")


def _errors(call: Call, import_id: int, kind: str) -> Response:
    record = service.get_import(call.session, call.actor, import_id)
    rows = call.session.scalars(service.rows_statement(record, statuses=("error", "conflict")))
    body = report.error_csv(rows) if kind == "csv" else report.error_xlsx(rows)
    response = Response(body, mimetype="text/csv" if kind == "csv" else _XLSX)
    name = f"registry-import-{record.id}-errors.{kind}"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@blp.post("/registry-imports/<int:import_id>/accept")
@in_transaction("registry.import", idempotent=True)
@blp.arguments(schemas.RegistryAcceptIn)
@blp.response(200, schemas.RegistryImportOut)
def accept(call: Call, payload: dict[str, Any], import_id: int) -> Any:
    """确认入账 Commit exactly the changes whose digest is named; doing it again answers the first result."""
    record = service.get_import(call.session, call.actor, import_id)
    if record.status == "staged" and record.counts["new"] > rules.PAGE_COMMIT_LIMIT:
        raise rules.TooManyForThePage(
            count=record.counts["new"],
            limit=rules.PAGE_COMMIT_LIMIT,
            command=f"flask --app wsgi registry accept {import_id} {payload['digest']}",
        )
    return commit.accept_import(call.session, call.actor, import_id, now=call.now, **payload)


@blp.get("/external-batches")
@reading("registry.read")
@blp.arguments(schemas.ExternalBatchArgs, location="query")
@blp.response(200, schemas.ExternalBatchPageOut)
def list_batches(call: Call, query: dict[str, Any]) -> Any:
    """外部批次 Blocks that other registries issued."""
    filters = {name: query.pop(name) for name in ("source", "project")}
    found = paged(call.session, queries.batches_statement(**filters), **query)
    return present_page(found, map(queries.batch_view, found.items))


@blp.get("/external-batches/<lot>")
@reading("registry.read")
@blp.response(200, schemas.ExternalBatchDetailOut)
def get_batch(call: Call, lot: str) -> Any:
    """一个外部批次 One block: who holds which serials now, and every record of it."""
    batch = queries.get_batch(call.session, lot)
    return queries.batch_view(batch) | {
        "segments": queries.segments(call.session, batch),
        "history": queries.history(call.session, batch),
    }


@blp.get("/external-holdings")
@reading("holding.read")
@blp.response(200, schemas.ExternalHoldingOut(many=True))
def list_holdings(call: Call) -> Any:
    """外部持仓 What your organisation holds at other registries; shown, locked here."""
    return queries.holdings(call.session, call.actor)
