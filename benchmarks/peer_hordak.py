"""L5 and L6: django-hordak, double-entry bookkeeping on Django, on the same PostgreSQL server.

It keeps no balances and no idempotency keys: a transfer is a transaction row and two legs, whose sum
a deferred trigger checks. It is given few accounts and an empty journal, in its favour.
"""

from __future__ import annotations

import random
from typing import Any

import django
import sqlalchemy as sa
from django.conf import settings
from django.core.management import call_command

from benchmarks.measure import Work, repeat


class Hordak:
    """Django is set up once per process, on the given database."""

    def __init__(self, url: str, *, accounts: int) -> None:
        address = sa.make_url(url)
        settings.configure(
            DATABASES={
                "default": {
                    "ENGINE": "django.db.backends.postgresql",
                    "NAME": address.database,
                    "USER": address.username,
                    "HOST": address.query["host"],
                    # As long as the process: a new connection for each transfer would not be its fault.
                    "CONN_MAX_AGE": None,
                }
            },
            INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "mptt", "hordak"],
            DEFAULT_AUTO_FIELD="django.db.models.AutoField",
            USE_TZ=True,
            DEFAULT_CURRENCY="CNY",
            HORDAK_INTERNAL_CURRENCY="CNY",
            CURRENCIES=["CNY"],
            HORDAK_CURRENCIES=["CNY"],
        )
        django.setup()
        call_command("migrate", verbosity=0)
        from hordak.models import Account

        self._accounts = [
            Account.objects.create(name=f"h{n:07d}", code=str(n), type="AS", currencies=["CNY"])
            for n in range(accounts)
        ]

    def _pair(self) -> tuple[Any, Any]:
        return tuple(random.sample(self._accounts, 2))  # type: ignore[return-value]

    def single(self) -> Work:
        """``transfer_to``, each in a transaction of its own."""
        from django.db import transaction
        from moneyed import Money

        one = Money(1, "CNY")

        def step() -> int:
            payer, payee = self._pair()
            with transaction.atomic():
                payer.transfer_to(payee, one)
            return 1

        return repeat(step)

    def batch(self, size: int) -> Work:
        """``size`` times ``transfer_to`` in one ``atomic()``."""
        from django.db import transaction
        from moneyed import Money

        one = Money(1, "CNY")

        def step() -> int:
            with transaction.atomic():
                for _ in range(size):
                    payer, payee = self._pair()
                    payer.transfer_to(payee, one)
            return size

        return repeat(step)

    def bulk(self, size: int) -> Work:
        """``bulk_create`` of ``size`` transactions, then of their legs."""
        from django.db import transaction
        from hordak.models import Leg, Transaction
        from moneyed import Money

        one = Money(1, "CNY")

        def step() -> int:
            with transaction.atomic():
                made = Transaction.objects.bulk_create([Transaction() for _ in range(size)])
                legs = []
                for each in made:
                    payer, payee = self._pair()
                    legs.append(Leg(transaction=each, account=payer, credit=one))
                    legs.append(Leg(transaction=each, account=payee, debit=one))
                Leg.objects.bulk_create(legs)
            return size

        return repeat(step)

    def unbalanced(self) -> int:
        """Transactions whose legs do not cancel out; none."""
        from hordak.models import Leg

        return sum(
            1
            for leg in Leg.objects.values("transaction_id").annotate(
                off=django.db.models.Sum("credit") - django.db.models.Sum("debit")
            )
            if leg["off"]
        )

    def close(self) -> None:
        from django.db import connection

        connection.close()
