"""HTTP plumbing shared by every feature's ``api.py``: transactions, permissions, problems, paging.

How an endpoint is written (the order of decorators matters)::

    @blp.post("/projects")
    @in_transaction("project.write")
    @blp.arguments(ProjectIn)
    @blp.response(201, ProjectOut)
    def create_project(call: Call, payload: dict) -> ...:
        return service.create_project(call.session, call.actor, payload, now=call.now)

- :func:`in_transaction` opens the one transaction, checks the permission, demands an audit record,
  and commits before the response leaves. ``idempotent=True`` also demands ``Idempotency-Key``.
- :func:`reading` does the same for GET, without a write.
- :func:`outside_transaction` only checks the permission: for work that computes long before it
  writes; the view calls ``call.transact(work)`` itself.
- ``permission=None`` means public.

What bodies share: a list is a :func:`paged` statement, shown with :func:`present_page` by a schema of
:class:`PageOut` (or :class:`PagesOut`); yes or no is a :class:`Decision`; files come in a :class:`FormIn`;
an amount is an :func:`integer` with its unit.
"""

from carbon_platform.web.calls import (
    Call,
    Hooks,
    Platform,
    in_transaction,
    outside_transaction,
    platform,
    reading,
)
from carbon_platform.web.paging import Page, PageArgs, PageOut, PagesOut, paged, present_page
from carbon_platform.web.preferences import LATER, wants_later
from carbon_platform.web.schemas import Decision, PlainText, ReadyList, Schema, described, integer
from carbon_platform.web.uploads import Attachment, FileIn, FormIn

__all__ = [
    "LATER",
    "Attachment",
    "Call",
    "Decision",
    "FileIn",
    "FormIn",
    "Hooks",
    "Page",
    "PageArgs",
    "PageOut",
    "PagesOut",
    "PlainText",
    "Platform",
    "ReadyList",
    "Schema",
    "described",
    "in_transaction",
    "integer",
    "outside_transaction",
    "paged",
    "platform",
    "present_page",
    "reading",
    "wants_later",
]
