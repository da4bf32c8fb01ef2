"""What a certificate says: frozen when it is made, and proven against the register and the ledger.

Three records of one retirement must agree: the frozen text with its digest, the rows of the register, and
the ledger's entry, which holds the numbers that moved and the digest of everything else that was said.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform import ledger
from carbon_platform.credits.allocation import serial
from carbon_platform.credits.tables import CreditBatch, Retirement, RetirementLine, RetirementRange
from carbon_platform.errors import PlatformError
from carbon_platform.identity.tables import Organisation
from carbon_platform.projects.tables import Project
from carbon_platform.regions.service import county_name
from carbon_platform.units import tonnes_text
from methodologies import registry

# 1: one batch, times in whole seconds (certificates made before there could be several). 2: lines.
FORMAT = 2

# 自身运营, 产品, 会议活动, 生态损害赔偿, 公益 (carbon-inclusion practice, e.g. Chongqing 碳惠通)
PURPOSES = {
    "operations": "自身运营",
    "product": "产品",
    "event": "会议活动",
    "restoration": "生态损害赔偿",
    "public_benefit": "公益",
}
# Columns of the register that the text repeats as they are.
SAID = (
    "certificate_number",
    "quantity_kg",
    "purpose",
    "beneficiary_name",
    "beneficiary_credit_code",
    "consumption_place",
    "is_demo",
)


class ContentUnreadable(PlatformError):
    code, status = "credits.certificate_unreadable", 409
    zh = "证书 {number} 存档的内容已被改动，读不出来。请不要采信这张证书，并拨打 12345 报告编号。"
    en = "What is on file for certificate {number} was changed and cannot be read. Do not rely on it."


@dataclass(frozen=True)
class Line:
    """Kilograms of one batch, before it is known which numbers go."""

    batch: CreditBatch
    quantity_kg: int


def reference_of(certificate_number: str) -> str:
    """The reference of the ledger's entry."""
    return f"retirement:{certificate_number}"


def canonical(content: Mapping[str, Any]) -> str:
    """The one text of a content: keys in order, no spaces, characters as they are."""
    return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def statement(session: Session, retirement: Retirement, lines: Sequence[Line]) -> dict[str, Any]:
    """All that a certificate says but the numbers, with every name as it is now."""
    organisation = session.get_one(Organisation, retirement.organisation_id)
    return {name: getattr(retirement, name) for name in SAID} | {
        "format": FORMAT,
        "lines": [_line(session, line) for line in lines],
        "retired_by_organisation": organisation.name_zh,
        "purpose_zh": PURPOSES[retirement.purpose],
        "consumption_from": retirement.consumption_from.isoformat(),
        "consumption_to": retirement.consumption_to.isoformat(),
        "retired_at": retirement.retired_at.astimezone(UTC).isoformat(timespec="microseconds"),
    }


def _line(session: Session, line: Line) -> dict[str, Any]:
    project = session.get_one(Project, line.batch.project_id)
    return {
        "batch": line.batch.code,
        "quantity_kg": line.quantity_kg,
        "project_code": project.code,
        "project_name": project.name_zh,
        "methodology_key": project.methodology_key,
        "methodology_name": registry()[project.methodology_key].title_zh,
        "county_code": line.batch.county_code,
        "county_name": county_name(line.batch.county_code),
        "vintage": line.batch.vintage,
    }


def with_numbers(said: Mapping[str, Any], spans: Mapping[str, Sequence[tuple[int, int]]]) -> dict[str, Any]:
    """The whole content: the statement and, per line, the ranges that went and how they are written."""
    lines = [
        line
        | {
            "ranges": [[first, last] for first, last in spans[line["batch"]]],
            "serials": [serial(line["batch"], first, last) for first, last in spans[line["batch"]]],
        }
        for line in said["lines"]
    ]
    return {**said, "lines": lines}


def statement_digest(content: Mapping[str, Any]) -> str:
    """SHA-256 of a content without its numbers: what the ledger's entry keeps of it."""
    lines = [
        {name: value for name, value in line.items() if name not in ("ranges", "serials")}
        for line in content["lines"]
    ]
    return sha256(canonical({**content, "lines": lines}))


def content(retirement: Retirement) -> dict[str, Any]:
    """The frozen content in one shape, whatever its format; ``ContentUnreadable`` if it is none any more."""
    try:
        said: dict[str, Any] = json.loads(retirement.content)
        if "lines" not in said:
            line = {name: said.pop(name) for name in _LINE} | {"quantity_kg": said["quantity_kg"]}
            said |= {"format": 1, "lines": [line]}
        complete = all(name in said for name in _WHOLE) and all(
            name in line for line in said["lines"] for name in (*_LINE, "quantity_kg")
        )
    except (ValueError, KeyError, TypeError) as error:
        raise ContentUnreadable(number=retirement.certificate_number) from error
    if not complete:
        raise ContentUnreadable(number=retirement.certificate_number)
    return said


_WHOLE = (
    *SAID,
    "format",
    "purpose_zh",
    "retired_by_organisation",
    "consumption_from",
    "consumption_to",
    "retired_at",
)
_LINE = (
    "batch",
    "project_code",
    "project_name",
    "methodology_key",
    "methodology_name",
    "county_code",
    "county_name",
    "vintage",
    "serials",
)


def view(retirement: Retirement) -> dict[str, Any]:
    """What pages, paper and the API show of a certificate: its frozen content with tonnes written out."""
    said = content(retirement)
    lines = [line | {"quantity_t": tonnes_text(line["quantity_kg"])} for line in said["lines"]]
    return said | {
        "quantity_t": tonnes_text(said["quantity_kg"]),
        "serials": [text for line in lines for text in line["serials"]],
        "lines": lines,
    }


def is_genuine(session: Session, retirement: Retirement) -> bool:
    """Whether the text still has the printed digest, and register and ledger still say the same."""
    return not differences(session, retirement)


def differences(session: Session, retirement: Retirement) -> list[str]:
    """Names of what does not agree: ``digest``, a column, ``lines``, ``ranges``, ``ledger``."""
    found = [] if sha256(retirement.content) == retirement.digest else ["digest"]
    try:
        said = content(retirement)
        found += _of_columns(retirement, said)
        lines, ranges = _of_parts(session, retirement, said)
    except ContentUnreadable:
        return [*found, "content"]
    found += [name for name, same in (("lines", lines), ("ranges", ranges)) if not same]
    return found if _in_ledger(session, retirement, said) else [*found, "ledger"]


def _of_columns(retirement: Retirement, said: Mapping[str, Any]) -> list[str]:
    precision = "seconds" if said["format"] == 1 else "microseconds"
    own = {name: getattr(retirement, name) for name in SAID} | {
        "consumption_from": retirement.consumption_from.isoformat(),
        "consumption_to": retirement.consumption_to.isoformat(),
        "retired_at": retirement.retired_at.astimezone(UTC).isoformat(timespec=precision),
    }
    return [name for name, value in own.items() if said[name] != value]


def _of_parts(session: Session, retirement: Retirement, said: Mapping[str, Any]) -> tuple[bool, bool]:
    """Whether the rows of lines and of ranges are exactly those of the text."""
    lines = session.execute(
        sa.select(RetirementLine.position, CreditBatch.code, RetirementLine.quantity_kg)
        .join(CreditBatch, CreditBatch.id == RetirementLine.batch_id)
        .where(RetirementLine.retirement_id == retirement.id)
        .order_by(RetirementLine.position)
    )
    told = [(place, line["batch"], line["quantity_kg"]) for place, line in enumerate(said["lines"], start=1)]
    rows = session.execute(
        sa.select(CreditBatch.code, RetirementRange.first, RetirementRange.last, RetirementRange.serial)
        .join(CreditBatch, CreditBatch.id == RetirementRange.batch_id)
        .where(RetirementRange.retirement_id == retirement.id)
    ).all()
    written = {text for line in said["lines"] for text in line["serials"]}
    same = (
        all(serial(row.code, row.first, row.last) == row.serial for row in rows)
        and {row.serial for row in rows} == written
        and all(
            [[r.first, r.last] for r in sorted(rows, key=lambda r: r.first) if r.code == line["batch"]]
            == line["ranges"]
            for line in said["lines"]
            if "ranges" in line
        )
        and sum(row.last - row.first + 1 for row in rows) == said["quantity_kg"]
    )
    return [tuple(line) for line in lines] == told, same


def _in_ledger(session: Session, retirement: Retirement, said: Mapping[str, Any]) -> bool:
    """Whether the ledger moved exactly these numbers, for this organisation, and was told the same."""
    entry = ledger.find_entry(session, reference_of(retirement.certificate_number))
    if entry is None or entry.reversed_by is not None or entry.actor_name != retirement.retired_by:
        return False
    if said["format"] != 1 and entry.detail.get("statement") != statement_digest(said):
        return False
    holder = session.get_one(Organisation, retirement.organisation_id).holder
    moved = ledger.movement_ranges(session, entry.entry_id)
    ends = {(move.source.role, move.source.holder, move.destination.role) for move in moved}
    serials = sorted(serial(move.lot, move.numbers.first, move.numbers.last) for move in moved)
    written = sorted(text for line in said["lines"] for text in line["serials"])
    return ends == {(ledger.HOLDING, holder, ledger.RETIRED)} and serials == written
