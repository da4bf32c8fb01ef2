"""The plain Markdown of methodology guides as HTML: paragraphs, lists, tables, bold, italics, code.

Nothing else is known: whatever is not one of these stays text, and all text is escaped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from markupsafe import Markup, escape

_INLINE = re.compile(r"`([^`]+)`|\*\*(.+?)\*\*|\*([^*\s](?:[^*]*[^*\s])?)\*")
_RULE = re.compile(r"[\s|:-]+")
_ITEM = re.compile(r"(?:[-*]|\d+\.) +")


def prose(text: str) -> Markup:
    """HTML of a section's text."""
    return Markup("").join(_block(block) for block in re.split(r"\n\s*\n", text.strip()) if block.strip())


def inline(text: str) -> Markup:
    """Bold, italics and code inside one line."""
    pieces: list[Markup] = []
    end = 0
    for found in _INLINE.finditer(text):
        pieces.append(escape(text[end : found.start()]))
        code, strong, slanted = found.groups()
        if code is not None:
            pieces.append(Markup("<code>{}</code>").format(code))
        elif strong is not None:
            pieces.append(Markup("<strong>{}</strong>").format(inline(strong)))
        else:
            pieces.append(Markup("<em>{}</em>").format(slanted))
        end = found.end()
    return Markup("").join([*pieces, escape(text[end:])])


def _block(block: str) -> Markup:
    lines = block.strip().splitlines()
    if len(lines) > 1 and lines[0].startswith("|") and _RULE.fullmatch(lines[1]):
        return _table(lines)
    if _ITEM.match(lines[0]):
        items = Markup("").join(Markup("<li>{}</li>").format(inline(item)) for item in _items(lines))
        return (Markup("<ol>{}</ol>") if lines[0][0].isdigit() else Markup("<ul>{}</ul>")).format(items)
    return Markup("<p>{}</p>").format(inline(_joined(lines)))


def _joined(lines: list[str]) -> str:
    """Lines of one paragraph; Chinese text needs no space where a line was broken."""
    text = lines[0].strip()
    for line in lines[1:]:
        is_chinese = ord(text[-1]) > 0x2E7F and ord(line.strip()[0]) > 0x2E7F
        text += ("" if is_chinese else " ") + line.strip()
    return text


def _items(lines: list[str]) -> Iterator[str]:
    """The items of a list, each with the lines that continue it."""
    kept: list[str] = []
    for line in lines:
        if _ITEM.match(line) and kept:
            yield _joined(kept)
            kept = []
        kept.append(_ITEM.sub("", line, count=1) if _ITEM.match(line) else line)
    yield _joined(kept)


def _table(lines: list[str]) -> Markup:
    head, *rows = (_cells(line) for line in [lines[0], *lines[2:]])
    top = Markup("").join(Markup('<th scope="col">{}</th>').format(inline(cell)) for cell in head)
    body = Markup("").join(
        Markup("<tr>{}</tr>").format(
            Markup("").join(
                Markup('<{} data-label="{}">{}</{}>').format(
                    "th scope=row" if place == 0 else "td",
                    name,
                    inline(cell),
                    "th" if place == 0 else "td",
                )
                for place, (name, cell) in enumerate(zip(head, row, strict=False))
            )
        )
        for row in rows
    )
    return Markup(
        '<div class="tablebox" tabindex="0" role="region" aria-label="{}"><table class="stacked">'
        '<caption class="sr">{}</caption>'
        "<thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>"
    ).format(head[0], head[0], top, body)


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
