"""Whether an object is as it should be, from what it says of itself.

The rules are those of kstatus (https://github.com/kubernetes-sigs/cli-utils, pkg/kstatus), with four
differences, each because a run waits on the answer: a Job is Current only when it has ended, a
Service of type LoadBalancer only when it has an address, a VolumeSnapshot when it is ready to use,
and a route when a gateway has taken it. A kind without rules of its own is judged by its `Ready`
condition; without one it is Current.

What a status holds is anybody's text and shape: nothing here fails on it, and messages are bounded.
"""

from __future__ import annotations

from ebbflow.api.base import JsonObject
from ebbflow.domain.health_of_kinds import RULES
from ebbflow.domain.health_verdict import (
    Current,
    Failed,
    Health,
    InProgress,
    Terminating,
    condition,
    count,
    group_of,
    mapping,
    text,
    words_of,
)

__all__ = ["Current", "Failed", "Health", "InProgress", "Terminating", "health"]


def health(live: JsonObject) -> Health:
    """Judge a live object; the message says what a person should look at."""
    verdict = _generic(live)
    if verdict is not None:
        return verdict
    rule = RULES.get((group_of(live), text(live.get("kind"))))
    return rule(live) if rule is not None else _by_ready(live)


def _generic(live: JsonObject) -> Health | None:
    """What holds for every kind: being deleted, not seen yet by its controller, kstatus' marks."""
    metadata, status = mapping(live.get("metadata")), mapping(live.get("status"))
    if metadata.get("deletionTimestamp"):
        return Terminating(_what_holds(metadata))
    generation, observed = count(metadata, "generation"), status.get("observedGeneration")
    if isinstance(observed, int) and observed != generation:
        return InProgress("its controller has not seen the latest change yet")
    stalled = condition(live, "Stalled")
    if stalled.get("status") == "True":
        return Failed(words_of(stalled, "it is stalled"))
    reconciling = condition(live, "Reconciling")
    if reconciling.get("status") == "True":
        return InProgress(words_of(reconciling, "its controller is at work"))
    return None


def _what_holds(metadata: JsonObject) -> str:
    finalizers = [text(name) for name in metadata.get("finalizers") or () if name]
    waits = f"; it waits for {', '.join(finalizers[:5])}" if finalizers else ""
    return f"it is being deleted{waits}"


def _by_ready(live: JsonObject) -> Health:
    ready = condition(live, "Ready")
    if not ready or ready.get("status") == "True":
        return Current()
    return InProgress(words_of(ready, "it is not ready"))
