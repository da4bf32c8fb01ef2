"""What the checks of an import can find, in the words of the report.

One entry per finding: outcome it leads to, and four templates over the finding's values: what is wrong
(zh, en) and what to do (zh, en). Areas are told to people in 亩.
"""

from __future__ import annotations

from typing import Any, Final

from carbon_platform.parcels.change_words import APPROVAL, CHANGE_WORDS, Words

__all__ = ["APPROVAL", "CATALOGUE", "RANK", "finding", "outcome_of"]

CATALOGUE: Final[dict[str, Words]] = {
    **CHANGE_WORDS,
    # code: (outcome, zh, en, advice_zh, advice_en)
    "geometry_missing": (
        "refused",
        "第 {row} 行没有图形。",
        "Row {row} has no shape.",
        "请补画图形，或删去这一行。",
        "Draw the shape, or delete the row.",
    ),
    "geometry_unusable": (
        "refused",
        "第 {row} 行的图形修不成面（{value}）。",
        "The shape of row {row} cannot be made a polygon ({value}).",
        "请重新绘制这一块。",
        "Draw this parcel again.",
    ),
    "geometry_repaired": (
        "repaired",
        "第 {row} 行的图形有误（{value}），已修好，面积变化 {change_m2:.2f} 平方米。",
        "The shape of row {row} was faulty ({value}), now repaired; area change {change_m2:.2f} m².",
        "不用处理；可在图上核对。",
        "Nothing to do; compare it on the map if you like.",
    ),
    "geometry_repair_large": (
        "warned",
        "第 {row} 行的图形有误（{value}），修后面积变化 {change_m2:.2f} 平方米，超过 {limit}。",
        "The shape of row {row} was faulty ({value}); the repair changed its area by {change_m2:.2f} m², "
        "more than {limit}.",
        "请第二人对照修前修后的图形，同意后核准入库；或重新绘制。",
        "A second person compares before and after and approves it; or draw the parcel again.",
    ),
    "outside_city": (
        "refused",
        "第 {row} 行不在信阳市十个县区之内。",
        "Row {row} lies outside the ten counties of Xinyang.",
        "请检查坐标系和带号。",
        "Check the coordinate system and the zone number.",
    ),
    "outside_city_measured": (
        "warned",
        "第 {row} 行不在信阳市十个县区之内：只读取、测量和检查，不入库。",
        "Row {row} lies outside the ten counties of Xinyang: read, measured and checked, not registered.",
        "仅供试用；信阳的地块请不带 --region none 导入。",
        "For trying out only; import parcels of Xinyang without --region none.",
    ),
    "outside_scope": (
        "refused",
        "第 {row} 行在邻县（{value}），您的管辖范围是 {limit}。",
        "Row {row} lies in a neighbouring county ({value}); your scope is {limit}.",
        "请交给该县上传，或检查坐标。",
        "Hand it to that county, or check the coordinates.",
    ),
    "county_mismatch": (
        "refused",
        "第 {row} 行的图形在邻县（{value}），属性却写 {limit}。",
        "Row {row} lies in a neighbouring county ({value}), but its attribute says {limit}.",
        "请改正县代码或图形；飞地由市里录入，在“飞地依据”一列写明文件。",
        "Correct the county code or the shape; the city enters an exclave, naming its papers in the column "
        "“EXCLAVE”.",
    ),
    "county_exclave": (
        "warned",
        "第 {row} 行是飞地：图形在 {value}，属于 {limit}，依据：{papers}。",
        "Row {row} is an exclave: it lies in {value} and belongs to {limit}; papers: {papers}.",
        "请第二人核对文件后核准。",
        "A second person checks the papers and approves it.",
    ),
    "township_unknown": (
        "accepted",
        "第 {row} 行的乡镇代码 {value} 不在行政区划表里。",
        "The township code {value} of row {row} is not in the table of administrative divisions.",
        "林业表的乡镇代码可能与统计代码不同，请核对；不影响入库。",
        "Forestry tables may use codes of their own: check it. The row can be registered.",
    ),
    "identity_missing": (
        "refused",
        "第 {row} 行缺少地块编号（{field}）。",
        "Row {row} has no parcel number ({field}).",
        "请补齐编号。",
        "Fill in the number.",
    ),
    "identity_invalid": (
        "refused",
        "第 {row} 行的地块编号 {value} 位数不对（应为 {limit}）。",
        "The parcel number {value} of row {row} has the wrong length (expected: {limit}).",
        "请检查前导零是否丢失。",
        "Check whether leading zeros were lost.",
    ),
    "duplicate_identity": (
        "refused",
        "第 {row} 行的编号 {value} 与第 {other_row} 行相同。",
        "Row {row} has the same number {value} as row {other_row}.",
        "只留一行，或用细班号区分。",
        "Keep one of them, or tell them apart by the sub-sub-compartment number.",
    ),
    "identity_taken": (
        "refused",
        "第 {row} 行的编号 {value} 已经登记，但图形不同。",
        "The number {value} of row {row} is already registered with another shape.",
        "同一编号不能指两块地：请核对编号；已结束的编号不再使用。",
        "One number cannot mean two pieces of land: check it. Numbers of ended parcels are not used again.",
    ),
    "overlap_other_layer": (
        "warned",
        "第 {row} 行与另一图层的已登记地块 {value} 重叠 {overlap_mu:.2f} 亩（{share:.1%}）。",
        "Row {row} overlaps the parcel {value} of another layer by {overlap_mu:.2f} mu ({share:.1%}).",
        "茶园可能同时在林业图层里；确认后入库，同一块地同一时段只能核算一次。",
        "A tea garden may be in the forest layer too; confirm it. The same land counts once in a period.",
    ),
    "overlap_declared": (
        "warned",
        "第 {row} 行与别处已申报的土地重叠 {overlap_mu:.2f} 亩（{share:.1%}）：{claim}。",
        "Row {row} shares {overlap_mu:.2f} mu ({share:.1%}) with land declared under {claim}.",
        "可以入库；同一碳库同一时段不能再核算。若申报已失效，请先由第二人解除申报。",
        "It may be registered; the same pool and period cannot be counted again. A declaration that no "
        "longer holds must first be released by a second person.",
    ),
    "same_registered": (
        "same",
        "第 {row} 行与已登记的 {value} 相同。",
        "Row {row} is the registered parcel {value}.",
        "不用处理。",
        "Nothing to do.",
    ),
    "registered_meanwhile": (
        "refused",
        "入库时发现第 {row} 行已由另一次上传登记为 {value}。",
        "When accepting, row {row} had been registered meanwhile as {value} by another upload.",
        "不用处理；如有出入请与登记人核对。",
        "Nothing to do; if it differs, talk to the one who registered it.",
    ),
    "overlap_file": (
        "refused",
        "第 {row} 行与本文件第 {other_row} 行重叠 {overlap_mu:.2f} 亩（{share:.1%}），上限 {limit}。",
        "Row {row} overlaps row {other_row} of this file by {overlap_mu:.2f} mu "
        "({share:.1%}; limit {limit}).",
        "请裁去重叠；第 {other_row} 行不受影响。",
        "Trim the overlap; row {other_row} is not affected.",
    ),
    "overlap_file_sliver": (
        "warned",
        "第 {row} 行与本文件第 {other_row} 行有缝隙状重叠 {overlap_m2:.1f} 平方米（{share:.2%}）。",
        "Row {row} and row {other_row} of this file overlap in a sliver of {overlap_m2:.1f} m² "
        "({share:.2%}).",
        "请把公共边线捕捉到一起，或确认入库。",
        "Snap the common border, or confirm it.",
    ),
    "overlap_register": (
        "refused",
        "第 {row} 行与已登记地块 {value} 重叠 {overlap_mu:.2f} 亩（{share:.1%}），上限 {limit}。",
        "Row {row} overlaps the registered parcel {value} by {overlap_mu:.2f} mu "
        "({share:.1%}; limit {limit}).",
        "请裁去重叠，或补权属证明。",
        "Trim it, or add title papers.",
    ),
    "overlap_register_sliver": (
        "warned",
        "第 {row} 行与已登记地块 {value} 有缝隙状重叠 {overlap_m2:.1f} 平方米（{share:.2%}）。",
        "Row {row} and the registered parcel {value} overlap in a sliver of {overlap_m2:.1f} m² "
        "({share:.2%}).",
        "请把公共边线捕捉到一起，或确认入库。",
        "Snap the common border, or confirm it.",
    ),
    "area_small": (
        "refused",
        "第 {row} 行只有 {value:.0f} 平方米，下限 {limit:.0f} 平方米。",
        "Row {row} has only {value:.0f} m²; the minimum is {limit:.0f} m².",
        "可与相邻的同类地块合并。",
        "It may be merged with a neighbour of the same kind.",
    ),
    "area_differs": (
        "warned",
        "第 {row} 行登记 {stated_mu:.2f} 亩，实测 {measured_mu:.2f} 亩，相差 {share:.1%}，"
        "超过 {limit} 要说明。",
        "Row {row} states {stated_mu:.2f} mu but measures {measured_mu:.2f} mu: {share:.1%} apart, "
        "more than {limit} needs a note.",
        "按实测面积入库；请确认，或上传说明。",
        "The measured area counts; confirm it, or add a note.",
    ),
    "area_disagrees": (
        "refused",
        "第 {row} 行登记 {stated_mu:.2f} 亩，实测 {measured_mu:.2f} 亩，相差 {share:.1%}，超过 {limit}。",
        "Row {row} states {stated_mu:.2f} mu but measures {measured_mu:.2f} mu: {share:.1%} apart "
        "(limit {limit}).",
        "图形和属性多半不是同一块地，请核对。",
        "Shape and attributes are probably not the same land; check them.",
    ),
    "area_unit_typed": (
        "warned",
        "第 {row} 行的面积 {value} 像是按{typed_zh}填的，全表单位是{unit_zh}。",
        "The area {value} of row {row} seems to be typed in {typed_en}; the table is in {unit_en}.",
        "已按{typed_zh}读取；请改正原表，或确认。",
        "It was read in {typed_en}; correct the table, or confirm it.",
    ),
    "species_unknown": (
        "refused",
        "第 {row} 行：未知树种代码 {value}。",
        "Row {row}: unknown species code {value}.",
        "请改用代码表中的代码，或直接写树种名称。",
        "Use a code of the table, or write the species' Chinese name.",
    ),
    "species_missing": (
        "refused",
        "第 {row} 行没有优势树种。",
        "Row {row} has no dominant species.",
        "请补填优势树种。",
        "Fill in the dominant species.",
    ),
    "species_ambiguous": (
        "refused",
        "第 {row} 行的树种代码 {value} 各省用法不同（{limit}）。",
        "The species code {value} of row {row} differs between provinces ({limit}).",
        "上传时请选明资源类型，或直接写树种名称。",
        "Say what the file holds when uploading, or write the species' Chinese name.",
    ),
    "species_declared": (
        "warned",
        "第 {row} 行的树种代码 {value} 各省用法不同，按上传人所选“{limit}”登记。",
        "The species code {value} of row {row} differs between provinces; registered as “{limit}”, "
        "as the sender said.",
        "请确认。",
        "Confirm it.",
    ),
    "land_class_unknown": (
        "refused",
        "第 {row} 行：未知地类代码 {value}。",
        "Row {row}: unknown land-class code {value}.",
        "请改用代码表中的代码。",
        "Use a code of the table.",
    ),
    "land_class_missing": (
        "refused",
        "第 {row} 行没有地类。",
        "Row {row} has no land class.",
        "请补填地类代码。",
        "Fill in the land-class code.",
    ),
    "land_class_not_eligible": (
        "refused",
        "第 {row} 行的地类是 {value}，不是林地、茶园或水田。",
        "The land class of row {row} is {value}: neither forest, tea garden nor paddy.",
        "这类地不登记；如属填错，请改正地类代码。",
        "Such land is not registered; if it is a mistake, correct the code.",
    ),
    "kind_mismatch": (
        "refused",
        "第 {row} 行是{value}，而这次上传的是{limit}。",
        "Row {row} is {value}, but this upload is for {limit}.",
        "请分开上传，或不选资源类型。",
        "Upload it separately, or do not limit the kind.",
    ),
    "kind_unknown": (
        "refused",
        "第 {row} 行看不出资源类型：表里没有地类或树种一栏。",
        "What row {row} is cannot be told: the table has no column of land class or species.",
        "上传时请选明资源类型（油茶、茶、水稻、林地）。",
        "Say what it holds when uploading (camellia, tea, rice, forest).",
    ),
    "kind_declared": (
        "warned",
        "第 {row} 行没有地类和树种，按上传人所选“{limit}”登记。",
        "Row {row} has no land class or species; registered as “{limit}”, as the sender said.",
        "请确认。",
        "Confirm it.",
    ),
}

RANK: Final = ("accepted", "repaired", "warned", "same", "refused")


def finding(code: str, *, field: str, value: Any = "", limit: Any = "", **values: Any) -> dict[str, Any]:
    """One finding of the report: code, field, value, limit, and the words, ready for JSON."""
    outcome, zh, en, advice_zh, advice_en = CATALOGUE[code]
    known = {"field": field, "value": value, "limit": limit, **values}
    english = {**known, **{key[:-3]: text for key, text in known.items() if key.endswith("_en")}}
    return {
        "code": code,
        "outcome": outcome,
        "field": field,
        "value": value,
        "limit": limit,
        "zh": zh.format(**known),
        "en": en.format(**english),
        "advice_zh": advice_zh.format(**known),
        "advice_en": advice_en.format(**english),
    }


def outcome_of(findings: list[dict[str, Any]]) -> str:
    """The gravest of the findings; ``accepted`` without any."""
    return max((entry["outcome"] for entry in findings), key=RANK.index, default="accepted")
