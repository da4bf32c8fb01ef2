"""Write docs/zh/methodologies and docs/en/methodologies out of the declarations.

python tools/methodology_docs.py            # write
python tools/methodology_docs.py --check    # exits 1 naming what is stale, missing or left over

Everything in them is generated but ``writing.md``, which is written by hand and whose example a test runs.
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HERE))

from methodologies import ALL  # noqa: E402 - this tree, not an installed one
from methodologies.documents.documentation import document  # noqa: E402
from methodologies.documents.markdown import index, page  # noqa: E402
from methodologies.documents.mathml import Language  # noqa: E402

BY_HAND = {"writing.md"}
LANGUAGES: tuple[Language, ...] = ("zh", "en")


def pages() -> dict[Path, str]:
    """Every generated file and its text. Plug-ins of other packages bring their own documentation."""
    found: dict[Path, str] = {}
    for language in LANGUAGES:
        folder = HERE / "docs" / language / "methodologies"
        found[folder / "index.md"] = index(ALL, language)
        for methodology in ALL:
            found[folder / f"{methodology.key}.md"] = page(document(methodology, language))
    return found


def main() -> None:
    wanted = pages()
    folders = {path.parent for path in wanted}
    left_over = [
        path
        for folder in folders
        for path in sorted(folder.glob("*.md"))
        if path not in wanted and path.name not in BY_HAND
    ]
    if "--check" not in sys.argv:
        for path, text in wanted.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        for path in left_over:
            path.unlink()
        return
    wrong = [
        f"stale: {path.relative_to(HERE)}"
        for path, text in wanted.items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    wrong += [f"left over: {path.relative_to(HERE)}" for path in left_over]
    for line in wrong:
        print(f"{line} (make docs)")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
