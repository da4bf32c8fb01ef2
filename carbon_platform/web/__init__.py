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
from carbon_platform.web.paging import Page, PageArgs, PageOut, PagesOut, paged
from carbon_platform.web.schemas import PlainText, Schema, integer
from carbon_platform.web.uploads import FileIn

__all__ = [
    "Call",
    "FileIn",
    "Hooks",
    "Page",
    "PageArgs",
    "PageOut",
    "PagesOut",
    "PlainText",
    "Platform",
    "Schema",
    "in_transaction",
    "integer",
    "outside_transaction",
    "paged",
    "platform",
    "reading",
]
