"""GitTriggers: what moved is judged, the verdicts are recorded, and what fires starts its Runs once.

That a ref is now there, and the verdict on how it came there, are one compare-and-swap. The Runs
follow from the record. So two operators, a poll beside a webhook, or a crash anywhere between make
one Run of one move.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final, Protocol

from ebbflow.api.base import Key
from ebbflow.api.gittrigger import (
    MAX_DELIVERIES,
    MAX_MESSAGE,
    Delivery,
    GitTrigger,
    TriggerRepository,
    Verdict,
)
from ebbflow.api.reasons import Reason
from ebbflow.domain.access import Refused
from ebbflow.domain.conditions import clip
from ebbflow.domain.git import CommitGone, GitError, NotACommit
from ebbflow.domain.outcome import Report
from ebbflow.domain.ports import Clock, Cluster, StatusWriter
from ebbflow.domain.times import format_micro_time
from ebbflow.domain.triggers.change import Change, Move, Values
from ebbflow.domain.triggers.decide import decide
from ebbflow.domain.triggers.ledger import append
from ebbflow.domain.triggers.moves import Seen
from ebbflow.domain.triggers.paths import check_patterns
from ebbflow.domain.triggers.pulls import approved_commits
from ebbflow.domain.triggers.values import values_of
from ebbflow.domain.triggers.verdict import Fire, Ignore
from ebbflow.services.first_touch import touched
from ebbflow.services.triggers import trigger_report as report
from ebbflow.services.triggers.trigger_key import key_of
from ebbflow.services.triggers.trigger_ledger import (
    Ending,
    TriggerLedger,
    debt_key,
    debts,
)
from ebbflow.services.triggers.trigger_look import Sight, TriggerLook
from ebbflow.services.triggers.trigger_schedule import TriggerSchedule

AT_ONCE: Final = timedelta(0)

KEY_RECHECK: Final = timedelta(minutes=5)
"""How soon it is seen that a key is gone: Secrets are not watched."""

NO_KEY_RECHECK: Final = timedelta(seconds=15)
"""How soon it is seen that a key is there that was missing."""


@dataclass(frozen=True, slots=True)
class _Judged:
    delivery: Delivery
    values: Values


class Wishes(Protocol):
    """Who knows whether a trigger that comes from a document is still wanted."""

    async def is_wanted(self, trigger: GitTrigger) -> bool: ...


class TriggerIntake:
    """Reconciles one GitTrigger: gather, decide, record, act."""

    def __init__(
        self,
        cluster: Cluster,
        status: StatusWriter,
        look: TriggerLook,
        ledger: TriggerLedger,
        wishes: Wishes,
        clock: Clock,
    ) -> None:
        self._wishes = wishes
        self._cluster = cluster
        self._status = status
        self._look = look
        self._ledger = ledger
        self._schedule = TriggerSchedule(ledger, clock)
        self._clock = clock

    async def reconcile(self, key: Key) -> Report | None:
        """Make one pass; None if the object is gone.

        Raises StaleWrite if the object changed under the pass (make another), ClusterError if the
        API server refused something.
        """
        trigger = await self._get(key)
        if trigger is None or trigger.metadata.deletion_timestamp:
            self._look.forget(key)
            return None
        if not await self._wishes.is_wanted(trigger):
            self._look.forget(key)
            return None
        if trigger.spec.suspend:
            self._look.forget(key)
            return report.suspended(trigger)
        return await self._of_type(trigger)

    async def _get(self, key: Key) -> GitTrigger | None:
        found = await self._cluster.get(GitTrigger, key.namespace, key.name)
        if found is None:
            return None
        return await touched(found, "The first look is under way", self._status, self._cluster)

    async def _of_type(self, trigger: GitTrigger) -> Report:
        git = trigger.spec.git
        match trigger.spec.type:
            case "Schedule":
                self._look.forget(trigger.key)
                return await self._schedule.look(trigger)
            case "Push" | "Tag" | "PullRequest" | "PullRequestLabel" if git is not None:
                return await self._watched(trigger, git)
            case "Webhook" | "Push" | "Tag" | "PullRequest" | "PullRequestLabel":
                self._look.forget(trigger.key)
                return await self._called(trigger)

    async def _called(self, trigger: GitTrigger) -> Report:
        """Say whether the trigger can be called; the calls are answered elsewhere."""
        match await key_of(self._cluster, trigger):
            case Refused(reason, message):
                return report.stalled(trigger, reason, message, NO_KEY_RECHECK)
            case _:
                return report.watching(trigger, {}, KEY_RECHECK)

    async def _watched(self, trigger: GitTrigger, git: TriggerRepository) -> Report:
        every = self._look.interval(trigger)
        try:
            check_patterns(trigger.spec.paths.patterns if trigger.spec.paths else ())
        except ValueError as error:
            message = f"spec.paths.patterns: {error}"
            return report.stalled(trigger, Reason.INVALID_SPEC, message, every)
        try:
            done = await self._git(trigger, git)
        except GitError as error:
            if isinstance(error, CommitGone):
                self._look.distrust(trigger.key)
            return report.git_failed(trigger, error, every)
        if isinstance(done, Refused):
            return report.stalled(trigger, done.reason, done.message, every)
        return done

    async def _git(self, trigger: GitTrigger, git: TriggerRepository) -> Report | Refused:
        if debts(trigger):
            return await self._settle(trigger, git)
        sight = await self._look.look(trigger, git)
        if isinstance(sight, Refused):
            return sight
        # No more at once than the ledger holds: a verdict must not be forgotten before it is kept.
        moves = sight.observed.moves[:MAX_DELIVERIES]
        later = sight.observed.moves[MAX_DELIVERIES:]
        # What is not followed is told first: it must not push out a verdict that is owed a Run.
        judged = [await self._judge(trigger, sight, one) for one in (*sight.unfollowed, *moves)]
        seen = _without(later, sight.observed.seen, Seen.of(trigger.status))
        self._look.remember(trigger.key, seen)
        return await self._ledger.conclude(
            trigger,
            seen.fields(),
            append(trigger.status.deliveries or (), *(one.delivery for one in judged)),
            {debt_key(one.delivery): one.values for one in judged},
            Ending(sight.hint, AT_ONCE if later else sight.after, sight.observed.left_out),
        )

    async def _settle(self, trigger: GitTrigger, git: TriggerRepository) -> Report | Refused:
        """Make the Runs of verdicts that a pass recorded which was cut short."""
        values: dict[str, Values] = {}
        for debt in debts(trigger):
            change = await self._look.recall(trigger, git, debt)
            if isinstance(change, Refused):
                return change
            values[debt_key(debt)] = values_of(trigger.spec, change)
        deliveries = trigger.status.deliveries or ()
        return await self._ledger.conclude(trigger, {}, deliveries, values, Ending(after=AT_ONCE))

    async def _judge(self, trigger: GitTrigger, sight: Sight, move: Move) -> _Judged:
        spec = trigger.spec
        approved = approved_commits(trigger.metadata.annotations)
        # Some rules speak against it whatever it brings: then nothing has to be fetched.
        decision = decide(spec, Change(move), approved)
        if isinstance(decision, Fire):
            try:
                change = await self._look.change(sight.remote, spec, move)
            except NotACommit as error:
                return _Judged(self._verdict(sight, move, "Failed", error.reason, str(error)), {})
            decision = decide(spec, change, approved)
        match decision:
            case Fire(values, reason, message):
                return _Judged(self._verdict(sight, move, "Fired", reason, message), values)
            case Ignore(reason, message):
                return _Judged(self._verdict(sight, move, "Ignored", reason, message), {})

    def _verdict(
        self, sight: Sight, move: Move, verdict: Verdict, reason: Reason, message: str
    ) -> Delivery:
        at = (move.after or move.before or "")[:12]
        return Delivery(
            # With the number of the move: a delivery may come again after the ref has moved on.
            id=f"{sight.hint or at}#{move.number}",
            at=format_micro_time(self._clock.now()),
            source="Webhook" if sight.hint else "Poll",
            ref=move.ref,
            before=move.before,
            after=move.after,
            verdict=verdict,
            reason=reason.value,
            message=clip(message, MAX_MESSAGE) or None,
        )


def _without(later: Sequence[Move], seen: Seen, before: Seen) -> Seen:
    """Return what was seen but for some moves, which are still to be judged."""
    heads = dict(seen.heads or {})
    for move in later:
        known = (before.heads or {}).get(move.ref)
        if known is None:
            heads.pop(move.ref, None)
        else:
            heads[move.ref] = known
    return replace(seen, heads=heads)
