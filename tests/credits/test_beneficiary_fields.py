"""What may be written for a beneficiary, a reason or a reference, before any service sees it."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
import pytest

from carbon_platform.credits import registry_schemas as schemas
from carbon_platform.credits.beneficiary import is_credit_code
from carbon_platform.credits.tickets_api import RetirementIn

WIDE = "\u3000"
RETIREMENT: dict[str, Any] = {
    "lines": [{"batch": "B", "quantity_kg": 1}], "purpose": "event", "beneficiary_name": "某会议",
    "consumption_from": "2026-11-01", "consumption_to": "2026-11-03", "consumption_place": "浉河区",
}  # fmt: skip
PLEDGE = {"batch": "B", "quantity_kg": 1, "pledgee_id": 1, "contract_reference": "质字 1 号",
          "register_name": "中登网", "register_reference": "0123"}  # fmt: skip
ORDER = {"batch": "B", "organisation_id": 1, "quantity_kg": 1, "reason": "处罚", "document": "1 号"}
VOID = {"batch": "B", "reason": "重复", "document": "1 号"}
CANCEL = {"batch": "B", "quantity_kg": 1, "reason": "自愿"}
FIELDS = [
    (RetirementIn, RETIREMENT, ("beneficiary_name", "consumption_place")),
    (schemas.PledgeIn, PLEDGE, ("contract_reference", "register_name", "register_reference")),
    (schemas.ReleaseIn, {"quantity_kg": 1, "document": "解押"}, ("document",)),
    (schemas.EnforcementIn, {"document": "判决"}, ("document",)),
    (schemas.CancellationIn, CANCEL, ("reason",)),
    (schemas.CancellationOrderIn, ORDER, ("reason", "document")),
    (schemas.InvalidationIn, VOID, ("reason", "document")),
]


@pytest.mark.parametrize(
    ("schema", "body", "name"), [(schema, body, name) for schema, body, names in FIELDS for name in names]
)
def test_blanks_count_for_nothing(schema: type[ma.Schema], body: dict[str, Any], name: str) -> None:
    loaded = schema().load(body | {name: f" {WIDE}甲{WIDE} \t乙\n{WIDE}"})
    assert loaded[name] == "甲 乙"
    for empty in ("   ", WIDE * 5, "\u00a0\u200b\ufeff", f"{WIDE}甲{WIDE}"):
        with pytest.raises(ma.ValidationError) as refused:
            schema().load(body | {name: empty})
        assert set(refused.value.messages) == {name}
    with pytest.raises(ma.ValidationError):
        schema().load(body | {name: 12})


@pytest.mark.parametrize("code", ["", "  ", "91411525DEMO00004X", " 91411525demo00004x "])
def test_codes_that_may_be_written(code: str) -> None:
    loaded = RetirementIn().load(RETIREMENT | {"beneficiary_credit_code": code})
    assert loaded["beneficiary_credit_code"] == code.strip().upper()


FULL_WIDTH = "91411525DEMO00004" + "\uff38"


@pytest.mark.parametrize(
    "code",
    [
        "9",
        "91411525DEMO00004",
        "91411525DEMO00004XX",
        "91411525-DEMO0004X",
        FULL_WIDTH,
        "11010519491231002X",
        None,
    ],
)
def test_codes_that_may_not(code: str | None) -> None:
    with pytest.raises(ma.ValidationError) as refused:
        RetirementIn().load(RETIREMENT | {"beneficiary_credit_code": code})
    assert set(refused.value.messages) == {"beneficiary_credit_code"}


def test_an_identity_number_needs_a_day_of_birth_and_its_check_digit() -> None:
    assert not is_credit_code("11010519491231002X")
    assert is_credit_code("110105194912310021")  # wrong check digit
    assert is_credit_code("11010519491331002X")  # no such month
