"""Conformance kit (一致性检查): what every methodology, built-in or plug-in, must hold.

Plain functions over an :class:`Example`; each raises :class:`ConformanceFailed` naming the methodology, the
check and the first offending figure. They run on ``methodology.example()`` at start-up (:func:`check_all`)
and in tests on generated frames.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pandas as pd

from methodologies.columns import Findings
from methodologies.contract import run
from methodologies.declaration import NET, Example, Methodology, Period, Quantification
from methodologies.errors import PROBLEMS_SHOWN_MAX, ConformanceFailed, InvalidRows, Problem
from methodologies.explain import explain_row
from methodologies.preparation import fill_frame
from methodologies.validation import canonical

_RELATIVE = 1e-9
_ROWS_ONE_BY_ONE_MAX = 5
# At start-up two rows tell as much as five about whether rows look at each other; tests take all five.
_ROWS_AT_START = 2


def _run(methodology: Methodology, example: Example, frame: pd.DataFrame | None = None) -> Quantification:
    rows = example.frame if frame is None else frame
    return run(methodology, rows, period=example.period, as_of=example.as_of, tables=example.tables)


def _plain(methodology: Methodology, example: Example, known: Quantification | None) -> Quantification:
    """The example as it is, computed; ``known`` if that was done before: most checks begin with it."""
    return _run(methodology, example) if known is None else known


def _fail(methodology: Methodology, check: Callable[..., None], reason: str) -> ConformanceFailed:
    return ConformanceFailed(key=methodology.key, check=check.__name__, reason=reason)


def _step_names(methodology: Methodology) -> list[str]:
    return [step.name for step in methodology.steps]


def keeps_index(methodology: Methodology, example: Example) -> None:
    """The result carries the labels of the input, in its order, whatever they are."""
    labels = pd.Index([f"地块-{position}" for position in range(len(example.frame))][::-1])
    result = _run(methodology, example, example.frame.set_axis(labels, axis=0))
    if not result.frame.index.equals(labels):
        raise _fail(methodology, keeps_index, "row labels changed")


def ignores_row_and_column_order(
    methodology: Methodology, example: Example, known: Quantification | None = None
) -> None:
    """Shuffling rows and columns changes no figure, no total and no digest."""
    first = _plain(methodology, example, known)
    order = np.random.default_rng(20260101).permutation(len(example.frame))
    shuffled = example.frame.iloc[order, ::-1]
    second = _run(methodology, example, shuffled)
    names = _step_names(methodology)
    if not second.frame.loc[example.frame.index, names].equals(first.frame[names]):
        raise _fail(methodology, ignores_row_and_column_order, "figures depend on the order of rows")
    if second.totals != first.totals:
        raise _fail(methodology, ignores_row_and_column_order, "totals depend on the order of rows")
    if second.input_digest != first.input_digest:
        raise _fail(methodology, ignores_row_and_column_order, "the input digest depends on the order")


def batch_equals_one_by_one(
    methodology: Methodology,
    example: Example,
    known: Quantification | None = None,
    *,
    rows: int = _ROWS_ONE_BY_ONE_MAX,
) -> None:
    """A row's figures do not depend on the rows beside it."""
    whole = _plain(methodology, example, known).frame
    for position in range(min(len(example.frame), rows)):
        row = example.frame.iloc[[position]]
        alone = _run(methodology, example, row).frame
        for name in _step_names(methodology):
            together, single = float(whole[name].iloc[position]), float(alone[name].iloc[0])
            if not math.isclose(together, single, rel_tol=1e-12, abs_tol=1e-12):
                reason = f"row {row.index[0]}, {name}: {together!r} in the batch, {single!r} alone"
                raise _fail(methodology, batch_equals_one_by_one, reason)


def zero_gives_zero(methodology: Methodology, example: Example) -> None:
    """A subject of no size (area, quantity and all amounts zero) has a net figure of exactly zero."""
    frame = example.frame.copy()
    for column in methodology.columns:
        if column.extensive and column.name in frame:
            frame[column.name] = 0.0
    net = _run(methodology, example, frame).frame[NET]
    if (net != 0).any():
        raise _fail(
            methodology, zero_gives_zero, f"{NET} is {net[net != 0].iloc[0]!r} for a subject of size zero"
        )


def splitting_keeps_the_sum(
    methodology: Methodology, example: Example, known: Quantification | None = None
) -> None:
    """Where declared additive: a subject cut in two gives the same as the whole, within 1e-9."""
    if not methodology.additive:
        return
    extensive = [c.name for c in methodology.columns if c.extensive and c.name in example.frame]
    left, right = example.frame.copy(), example.frame.copy()
    for name in extensive:
        left[name] = example.frame[name].astype(float) * 0.375
        right[name] = example.frame[name].astype(float) * 0.625
    uncut = _plain(methodology, example, known).frame
    whole = uncut[NET].to_numpy()
    # A small net figure may be the difference of large ones; rounding is judged by their size.
    amounts = [step.name for step in methodology.steps if step.total]
    size = uncut[[*amounts, NET]].abs().max(axis=1).to_numpy()
    halves = [_run(methodology, example, half).frame[NET].to_numpy() for half in (left, right)]
    wrong = np.abs(halves[0] + halves[1] - whole) > _RELATIVE * np.abs(whole) + 1e-12 * size
    if wrong.any():
        row = example.frame.index[int(np.flatnonzero(wrong)[0])]
        raise _fail(methodology, splitting_keeps_the_sum, f"row {row}: the parts do not add up to the whole")


def refuses_invalid_input(methodology: Methodology, example: Example) -> None:
    """A required column left out and each number out of range are refused by row, column, unit and range.

    One row is enough, and many columns are spoilt at once: a start must not take seconds.
    """
    row = example.frame.iloc[[0]]
    required = [c.name for c in methodology.columns if c.required and c.required_when is None]
    numbers = [c for c in methodology.columns if c.kind in {"float", "int"} and c.name in row]
    _expect_refusal(methodology, example, row.drop(columns=required, errors="ignore"), *required)
    for some in (numbers[at : at + PROBLEMS_SHOWN_MAX] for at in range(0, len(numbers), PROBLEMS_SHOWN_MAX)):
        names = [column.name for column in some]
        high = {column.name: (column.high or 0.0) + 1.0 for column in some}
        _expect_refusal(methodology, example, row.assign(**high), *names)
        _expect_refusal(methodology, example, row.assign(**dict.fromkeys(names, np.inf)), *names)


def _expect_refusal(methodology: Methodology, example: Example, frame: pd.DataFrame, *columns: str) -> None:
    """The frame is refused, and the refusal says where for each of the columns."""
    if not columns:
        return
    problems: tuple[Problem, ...] = ()
    try:
        _run(methodology, example, frame)
    except InvalidRows as refusal:
        problems = refusal.problems
    for column in columns:
        named = [problem for problem in problems if problem.column == column]
        if not named:
            reason = f"{column}: an invalid value was accepted"
            raise _fail(methodology, refuses_invalid_input, reason)
        if not all(p.zh and p.en and p.allowed and p.row is not None for p in named):
            raise _fail(methodology, refuses_invalid_input, f"{column}: the refusal does not say where")


def leaves_input_alone(
    methodology: Methodology, example: Example, known: Quantification | None = None
) -> None:
    """The caller's frame, and the inputs kept with the result, are the same after a run."""
    frame = example.frame.copy(deep=True)
    before = frame.copy(deep=True)
    _run(methodology, example, frame)
    if not frame.equals(before) or list(frame.columns) != list(before.columns):
        raise _fail(methodology, leaves_input_alone, "the input frame was changed")
    values = canonical(methodology.columns, before, Findings(before.index))
    seen = _plain(methodology, example, known).frame
    for column in methodology.columns:
        if not seen[column.name].equals(pd.Series(values[column.name], index=before.index)):
            reason = f"the model changed {column.name} in what it was handed"
            raise _fail(methodology, leaves_input_alone, reason)


def repeats_itself(methodology: Methodology, example: Example, known: Quantification | None = None) -> None:
    """Same input, same digests and same figures to the last bit; another input, another digest."""
    first, second = _plain(methodology, example, known), _run(methodology, example)
    if first.record() != second.record() or not first.frame.equals(second.frame):
        raise _fail(methodology, repeats_itself, "two runs of the same input differ")
    if len(example.frame) > 1:
        fewer = _run(methodology, example, example.frame.iloc[1:])
        if fewer.input_digest == first.input_digest:
            raise _fail(methodology, repeats_itself, "the digest misses a removed row")


def explains_itself(
    methodology: Methodology,
    example: Example,
    known: Quantification | None = None,
    *,
    rows: int = _ROWS_ONE_BY_ONE_MAX,
) -> None:
    """Every printed equation of every row gives the stored figure, and the last one is the net figure."""
    result = _plain(methodology, example, known)
    for label in example.frame.index[:rows]:
        steps = explain_row(methodology, result, label)
        if steps[-1].name != NET:
            raise _fail(methodology, explains_itself, "the explanation does not end in the net figure")


def prepares_tables(methodology: Methodology, example: Example) -> None:
    """Measured tables: the order of lines decides nothing, a run leaves them alone and fingerprints each."""
    if not example.tables:
        return
    given = {name: table.copy(deep=True) for name, table in example.tables.items()}
    first = _run(methodology, example._replace(tables=given))
    for name, table in given.items():
        if not table.equals(example.tables[name]):
            raise _fail(methodology, prepares_tables, f"table {name} was changed")
    shuffled = {name: table.iloc[::-1, ::-1] for name, table in example.tables.items()}
    second = _run(methodology, example._replace(tables=shuffled))
    if first.record() != second.record() or not first.frame.equals(second.frame):
        raise _fail(methodology, prepares_tables, "figures or digests depend on the order of lines")
    if set(first.table_digests) != set(given):
        raise _fail(methodology, prepares_tables, "a table has no digest")


def resolved(methodology: Methodology, example: Example) -> Example:
    """The example with its tables worked into the frame, as checks of rows need it."""
    if not example.tables:
        return example
    findings = Findings(example.frame.index)
    filled = fill_frame(
        methodology.preparations,
        methodology.columns,
        example.frame,
        example.tables,
        period=Period.of(example.period),
        p=methodology.parameters.at(example.as_of),
        findings=findings,
    )
    return Example(filled.frame, example.period, example.as_of)


CHECKS: tuple[Callable[..., None], ...] = (
    keeps_index,
    ignores_row_and_column_order,
    batch_equals_one_by_one,
    zero_gives_zero,
    splitting_keeps_the_sum,
    refuses_invalid_input,
    leaves_input_alone,
    repeats_itself,
    explains_itself,
)
_WITHOUT_KNOWN = frozenset({keeps_index, zero_gives_zero, refuses_invalid_input})
_ROW_BY_ROW = frozenset({batch_equals_one_by_one, explains_itself})


def check_all(
    methodology: Methodology, example: Example | None = None, *, rows: int = _ROWS_ONE_BY_ONE_MAX
) -> None:
    """Run every check on the example given, or on the methodology's own one.

    ``prepares_tables`` sees its tables; the others see the rows that come of them. ``rows``: how many of
    them are computed alone, and explained.
    """
    chosen = example if example is not None else methodology.example()
    prepares_tables(methodology, chosen)
    worked = resolved(methodology, chosen)
    known = _run(methodology, worked)
    for check in CHECKS:
        if check in _WITHOUT_KNOWN:
            check(methodology, worked)
        elif check in _ROW_BY_ROW:
            check(methodology, worked, known, rows=rows)
        else:
            check(methodology, worked, known)


def check_at_start(methodology: Methodology) -> None:
    """:func:`check_all` for a start that must not take seconds: fewer rows one by one, no check left out."""
    check_all(methodology, rows=_ROWS_AT_START)
