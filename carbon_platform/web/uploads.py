"""A file that comes as an attachment, with the fields of a form beside it."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from flask import request
from flask_smorest.fields import Upload

from carbon_platform.web.schemas import Schema


class FileIn(Schema):
    """Base of what is sent as ``multipart/form-data``; a feature says in ``file`` what may be in it.

    A form sends every field: one that nobody filled in is taken as not given.
    """

    file = Upload(required=True)

    @ma.pre_load
    def _with_form_fields(self, _data: Any, **_kwargs: Any) -> dict[str, Any]:
        return {**request.files.to_dict(), **self.form_fields()}

    @ma.validates("file")
    def _is_file(self, value: Any, **_kwargs: Any) -> None:
        if not hasattr(value, "save"):
            raise ma.ValidationError(
                "请把文件作为附件（multipart 的 file 字段）上传。Send the file as an attachment."
            )

    def form_fields(self) -> dict[str, Any]:
        """The fields beside the file; a feature with lists reads them itself."""
        return {name: text for name, text in request.form.items() if text}
