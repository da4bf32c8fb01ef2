"""What can go wrong inside a methodology, in words people can act on.

``methodologies`` knows no platform, so its reasons stand on their own; they carry the same three things as
the platform's errors: a stable ``code``, a Chinese and an English sentence, and the values they speak of.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

PROBLEMS_SHOWN_MAX = 100


class MethodologyError(Exception):
    """Root of every reason; ``zh`` and ``en`` are ``str.format`` templates over ``values``."""

    code: ClassVar[str] = "methodology.error"
    zh: ClassVar[str] = "方法学无法运行。"
    en: ClassVar[str] = "The methodology cannot run."

    def __init__(self, **values: Any) -> None:
        self.values = values
        super().__init__(f"{self.code}: {self.message('en')}")

    def message(self, language: str = "zh") -> str:
        template = self.en if language.startswith("en") else self.zh
        return template.format(**self.values)


class InvalidDeclaration(MethodologyError):
    """A methodology, column, step or parameter file contradicts itself; its author must mend it."""

    code = "methodology.invalid_declaration"
    zh = "方法学声明有误（{where}）：{reason_zh}"
    en = "The declaration is wrong ({where}): {reason}"

    def __init__(self, where: str, reason: str, reason_zh: str = "") -> None:
        super().__init__(where=where, reason=reason, reason_zh=reason_zh or reason)


class ParameterNotInForce(MethodologyError):
    code = "methodology.parameter_not_in_force"
    zh = "参数 {name} 在 {as_of} 尚未生效，最早生效日期为 {first}。请选择更晚的参数日期。"
    en = "Parameter {name} is not in force on {as_of}; its first value dates from {first}. Use a later date."


class UnknownParameter(MethodologyError):
    code = "methodology.unknown_parameter"
    zh = "参数表中没有 {name}。"
    en = "There is no parameter {name}."


class InvalidPeriod(MethodologyError):
    code = "methodology.invalid_period"
    zh = "监测期的结束日期 {end} 不晚于开始日期 {start}。结束日期是监测期之后的第一天，请改正。"
    en = (
        "The monitoring period ends on {end}, not after its start {start}. "
        "The end is the first day after the period; correct it."
    )


class InvalidOutput(MethodologyError):
    """The model broke its own contract; nothing of such a run may be used."""

    code = "methodology.invalid_output"
    zh = "方法学 {key} 的计算结果不符合约定：{reason_zh}。结果已作废，请联系方法学维护人。"
    en = "Methodology {key} broke its contract: {reason}. The result is void; tell its maintainer."


class ExplanationMismatch(MethodologyError):
    """The printed equation does not give the stored figure; a wrong explanation is never shown."""

    code = "methodology.explanation_mismatch"
    zh = "{key} 第 {row} 行的 {step}：算式得 {recomputed!r}，记录为 {stored!r}，两者不一致，不予展示。"
    en = (
        "{key}, row {row}, {step}: the equation gives {recomputed!r} but {stored!r} is on record; "
        "the explanation is withheld."
    )


class DuplicateMethodology(MethodologyError):
    code = "methodology.duplicate"
    zh = "方法学 {key} 被登记了两次（{second}）。请卸载其中一个插件。"
    en = "Methodology {key} is registered twice ({second}). Remove one of the plug-ins."


class PlugInFailed(MethodologyError):
    """A plug-in that cannot be loaded stops the start: silence would change what the platform computes."""

    code = "methodology.plug_in_failed"
    zh = "方法学插件 {name}（{value}）加载失败：{reason}。请修复或卸载后再启动。"
    en = "Plug-in {name} ({value}) failed to load: {reason}. Mend or remove it, then start again."


class ConformanceFailed(MethodologyError):
    code = "methodology.conformance_failed"
    zh = "方法学 {key} 未通过一致性检查 {check}：{reason}"
    en = "Methodology {key} fails the conformance check {check}: {reason}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding about one cell.

    ``row`` is the index label (None: the whole frame), ``value`` the offending value as text, ``unit`` and
    ``allowed`` say what was expected, ``table`` which measured table (附表) the row stands in. ``severity``
    "review" does not stop a run; a person must look at it.
    """

    row: Any
    column: str
    value: str
    unit: str
    allowed: str
    zh: str
    en: str
    severity: Literal["error", "review"] = "error"
    table: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Plain values; ``table`` only where the finding is in a measured table (附表)."""
        table = {"table": self.table} if self.table else {}
        return table | {
            "row": self.row,
            "field": self.column,
            "value": self.value,
            "unit": self.unit,
            "range": self.allowed,
            "zh": self.zh,
            "en": self.en,
            "severity": self.severity,
        }


class InvalidRows(MethodologyError):
    """Rows a methodology refuses. ``problems`` holds the first 100, ``count`` how many there are."""

    code = "methodology.invalid_rows"
    zh = "输入数据有 {count} 处问题，未进行计算。第一处：{first_zh}"
    en = "The input has {count} problem(s), nothing was computed. The first: {first_en}"

    def __init__(self, problems: Sequence[Problem], count: int) -> None:
        self.problems = tuple(problems[:PROBLEMS_SHOWN_MAX])
        self.count = count
        super().__init__(count=count, first_zh=self.problems[0].zh, first_en=self.problems[0].en)

    @property
    def errors(self) -> list[dict[str, Any]]:
        """The findings as plain dicts, in the shape problem+json lists them."""
        return [problem.as_dict() for problem in self.problems]


class InvalidFile(MethodologyError):
    """A file that cannot be read as rows: wrong encoding, no header, a sheet that is not there."""

    code = "methodology.invalid_file"
    zh = "文件 {file} 无法读取：{reason_zh}。"
    en = "The file {file} cannot be read: {reason}."


class UnknownMethodology(MethodologyError):
    code = "methodology.unknown"
    zh = "没有方法学 {key}。可用：{known}。"
    en = "There is no methodology {key}. Known: {known}."
