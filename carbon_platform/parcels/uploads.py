"""Files people send: a private folder for each, a harmless name, and the limit told in words."""

from __future__ import annotations

import functools
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from flask import request
from werkzeug.exceptions import RequestEntityTooLarge

from carbon_platform.parcels.rules import UploadTooLarge
from carbon_platform.web import Call

_LEFT_OVER_SECONDS: Final = 3600


def too_large_in_words(view: Callable[..., Any]) -> Callable[..., Any]:
    """Say the limit when the body of an upload is larger."""

    @functools.wraps(view)
    def wrapper(call: Call, *args: Any, **kwargs: Any) -> Any:
        limit = call.settings.upload_limit_bytes
        too_large = UploadTooLarge(limit_mb=limit // (1024 * 1024))
        if request.content_length is not None and request.content_length > limit:
            raise too_large
        try:
            return view(call, *args, **kwargs)
        except RequestEntityTooLarge as error:
            raise too_large from error

    return wrapper


@contextmanager
def scratch_folder(var: Path) -> Iterator[Path]:
    """A private folder under ``var/uploads``, removed in any case; left-overs of killed processes too."""
    uploads = var / "uploads"
    uploads.mkdir(parents=True, exist_ok=True)
    for folder in uploads.iterdir():
        if folder.is_dir() and folder.stat().st_mtime < time.time() - _LEFT_OVER_SECONDS:
            shutil.rmtree(folder, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=uploads) as folder_name:
        yield Path(folder_name)


def plain_name(file_name: str | None) -> str:
    """The name of an upload without folders or control characters, for reports and for its extension."""
    last = re.split(r"[\\/]", file_name or "")[-1]
    name = re.sub(r"[^\w.\-()（） ]", "_", last)[-120:].lstrip(".")
    return name or "upload"
