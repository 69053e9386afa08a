"""The verdicts of a trigger: recorded before they take effect, and carried out once.

A verdict that fires and names no Runs yet is a debt. It is in the status, so whoever comes next pays
it: the names of the Runs follow from the verdict alone, and a Run that is there already is not made
again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Final, Protocol

from ebbflow.api.base import JsonObject, Resource
from ebbflow.api.gittrigger import MAX_MESSAGE, Delivery, GitTrigger, TriggerKind
from ebbflow.api.reasons import Reason
from ebbflow.api.run import RunTrigger
from ebbflow.domain.conditions import clip
from ebbflow.domain.document.syntax import Json
from ebbflow.domain.outcome import Notice, Report
from ebbflow.domain.ports import StaleWrite, StatusWriter
from ebbflow.services.triggers import trigger_report as report
from ebbflow.services.triggers.triggered_runs import Cause, Tally, TriggeredRuns, cause_key

MAX_VALUE: Final = 8192
"""Characters of one value that a run is given: of a long commit message, the beginning."""

_ACTOR: Final = 512


class TriggerMetrics(Protocol):
    """What is counted about triggers."""

    def trigger_verdict(self, kind: TriggerKind, verdict: str, reason: str) -> None:
        """Count one verdict."""
        ...


@dataclass(frozen=True, slots=True)
class Paid:
    """The ledger after its debts were paid, and what is to be announced."""

    deliveries: tuple[Delivery, ...]
    notices: tuple[Notice, ...]


@dataclass(frozen=True, slots=True)
class Ending:
    """How a pass ends. `hint`: the webhook's delivery that had us look. `after`: when to look again.
    `left_out`: how many refs there was no room for.
    """

    hint: str | None = None
    after: timedelta | None = None
    left_out: int = 0


ENDING: Final = Ending()


class TriggerLedger:
    """Records verdicts in the status of their trigger, and starts what they call for."""

    def __init__(self, status: StatusWriter, runs: TriggeredRuns, metrics: TriggerMetrics) -> None:
        self._status = status
        self._runs = runs
        self._metrics = metrics

    async def conclude(
        self,
        trigger: GitTrigger,
        fields: JsonObject,
        deliveries: Sequence[Delivery],
        values: Mapping[str, Mapping[str, str]],
        ending: Ending = ENDING,
    ) -> Report:
        """Record verdicts, carry out those that fire, and return what is to be reported.

        `fields`: of the status, what is swapped in together with the verdicts. `values`: what
        `${refs…}` gives, by `debt_key`. Raises StaleWrite: decide anew; ClusterError: what was
        recorded is carried out by the next pass.
        """
        settled = {debt_key(one) for one in trigger.status.deliveries or () if not _is_owed(one)}
        notices: tuple[Notice, ...] = ()
        if any(_is_owed(one) for one in deliveries):
            recorded = {**fields, **report.with_deliveries(deliveries)}
            trigger = await self._record(report.watching(trigger, recorded))
            paid = await self._pay(trigger, values, ending.hint)
            deliveries, notices = paid.deliveries, paid.notices
        made = report.watching(
            trigger,
            {**fields, **report.with_deliveries(deliveries)},
            ending.after,
            left_out=ending.left_out,
            notices=notices,
        )
        news = tuple(one for one in deliveries if debt_key(one) not in settled)
        return replace(made, then=partial(self._count, trigger.spec.type, news))

    async def _record(self, wished: Report) -> GitTrigger:
        stored = await self._status.write(wished)
        if isinstance(stored, GitTrigger):
            return stored
        raise StaleWrite(f"{wished.observed.key} changed while it was written", code=409)

    async def _pay(
        self, trigger: GitTrigger, values: Mapping[str, Mapping[str, str]], hint: str | None
    ) -> Paid:
        """Make the Runs of all verdicts that fire and name none; the oldest first.

        `values`: what `${refs…}` gives, by the verdicts' ids and refs (`debt_key`). Raises
        ClusterError; what was made then is found again by the next pass.
        """
        paid: dict[str, Delivery] = {}
        notices: list[Notice] = []
        targets = await self._runs.targets(trigger)
        for debt in reversed(debts(trigger)):
            given = values.get(debt_key(debt), {})
            tally = await self._runs.start(targets, _cause_of(trigger, debt, given, hint))
            settled = paid[debt_key(debt)] = _settled(debt, tally)
            notices.append(_notice(settled, tally.reason))
        deliveries = tuple(paid.get(debt_key(d), d) for d in trigger.status.deliveries or ())
        return Paid(deliveries, tuple(notices))

    async def _count(
        self, kind: TriggerKind, deliveries: Iterable[Delivery], _stored: Resource | None
    ) -> None:
        for one in deliveries:
            self._metrics.trigger_verdict(kind, one.verdict, one.reason)


def _is_owed(delivery: Delivery) -> bool:
    """Tell whether a verdict fires, and its Runs may not have been made."""
    return delivery.verdict == "Fired" and delivery.runs is None


def debts(trigger: GitTrigger) -> Sequence[Delivery]:
    """Return the verdicts whose Runs may not have been made, newest first."""
    return [one for one in trigger.status.deliveries or () if _is_owed(one)]


def debt_key(delivery: Delivery) -> str:
    """Return what tells one verdict of a ledger from the others."""
    return f"{delivery.id} {delivery.ref or ''}"


def _cause_of(
    trigger: GitTrigger, delivery: Delivery, values: Mapping[str, str], hint: str | None
) -> Cause:
    """Return why a verdict's Runs are made. Only `values` and `hint` can differ between two tries."""
    spec = trigger.spec
    given: dict[str, Json] = {name: clip(text, MAX_VALUE) for name, text in values.items()}
    return Cause(
        key=cause_key(trigger, delivery.ref or "", delivery.after or "", delivery.id),
        trigger=RunTrigger(
            type=spec.type,
            commit=delivery.after,
            ref=delivery.ref,
            actor=clip(values["author"], _ACTOR) if values.get("author") else None,
            delivery=hint or delivery.id,
        ),
        refs={spec.ref: given},
        arguments=spec.arguments,
        arguments_from=spec.arguments_from,
    )


def _settled(debt: Delivery, tally: Tally) -> Delivery:
    """Return a verdict whose Runs were made, or could not be. One that fires keeps its reason."""
    message = clip(tally.message, MAX_MESSAGE) or debt.message
    told = {"runs": tally.runs, "message": message}
    if not tally.runs:
        told |= {"verdict": tally.verdict, "reason": tally.reason.value}
    return debt.model_copy(update=told)


def _notice(settled: Delivery, reason: Reason) -> Notice:
    what = settled.ref or settled.id
    at = f" at {settled.after[:12]}" if settled.after else ""
    if settled.runs:
        return Notice(reason, f"{what}{at} starts {', '.join(settled.runs)}")
    why = settled.message or settled.reason
    failed = settled.verdict == "Failed"
    return Notice(reason, f"{what}{at} starts nothing: {why}", warning=failed)
