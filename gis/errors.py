"""What can be wrong with a file of parcels, in words its sender can act on."""

from __future__ import annotations

from typing import Any

from gis.messages import MESSAGES


class VectorFileError(Exception):
    """A file that is not accepted, and why.

    ``code`` is stable and meant for programs; ``zh`` and ``en`` are sentences for people, made from
    ``values``. Nothing of the file's content but names, numbers and layer titles gets into a sentence:
    a file that pretends to be something else must not speak through our error page.
    """

    def __init__(self, code: str, **values: Any) -> None:
        self.code = code
        self.values = values
        super().__init__(f"{code}: {self.en}")

    @property
    def zh(self) -> str:
        return self.message("zh")

    @property
    def en(self) -> str:
        return self.message("en")

    def message(self, language: str = "zh") -> str:
        zh, en = MESSAGES[self.code]
        return (en if language.startswith("en") else zh).format(**self.values)


class CrsError(VectorFileError):
    """The coordinate system is missing, unsupported, or contradicts the coordinates."""
