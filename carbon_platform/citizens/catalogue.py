"""What the data files say: sources, consent texts, points rules, rewards; and all behaviours."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from carbon_platform.citizens.errors import BehaviourNotOffered, ConsentTextUnknown, SourceUnknown
from carbon_platform.citizens.lots import Lifetime, Observation, in_force
from carbon_platform.citizens.points_scheme import PointsRule, read_rule
from carbon_platform.citizens.rules import MILLI, Caps
from methodologies import registry
from methodologies.contract import Behaviour, Methodology

DATA = Path(__file__).with_name("data")
ACTS_PURPOSE = "acts"
TRAVEL = "行"
# Behaviours counted along a way: their quantity is a distance.
DISTANCE_UNITS = {"km", "pkm"}


@dataclass(frozen=True)
class Source:
    """Where acts come from; ``evidence_percent`` of the points grade is what its records earn."""

    code: str
    name_zh: str
    name_en: str
    behaviours: tuple[str, ...]
    evidence_percent: int
    creditable: bool
    source: str
    status: str
    operator_zh: str = ""
    organisation_id: int | None = None
    local: bool = False
    state: str = "active"
    observation_days: int = 0
    observation_from: str = "act"


@dataclass(frozen=True)
class ConsentText:
    """The words a person agrees to, for one partner and one purpose."""

    partner: str
    purpose: str
    version: str
    zh: str
    en: str


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads((DATA / name).read_text(encoding="utf-8"))


@cache
def act_settings() -> dict[str, Any]:
    return _read("acts.toml")


@cache
def sources() -> dict[str, Source]:
    """Every source by code."""
    rows = [{**row, "behaviours": tuple(row["behaviours"])} for row in act_settings()["source"]]
    return {row["code"]: Source(**row) for row in rows}


def get_source(code: str) -> Source:
    source = sources().get(code)
    if source is None:
        raise SourceUnknown(source=code, known="、".join(sources()))
    return source


def methodology() -> Methodology:
    """The act methodology in use for new acts."""
    return registry()[act_settings()["methodology"]]


@cache
def behaviours() -> dict[str, Behaviour]:
    """The behaviours of the methodology in use, by code."""
    return {behaviour.code: behaviour for behaviour in methodology().behaviours}


def offered_by(source: Source) -> list[Behaviour]:
    """What this source may report and the methodology has a figure for, or a local scene may without one."""
    known = [behaviours()[code] for code in source.behaviours if code in behaviours()]
    return [behaviour for behaviour in known if _takes(source, behaviour)]


def _takes(source: Source, behaviour: Behaviour) -> bool:
    """Local extras without a figure are kept with 0 g: their project claims the tonnes, not the person."""
    return not behaviour.pending or (source.local and behaviour.local_extra)


def get_behaviour(source: Source, code: str) -> Behaviour:
    known = behaviours().get(code)
    if known is None or code not in source.behaviours or not _takes(source, known):
        offered = "、".join(behaviour.code for behaviour in offered_by(source))
        raise BehaviourNotOffered(source=source.code, behaviour=code, known=offered)
    return known


def is_distance(behaviour: Behaviour) -> bool:
    """Whether its quantity is a distance, given in metres."""
    return behaviour.unit_en in DISTANCE_UNITS


def sharing_cap(behaviour: Behaviour) -> list[str]:
    """Codes of the behaviours whose acts count against the same caps, its own among them."""
    if not behaviour.cap_group:
        return [behaviour.code]
    return [other.code for other in behaviours().values() if other.cap_group == behaviour.cap_group]


@cache
def caps_of(behaviour: Behaviour) -> Caps:
    def thousandths(limit: float | None) -> int | None:
        return None if limit is None else round(limit * MILLI)

    return Caps(
        unit_zh=behaviour.unit_zh,
        unit_en=behaviour.unit_en,
        day_acts=None if behaviour.cap_acts_per_day is None else int(behaviour.cap_acts_per_day),
        day_milli=thousandths(behaviour.cap_quantity_per_day),
        month_milli=thousandths(behaviour.cap_quantity_per_month),
        day_g=None if behaviour.cap_g_per_day is None else int(behaviour.cap_g_per_day),
        year_milli=thousandths(behaviour.cap_quantity_per_year),
    )


@cache
def journeys() -> frozenset[str]:
    """Behaviours that are a journey: two of one person do not overlap in time."""
    return frozenset(act_settings()["journeys"])


def distance_max_km(behaviour: str) -> int:
    """The longest plausible single trip."""
    limits: dict[str, int] = act_settings()["distance_max_km"]
    return limits.get(behaviour, limits["otherwise"])


def speed_max_kmh(behaviour: str) -> int | None:
    limit: int | None = act_settings()["speed_max_kmh"].get(behaviour)
    return limit


@cache
def points_rules() -> tuple[PointsRule, ...]:
    """The data file's rules: what a new database begins with (see :mod:`points_rules`)."""
    return tuple(read_rule(row) for row in points_rule_rows())


def points_rule_rows() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = _read("points_rules.toml")["rule"]
    return rows


@cache
def truth() -> dict[str, Any]:
    """Settings of audits, shared devices and appeals (``data/truth.toml``)."""
    return _read("truth.toml")


@cache
def lifetimes() -> tuple[Lifetime, ...]:
    """How long points live: one row per change."""
    return tuple(Lifetime(**row) for row in _read("points_rules.toml")["lifetime"])


def lifetime(day: str) -> Lifetime:
    """The rule of expiry in force on a day (ISO)."""
    return in_force(lifetimes(), day)


@cache
def observations() -> tuple[Observation, ...]:
    """How long points wait, per source; one row per source and change."""
    return tuple(Observation(**row) for row in _read("points_rules.toml")["observation"])


def observation(source: str, day: str) -> Observation:
    """A source's rule of observation in force on a day (ISO)."""
    return in_force([row for row in observations() if row.source_code == source], day)


@cache
def reference_price() -> dict[str, Any]:
    """Price of a tonne for the honest sentence: ``fen_per_t``, ``source``, ``status``."""
    price: dict[str, Any] = _read("points_rules.toml")["reference_price"]
    return price


@cache
def consent_versions() -> tuple[ConsentText, ...]:
    """Every text there ever was, oldest first: what somebody agreed to can be read for ever."""
    return tuple(
        ConsentText(**{**row, "zh": row["zh"].strip(), "en": " ".join(row["en"].split())})
        for row in _read("consents.toml")["consent"]
    )


@cache
def consent_texts() -> dict[tuple[str, str], ConsentText]:
    """The current text per (partner, purpose): the last one in the file."""
    return {(row.partner, row.purpose): row for row in consent_versions()}


def get_consent_text(partner: str, purpose: str, version: str) -> ConsentText:
    text = consent_texts().get((partner, purpose))
    if text is None or text.version != version:
        raise ConsentTextUnknown(partner=partner, purpose=purpose, version=version)
    return text


def partner_names(partner: str) -> tuple[str, str]:
    """(zh, en) of a partner as people know it."""
    source = sources().get(partner)
    if source is None and partner != "platform":
        return (partner, partner)
    return (source.name_zh, source.name_en) if source else ("本平台", "this platform")


@cache
def reward_rows() -> list[dict[str, Any]]:
    """The catalogue of rewards, one dict of column values per reward."""
    data = _read("rewards.toml")
    common = {"status": data["status"], "source": data["source"], "active": True}
    return [{**common, **row} for row in data["reward"]]
