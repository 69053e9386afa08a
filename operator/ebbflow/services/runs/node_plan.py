"""What a node of a dry run would do, as far as that can be told before the nodes around it act."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from pydantic import ValidationError

from ebbflow.api.run import PlannedChange
from ebbflow.domain.cel import CelError
from ebbflow.domain.expression import NotKnownYet
from ebbflow.domain.objects import NotAnObject, ObjectError
from ebbflow.domain.runs.planned import NOT_KNOWN, holds_unknown, known_part
from ebbflow.domain.runs.tree import Envelope
from ebbflow.services.nodes.kind import Call, CannotDo, NodeKind, Planned, Succeeded
from ebbflow.services.runs.node_errors import EXPECTED
from ebbflow.services.runs.run_memory import RunMemory

Answer = tuple[Succeeded, tuple[PlannedChange, ...]]

_BY_THE_VALUE = (ValidationError, CelError, NotAnObject, CannotDo, NotKnownYet)
"""What a text that stands for an unknown value may cause, beside refusals of the API server."""


async def planned(
    kind: NodeKind[Any],
    path: str,
    envelope: Envelope,
    make: Callable[[], Awaitable[Call[Any]]],
    memory: RunMemory,
) -> Answer:
    """Return what came of a node of a dry run. `make` renders the call.

    Where an unknown value is in the way of planning, the node is planned as a whole: something will
    be done, and what is known after the run. Raises what `make` and the kind's `plan` raise else.
    """
    unknown = False
    try:
        call = await make()
        unknown = holds_unknown(call.raw)
        found = await kind.plan(call)
    except EXPECTED as error:
        if not _by_the_value(error, unknown=unknown):
            raise
        memory.unplanned.add(path)
        memory.undecided.setdefault(path, f"what it does is {NOT_KNOWN}: {_words(error)}")
        found = Planned((_as_a_whole(path, envelope),), {})
    return Succeeded(known_part(found.outputs), applied=found.applied), found.changes


def _by_the_value(error: Exception, *, unknown: bool) -> bool:
    if isinstance(error, NotKnownYet):
        return True
    refused = isinstance(error, ObjectError) and not error.passing
    return unknown and (refused or isinstance(error, _BY_THE_VALUE))


def _words(error: Exception) -> str:
    """Return what is in the way; the API server's words about a stand-in would tell nobody."""
    return str(error) if isinstance(error, NotKnownYet) else "it needs a value of another node"


def _as_a_whole(path: str, envelope: Envelope) -> PlannedChange:
    name = f"{envelope.kind} {envelope.ref}" if envelope.ref else envelope.kind
    return PlannedChange(node=path, object=f"{name} {NOT_KNOWN}", action="update")
