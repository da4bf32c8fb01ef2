"""A base map under our own, when the operator has one: 天地图 by key. Without it there is none (default).

The browser asks only this server; the key stays here, and no page of ours speaks to anybody else. Tiles are
passed on, never stored. 天地图 is in CGCS2000, so nothing has to be shifted over it.
"""

from __future__ import annotations

import logging
from typing import Any, Final

import httpx
from flask import Blueprint, Response
from flask.typing import ResponseReturnValue

from carbon_platform.config import Settings
from carbon_platform.console.site import BASE_LAYERS, SIGNED_IN, page
from carbon_platform.errors import NotFound, PlatformError
from carbon_platform.web import Call

blp = Blueprint("base_map", __name__)

# Web Mercator tiles by x, y and level; secondary source: not tried against the live service.
ADDRESS: Final = "https://t{server}.tianditu.gov.cn/DataServer"
SERVERS: Final = 8
DEEPEST: Final = 18
TIMEOUT_S: Final = 5.0
LARGEST_BYTES: Final = 1 << 20
_IMAGES: Final = {"image/png", "image/jpeg", "image/webp"}

# httpx writes every address it calls at INFO; ours carries the key.
logging.getLogger("httpx").setLevel(logging.WARNING)


class BaseMapUnavailable(PlatformError):
    code, status = "console.base_map_unavailable", 503
    zh = "底图现在取不到（{reason}）。地块照常显示，不影响办事。"
    en = "The base map cannot be reached now ({reason}). Parcels are shown as usual."


@blp.get("/base-map/<name>/<int:z>/<int:x>/<int:y>")
@page(SIGNED_IN)
def tile(call: Call, name: str, z: int, x: int, y: int) -> ResponseReturnValue:
    """One tile of the operator's base map, for whoever is signed in.

    Errors: ``NotFound`` where there is no such layer or tile, ``BaseMapUnavailable``.
    """
    if name not in BASE_LAYERS.get(call.settings.map_base, ()) or not _exists(z, x, y):
        raise NotFound(what="底图瓦片", key=f"{name}/{z}/{x}/{y}")
    data, media_type = fetch(call.settings, name, z, x, y)
    response = Response(data, mimetype=media_type)
    response.headers["Cache-Control"] = "private, max-age=86400"
    return response


def _exists(z: int, x: int, y: int) -> bool:
    return 1 <= z <= DEEPEST and x < 1 << z and y < 1 << z


def fetch(settings: Settings, name: str, z: int, x: int, y: int) -> tuple[bytes, str]:
    """Bytes and media type of a tile from the service."""
    address = ADDRESS.format(server=(x + y) % SERVERS)
    asked: dict[str, Any] = {"T": f"{name}_w", "x": x, "y": y, "l": z, "tk": settings.map_tianditu_key}
    try:
        with client() as http, http.stream("GET", address, params=asked) as answer:
            media_type = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
            if answer.status_code != httpx.codes.OK:
                raise BaseMapUnavailable(reason=f"HTTP {answer.status_code}")
            if media_type not in _IMAGES:
                raise BaseMapUnavailable(reason="no image")
            data = b""
            for part in answer.iter_bytes():
                data += part
                if len(data) > LARGEST_BYTES:
                    raise BaseMapUnavailable(reason="image above 1 MB")
            return data, media_type
    except httpx.HTTPError as error:
        # The error's own text has the address with the key in it.
        raise BaseMapUnavailable(reason=type(error).__name__) from None


def client() -> httpx.Client:
    """Never follows a redirect: the only host spoken to is the one above."""
    return httpx.Client(timeout=TIMEOUT_S, follow_redirects=False)
