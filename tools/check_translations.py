"""Every Chinese text of the console has an English one; ``--update`` collects new texts first.

python tools/check_translations.py            # exits 1 naming what is missing or no longer used
python tools/check_translations.py --update   # then translate the empty msgstr in messages.po
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

CONSOLE = Path(__file__).resolve().parent.parent / "carbon_platform" / "console"
PO = CONSOLE / "translations" / "en" / "LC_MESSAGES" / "messages.po"
METHODS = [("**.py", "python"), ("templates/**.html", "jinja2")]


def collected() -> Catalog:
    catalog = Catalog(locale="en", project="xinyang-carbon", version="0", charset="utf-8")
    found = extract_from_dir(str(CONSOLE), METHODS, options_map={})
    for file_name, _line, message, _comments, _context in found:
        catalog.add(message, locations=[(file_name, 0)])
    return catalog


def compiled(catalog: Catalog) -> bytes:
    buffer = io.BytesIO()
    write_mo(buffer, catalog)
    return buffer.getvalue()


def main() -> None:
    template = collected()
    with PO.open("rb") as lines:
        catalog = read_po(lines, locale="en")
    if "--update" in sys.argv:
        catalog.update(template, no_fuzzy_matching=True)
        catalog.obsolete.clear()
        with PO.open("wb") as target:
            write_po(target, catalog, width=0, sort_output=True, omit_header=False, no_location=True)
        PO.with_suffix(".mo").write_bytes(compiled(catalog))
    wanted = {message.id for message in template if message.id}
    known = {message.id: message for message in catalog if message.id}
    wrong = [f"missing: {text}" for text in sorted(wanted - set(known), key=str)]
    wrong += [f"no longer used: {text}" for text in sorted(set(known) - wanted, key=str)]
    wrong += [f"not translated: {m.id}" for m in known.values() if not m.string or m.fuzzy]
    if not wrong and PO.with_suffix(".mo").read_bytes() != compiled(catalog):
        wrong = ["messages.mo is older than messages.po: run with --update"]
    for line in wrong:
        print(line)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
