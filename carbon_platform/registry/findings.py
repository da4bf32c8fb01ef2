"""What can be wrong with a row, in words: what is wrong, and what to do. One entry per reason."""

from __future__ import annotations

from typing import Any, Final

Finding = dict[str, Any]

# code: (zh, en, advice_zh, advice_en); templates over row, column, value, limit and what the finding adds.
CATALOGUE: Final[dict[str, tuple[str, str, str, str]]] = {
    "missing": ("缺少{column}。", "{column} is missing.", "请补填。", "Fill it in."),
    "formula": (
        "{column}是公式 {value}，不是数值。",
        "{column} is a formula, {value}, not a value.",
        "请“选择性粘贴为数值”后再上传。",
        "Paste it as a value and upload again.",
    ),
    "error_cell": (
        "{column}显示错误 {value}。",
        "{column} shows the error {value}.",
        "请改正公式后粘贴为数值。",
        "Correct the formula and paste its value.",
    ),
    "unreadable_text": (
        "{column}含有控制字符或超过 {limit} 个字。",
        "{column} has control characters, or more than {limit} characters.",
        "请重新输入这一格。",
        "Type this cell again.",
    ),
    "kind_unknown": (
        "{column}“{value}”不认识。可用：{limit}。",
        "{column} “{value}” is not known. Use one of: {limit}.",
        "请改成可用的词，或在来源文件里声明。",
        "Use one of these words, or declare it in the source file.",
    ),
    "quantity_text": (
        "{column}“{value}”不是数量，应为大于 0 的数（{unit}）。",
        "{column} “{value}” is no quantity; a number above 0 ({unit}).",
        "请只填数字。",
        "Give digits only.",
    ),
    "quantity_scientific": (
        "{column} {value} 是科学计数法，末位数字可能已丢失。",
        "{column} {value} is in scientific notation; its last digits may be lost.",
        "请把这一列设为数字或文本格式再导出。",
        "Format the column as number or text and export again.",
    ),
    "quantity_not_positive": (
        "{column} {value} 不大于 0（{unit}）。",
        "{column} {value} is not above 0 ({unit}).",
        "冲销请按来源登记簿的更正办理，不要填负数。",
        "Corrections are records of their own, never negative ones.",
    ),
    "quantity_fraction": (
        "{column} {value} {unit}不是整千克。",
        "{column} {value} {unit} is no whole number of kilograms.",
        "请核对小数位。",
        "Check the decimals.",
    ),
    "quantity_huge": (
        "{column} {value} 超过上限 {limit} 千克。",
        "{column} {value} is above the limit of {limit} kg.",
        "请核对数量和单位。",
        "Check the quantity and its unit.",
    ),
    "quantity_unit": (
        "{column}“{value}”的单位与本列（{unit}）不同。",
        "The unit in {column} “{value}” is not that of the column ({unit}).",
        "请统一单位。",
        "Use one unit.",
    ),
    "date_format": (
        "{column}“{value}”不是日期。可用：{limit}。",
        "{column} “{value}” is no date. Forms read: {limit}.",
        "请改成 2026-03-01 这样的日期。",
        "Write it like 2026-03-01.",
    ),
    "date_future": (
        "{column} {value} 晚于今天 {limit}。",
        "{column} {value} is after today, {limit}.",
        "请核对日期。",
        "Check the date.",
    ),
    "date_early": (
        "{column} {value} 早于该来源的最早日期 {limit}。",
        "{column} {value} is before the source's earliest date, {limit}.",
        "请核对日期。",
        "Check the date.",
    ),
    "vintage_invalid": (
        "{column}“{value}”不是年份，应为 {limit}。",
        "{column} “{value}” is no year within {limit}.",
        "请填四位年份。",
        "Give a year of four digits.",
    ),
    "block_format": (
        "{column}“{value}”读不成编号段，应形如 {limit}。",
        "{column} “{value}” cannot be read as a block such as {limit}.",
        "一格里有多段时用分号或换行分开。",
        "Part several blocks in a cell by semicolons or new lines.",
    ),
    "block_digits": (
        "{column} {value} 是数字格式，超过 15 位会丢失末位。",
        "{column} {value} is stored as a number; beyond 15 digits the last are lost.",
        "请把这一列设为文本格式再导出。",
        "Format the column as text and export again.",
    ),
    "block_reversed": (
        "{column}“{value}”的起号大于止号。",
        "In {column} “{value}” the first number is above the last.",
        "请核对起止号。",
        "Check first and last.",
    ),
    "block_repeats": (
        "{column}里的 {value} 与同一格的另一段重叠。",
        "{value} in {column} overlaps another block of the same cell.",
        "请删去重复的号段。",
        "Remove the repeated numbers.",
    ),
    "length_mismatch": (
        "号段共 {serials:,} 个号，每号 {per:,} 千克，应为 {limit} 千克，{column}却是 {value} 千克。",
        "The blocks have {serials:,} numbers of {per:,} kg, {limit} kg in all, but {column} says {value} kg.",
        "请核对号段和数量。",
        "Check blocks and quantity.",
    ),
    "methodology_unknown": (
        "{column}“{value}”不在对照表里{near}。",
        "{column} “{value}” is not in the table{near_en}.",
        "请改用表中写法，或请管理员把这种写法补进对照表。",
        "Use a spelling of the table, or have this one added.",
    ),
    "holder_unknown": (
        "{column}“{value}”不是已登记的机构。",
        "{column} “{value}” is no registered organisation.",
        "请先登记该机构（名称或统一社会信用代码须一致），再上传。",
        "Register it first (same name or credit code), then upload.",
    ),
    "holder_ambiguous": (
        "{column}“{value}”对应 {limit} 家机构。",
        "{column} “{value}” fits {limit} organisations.",
        "请填统一社会信用代码。",
        "Give the unified social credit code.",
    ),
    "holder_code_differs": (
        "{column}“{value}”登记的统一社会信用代码是 {limit}，与本行的代码{owner}不同。",
        "{column} “{value}” is registered with the credit code {limit_en}, not that of this row{owner_en}.",
        "请核对名称和代码。",
        "Check name and code.",
    ),
    "same_holder": (
        "转出方和受让方是同一家：{value}。",
        "From and to are the same organisation: {value}.",
        "请核对受让方。",
        "Check the receiver.",
    ),
    "duplicate_row": (
        "与第 {other_row} 行重复。",
        "The same as row {other_row}.",
        "请删去其中一行。",
        "Remove one of them.",
    ),
    "contradicts_row": (
        "与第 {other_row} 行是同一笔记录，但{value}不同。",
        "The same record as row {other_row}, but {value_en} differ.",
        "请只留正确的一行。",
        "Keep the right one.",
    ),
    "overlap_file": (
        "编号 {value} 与第 {other_row} 行签发的 {limit} 重叠。",
        "Numbers {value} overlap {limit}, issued in row {other_row}.",
        "同一编号只能签发一次，请核对号段。",
        "A number is issued once; check the blocks.",
    ),
    "overlap_registered": (
        "编号 {value} 与已登记批次 {lot} 的 {limit} 重叠。",
        "Numbers {value} overlap {limit} of the registered batch {lot}.",
        "同一编号只能签发一次，请核对号段。",
        "A number is issued once; check the blocks.",
    ),
    "numbers_unknown": (
        "编号 {value} 没有签发记录。",
        "Numbers {value} were never issued.",
        "请补上签发行，或改正签发行的错误。",
        "Add the row of their issuance, or correct it.",
    ),
    "before_issuance": (
        "日期 {value} 早于编号 {numbers} 的签发日 {limit}。",
        "{value} is before {numbers} were issued, {limit}.",
        "请核对日期。",
        "Check the date.",
    ),
    "not_held": (
        "编号 {value} 在 {at} 不在{holder}名下，而在{limit}名下。",
        "At {at}, {value} were not held by {holder} but by {limit}.",
        "请核对转出方、日期，或补上缺的划转。",
        "Check holder and date, or add the transfer that is missing.",
    ),
    "already_retired": (
        "编号 {value} 已于 {limit} 注销。",
        "Numbers {value} were retired on {limit}.",
        "注销过的编号不能再动，请核对号段。",
        "What is retired never moves; check the blocks.",
    ),
    "later_movement": (
        "编号 {value} 在 {limit} 已有更晚的变动，这一行却是 {at}。",
        "Numbers {value} moved later, on {limit}; this row is of {at}.",
        "历史记录须按时间补全，请与来源登记簿核对。",
        "Compare the history with the registry of origin.",
    ),
    "differs_from_issue": (
        "{column}“{value}”与该编号签发时的“{limit}”不同。",
        "{column} “{value}” differs from “{limit}” at issuance.",
        "请核对项目、方法学和年份。",
        "Check project, methodology and vintage.",
    ),
    "conflict_registered": (
        "这笔记录已登记，但{value}与登记时不同（原为 {limit}）。",
        "This record is registered with other {value_en} (it was {limit_en}).",
        "登记簿只增不改：请与来源登记簿核对，由审计处理。",
        "Nothing registered is changed: compare with the source and tell the auditor.",
    ),
}


def finding(
    code: str, *, row: int, column: str = "", value: Any = "", limit: Any = "", **more: Any
) -> Finding:
    """One finding with its words; ``column`` is how the file names it, ``value`` what stands there."""
    zh, en, advice_zh, advice_en = CATALOGUE[code]
    values = {"row": row, "column": column, "value": shown(value), "limit": limit, **more}
    return {
        "code": code,
        "row": row,
        "column": column,
        "value": shown(value),
        "limit": str(limit),
        "zh": f"第 {row} 行：" + zh.format(**values),
        "en": f"Row {row}: " + en.format(**values),
        "advice_zh": advice_zh,
        "advice_en": advice_en,
    }


def shown(value: Any) -> str:
    """A cell as it may be quoted: one line, no control characters, at most 80 characters."""
    text = "".join(c if c.isprintable() else " " for c in str(value)).strip()
    return text if len(text) <= 80 else f"{text[:79]}…"
