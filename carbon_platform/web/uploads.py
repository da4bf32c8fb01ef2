"""Files that come as attachments, with the fields of a form beside them."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from flask import request
from flask_smorest.fields import Upload

from carbon_platform.web.schemas import Schema


class Attachment(Upload):
    """A required file of a form. ``about``: what may be in it, for the documentation."""

    default_error_messages = {  # noqa: RUF012 — the way marshmallow declares it
        "attached": "请把文件作为附件（multipart 的 {name} 字段）上传。Send the file as an attachment.",
    }

    def __init__(self, about: str = "") -> None:
        super().__init__(required=True, metadata={"description": about} if about else None)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not hasattr(value, "save"):
            raise self.make_error("attached", name=attr)
        return value


class FormIn(Schema):
    """Base of what is sent as ``multipart/form-data``: fields, and files attached under names of their own.

    A form sends every field: one that nobody filled in is taken as not given.
    """

    @ma.pre_load
    def _with_form_fields(self, _data: Any, **_kwargs: Any) -> dict[str, Any]:
        return {**request.files.to_dict(), **self.form_fields()}

    def form_fields(self) -> dict[str, Any]:
        """The fields beside the files; a feature with lists reads them itself."""
        return {name: text for name, text in request.form.items() if text}


class FileIn(FormIn):
    """A form with one file; a feature says in ``file`` what may be in it."""

    file = Attachment()
