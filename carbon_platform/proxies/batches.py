"""Batches of a village officer: rows with photos, looked at again by another person, then counted.

Nothing is counted before the second look. Callers open the transaction; pictures were kept before.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.citizens import catalogue as citizens
from carbon_platform.citizens import consents, intake
from carbon_platform.citizens.claims import Claim
from carbon_platform.citizens.rules import MAX_AGE_DAYS
from carbon_platform.errors import NotFound, PlatformError
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.service import audit
from carbon_platform.parcels.evidence_store import EvidenceStore
from carbon_platform.proxies import accounts, catalogue, photos, rules, sheets, standing
from carbon_platform.proxies.errors import BatchClosed, SecondPersonNeeded
from carbon_platform.proxies.photos import Kept
from carbon_platform.proxies.sheets import Line
from carbon_platform.proxies.tables import VillageBatch, VillagePhoto, VillageRow
from carbon_platform.regions.service import get_region

STATE_WORDS = {
    rules.CHECKING: ("等复核", "waiting for the second look"),
    rules.TAKEN: ("已入账", "counted"),
    rules.RETURNED: ("已退回", "returned"),
}
QUANTITY_MAX_MILLI = 200_000
_COUNT = re.compile(r"0?[1-9]|[1-9][0-9]")


@dataclass
class _Row:
    """A row being checked."""

    line: Line
    holder: str = ""
    number: str = ""
    behaviour: str = ""
    day: str = ""
    milli: int = 0
    count: int = 1
    photo: Kept | None = None
    why: tuple[str, str] | None = None

    @property
    def key(self) -> str:
        return rules.record_key(self.number, self.behaviour, self.day, self.count)


@dataclass(frozen=True)
class Opened:
    """A batch with its rows, in their order."""

    batch: VillageBatch
    rows: list[VillageRow] = field(default_factory=list)


def upload(
    session: Session,
    actor: Actor,
    *,
    village_code: str,
    file_name: str,
    lines: Sequence[Line],
    pictures: Mapping[str, Kept],
    now: datetime,
) -> Opened:
    """Check the rows, draw those another person looks at, keep all. Errors: ``NotFound`` for the village."""
    if not actor.sees_region(village_code):
        raise NotFound(what="村（社区）", key=village_code)
    get_region(session, village_code)
    used = photos.seen_before(session, pictures)
    known: set[str] = set()
    rows = [_checked(session, actor, line, village_code, pictures, used, known, now=now) for line in lines]
    ready = [row.line.row for row in rows if row.why is None]
    rule, seed = catalogue.batch_rule(), secrets.token_hex(16)
    drawn = rules.draw(seed, ready, percent=rule.check_percent, at_least=rule.check_rows_min)
    batch = VillageBatch(
        village_code=village_code,
        file_name=file_name,
        state=rules.CHECKING if ready else rules.RETURNED,
        seed=seed,
        uploaded_by=actor.name,
        uploaded_by_id=actor.user_id or 0,
        uploaded_at=now,
        closed_at=None if ready else now,
        closed_by="" if ready else actor.name,
    )
    session.add(batch)
    session.flush()
    for row in rows:
        if row.why is None and row.photo is not None:
            photos.enter(session, actor, row.photo, now=now)
    made = [_stored(batch, row, row.line.row in drawn) for row in rows]
    session.add_all(made)
    session.flush()
    audit(
        session, actor, "village_batch.upload", object_kind="village_batch", object_id=batch.id, now=now,
        detail={"rows": len(made), "ready": len(ready), "drawn": len(drawn)},
    )  # fmt: skip
    return Opened(batch, made)


def _stored(batch: VillageBatch, row: _Row, drawn: bool) -> VillageRow:
    zh, en = row.why or ("", "")
    return VillageRow(
        batch_id=batch.id,
        row_number=row.line.row,
        account_number=row.number or row.line.number,
        holder=row.holder,
        behaviour=row.behaviour or row.line.behaviour,
        day=row.day or row.line.day,
        milli=row.milli,
        record_key=row.key if row.why is None else f"{batch.id}:{row.line.row}",
        photo_sha256=row.photo.sha256 if row.photo and row.why is None else None,
        outcome=rules.READY if row.why is None else rules.REFUSED,
        reason_zh=zh,
        reason_en=en,
        drawn=drawn,
        verdict="",
        verdict_note="",
        uploaded_by_id=batch.uploaded_by_id,
        checked_by="",
        checked_by_id=None,
        checked_at=None,
        act_id=None,
    )


def _checked(
    session: Session,
    actor: Actor,
    line: Line,
    village_code: str,
    pictures: Mapping[str, Kept],
    used: set[str],
    known: set[str],
    *,
    now: datetime,
) -> _Row:
    """One row against everything that can be known of it now; the first thing wrong is its reason."""
    row = _Row(line, photo=pictures.get(line.photo))
    row.why = (
        _person(session, actor, row, village_code)
        or _what(row)
        or _when(row, now)
        or _picture(row, used)
        or _again(session, row, known)
    )
    if row.why is None:
        known.add(row.key)
    return row


def _person(session: Session, actor: Actor, row: _Row, village_code: str) -> tuple[str, str] | None:
    try:
        account = accounts.get_account(session, actor, row.line.number)
    except PlatformError as error:
        return error.message("zh"), error.message("en")
    if not account.paper.village_code.startswith(village_code):
        return (
            f"户号 {account.paper.number} 不是这个村（社区）的。请到它开户的村录入。",
            f"Account {account.paper.number} is of another village; enter it there.",
        )
    row.number, row.holder = account.paper.number, account.paper.holder
    source = catalogue.entry_source()
    missing = consents.gate(session, {row.holder}, source, citizens.ACTS_PURPOSE).get(row.holder)
    if missing is not None:
        return (
            "这位居民没有同意村级代录。请先请本人在纸上签字同意。",
            "This person has not agreed to entries by the village office. Have them sign first.",
        )
    return None


def _what(row: _Row) -> tuple[str, str] | None:
    behaviour = sheets.behaviour_of(row.line.behaviour)
    if behaviour is None:
        codes = "、".join(catalogue.entry_behaviours())
        shown = row.line.behaviour or "（空）"
        return (
            f"行为“{shown}”不能由村里代录。可以录：{codes}。",
            f"Behaviour “{row.line.behaviour}” cannot be entered here. These can: {codes}.",
        )
    row.behaviour = behaviour.code
    try:
        row.milli = sheets.milli_of(row.line.quantity)
    except ValueError:
        row.milli = 0
    whole = behaviour.whole and row.milli % 1_000
    if not 0 < row.milli <= QUANTITY_MAX_MILLI or whole:
        return (
            f"数量“{row.line.quantity}”不对：应大于 0、不超过 {QUANTITY_MAX_MILLI // 1_000} "
            f"{behaviour.unit_zh}{'，要整数' if behaviour.whole else '，最多三位小数'}。",
            f"Quantity “{row.line.quantity}” is wrong: above 0, at most {QUANTITY_MAX_MILLI // 1_000} "
            f"{behaviour.unit_en}{', whole' if behaviour.whole else ', three decimals at most'}.",
        )
    if not _COUNT.fullmatch(row.line.count or "1"):
        return (
            f"第几次“{row.line.count}”不对：写 1 到 99，或留空。",
            f"Count “{row.line.count}” is wrong: write 1 to 99 or nothing.",
        )
    row.count = int(row.line.count or "1")
    return None


def _when(row: _Row, now: datetime) -> tuple[str, str] | None:
    today = now.astimezone(rules.LOCAL).date()
    oldest = today - timedelta(days=MAX_AGE_DAYS - 1)
    try:
        row.day = sheets.day_of(row.line.day)
        fits = oldest <= date.fromisoformat(row.day) <= today and rules.noon(row.day) <= now
    except ValueError:
        fits = False
    if not fits:
        return (
            f"日期“{row.line.day}”不对：写 2026-11-20 这样，从 {oldest} 到今天（今天的中午 12 点后录）。",
            f"Day “{row.line.day}” is wrong: as 2026-11-20, from {oldest} until now (today's after noon).",
        )
    return None


def _picture(row: _Row, used: set[str]) -> tuple[str, str] | None:
    name = row.line.photo
    if row.photo is None:
        shown = name or "（空）"
        return (
            f"照片“{shown}”没有随表上传。请把照片一起选上，文件名照写。",
            f"Photo “{name}” did not come with the sheet. Select it too, named exactly so.",
        )
    if name in used:
        return (
            f"照片“{name}”以前的批次用过。请用当次拍的照片。",
            f"Photo “{name}” was used in an earlier batch. Take one of this time.",
        )
    taken = row.photo.photo.taken_at or row.photo.photo.gps_at
    if taken is not None:
        day = taken.astimezone(rules.LOCAL).date()
        if abs((day - date.fromisoformat(row.day)).days) > 1:
            return (
                f"照片“{name}”拍于 {day}，和这一行的日期 {row.day} 差了不止一天。",
                f"Photo “{name}” was taken on {day}, more than a day from {row.day}.",
            )
    return None


def _again(session: Session, row: _Row, known: set[str]) -> tuple[str, str] | None:
    there = session.scalar(
        sa.select(VillageRow.id).where(VillageRow.record_key == row.key, VillageRow.outcome != rules.REFUSED)
    )
    if there is not None or row.key in known:
        return (
            "这件事已经录过了，没有重复录。同一天不止一次，请在“第几次”写 2、3。",
            "This was entered already. For more than one a day, write 2, 3 under count.",
        )
    return None


# --- the second look --------------------------------------------------------------------------------


def get_batch(session: Session, actor: Actor, batch_id: int, *, lock: bool = False) -> Opened:
    """A batch of the actor's villages. Errors: ``NotFound``."""
    batch = session.get(VillageBatch, batch_id, with_for_update=lock or None, populate_existing=lock)
    if batch is None or not actor.sees_region(batch.village_code):
        raise NotFound(what="批次", key=batch_id)
    rows = session.scalars(
        sa.select(VillageRow).where(VillageRow.batch_id == batch.id).order_by(VillageRow.row_number)
    )
    return Opened(batch, list(rows))


def statement(actor: Actor) -> sa.Select[Any]:
    """Batches of the actor's villages, newest first, for paging."""
    found = sa.select(VillageBatch)
    if not actor.region_code:
        return found.where(sa.false())
    here = VillageBatch.village_code.startswith(actor.region_code, autoescape=True)
    return found.where(here).order_by(VillageBatch.id.desc())


def photo_of(
    session: Session, actor: Actor, store: EvidenceStore, batch_id: int, row_id: int
) -> tuple[bytes, str]:
    """The photo of a row and its media type. Errors: ``NotFound`` (also once it was deleted in time)."""
    found = get_batch(session, actor, batch_id)
    row = next((one for one in found.rows if one.id == row_id and one.photo_sha256), None)
    if row is None or not store.path_of(row.photo_sha256 or "").exists():
        raise NotFound(what="照片", key=row_id)
    photo = session.get_one(VillagePhoto, row.photo_sha256)
    return store.read(photo.sha256), photo.media_type


def check(
    session: Session, actor: Actor, batch_id: int, row_id: int, *, verdict: str, note: str, now: datetime
) -> Opened:
    """Say whether a drawn row is right. The last one decides: the batch is counted, or goes back whole.

    Errors: ``NotFound``, ``SecondPersonNeeded``, ``BatchClosed``.
    """
    found = get_batch(session, actor, batch_id, lock=True)
    batch = found.batch
    if batch.uploaded_by_id == actor.user_id:
        raise SecondPersonNeeded(number=batch.id)
    if batch.state != rules.CHECKING:
        zh, en = STATE_WORDS[batch.state]
        raise BatchClosed(number=batch.id, state=zh, state_en=en)
    row = next((one for one in found.rows if one.id == row_id and one.drawn), None)
    if row is None:
        raise NotFound(what="抽查行", key=row_id)
    row.verdict, row.verdict_note = verdict, note
    row.checked_by, row.checked_by_id, row.checked_at = actor.name, actor.user_id, now
    audit(session, actor, "village_row.check", object_kind="village_row", object_id=row.id, now=now,
          detail={"verdict": verdict})  # fmt: skip
    verdicts = [one.verdict for one in found.rows if one.drawn]
    batch.state = rules.verdict_of(verdicts, wrong_percent_max=catalogue.batch_rule().wrong_percent_max)
    if batch.state != rules.CHECKING:
        batch.closed_at, batch.closed_by = now, actor.name
        session.flush()
        (_take if batch.state == rules.TAKEN else _send_back)(session, actor, found, now=now)
    session.flush()
    return found


def _take(session: Session, actor: Actor, found: Opened, *, now: datetime) -> None:
    """Count the rows through the pipeline, each under the officer's name. A row found wrong is left out."""
    for row in found.rows:
        if row.verdict == rules.WRONG:
            _refuse(row, "复核认为不对，没有计入。", "The second look found it wrong; it was not counted.")
    rows = [row for row in found.rows if row.outcome == rules.READY]
    claims = [
        Claim(
            holder=row.holder,
            source=catalogue.entry_source(),
            external_id=row.record_key,
            behaviour=row.behaviour,
            starts_at=rules.noon(row.day),
            quantity_milli=row.milli,
        )
        for row in rows
    ]
    officer = Actor(
        name=found.batch.uploaded_by, role=actor.role, permissions=frozenset(),
        user_id=found.batch.uploaded_by_id,
    )  # fmt: skip
    for row, taken in zip(rows, intake.take_in(session, claims, now=now), strict=True):
        if taken.error is not None:
            _refuse(row, taken.error.message("zh"), taken.error.message("en"))
            continue
        row.act_id = taken.act_id
        counted = taken.repeated or taken.act.reduction_g > 0
        row.outcome = rules.COUNTED if counted else rules.NOT_COUNTED
        if taken.act is not None:
            row.reason_zh, row.reason_en = taken.act.reason_zh, taken.act.reason_en
            standing.note_officer(session, officer, row.holder, standing.ACT, taken.act.id, now=now)
    audit(
        session, actor, "village_batch.take", object_kind="village_batch", object_id=found.batch.id, now=now,
        detail={"counted": sum(row.outcome == rules.COUNTED for row in rows)},
    )  # fmt: skip


def _send_back(session: Session, actor: Actor, found: Opened, *, now: datetime) -> None:
    limit = catalogue.batch_rule().wrong_percent_max
    for row in found.rows:
        if row.outcome == rules.READY:
            own = "这一行复核认为不对。" if row.verdict == rules.WRONG else ""
            own_en = "This row was found wrong. " if row.verdict == rules.WRONG else ""
            _refuse(
                row,
                f"{own}抽查错误超过 {limit}%，整批退回，改好后可以重新录入。",
                f"{own_en}More than {limit}% of the rows drawn were wrong: enter the batch again.",
            )
    audit(session, actor, "village_batch.return", object_kind="village_batch", object_id=found.batch.id,
          now=now)  # fmt: skip


def _refuse(row: VillageRow, zh: str, en: str) -> None:
    row.outcome, row.reason_zh, row.reason_en = rules.REFUSED, zh, en
    row.record_key = f"{row.batch_id}:{row.row_number}"
