"""Why a partner's request, a key or a take-over is refused, in words its engineers can act on."""

from __future__ import annotations

from carbon_platform.errors import PlatformError


class SignatureInvalid(PlatformError):
    """The same words for an unknown key, an ended one and a wrong signature."""

    code, status = "partner.signature_invalid", 401
    zh = (
        "签名不对，或密钥 {key_id} 不存在、已停用。"
        "签名串为七行：算法、方法、路径、查询串、时间、随机串、正文摘要，见开发文档“数据合作方接口”。"
    )
    en = (
        "The signature is wrong, or key {key_id} is unknown or ended. What is signed are seven lines: "
        "algorithm, method, path, query, time, nonce, digest of the body; see the document on data partners."
    )


class SignatureMissing(PlatformError):
    code, status = "partner.signature_missing", 401
    zh = "请求头缺少 {missing}。每个请求都要签名，见开发文档“数据合作方接口”。"
    en = "Headers missing: {missing}. Every request is signed; see the document on data partners."


class ClockOff(PlatformError):
    code, status = "partner.clock_off", 401
    zh = "请求时间 {at} 与平台时间 {now} 相差超过 {seconds} 秒。请校准服务器时钟后重新签名。"
    en = (
        "The time of the request {at} is more than {seconds} s away from ours, {now}. "
        "Set the clock and sign again."
    )


class NonceReplayed(PlatformError):
    code, status = "partner.nonce_replayed", 401
    zh = "这个随机串刚刚用过。重发请用新的随机串重新签名；同一条记录不会重复计入。"
    en = "This nonce was just used. Sign again with a new one; a record sent twice still counts once."


class TooManyRows(PlatformError):
    code, status = "partner.too_many_rows", 413
    zh = "一次最多 {most} 行，这次有 {rows} 行，整批没有收下。请分批再送。"
    en = "At most {most} rows at a time, this had {rows}; none was taken. Send them in parts."


class PushTooLarge(PlatformError):
    code, status = "partner.push_too_large", 413
    zh = "一次最多 {most} 字节，这次有 {size} 字节，整批没有收下。请分批再送。"
    en = "At most {most} bytes at a time, this had {size}; nothing was taken. Send them in parts."


class PushEmpty(PlatformError):
    code, status = "partner.push_empty", 422
    zh = (
        "正文里没有记录。请每行放一个 JSON 对象（application/x-ndjson），"
        "或放一个 JSON 对象（application/json）。"
    )
    en = (
        "The body holds no record. Send one JSON object per line (application/x-ndjson), "
        "or one (application/json)."
    )


class KeysFull(PlatformError):
    code, status = "partner.keys_full", 409
    zh = "场景“{scene}”已有两把有效密钥。请先停用一把，再生成新的。"
    en = "Scene {scene_en} has two keys in force. End one before making another."


class ReconciliationInvalid(PlatformError):
    code, status = "partner.reconciliation_invalid", 422
    zh = "对账文件有误：{reason}。需要的列：day, behaviour, records, quantity。"
    en = "The reconciliation file is wrong: {reason_en}. Columns needed: day, behaviour, records, quantity."


class TakeoverFileInvalid(PlatformError):
    code, status = "takeover.file_invalid", 422
    zh = "导出文件 {file} 读不了：{reason}。"
    en = "The export {file} cannot be read: {reason_en}."
