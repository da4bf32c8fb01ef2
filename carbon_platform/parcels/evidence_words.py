"""What the checks of evidence can find, in the words of the page: outcome, Chinese, English.

``ok`` tells a reviewer what was checked; ``warned`` what to look at. Evidence is judged by people: nothing
here refuses it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

Finding = dict[str, Any]

CATALOGUE: Final[dict[str, tuple[str, str, str]]] = {
    "place_missing": (
        "warned",
        "照片里没有拍摄位置。请打开手机相机的定位，或请同事到现场复核。",
        "The photo says no place. Switch on location in the camera, or have a colleague look on the spot.",
    ),
    "place_inside": ("ok", "拍摄位置在地块内。", "Taken inside the parcel."),
    "place_near": (
        "ok",
        "拍摄位置距地块 {metres:.0f} 米，在 {limit:.0f} 米之内。",
        "Taken {metres:.0f} m from the parcel, within {limit:.0f} m.",
    ),
    "place_far": (
        "warned",
        "拍摄位置距地块 {metres:,.0f} 米，超过 {limit:.0f} 米。请核对地块编号，或说明原因。",
        "Taken {metres:,.0f} m from the parcel, more than {limit:.0f} m. Check the parcel, or say why.",
    ),
    "place_shifted": (
        "warned",
        "拍摄位置距地块 {metres:,.0f} 米，但当作 GCJ-02（火星坐标）换算后只有 {corrected:.0f} 米："
        "相机写的可能是 GCJ-02。请复核。",
        "Taken {metres:,.0f} m from the parcel, but {corrected:.0f} m when read as GCJ-02, which some "
        "cameras write. Look again.",
    ),
    "time_missing": (
        "warned",
        "照片里没有拍摄时间。转发的图会丢掉它，请上传相机原图。",
        "The photo says no time. Forwarded pictures lose it: upload the camera's own file.",
    ),
    "time_future": (
        "warned",
        "拍摄时间 {at} 晚于上传时间：相机的时钟不准。",
        "Taken at {at}, after it was uploaded: the camera's clock is wrong.",
    ),
    "clock_apart": (
        "warned",
        "相机时钟 {at} 与卫星时间 {other} 相差 {minutes:,.0f} 分钟。请以卫星时间为准并复核。",
        "The camera's clock {at} and the satellites' {other} are {minutes:,.0f} minutes apart. Look again.",
    ),
    "time_inside": (
        "ok",
        "拍摄日期 {day} 在 {first} 至 {last} 之内。",
        "Taken on {day}, within {first} to {last}.",
    ),
    "time_outside": (
        "warned",
        "拍摄日期 {day} 不在所填的 {first} 至 {last} 之内。请核对监测期，或另选照片。",
        "Taken on {day}, not within {first} to {last}. Check the period, or choose another photo.",
    ),
    "season_outside": (
        "warned",
        "拍摄日期 {day} 不在作物季（{first} 至 {last}）之内，看不出作物。请另选照片，或填写它说明哪一段。",
        "Taken on {day}, outside the season ({first} to {last}): it shows no crop. Choose another, or say "
        "which period it shows.",
    ),
    "edited": (
        "warned",
        "照片经过 {software} 处理。请上传相机原图。",
        "The photo went through {software}. Upload the camera's own file.",
    ),
    "same_file": (
        "warned",
        "同一个文件已是{parcel}的证据。请确认两块地都用它。",
        "The same file is evidence of {parcel_en}. Make sure that it shows both.",
    ),
    "similar_photo": (
        "warned",
        "与{parcel}的照片几乎相同（128 位中差 {bits} 位）。同一张照片不能证明两块地，也不能证明两个时间。",
        "Almost the same as a photo of {parcel_en} ({bits} of 128 bits differ). One photo does not prove "
        "two parcels, nor two times.",
    ),
    "log_outside": (
        "warned",
        "水位记录 {first} 至 {last} 超出所填的 {from_day} 至 {to_day}。",
        "The levels of {first} to {last} go beyond {from_day} to {to_day}.",
    ),
    "log_gap": (
        "warned",
        "{first} 至 {last} 之间缺 {days} 天读数，超过 {limit} 天：这段时间的排水不能算数。",
        "Between {first} and {last}, {days} days have no reading, more than {limit}: drainage then is not "
        "proven.",
    ),
    "log_contradicts": (
        "warned",
        "{day} 的水位这里是 {new:g} cm，已交的记录是 {old:g} cm（共 {count} 天不一致）。请核对。",
        "The level of {day} is {new:g} cm here and {old:g} cm in a log on file ({count} days differ). "
        "Check them.",
    ),
    "log_read": (
        "ok",
        "读出 {count} 天水位，{first} 至 {last}。",
        "{count} days of levels read, {first} to {last}.",
    ),
    "tenure_holder": (
        "warned",
        "证上的权利人 {holder} 与地块登记的 {registered} 不一致。请补流转或继承材料。",
        "The certificate names {holder}, the register {registered}. Add papers of the transfer.",
    ),
    "tenure_ended": (
        "warned",
        "权属期限 {last} 已过。请补新证。",
        "The right ended on {last}. Add the new certificate.",
    ),
    "tenure_identity": (
        "warned",
        "身份证号的位数或校验位不对。请核对。",
        "The identity number has a wrong length or check digit. Check it.",
    ),
}


def finding(code: str, **values: Any) -> Finding:
    """One finding in both languages."""
    outcome, zh, en = CATALOGUE[code]
    return {"code": code, "outcome": outcome, "zh": zh.format(**values), "en": en.format(**values)}


def worst(findings: Sequence[Finding]) -> str:
    return "warned" if any(found["outcome"] == "warned" for found in findings) else "ok"
