"""Pages of a register: ``?page=2&size=50`` in, items and counts out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import marshmallow as ma
import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.web.schemas import Schema

SIZE_MAX = 100


class PageArgs(Schema):
    """Query of a paged list; features add their filters by subclassing."""

    page = ma.fields.Integer(load_default=1, validate=ma.validate.Range(1, 100_000))
    size = ma.fields.Integer(load_default=50, validate=ma.validate.Range(1, SIZE_MAX))


class PageOut(Schema):
    """Which page this is, of how many rows in all; features add ``items``."""

    page = ma.fields.Integer()
    size = ma.fields.Integer()
    total = ma.fields.Integer()


class PagesOut(PageOut):
    """With the number of pages, as :class:`Page` counts them."""

    pages = ma.fields.Integer()


class Paged(Protocol):
    """Which page of how many rows: a :class:`Page`, or the page of a feature that counts in its own way."""

    @property
    def page(self) -> int: ...

    @property
    def size(self) -> int: ...

    @property
    def total(self) -> int: ...

    @property
    def pages(self) -> int: ...


def present_page(found: Paged, items: Iterable[Any]) -> dict[str, Any]:
    """The answer of a paged list: what is shown of its rows; the schema says whether ``pages`` goes out."""
    return {
        "items": list(items),
        "page": found.page,
        "size": found.size,
        "total": found.total,
        "pages": found.pages,
    }


@dataclass(frozen=True)
class Page:
    """One page. ``items`` are what the statement selects (entities or rows)."""

    items: list[Any]
    page: int
    size: int
    total: int

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // self.size))


def paged(session: Session, statement: sa.Select[Any], *, page: int = 1, size: int = 50) -> Page:
    """Run an ordered select for one page and count all of it."""
    total = session.scalar(sa.select(sa.func.count()).select_from(statement.order_by(None).subquery())) or 0
    rows = session.execute(statement.limit(size).offset((page - 1) * size)).all()
    items = [row[0] if len(row) == 1 else row for row in rows]
    return Page(items=items, page=page, size=size, total=total)
