"""The pipeline: claims in, acts in the books. Set-based, the only one; callers open the transaction.

What decides is read for the whole batch in a few statements, the decisions are functions of values
(:mod:`rules`, :mod:`points_scheme`, :mod:`standing`), acts are written at once and posted in one
``ledger.post_batch``. In this order: consent; duplicate record; time; the same act by another source (best
evidence wins); plausibility; caps of behaviour, category, person. What is cut is kept with a reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from sqlalchemy.orm import Session

from carbon_platform import ledger
from carbon_platform.citizens import (
    catalogue,
    claims,
    consents,
    devices,
    intake_sql,
    points,
    points_rules,
    precedence,
    rules,
    scenes,
)
from carbon_platform.citizens.assessment import Asked, grams_of
from carbon_platform.citizens.catalogue import Source
from carbon_platform.citizens.claims import Claim, Prepared
from carbon_platform.citizens.errors import ActConflict
from carbon_platform.citizens.intake_posting import bonuses, booking, sums, undo
from carbon_platform.citizens.intake_sql import Counted
from carbon_platform.citizens.purse import ACTIVE
from carbon_platform.citizens.standing import Ruling, Standing, decide, load_standings
from carbon_platform.citizens.tables import Act
from carbon_platform.citizens.terms import Terms, read_terms
from carbon_platform.errors import PlatformError


@dataclass(frozen=True)
class Taken:
    """What became of one claim. ``error``: nothing was written, and why. ``repeated``: the record was there
    before, as act ``act_id``. ``act``: the new line of the book, its columns as attributes."""

    claim: Claim
    act_id: int | None = None
    repeated: bool = False
    error: PlatformError | None = None
    act: Any = None


@dataclass(slots=True)
class _Work:
    """A claim on its way."""

    place: int
    claim: Claim
    region_code: str = ""
    prepared: Prepared | None = None
    taken: Taken | None = None
    same_as: _Work | None = None
    ruling: Ruling | None = None
    act: Any = None
    entries: list[ledger.Entry] = field(default_factory=list)

    def refuse(self, why: PlatformError) -> None:
        self.taken = Taken(self.claim, error=why)

    @property
    def sure(self) -> Prepared:
        assert self.prepared is not None
        return self.prepared

    def answer(self) -> Taken:
        if self.taken is None and self.same_as is not None:
            first = self.same_as.answer()
            self.taken = replace(first, claim=self.claim, act=None, repeated=first.error is None)
        elif self.taken is None:
            self.taken = Taken(self.claim, act_id=self.act.id, act=self.act)
        return self.taken


def take_in(session: Session, claims: Sequence[Claim], *, now: datetime) -> list[Taken]:
    """Take in any number of claims of any persons; the answers stand in the order of the claims.

    A claim that is refused (``SourceUnknown``, ``SceneNotOpen``, what ``consents.gate`` says,
    ``BehaviourNotOffered``, ``QuantityInvalid``, ``ActConflict``, ``ActInFuture``, ``ActTooOld``, or what
    the ledger says of the account) leaves nothing and does not touch the others. An act that some rule does
    not let count is written with the reason. The same record again is the first result.
    """
    session.flush()  # from here on statements go past the session
    if not claims:
        return []
    codes, holders = {claim.source for claim in claims}, {claim.holder for claim in claims}
    terms = read_terms(session, codes, holders, len(claims))
    work = [_Work(place, claim) for place, claim in enumerate(claims)]
    _prepare(session, work, terms)
    going = [one for one in work if one.taken is None]
    if going:
        books = _read_books(session, going, now)
        _repeated(going, books.known, now)
        going = [one for one in going if one.taken is None and one.same_as is None]
    if going:
        # The best evidence first, so that nothing weaker is written and undone within one batch.
        going.sort(key=lambda one: (-one.sure.source.evidence_percent, one.place))
        _decide(session, going, books.counted, terms, now=now)
        _post(session, going, terms, now=now)
        _write(session, [one for one in going if one.taken is None])
    return [one.answer() for one in work]


def appealed(act: Act, appeal_id: int) -> Claim:
    """The same facts once more, with the contested finding set aside; a record of its own."""
    distance = act.distance_m
    behaviour = catalogue.behaviours().get(act.behaviour)
    by_distance = behaviour is not None and catalogue.is_distance(behaviour)
    return Claim(
        holder=act.holder,
        source=act.source,
        external_id=f"appeal:{appeal_id}",
        behaviour=act.behaviour,
        starts_at=act.occurred_at,
        quantity_milli=None if by_distance else act.claimed_milli,
        distance_m=distance,
        duration_s=int((act.ended_at - act.occurred_at).total_seconds()) or None,
        circumstances=act.circumstances or {},
        daily=not act.travel,
        region_code=act.region_code,
        set_aside=act.reason_code or "withdrawn",
    )


def _prepare(session: Session, work: Sequence[_Work], terms: Terms) -> None:
    """Scene, consent and region of every claim, then what follows from the claim itself."""
    found = {code: _scene(session, code) for code in {one.claim.source for one in work}}
    for one in work:
        source, person = found[one.claim.source], terms.people.get(one.claim.holder)
        if isinstance(source, PlatformError):
            one.refuse(source)
            continue
        refusal = consents.refusal(person, source.code, catalogue.ACTS_PURPOSE)
        if refusal is not None and not one.claim.set_aside:
            one.refuse(refusal)
            continue
        try:
            one.prepared = claims.prepare(one.claim, source)
        except PlatformError as why:
            one.refuse(why)
            continue
        given = one.claim.region_code
        one.region_code = given if given is not None else person.region_code if person else ""


def _scene(session: Session, code: str) -> Source | PlatformError:
    """The scene, or why nothing is taken from it."""
    try:
        return scenes.get_source(session, code)
    except PlatformError as why:
        return why


def _read_books(session: Session, work: Sequence[_Work], now: datetime) -> intake_sql.Books:
    """What is known of these records, and the books of all whose claim is in time."""
    keys = [(one.sure.source.code, one.sure.record_key) for one in work]
    windows: intake_sql.Windows = {}
    for one in work:
        if _untimely(one, now) is None:
            first, last = windows.get(one.claim.holder, (one.sure.day, one.sure.day))
            windows[one.claim.holder] = min(first, one.sure.day), max(last, one.sure.day)
    return intake_sql.read_books(session.connection(), keys, windows)


def _repeated(
    work: Sequence[_Work], known: Mapping[tuple[str, str], intake_sql.Known], now: datetime
) -> None:
    """Records that are in the book, or that came earlier in this batch: the first result, or a conflict.

    What is not there yet has to be in time; so a record that is sent again after a month is still the first.
    """
    first: dict[tuple[str, str], _Work] = {}
    for one in work:
        key = one.sure.source.code, one.sure.record_key
        there, before = known.get(key), first.get(key)
        if there is None and before is None:
            late = _untimely(one, now)
            if late is None:
                first[key] = one
            else:
                one.refuse(late)
            continue
        digest = there.digest if there else before.sure.digest if before else ""
        if digest != one.sure.digest:
            one.refuse(ActConflict(source=key[0], external_id=one.claim.external_id))
        elif there:
            one.taken = Taken(one.claim, act_id=there.act_id, repeated=True)
        else:
            one.same_as = before


def _untimely(one: _Work, now: datetime) -> PlatformError | None:
    """What is wrong with the time of a claim, if anything; an appeal is heard whenever it is decided."""
    if one.claim.set_aside:
        return None
    try:
        rules.check_time(one.claim.starts_at, claims.said_end(one.claim), now)
    except PlatformError as why:
        return why
    return None


def _decide(
    session: Session, work: Sequence[_Work], counted: Sequence[Counted], terms: Terms, *, now: datetime
) -> None:
    """Assess all claims at once, then rule on one after the other as the books fill."""
    methodology = catalogue.methodology()
    wanted = {_asked(one.sure, one.sure.milli) for one in work}
    full = grams_of(methodology, wanted)
    standings = load_standings(session, [one.sure for one in work], counted)
    days = [one.sure.day for one in work]
    campaigns = (
        points_rules.campaigns_between(session, min(days), max(days), lock=True) if terms.campaigns else []
    )
    rules_of = {day: points_rules.rules_in_force(session, day) for day in set(days)}
    for one, act_id in zip(work, terms.ids, strict=False):
        prepared = one.sure
        standing, rule = standings[prepared.claim.holder], rules_of[prepared.day]
        one.ruling = decide(
            prepared, standing, rule, campaigns, full[_asked(prepared, prepared.milli)], now=now
        )
        one.act = _row(one, act_id, now=now)
        dates = points.dates(prepared.source, rule, points=one.act.points, ended_at=one.act.ended_at, now=now)
        vars(one.act).update(vars(dates))
        if one.ruling.verdict.bonus:
            campaigns = [
                replace(row, left=row.left - one.ruling.verdict.bonus)
                if row.code == one.ruling.verdict.campaign
                else row
                for row in campaigns
            ]
        _note(standing, one)


def _asked(prepared: Prepared, milli: int) -> Asked:
    return Asked(prepared.behaviour.code, milli, prepared.day, prepared.circumstances)


def _note(standing: Standing, one: _Work) -> None:
    """What the rest of the batch finds in the person's book."""
    assert one.ruling is not None
    act, category = one.act, one.sure.behaviour.category_zh
    for gone in one.ruling.replaces:
        standing.take_out(gone)
    if act.counted_milli:
        standing.put_in(
            Counted(
                act.id, act.holder, act.behaviour, act.day, act.travel, act.occurred_at, act.ended_at,
                act.counted_milli, act.reduction_g, act.creditable_g, act.points, act.source,
                act.evidence_percent, act.active_from, act.points_state, act.points_lot,
                act.bonus_points, act.campaign, None,
            ),
            category,
        )  # fmt: skip


_DEFAULTS: dict[str, Any] = {
    column.name: None if column.nullable else getattr(column.server_default, "arg", "")
    for column in Act.__table__.columns
} | {"circumstances": {}, "bonus_points": 0}


def _row(one: _Work, act_id: int, *, now: datetime) -> Any:
    """The columns of a new act, as attributes."""
    prepared, claim, ruling = one.sure, one.claim, one.ruling
    assert ruling is not None
    verdict = ruling.verdict
    values = _DEFAULTS | {
        "id": act_id,
        "holder": claim.holder,
        "region_code": one.region_code,
        "source": prepared.source.code,
        "external_id": claim.external_id,
        "record_key": prepared.record_key,
        "content_digest": prepared.digest,
        "behaviour": prepared.behaviour.code,
        "travel": prepared.travels,
        "occurred_at": claim.starts_at,
        "ended_at": prepared.ends_at,
        "day": prepared.day,
        "distance_m": claim.distance_m,
        "claimed_milli": prepared.milli,
        "counted_milli": verdict.counted_milli,
        "status": verdict.status,
        "reason_code": verdict.reasons[0].code if verdict.reasons else "",
        "reason_zh": "".join(reason.zh for reason in verdict.reasons),
        "reason_en": " ".join(reason.en for reason in verdict.reasons),
        "claimed_g": ruling.claimed_g,
        "reduction_g": verdict.reduction_g,
        "creditable_g": verdict.creditable_g,
        "points": verdict.points,
        "formula_zh": ruling.formula_zh,
        "formula_en": ruling.formula_en,
        "methodology": catalogue.methodology().key,
        "assessed_milli": ruling.assessed_milli,
        "evidence_percent": prepared.source.evidence_percent,
        "parameter_digest": ruling.assessed.parameter_digest,
        "input_digest": ruling.assessed.input_digest,
        "code_digest": ruling.assessed.code_digest,
        "points_rule": ruling.rule_version,
        "reported_at": now,
        "circumstances": dict(prepared.circumstances),
        "counted_as_id": ruling.counted_as,
        "bonus_points": verdict.bonus,
        "campaign": verdict.campaign,
    }
    return SimpleNamespace(**values)


def _post(session: Session, work: Sequence[_Work], terms: Terms, *, now: datetime) -> None:
    """Undo what better evidence replaces, then post all acts, active at once where nothing waits."""
    _undo(session, work, now=now)
    entries: list[ledger.Entry] = []
    waiting = _under_review(session, work, now=now) if terms.reviews else set()
    for one in work:
        if one.taken is not None:
            continue
        entry = booking(one.act)
        if entry is not None:
            activation = points.activation_at_once(one.act, now=now)
            if one.claim.holder in waiting:
                activation = None
            one.entries = [entry] if activation is None else [entry, activation]
            entries += one.entries
    outcomes = iter(ledger.post_batch(session, entries, now))
    active: list[tuple[str, int]] = []
    for one in work:
        mine = [next(outcomes) for _ in one.entries]
        refused = next((outcome.refused for outcome in mine if outcome.refused), None)
        if isinstance(refused, ledger.ReferenceConflict):
            # The reference is the record's: somebody else claimed it a moment ago.
            one.refuse(ActConflict(source=one.claim.source, external_id=one.claim.external_id))
        elif refused is not None:
            one.refuse(refused)
        elif mine:
            one.act.entry_id = mine[0].demand().entry_id
            if len(mine) > 1:
                one.act.points_state, one.act.activation_entry_id = ACTIVE, mine[1].demand().entry_id
                active.append((one.claim.holder, one.act.activation_entry_id))
    if active:
        indebted = ledger.holders_with(session, ledger.POINTS_DEBT, {holder for holder, _ in active})
        for holder, because in active:
            if holder in indebted:
                points.recover(session, holder, because, now=now)


def _under_review(session: Session, work: Sequence[_Work], *, now: datetime) -> set[str]:
    """Whose points stay pending although nothing else is left to wait for."""
    due = {one.claim.holder for one in work if points.activation_at_once(one.act, now=now)}
    return devices.under_review(session, due) if due else set()


def _undo(session: Session, work: Sequence[_Work], *, now: datetime) -> None:
    """Take the weaker records of the same acts back; where the ledger refuses, the new claim is refused."""
    pairs = [(one, gone) for one in work if one.ruling for gone in one.ruling.replaces]
    if not pairs:
        return
    intake_sql.hold(session.connection(), [gone for _, gone in pairs])
    entries = [(one, gone, undo(gone, f"replaced:{gone.act_id}", "act.replaced")) for one, gone in pairs]
    outcomes = iter(ledger.post_batch(session, [entry for _, _, entry in entries if entry is not None], now))
    rows = []
    for one, gone, entry in entries:
        outcome = next(outcomes) if entry is not None else None
        if outcome is not None and outcome.refused is not None:
            one.refuse(outcome.refused)
            continue
        names = one.sure.source.name_zh, one.sure.source.name_en
        note = precedence.better_evidence_words(*names)[0]
        rows.append((gone, (gone.act_id, outcome.demand().entry_id if outcome else None, note, one.act.id)))
    if rows:
        intake_sql.withdraw_acts(session.connection(), [row for _, row in rows], now)
        intake_sql.add_to_books(session.connection(), sums([gone for gone, _ in rows], -1))
        points_rules.spend(session, bonuses([gone for gone, _ in rows], -1))


def _write(session: Session, work: Sequence[_Work]) -> None:
    if not work:
        return
    acts = [one.act for one in work]
    connection = session.connection()
    intake_sql.write_acts(connection, [vars(act) for act in acts], sums(acts, 1))
    points_rules.spend(session, bonuses(acts, 1))
