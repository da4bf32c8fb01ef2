"""What people read of proxies, paper accounts, batches, slips: plain values for the API and the pages."""

from __future__ import annotations

from typing import Any

from carbon_platform.identity.rules import Actor
from carbon_platform.proxies.batches import STATE_WORDS, Opened
from carbon_platform.proxies.slips import Slip
from carbon_platform.proxies.standing import Held, Named
from carbon_platform.proxies.tables import VillageBatch, VillageRow


def present_proxy(held: Held, reader: Actor) -> dict[str, Any]:
    proxy = held.proxy
    return {
        "id": proxy.id,
        "role": "principal" if proxy.principal == reader.holder else "agent",
        "principal": held.principal,
        "agent": held.agent,
        "may_report": proxy.may_report,
        "may_redeem": proxy.may_redeem,
        "day_points": proxy.day_points,
        "month_points": proxy.month_points,
        "spent_today": held.spent_today,
        "granted_at": proxy.granted_at,
        "granted_by": proxy.granted_by,
        "until": proxy.until,
        "ended_at": proxy.ended_at,
        "standing": held.standing,
    }


def present_action(named: Named) -> dict[str, Any]:
    action = named.action
    return {
        "kind": action.kind,
        "object_id": action.object_id,
        "by": named.name,
        "points": action.points,
        "at": action.at,
    }


def present_batch(opened: Opened) -> dict[str, Any]:
    return present_batch_line(opened.batch) | {"rows": [present_row(row) for row in opened.rows]}


def present_batch_line(batch: VillageBatch) -> dict[str, Any]:
    zh, en = STATE_WORDS[batch.state]
    plain = {column.name: getattr(batch, column.name) for column in VillageBatch.__table__.columns}
    return plain | {"state_zh": zh, "state_en": en}


def present_row(row: VillageRow) -> dict[str, Any]:
    plain = {column.name: getattr(row, column.name) for column in VillageRow.__table__.columns}
    url = f"/api/v1/village/batches/{row.batch_id}/rows/{row.id}/photo" if row.photo_sha256 else None
    return plain | {"photo_url": url}


def present_slip(slip: Slip) -> dict[str, Any]:
    number = slip.account.paper.number
    plain = {
        name: getattr(slip, name)
        for name in ("name", "month", "acts", "reduction_g", "earned", "spent", "available", "pending",
                     "all_g", "lines", "more")
    }  # fmt: skip
    return plain | {"number": number, "print_url": f"/village/{number}/slip?month={slip.month}"}
