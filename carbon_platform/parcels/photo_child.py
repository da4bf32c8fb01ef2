"""The child that opens a photo: what the camera wrote, a hash, a small picture. Run as a script.

It imports nothing of the project. The request comes as JSON on standard input; ``reply.json`` and
``thumbnail.jpg`` are written to the working folder. Pictures from outside are read here and nowhere else.
"""

from __future__ import annotations

import ctypes
import json
import resource
import sys
from pathlib import Path
from typing import Any

_CLONE_NEWNET, _CLONE_NEWUSER = 0x40000000, 0x10000000
FORMATS = ("JPEG", "PNG", "WEBP")
_EXIF, _GPS = 0x8769, 0x8825
# Tag → name in the reply, of the picture's own directory, of the camera's and of the place's.
_OF_IMAGE = {0x010F: "make", 0x0110: "model", 0x0131: "software", 0x0132: "changed"}
_OF_CAMERA = {0x9003: "taken", 0x9011: "offset"}
_OF_PLACE = {1: "lat_ref", 2: "lat", 3: "lon_ref", 4: "lon", 7: "gps_time", 29: "gps_day", 31: "error_m"}
_SIDE = 480  # pixels of the small picture
_MASKED = 20  # blocks across a masked picture: a page of print becomes grey, a portrait nobody
_FLAT = 12  # grey levels; a picture with less between its darkest and brightest part has no telling hash


def restrict(request: dict[str, Any]) -> None:
    """Give up resources and, where the system permits, the network, before the file is touched."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNET) != 0:
        libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET)  # best effort: refused in some containers
    for kind, limit in (
        (resource.RLIMIT_AS, request["memory_bytes"]),
        (resource.RLIMIT_CPU, request["cpu_seconds"]),
        (resource.RLIMIT_FSIZE, request["file_bytes"]),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (limit, limit))


def read(request: dict[str, Any]) -> dict[str, Any]:
    """Open, check the size before unpacking, tell, hash, make small."""
    from PIL import Image, ImageOps

    Image.MAX_IMAGE_PIXELS = request["pixels"]
    with Image.open(request["path"], formats=FORMATS) as image:
        width, height = image.size
        if width * height > request["pixels"]:
            return {"error": "pixels", "width": width, "height": height}
        found: dict[str, Any] = {"format": image.format, "width": width, "height": height}
        found |= camera(image)
        image.draft("RGB", (2 * _SIDE, 2 * _SIDE))
        upright = ImageOps.exif_transpose(image).convert("RGB")
    found["hash"] = picture_hash(upright)
    small = upright.copy()
    small.thumbnail((_SIDE, _SIDE))
    if request["masked"]:
        blocks = (_MASKED, max(1, _MASKED * small.height // small.width))
        small = small.resize(blocks, Image.Resampling.BOX).resize(small.size, Image.Resampling.NEAREST)
    small.save("thumbnail.jpg", "JPEG", quality=80)  # without what the camera wrote, its place above all
    return found


def camera(image: Any) -> dict[str, Any]:
    """What the camera wrote, as plain text and numbers; nothing where it wrote nonsense."""
    exif = image.getexif()
    found: dict[str, Any] = {}
    for directory, names in ((exif, _OF_IMAGE), (exif.get_ifd(_EXIF), _OF_CAMERA)):
        for tag, name in names.items():
            if isinstance(text := directory.get(tag), str) and text.strip(" \x00"):
                found[name] = text.strip(" \x00")[:80]
    place = {name: exif.get_ifd(_GPS).get(tag) for tag, name in _OF_PLACE.items()}
    for name, limit in (("lat", 90.0), ("lon", 180.0)):
        value = degrees(place[name], place[f"{name}_ref"])
        if value is not None and abs(value) <= limit:
            found[name] = value
    if not ("lat" in found and "lon" in found) or found["lat"] == found["lon"] == 0.0:
        found.pop("lat", None), found.pop("lon", None)  # zeros: the camera had no fix
    for name in ("gps_day", "gps_time"):
        found[name] = numbers(place[name]) if name == "gps_time" else place[name]
    error = numbers((place["error_m"],))
    found["error_m"] = error[0] if error else None
    return found


def degrees(parts: Any, reference: Any) -> float | None:
    values = numbers(parts)
    if values is None or len(values) != 3 or reference not in ("N", "S", "E", "W"):
        return None
    size = values[0] + values[1] / 60 + values[2] / 3600
    return -size if reference in ("S", "W") else size


def numbers(parts: Any) -> list[float] | None:
    """Rationals as floats; None for anything else, a division by zero too."""
    try:
        values = [float(part) for part in parts]
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return values if all(abs(value) < 1e9 for value in values) else None


def picture_hash(image: Any) -> str | None:
    """Two difference hashes of 64 bits: whether brightness rises to the right, and downwards."""
    from PIL import Image

    bits = ""
    for size, step in (((9, 8), 1), ((8, 9), 8)):
        grey = list(image.convert("L").resize(size, Image.Resampling.LANCZOS).tobytes())
        if max(grey) - min(grey) < _FLAT:
            return None
        at = [row * size[0] + column for row in range(8) for column in range(8)]
        bits += "".join("1" if grey[place + step] > grey[place] else "0" for place in at)
    return f"{int(bits, 2):032x}"


def main() -> None:
    request = json.loads(sys.stdin.buffer.read())
    restrict(request)
    try:
        reply = read(request)
    except MemoryError:
        reply = {"error": "memory"}
    # Pillow raises almost anything for bytes that only look like a picture; its texts stay in here.
    except Exception:
        reply = {"error": "unreadable"}
    Path("reply.json").write_text(json.dumps(reply), encoding="utf-8")


if __name__ == "__main__":
    main()
