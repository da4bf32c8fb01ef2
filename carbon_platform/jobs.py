"""The schedule: one process (``flask --app wsgi scheduler``), one table of jobs.

APScheduler only wakes us up. That a job runs once per slot rests on the claimed row
(:mod:`carbon_platform.scheduling`), so a second scheduler by mistake does no harm.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from apscheduler.schedulers.blocking import BlockingScheduler
from apscheduler.triggers.cron import CronTrigger

from carbon_platform.ledger import expire_holds, verify
from carbon_platform.scheduling import claim, conclude
from carbon_platform.web import Platform
from carbon_platform.web.idempotency import forget_old_keys

log = logging.getLogger("carbon.jobs")
ZONE = ZoneInfo("Asia/Shanghai")


@dataclass(frozen=True)
class Job:
    """``run`` returns (outcome, detail): ``ok`` or ``alarm`` and a sentence for the operator."""

    name: str
    cron: str
    run: Callable[[Platform], tuple[str, str]]
    slot_minutes: int


def verify_ledger(house: Platform) -> tuple[str, str]:
    report = house.db.read(verify)
    words = [f"{name} {count:,}" for name, count in report.counts.items()]
    words += [finding.en for finding in report.findings]
    return ("ok" if report.ok else "alarm"), "; ".join(words)


def release_expired_holds(house: Platform) -> tuple[str, str]:
    count = house.db.transact(lambda session: expire_holds(session, house.clock()))
    return "ok", f"{count} holds expired"


def forget_keys(house: Platform) -> tuple[str, str]:
    count = house.db.transact(lambda session: forget_old_keys(session, now=house.clock()))
    return "ok", f"{count} idempotency keys forgotten"


JOBS = (
    Job("ledger.verify", "30 2 * * *", verify_ledger, slot_minutes=24 * 60),
    Job("ledger.expire_holds", "*/10 * * * *", release_expired_holds, slot_minutes=10),
    Job("web.forget_keys", "45 2 * * *", forget_keys, slot_minutes=24 * 60),
)


def slot_of(job: Job, now: datetime) -> datetime:
    """The start of the slot ``now`` lies in, in Xinyang's day."""
    local = now.astimezone(ZONE)
    minutes = (local.hour * 60 + local.minute) // job.slot_minutes * job.slot_minutes
    return local.replace(hour=minutes // 60, minute=minutes % 60, second=0, microsecond=0)


def run_once(job: Job, house: Platform) -> str:
    """Run a job for the present slot unless it is taken. Returns the outcome or ``taken``."""
    slot = slot_of(job, house.clock())
    if not claim(house.db, job.name, slot, now=house.clock()):
        return "taken"
    try:
        outcome, detail = job.run(house)
    except Exception as error:
        log.exception("job %s failed", job.name)
        outcome, detail = "failed", repr(error)
    conclude(house.db, job.name, slot, outcome=outcome, detail=detail, now=house.clock())
    (log.info if outcome == "ok" else log.error)("job %s %s: %s", job.name, outcome, detail)
    return outcome


def make_scheduler(house: Platform) -> BlockingScheduler:
    scheduler = BlockingScheduler(
        timezone=ZONE, job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": 300}
    )
    for job in JOBS:
        scheduler.add_job(run_once, CronTrigger.from_crontab(job.cron, ZONE), args=(job, house), id=job.name)
    return scheduler


def run_forever(house: Platform) -> None:
    make_scheduler(house).start()
