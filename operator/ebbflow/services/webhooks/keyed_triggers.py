"""Calls of triggers by whoever knows their key: the Run is made before the answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from ebbflow.api.base import JsonObject, Key
from ebbflow.api.gittrigger import MAX_MESSAGE, Delivery, GitTrigger
from ebbflow.api.reasons import Reason
from ebbflow.api.run import RunTrigger
from ebbflow.api.template import Template
from ebbflow.domain.conditions import clip
from ebbflow.domain.document.syntax import Json
from ebbflow.domain.ports import Clock, Cluster
from ebbflow.domain.secret import Tainted
from ebbflow.domain.times import format_micro_time
from ebbflow.domain.triggers.decide import paused_words
from ebbflow.domain.webhooks.delivery import Malformed, Unsupported, kept_id
from ebbflow.domain.webhooks.exchange import Answer, RunCall, said, too_many, unreadable
from ebbflow.domain.webhooks.formats import delivery_id
from ebbflow.domain.webhooks.json_body import json_of
from ebbflow.domain.webhooks.places import trigger_of
from ebbflow.domain.webhooks.rates import Rate, Rates
from ebbflow.domain.webhooks.run_values import Given, declared, given_by
from ebbflow.domain.webhooks.signatures import is_same_secret
from ebbflow.domain.webhooks.store import WebhookStore
from ebbflow.services.gathered import Gathered
from ebbflow.services.remembered_reads import FRESH, NO_SECRET, RememberedReads
from ebbflow.services.triggers.trigger_key import key_of
from ebbflow.services.triggers.triggered_runs import (
    Cause,
    NotMade,
    Tally,
    Target,
    TriggeredRuns,
    cause_key,
)

PER_TRIGGER: Final = Rate(a_second=20, burst=100)
"""Calls of one trigger: each makes Runs."""

UNKNOWN: Final = said(
    HTTPStatus.NOT_FOUND, "unknown", "there is no such trigger, or the key is wrong"
)
"""For both alike: the answer tells nobody which triggers there are."""

_STATUS_OF: Final[Mapping[Reason, HTTPStatus]] = {
    Reason.TARGET_PAUSED: HTTPStatus.ACCEPTED,
    Reason.INVALID_SPEC: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
}


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a trigger by one who knows its key."""

    trigger: GitTrigger
    delivery: str
    query: tuple[tuple[str, str], ...]
    body: Json


class KeyedTriggers:
    """Answers calls. `token` makes names for calls that bring none, and a key that nobody has."""

    def __init__(
        self,
        cluster: Cluster,
        store: WebhookStore,
        runs: TriggeredRuns,
        verdicts: Gathered[Key, Delivery],
        clock: Clock,
        token: Callable[[], str],
    ) -> None:
        self._cluster = cluster
        self._store = store
        self._runs = runs
        self._verdicts = verdicts
        self._clock = clock
        self._token = token
        self._nobody = Tainted(token())
        self._keys = RememberedReads[Key, Tainted](self._read_key, clock.monotonic)
        self._rates = Rates(PER_TRIGGER, clock.monotonic)

    async def answer(self, call: RunCall) -> Answer:
        """Answer a call. Raises Overloaded, ClusterError and InvalidObject."""
        key = trigger_of(call.namespace, call.kind, call.name)
        if key is None or not await self._is_known(key, call.key.reveal()):
            self._keys.refuse()
            return UNKNOWN
        if (wait := self._rates.take(key)) is not None:
            return too_many("the trigger is called too often", wait)
        try:
            body = json_of(call.delivery) if call.delivery.body else {}
        except (Unsupported, Malformed) as error:
            return unreadable(error)
        # Read anew: whether it is paused counts as it is now.
        trigger = await self._trigger(key)
        if trigger is None:
            return UNKNOWN
        sent = kept_id(delivery_id(call.delivery.headers))
        return await self._called(Call(trigger, sent or self._token(), call.query, body))

    async def _is_known(self, key: Key, sent: str) -> bool:
        if is_same_secret(sent, await self._keys.get(key) or self._nobody):
            return True
        # It may have been changed a moment ago. Read also where there was none: the time must not
        # tell.
        known = await self._keys.get(key, FRESH)
        return is_same_secret(sent, known or self._nobody)

    async def _read_key(self, key: Key) -> Tainted | None:
        trigger = await self._trigger(key)
        if trigger is None:
            # As where there is one: the time that it takes must not tell.
            await self._cluster.get_secret(key.namespace, NO_SECRET)
            return None
        found = await key_of(self._cluster, trigger)
        return found if isinstance(found, Tainted) else None

    async def _trigger(self, key: Key) -> GitTrigger | None:
        found = await self._cluster.get(GitTrigger, key.namespace, key.name)
        if found is None or found.metadata.deletion_timestamp or found.spec.type != "Webhook":
            return None
        return found

    async def _called(self, call: Call) -> Answer:
        if (why := _paused(call.trigger)) is not None:
            self._record(call, Tally((NotMade(Reason.TRIGGER_PAUSED, why),)))
            return said(HTTPStatus.ACCEPTED, "paused", f"nothing was started: {why}")
        targets = await self._runs.targets(call.trigger)
        given = await self._given(call, targets)
        tally = await self._runs.start(targets, _cause(call, given))
        self._record(call, tally)
        return _told(call, given, tally)

    async def _given(self, call: Call, targets: Iterable[Target]) -> Given:
        # Those that are paused have arguments, too: what a parameter means does not depend on it.
        templates = [target for target in targets if isinstance(target, Template)]
        started = {(target.kind, target.name) for target in call.trigger.spec.targets}
        beside = [
            trigger
            for trigger in await self._store.triggers(call.trigger.metadata.namespace)
            if trigger.spec.git is not None
            and not started.isdisjoint((t.kind, t.name) for t in trigger.spec.targets)
        ]
        triggers = (call.trigger, *beside)
        return given_by(call.query, call.body, call.delivery, declared(templates), triggers)

    def _record(self, call: Call, tally: Tally) -> None:
        verdict = Delivery(
            id=call.delivery,
            at=format_micro_time(self._clock.now()),
            source="Webhook",
            verdict=tally.verdict,
            reason=tally.reason.value,
            message=clip(tally.message, MAX_MESSAGE) or None,
            runs=tally.runs,
        )
        self._verdicts.add(call.trigger.key, verdict)


def _paused(trigger: GitTrigger) -> str | None:
    if trigger.spec.suspend:
        return "the trigger is suspended: spec.suspend"
    return paused_words(trigger.spec)


def _cause(call: Call, given: Given) -> Cause:
    spec = call.trigger.spec
    return Cause(
        key=cause_key(call.trigger, "", "", call.delivery),
        trigger=RunTrigger(type="Webhook", delivery=call.delivery),
        refs=given.refs,
        arguments={**spec.arguments, **given.arguments},
        # What a caller gives counts more than what the trigger has from a Secret.
        arguments_from=tuple(a for a in spec.arguments_from if a.name not in given.arguments),
    )


def _told(call: Call, given: Given, tally: Tally) -> Answer:
    body: JsonObject = {"delivery": call.delivery, "runs": list(tally.runs)}
    if given.ignored:
        body["ignoredParameters"] = list(given.ignored)
    if tally.runs:
        message = f"started{f', but: {tally.message}' if tally.message else ''}"
        return Answer(HTTPStatus.ACCEPTED, "started", {"message": message, **body})
    status = _STATUS_OF.get(tally.reason, HTTPStatus.CONFLICT)
    outcome = "paused" if tally.reason is Reason.TARGET_PAUSED else "failed"
    message = f"nothing was started: {tally.message}"
    return Answer(status, outcome, {"message": message, **body})
