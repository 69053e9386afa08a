"""Triggers of type Schedule: what is due is recorded and started; of many missed times, the newest."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Final

from ebbflow.api.base import JsonObject
from ebbflow.api.gittrigger import Delivery, GitTrigger, GitTriggerSpec
from ebbflow.api.reasons import Reason
from ebbflow.domain.outcome import Report
from ebbflow.domain.ports import Clock
from ebbflow.domain.times import format_micro_time, read_time
from ebbflow.domain.triggers.cron import MAX_COUNTED, Due, Schedule
from ebbflow.domain.triggers.decide import paused_words
from ebbflow.domain.triggers.ledger import append
from ebbflow.domain.triggers.values import no_values
from ebbflow.services.triggers import trigger_report as report
from ebbflow.services.triggers.trigger_ledger import Ending, TriggerLedger, debt_key, debts

LONGEST: Final = timedelta(hours=1)
"""How long is waited at once: clocks are set, and machines sleep."""

RECHECK: Final = timedelta(hours=1)


class TriggerSchedule:
    """Makes passes over triggers of type Schedule."""

    def __init__(self, ledger: TriggerLedger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock

    async def look(self, trigger: GitTrigger) -> Report:
        """Start what is due. Raises StaleWrite, ClusterError."""
        spec, status, now = trigger.spec, trigger.status, self._clock.now()
        try:
            schedule = Schedule.parse(
                spec.schedule or "", spec.time_zone, spec.jitter, trigger.metadata.uid
            )
        except ValueError as error:
            return report.stalled(trigger, Reason.INVALID_SPEC, str(error), RECHECK)
        scope = _scope(spec)
        since = read_time(status.last_scheduled_at) if status.last_scheduled_at else now
        due = None if status.scope != scope or debts(trigger) else schedule.due(since, now)
        # Another schedule begins now: what it would have started before is nobody's wish.
        considered = now if status.scope != scope else due.tick if due else since
        new = () if due is None else (_verdict(trigger, due, now),)
        upcoming = schedule.next_after(now)
        fields: JsonObject = {
            "scope": scope,
            "lastScheduledAt": format_micro_time(considered),
            "nextRunAt": format_micro_time(upcoming) if upcoming else None,
        }
        deliveries = append(status.deliveries or (), *new)
        values = {debt_key(one): no_values(spec) | {"time": one.id} for one in deliveries}
        ending = Ending(after=None if upcoming is None else min(upcoming - now, LONGEST))
        return await self._ledger.conclude(trigger, fields, deliveries, values, ending)


def _verdict(trigger: GitTrigger, due: Due, now: datetime) -> Delivery:
    paused = paused_words(trigger.spec)
    return Delivery(
        id=format_micro_time(due.tick),
        at=format_micro_time(now),
        source="Schedule",
        verdict="Ignored" if paused else "Fired",
        reason=(Reason.TRIGGER_PAUSED if paused else Reason.SCHEDULED).value,
        message="; ".join(filter(None, (paused, _missed(due)))) or None,
    )


def _missed(due: Due) -> str:
    if not due.missed:
        return ""
    more = " or more" if due.missed >= MAX_COUNTED else ""
    return f"{due.missed}{more} earlier times were missed and start nothing"


def _scope(spec: GitTriggerSpec) -> str:
    """Return what tells one schedule from another."""
    return hashlib.sha256(f"{spec.time_zone} {spec.schedule}".encode()).hexdigest()[:16]
