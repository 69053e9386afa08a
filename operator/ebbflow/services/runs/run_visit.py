"""What one pass over a Run finds at the gate, by one read of the Run and then one of its parent."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from ebbflow.api.run import Run
from ebbflow.api.template import Template
from ebbflow.domain.effective import parent_of
from ebbflow.domain.runs.gate import Passage, Stop, pass_gate
from ebbflow.domain.runs.queue import Parent, QueueState, RunFact, read_queue
from ebbflow.domain.runs.round import replaced_by
from ebbflow.domain.runs.teardown import is_teardown
from ebbflow.services.runs.run_queue import fact_of

SOURCE_GONE: Final = "its source is gone"


@dataclass(frozen=True, slots=True)
class Visit:
    """One pass over one Run: the Run, then its parent as read after it, and what the gate says.

    `gone`: the object that the Run is tied to is not there, whatever has its name now; `parent`
    then only tells which one it was. `why` tells why the Run is to be stopped, if it is;
    `replaced_by` names the Run that is in its place.
    """

    run: Run
    parent: Template
    passage: Passage
    fence: int
    why: str = ""
    replaced_by: str | None = None
    gone: bool = False

    @property
    def to_stop(self) -> str | None:
        """Why the Run is to be stopped; None if it is not."""
        return self.why if isinstance(self.passage, Stop) else None


def visit_of(run: Run, parent: Template | None, fence: int, key: bytes | None) -> Visit:
    """Return what the leadership `fence` may do with a Run.

    `parent`: what has the name of its source now, read after the Run. `key` verifies what we made.
    """
    fact = fact_of(run)
    if parent is None or fact.owner_uid not in (None, parent.metadata.uid):
        rules, fact = Parent(fact.owner_uid or ""), replace(fact, cancel=True)
        passage = pass_gate(QueueState(), rules, fact, fence)
        return Visit(run, _departed(run, fact.owner_uid), passage, fence, SOURCE_GONE, gone=True)
    state, rules = read_queue(parent.status), parent_of(parent)
    if parent.metadata.deletion_timestamp is not None:
        if is_teardown(run, key):
            return _of_teardown(run, parent, fact, fence)
        passage = pass_gate(state, rules, replace(fact, cancel=True), fence)
        return Visit(run, parent, passage, fence, SOURCE_GONE)
    passage = pass_gate(state, rules, fact, fence)
    why = "it was deleted" if fact.deleting else "spec.cancel is true"
    newer = None if fact.deleting else replaced_by(state, rules, fact.name)
    return Visit(run, parent, passage, fence, why, newer)


def _of_teardown(run: Run, parent: Template, fact: RunFact, fence: int) -> Visit:
    """The deletion of its source is why it runs. It takes no turn: the others have ended.

    Nor does its own deletion stop it, which may come with that of the source: its finalizer keeps
    it. spec.cancel does.
    """
    alone = replace(read_queue(parent.status), active=(fact.name,))
    passage = pass_gate(alone, parent_of(parent), replace(fact, deleting=False), fence)
    return Visit(run, parent, passage, fence, "spec.cancel is true")


def _departed(run: Run, uid: str | None) -> Template:
    """Return what is known of a source that is not there any more."""
    name, namespace = run.spec.source.name, run.metadata.namespace
    metadata = {"name": name, "namespace": namespace, "uid": uid or ""}
    return Template.parse({"metadata": metadata, "spec": {}})
