"""One act opened down to its sources: equations with the numbers, factors, caps, points, an honest word."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from sqlalchemy.orm import Session

from carbon_platform.citizens import catalogue, points_rules, rules, scenes
from carbon_platform.citizens.assessment import LABEL, assess
from carbon_platform.citizens.book import get_act
from carbon_platform.citizens.points_scheme import PointsRule
from carbon_platform.citizens.points_tables import PointsCampaign
from carbon_platform.citizens.tables import Act
from carbon_platform.explanation import Blocker, Equation, Explanation, Figure, Link, Term
from carbon_platform.identity.rules import Actor
from methodologies import registry
from methodologies.contract import Behaviour, ExplainedStep, Methodology, Quantification, explain_row
from methodologies.contract import Term as MethodTerm

_G = "g CO2e"
# The points grade and its factor first, then the conservative grade and its factor.
_ORDER = ("p_grade_g", "p_factor_g", "c_grade_g", "c_factor_g")
_STATUS = {"input": "measured", "step": "computed", "period": "computed"}


def explain_act(session: Session, actor: Actor, ref: str | int, *, is_demo: bool) -> Explanation:
    """Explain one of the person's own acts. Errors: ``NotFound``, also for another person's act.

    The act is computed again from what was stored; ``replay`` says whether today's code and parameters
    of its version still give the same digests. The figures of the book are shown either way.
    """
    act = get_act(session, actor, _number(ref))
    methodology = registry()[act.methodology]
    circumstances = tuple(sorted(act.circumstances.items()))
    known = _behaviour(methodology, act)
    if known is not None and known.pending:
        return _explain_figureless(session, methodology, act, known, is_demo=is_demo)
    again = assess(methodology, act.behaviour, act.assessed_milli, act.day, circumstances)
    steps = [step for step in explain_row(methodology, again.quantification, LABEL) if step.name in _ORDER]
    rule = points_rules.get_rule(session, act.points_rule)
    name_zh, name_en = _names(methodology, act)
    sentence_zh, sentence_en = _sentences(act, name_zh, name_en)
    kept, counted = act.withdrawn_at is None, act.status != rules.NOT_COUNTED
    replay_zh, replay_en = _replay(act, again.quantification)
    return Explanation(
        kind="act",
        ref=str(act.id),
        title_zh=f"{rules.clock_words(act.occurred_at)} {name_zh}",
        title_en=f"{name_en}, {act.day}",
        figure=Figure(act.reduction_g if kept else 0, _G, "recorded" if kept and counted else "returned"),
        sentence_zh=sentence_zh,
        sentence_en=sentence_en,
        equations=(
            _counted(session, methodology, act, again.points_g),
            *_method_equations(steps),
            _points(session, act, rule),
        ),
        inputs=_inputs(session, methodology, act),
        digests=(
            ("input", act.input_digest),
            ("parameters", act.parameter_digest),
            ("code", act.code_digest),
            ("record", act.content_digest),
        ),
        replay_zh=replay_zh,
        replay_en=replay_en,
        blockers=_blockers(act, again.quantification),
        children=(Link("methodology", act.methodology, methodology.title_zh, methodology.title_en),),
        is_demo=is_demo,
    )


def _explain_figureless(
    session: Session, methodology: Methodology, act: Act, known: Behaviour, *, is_demo: bool
) -> Explanation:
    """A local extra without a figure: 0 g, points by the rule, and why there is nothing to compute."""
    kept = act.withdrawn_at is None
    zh = f"{known.name_zh}：0 克，得 {act.points} 分。{known.pending_zh}。积分是市里和商家的心意，不是碳价。"
    en = (
        f"{known.name_en}: 0 g, {act.points} points. {known.pending_en}. "
        "Points are a thank-you from the city and shops, not a carbon price."
    )
    return Explanation(
        kind="act",
        ref=str(act.id),
        title_zh=f"{rules.clock_words(act.occurred_at)} {known.name_zh}",
        title_en=f"{known.name_en}, {act.day}",
        figure=Figure(0, _G, "recorded" if kept else "returned"),
        sentence_zh=f"{zh}{act.reason_zh}",
        sentence_en=f"{en} {act.reason_en}".strip(),
        equations=(_points(session, act, points_rules.get_rule(session, act.points_rule)),),
        inputs=_inputs(session, methodology, act),
        digests=(("record", act.content_digest),),
        replay_zh="没有系数，不计算克数，也就没有可以重算的。",
        replay_en="There is no figure and nothing is computed, hence nothing to compute again.",
        blockers=(
            Blocker(
                "act.not_creditable",
                "本地特色行为的减排量由背后的项目主张，这里恒为 0 克，不进入任何签发。",
                "The project behind a local extra claims the tonnes: here 0 g, never part of an issuance.",
                "",
            ),
        ),
        children=(Link("methodology", act.methodology, methodology.title_zh, methodology.title_en),),
        is_demo=is_demo,
    )


def _number(ref: str | int) -> int:
    """The act's number; 0, which no act has, for anything that is not one."""
    text = str(ref)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


def _behaviour(methodology: Methodology, act: Act) -> Behaviour | None:
    return next((b for b in methodology.behaviours if b.code == act.behaviour), None)


def _names(methodology: Methodology, act: Act) -> tuple[str, str]:
    known = _behaviour(methodology, act)
    return (known.name_zh, known.name_en) if known else (act.behaviour, act.behaviour)


def _sentences(act: Act, name_zh: str, name_en: str) -> tuple[str, str]:
    """What happened, why, and the honest word (老实话) about points and carbon."""
    price = catalogue.reference_price()
    worth = rules.worth_fen(act.reduction_g, price["fen_per_t"])
    yuan = price["fen_per_t"] // 100
    zh = f"{name_zh}：计入 {act.reduction_g} 克，得 {act.points} 分。"
    en = f"{name_en}: {act.reduction_g} g counted, {act.points} points."
    if act.withdrawn_at is not None:
        why_zh, why_en = (
            ("后来被来源撤回", "Its source took it back later")
            if act.counted_as_id is None
            else ("后来不再计", "It counts no longer")
        )
        zh += f"这一条{why_zh}，克数和积分都已收回：{act.withdrawal_note}。{rules.APPEAL[0]}"
        en += f" {why_en}, with grams and points: {act.withdrawal_note}."
        en += f" {rules.APPEAL[1]}"
    if act.reason_zh:
        zh += f"{act.reason_zh}{rules.APPEAL[0]}"
        en += f" {act.reason_en} {rules.APPEAL[1]}"
    zh += (
        "老实话：这是按公开系数估的数，不是仪器量的。"
        f"{act.reduction_g} 克碳按每吨 {yuan} 元算，约值 {worth} 分钱；"
        "积分是市里和商家的心意，不是碳价，也不能当碳票卖。"
        f"保守口径（可计入级）是 {act.creditable_g} 克。"
    )
    en += (
        " Honestly: this is an estimate from published factors, not a measurement."
        f" At ¥{yuan}/t the carbon is worth {worth} fen; points are a thank-you from the city and shops, "
        "not a carbon price, and cannot be sold as carbon tickets."
        f" The conservative grade is {act.creditable_g} g."
    )
    return zh, en


def _counted(session: Session, methodology: Methodology, act: Act, raw_g: float) -> Equation:
    """From exact grams to what stands in the book: evidence share, floor, caps."""
    graded_g = rules.graded_g(raw_g, act.evidence_percent)
    numeric = f"⌊{rules.grams_text(raw_g)} × {act.evidence_percent}%⌋ = {graded_g}"
    if graded_g != act.reduction_g:
        numeric += f" → {act.reduction_g}"
    terms = [
        Term(
            "G", "这一条全部算入时的克数", "grams if all of it counted", act.claimed_g, _G, status="computed"
        )
    ]
    source = scenes.find_source(session, act.source)
    if source:
        share = act.evidence_percent
        terms.append(
            Term("e", "证据折扣", "evidence share", share, "%", source=source.source, status=source.status)
        )
    known = _behaviour(methodology, act)
    if known:
        zh, en = f"上限：{known.cap_note_zh}", f"cap: {known.cap_note_en}"
        terms.append(Term("cap", zh, en, None, "", source=known.source, status=known.cap_status))
    return Equation(
        symbol="G*",
        name_zh="计入账本的克数",
        name_en="grams in the book",
        symbolic="G* = min(⌊P × e⌋, cap)",
        numeric=numeric,
        value=act.reduction_g,
        unit=_G,
        terms=tuple(terms),
    )


def _method_equations(steps: list[ExplainedStep]) -> tuple[Equation, ...]:
    return tuple(
        Equation(
            symbol=step.symbol,
            name_zh=step.meaning_zh,
            name_en=step.meaning_en,
            symbolic=step.equation,
            numeric=step.numbers,
            value=step.value,
            unit=step.unit,
            terms=tuple(_term(term) for term in step.terms),
            source=f"{step.source} ({step.equation_no})" if step.equation_no else step.source,
        )
        for step in sorted(steps, key=lambda step: _ORDER.index(step.name))
    )


def _term(term: MethodTerm) -> Term:
    return Term(
        symbol=term.symbol,
        name_zh=term.meaning_zh,
        name_en=term.meaning_en,
        value=term.value.isoformat() if isinstance(term.value, date) else term.value,
        unit=term.unit,
        source=term.source,
        page=term.page,
        status=_STATUS.get(term.kind, term.status),
        valid_from=term.valid_from.isoformat() if term.valid_from else "",
    )


def _points(session: Session, act: Act, rule: PointsRule) -> Equation:
    def ruled(symbol: str, zh: str, en: str, value: int, unit: str) -> Term:
        return Term(
            symbol, zh, en, value, unit, source=rule.source, status=rule.status, valid_from=rule.valid_from
        )

    fixed = rule.fixed.get(act.behaviour)
    if fixed is None:
        earned = ruled("k", "每分克数", "grams per point", rule.grams_per_point, "g CO2e/point")
        symbolic, numeric = "⌊G* ÷ k⌋", f"⌊{act.reduction_g} ÷ {rule.grams_per_point}⌋"
    else:
        earned = ruled("f", "这种行为每次的分", "points per act of this behaviour", fixed, "points")
        symbolic, numeric = "f", str(fixed)
    terms = [earned]
    if act.bonus_points:
        found = session.get(PointsCampaign, act.campaign)
        terms.append(
            Term(
                "b", f"活动“{found.name_zh if found else act.campaign}”多给", "given by a campaign",
                act.bonus_points, "points",
                source=found.source if found else "", status=found.status if found else "",
            )
        )  # fmt: skip
        symbolic, numeric = f"{symbolic} + b", f"{numeric} + {act.bonus_points}"
    terms.append(
        ruled("cap", "每人每天积分上限", "points per person and day", rule.person_day_points, "points")
    )
    return Equation(
        symbol="N",
        name_zh=f"积分（规则 {rule.version}）",
        name_en=f"points (rule {rule.version})",
        symbolic=f"N = min({symbolic}, cap)",
        numeric=f"{numeric} → {act.points}",
        value=act.points,
        unit="points",
        terms=(*terms, *_dates(session, act)),
        source=rule.source,
    )


def _dates(session: Session, act: Act) -> tuple[Term, ...]:
    """From when the act is confirmed and to when its points can be spent, with the rules that say so."""
    if act.active_from is None:
        return ()  # from before lots were dated
    day = rules.local_day(act.reported_at)
    waits, lives = scenes.observation(session, act.source, act.reported_at), catalogue.lifetime(day)
    found = [
        Term(
            "d", "观察期", "days of observation", waits.days, "d",
            source=waits.source, status=waits.status, valid_from=waits.valid_from,
        ),
        Term("from", "起能用", "can be spent from", _minute(act.active_from), "", status="computed"),
    ]  # fmt: skip
    if act.claim_by is not None:
        found.append(
            Term("claim", "最晚领取", "to be fetched before", _minute(act.claim_by), "", status="computed")
        )
    if act.points_lot:
        found.append(
            Term(
                "L", "到期日（含当天）", "last day, included", act.points_lot, "",
                source=lives.source, status=lives.status, valid_from=lives.valid_from,
            )
        )  # fmt: skip
    return tuple(found)


def _minute(moment: datetime) -> str:
    return moment.astimezone(rules.LOCAL).isoformat(timespec="minutes")


def _inputs(session: Session, methodology: Methodology, act: Act) -> tuple[Term, ...]:
    from_source = " ".join(scenes.names(session, act.source))

    def said(symbol: str, zh: str, en: str, value: int | str, unit: str = "") -> Term:
        return Term(symbol, zh, en, value, unit, source=from_source, status="measured")

    claimed, counted = rules.milli_text(act.claimed_milli), rules.milli_text(act.counted_milli)
    found = [
        said("code", *_names(methodology, act), act.behaviour),
        said("q", "报来的数量", "quantity reported", claimed, "1"),
        Term("q*", "计入的数量", "quantity counted", counted, "1", status="computed"),
        said("t", "时间", "time", act.occurred_at.isoformat()),
        said("record", "记录号", "record", act.external_id),
    ]
    if act.distance_m is not None:
        found.append(said("d", "里程", "distance", act.distance_m, "m"))
    return tuple(found)


def _replay(act: Act, again: Quantification) -> tuple[str, str]:
    start = date.fromisoformat(act.day)
    how = (
        f"{act.methodology}, code={act.behaviour}, quantity={rules.milli_text(act.assessed_milli)}, "
        f"period=[{start}, {start + timedelta(days=1)}), as_of={act.day}"
    )
    then = (act.input_digest, act.parameter_digest, act.code_digest)
    if then == (again.input_digest, again.parameter_digest, again.code_digest):
        return f"刚刚重算过，摘要一致：{how}。", f"Computed again just now with equal digests: {how}."
    return (
        f"系数或程序后来更新过；账本里的数按当时的版本，不追改。重算：{how}。",
        f"Factors or code have changed since; the book keeps what was right then. Replay: {how}.",
    )


def _blockers(act: Act, again: Quantification) -> tuple[Blocker, ...]:
    """Why these grams cannot be issued, in plain words."""
    found = []
    if not act.creditable_g:
        zh = "这条没有可计入级的克数：只送积分，不进入任何签发。"
        en = "No creditable grams: good for points only, never part of an issuance."
        found.append(Blocker("act.not_creditable", zh, en, ""))
    if again.blocking_parameters:
        names = ", ".join(again.blocking_parameters)
        zh = f"系数 {names} 还没有签署采纳，只能作试算和送分。"
        en = f"Factors {names} are not adopted: an estimate, good for points only."
        found.append(Blocker("act.parameters_not_adopted", zh, en, "authority"))
    return tuple(found)
