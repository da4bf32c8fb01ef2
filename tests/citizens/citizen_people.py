"""Citizens who say who they are: valid numbers, and the steps of confirming a phone and a name."""

from __future__ import annotations

from typing import Any

from citizen_world import Citizen

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def id_number(order: int, born: str = "19900101", county: str = "411502") -> str:
    """A well-formed number of nobody: its check character computed by the table of weights."""
    first = f"{county}{born}{order:03d}"
    total = sum(int(digit) * weight for digit, weight in zip(first, _WEIGHTS, strict=True))
    return first + "10X98765432"[total % 11]


ID_GROWN = id_number(123)
ID_CHILD = id_number(123, "20150601")


def confirm_phone(who: Citizen, phone: str) -> Any:
    """Ask for a code, read it from the played SMS, confirm."""
    asked = who.post("/citizen/account/phone", {"phone": phone})
    assert asked.status_code == 201, asked.json
    done = who.post("/citizen/account/phone/confirmation", {"phone": phone, "code": asked.json["demo_code"]})
    assert done.status_code == 200, done.json
    return done.json


def real_name_version(who: Citizen) -> str:
    texts = who.get("/citizen/consents").json
    return str(next(row["version"] for row in texts if row["purpose"] == "real-name"))


def give_name(who: Citizen, name: str, number: str, **more: Any) -> Any:
    body = {"name": name, "id_number": number, "version": real_name_version(who)}
    return who.post("/citizen/account/real-name", body | more)
