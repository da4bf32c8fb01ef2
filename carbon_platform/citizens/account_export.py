"""What the platform keeps about a person, as files they can take along (个人信息保护法 45 条).

One JSON document, or a ZIP of CSV tables (UTF-8 with a mark, so that spreadsheet programs read Chinese).
The person's own phone, name and number are in it in clear: it is their copy, given to their session only.
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform import ledger
from carbon_platform.citizens import privacy
from carbon_platform.citizens.personal_data import exported, kept
from carbon_platform.identity import persons, sealing
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.service import audit, list_consents
from carbon_platform.identity.tables import LoginSession

FORMATS = ("json", "csv")
_STATEMENT_PAGE = 500
# What a spreadsheet would take for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")

Table = Sequence[Mapping[str, Any]]


def collect(session: Session, actor: Actor, *, now: datetime) -> dict[str, Table]:
    """Every table about the person, by title; empty ones are there with no rows."""
    person = persons.get_person(session, actor)
    tables: dict[str, Table] = {
        "account_账户": [_account(session, actor)],
        "balances_余额": [
            {"account": row.key.role, "asset": str(row.key.asset), "lot": row.key.lot,
             "amount": row.balance.posted, "held": row.balance.held}
            for row in ledger.balances(session, person.holder)
        ],
        "points_积分流水": list(_statement(session, person.holder)),
        "consents_授权": [
            {"partner": row.partner, "purpose": row.purpose, "version": row.text_version,
             "channel": row.channel, "given_at": row.given_at, "withdrawn_at": row.withdrawn_at}
            for row in list_consents(session, actor)
        ],
        "lookups_工作人员查询": [
            {"at": row.at, "role": row.user_role, "by": row.found_by, "reason": row.reason}
            for row in privacy.lookups_of(session, person.id)
        ],
        "sessions_登录": [
            {"started_at": row.started_at, "ended_at": row.ended_at, "expires_at": row.expires_at}
            for row in session.scalars(
                sa.select(LoginSession).where(LoginSession.person_id == person.id).order_by(LoginSession.id)
            )
        ],
    }  # fmt: skip
    for one, table in kept():
        if one.title:
            columns = exported(one, table)
            rows = session.execute(
                sa.select(*columns)
                .where(table.c[one.column] == person.holder)
                .order_by(*table.primary_key.columns)
            )
            tables[one.title] = [dict(row) for row in rows.mappings()]
    return tables


def _account(session: Session, actor: Actor) -> dict[str, Any]:
    person = persons.get_person(session, actor)
    identity = persons.find_identity(session, person.id)
    keys = sealing.keys(session)

    def clear(field: str) -> str:
        sealed = getattr(identity, f"{field}_sealed") if identity else None
        if identity is None or sealed is None:
            return ""
        return keys.open(sealed, context=persons.context(field, identity.person_id))

    return {
        "number": person.id, "nickname": person.nickname, "region_code": person.region_code,
        "opened_at": person.opened_at, "via": person.via, "state": person.state,
        "under_14": person.under_14, "wechat_openid": person.openid if persons.has_wechat(person) else "",
        "phone": clear("phone"), "name": clear("name"), "id_number": clear("id"),
    }  # fmt: skip


def _statement(session: Session, holder: str) -> Iterator[dict[str, Any]]:
    for row in ledger.balances(session, holder, asset=ledger.Asset.POINT):
        before = None
        while True:
            page = ledger.statement(session, row.key, limit=_STATEMENT_PAGE, before=before)
            for line in page.lines:
                yield {
                    "at": line.recorded_at, "account": row.key.role, "last_day": row.key.lot,
                    "points": line.amount, "reason": line.reason, "entry": line.entry_id,
                }  # fmt: skip
            before = page.next_before
            if before is None:
                break


def as_json(tables: Mapping[str, Table], *, now: datetime) -> bytes:
    body = {"format": "xinyang-carbon-account/1", "made_at": now, "tables": tables}
    return json.dumps(body, ensure_ascii=False, indent=1, default=_plain).encode()


def as_csv(tables: Mapping[str, Table]) -> bytes:
    """A ZIP, one CSV per table."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for title, rows in tables.items():
            text = io.StringIO()
            names = list(rows[0]) if rows else []
            writer = csv.writer(text)
            writer.writerow(names)
            writer.writerows([_cell(row[name]) for name in names] for row in rows)
            archive.writestr(f"{title}.csv", "\ufeff" + text.getvalue())
    return file.getvalue()


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=_plain)
    text = str(_plain(value)) if not isinstance(value, str | int | bool) else str(value)
    # A nickname is anybody's text; a number is not.
    return f"'{text}" if isinstance(value, str) and text.startswith(_FORMULA) else text


def note_export(session: Session, actor: Actor, file_format: str, *, now: datetime) -> None:
    """Keep that the person took a copy."""
    audit(session, actor, "person.export", object_kind="person", object_id=actor.person_id or 0, now=now,
          detail={"format": file_format})  # fmt: skip
