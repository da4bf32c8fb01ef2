"""What each figure of a trial report means, Chinese and English. Carried in every report and in the docs."""

from __future__ import annotations

from typing import Final

DEFINITIONS: Final[dict[str, dict[str, str]]] = {
    key: {"zh": zh, "en": en}
    for key, zh, en in (
        (
            "features",
            "图层的记录数，包括没有图形的行。行号从 1 起，与文件次序一致。",
            "Records of the layer, those without a shape included. Rows are numbered from 1 in file order.",
        ),
        (
            "accepted",
            "仅凭文件可以登记的行数，含已修复的和需确认的。accepted + refused = features。"
            "不看登记库；资源类型未说明不算拒绝理由；市外的行做同样的检查，只是不比县代码，也不能真正登记。",
            "Rows that could be registered as far as the file alone tells, repaired ones and those to be "
            "confirmed included; accepted + refused = features. The register is not asked; a kind nobody "
            "stated refuses nothing; rows outside the city pass the same checks without the county, and "
            "cannot really be registered.",
        ),
        (
            "repaired",
            "图形原来有错（或夹有点、线），修复后得到面的行数，不论该行最后是否接受。",
            "Rows whose shape was faulty (or mixed with points or lines) and gave a surface after repair, "
            "whatever became of the row.",
        ),
        (
            "refused",
            "不能登记的行数，理由在 refusals。文件内两行重叠超限时，后一行被拒绝。",
            "Rows that could not be registered; why stands in refusals. Of two rows that overlap too much "
            "the later one is refused.",
        ),
        (
            "outcomes",
            "每行只有一个结果：accepted 合格，repaired 小修后合格，warned 需确认，refused 拒绝。",
            "One outcome a row: accepted, repaired (slightly), warned (to be confirmed), refused.",
        ),
        (
            "missing_geometries",
            "没有图形或图形为空的行数；不计入 invalid_geometries。",
            "Rows without a shape or with an empty one; not counted as invalid.",
        ),
        (
            "invalid_geometries",
            "有面图形、但按文件自身坐标不符合简单要素规则的行数：自相交、环相叠、环未闭合、顶点不足、无法读取。"
            "每行计一次；环的方向、重复顶点、Z/M 不算错。",
            "Rows with a polygon that breaks the rules of simple features in the file's own coordinates: "
            "crossing itself, overlapping rings, an open ring, too few points, unreadable. Each row once; "
            "ring direction, repeated points, Z and M are no faults.",
        ),
        (
            "overlapping_pairs",
            "文件内两行的内部有公共土地的对数（DE-9IM T********），重复和包含在内，每对计一次；"
            "按文件自身坐标判断，有错的图形用修复后的面，被拒绝的行也算。只接边不算。",
            "Pairs of rows of the file whose interiors share land (DE-9IM T********), duplicates and "
            "contained ones included, each pair once; decided in the file's own coordinates, faulty shapes "
            "after repair, refused rows too. A touch is none.",
        ),
        (
            "overlapping_pairs_by_class",
            "上面各对按公共面积分类，合计等于 overlapping_pairs：numeric 小于 1e-6 平方米（运算误差）；"
            "noise 小于 1 平方米或平均宽度（2A/P）小于 0.2 米；"
            "sliver 宽度小于 2 米且小于较小地块的 1%；overlap 其余。",
            "The same pairs by what they share; the sum is overlapping_pairs. numeric: below 1e-6 m² "
            "(arithmetic); noise: below 1 m² or mean width (2A/P) below 0.2 m; sliver: narrower than 2 m and "
            "below 1 % of the smaller parcel; overlap: the rest.",
        ),
        (
            "duplicate_pairs",
            "占同一块地的两行的对数（图形相等，起点和方向可不同）。",
            "Pairs of rows on the very same land (equal shapes, whatever their first point or direction).",
        ),
        (
            "contained_pairs",
            "一行完全在另一行之内的对数，相等的不计。",
            "Pairs of which one lies wholly within the other, equal ones left out.",
        ),
        (
            "overlaps_with_registered",
            "文件的行与已登记地块有公共土地的对数，噪声级不计，同一地块再次上传也算。"
            "register_compared 为 false 表示没有可用的登记库，此数为 0。",
            "Pairs of a row and a registered parcel that share land beyond noise, a parcel uploaded again "
            "included. Where register_compared is false there was no register to look at and this is 0.",
        ),
        (
            "area_m2_total",
            "所有有面的行的椭球面积之和（平方米，拒绝的行也算，重叠不扣除；修复后的面）："
            "CGCS2000 椭球上顶点间以测地线相连的多边形，不先取整。",
            "Ellipsoidal area in m² of all rows with a surface, summed (refused rows too, overlaps not taken "
            "off; faulty shapes after repair): of the polygon with geodesics between its vertices on the "
            "ellipsoid of CGCS2000, not rounded before.",
        ),
        (
            "area_m2_accepted",
            "同上，只计 accepted 的行。",
            "The same over the accepted rows only.",
        ),
        (
            "area_m2_by_rule",
            "同样的行按国家图斑椭球面积公式之和，每个环取 0.01 平方米：登记和核证用的就是这个面积；"
            "两者每个地块相差约 1e-6 以内。",
            "The same rows by the national trapezoid rule, each ring to 0.01 m²: the figure of record at "
            "registration and for credits. A parcel's two figures differ by some 1e-6 at most.",
        ),
        (
            "area_unit_detected",
            "面积字段的单位：m2、ha 或 mu（亩，10000/15 平方米），由字段值与实测面积之比的中位数得出；"
            "没有面积字段或没有一种单位能解释 95% 的行时为 null，原因在 area_unit_problem。",
            "Unit of the area column: m2, ha or mu (亩, 10000/15 m²), from the median of the value over the "
            "measured area; null without such a column, or when no unit explains 95 % of the rows "
            "(area_unit_problem says so).",
        ),
        (
            "crs_detected",
            "坐标系。crs_origin 为 file 时由文件声明，为 coordinates 时按坐标范围判断。",
            "Coordinate system. crs_origin: file = the file says so, coordinates = by their range.",
        ),
        (
            "encoding_detected",
            "能读通全部文字的编码；依次试 .cpg、DBF 语言字节、UTF-8、GB18030。GBK 够用时写 GBK。",
            "The encoding that explains all text; tried: .cpg, language byte of the DBF, UTF-8, GB18030 "
            "(GBK where it suffices).",
        ),
        (
            "county_mismatches",
            "属性所写的县（六位代码，或 DKBM、ZLDWDM 的前六位）与图形所在的县不同的行数。"
            "图形所在的县：跨界的按面积最多的县，其余按面内一点。市外或没有写县的行不计。",
            "Rows whose attribute names a county (six digits, or the start of DKBM or ZLDWDM) other than the "
            "one the shape lies in: for parcels across a border the county with most of their area, else "
            "that of a point inside. Rows outside the city or without a county are not counted.",
        ),
        (
            "outside_city",
            "有面、但不在信阳市十个县区之内的行数：照样读取、测量、检查，不登记。",
            "Rows with a surface outside the ten counties of Xinyang: read, measured and checked, not "
            "registered.",
        ),
        (
            "refusals",
            "被拒绝的行：行号、编号、理由和怎么办。remarks 是其余有话可说的行；"
            "questions 是导入时要由上传人说明、这里不作判断的事（如资源类型），每种一条，附行数。",
            "The refused rows: number, id, reasons and what to do. remarks are other rows with something "
            "to say; questions are what the sender must state when importing and a trial does not decide "
            "(such as the kind), each once with its number of rows.",
        ),
    )
}
