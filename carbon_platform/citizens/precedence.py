"""One act told twice: the words for the record that does not count. Functions of values."""

from __future__ import annotations

from datetime import datetime

from carbon_platform.citizens import rules
from carbon_platform.citizens.reasons import Reason
from carbon_platform.citizens.rules import Journey


def overlap_reason(journey: Journey) -> Reason:
    """A journey that shares more than two minutes with one of the book."""
    when, at = rules.clock_words(journey.starts_at), rules.iso_local(journey.starts_at)
    return Reason(
        "overlap",
        f"这段时间已经记过一程（{when} {journey.name_zh}），同一段路只计一次。",
        f"A trip of that time is in your book already ({at}, {journey.name_en}); one journey counts once.",
    )


def exclusion_reason(name_zh: str, name_en: str) -> Reason:
    """The same kilometres reported another way on the same day."""
    return Reason(
        "excluded",
        f"今天已经按“{name_zh}”计过，两种只计其一，这次没有计入。",
        f"{name_en} of the same day is in your book already; only one of the two counts.",
    )


def same_act_reason(name_zh: str, name_en: str, moment: datetime) -> Reason:
    """The same act told by another source."""
    return Reason(
        "same_act",
        f"这件事已经按另一个来源的记录记过了（{rules.clock_words(moment)} {name_zh}），只计一次。",
        f"This act is in your book already ({rules.iso_local(moment)}, {name_en}): "
        "another source has told of it, and it counts once.",
    )


def better_evidence_words(name_zh: str, name_en: str) -> tuple[str, str]:
    """What the person reads of a record that a better proven one has taken the place of."""
    return (
        f"同一件事后来有了更可靠的记录（{name_zh}），改按那一条计，这一条不再计",
        f"a better proven record of the same act has come ({name_en}); that one counts in its place",
    )
