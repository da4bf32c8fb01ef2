"""Requests and answers of the registry import. Quantities in kilograms."""

from __future__ import annotations

import marshmallow as ma

from carbon_platform.registry.staging import STATUSES
from carbon_platform.web import Attachment, FileIn, PageArgs, PagesOut, Schema


class RegistryUploadIn(FileIn):
    file = Attachment("CSV (UTF-8 or GB18030) or XLSX")
    source = ma.fields.String(required=True, metadata={"description": "key of a declared source"})


class RegistrySourceOut(Schema):
    key = ma.fields.String()
    code = ma.fields.String()
    title_zh = ma.fields.String()
    title_en = ma.fields.String()
    may_sell = ma.fields.Boolean()
    may_retire = ma.fields.Boolean()
    here_zh = ma.fields.String(metadata={"description": "what may be done with these units here"})
    here_en = ma.fields.String()
    unit = ma.fields.String(metadata={"description": "t or kg, unless the header says otherwise"})
    kg_per_serial = ma.fields.Integer()
    sheets = ma.fields.List(ma.fields.String())
    columns = ma.fields.Dict(metadata={"description": "column → the name it usually has"})
    facts = ma.fields.List(ma.fields.Dict(), metadata={"description": "assumptions with their status"})


class RegistryChangeOut(Schema):
    project_code = ma.fields.String()
    project_name = ma.fields.String()
    vintage = ma.fields.Integer()
    holder = ma.fields.String()
    issued_kg = ma.fields.Integer()
    received_kg = ma.fields.Integer()
    sent_kg = ma.fields.Integer()
    retired_kg = ma.fields.Integer()


class RegistryImportOut(Schema):
    id = ma.fields.Integer()
    source = ma.fields.String(attribute="source_key")
    file_name = ma.fields.String()
    file_format = ma.fields.String()
    encoding = ma.fields.String(metadata={"description": "the encoding taken, of a CSV"})
    sheet = ma.fields.String()
    header_row = ma.fields.Integer()
    ignored_columns = ma.fields.List(ma.fields.String())
    counts = ma.fields.Dict(metadata={"description": "rows per status"})
    digest = ma.fields.String(metadata={"description": "of what would be committed; acceptance names it"})
    status = ma.fields.String()
    result = ma.fields.Dict()
    uploaded_by = ma.fields.String()
    uploaded_at = ma.fields.AwareDateTime()
    accepted_by = ma.fields.String(allow_none=True)
    accepted_at = ma.fields.AwareDateTime(allow_none=True)


class RegistryDiffOut(Schema):
    digest = ma.fields.String()
    counts = ma.fields.Dict()
    changes = ma.fields.List(ma.fields.Nested(RegistryChangeOut))


class RegistryFindingOut(Schema):
    code = ma.fields.String()
    row = ma.fields.Integer()
    column = ma.fields.String()
    value = ma.fields.String()
    limit = ma.fields.String()
    zh = ma.fields.String()
    en = ma.fields.String()
    advice_zh = ma.fields.String()
    advice_en = ma.fields.String()


class RegistryRowOut(Schema):
    row_number = ma.fields.Integer()
    status = ma.fields.String()
    kind = ma.fields.String()
    project_code = ma.fields.String()
    methodology_key = ma.fields.String()
    methodology_raw = ma.fields.String()
    vintage = ma.fields.Integer(allow_none=True)
    serials = ma.fields.String()
    quantity_kg = ma.fields.Integer(allow_none=True)
    holder_name = ma.fields.String()
    counterparty_name = ma.fields.String()
    happened_at = ma.fields.AwareDateTime(allow_none=True)
    reference = ma.fields.String()
    certificate = ma.fields.String()
    findings = ma.fields.List(ma.fields.Nested(RegistryFindingOut))


class RegistryAcceptIn(Schema):
    digest = ma.fields.String(required=True, validate=ma.validate.Length(64, 64))
    leave_out_errors = ma.fields.Boolean(load_default=False)


class ExternalBatchOut(Schema):
    lot = ma.fields.String()
    source = ma.fields.String()
    project_code = ma.fields.String()
    project_name = ma.fields.String()
    methodology_key = ma.fields.String()
    methodology_raw = ma.fields.String()
    vintage = ma.fields.Integer()
    serials = ma.fields.String()
    kg_per_serial = ma.fields.Integer()
    quantity_kg = ma.fields.Integer()
    issued_at = ma.fields.AwareDateTime()
    import_id = ma.fields.Integer()


class ExternalSegmentOut(Schema):
    serials = ma.fields.String()
    quantity_kg = ma.fields.Integer()
    state = ma.fields.String(metadata={"description": "held or retired"})
    holder = ma.fields.String()
    since = ma.fields.AwareDateTime()


class ExternalEventOut(Schema):
    kind = ma.fields.String()
    serials = ma.fields.String()
    quantity_kg = ma.fields.Integer()
    holder = ma.fields.String()
    counterparty = ma.fields.String()
    happened_at = ma.fields.AwareDateTime()
    reference = ma.fields.String()
    certificate = ma.fields.String(metadata={"description": "the source's own certificate"})
    beneficiary = ma.fields.String()
    purpose = ma.fields.String()
    entry_id = ma.fields.Integer()
    import_id = ma.fields.Integer()


class ExternalBatchDetailOut(ExternalBatchOut):
    segments = ma.fields.List(ma.fields.Nested(ExternalSegmentOut))
    history = ma.fields.List(ma.fields.Nested(ExternalEventOut))


class ExternalHoldingOut(ExternalBatchOut):
    held_kg = ma.fields.Integer()
    held_serials = ma.fields.List(ma.fields.String())
    here_zh = ma.fields.String(metadata={"description": "what may be done with them here"})
    here_en = ma.fields.String()


class RegistryImportPageOut(PagesOut):
    items = ma.fields.List(ma.fields.Nested(RegistryImportOut))


class RegistryRowPageOut(PagesOut):
    items = ma.fields.List(ma.fields.Nested(RegistryRowOut))


class ExternalBatchPageOut(PagesOut):
    items = ma.fields.List(ma.fields.Nested(ExternalBatchOut))


class RegistryRowArgs(PageArgs):
    status = ma.fields.String(load_default=None, validate=ma.validate.OneOf(STATUSES))


class ExternalBatchArgs(PageArgs):
    source = ma.fields.String(load_default="", validate=ma.validate.Length(max=64))
    project = ma.fields.String(load_default="", validate=ma.validate.Length(max=120))
