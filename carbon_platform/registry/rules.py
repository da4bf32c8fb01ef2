"""Why a whole file or an acceptance is refused. What is wrong with single rows is in ``findings``."""

from __future__ import annotations

from carbon_platform.errors import PlatformError

# One file. More is cut by year or by project; the rows are compared in memory.
ROW_LIMIT = 100_000
COLUMN_LIMIT = 64
CELL_LIMIT = 4_000
FILE_LIMIT_MB = 64
PAGE_COMMIT_LIMIT = 10_000
# What a workbook may grow to when unpacked, and how much text its shared strings may hold.
UNPACKED_LIMIT_MB = 512
SHARED_LIMIT_MB = 96
ENTRY_LIMIT = 1_000


class FileTooLarge(PlatformError):
    code, status = "registry.file_too_large", 413
    zh = "文件超过 {limit_mb} MB。请按年份或项目拆开后分几次上传。"
    en = "The file is larger than {limit_mb} MB. Split it by year or project and upload the parts."


class TooManyRows(PlatformError):
    code, status = "registry.too_many_rows", 413
    zh = "文件有{found}行，一次最多 {limit:,} 行。请按年份或项目拆开后分几次上传。"
    en = "The file has {found_en} rows; at most {limit:,} at a time. Split it by year or project."


class FormatUnknown(PlatformError):
    code, status = "registry.format_unknown", 415
    zh = "读不了这个文件：{reason}。请另存为 .xlsx 或 UTF-8 的 .csv 再上传。"
    en = "This file cannot be read: {reason_en}. Save it as .xlsx or as .csv in UTF-8 and upload it again."


class EncodingUnknown(PlatformError):
    code, status = "registry.encoding_unknown", 422
    zh = "认不出文字编码：{tried}。请另存为 UTF-8 的 CSV 再上传。"
    en = "The text encoding is not one of those expected: {tried_en}. Save the CSV in UTF-8."


class WorkbookRefused(PlatformError):
    code, status = "registry.workbook_refused", 422
    zh = "这个工作簿不能读：{reason}。请在表格软件里打开，只留要导入的工作表，另存为新的 .xlsx。"
    en = "This workbook is refused: {reason_en}. Open it, keep the one sheet needed, save it as a new .xlsx."


class SheetNotFound(PlatformError):
    code, status = "registry.sheet_not_found", 422
    zh = "工作簿里没有要读的工作表。应为 {wanted} 之一，文件里有：{present}。请改工作表名，或换来源。"
    en = (
        "The workbook has none of the sheets {wanted}; it has: {present}. "
        "Rename the sheet, or choose another source."
    )


class SeveralSheets(PlatformError):
    code, status = "registry.several_sheets", 422
    zh = "工作簿里有 {count} 张可读的工作表：{found}。一次只读一张，请只留要导入的一张，其余的另行上传。"
    en = (
        "The workbook has {count} sheets that could be meant: {found}. One is read at a time: keep the one "
        "to import, and upload the others separately."
    )


class HeaderNotFound(PlatformError):
    code, status = "registry.header_not_found", 422
    zh = "前 {rows} 行里找不到表头：{where}缺少列 {missing}。请核对来源选得对不对，或补上这些列名。"
    en = (
        "No header within the first {rows} rows: {where_en} lacks the columns {missing}. Check the source "
        "chosen, or add these column names."
    )


class HeaderTwice(PlatformError):
    code, status = "registry.header_twice", 422
    zh = "第 {row} 行表头里有两列都是“{column}”：{first} 和 {second}。请只留一列，或改名。"
    en = "The header in row {row} has two columns for “{column}”: {first} and {second}. Keep one of them."


class FileDamaged(PlatformError):
    code, status = "registry.file_damaged", 422
    zh = "第 {row} 行之后读不下去：{reason}。请检查引号是否成对，修好后再上传。"
    en = "The file cannot be read after row {row}: {reason_en}. Check that quotes are in pairs."


class NoRows(PlatformError):
    code, status = "registry.no_rows", 422
    zh = "表头下面没有一行数据。请核对文件。"
    en = "There is not one row below the header. Check the file."


class SourceUnknown(PlatformError):
    code, status = "registry.source_unknown", 422
    zh = "没有声明过来源 {source}。可选：{known}。"
    en = "The source {source} is not declared. Choose one of: {known}."


class DigestMismatch(PlatformError):
    code, status = "registry.digest_mismatch", 409
    zh = "您确认的摘要 {given} 与这份变更清单（{expected}）不同。请刷新页面，看过清单后再确认。"
    en = "The digest {given} is not that of this list of changes ({expected}). Reload, look, accept again."


class DiffStale(PlatformError):
    code, status = "registry.diff_stale", 409
    zh = "这份变更清单已过时：{reason}。请重新上传同一文件，再看一次清单。"
    en = "This list of changes is out of date: {reason_en}. Upload the same file again and look once more."


class NothingNew(PlatformError):
    code, status = "registry.nothing_new", 409
    zh = "这份文件里没有新的记录，不需要确认。"
    en = "There is nothing new in this file; nothing is to be accepted."


class RowsInError(PlatformError):
    code, status = "registry.rows_in_error", 409
    zh = "还有 {count:,} 行有错误或冲突。请改好后重新上传；如确定先入账其余各行，请勾选“有问题的行先不入”。"
    en = (
        "{count:,} rows are in error or conflict. Correct them and upload again, or tick “leave out the rows "
        "with problems” to record the others."
    )


class TooManyForThePage(PlatformError):
    """Some 200 events a second are written: a browser would not wait for more."""

    code, status = "registry.too_many_for_the_page", 409
    zh = "有 {count:,} 笔新记录，网页一次最多入账 {limit:,} 笔。请管理员运行：{command}"
    en = "There are {count:,} new records; the page accepts up to {limit:,} at once. Have this run: {command}"


class CommitRefused(PlatformError):
    """The ledger refused one entry: nothing of the import was written."""

    code, status = "registry.commit_refused", 409
    zh = "第 {row} 行入账被拒绝，整份导入都没有写入：{reason}"
    en = "Row {row} was refused by the ledger; nothing of the import was written: {reason_en}"


def check_acceptance(
    *,
    given: str,
    expected: str,
    new: int,
    in_error: int,
    leave_out_errors: bool,
    stale: tuple[str, str] | None,
) -> None:
    """Refuse an acceptance of a staged import, the gravest reason first."""
    if given != expected:
        raise DigestMismatch(given=given[:12], expected=expected[:12])
    if stale is not None:
        raise DiffStale(reason=stale[0], reason_en=stale[1])
    if new == 0:
        raise NothingNew
    if in_error and not leave_out_errors:
        raise RowsInError(count=in_error)
