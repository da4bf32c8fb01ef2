"""Sentences of :class:`gis.errors.VectorFileError` by code: Chinese, English."""

from __future__ import annotations

from typing import Final

MESSAGES: Final[dict[str, tuple[str, str]]] = {
    # The upload itself
    "gis.file.missing": ("找不到文件 {name}。请重新上传。", "There is no file {name}. Upload it again."),
    "gis.file.empty": ("文件 {name} 是空的（0 字节）。", "The file {name} is empty (0 bytes)."),
    "gis.file.too_large": (
        "文件 {name} 有 {size} 字节，上限 {limit} 字节。请按乡镇拆分后再上传。",
        "The file {name} has {size} bytes; the limit is {limit} bytes. Split it by township.",
    ),
    "gis.file.extension": (
        "不支持扩展名“{extension}”。可用：{allowed}。",
        "The extension “{extension}” is not supported. Use one of: {allowed}.",
    ),
    "gis.file.disguised": (
        "{name} 的内容不是 {expected} 格式。请从 GIS 软件中重新导出。",
        "The content of {name} is not {expected}. Export it again from the GIS program.",
    ),
    "gis.file.unreadable": (
        "{name} 无法按 {expected} 格式读取，文件可能已损坏。请重新导出。",
        "{name} cannot be read as {expected}; it may be damaged. Export it again.",
    ),
    "gis.file.timeout": (
        "读取 {name} 超过 {limit} 秒，已停止。请拆分或简化后再上传。",
        "Reading {name} took longer than {limit} s and was stopped. Split or simplify it.",
    ),
    "gis.file.resources": (
        "读取 {name} 所需内存或时间超出上限，已停止。请拆分后再上传。",
        "Reading {name} needs more memory or time than allowed and was stopped. Split it.",
    ),
    # Zip archives
    "gis.zip.damaged": ("压缩包 {name} 已损坏或不是 zip。", "The archive {name} is damaged or not a zip."),
    "gis.zip.zip64": (
        "压缩包 {name} 使用 Zip64 格式。请用普通 zip。",
        "{name} is a Zip64 archive. Use plain zip.",
    ),
    "gis.zip.entries": (
        "压缩包内有 {count} 个文件，上限 {limit} 个。请只放一个图层。",
        "The archive has {count} entries; the limit is {limit}. Put one layer into it.",
    ),
    "gis.zip.too_large": (
        "压缩包解开后有 {size} 字节，上限 {limit} 字节。请拆分。",
        "The archive unpacks to {size} bytes; the limit is {limit} bytes. Split it.",
    ),
    "gis.zip.ratio": (
        "压缩包的压缩比为 {ratio}，上限 {limit}，疑为压缩炸弹，未解压。",
        "The archive's compression ratio is {ratio}, the limit {limit}: probably a bomb, not unpacked.",
    ),
    "gis.zip.unsafe_name": (
        "压缩包内的文件名不安全：{entry}（绝对路径、“..”或链接）。请重新压缩。",
        "Unsafe name in the archive: {entry} (absolute path, “..” or link). Pack it again.",
    ),
    "gis.zip.name_clash": (
        "压缩包内有重名文件（不分大小写）：{entry}。",
        "Two entries of the archive have the same name (ignoring case): {entry}.",
    ),
    "gis.zip.nested": (
        "压缩包内还有压缩包：{entry}。请解开后只压缩图层文件。",
        "There is an archive inside the archive: {entry}. Pack the layer's files directly.",
    ),
    "gis.zip.entry_extension": (
        "压缩包内有不允许的文件：{entry}。可用：{allowed}。",
        "The archive holds a file that is not allowed: {entry}. Allowed: {allowed}.",
    ),
    "gis.zip.encrypted": (
        "压缩包已加密（{entry}）。请去掉密码。",
        "The archive is encrypted ({entry}). Remove the password.",
    ),
    "gis.zip.method": (
        "{entry} 的压缩方法不受支持。请用普通 zip（deflate）重新压缩。",
        "The compression method of {entry} is not supported. Pack it again as plain zip (deflate).",
    ),
    # Layers
    "gis.layer.none": (
        "没有找到图层。压缩包内需要 .shp、.dbf（以及 .shx、.prj）。",
        "No layer was found. The archive needs .shp and .dbf (with .shx and .prj).",
    ),
    "gis.layer.several": (
        "文件内有 {count} 个图层：{layers}。请指明要导入哪一个，或分开上传。",
        "The file has {count} layers: {layers}. Say which one to import, or upload them one by one.",
    ),
    "gis.layer.unknown": (
        "文件内没有图层“{layer}”。现有：{layers}。",
        "The file has no layer “{layer}”. It has: {layers}.",
    ),
    "gis.layer.no_dbf": (
        "缺少属性表 {stem}.dbf。请把同名的 .shp、.shx、.dbf、.prj 一起上传。",
        "The attribute table {stem}.dbf is missing. Upload .shp, .shx, .dbf and .prj together.",
    ),
    "gis.layer.no_rows": ("图层“{layer}”没有记录。", "The layer “{layer}” has no records."),
    "gis.layer.no_geometry": (
        "图层“{layer}”没有面图形。请导入面图层。",
        "The layer “{layer}” has no polygons. Import a polygon layer.",
    ),
    "gis.layer.too_many_rows": (
        "图层有 {count} 条记录，上限 {limit} 条。请拆分。",
        "The layer has {count} records; the limit is {limit}. Split it.",
    ),
    "gis.corners.columns": (
        "表格里没有角点清单。需要的列：地块编号（或小班号）、点号、X 和 Y（或经度和纬度），每个角点一行。",
        "The spreadsheet has no list of corners. It needs the columns parcel number, point number, X and Y "
        "(or longitude and latitude), one row a corner.",
    ),
    # Shapes
    "gis.shape.vertices": (
        "第 {row} 行的图形有 {count} 个顶点，上限 {limit} 个。请简化或拆分。",
        "The shape in row {row} has {count} vertices; the limit is {limit}. Simplify or split it.",
    ),
    "gis.shape.total_vertices": (
        "图层共有 {count} 个顶点，上限 {limit} 个。请拆分。",
        "The layer has {count} vertices; the limit is {limit}. Split it.",
    ),
    "gis.shape.nesting": (
        "第 {row} 行的图形嵌套 {depth} 层，上限 {limit} 层。请炸开集合后再导出。",
        "The shape in row {row} is nested {depth} deep; the limit is {limit}. Explode the collection.",
    ),
    "gis.shape.not_finite": (
        "第 {rows} 行的坐标不是有限数（NaN 或无穷大）。请修正后再上传。",
        "Rows {rows} have coordinates that are not finite numbers (NaN or infinity). Correct them.",
    ),
    # Coordinate systems
    "gis.crs.unknown": (
        "没有 .prj，坐标范围 x {xmin}–{xmax}、y {ymin}–{ymax} 也不像 CGCS2000 经纬度"
        "或 114°/117° 三度带。请附上 .prj。",
        "There is no .prj, and the range x {xmin}–{xmax}, y {ymin}–{ymax} fits neither CGCS2000 degrees "
        "nor the 114°/117° zones. Add the .prj.",
    ),
    "gis.crs.old_datum": (
        "坐标系“{crs}”属于西安80或北京54，与 CGCS2000 相差可达百米，且无公开转换参数。"
        "请由测绘部门转换为 CGCS2000 后再上传。",
        "“{crs}” is Xi'an 1980 or Beijing 1954, up to 100 m off CGCS2000 with no public parameters. "
        "Have it converted to CGCS2000.",
    ),
    "gis.crs.gcj02": (
        "“{name}”是给小程序地图用的 GCJ-02 坐标，比实地偏 500 多米，不能入库。请用 CGCS2000 的原件。",
        "“{name}” holds GCJ-02 coordinates for a mini-program map, more than 500 m off the land. "
        "Send the original in CGCS2000.",
    ),
    "gis.crs.unsupported": (
        "不支持坐标系“{crs}”。请用 CGCS2000（经纬度或 114°/117° 三度带）或 WGS 84。",
        "“{crs}” is not supported here. Use CGCS2000 (degrees or the 114°/117° zones) or WGS 84.",
    ),
    "gis.crs.unreadable": (
        ".prj 不是可识别的坐标系说明。请重新导出，或删除 .prj 由系统按坐标判断。",
        "The .prj is no readable definition. Export it again, or remove it and let the coordinates decide.",
    ),
    "gis.crs.conflict": (
        ".prj 说是“{crs}”，但坐标范围 x {xmin}–{xmax}、y {ymin}–{ymax} 不在其中（带号是否丢失？）。"
        "请换上正确的 .prj，或删去 .prj 由系统按坐标判断。",
        "The .prj says “{crs}”, but x {xmin}–{xmax}, y {ymin}–{ymax} lies outside it "
        "(zone prefix lost?). Put the right .prj beside it, or remove it and let the coordinates decide.",
    ),
}

NOTES: Final[dict[str, tuple[str, str]]] = {
    "gis.note.layer_chosen": (
        "文件有几个图层（{layers}），只有“{layer}”是地块表，已读这一层。",
        "Of the layers of this file ({layers}) only “{layer}” is a table of parcels; it was read.",
    ),
    "gis.note.axes_swapped": (
        "坐标的次序是“北、东”（X、Y 颠倒），已换成“东、北”读取。请在图上核对位置。",
        "The coordinates stand as north, east (X and Y swapped); they were read as east, north. "
        "Check the position on the map.",
    ),
    "gis.note.coordinates_rounded": (
        "横坐标全部是 {step} 米的倍数：带号使数字太长，被存成了单精度。"
        "面积和边界已失真，请用双精度重新导出。",
        "All eastings are multiples of {step} m: with the zone prefix they were too long for single "
        "precision. Areas and borders are distorted; export again in double precision.",
    ),
    "gis.note.mojibake": (
        "文字像是 GBK 被当作西文存过（如“{text}”），系统不猜测原文。请从原始数据重新导出。",
        "The text looks like GBK once saved as Western European (such as “{text}”); it was not guessed back. "
        "Export it again from the original data.",
    ),
    "gis.note.recoded": (
        "文件应为 UTF-8，实际是 {encoding}，已按 {encoding} 读取。",
        "The file should be UTF-8 but is {encoding}; it was read as {encoding}.",
    ),
    "gis.note.corners_lost": (
        "有 {count} 个地块的角点不足三个或坐标不是数，按缺图形处理：表格第 {rows} 行起。",
        "{count} parcels have fewer than three corners or coordinates that are no numbers and count as "
        "missing: from rows {rows} of the sheet.",
    ),
    "gis.note.cpg_lies": (
        ".cpg 写的是 {cpg}，但内容按 {encoding} 才能读通，已按 {encoding} 读取。",
        "The .cpg says {cpg}, but only {encoding} explains the text; it was read as {encoding}.",
    ),
    "gis.note.cut_characters": (
        "有 {count} 处文字被截断（按 {encoding} 读取），截断处的字已去掉。请核对。",
        "{count} characters are cut (read as {encoding}) and were left out. Check these texts.",
    ),
    "gis.note.rings_closed": (
        "有 {count} 行的边界未闭合，已自动闭合：第 {rows} 行。",
        "{count} rows had unclosed rings, which were closed: rows {rows}.",
    ),
    "gis.note.shape_lost": (
        "有 {count} 行的图形无法读取，按空图形处理：第 {rows} 行。",
        "The shapes of {count} rows cannot be read and count as missing: rows {rows}.",
    ),
    "gis.note.shx_rebuilt": ("缺少 .shx 索引，已重建。", "The .shx index was missing and has been rebuilt."),
    "gis.note.ignored": ("未使用压缩包内的：{names}。", "Not used from the archive: {names}."),
    "gis.note.kml_datum": (
        "KML 可能是 GCJ-02（奥维等软件的设置），本系统按 CGCS2000/WGS 84 读取。请核对位置。",
        "KML may hold GCJ-02 (a setting of handheld software); it was read as CGCS2000/WGS 84. "
        "Check the position.",
    ),
}
