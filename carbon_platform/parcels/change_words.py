"""Words for what a row changes in the register; see :mod:`findings`."""

from __future__ import annotations

from typing import Final

Words = tuple[str, str, str, str, str]

CHANGE_WORDS: Final[dict[str, Words]] = {
    # code: (outcome, zh, en, advice_zh, advice_en)
    "changed_registered": (
        "warned",
        "第 {row} 行与已登记的 {value} 是同一块，有变化：{limit}；"
        "面积由 {before_mu:.2f} 亩变为 {after_mu:.2f} 亩。",
        "Row {row} is the registered parcel {value} with changes: {limit}; "
        "its area goes from {before_mu:.2f} to {after_mu:.2f} mu.",
        "由第二人核准后更新；原来的状态留在历史里。",
        "A second person approves it; the former state stays in the history.",
    ),
    "split_registered": (
        "warned",
        "第 {row} 行从已登记的 {value} 分出，{after_mu:.2f} 亩（原 {before_mu:.2f} 亩）。",
        "Row {row} is split off the registered parcel {value}: {after_mu:.2f} mu of {before_mu:.2f}.",
        "由第二人核准；同一块分出的各行一起入库。",
        "A second person approves it; all parts enter together.",
    ),
    "merged_registered": (
        "warned",
        "第 {row} 行由已登记的 {value} 合并而成，{after_mu:.2f} 亩（原合计 {before_mu:.2f} 亩）。",
        "Row {row} is merged of the registered parcels {value}: {after_mu:.2f} mu of {before_mu:.2f}.",
        "由第二人核准后，原地块结束，历史保留。",
        "When a second person approves it, the former parcels end; their history stays.",
    ),
    "replaced_registered": (
        "warned",
        "第 {row} 行取代已登记的 {value}，面积由 {before_mu:.2f} 亩变为 {after_mu:.2f} 亩。",
        "Row {row} takes the place of the registered parcel {value}: {before_mu:.2f} to {after_mu:.2f} mu.",
        "由第二人核准后，原地块结束，历史保留。",
        "When a second person approves it, the former parcel ends; its history stays.",
    ),
    "ended_registered": (
        "warned",
        "第 {row} 行：结束已登记的 {value}，理由：{limit}。",
        "Row {row} ends the registered parcel {value}; reason: {limit}.",
        "由第二人核准后结束；历史保留，土地可另行登记。",
        "It ends when a second person approves it; the history stays and the land is free.",
    ),
    "restored_registered": (
        "warned",
        "第 {row} 行：恢复已结束的 {value}，理由：{limit}。",
        "Row {row} restores the ended parcel {value}; reason: {limit}.",
        "由第二人核准后恢复。",
        "It stands again when a second person approves it.",
    ),
    "in_use": (
        "warned",
        "第 {row} 行要改动的 {value} 正在使用：{limit}。",
        "The parcel {value} of row {row} is in use: {limit}.",
        "核准前请看清影响：已签发的数量不变，以后的核算按新状态。",
        "Look at what follows: issued amounts stay, later runs take the new state.",
    ),
    "land_dropped": (
        "warned",
        "第 {row} 行取代 {value} 后，有 {dropped_mu:.2f} 亩（{share:.1%}）没有归入任何地块，超过 {limit}。",
        "After row {row} takes the place of {value}, {dropped_mu:.2f} mu ({share:.1%}) belong to no parcel: "
        "more than {limit}.",
        "请补上缺的一块，或说明这部分为何退出登记。",
        "Add the missing part, or say why this land leaves the register.",
    ),
    "replaces_unknown": (
        "refused",
        "第 {row} 行要取代的 {value} 不是与它重叠的、在您管辖内的登记地块。",
        "Row {row} replaces {value}, which is no registered parcel in your region that shares its land.",
        "请检查原编号；已结束的地块不能再被取代。",
        "Check the former number; an ended parcel cannot be replaced.",
    ),
    "needs_row": (
        "refused",
        "第 {row} 行用到第 {other_row} 行腾出的土地，而第 {other_row} 行不能入库。",
        "Row {row} stands on land that row {other_row} gives up, and row {other_row} is refused.",
        "请先改好第 {other_row} 行，两行一起上传。",
        "Put row {other_row} right and upload both together.",
    ),
    "changed_meanwhile": (
        "refused",
        "入库时发现第 {row} 行所涉及的 {value} 已被另一次变更改过。",
        "When accepting, the parcel {value} of row {row} had been changed meanwhile.",
        "请按最新的登记状态重新上传。",
        "Upload it again, starting from the present state.",
    ),
    "effective_too_early": (
        "refused",
        "第 {row} 行的生效日 {value} 早于该地块上一次变更的生效日 {limit}。",
        "Row {row} would take effect on {value}, before the parcel's last change on {limit}.",
        "请改用 {limit} 或以后的日期。",
        "Use {limit} or a later day.",
    ),
    "nothing_changed": (
        "same",
        "第 {row} 行（{value}）没有改动。",
        "Row {row} ({value}) has no change.",
        "不用处理。",
        "Nothing to do.",
    ),
    "value_invalid": (
        "refused",
        "第 {row} 行 {field} 的值 {value} 不对，应为：{limit}。",
        "The value {value} of {field} in row {row} is wrong; expected: {limit}.",
        "请改正后重新上传。",
        "Correct it and upload again.",
    ),
    "parcel_unknown": (
        "refused",
        "第 {row} 行的地块编码 {value} 不在您管辖的登记簿里，或已结束。",
        "The parcel code {value} of row {row} is not in your part of the register, or has ended.",
        "请从登记簿重新导出属性表。",
        "Export the table from the register again.",
    ),
}

# Findings a second person has to agree to: what changes a registered parcel, and large repairs.
APPROVAL: Final = frozenset(
    {
        "geometry_repair_large",
        "county_exclave",
        "changed_registered",
        "split_registered",
        "merged_registered",
        "replaced_registered",
        "ended_registered",
        "restored_registered",
    }
)
