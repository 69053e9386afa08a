"""The Run of a trigger: made once, under a name that follows from what it is for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from ebbflow.api.run import Run, RunSpec
from ebbflow.api.template import Template
from ebbflow.domain.effective import parent_of
from ebbflow.domain.ports import InvalidObject, StaleWrite
from ebbflow.domain.run_store import NewRun, RunStore
from ebbflow.domain.runs.gate import Ours, Taken
from ebbflow.domain.runs.names import TriggerKey
from ebbflow.domain.runs.triggered import claim


class Turns(Protocol):
    """Who gives Runs their turn; RunQueue is it."""

    def take_in(self, run: Run, parent: Template | None) -> None:
        """Give a Run that was just made its turn. `parent`: as it is stored now, if known."""
        ...

    def look(self, parent: Template) -> None:
        """Ask for a pass over the queue of a Template."""
        ...


async def make_once(
    store: RunStore, parent: Template, key: TriggerKey, spec: RunSpec, notes: Mapping[str, str]
) -> Run | Ours | Taken:
    """Make the Run that `key` stands for, with the annotations `notes`.

    Returns the Run; Ours if it was made earlier, perhaps by who got no further; Taken if another
    one has its name. Raises StaleWrite if that one has just gone (try again), ClusterError.
    """
    made = await store.create(
        NewRun(
            name=key.run_name(parent.metadata.name),
            parent=parent,
            spec=spec,
            trigger_key=key.digest,
            annotations=notes,
            # Where only one may run, nothing may come between it and those that wait.
            held=parent_of(parent).policy != "Allow",
        )
    )
    return made or await _claimed(store, parent, key)


async def _claimed(store: RunStore, parent: Template, key: TriggerKey) -> Ours | Taken:
    """Tell whose the Run is that has the name already."""
    namespace, name = parent.metadata.namespace, key.run_name(parent.metadata.name)
    try:
        found = await store.get(namespace, name)
    except InvalidObject:
        return Taken("it cannot be read")
    if found is None:
        raise StaleWrite(f"Run {namespace}/{name} was deleted a moment ago", code=409)
    return claim(found, parent, key)


def way_out(parent: Template, key: TriggerKey, taken: Taken) -> str:
    """Return why the Run's name cannot be had, and what a person can do; it ends a sentence."""
    return (
        f"there is another of this name: {taken.why}; remove it: kubectl delete run "
        f"{key.run_name(parent.metadata.name)} -n {parent.metadata.namespace}"
    )
