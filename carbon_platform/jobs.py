"""The schedule: one process (``flask --app wsgi scheduler``), one table of jobs.

APScheduler only wakes us up. That a job runs once per slot rests on the claimed row
(:mod:`carbon_platform.scheduling`), so a second scheduler by mistake does no harm.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from apscheduler.schedulers.blocking import BlockingScheduler
from apscheduler.triggers.cron import CronTrigger

from carbon_platform.citizens.chores import activate_points, expire_points
from carbon_platform.credits.double_claims import report_words
from carbon_platform.credits.uncertainty import analyse_due
from carbon_platform.ledger import (
    closed_cut,
    expire_holds,
    known_keys,
    load_key,
    reconcile,
    roll_up,
    seal_all,
    sign_heads,
    take_snapshot,
    verify,
)
from carbon_platform.parcels.evidence_check import check_evidence
from carbon_platform.parcels.evidence_commands import store_of
from carbon_platform.scheduling import claim, conclude
from carbon_platform.web import Platform
from carbon_platform.web.idempotency import forget_old_keys

log = logging.getLogger("carbon.jobs")
ZONE = ZoneInfo("Asia/Shanghai")
SEAL_LATE = timedelta(minutes=15)


@dataclass(frozen=True)
class Job:
    """``run`` returns (outcome, detail): ``ok`` or ``alarm`` and a sentence for the operator."""

    name: str
    cron: str
    run: Callable[[Platform], tuple[str, str]]
    slot_minutes: int


def verify_ledger(house: Platform) -> tuple[str, str]:
    trusted = trusted_keys(house)
    report = house.db.read(lambda session: verify(session, trusted))
    words = [f"{name} {count:,}" for name, count in report.counts.items()]
    words += [finding.en for finding in report.findings]
    return ("ok" if report.ok else "alarm"), "; ".join(words)


def trusted_keys(house: Platform) -> tuple[str, ...]:
    """Public keys that may have signed the ledger's heads, the present one first."""
    settings = house.settings
    return known_keys(settings.seal_key_path, make=settings.is_demo, old_keys=settings.seal_old_keys)


def seal_ledger(house: Platform) -> tuple[str, str]:
    """Alarm when a transaction that nobody ends keeps what was posted after it from being sealed."""
    done = seal_all(house.db, house.clock)
    words = f"{done.entries} entries sealed in {done.blocks} blocks"
    cut = house.db.read(closed_cut)
    if cut is None or house.clock() - cut.taken_at > SEAL_LATE:
        since = cut.taken_at.isoformat() if cut else "the beginning"
        return "alarm", f"{words}; nothing posted since {since} can be sealed: end the transaction left open"
    return "ok", words


def sign_ledger_heads(house: Platform) -> tuple[str, str]:
    """Sign each ended day; days missed while no scheduler ran are made up for."""
    key = load_key(house.settings.seal_key_path, make=house.settings.is_demo)
    signed = house.db.transact(lambda session: sign_heads(session, key, house.clock()))
    return "ok", f"signed: {', '.join(head.day for head in signed) or 'nothing, all days are signed'}"


def roll_up_ledger(house: Platform) -> tuple[str, str]:
    count = house.db.transact(lambda session: roll_up(session, house.clock()))
    return "ok", f"{count} accounts rolled up"


def take_ledger_snapshot(house: Platform) -> tuple[str, str]:
    made = house.db.transact(lambda session: take_snapshot(session, house.clock()))
    if made is None:
        return "ok", "nothing to do: the day has its snapshot, or no line through the journal is closed yet"
    return "ok", f"{made.day}: {made.accounts:,} accounts moved up to transfer {made.transfer_id:,}"


def reconcile_ledger(house: Platform) -> tuple[str, str]:
    """What failed stands still until a person lifts it (/reconciliation); everything else goes on."""
    done = reconcile(house.db, house.clock)
    words = [f"{check.name} {check.examined:,}" for check in done.checks]
    words += [finding.en for check in done.checks for finding in check.findings]
    return ("ok" if done.ok else "alarm"), "; ".join(words)


def release_expired_holds(house: Platform) -> tuple[str, str]:
    count = house.db.transact(lambda session: expire_holds(session, house.clock()))
    return "ok", f"{count} holds expired"


def activate_due_points(house: Platform) -> tuple[str, str]:
    return activate_points(house.db, now=house.clock())


def expire_old_points(house: Platform) -> tuple[str, str]:
    return expire_points(house.db, now=house.clock())


def analyse_uncertainty(house: Platform) -> tuple[str, str]:
    """Alarm when a run cannot be analysed: its methodology declares what cannot be drawn or computed."""
    done, refused = analyse_due(house.db.read, house.db.transact, now=house.clock())
    words = f"{len(done)} runs analysed {' '.join(done)}"
    return ("alarm", f"{words}; {'; '.join(refused)}") if refused else ("ok", words)


def check_evidence_files(house: Platform) -> tuple[str, str]:
    """Each file is read whole once a week; alarm when one is gone or altered."""
    report = check_evidence(house.db, store_of(house), house.clock, everything=False)
    return ("ok" if report.ok else "alarm"), report.words()


def look_for_double_claims(house: Platform) -> tuple[str, str]:
    """Alarm when tickets were issued for land that another claim covers; the page says which."""
    sound, words = house.db.read(report_words)
    return ("ok" if sound else "alarm"), words


def forget_keys(house: Platform) -> tuple[str, str]:
    count = house.db.transact(lambda session: forget_old_keys(session, now=house.clock()))
    return "ok", f"{count} idempotency keys forgotten"


JOBS = (
    Job("ledger.verify", "30 2 * * *", verify_ledger, slot_minutes=24 * 60),
    Job("ledger.seal", "* * * * *", seal_ledger, slot_minutes=1),
    Job("ledger.sign_head", "5 0 * * *", sign_ledger_heads, slot_minutes=24 * 60),
    Job("ledger.roll_up", "*/5 * * * *", roll_up_ledger, slot_minutes=5),
    Job("ledger.snapshot", "55 23 * * *", take_ledger_snapshot, slot_minutes=24 * 60),
    Job("ledger.reconcile", "15 3 * * *", reconcile_ledger, slot_minutes=24 * 60),
    Job("ledger.expire_holds", "*/10 * * * *", release_expired_holds, slot_minutes=10),
    Job("citizens.activate_points", "*/10 * * * *", activate_due_points, slot_minutes=10),
    # Hourly, so that a run that was killed after midnight is made up for within the hour.
    Job("citizens.expire_points", "5 * * * *", expire_old_points, slot_minutes=60),
    Job("credits.uncertainty", "*/10 * * * *", analyse_uncertainty, slot_minutes=10),
    Job("parcels.evidence", "35 3 * * *", check_evidence_files, slot_minutes=24 * 60),
    Job("credits.double_claims", "5 4 * * *", look_for_double_claims, slot_minutes=24 * 60),
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
