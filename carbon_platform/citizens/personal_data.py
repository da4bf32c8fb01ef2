"""Where data about persons are, table by table: what merging, export and erasure do with them.

One list. A test walks over all tables of the platform and fails on one that names a holder and is neither
here nor in :data:`NOT_PERSONAL`, so that a new table cannot be forgotten. Tables are named, not imported:
rooms above this one have theirs in the same metadata.

``on_merge``: ``move`` to the account that stays (``unique`` columns: of two rows that would clash the other
account's ends, or stays where it is; ``single``: one row per person; ``only_state``: no other rows; ``far``:
the column of a second person in the row, never the same one), ``add`` up with its row (``sums``), ``drop``,
``keep``. ``on_erase``: ``keep`` (it names nobody any more), ``drop``, ``blank`` (``blanked`` columns).
``person``: the column with the number of the person, if there is one. ``title``: the file of the export;
empty: not exported. ``hidden`` columns mean nothing to a person or are secrets of the platform.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import sqlalchemy as sa

from carbon_platform.db import Base


@dataclass(frozen=True)
class Kept:
    """What one table keeps about a person, found by ``column`` (an opaque holder)."""

    table: str
    title: str = ""
    column: str = "holder"
    on_merge: str = "move"
    on_erase: str = "keep"
    unique: tuple[str, ...] = ()
    sums: tuple[str, ...] = ()
    blanked: tuple[str, ...] = ()
    person: str = "person_id"
    far: str = ""
    single: bool = False
    only_state: str = ""
    hidden: tuple[str, ...] = ()


_INNER = (
    "record_key", "content_digest", "parameter_digest", "input_digest", "code_digest", "entry_id",
    "activation_entry_id", "withdrawal_entry_id", "batch_id", "row_index", "external_index",
    "content_sha256", "order_key", "refund_entry_id", "settled_in",
)  # fmt: skip

_PROXY = ("principal_person_id", "agent_person_id", "paper_sha256", "granted_by_id")

KEPT: tuple[Kept, ...] = (
    Kept("act", "acts_碳账本"),
    # Raw rows: no word about who it is, emptied after a month, and far too many to be found by holder; what
    # still waits for the worker follows the person, and is emptied when the person is forgotten.
    Kept("act_inbox", only_state="waiting", on_erase="blank", blanked=("payload",)),
    Kept("book_month", "months_每月合计", on_merge="add", unique=("month",),
         sums=("acts", "reduction_g", "creditable_g", "points")),
    Kept("act_refusal", "not_taken_没有收下的", unique=("source", "refusal_key"), on_erase="blank",
         blanked=("said",), hidden=("refusal_key",)),
    Kept("appeal", "appeals_申诉", on_erase="blank", blanked=("words",)),
    Kept("account_link", on_erase="drop", unique=("kind", "fingerprint")),
    Kept("binding", "bindings_绑定", on_erase="drop"),
    Kept("redemption", "redemptions_兑换"),
    Kept("redemption_refusal", "refusals_未成的兑换", unique=("order_key", "reason_code")),
    Kept("holder_activity", on_erase="drop", single=True),
    Kept("footprint", "footprints_个人足迹", on_erase="drop", unique=("year",)),
    Kept("offset_order", "offsets_抵消", unique=("order_key",), on_erase="blank", blanked=("beneficiary",)),
    Kept("bundle_holder", "bundles_汇总批次", on_merge="add", unique=("bundle_id",),
         sums=("acts", "creditable_g", "reduction_g")),
    Kept("taken_account", "taken_over_接管账户"),
    Kept("taken_record", "taken_over_records_接管记录"),
    Kept("group_member", "groups_家庭与群组", unique=("kind",)),
    Kept("family_gift", "gifts_given_送出的积分", column="giver", far="receiver"),
    Kept("family_gift", "gifts_received_收到的积分", column="receiver", far="giver"),
    Kept("proxy", "proxies_granted_我请的代办", column="principal", person="principal_person_id",
         unique=("agent",), far="agent", on_erase="blank", blanked=("paper_sha256",), hidden=_PROXY),
    Kept("proxy", "proxies_held_我替人代办", column="agent", person="agent_person_id", unique=("principal",),
         far="principal", hidden=_PROXY),
    Kept("proxy_action", "done_for_me_代我办的", hidden=("agent", "officer_id")),
    Kept("paper_account", "paper_account_村里开的账户", on_erase="blank",
         blanked=("name_sealed", "paper_sha256"), hidden=("name_sealed", "paper_sha256")),
    Kept("bus_card", "cards_公交卡", on_erase="drop", hidden=("number_sealed", "number_index")),
    Kept("village_row", "village_entries_村级代录", hidden=("account_number", "photo_sha256")),
    Kept("ranking_week", "ranking_排名", unique=("week",), on_erase="drop"),
)  # fmt: skip
# They name organisations, or are kept by other means: identity's own tables go by the person's row.
NOT_PERSONAL = frozenset(
    {"ledger_account", "organisation", "payee", "parcel", "parcel_event", "merchant", "person",
     "distribution_line", "registry_record", "registry_import_row"}
)  # fmt: skip


def kept() -> Iterator[tuple[Kept, sa.Table]]:
    """The list with the tables themselves; rooms that are not installed (in tests) are left out."""
    for one in KEPT:
        table = Base.metadata.tables.get(one.table)
        if table is not None:
            yield one, table


def exported(one: Kept, table: sa.Table) -> list[sa.Column[object]]:
    """The columns a person gets: never the holder of the second person in a row."""
    hidden = {one.column, one.far, *_INNER, *one.hidden}
    return [column for column in table.columns if column.name not in hidden]


def undecided() -> list[str]:
    """Tables with a holder about which nobody has decided."""
    known = {one.table for one in KEPT} | NOT_PERSONAL
    return sorted(
        table.name
        for table in Base.metadata.tables.values()
        if table.name not in known
        and any(column.name.endswith("holder") or column.name in ("giver", "receiver") for column in table.c)
    )
