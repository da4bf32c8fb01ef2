"""Claims: what is said about one act, brought to one form. Values in; a :class:`Prepared` claim or a refusal.

A claim comes from the person's own report, from a partner's row (:func:`read_row`), from a proxy or from
an appeal; all of them go through :func:`carbon_platform.citizens.intake.take_in`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

from carbon_platform.citizens import catalogue, rules
from carbon_platform.citizens.assessment import quantity_max_milli
from carbon_platform.citizens.catalogue import Source
from carbon_platform.citizens.errors import QuantityInvalid, RowInvalid
from methodologies.contract import Behaviour

SELF = "self"
RECORD = re.compile(r"[A-Za-z0-9._:-]{1,80}")


class Whole(NamedTuple):
    """A whole number in a row: its range and its unit."""

    low: int
    high: int
    unit: str


# Numbers a row may carry beside its names and its time.
NUMBERS = {
    "quantity": Whole(1, 1_000, "个 (whole units)"),
    "quantity_milli": Whole(1, 1_000_000, "千分之一单位 (thousandths)"),
    "distance_m": Whole(1, 1_000_000, "米 m"),
    "duration_s": Whole(1, 86_400, "秒 s"),
    "avoided_m": Whole(0, 5_000_000, "米 m"),
    "meeting_min": Whole(0, 1_440, "分钟 min"),
    "saved_kwh_per_year": Whole(0, 5_000, "千瓦时/年 kWh/year"),
}
# What an act may need beside its quantity: the methodology's column, and how many of ours make one of its.
CIRCUMSTANCES = {
    "avoided_m": ("avoided_km", 1_000),
    "meeting_min": ("meeting_h", 60),
    "saved_kwh_per_year": ("saved_kwh_per_year", 1),
}
# Every field of a row.
FIELDS = {"kind", "external_id", "subject", "holder", "behaviour", "occurred_at", *NUMBERS}


@dataclass(frozen=True, slots=True)
class Claim:
    """One act of one person as a source tells it. ``starts_at`` is aware.

    Give ``quantity`` (whole units), ``quantity_milli`` (thousandths of the unit: grams of a kg, Wh of a kWh)
    or ``distance_m``, as the behaviour asks; without any it is one unit. ``circumstances`` are the
    methodology's further columns by name (``avoided_km`` …). ``daily``: a sum over a whole day (steps, an
    odometer), hence no journey that could overlap another. ``region_code`` is looked up where it is not
    given. ``set_aside``: the finding (reason code) that an appeal was accepted against; the record was
    received with consent and in time then, so neither is asked for again. ``digest``: of what was said, where
    the inbox has worked it out already.
    """

    holder: str
    source: str
    external_id: str
    behaviour: str
    starts_at: datetime
    quantity: int | None = None
    quantity_milli: int | None = None
    distance_m: int | None = None
    duration_s: int | None = None
    circumstances: Mapping[str, float] = field(default_factory=dict)
    daily: bool = False
    region_code: str | None = None
    set_aside: str = ""
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A claim with what follows from it alone. ``milli``: thousandths of the unit (metres of a km)."""

    claim: Claim
    source: Source
    behaviour: Behaviour
    milli: int
    circumstances: tuple[tuple[str, float], ...]
    ends_at: datetime
    day: str
    record_key: str
    digest: str
    travels: bool


def prepare(claim: Claim, source: Source) -> Prepared:
    """Check what needs no book. Errors: ``BehaviourNotOffered``, ``QuantityInvalid``."""
    behaviour = catalogue.get_behaviour(source, claim.behaviour)
    milli = _milli(behaviour, claim)
    circumstances = _circumstances(behaviour, claim.circumstances)
    travels = behaviour.code in catalogue.journeys() and not claim.daily
    lasts_s = claim.duration_s or (rules.ASSUMED_JOURNEY_S if travels else 0)
    ends_at = claim.starts_at + timedelta(seconds=lasts_s) if lasts_s else claim.starts_at
    own = source.code == SELF
    return Prepared(
        claim=claim,
        source=source,
        behaviour=behaviour,
        milli=milli,
        circumstances=circumstances,
        ends_at=ends_at,
        day=rules.local_day(claim.starts_at),
        record_key=f"{claim.holder}:{claim.external_id}" if own else claim.external_id,
        digest=claim.digest
        or rules.content_digest(
            holder=claim.holder,
            behaviour=behaviour.code,
            milli=milli,
            starts_at=claim.starts_at,
            ends_at=ends_at,
            distance_m=claim.distance_m,
            circumstances=circumstances,
        ),
        travels=travels,
    )


def said_end(claim: Claim) -> datetime:
    """The end as the source gave it: no journey is assumed to go on into the future."""
    return claim.starts_at + timedelta(seconds=claim.duration_s or 0)


@cache
def _most_milli() -> int:
    return quantity_max_milli(catalogue.methodology())


def _milli(behaviour: Behaviour, claim: Claim) -> int:
    def wrong(reason: str, reason_en: str) -> QuantityInvalid:
        return QuantityInvalid(
            name=behaviour.name_zh, name_en=behaviour.name_en, reason=reason, reason_en=reason_en
        )

    if catalogue.is_distance(behaviour):
        if claim.quantity is not None or claim.quantity_milli is not None or claim.distance_m is None:
            raise wrong(
                "请用 distance_m 给出米数，不要给 quantity", "give distance_m in metres, not quantity"
            )
        milli = claim.distance_m
    elif claim.quantity_milli is not None:
        if claim.quantity is not None:
            raise wrong("quantity 和 quantity_milli 只给一个", "give quantity or quantity_milli, not both")
        milli = claim.quantity_milli
    else:
        milli = (1 if claim.quantity is None else claim.quantity) * rules.MILLI
    if milli < 1:
        raise wrong("数量应大于 0", "it must be above 0")
    if behaviour.whole and milli % rules.MILLI:
        raise wrong(
            f"按{behaviour.unit_zh}计，只能是整数", f"it is counted in whole numbers ({behaviour.unit_en})"
        )
    if behaviour.whole and behaviour.code in catalogue.journeys() and milli != rules.MILLI:
        raise wrong("一条记录只报一趟，quantity 应为 1", "one record is one ride: quantity must be 1")
    if milli > _most_milli():
        size = rules.milli_text(_most_milli())
        raise wrong(
            f"一条记录最多 {size} {behaviour.unit_zh}", f"one record holds at most {size} {behaviour.unit_en}"
        )
    return milli


def _circumstances(behaviour: Behaviour, given: Mapping[str, float]) -> tuple[tuple[str, float], ...]:
    """Exactly the columns the behaviour needs, in order of their names, each inside its range."""
    if not given and not behaviour.needs:
        return ()
    ours = {column: name for name, (column, _) in CIRCUMSTANCES.items()}

    def words(columns: set[str]) -> str:
        return "、".join(ours.get(column, column) for column in sorted(columns))

    missing, strange = set(behaviour.needs) - set(given), set(given) - set(behaviour.needs)
    if missing or strange:
        zh = f"还要给 {words(missing)}" if missing else f"不需要 {words(strange)}"
        en = f"{words(missing)} is needed as well" if missing else f"{words(strange)} does not belong to it"
        raise QuantityInvalid(name=behaviour.name_zh, name_en=behaviour.name_en, reason=zh, reason_en=en)
    for name, value in given.items():
        column = catalogue.methodology().column(name)
        if not (column.low or 0) <= value <= (column.high or 0):
            raise QuantityInvalid(
                name=behaviour.name_zh,
                name_en=behaviour.name_en,
                reason=f"{words({name})} 合 {value:g} {column.unit}，应为 {column.low:g}–{column.high:g}",
                reason_en=f"{words({name})} is {value:g} {column.unit}, not {column.low:g} … {column.high:g}",
            )
    return tuple(sorted(given.items()))


def circumstances_of(row: Mapping[str, Any]) -> dict[str, float]:
    """The methodology's further columns out of a row's whole numbers; those not given are left out."""
    return {
        column: row[name] / per for name, (column, per) in CIRCUMSTANCES.items() if row.get(name) is not None
    }


def read_row(source: str, row: Mapping[str, Any], holder: str = "") -> Claim:
    """A partner's row as a claim of ``holder``. Errors: ``RowInvalid`` for the first field that is wrong.

    Fields: ``external_id``, ``behaviour``, ``occurred_at`` (ISO text with offset, or an aware datetime),
    and of :data:`NUMBERS` those that apply; ``subject`` and ``holder`` are the caller's business. Anything
    else is refused: what the platform does not know it does not take.
    """
    for name in row:
        if name not in FIELDS:
            raise RowInvalid(
                field=name, value="…", allowed="不认识的字段，请去掉", allowed_en="no such field"
            )
    numbers = {name: _whole(name, row[name]) for name in NUMBERS if row.get(name) is not None}
    behaviour = row.get("behaviour")
    if not isinstance(behaviour, str):
        raise RowInvalid(field="behaviour", value=_shown(behaviour), allowed="行为代码", allowed_en="a code")
    return Claim(
        holder=holder,
        source=source,
        external_id=read_record(row.get("external_id")),
        behaviour=behaviour,
        starts_at=_moment(row.get("occurred_at")),
        quantity=numbers.get("quantity"),
        quantity_milli=numbers.get("quantity_milli"),
        distance_m=numbers.get("distance_m"),
        duration_s=numbers.get("duration_s"),
        circumstances=circumstances_of(numbers),
    )


def read_record(value: Any) -> str:
    """The record's number at its source. Errors: ``RowInvalid``."""
    if isinstance(value, str) and RECORD.fullmatch(value):
        return value
    raise RowInvalid(
        field="external_id", value=_shown(value),
        allowed="1 至 80 个字母、数字或 . _ : -", allowed_en="1 to 80 letters, digits or . _ : -",
    )  # fmt: skip


def _whole(name: str, value: Any) -> int:
    low, high, unit = NUMBERS[name]
    # bool is an int to Python, not to people.
    if type(value) is int and low <= value <= high:
        return value
    allowed = f"{low} … {high} 的整数，单位 {unit}"
    raise RowInvalid(
        field=name, value=_shown(value), allowed=allowed, allowed_en=f"whole, {low} … {high}, {unit}"
    )


def _moment(value: Any) -> datetime:
    found = value
    if isinstance(value, str):
        try:
            found = datetime.fromisoformat(value)
        except ValueError:
            found = None
    if isinstance(found, datetime) and found.tzinfo is not None:
        return found
    raise RowInvalid(
        field="occurred_at", value=_shown(value),
        allowed="带时区的 ISO 时间，如 2026-11-22T09:00:00+08:00", allowed_en="ISO time with its offset",
    )  # fmt: skip


def _shown(value: Any) -> str:
    """A value as it may stand in a message: short, and never long enough to carry a document away."""
    text = repr(value) if not isinstance(value, str) else value
    return text if len(text) <= 40 else f"{text[:40]}…"
