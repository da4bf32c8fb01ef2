"""Check the proof of one ledger entry. Needs a Python interpreter (3.8 or later) and nothing else.

    python check_proof.py PROOF.json --key PUBLIC_KEY

PUBLIC_KEY is what the platform publishes at /api/v1/public/ledger/key, 64 hexadecimal digits; take it
from where you trust it, not from the proof. Exit status: 0 proved; 1 refused; 2 cannot be read;
3 the parts fit, but no signed head stands above them yet (ask for the proof again after midnight).
"""

import argparse
import hashlib
import json
import pathlib
import re
import sys

PROOF_KEYS = {"format", "entry_id", "position", "entry", "path", "block", "block_path", "head"}
BLOCK_KEYS = {"number", "first_position", "count", "through_entry_id", "sealed_at_us", "previous", "root",
              "hash"}  # fmt: skip
HEAD_KEYS = {"format", "day", "first_block", "block_number", "block_hash", "blocks_root", "entries", "key_id",
             "signed_at", "signature"}  # fmt: skip
ENTRY_KEYS = {"actor", "detail", "digest", "effective_at", "hold_uses", "note", "reason", "recorded_at",
              "reference", "reverses", "transfers"}  # fmt: skip


class Refused(Exception):
    """Why the proof is not accepted."""


def sha(data):
    return hashlib.sha256(data).digest()


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode("ascii")


def eight(number):
    return number.to_bytes(8, "big", signed=True)


def climb(start, index, count, steps):
    """The Merkle root that the steps lead to from leaf ``index`` of ``count``."""
    steps, reached = list(steps), start
    while count > 1:
        if index ^ 1 < count:
            if not steps:
                raise Refused("a path is too short")
            beside = steps.pop(0)
            reached = sha(b"\x01" + (beside + reached if index & 1 else reached + beside))
        index, count = index // 2, (count + 1) // 2
    if steps:
        raise Refused("a path is too long")
    return reached


# --- Ed25519 (RFC 8032), verification only ---------------------------------------------------------

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)


def add(a, b):
    """Sum of two points in extended coordinates (X, Y, Z, T = XY/Z)."""
    x1, y1, z1, t1 = a
    x2, y2, z2, t2 = b
    e = (x1 + y1) * (x2 + y2) - x1 * x2 - y1 * y2
    g, h = z1 * z2 - D * t1 * t2, y1 * y2 + x1 * x2
    f = z1 * z2 + D * t1 * t2
    return e * g % P, f * h % P, g * f % P, e * h % P


def times(scalar, point):
    total = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            total = add(total, point)
        point, scalar = add(point, point), scalar >> 1
    return total


def point_from(data):
    y, sign = int.from_bytes(data, "little") & (2**255 - 1), data[31] >> 7
    if y >= P:
        raise Refused("the key or the signature is not a point of the curve")
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * ROOT_OF_MINUS_ONE % P
    if x * x % P != square or (x == 0 and sign):
        raise Refused("the key or the signature is not a point of the curve")
    x = P - x if x & 1 != sign else x
    return x, y, 1, x * y % P


def signed(public, message, signature):
    """Whether ``signature`` is that of ``public`` over ``message``."""
    key, r, s = point_from(public), point_from(signature[:32]), int.from_bytes(signature[32:], "little")
    if s >= ORDER:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % ORDER
    base = point_from((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))
    left, right = times(s, base), add(r, times(k, key))
    return all((left[i] * right[2] - right[i] * left[2]) % P == 0 for i in (0, 1))


# --- the proof -------------------------------------------------------------------------------------


def demand(condition, reason):
    if not condition:
        raise Refused(reason)


def named(value, keys, what):
    demand(isinstance(value, dict) and set(value) == keys, f"{what} must have exactly {sorted(keys)}")
    return value


def whole(value, what, low=1):
    demand(type(value) is int and low <= value < 2**63, f"{what} is not a whole number from {low}")
    return value


def digest(value, what, size=32):
    fits = isinstance(value, str) and re.fullmatch("[0-9a-f]+", value) and len(value) == 2 * size
    demand(fits, f"{what} is not {2 * size} hexadecimal digits")
    return bytes.fromhex(value)


def digests(values, what):
    demand(isinstance(values, list), f"{what} is not a list")
    return [digest(value, what) for value in values]


def check_block(proof):
    """The entry is in the block: content, position, path, root, hash. Returns the block."""
    block = named(proof["block"], BLOCK_KEYS, "block")
    entry_id, position = whole(proof["entry_id"], "entry_id"), whole(proof["position"], "position")
    for name in ("number", "first_position", "count", "through_entry_id"):
        whole(block[name], name)
    whole(block["sealed_at_us"], "sealed_at_us", 0)
    demand(entry_id <= block["through_entry_id"], "the entry lies behind the block")
    index = position - block["first_position"]
    demand(0 <= index < block["count"], "the position lies outside the block")
    content = sha(canonical(named(proof["entry"], ENTRY_KEYS, "entry")))
    leaf = sha(b"\x00" + eight(position) + eight(entry_id) + content)
    root = climb(leaf, index, block["count"], digests(proof["path"], "path"))
    demand(root == digest(block["root"], "root"), "the entry does not lead to the block's root")
    numbers = (block[n] for n in ("number", "first_position", "count", "through_entry_id", "sealed_at_us"))
    made = sha(b"\x02" + b"".join(eight(n) for n in numbers) + digest(block["previous"], "previous") + root)
    demand(made == digest(block["hash"], "hash"), "the block's hash does not fit its content")
    return block


def check_head(proof, block, key):
    """The block is under the head, and the head is signed by the key."""
    head = named(proof["head"], HEAD_KEYS, "head")
    demand(head["format"] == "xinyang-carbon-ledger-head/1", "unknown format of the head")
    demand(head["key_id"] == key.hex(), "the head names another key than the one given")
    message = canonical({name: value for name, value in head.items() if name != "signature"})
    signature = digest(head["signature"], "signature", 64)
    demand(signed(key, message, signature), "the head's signature does not fit")
    first, last = whole(head["first_block"], "first_block"), whole(head["block_number"], "block_number")
    demand(first <= block["number"] <= last, "the block is not among those of the head")
    place = eight(block["number"]) + eight(block["through_entry_id"])
    leaf = sha(b"\x00" + place + bytes.fromhex(block["hash"]))
    steps = digests(proof["block_path"], "block_path")
    root = climb(leaf, block["number"] - first, last - first + 1, steps)
    demand(root == digest(head["blocks_root"], "blocks_root"), "the block does not lead to the head's root")
    return head


def no_repeats(pairs):
    demand(len({name for name, _ in pairs}) == len(pairs), "a field is given twice")
    return dict(pairs)


def main():
    parser = argparse.ArgumentParser(description="Check the proof of one ledger entry.")
    parser.add_argument("proof")
    parser.add_argument("--key", required=True, help="the published public key, 64 hexadecimal digits")
    given = parser.parse_args()
    sys.stdout.reconfigure(errors="backslashreplace")
    try:
        key = digest(given.key, "--key")
        text = pathlib.Path(given.proof).read_text(encoding="utf-8")
        proof = named(json.loads(text, object_pairs_hook=no_repeats), PROOF_KEYS, "the proof")
        demand(proof["format"] == "xinyang-carbon-ledger-proof/1", "unknown format of the proof")
        block = check_block(proof)
        if proof["head"] is None:
            demand(proof["block_path"] == [], "a path leads to no head")
            print(f"UNSIGNED: entry {proof['entry_id']} fits block {block['number']}, no signed head yet.")
            return 3
        head = check_head(proof, block, key)
    except Refused as reason:
        print(f"REFUSED: {reason}.")
        return 1
    except (OSError, ValueError, RecursionError) as error:
        print(f"CANNOT BE READ: {error}")
        return 2
    entry = proof["entry"]
    print(f"PROVED: entry {proof['entry_id']}, {entry['reference']}, recorded {entry['recorded_at']},")
    print(
        f"stands at position {proof['position']}, block {block['number']}, under the head of {head['day']}."
    )
    for move in entry["transfers"]:
        print(" ", move["amount"], *move["source"], "->", *move["destination"], move["numbers"] or "")
    return 0


if __name__ == "__main__":
    sys.exit(main())
