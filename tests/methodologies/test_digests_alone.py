"""A row's digest out of a batch is the one it has alone."""

from __future__ import annotations

import pytest

from methodologies import registry
from methodologies.columns import Findings
from methodologies.declaration import Period
from methodologies.digest import digests_alone, input_digest
from methodologies.validation import canonical

# Rows that are filled from measured tables are never computed alone.
PLAIN = sorted(key for key, methodology in registry().items() if not methodology.example().tables)


@pytest.mark.parametrize("key", PLAIN)
def test_each_row_of_an_example_has_its_digest_alone(key: str) -> None:
    methodology = registry()[key]
    example = methodology.example()
    frame, period = example.frame, Period.of(example.period)
    values = canonical(methodology.columns, frame, Findings(frame.index))
    found = digests_alone(methodology.columns, values, len(frame), period, "act")
    for place in range(len(frame)):
        row = frame.iloc[[place]].set_axis(["act"])
        alone = canonical(methodology.columns, row, Findings(row.index))
        assert found[place] == input_digest(methodology.columns, alone, row.index, period)
    assert len(set(found)) == len(frame)
