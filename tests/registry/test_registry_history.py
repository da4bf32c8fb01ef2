"""A random history, written down as messily as registries do, comes back as the same holdings.

The model knows single serials and their owners only; it shares no code with the import.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from registry_files import ALPHA, BETA, CODES, GAMMA, csv_file, row, workbook
from registry_house import Desk

from carbon_platform.registry import methodology_names

NAMES = [ALPHA, BETA, GAMMA]
SPELLINGS = methodology_names.known()["CCER-14-001-V01"].spellings
WORDS = {"issuance": ["登记", "签发 ", "ISSUANCE", "初始登记"], "transfer": ["划转", "交易划转", "Transfer"],
         "retirement": ["注销", "自愿注销", "retired"]}  # fmt: skip
DASHES = ["-", " – ", "—", " 至 ", "～", "−", "－"]
DATES = ["%Y-%m-%d", "%Y/%m/%d", "%Y年%m月%d日", "%Y.%m.%d", "%Y%m%d"]
FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")
START = date(2025, 3, 1)
_turns = count()

Event = tuple[str, list[int], str, str, int]  # kind, serials, from, to, day


class Model:
    """Owner of every serial, retired ones under a name of their own."""

    def __init__(self) -> None:
        self.owner: dict[int, str] = {}
        self.next = 1

    def owned(self, name: str) -> list[int]:
        return sorted(n for n, owner in self.owner.items() if owner == name)

    def holdings(self) -> dict[tuple[str, str], int]:
        found: dict[tuple[str, str], int] = {}
        for owner in self.owner.values():
            name, _, gone = owner.partition("|")
            key = (name, "retired" if gone else "external")
            found[key] = found.get(key, 0) + 1000
        return found


@st.composite
def histories(draw: st.DrawFn) -> tuple[Model, list[Event]]:
    model, events, day = Model(), [], 0
    for _ in range(draw(st.integers(1, 14))):
        day += draw(st.integers(0, 2))
        holders = [name for name in NAMES if model.owned(name)]
        kind = (
            draw(st.sampled_from(["issuance", "transfer", "transfer", "retirement"]))
            if holders
            else "issuance"
        )
        if kind == "issuance":
            name = draw(st.sampled_from(NAMES))
            first = model.next + draw(st.integers(0, 3))
            serials = list(range(first, first + draw(st.integers(1, 12))))
            model.next = serials[-1] + 1
            events.append((kind, serials, name, "", day))
            model.owner |= dict.fromkeys(serials, name)
            continue
        name = draw(st.sampled_from(holders))
        serials = sorted(draw(st.sets(st.sampled_from(model.owned(name)), min_size=1, max_size=8)))
        to = draw(st.sampled_from([n for n in NAMES if n != name])) if kind == "transfer" else ""
        events.append((kind, serials, name, to, day))
        model.owner |= dict.fromkeys(serials, to or f"{name}|retired")
    return model, events


def written(draw: Callable[..., Any], event: Event, number: int) -> list[Any]:
    """The event as a row, in one of the ways people write it."""
    kind, serials, name, to, day = event
    width = draw(st.sampled_from([1, 6]))
    runs: list[list[int]] = []
    for serial in serials:
        if runs and runs[-1][-1] + 1 == serial:
            runs[-1][-1:] = [runs[-1][0], serial] if len(runs[-1]) == 1 else [serial]
        else:
            runs.append([serial])
    blocks = []
    for run in runs:
        ends = [f"{n:0{width}d}" for n in (run[0], run[-1])]
        text = (
            ends[0] if run[0] == run[-1] and draw(st.booleans()) else draw(st.sampled_from(DASHES)).join(ends)
        )
        blocks.append(text.translate(FULL_WIDTH) if draw(st.booleans()) else text)
    tonnes = len(serials)
    quantity = draw(st.sampled_from([tonnes, f"{tonnes}", f"{tonnes}.000", f" {tonnes} 吨", f"{tonnes}t"]))
    when = (START + timedelta(days=day)).strftime(draw(st.sampled_from(DATES)))
    by_code = bool(CODES[name]) and draw(st.booleans())
    to_code = CODES[to] if to and CODES[to] and draw(st.booleans()) else ""
    return row(
        draw(st.sampled_from(WORDS[kind])),
        draw(st.sampled_from(["; ", "；", "\n"])).join(blocks),
        quantity,
        "旧名" if by_code else name.replace("（", "("),
        when,
        code=CODES[name].lower() if by_code else "",
        to=to,
        to_code=to_code,
        method=draw(st.sampled_from(SPELLINGS)),
        reference=f"T-{number}",
        certificate=f"ZX-{number}" if kind == "retirement" else "",
    )


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), history=histories())
def test_holdings_equal_an_independent_model(
    new_desk: Callable[[str], Desk], tmp_path: Path, data: st.DataObject, history: tuple[Model, list[Event]]
) -> None:
    model, events = history
    desk = new_desk("sqlite")
    rows = [written(data.draw, event, number) for number, event in enumerate(events)]
    cut = data.draw(st.integers(0, len(rows)))
    # First what had happened by then, later the whole export, in any order, as CSV or workbook.
    later = data.draw(st.permutations(rows))
    for part in (rows[:cut], later):
        if not part:
            continue
        path = tmp_path / f"{next(_turns)}"
        if data.draw(st.booleans()):
            encoding = data.draw(st.sampled_from(["utf-8", "utf-8-sig", "gb18030"]))
            staged = desk.stage(csv_file(path, part, encoding=encoding))
        else:
            staged = desk.stage(workbook(path, part))
        assert (staged.counts["error"], staged.counts["conflict"]) == (0, 0), [
            found["zh"] for r in desk.rows(staged) for found in r.findings
        ]
        if part is later:
            assert (staged.counts["unchanged"], staged.counts["new"]) == (cut, len(rows) - cut)
        if staged.counts["new"]:
            desk.accept(staged)
    assert desk.holdings() == model.holdings()
    desk.assert_sound()
