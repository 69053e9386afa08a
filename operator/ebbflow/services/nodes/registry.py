"""All kinds of nodes that can be run: a new kind is one file here and one entry below."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from ebbflow.domain.cel import CelCompiler
from ebbflow.domain.objects import Objects
from ebbflow.services.nodes.approval import Approval
from ebbflow.services.nodes.condition import Condition
from ebbflow.services.nodes.delay import Delay
from ebbflow.services.nodes.kind import NodeKind
from ebbflow.services.nodes.manifest import Manifest


@dataclass(frozen=True, slots=True)
class Ports:
    """What kinds of nodes may need."""

    objects: Objects
    cel: CelCompiler


NODES: Final[tuple[Callable[[Ports], NodeKind[Any]], ...]] = (
    lambda ports: Manifest(ports.objects, ports.cel),
    lambda ports: Condition(ports.objects, ports.cel),
    lambda _: Delay(),
    lambda _: Approval(),
)


def node_kinds(ports: Ports) -> tuple[NodeKind[Any], ...]:
    """Return every kind, ready to work."""
    return tuple(make(ports) for make in NODES)
