"""One person's points, told with dates and a dictionary: nothing of the platform is used here."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone

XINYANG = timezone(timedelta(hours=8))
ALWAYS = date.min  # the lot of points from before lots were dated
GRACE = timedelta(days=30)


def day_of(now: datetime) -> date:
    return now.astimezone(XINYANG).date()


@dataclass
class Grant:
    """The points of one act."""

    amount: int
    lot: date
    active_at: datetime
    claim_by: datetime | None = None
    state: str = "pending"


@dataclass
class Voucher:
    lots: dict[date, int]
    refunded: bool = False


@dataclass
class Person:
    """``here``: active points by lot, also of lots that are over until the job takes them away."""

    here: dict[date, int] = field(default_factory=dict)
    grants: list[Grant] = field(default_factory=list)
    lapsed: dict[date, int] = field(default_factory=dict)
    vouchers: list[Voucher] = field(default_factory=list)
    owed: int = 0

    def good(self, now: datetime) -> dict[date, int]:
        """Lots that can be spent, oldest first."""
        today = day_of(now)
        return {
            lot: self.here[lot]
            for lot in sorted(self.here)
            if self.here[lot] and (lot == ALWAYS or today <= lot)
        }

    def waiting(self, now: datetime) -> dict[date, int]:
        found: dict[date, int] = {}
        for grant in self.grants:
            if grant.state == "pending" and day_of(now) <= grant.lot:
                found[grant.lot] = found.get(grant.lot, 0) + grant.amount
        return found

    def gone(self, now: datetime) -> int:
        """All that ever lapsed, posted or not."""
        over = sum(n for lot, n in self.here.items()) - sum(self.good(now).values())
        pending = sum(grant.amount for grant in self.grants if grant.state == "pending")
        return sum(self.lapsed.values()) + over + pending - sum(self.waiting(now).values())

    def earn(self, amount: int, received: datetime, active_at: datetime, claim_days: int = 0) -> None:
        grant = Grant(amount, date(day_of(received).year + 1, 12, 31), active_at)
        if claim_days:
            grant.claim_by = max(active_at, received) + timedelta(days=claim_days)
        self.grants.append(grant)
        if active_at <= received and not claim_days:
            self.activate(grant, received)

    def activate(self, grant: Grant, now: datetime) -> None:
        grant.state = "active"
        self.add(grant.lot, grant.amount)
        self.pay_back(now)

    def activation_job(self, now: datetime) -> None:
        due = [g for g in self.grants if g.state == "pending" and g.active_at <= now and not g.claim_by]
        for grant in due:
            if day_of(now) <= grant.lot:
                self.activate(grant, now)

    def to_claim(self, now: datetime) -> list[Grant]:
        """What the person can fetch at this moment, soonest to lapse first."""
        found = [
            grant
            for grant in self.grants
            if grant.state == "pending"
            and grant.claim_by is not None
            and grant.active_at <= now < grant.claim_by
            and day_of(now) <= grant.lot
        ]
        return sorted(found, key=lambda grant: grant.claim_by or now)

    def lapse_job(self, now: datetime) -> None:
        for grant in self.grants:
            over = grant.claim_by is not None and grant.claim_by <= now and day_of(now) <= grant.lot
            if grant.state == "pending" and over:
                grant.state = "expired"
                self.lapsed[grant.lot] = self.lapsed.get(grant.lot, 0) + grant.amount

    def expiry_job(self, now: datetime) -> None:
        for lot in list(self.here):
            if lot != ALWAYS and lot < day_of(now):
                self.lapsed[lot] = self.lapsed.get(lot, 0) + self.here.pop(lot)
        for grant in self.grants:
            if grant.state == "pending" and grant.lot < day_of(now):
                grant.state = "expired"
                self.lapsed[grant.lot] = self.lapsed.get(grant.lot, 0) + grant.amount

    def spend(self, price: int, now: datetime) -> bool:
        if sum(self.good(now).values()) < price:
            return False
        self.vouchers.append(Voucher(self.take(price, now)))
        return True

    def take(self, amount: int, now: datetime, but: date | None = None) -> dict[date, int]:
        """At most ``amount`` out of the good lots, oldest first."""
        taken: dict[date, int] = {}
        for lot, left in self.good(now).items():
            part = min(left, amount)
            if part and lot != but:
                taken[lot] = part
                self.here[lot] -= part
                amount -= part
        return taken

    def add(self, lot: date, amount: int) -> None:
        self.here[lot] = self.here.get(lot, 0) + amount

    def pay_back(self, now: datetime) -> None:
        self.owed -= sum(self.take(self.owed, now).values())

    def refund(self, voucher: Voucher, now: datetime) -> None:
        voucher.refunded = True
        for lot, amount in voucher.lots.items():
            over = lot != ALWAYS and lot < day_of(now)
            self.add(day_of(now) + GRACE if over else lot, amount)
        self.pay_back(now)

    def withdraw(self, grant: Grant, now: datetime) -> None:
        """Its own lot first, then what lapsed of it, then other lots, then a debt."""
        before, grant.state = grant.state, "withdrawn"
        if before == "pending":
            return
        left = grant.amount
        if before == "active":
            part = min(left, self.here.get(grant.lot, 0))
            self.here[grant.lot] = self.here.get(grant.lot, 0) - part
            left -= part
        part = min(left, self.lapsed.get(grant.lot, 0))
        self.lapsed[grant.lot] = self.lapsed.get(grant.lot, 0) - part
        left -= part
        # a lot of which nothing became active is a lot like the others
        left -= sum(self.take(left, now, but=grant.lot if before == "active" else None).values())
        self.owed += left
