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
from apscheduler.triggers.interval import IntervalTrigger

from carbon_platform.citizens import inbox
from carbon_platform.citizens.chores import activate_points, expire_points
from carbon_platform.citizens.privacy import erase_due, minimise
from carbon_platform.citizens.targets import count as count_open_accounts
from carbon_platform.citizens.truth_chores import draw_audits, forget_links, forget_refusals, lapse_points
from carbon_platform.credits.double_claims import report_words
from carbon_platform.credits.uncertainty import analyse_due
from carbon_platform.groups.statistics import release_due
from carbon_platform.inclusion import chores as inclusion
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
from carbon_platform.merchants.chores import give_back_due, keep_budgets
from carbon_platform.parcels.evidence_check import check_evidence
from carbon_platform.parcels.evidence_commands import store_of
from carbon_platform.partners.chores import forget_used, judge_quality
from carbon_platform.proxies.commands import forget_pictures
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


def work_inbox(house: Platform) -> None:
    """What sources sent goes into the books; every second, and silent when nothing waits."""
    done = inbox.work_through(house.db, house.clock)
    if done.rows:
        (log.error if done.failed else log.info)("inbox %s", inbox.words(done))


def expire_old_points(house: Platform) -> tuple[str, str]:
    return expire_points(house.db, now=house.clock())


def give_back_vouchers(house: Platform) -> tuple[str, str]:
    return give_back_due(house.db, now=house.clock())


def keep_reward_budgets(house: Platform) -> tuple[str, str]:
    """Alarm when a sponsor's money does not reach for a merchant's next month."""
    return keep_budgets(house.db, now=house.clock())


def lapse_unclaimed_points(house: Platform) -> tuple[str, str]:
    return lapse_points(house.db, now=house.clock())


def draw_source_audits(house: Platform) -> tuple[str, str]:
    return draw_audits(house.db, now=house.clock())


def forget_account_links(house: Platform) -> tuple[str, str]:
    return forget_links(house.db, now=house.clock())


def forget_refused_rows(house: Platform) -> tuple[str, str]:
    return forget_refusals(house.db, now=house.clock())


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


def release_group_weeks(house: Platform) -> tuple[str, str]:
    """The figures of each ended week, once, for ten people and more."""
    return release_due(house.db, now=house.clock())


def roll_up_acts(house: Platform) -> tuple[str, str]:
    return inclusion.roll_up(house.db, now=house.clock())


def check_inclusion(house: Platform) -> tuple[str, str]:
    """Alarm when sums over acts or a bundle differ from the acts."""
    return inclusion.check(house.db, now=house.clock())


def expire_offset_orders(house: Platform) -> tuple[str, str]:
    return inclusion.expire_orders(house.db, now=house.clock())


def retire_paid_offsets(house: Platform) -> tuple[str, str]:
    return inclusion.retire_offsets(house.db, now=house.clock())


def count_accounts(house: Platform) -> tuple[str, str]:
    """Opened, active and real-name accounts by county, for the dashboard and the target curve."""
    opened = house.db.transact(lambda session: count_open_accounts(session, now=house.clock()))
    return "ok", f"{opened:,} accounts open"


def erase_people(house: Platform) -> tuple[str, str]:
    """Alarm when a deletion somebody asked for could not be carried out."""
    return erase_due(house.db, now=house.clock())


def minimise_personal_data(house: Platform) -> tuple[str, str]:
    return minimise(house.db, now=house.clock())


def forget_partner_nonces(house: Platform) -> tuple[str, str]:
    return forget_used(house.db, now=house.clock())


def judge_partner_data(house: Platform) -> tuple[str, str]:
    return judge_quality(house.db, now=house.clock())


def forget_village_pictures(house: Platform) -> tuple[str, str]:
    return "ok", f"{forget_pictures(house)} photos and papers removed"


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
    Job("citizens.give_back_vouchers", "*/10 * * * *", give_back_vouchers, slot_minutes=10),
    Job("merchants.budgets", "25 0 * * *", keep_reward_budgets, slot_minutes=24 * 60),
    Job("citizens.lapse_points", "15 * * * *", lapse_unclaimed_points, slot_minutes=60),
    Job("citizens.audits", "10 6 * * *", draw_source_audits, slot_minutes=24 * 60),
    Job("citizens.forget_links", "50 3 * * *", forget_account_links, slot_minutes=24 * 60),
    Job("citizens.forget_refusals", "10 4 * * *", forget_refused_rows, slot_minutes=24 * 60),
    Job("citizens.count_accounts", "50 * * * *", count_accounts, slot_minutes=60),
    Job("citizens.erase_people", "25 * * * *", erase_people, slot_minutes=60),
    Job("citizens.minimise", "20 3 * * *", minimise_personal_data, slot_minutes=24 * 60),
    Job("credits.uncertainty", "*/10 * * * *", analyse_uncertainty, slot_minutes=10),
    Job("parcels.evidence", "35 3 * * *", check_evidence_files, slot_minutes=24 * 60),
    Job("credits.double_claims", "5 4 * * *", look_for_double_claims, slot_minutes=24 * 60),
    # Daily, so that a week whose run was killed is published the next morning.
    Job("groups.release_weeks", "20 4 * * *", release_group_weeks, slot_minutes=24 * 60),
    Job("inclusion.roll_up", "*/5 * * * *", roll_up_acts, slot_minutes=5),
    Job("inclusion.check", "40 4 * * *", check_inclusion, slot_minutes=24 * 60),
    Job("inclusion.expire_orders", "*/10 * * * *", expire_offset_orders, slot_minutes=10),
    Job("inclusion.retire_offsets", "20 3 * * *", retire_paid_offsets, slot_minutes=24 * 60),
    Job("partners.forget", "35 * * * *", forget_partner_nonces, slot_minutes=60),
    Job("partners.quality", "40 7 * * *", judge_partner_data, slot_minutes=24 * 60),
    Job("village.forget_pictures", "50 3 * * *", forget_village_pictures, slot_minutes=24 * 60),
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
    # No slot is claimed: rows are, and two workers beside each other only share them.
    scheduler.add_job(work_inbox, IntervalTrigger(seconds=1), args=(house,), id="citizens.inbox")
    return scheduler


def run_forever(house: Platform) -> None:
    make_scheduler(house).start()
