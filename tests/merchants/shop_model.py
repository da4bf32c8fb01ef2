"""A merchant's month told with dictionaries: nothing of the platform is used here. Points, fen, pieces."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

XINYANG = timezone(timedelta(hours=8))
SLACK = timedelta(minutes=5)
STANDING = ("ready", "used", "refunding")


def month_of(moment: datetime) -> str:
    return moment.astimezone(XINYANG).strftime("%Y-%m")


def midnight_after(moment: datetime, days: int) -> datetime:
    start = moment.astimezone(XINYANG).replace(hour=0, minute=0, second=0, microsecond=0)
    return start + timedelta(days=days + 1)


@dataclass
class Voucher:
    person: int
    offer: str
    merchant: str
    price: int
    value: int
    bought: datetime
    month: str
    ends: datetime | None
    status: str = "ready"
    asked: datetime | None = None
    due: datetime | None = None
    heard: datetime | None = None
    settled: str = ""


@dataclass
class Month:
    limit: int
    paid: int = 0
    closed: bool = False


@dataclass
class Town:
    """``money``: what the sponsor has free; ``payable``, ``out``: what went on to merchants and the bank."""

    offline: timedelta
    money: int
    points: dict[int, int] = field(default_factory=dict)
    stock: dict[str, int] = field(default_factory=dict)
    vouchers: list[Voucher] = field(default_factory=list)
    months: dict[tuple[str, str], Month] = field(default_factory=dict)
    payable: int = 0
    out: int = 0

    def committed(self, merchant: str, month: str) -> int:
        return sum(
            v.value
            for v in self.vouchers
            if v.status in STANDING and (v.merchant, v.month) == (merchant, month)
        )

    def room(self, merchant: str, month: str, value: int) -> bool:
        found = self.months.get((merchant, month))
        return (
            found is not None and not found.closed and self.committed(merchant, month) + value <= found.limit
        )

    def buy(self, voucher: Voucher, *, gives: bool = False) -> bool:
        """A voucher, or with ``gives`` a donation, which takes nothing from the shelf."""
        if not gives and not self.stock[voucher.offer]:
            return False
        if not self.room(voucher.merchant, voucher.month, voucher.value):
            return False
        if self.points[voucher.person] < voucher.price:
            return False
        self.points[voucher.person] -= voucher.price
        if not gives:
            self.stock[voucher.offer] -= 1
        self.vouchers.append(voucher)
        return True

    def use(self, voucher: Voucher, at: datetime, now: datetime, *, offline: bool) -> bool:
        in_time = voucher.bought - SLACK <= at <= now + SLACK and (voucher.ends is None or at < voucher.ends)
        unheard = (
            voucher.status == "refunding" and voucher.asked is not None and (offline or at <= voucher.asked)
        )
        if not in_time or not (voucher.status == "ready" or unheard):
            return False
        voucher.status, voucher.heard = "used", now
        return True

    def ask_back(self, voucher: Voucher, asked: datetime, now: datetime) -> None:
        voucher.status, voucher.asked, voucher.due = "refunding", asked, asked + self.offline
        if voucher.due <= now:
            self.give_back(voucher)

    def give_back(self, voucher: Voucher) -> None:
        voucher.status = "refunded"
        self.points[voucher.person] += voucher.price
        self.stock[voucher.offer] += 1

    def give_back_job(self, now: datetime) -> None:
        for voucher in self.vouchers:
            if voucher.status == "ready" and voucher.ends is not None and voucher.ends <= now:
                self.ask_back(voucher, voucher.ends, now)
            if voucher.status == "refunding" and voucher.due is not None and voucher.due <= now:
                self.give_back(voucher)

    def open_month(self, merchant: str, month: str, limit: int) -> bool:
        found = self.months.get((merchant, month), Month(0))
        change = limit - found.limit
        if found.closed or limit < self.committed(merchant, month) or change > self.money:
            return False
        self.money -= change
        found.limit = limit
        self.months[merchant, month] = found
        return True

    def close_months(self, drafts: set[str], now: datetime) -> None:
        for (merchant, month), found in self.months.items():
            mine = [v for v in self.vouchers if (v.merchant, v.month) == (merchant, month)]
            waits = any(
                v.status in ("ready", "refunding") or (v.status == "used" and v.settled in {"", *drafts})
                for v in mine
            )
            if month < month_of(now) and not found.closed and not waits:
                found.closed = True
                self.money += found.limit - found.paid

    def unsettled(self, merchant: str, before: datetime) -> list[Voucher]:
        return [
            v
            for v in self.vouchers
            if v.merchant == merchant
            and v.status == "used"
            and not v.settled
            and v.heard is not None
            and v.heard < before
        ]

    def settle(self, code: str) -> None:
        for voucher in self.vouchers:
            if voucher.settled == code:
                self.months[voucher.merchant, voucher.month].paid += voucher.value
                self.payable += voucher.value
